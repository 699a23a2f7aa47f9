// SPDX-License-Identifier: GPL-2.0
/* What many unit tests of nitroctl need. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"

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
