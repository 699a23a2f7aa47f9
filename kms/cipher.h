/* SPDX-License-Identifier: GPL-2.0 */
/* Authenticated encryption of keys and of what they protect. */
#ifndef _NITRO_KMS_CIPHER_H
#define _NITRO_KMS_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#define CIPHER_KEY_SIZE 32
#define CIPHER_SALT_SIZE 16
#define CIPHER_NONCE_SIZE 12
#define CIPHER_TAG_SIZE 16
#define CIPHER_OVERHEAD (CIPHER_SALT_SIZE + CIPHER_NONCE_SIZE + CIPHER_TAG_SIZE)

int cipher_seal(const uint8_t key[static CIPHER_KEY_SIZE], const void *aad, size_t aad_size,
		const void *plain, size_t size, uint8_t *sealed);
int cipher_open(const uint8_t key[static CIPHER_KEY_SIZE], const void *aad, size_t aad_size,
		const uint8_t *sealed, size_t size, uint8_t *plain);

#endif
