// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer target for the stack reader. What it reads it writes as YAML and
 * reads again: both must be the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../stack.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static sd_json_variant *rewrite(sd_json_variant *stack)
{
	sd_json_variant *again = NULL, *lines = NULL;
	char *text = NULL, *message = NULL;
	size_t size;
	FILE *f;

	f = open_memstream(&text, &size);
	if (!f || stack_write_yaml(stack, f) < 0)
		abort();
	fclose(f);
	if (stack_read_yaml(text, size, &again, &lines, &message) < 0) {
		fprintf(stderr, "%s\n%s\n", message, text);
		abort();
	}
	sd_json_variant_unref(lines);
	free(text);
	return again;
}

/* Nulls are left out the first time; from then on nothing may change. */
static void write_and_read(sd_json_variant *stack)
{
	sd_json_variant *once = rewrite(stack);
	sd_json_variant *twice = rewrite(once);

	if (!sd_json_variant_equal(once, twice))
		abort();
	sd_json_variant_unref(twice);
	sd_json_variant_unref(once);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	sd_json_variant *stack = NULL, *lines = NULL;
	char *text = malloc(size + 1);
	char *message = NULL;

	memcpy(text, data, size);
	text[size] = '\0';
	if (stack_read(text, size, &stack, &lines, &message) == 0 &&
	    sd_json_variant_is_object(stack))
		write_and_read(stack);
	free(message);
	free(text);
	sd_json_variant_unref(stack);
	sd_json_variant_unref(lines);
	return 0;
}
