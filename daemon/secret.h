/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys in plaintext: pages that are locked, are left out of core dumps and do
 * not reach forked helpers. They live for as long as a key is being handed on.
 */
#ifndef _NITRO_SECRET_H
#define _NITRO_SECRET_H

#include "base.h"

#define DATA_KEY_SIZE 64	/* AES-256-XTS */
#define MASTER_KEY_SIZE 32	/* AES-256-GCM */
#define SECRET_MAX 1024

/* Bytes that nobody else sees */
struct secret {
	uint8_t *data;
	size_t size;
};

int secret_new(struct secret *s, size_t size, struct error *e);
int secret_random(struct secret *s, size_t size, struct error *e);
void secret_free(struct secret *s);

#define _cleanup_secret_ _cleanup_(secret_free)

char *secret_wrap(const struct secret *master, const char *aad, const struct secret *key,
		  struct error *e);
int secret_unwrap(const struct secret *master, const char *aad, const char *wrapped,
		  struct secret *ret, struct error *e);
bool secret_wrapped_check(const char *wrapped);
uint8_t *secret_blank(const struct secret *key, uint32_t sector_size, uint64_t offset,
		      size_t size, struct error *e);

#endif
