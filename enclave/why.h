/* SPDX-License-Identifier: GPL-2.0 */
/* The one sentence that says why something is refused. */
#ifndef _NITRO_ENCLAVE_WHY_H
#define _NITRO_ENCLAVE_WHY_H

/**
 * struct why - why something is refused
 * @text: a sentence without a full stop, cut where it is too long
 */
struct why {
	char text[512];
};

int refuse(struct why *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int refuse_error(struct why *why, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void why_prefix(struct why *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
