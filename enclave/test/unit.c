// SPDX-License-Identifier: GPL-2.0
/* Runs the cases of a test program and prints KTAP. */

#include <stdbool.h>
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

void unit_fail(const char *file, int line, const char *what, const char *got)
{
	printf("# %s:%d: %s%s%s\n", file, line, what, got ? ", not " : "", got ?: "");
	failed = true;
}

int main(void)
{
	unsigned int number = 0;
	bool any = false;

	printf("KTAP version 1\n1..%u\n", n_cases);
	for (struct unit_case *c = cases; c; c = c->next) {
		failed = false;
		c->run();
		any |= failed;
		printf("%s %u %s\n", failed ? "not ok" : "ok", ++number, c->name);
		fflush(stdout);
	}
	return any;
}
