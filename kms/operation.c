// SPDX-License-Identifier: GPL-2.0
/* Operations of AWS KMS, as its API reference describes them. */

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "envelope.h"
#include "request.h"

#define ALGORITHM "SYMMETRIC_DEFAULT"
#define DATA_KEY_MAX 1024

static int failed(struct request *r, int error)
{
	return decline(r, INTERNAL, "%s", strerror(error < 0 ? -error : error));
}

static int check_algorithm(struct request *r)
{
	const char *name = request_text(r, "EncryptionAlgorithm");

	if (r->error)
		return -EINVAL;
	return !name || !strcmp(name, ALGORITHM) ? 0 :
		decline(r, VALIDATION, "EncryptionAlgorithm is not " ALGORITHM);
}

static int add_arn(struct request *r)
{
	_cleanup_free_ char *arn = NULL;
	int err = request_arn(r, &arn);

	return err < 0 ? err : sd_json_variant_set_field_string(&r->reply, "KeyId", arn);
}

static int add_bytes(struct request *r, const char *name, const void *data, size_t size)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	int err = sd_json_variant_new_base64(&v, data, size);

	if (err < 0)
		return err;
	sd_json_variant_sensitive(v);
	return sd_json_variant_set_field(&r->reply, name, v);
}

/* In an envelope if the caller proved who can open it, as it is if not */
static int add_secret(struct request *r, const void *data, size_t size)
{
	unsigned char *envelope;
	size_t n;
	int err;

	if (!r->attested)
		return add_bytes(r, "Plaintext", data, size);
	err = envelope_make(r->evidence.key, data, size, &envelope, &n, &r->why);
	if (err)
		return err;
	err = add_bytes(r, "CiphertextForRecipient", envelope, n);
	OPENSSL_free(envelope);
	return err;
}

