// SPDX-License-Identifier: GPL-2.0
/* Runs the cases of a test program and prints KTAP. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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

void unit_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	failed = true;
	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void unit_expect_text(const char *file, int line, const char *got, const char *wanted)
{
	if (got && wanted ? strcmp(got, wanted) : got != wanted)
		unit_fail(file, line, "got '%s', wanted '%s'", got ? got : "(null)",
			  wanted ? wanted : "(null)");
}

void unit_expect_number(const char *file, int line, long long got, long long wanted)
{
	if (got != wanted)
		unit_fail(file, line, "got %lld, wanted %lld", got, wanted);
}

int main(void)
{
	unsigned int n = 0;
	bool any = false;

	printf("KTAP version 1\n1..%u\n", n_cases);
	for (struct unit_case *c = cases; c; c = c->next) {
		failed = false;
		c->run();
		any |= failed;
		printf("%sok %u %s\n", failed ? "not " : "", ++n, c->name);
		fflush(stdout);
	}
	return any;
}
