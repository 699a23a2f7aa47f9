/* SPDX-License-Identifier: GPL-2.0 */
/* Who may come over TCP: their names and secrets. */
#ifndef _NITRO_KMS_CALLERS_H
#define _NITRO_KMS_CALLERS_H

#include <stddef.h>

#include "why.h"

#define CALLERS_MAX 256
#define CALLER_TEXT_MAX 128

/* Lines of a credentials file of AWS's tools: a section is a caller */
struct caller_secret {
	char name[CALLER_TEXT_MAX + 1];
	char id[CALLER_TEXT_MAX + 1];
	char secret[CALLER_TEXT_MAX + 1];
};

struct callers {
	struct caller_secret *list;
	size_t n;
};

int callers_read(const char *text, struct callers *callers, struct why *why);
const struct caller_secret *callers_find(const struct callers *callers, const char *id);
void callers_clear(struct callers *callers);

#endif
