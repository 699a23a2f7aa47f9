// SPDX-License-Identifier: GPL-2.0
/*
 * A COSE_Sign1 message is [protected, {}, payload, signature]; what is signed is
 * ["Signature1", protected, external data (none), payload]. The protected header is
 * {1: algorithm}, and the algorithm goes with the curve of the key.
 */

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/params.h>
#include <string.h>

#include "cose.h"

#define COSE_SIGN1 18
#define HEADER_ALG 1
/* The heads of the four parts of what is signed, and the first three parts */
#define PREFIX_MAX 64
#define SIGNATURE_MAX (2 * 66)

static const struct algorithm {
	const char *curve;
	const char *digest;
	int64_t number;
	size_t half;	/* of the signature */
} algorithms[] = {
	{ "prime256v1", "SHA256", -7, 32 },
	{ "secp384r1", "SHA384", -35, 48 },
	{ "secp521r1", "SHA512", -36, 66 },
};

static const struct algorithm *algorithm_of(EVP_PKEY *key, struct why *why)
{
	char curve[64];

	if (EVP_PKEY_is_a(key, "EC") == 1 &&
	    EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1)
		for (size_t i = 0; i < sizeof(algorithms) / sizeof(*algorithms); i++)
			if (!strcmp(algorithms[i].curve, curve))
				return &algorithms[i];
	refuse(why, "the key is not of the elliptic curve P-256, P-384 or P-521");
	return NULL;
}

/* What is signed, but for the payload itself */
static size_t prefix(uint8_t to[static PREFIX_MAX], const void *protected, size_t protected_size,
		     size_t payload_size)
{
	struct item_writer w = { .data = to, .room = PREFIX_MAX };
	uint8_t head[9];
	struct item_writer h = { .data = head, .room = sizeof(head) };

	put_array(&w, 4);
	put_text(&w, "Signature1");
	put_bytes(&w, protected, protected_size);
	put_bytes(&w, NULL, 0);
	/* The head alone: a byte string is a number with another major type */
	put_uint(&h, payload_size);
	head[0] |= 0x40;
	put_raw(&w, head, h.n);
	return w.full ? 0 : w.n;
}

static int to_raw(const uint8_t *der, size_t n, size_t half, uint8_t *to)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, n);
	bool good = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), to, half) == (int)half &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(sig), to + half, half) == (int)half;

	ECDSA_SIG_free(sig);
	return good ? 0 : -ENOMEM;
}

/* Return: the length of the DER, or 0 */
static int to_der(const uint8_t *raw, size_t half, uint8_t **der)
{
	BIGNUM *r = BN_bin2bn(raw, half, NULL), *s = BN_bin2bn(raw + half, half, NULL);
	ECDSA_SIG *sig = ECDSA_SIG_new();
	int n = 0;

	*der = NULL;
	if (r && s && sig && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = NULL;
		s = NULL;
		n = i2d_ECDSA_SIG(sig, der);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n > 0 ? n : 0;
}

/* The nonce is made of key and message (RFC 6979): no random number can give the key away */
static int sign(EVP_PKEY *key, const struct algorithm *alg, const void *head, size_t head_size,
		const void *payload, size_t size, uint8_t signature[static SIGNATURE_MAX])
{
	unsigned int deterministic = 1;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &deterministic),
		OSSL_PARAM_construct_end(),
	};
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[SIGNATURE_MAX + 16];
	size_t n = sizeof(der);
	bool good;

	good = ctx && EVP_DigestSignInit_ex(ctx, NULL, alg->digest, NULL, NULL, key, params) == 1 &&
	       EVP_DigestSignUpdate(ctx, head, head_size) == 1 &&
	       EVP_DigestSignUpdate(ctx, payload, size) == 1 &&
	       EVP_DigestSignFinal(ctx, der, &n) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? to_raw(der, n, alg->half, signature) : -ENOMEM;
}

