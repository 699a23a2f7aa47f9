// SPDX-License-Identifier: GPL-2.0
/*
 * Keys, wrapped by the master key at rest and in plaintext for one use. A key has versions, of
 * which the newest encrypts and each decrypts what is its own. A ciphertext is a format, the
 * key's ID, the number of the version, and what cipher_seal() gives.
 */

#include <endian.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "pcr.h"
#include "request.h"

/* Of before keys had versions: there is no number, and it is 1 */
#define FORMAT_FIRST 1
#define FORMAT 2
#define UUID_SIZE 16
#define HEAD_FIRST_SIZE (1 + UUID_SIZE)
#define HEAD_SIZE (HEAD_FIRST_SIZE + 4)
/* What a wrapped version belongs to: ID and number */
#define LABEL_SIZE (KEY_ID_SIZE + 11)

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

/* Versions cannot be taken for each other; the first was wrapped before there were others */
static size_t label(const char *id, unsigned int number, char to[static LABEL_SIZE])
{
	(void)snprintf(to, LABEL_SIZE, number == 1 ? "%s" : "%s/%u", id, number);
	return strlen(to);
}

static int make_version(struct kms *kms, const char *id, struct version *version,
			struct why *why)
{
	uint8_t plain[CIPHER_KEY_SIZE];
	char text[LABEL_SIZE];
	size_t n = label(id, version->number, text);
	int err;

	if (RAND_priv_bytes(plain, sizeof(plain)) != 1) {
		(void)refuse(why, "there are no random numbers");
		return -EIO;
	}
	err = cipher_seal(kms->master, text, n, plain, sizeof(plain), version->wrapped);
	OPENSSL_cleanse(plain, sizeof(plain));
	if (err)
		(void)refuse(why, "cannot wrap a key");
	version->created = time(NULL);
	return err;
}

/**
 * key_make - make a key
 * @kms: the service
 * @key: its name; receives ID and first version
 * @why: says why not
 *
 * Context: event loop.
 * Return: 0 or -EIO.
 */
int key_make(struct kms *kms, struct key *key, struct why *why)
{
	uint8_t uuid[UUID_SIZE];
	int err;

	if (RAND_bytes(uuid, sizeof(uuid)) != 1) {
		(void)refuse(why, "there are no random numbers");
		return -EIO;
	}
	/* RFC 9562, version 4 */
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	uuid_write(uuid, key->id);
	key->version.number = 1;
	err = make_version(kms, key->id, &key->version, why);
	key->created = key->version.created;
	return err;
}

/**
 * key_rotate - encrypt with a new version of a key from now on
 * @kms: the service
 * @key: the key; receives the version
 * @why: says why not
 *
 * Context: event loop; waits for the disk.
 * Return: 0, -ENOSPC if it has VERSIONS_MAX, -EIO.
 */
int key_rotate(struct kms *kms, struct key *key, struct why *why)
{
	struct version version = { .number = key->version.number + 1 };
	int err;

	if (version.number > VERSIONS_MAX) {
		(void)refuse(why, "key '%s' was rotated %d times, which is all that it can be",
			     key->name, VERSIONS_MAX - 1);
		return -ENOSPC;
	}
	err = make_version(kms, key->id, &version, why);
	if (!err)
		err = store_version_add(kms->store, key->id, &version, why);
	if (!err)
		key->version = version;
	return err;
}

static int unwrap(struct kms *kms, const char *id, const struct version *version,
		  uint8_t plain[static CIPHER_KEY_SIZE])
{
	char text[LABEL_SIZE];
	size_t n = label(id, version->number, text);

	return cipher_open(kms->master, text, n, version->wrapped, sizeof(version->wrapped),
			   plain) ? -EIO : 0;
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
	uint32_t number = htobe32(key->version.number);
	uint8_t secret[CIPHER_KEY_SIZE];
	int err;

	sealed[0] = FORMAT;
	if (uuid_read(key->id, sealed + 1) || unwrap(kms, key->id, &key->version, secret))
		return -EIO;
	memcpy(sealed + HEAD_FIRST_SIZE, &number, sizeof(number));
	err = cipher_seal(secret, context, strlen(context), plain, size, sealed + HEAD_SIZE);
	OPENSSL_cleanse(secret, sizeof(secret));
	*ret_size = HEAD_SIZE + CIPHER_OVERHEAD + size;
	return err;
}

static size_t head_size(const uint8_t *sealed, size_t size)
{
	if (!size || (*sealed != FORMAT_FIRST && *sealed != FORMAT))
		return 0;
	return *sealed == FORMAT ? HEAD_SIZE : HEAD_FIRST_SIZE;
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
	size_t head = head_size(sealed, size), most = head + CIPHER_OVERHEAD + PLAINTEXT_MAX;

	if (!head || size <= head + CIPHER_OVERHEAD || size > most)
		return -EBADMSG;
	uuid_write(sealed + 1, id);
	return 0;
}

static unsigned int number_of(const uint8_t *sealed)
{
	uint32_t number;

	if (*sealed == FORMAT_FIRST)
		return 1;
	memcpy(&number, sealed + HEAD_FIRST_SIZE, sizeof(number));
	return be32toh(number);
}

/* Return: 0, -EBADMSG if there is no such version, -EIO */
static int unwrap_for(struct kms *kms, const struct key *key, const uint8_t *sealed,
		      uint8_t plain[static CIPHER_KEY_SIZE])
{
	unsigned int number = number_of(sealed);
	struct version version = key->version;
	struct why why;
	int err = 0;

	if (number != version.number)
		err = store_version_get(kms->store, key->id, number, &version, &why);
	if (err)
		return err == -ENOENT ? -EBADMSG : -EIO;
	return unwrap(kms, key->id, &version, plain);
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
	size_t head = head_size(sealed, size);
	uint8_t secret[CIPHER_KEY_SIZE];
	int err = unwrap_for(kms, key, sealed, secret);

	if (err)
		return err;
	err = cipher_open(secret, context, strlen(context), sealed + head, size - head, plain);
	OPENSSL_cleanse(secret, sizeof(secret));
	*ret_size = size - head - CIPHER_OVERHEAD;
	return err;
}
