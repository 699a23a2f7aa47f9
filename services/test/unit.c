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

sd_json_variant *json_read(const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	sd_json_variant *v = NULL;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (sd_json_parse(copy, 0, &v, NULL, NULL) < 0)
		abort();
	return v;
}

struct eni *eni_read(const char *more)
{
	_cleanup_free_ char *text = xprintf("%s%s}", ENI_JSON, more);
	_cleanup_json_ sd_json_variant *v = json_read(text);

	return eni_parse(v);
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
