// SPDX-License-Identifier: GPL-2.0
/* Sentences of refusal have one place, so that nothing has to be freed. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "why.h"

/**
 * refuse - say why something is refused
 * @why: receives the sentence
 * @fmt: the sentence
 *
 * Context: any.
 * Return: -EINVAL.
 */
int refuse(struct why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return -EINVAL;
}

/**
 * refuse_error - say what the system refused, and its reason
 * @why: receives the sentence
 * @error: a positive errno
 * @fmt: the sentence; a colon and the reason come behind it
 *
 * Context: any.
 * Return: the negative errno.
 */
int refuse_error(struct why *why, int error, const char *fmt, ...)
{
	size_t n;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	n = strlen(why->text);
	(void)snprintf(why->text + n, sizeof(why->text) - n, ": %s", strerror(error));
	return -error;
}

/**
 * why_prefix - say what a sentence is about
 * @why: the sentence
 * @fmt: what comes before it, and a colon
 *
 * Context: any.
 */
void why_prefix(struct why *why, const char *fmt, ...)
{
	struct why rest = *why;
	size_t n;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	n = strlen(why->text);
	/* What does not fit is cut */
	(void)snprintf(why->text + n, sizeof(why->text) - n, ": %.*s", (int)(sizeof(rest.text) - 1),
		       rest.text);
}
