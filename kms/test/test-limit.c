// SPDX-License-Identifier: GPL-2.0
/* Limits: who asks too often is refused, and nobody else is. */

#include <stdio.h>
#include <stdlib.h>

#include "limit.h"
#include "unit.h"

#define SECOND 1000000ULL

static struct limit *limit_of(unsigned int rate)
{
	struct limit *limit;

	if (limit_new(rate, &limit))
		abort();
	return limit;
}

static unsigned int passed(struct limit *limit, const char *caller, uint64_t now, unsigned int n)
{
	unsigned int good = 0;

	while (n--)
		good += limit_take(limit, caller, now) == LIMIT_PASS;
	return good;
}

UNIT(two_seconds_at_once_and_then_the_rate)
{
	struct limit *limit = limit_of(6000);
	uint64_t now = 5 * SECOND;

	EXPECT_NUMBER(limit_rate(limit), 6000);
	EXPECT_NUMBER(passed(limit, "uid/1", now, 1000), 200);
	EXPECT_NUMBER(passed(limit, "uid/1", now + 9999, 10), 0);
	EXPECT_NUMBER(passed(limit, "uid/1", now + 10000, 10), 1);
	EXPECT_NUMBER(passed(limit, "uid/1", now + SECOND, 1000), 99);
	/* It does not get more for not having asked */
	EXPECT_NUMBER(passed(limit, "uid/1", now + 100 * SECOND, 1000), 200);
	limit_free(limit);
}

UNIT(others_are_not_refused)
{
	struct limit *limit = limit_of(6000);

	EXPECT_NUMBER(passed(limit, "uid/1", SECOND, 1000), 200);
	EXPECT_NUMBER(passed(limit, "uid/10", SECOND, 1000), 200);
	EXPECT_NUMBER(passed(limit, "uid/1", SECOND, 1), 0);
	EXPECT_NUMBER(passed(limit, "vsock/1", SECOND, 1), 1);
	limit_free(limit);
}

UNIT(the_first_refusal_is_told)
{
	struct limit *limit = limit_of(60);

	EXPECT_NUMBER(passed(limit, "uid/1", 0, 2), 2);
	EXPECT_NUMBER(limit_take(limit, "uid/1", 0), LIMIT_REFUSE);
	EXPECT_NUMBER(limit_take(limit, "uid/1", 0), LIMIT_REFUSE_AGAIN);
	EXPECT_NUMBER(limit_take(limit, "uid/1", SECOND), LIMIT_PASS);
	EXPECT_NUMBER(limit_take(limit, "uid/1", SECOND), LIMIT_REFUSE);
	limit_free(limit);
}

UNIT(the_least_and_the_most)
{
	struct limit *limit = limit_of(1);

	EXPECT_NUMBER(passed(limit, "uid/1", 0, 10), 1);
	EXPECT_NUMBER(passed(limit, "uid/1", 59 * SECOND, 10), 0);
	EXPECT_NUMBER(passed(limit, "uid/1", 60 * SECOND, 10), 1);
	limit_free(limit);
	limit = limit_of(LIMIT_RATE_MAX);
	EXPECT_NUMBER(passed(limit, "uid/1", 0, 3000000), 2000000);
	limit_free(limit);
}

/* More than there is room for: who is still refused is not forgotten for those who are not */
UNIT(many_callers)
{
	struct limit *limit = limit_of(60);
	char name[32];

	EXPECT_NUMBER(passed(limit, "uid/x", SECOND, 10), 2);
	for (unsigned int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "uid/%u", i);
		EXPECT_NUMBER(passed(limit, name, SECOND, 1), 1);
	}
	EXPECT_NUMBER(passed(limit, "uid/x", SECOND, 1), 0);
	limit_free(limit);
}