/**
 * cose_sign - sign a message
 * @key: a private key of P-256, P-384 or P-521
 * @payload: the message
 * @size: its length
 * @w: receives the signed message, without the tag
 * @why: says why not
 *
 * The same key and message give the same signature.
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int cose_sign(EVP_PKEY *key, const void *payload, size_t size, struct item_writer *w,
	      struct why *why)
{
	const struct algorithm *alg = algorithm_of(key, why);
	uint8_t protected[16], head[PREFIX_MAX], signature[SIGNATURE_MAX];
	struct item_writer p = { .data = protected, .room = sizeof(protected) };
	size_t head_size;

	if (!alg)
		return -EINVAL;
	put_map(&p, 1);
	put_uint(&p, HEADER_ALG);
	put_negint(&p, -1 - alg->number);
	head_size = prefix(head, protected, p.n, size);
	if (!head_size || sign(key, alg, head, head_size, payload, size, signature))
		return refuse(why, "OpenSSL does not sign with this key");
	put_array(w, 4);
	put_bytes(w, protected, p.n);
	put_map(w, 0);
	put_bytes(w, payload, size);
	put_bytes(w, signature, 2 * alg->half);
	return w->full ? refuse(why, "the signed message is too long") : 0;
}

static int read_bytes(struct item_reader *r, const uint8_t **data, size_t *size)
{
	struct item item;

	if (item_expect(r, ITEM_BYTES, &item))
		return -EBADMSG;
	*data = item.data;
	*size = item.size;
	return 0;
}

/**
 * cose_read - take a COSE_Sign1 message apart
 * @data: the message, with or without its tag; it has to stay as long as @cose
 * @size: its length
 * @cose: receives the parts
 * @why: says what is wrong with it
 *
 * What is not signed has to be empty, so that nothing can be put there.
 *
 * Context: any; the message may be hostile.
 * Return: 0 or -EINVAL.
 */
int cose_read(const void *data, size_t size, struct cose *cose, struct why *why)
{
	struct item_reader r = { .p = data, .n = size };
	struct item item;

	if (item_next(&r, &item))
		return refuse(why, "it is no CBOR");
	if (item.type == ITEM_TAG) {
		if (item.value != COSE_SIGN1)
			return refuse(why, "its tag is %llu, not 18 of a signed message",
				      (unsigned long long)item.value);
		if (item_next(&r, &item))
			return refuse(why, "it is no CBOR");
	}
	if (item.type != ITEM_ARRAY || item.indefinite || item.value != 4)
		return refuse(why, "it is no COSE_Sign1 message: not an array of four");
	if (read_bytes(&r, &cose->protected, &cose->protected_size))
		return refuse(why, "the protected header is no byte string");
	if (item_expect(&r, ITEM_MAP, &item) || item.value)
		return refuse(why, "the unprotected header is not empty");
	if (read_bytes(&r, &cose->payload, &cose->payload_size))
		return refuse(why, "the payload is no byte string");
	if (read_bytes(&r, &cose->signature, &cose->signature_size))
		return refuse(why, "the signature is no byte string");
	if (r.n)
		return refuse(why, "there are %zu bytes behind the signature", r.n);
	return 0;
}

static int check_algorithm(const struct cose *cose, const struct algorithm *alg, struct why *why)
{
	struct item_reader r = { .p = cose->protected, .n = cose->protected_size };
	struct item map, label, number;

	if (item_expect(&r, ITEM_MAP, &map) || map.value != 1 ||
	    item_expect(&r, ITEM_UINT, &label) || label.value != HEADER_ALG ||
	    item_expect(&r, ITEM_NEGINT, &number) || r.n)
		return refuse(why, "the protected header names more or less than the algorithm");
	if (number.value != (uint64_t)(-1 - alg->number))
		return refuse(why, "the algorithm is not %lld, that of the key",
			      (long long)alg->number);
	return 0;
}

/**
 * cose_verify - check the signature of a message
 * @cose: the message
 * @key: whose signature it ought to be
 * @why: says what is wrong with it
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int cose_verify(const struct cose *cose, EVP_PKEY *key, struct why *why)
{
	const struct algorithm *alg = algorithm_of(key, why);
	uint8_t head[PREFIX_MAX], *der;
	size_t head_size;
	EVP_MD_CTX *ctx;
	bool good;
	int n;

	if (!alg || check_algorithm(cose, alg, why))
		return -EINVAL;
	if (cose->signature_size != 2 * alg->half)
		return refuse(why, "the signature has %zu bytes, not %zu", cose->signature_size,
			      2 * alg->half);
	head_size = prefix(head, cose->protected, cose->protected_size, cose->payload_size);
	n = to_der(cose->signature, alg->half, &der);
	ctx = EVP_MD_CTX_new();
	good = head_size && n && ctx &&
	       EVP_DigestVerifyInit_ex(ctx, NULL, alg->digest, NULL, NULL, key, NULL) == 1 &&
	       EVP_DigestVerifyUpdate(ctx, head, head_size) == 1 &&
	       EVP_DigestVerifyUpdate(ctx, cose->payload, cose->payload_size) == 1 &&
	       EVP_DigestVerifyFinal(ctx, der, n) == 1;
	EVP_MD_CTX_free(ctx);
	OPENSSL_free(der);
	return good ? 0 : refuse(why, "the signature is wrong");
}
