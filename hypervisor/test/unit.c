// SPDX-License-Identifier: GPL-2.0
/* Runs the cases of a test program and prints KTAP. */

#include <stdio.h>

#include "unit.h"

static struct unit_case *cases, **last = &cases;
static unsigned int n_cases;
static bool failed;

void unit_register(struct unit_case *test)
{
	*last = test;
	last = &test->next;
	n_cases++;
}

void unit_fail(const char *file, int line, const char *what)
{
	printf("# %s:%d: %s\n", file, line, what);
	failed = true;
}

int main(void)
{
	unsigned int n = 0, bad = 0;

	printf("KTAP version 1\n1..%u\n", n_cases);
	for (struct unit_case *c = cases; c; c = c->next) {
		failed = false;
		c->run();
		printf("%sok %u %s\n", failed ? "not " : "", ++n, c->name);
		bad += failed;
	}
	return bad > 0;
}
