// SPDX-License-Identifier: GPL-2.0
/* Reads a stack file in JSON, and chooses between JSON and YAML. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "macros.h"
#include "stack.h"

struct walk {
	struct lines lines;
	char *message;
};

static unsigned int line_of(sd_json_variant *value)
{
	unsigned int line = 0;

	(void)sd_json_variant_get_source(value, NULL, &line, NULL);
	return line;
}

static int compare_text(const void *a, const void *b)
{
	sd_json_variant *const *first = a, *const *second = b;

	return strcmp(sd_json_variant_string(*first),
		      sd_json_variant_string(*second));
}

/* The parser keeps what comes twice; a stack must not mean two things. */
static int check_keys(struct walk *walk, sd_json_variant *object)
{
	size_t n = sd_json_variant_elements(object) / 2;
	sd_json_variant **keys;
	int r = 0;

	keys = calloc(n + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		keys[i] = sd_json_variant_by_index(object, i * 2);
	qsort(keys, n, sizeof(*keys), compare_text);
	for (size_t i = 1; i < n && !r; i++) {
		if (compare_text(&keys[i - 1], &keys[i]))
			continue;
		r = asprintf(&walk->message,
			     "line %u: the key '%.64s' is there twice",
			     line_of(object), sd_json_variant_string(keys[i]));
		r = r < 0 ? -ENOMEM : -EINVAL;
	}
	free(keys);
	return r;
}

static int walk_value(struct walk *walk, sd_json_variant *value,
		      unsigned int depth, unsigned int outer_line);

static int walk_members(struct walk *walk, sd_json_variant *value,
			unsigned int depth, unsigned int line)
{
	bool object = sd_json_variant_is_object(value);
	size_t n = sd_json_variant_elements(value);
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i += object ? 2 : 1) {
		sd_json_variant *key = sd_json_variant_by_index(value, i);
		size_t mark;

		if (object)
			r = lines_push_key(&walk->lines,
					   sd_json_variant_string(key), &mark);
		else
			r = lines_push_index(&walk->lines, i, &mark);
		if (r < 0)
			return r;
		r = walk_value(walk,
			       sd_json_variant_by_index(value, i + object),
			       depth + 1, line);
		lines_pop(&walk->lines, mark);
	}
	return r;
}

static int walk_value(struct walk *walk, sd_json_variant *value,
		      unsigned int depth, unsigned int outer_line)
{
	unsigned int line = line_of(value) ?: outer_line;
	int r = 0;

	if (depth > STACK_DEPTH_MAX) {
		r = asprintf(&walk->message, "line %u: nested more than %d deep",
			     line, STACK_DEPTH_MAX);
		return r < 0 ? -ENOMEM : -EINVAL;
	}
	/* What is right below the root always gets a line. */
	if (line != outer_line)
		r = lines_add(&walk->lines, line);
	if (r >= 0 && sd_json_variant_is_object(value))
		r = check_keys(walk, value);
	if (r >= 0 && (sd_json_variant_is_object(value) ||
		       sd_json_variant_is_array(value)))
		r = walk_members(walk, value, depth, depth > 1 ? line : 0);
	return r;
}

/**
 * stack_read_json() - Read a stack in JSON
 * @text: the file, ending in a zero byte
 * @ret_stack: receives the stack
 * @ret_lines: receives { JSON pointer: line }
 * @ret_message: receives a sentence with the line where the file is wrong
 *
 * Context: Any.
 * Return: 0, -EBADMSG with a message if it is not JSON at all, -EINVAL with a
 * message if it is no stack, or another negative error without one.
 */
int stack_read_json(const char *text, sd_json_variant **ret_stack,
		    sd_json_variant **ret_lines, char **ret_message)
{
	_cleanup_json_ sd_json_variant *stack = NULL;
	unsigned int line = 1, column = 1;
	struct walk walk = {};
	int r;

	r = sd_json_parse_with_source(text, "stack", 0, &stack, &line,
				      &column);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		r = asprintf(ret_message, "line %u: not JSON at column %u",
			     line, column);
		return r < 0 ? -ENOMEM : -EBADMSG;
	}
	r = walk_value(&walk, stack, 1, 0);
	if (r >= 0)
		r = lines_finish(&walk.lines, ret_lines);
	if (r >= 0) {
		*ret_stack = stack;
		stack = NULL;
		r = 0;
	} else {
		*ret_message = walk.message;
	}
	lines_done(&walk.lines);
	return r;
}

/**
 * stack_read() - Read a stack file
 * @text: the file, ending in a zero byte
 * @size: its length without that byte
 * @ret_stack: receives the stack
 * @ret_lines: receives { JSON pointer: line }
 * @ret_message: receives a sentence with the line where the file is wrong
 *
 * What begins with a brace is JSON, or else YAML's flow style.
 *
 * Context: Any.
 * Return: 0, -EINVAL with a message, or another negative error without one.
 */
int stack_read(const char *text, size_t size, sd_json_variant **ret_stack,
	       sd_json_variant **ret_lines, char **ret_message)
{
	char *yaml_message = NULL;
	int r;

	if (text[strspn(text, " \t\r\n")] != '{' || strlen(text) != size)
		return stack_read_yaml(text, size, ret_stack, ret_lines,
				       ret_message);
	r = stack_read_json(text, ret_stack, ret_lines, ret_message);
	if (r != -EBADMSG)
		return r;
	r = stack_read_yaml(text, size, ret_stack, ret_lines, &yaml_message);
	if (r == 0) {
		free(*ret_message);
		*ret_message = NULL;
	}
	free(yaml_message);
	return r;
}
