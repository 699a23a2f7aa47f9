/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What makes a host one where user space, root included, has no way to the
 * memory of guests: read by nitrod, set by nitro-harden.
 */
#ifndef _NITRO_HARDENING_H
#define _NITRO_HARDENING_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct hardening_check - one thing that a hardened host has
 * @name: for programs, such as "module_signatures"
 * @wanted: what it has to be, in a few words
 * @why: what could be done without it, one sentence
 * @remedy: how to get it where nitro-harden cannot give it, one sentence; else NULL
 * @read: what it is, to be freed; says whether that is as wanted
 * @set: bring it about on the running kernel; NULL if that cannot be done
 */
struct hardening_check {
	const char *name;
	const char *wanted;
	const char *why;
	const char *remedy;
	char *(*read)(const char *root, bool *ok);
	int (*set)(const char *root);
};

/* In the order in which they are set: what hinders the others comes last */
extern const struct hardening_check hardening_checks[];
extern const size_t hardening_n_checks;

int hardening_apply(const char *root, const struct hardening_check *check);

#endif
