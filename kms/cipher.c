// SPDX-License-Identifier: GPL-2.0
/*
 * AES-256-GCM, each time with a key of its own: HKDF makes it of the key and 16 random
 * bytes, so that random nonces never meet, however often a key is used.
 */

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <string.h>

#include "cipher.h"

static int derive(const uint8_t *key, const uint8_t *salt, uint8_t *to)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, CIPHER_KEY_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt,
						  CIPHER_SALT_SIZE),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)"nitro-kms", 9),
		OSSL_PARAM_END,
	};
	int good = ctx && EVP_KDF_derive(ctx, to, CIPHER_KEY_SIZE, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good ? 0 : -EIO;
}

static int seal(EVP_CIPHER_CTX *c, const uint8_t *key, const void *aad, int aad_size,
		const void *plain, int size, uint8_t *sealed)
{
	uint8_t *nonce = sealed + CIPHER_SALT_SIZE, *text = nonce + CIPHER_NONCE_SIZE;
	int n;

	if (EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &n, aad, aad_size) != 1 ||
	    EVP_EncryptUpdate(c, text, &n, plain, size) != 1 ||
	    EVP_EncryptFinal_ex(c, text + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, CIPHER_TAG_SIZE, text + size) != 1)
		return -EIO;
	return 0;
}

/**
 * cipher_seal - encrypt
 * @key: the key
 * @aad: what it belongs to; the same is needed to decrypt
 * @aad_size: its length
 * @plain: what is encrypted
 * @size: its length
 * @sealed: receives that and CIPHER_OVERHEAD bytes
 *
 * Context: any.
 * Return: 0 or -EIO.
 */
int cipher_seal(const uint8_t key[static CIPHER_KEY_SIZE], const void *aad, size_t aad_size,
		const void *plain, size_t size, uint8_t *sealed)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t derived[CIPHER_KEY_SIZE];
	int err = -EIO;

	if (c && RAND_bytes(sealed, CIPHER_SALT_SIZE + CIPHER_NONCE_SIZE) == 1 &&
	    !derive(key, sealed, derived))
		err = seal(c, derived, aad, (int)aad_size, plain, (int)size, sealed);
	EVP_CIPHER_CTX_free(c);
	OPENSSL_cleanse(derived, sizeof(derived));
	ERR_clear_error();
	return err;
}

static int open_sealed(EVP_CIPHER_CTX *c, const uint8_t *key, const void *aad, int aad_size,
		       const uint8_t *sealed, int size, uint8_t *plain)
{
	const uint8_t *nonce = sealed + CIPHER_SALT_SIZE, *text = nonce + CIPHER_NONCE_SIZE;
	int n;

	if (EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	    EVP_DecryptUpdate(c, NULL, &n, aad, aad_size) != 1 ||
	    EVP_DecryptUpdate(c, plain, &n, text, size) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, CIPHER_TAG_SIZE,
				(void *)(text + size)) != 1 ||
	    EVP_DecryptFinal_ex(c, plain + n, &n) != 1)
		return -EBADMSG;
	return 0;
}

/**
 * cipher_open - decrypt
 * @key: the key
 * @aad: what it belongs to
 * @aad_size: its length
 * @sealed: what cipher_seal() gave
 * @size: its length
 * @plain: receives that without CIPHER_OVERHEAD bytes; nothing of use if it fails
 *
 * Context: any.
 * Return: 0, -EBADMSG if it is not what was sealed, -EIO.
 */
int cipher_open(const uint8_t key[static CIPHER_KEY_SIZE], const void *aad, size_t aad_size,
		const uint8_t *sealed, size_t size, uint8_t *plain)
{
	EVP_CIPHER_CTX *c;
	uint8_t derived[CIPHER_KEY_SIZE];
	int err = -EIO;

	if (size < CIPHER_OVERHEAD)
		return -EBADMSG;
	size -= CIPHER_OVERHEAD;
	c = EVP_CIPHER_CTX_new();
	if (c && !derive(key, sealed, derived))
		err = open_sealed(c, derived, aad, (int)aad_size, sealed, (int)size, plain);
	if (err)
		OPENSSL_cleanse(plain, size);
	EVP_CIPHER_CTX_free(c);
	OPENSSL_cleanse(derived, sizeof(derived));
	ERR_clear_error();
	return err;
}