/**
 * serve_decrypt - Decrypt
 * @r: the request
 *
 * Context: event loop.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_decrypt(struct request *r)
{
	_cleanup_free_ char *context = NULL;
	_cleanup_free_ void *sealed = NULL;
	const char *name = request_text(r, "KeyId");
	uint8_t plain[PLAINTEXT_MAX];
	char id[KEY_ID_SIZE], asked[KEY_ID_SIZE] = "";
	size_t n, size;
	int err;

	if (check_algorithm(r) || request_bytes(r, "CiphertextBlob", 6144, &sealed, &n))
		return -EINVAL;
	if (key_of(sealed, n, id))
		return decline(r, INVALID_CIPHERTEXT, "CiphertextBlob is none of this service");
	if (name && request_find_key(r, name))
		return -EINVAL;
	if (name)
		memcpy(asked, r->key.id, sizeof(asked));
	key_clear(&r->key);
	if (name && strcmp(asked, id))
		return decline(r, INCORRECT_KEY, "KeyId is not the key of CiphertextBlob");
	if (request_find_key(r, id))
		return strcmp(r->error, NOT_FOUND) ? -EINVAL :
			decline(r, ACCESS_DENIED, "the ciphertext's key does not exist");
	if (request_evidence(r) || request_authorize(r, "kms:Decrypt"))
		return -EINVAL;
	err = context_text(r->context, &context);
	if (err < 0)
		return failed(r, err);
	err = key_decrypt(r->kms, &r->key, context, sealed, n, plain, &size);
	if (err == -EBADMSG)
		return decline(r, INVALID_CIPHERTEXT,
			       "CiphertextBlob was changed, or belongs to another EncryptionContext");
	if (!err)
		err = add_arn(r);
	if (err >= 0)
		err = add_secret(r, plain, size);
	OPENSSL_cleanse(plain, sizeof(plain));
	if (err >= 0)
		err = sd_json_variant_set_field_string(&r->reply, "EncryptionAlgorithm", ALGORITHM);
	return err < 0 ? failed(r, err) : 0;
}

static int add_ciphertext(struct request *r, const void *plain, size_t size)
{
	_cleanup_free_ char *context = NULL;
	uint8_t sealed[CIPHERTEXT_MAX];
	size_t n;
	int err = context_text(r->context, &context);

	if (err >= 0)
		err = key_encrypt(r->kms, &r->key, context, plain, size, sealed, &n);
	return err < 0 ? err : add_bytes(r, "CiphertextBlob", sealed, n);
}

/**
 * serve_encrypt - Encrypt
 * @r: the request
 *
 * Context: event loop.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_encrypt(struct request *r)
{
	_cleanup_free_ void *plain = NULL;
	size_t size;
	int err;

	if (check_algorithm(r) || request_key(r) ||
	    request_bytes(r, "Plaintext", PLAINTEXT_MAX, &plain, &size))
		return -EINVAL;
	err = request_authorize(r, "kms:Encrypt");
	if (!err) {
		err = add_ciphertext(r, plain, size);
		if (err >= 0)
			err = add_arn(r);
		if (err >= 0)
			err = sd_json_variant_set_field_string(&r->reply, "EncryptionAlgorithm",
							       ALGORITHM);
		err = err < 0 ? failed(r, err) : 0;
	}
	OPENSSL_cleanse(plain, size);
	return err;
}

static int read_number(struct request *r, size_t *ret)
{
	sd_json_variant *v = sd_json_variant_by_key(r->body, "NumberOfBytes");

	*ret = 0;
	if (!v || sd_json_variant_is_null(v))
		return 0;
	if (!sd_json_variant_is_unsigned(v) || !sd_json_variant_unsigned(v) ||
	    sd_json_variant_unsigned(v) > DATA_KEY_MAX)
		return decline(r, VALIDATION, "NumberOfBytes is not 1 to %d", DATA_KEY_MAX);
	*ret = sd_json_variant_unsigned(v);
	return 0;
}

static int data_key_size(struct request *r, size_t *ret)
{
	const char *spec = request_text(r, "KeySpec");

	if (r->error || read_number(r, ret))
		return -EINVAL;
	if (!spec == !*ret)
		return decline(r, VALIDATION, "either KeySpec or NumberOfBytes is needed");
	if (!spec)
		return 0;
	*ret = !strcmp(spec, "AES_256") ? 32 : 16;
	return *ret == 32 || !strcmp(spec, "AES_128") ? 0 :
		decline(r, VALIDATION, "KeySpec is neither AES_256 nor AES_128");
}

static int generate(struct request *r, bool plaintext)
{
	uint8_t key[DATA_KEY_MAX];
	size_t size;
	int err;

	if (data_key_size(r, &size) || request_key(r) || (plaintext && request_evidence(r)) ||
	    request_authorize(r, plaintext ? "kms:GenerateDataKey" :
			      "kms:GenerateDataKeyWithoutPlaintext"))
		return -EINVAL;
	err = RAND_priv_bytes(key, (int)size) == 1 ? add_ciphertext(r, key, size) : -EIO;
	if (err >= 0)
		err = add_arn(r);
	if (err >= 0 && plaintext)
		err = add_secret(r, key, size);
	OPENSSL_cleanse(key, sizeof(key));
	return err < 0 ? failed(r, err) : 0;
}

/**
 * serve_generate_data_key - GenerateDataKey
 * @r: the request
 *
 * Context: event loop.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_generate_data_key(struct request *r)
{
	return generate(r, true);
}

/**
 * serve_generate_data_key_without_plaintext - GenerateDataKeyWithoutPlaintext
 * @r: the request
 *
 * Context: event loop.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_generate_data_key_without_plaintext(struct request *r)
{
	return generate(r, false);
}

/**
 * serve_generate_random - GenerateRandom
 * @r: the request
 *
 * Context: event loop.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_generate_random(struct request *r)
{
	uint8_t random[DATA_KEY_MAX];
	size_t size;
	int err;

	if (read_number(r, &size))
		return -EINVAL;
	if (!size)
		return decline(r, VALIDATION, "NumberOfBytes is missing");
	if (request_evidence(r) || request_authorize(r, NULL))
		return -EINVAL;
	err = RAND_priv_bytes(random, (int)size) == 1 ? add_secret(r, random, size) : -EIO;
	OPENSSL_cleanse(random, sizeof(random));
	return err < 0 ? failed(r, err) : 0;
}

/**
 * serve_describe_key - DescribeKey
 * @r: the request
 *
 * Context: event loop.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_describe_key(struct request *r)
{
	_cleanup_json_ sd_json_variant *metadata = NULL;
	_cleanup_free_ char *arn = NULL;
	int err;

	if (request_key(r) || request_authorize(r, "kms:DescribeKey"))
		return -EINVAL;
	err = request_arn(r, &arn);
	if (err >= 0)
		err = sd_json_buildo(&metadata,
			SD_JSON_BUILD_PAIR("KeyId", SD_JSON_BUILD_STRING(r->key.id)),
			SD_JSON_BUILD_PAIR("Arn", SD_JSON_BUILD_STRING(arn)),
			SD_JSON_BUILD_PAIR("CreationDate", SD_JSON_BUILD_INTEGER(r->key.created)),
			SD_JSON_BUILD_PAIR("Description", SD_JSON_BUILD_STRING(r->key.name)),
			SD_JSON_BUILD_PAIR("Enabled", SD_JSON_BUILD_BOOLEAN(true)),
			SD_JSON_BUILD_PAIR("KeyState", SD_JSON_BUILD_STRING("Enabled")),
			SD_JSON_BUILD_PAIR("KeyUsage", SD_JSON_BUILD_STRING("ENCRYPT_DECRYPT")),
			SD_JSON_BUILD_PAIR("KeySpec", SD_JSON_BUILD_STRING(ALGORITHM)),
			SD_JSON_BUILD_PAIR("CustomerMasterKeySpec", SD_JSON_BUILD_STRING(ALGORITHM)),
			SD_JSON_BUILD_PAIR("KeyManager", SD_JSON_BUILD_STRING("CUSTOMER")),
			SD_JSON_BUILD_PAIR("Origin", SD_JSON_BUILD_STRING("AWS_KMS")),
			SD_JSON_BUILD_PAIR("MultiRegion", SD_JSON_BUILD_BOOLEAN(false)),
			SD_JSON_BUILD_PAIR("EncryptionAlgorithms",
					   SD_JSON_BUILD_ARRAY(SD_JSON_BUILD_STRING(ALGORITHM))));
	if (err >= 0)
		err = sd_json_variant_set_field(&r->reply, "KeyMetadata", metadata);
	return err < 0 ? failed(r, err) : 0;
}
