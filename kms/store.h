/* SPDX-License-Identifier: GPL-2.0 */
/* Keys at rest, and which attestation documents were used. */
#ifndef _NITRO_KMS_STORE_H
#define _NITRO_KMS_STORE_H

#include <stdbool.h>
#include <time.h>

#include "cipher.h"
#include "why.h"

#define KEY_ID_SIZE 37
#define KEY_NAME_MAX 64
#define POLICY_MAX 32768
#define DIGEST_SIZE 48
#define VERSIONS_MAX 1000

/**
 * struct version - what encrypts for a key, until it is rotated
 * @number: 1 for the first
 * @wrapped: encrypted with the master key
 * @created: when
 */
struct version {
	unsigned int number;
	uint8_t wrapped[CIPHER_KEY_SIZE + CIPHER_OVERHEAD];
	time_t created;
};

/**
 * struct key - a key as it is at rest
 * @id: UUID
 * @name: what people call it
 * @policy: who may do what with it, JSON, owned
 * @version: the newest
 * @created: when
 */
struct key {
	char id[KEY_ID_SIZE];
	char name[KEY_NAME_MAX + 1];
	char *policy;
	struct version version;
	time_t created;
};

struct store;
typedef int (*store_key_fn)(const struct key *key, void *userdata);
typedef int (*store_version_fn)(const struct version *version, void *userdata);

int store_open(const char *path, struct store **ret, struct why *why);
void store_close(struct store *store);
int store_key_add(struct store *store, const struct key *key, struct why *why);
int store_key_get(struct store *store, const char *name, struct key *ret, struct why *why);
int store_key_delete(struct store *store, const char *id, struct why *why);
int store_keys(struct store *store, store_key_fn fn, void *userdata, struct why *why);
int store_version_add(struct store *store, const char *id, const struct version *version,
		      struct why *why);
int store_version_get(struct store *store, const char *id, unsigned int number,
		      struct version *ret, struct why *why);
int store_versions(struct store *store, const char *id, unsigned int after, unsigned int most,
		   store_version_fn fn, void *userdata, struct why *why);
void key_clear(struct key *key);
int store_use(struct store *store, const uint8_t digest[static DIGEST_SIZE], time_t now,
	      time_t until, struct why *why);

#endif
