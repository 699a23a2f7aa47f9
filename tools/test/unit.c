// SPDX-License-Identifier: GPL-2.0
/* Runs the unit tests and prints KTAP. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static struct unit_case *cases;
static bool failed;

void unit_register(struct unit_case *test)
{
	struct unit_case **last = &cases;

	while (*last)
		last = &(*last)->next;
	*last = test;
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

void unit_expect_text(const char *file, int line, const char *got,
		      const char *wanted)
{
	if (got && wanted ? strcmp(got, wanted) : got != wanted)
		unit_fail(file, line, "got '%s', wanted '%s'",
			  got ?: "(null)", wanted ?: "(null)");
}

void unit_expect_json(const char *file, int line, sd_json_variant *got,
		      const char *wanted)
{
	char *text = NULL;

	if (!got || sd_json_variant_format(got, 0, &text) < 0)
		text = NULL;
	unit_expect_text(file, line, text, wanted);
	free(text);
}

/* What @run writes to the file descriptor @fd, 1 or 2. */
char *unit_capture(int (*run)(void *data), void *data, int fd, int *ret)
{
	FILE *stream = fd == STDOUT_FILENO ? stdout : stderr;
	FILE *file = tmpfile();
	int saved = dup(fd);
	char *text;
	long size;

	if (!file || saved < 0)
		abort();
	fflush(stream);
	dup2(fileno(file), fd);
	*ret = run(data);
	fflush(stream);
	dup2(saved, fd);
	close(saved);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	text = calloc(1, size + 1);
	if (!text || fread(text, 1, size, file) != (size_t)size)
		abort();
	fclose(file);
	return text;
}

int main(void)
{
	struct unit_case *test;
	int n = 0, bad = 0;

	for (test = cases; test; test = test->next)
		n++;
	printf("KTAP version 1\n1..%d\n", n);
	n = 0;
	for (test = cases; test; test = test->next) {
		failed = false;
		test->run();
		bad += failed;
		printf("%sok %d %s\n", failed ? "not " : "", ++n, test->name);
		fflush(stdout);
	}
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
