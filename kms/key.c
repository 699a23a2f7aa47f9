// SPDX-License-Identifier: GPL-2.0
/*
 * Keys, wrapped by the master key at rest and in plaintext for one use. A ciphertext is a
 * version, the key's ID, and what cipher_seal() gives.
 */

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "pcr.h"
#include "request.h"

#define VERSION 1
#define UUID_SIZE 16
#define HEAD_SIZE (1 + UUID_SIZE)

_Static_assert(HEAD_SIZE + CIPHER_OVERHEAD + PLAINTEXT_MAX == CIPHERTEXT_MAX, "the longest");

static void uuid_write(const uint8_t uuid[static UUID_SIZE], char to[static KEY_ID_SIZE])
{
	char hex[2 * UUID_SIZE + 1];

	hex_write(uuid, UUID_SIZE, hex);
	(void)snprintf(to, KEY_ID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		       hex + 16, hex + 20);
}

static int uuid_read(const char *id, uint8_t uuid[static UUID_SIZE])
{
	char hex[KEY_ID_SIZE] = "";
	size_t n = 0;

	for (; *id; id++)
		if (*id != '-' && n < sizeof(hex) - 1)
			hex[n++] = *id;
	return hex_read(hex, uuid, UUID_SIZE, &n) || n != UUID_SIZE ? -EINVAL : 0;
}

/**
 * key_make - make a key
 * @kms: the service
 * @key: its name; receives ID and wrapped key
 * @why: says why not
 *
 * Context: event loop.
 * Return: 0 or -EIO.
 */
int key_make(struct kms *kms, struct key *key, struct why *why)
{
	uint8_t uuid[UUID_SIZE], plain[CIPHER_KEY_SIZE];
	int err;

	if (RAND_bytes(uuid, sizeof(uuid)) != 1 || RAND_priv_bytes(plain, sizeof(plain)) != 1) {
		(void)refuse(why, "there are no random numbers");
		return -EIO;
	}
	/* RFC 9562, version 4 */
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	uuid_write(uuid, key->id);
	err = cipher_seal(kms->master, key->id, strlen(key->id), plain, sizeof(plain),
			  key->wrapped);
	OPENSSL_cleanse(plain, sizeof(plain));
	if (err)
		(void)refuse(why, "cannot wrap a key");
	return err;
}

static int unwrap(struct kms *kms, const struct key *key, uint8_t plain[static CIPHER_KEY_SIZE])
{
	return cipher_open(kms->master, key->id, strlen(key->id), key->wrapped,
			   sizeof(key->wrapped), plain) ? -EIO : 0;
}

/**
 * key_encrypt - encrypt with a key
 * @kms: the service
 * @key: the key
 * @context: the encryption context, "" for none
 * @plain: what is encrypted
 * @size: its length, 1 to PLAINTEXT_MAX
 * @sealed: receives the ciphertext
 * @ret_size: its length
 *
 * Context: event loop.
 * Return: 0 or -EIO.
 */
int key_encrypt(struct kms *kms, const struct key *key, const char *context, const void *plain,
		size_t size, uint8_t sealed[static CIPHERTEXT_MAX], size_t *ret_size)
{
	uint8_t secret[CIPHER_KEY_SIZE];
	int err;

	sealed[0] = VERSION;
	if (uuid_read(key->id, sealed + 1) || unwrap(kms, key, secret))
		return -EIO;
	err = cipher_seal(secret, context, strlen(context), plain, size, sealed + HEAD_SIZE);
	OPENSSL_cleanse(secret, sizeof(secret));
	*ret_size = HEAD_SIZE + CIPHER_OVERHEAD + size;
	return err;
}

/**
 * key_of - which key was something encrypted with
 * @sealed: the ciphertext
 * @size: its length
 * @id: receives the key's ID
 *
 * Context: any.
 * Return: 0 or -EBADMSG if it is no ciphertext.
 */
int key_of(const uint8_t *sealed, size_t size, char id[static KEY_ID_SIZE])
{
	if (size <= HEAD_SIZE + CIPHER_OVERHEAD || size > CIPHERTEXT_MAX || sealed[0] != VERSION)
		return -EBADMSG;
	uuid_write(sealed + 1, id);
	return 0;
}

/**
 * key_decrypt - decrypt with a key
 * @kms: the service
 * @key: the key that key_of() names
 * @context: the encryption context, "" for none
 * @sealed: the ciphertext
 * @size: its length, as key_of() allows
 * @plain: receives the plaintext, PLAINTEXT_MAX bytes at most
 * @ret_size: its length
 *
 * Context: event loop.
 * Return: 0, -EBADMSG if it is not what was encrypted, -EIO.
 */
int key_decrypt(struct kms *kms, const struct key *key, const char *context,
		const uint8_t *sealed, size_t size, uint8_t *plain, size_t *ret_size)
{
	uint8_t secret[CIPHER_KEY_SIZE];
	int err;

	if (unwrap(kms, key, secret))
		return -EIO;
	err = cipher_open(secret, context, strlen(context), sealed + HEAD_SIZE, size - HEAD_SIZE,
			  plain);
	OPENSSL_cleanse(secret, sizeof(secret));
	*ret_size = size - HEAD_SIZE - CIPHER_OVERHEAD;
	return err;
}
