// SPDX-License-Identifier: GPL-2.0
/* A credentials file as AWS's tools have it. */

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "callers.h"

static char *trim(char *text)
{
	size_t n;

	text += strspn(text, " \t\r");
	n = strlen(text);
	while (n && strchr(" \t\r", text[n - 1]))
		text[--n] = '\0';
	return text;
}

static int set(char *to, const char *value, const char *what, unsigned int line, struct why *why)
{
	size_t n = strlen(value);

	if (*to)
		return refuse(why, "line %u: %s is there twice", line, what);
	if (!n || n > CALLER_TEXT_MAX)
		return refuse(why, "line %u: %s has not 1 to %d characters", line, what,
			      CALLER_TEXT_MAX);
	memcpy(to, value, n + 1);
	return 0;
}

static int begin(struct callers *callers, char *text, unsigned int line, struct why *why)
{
	size_t n = strlen(text);

	if (text[n - 1] != ']')
		return refuse(why, "line %u: ']' is missing", line);
	if (callers->n == CALLERS_MAX)
		return refuse(why, "line %u: there are more than %d callers", line, CALLERS_MAX);
	text[n - 1] = '\0';
	return set(callers->list[callers->n++].name, trim(text + 1), "the name", line, why);
}

static int read_line(struct callers *callers, char *text, unsigned int line, struct why *why)
{
	struct caller_secret *caller = callers->n ? &callers->list[callers->n - 1] : NULL;
	char *value;

	text = trim(text);
	if (!*text || *text == '#' || *text == ';')
		return 0;
	if (*text == '[')
		return begin(callers, text, line, why);
	value = strchr(text, '=');
	if (!value || !caller)
		return refuse(why, "line %u: it is neither '[name]' nor 'key = value' below one",
			      line);
	*value++ = '\0';
	text = trim(text);
	if (!strcmp(text, "aws_access_key_id"))
		return set(caller->id, trim(value), text, line, why);
	if (!strcmp(text, "aws_secret_access_key"))
		return set(caller->secret, trim(value), text, line, why);
	return refuse(why, "line %u: '%s' is not known", line, text);
}

static int check(const struct callers *callers, struct why *why)
{
	for (size_t i = 0; i < callers->n; i++) {
		const struct caller_secret *caller = &callers->list[i];

		if (!*caller->id || !*caller->secret)
			return refuse(why, "'%s' has no aws_access_key_id or no aws_secret_access_key",
				      caller->name);
		if (callers_find(callers, caller->id) != caller)
			return refuse(why, "two callers have the aws_access_key_id '%s'",
				      caller->id);
	}
	return 0;
}

/**
 * callers_read - read a credentials file
 * @text: its contents
 * @callers: receives who is in it, to be cleared
 * @why: says why not
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int callers_read(const char *text, struct callers *callers, struct why *why)
{
	size_t size = strlen(text) + 1;
	char *copy = strdup(text), *rest = copy, *line;
	unsigned int number = 0;
	int r = 0;

	*callers = (struct callers){ .list = calloc(CALLERS_MAX, sizeof(*callers->list)) };
	if (!copy || !callers->list)
		r = refuse_error(why, ENOMEM, "cannot read them");
	while (!r && (line = strsep(&rest, "\n")))
		r = read_line(callers, line, ++number, why);
	if (!r)
		r = check(callers, why);
	if (copy)
		OPENSSL_cleanse(copy, size);
	free(copy);
	if (r)
		callers_clear(callers);
	return r;
}

/**
 * callers_find - find a caller
 * @callers: all of them
 * @id: the aws_access_key_id
 *
 * Context: any.
 * Return: the caller, or NULL.
 */
const struct caller_secret *callers_find(const struct callers *callers, const char *id)
{
	for (size_t i = 0; i < callers->n; i++)
		if (!strcmp(callers->list[i].id, id))
			return &callers->list[i];
	return NULL;
}

/**
 * callers_clear - forget them
 * @callers: all of them
 *
 * Context: any.
 */
void callers_clear(struct callers *callers)
{
	if (callers->list)
		OPENSSL_cleanse(callers->list, CALLERS_MAX * sizeof(*callers->list));
	free(callers->list);
	*callers = (struct callers){};
}
