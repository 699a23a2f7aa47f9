/* SPDX-License-Identifier: GPL-2.0 */
/* Tokens of the metadata service. */
#ifndef _NITRO_TOKEN_H
#define _NITRO_TOKEN_H

#include "base.h"

#define TOKEN_TTL_MAX 21600	/* seconds (EC2 User Guide, IMDSv2) */
#define TOKEN_STRLEN 57

/* The key is made at start, so tokens end with the process */
struct tokens {
	uint8_t key[32];
};

int tokens_init(struct tokens *t);
int token_make(const struct tokens *t, const char *eni_id, uint64_t expires,
	       char ret[TOKEN_STRLEN]);
bool token_check(const struct tokens *t, const char *eni_id, uint64_t now, const char *token);
uint64_t token_clock(void);

#endif
