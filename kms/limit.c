// SPDX-License-Identifier: GPL-2.0
/*
 * A token bucket for each caller, kept as the time when it is full again: each request puts
 * that off by its share of a minute, and one that would put it off too far is refused.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"

/* More than may have asked within two seconds; then the one that is full for longest goes */
#define BUCKETS_MAX 1024
#define MINUTE_USEC 60000000ULL
#define BURST_USEC 2000000ULL

struct bucket {
	char caller[PRINCIPAL_SIZE];
	uint64_t full;		/* when it is */
	bool refused;		/* and nothing passed since */
};

struct limit {
	unsigned int rate;
	uint64_t each, room;
	size_t n;
	struct bucket buckets[BUCKETS_MAX];
};

/**
 * limit_new - begin to count
 * @rate: requests of a caller in a minute, 1 to LIMIT_RATE_MAX
 * @ret: receives it
 *
 * Context: at start.
 * Return: 0 or -ENOMEM.
 */
int limit_new(unsigned int rate, struct limit **ret)
{
	struct limit *limit = calloc(1, sizeof(*limit));

	if (!limit)
		return -ENOMEM;
	limit->rate = rate;
	limit->each = MINUTE_USEC / rate;
	/* One at least */
	limit->room = limit->each > BURST_USEC ? limit->each : BURST_USEC;
	*ret = limit;
	return 0;
}

/**
 * limit_free - count no more
 * @limit: may be NULL
 *
 * Context: at the end.
 */
void limit_free(struct limit *limit)
{
	free(limit);
}

/**
 * limit_rate - how often
 * @limit: the limit
 *
 * Context: any.
 * Return: requests of a caller in a minute.
 */
unsigned int limit_rate(const struct limit *limit)
{
	return limit->rate;
}

static struct bucket *bucket_of(struct limit *limit, const char *caller)
{
	struct bucket *oldest = limit->buckets;

	for (size_t i = 0; i < limit->n; i++) {
		struct bucket *b = &limit->buckets[i];

		if (!strcmp(b->caller, caller))
			return b;
		if (b->full < oldest->full)
			oldest = b;
	}
	if (limit->n < BUCKETS_MAX)
		oldest = &limit->buckets[limit->n++];
	*oldest = (struct bucket){};
	(void)snprintf(oldest->caller, sizeof(oldest->caller), "%s", caller);
	return oldest;
}

/**
 * limit_take - may a caller ask now
 * @limit: the limit
 * @caller: who
 * @now: in microseconds, of a clock that does not go back
 *
 * Context: event loop.
 * Return: the verdict; a request that is refused does not count.
 */
enum limit_verdict limit_take(struct limit *limit, const char *caller, uint64_t now)
{
	struct bucket *b = bucket_of(limit, caller);
	enum limit_verdict verdict;

	if (b->full < now)
		b->full = now;
	if (b->full + limit->each - now <= limit->room) {
		b->full += limit->each;
		b->refused = false;
		return LIMIT_PASS;
	}
	verdict = b->refused ? LIMIT_REFUSE_AGAIN : LIMIT_REFUSE;
	b->refused = true;
	return verdict;
}
