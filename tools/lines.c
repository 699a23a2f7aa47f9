// SPDX-License-Identifier: GPL-2.0
/* Which line of the stack file a value comes from, by its JSON pointer. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

static int reserve(struct lines *lines, size_t more)
{
	size_t size = lines->size;
	char *path;

	if (lines->n + more + 1 <= size)
		return 0;
	while (lines->n + more + 1 > size)
		size = size ? size * 2 : 128;
	path = realloc(lines->path, size);
	if (!path)
		return -ENOMEM;
	lines->path = path;
	lines->size = size;
	return 0;
}

/**
 * lines_push_key() - Go down to the value of a key
 * @lines: the position
 * @key: the key
 * @ret_mark: receives what lines_pop() needs to come back
 *
 * Context: Any.
 * Return: 0 or -ENOMEM.
 */
int lines_push_key(struct lines *lines, const char *key, size_t *ret_mark)
{
	int r;

	r = reserve(lines, strlen(key) * 2 + 1);
	if (r < 0)
		return r;
	*ret_mark = lines->n;
	lines->path[lines->n++] = '/';
	for (; *key; key++) {
		if (*key == '~' || *key == '/') {
			lines->path[lines->n++] = '~';
			lines->path[lines->n++] = *key == '~' ? '0' : '1';
		} else {
			lines->path[lines->n++] = *key;
		}
	}
	lines->path[lines->n] = '\0';
	return 0;
}

/**
 * lines_push_index() - Go down to an element of a list
 * @lines: the position
 * @index: the element
 * @ret_mark: receives what lines_pop() needs to come back
 *
 * Context: Any.
 * Return: 0 or -ENOMEM.
 */
int lines_push_index(struct lines *lines, size_t index, size_t *ret_mark)
{
	char key[24];

	(void)snprintf(key, sizeof(key), "%zu", index);
	return lines_push_key(lines, key, ret_mark);
}

/**
 * lines_pop() - Come back
 * @lines: the position
 * @mark: from the matching push
 *
 * Context: Any.
 */
void lines_pop(struct lines *lines, size_t mark)
{
	lines->n = mark;
	lines->path[mark] = '\0';
}

/**
 * lines_add() - Note the line of the value at the position
 * @lines: the position
 * @line: counted from 1
 *
 * Context: Any.
 * Return: 0 or a negative error.
 */
int lines_add(struct lines *lines, size_t line)
{
	sd_json_variant **pairs = lines->pairs;
	size_t size = lines->pairs_size;
	int r;

	if (lines->n_pairs + 2 > size) {
		size = size ? size * 2 : 64;
		pairs = realloc(pairs, size * sizeof(*pairs));
		if (!pairs)
			return -ENOMEM;
		lines->pairs = pairs;
		lines->pairs_size = size;
	}
	r = sd_json_variant_new_string(&pairs[lines->n_pairs],
				       lines->n ? lines->path : "");
	if (r < 0)
		return r;
	r = sd_json_variant_new_unsigned(&pairs[lines->n_pairs + 1], line);
	if (r < 0) {
		sd_json_variant_unref(pairs[lines->n_pairs]);
		return r;
	}
	lines->n_pairs += 2;
	return 0;
}

/**
 * lines_finish() - Everything noted, as one object
 * @lines: the notes
 * @ret: receives { pointer: line, … }
 *
 * Context: Any.
 * Return: 0 or a negative error.
 */
int lines_finish(struct lines *lines, sd_json_variant **ret)
{
	return sd_json_variant_new_object(ret, lines->pairs, lines->n_pairs);
}

/**
 * lines_done() - Free the notes
 * @lines: the notes
 *
 * Context: Any.
 */
void lines_done(struct lines *lines)
{
	for (size_t i = 0; i < lines->n_pairs; i++)
		sd_json_variant_unref(lines->pairs[i]);
	free(lines->pairs);
	free(lines->path);
	*lines = (struct lines) {};
}
