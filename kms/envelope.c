// SPDX-License-Identifier: GPL-2.0
/*
 * As AWS KMS makes them: one recipient, who is known by the identifier of their key;
 * RSA-OAEP with SHA-256 for the content's key, AES-256-CBC for the content.
 */

#include <errno.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "envelope.h"

#define BITS_MIN 2048
#define BITS_MAX 4096

/**
 * envelope_key - read the public key of a recipient
 * @der: SubjectPublicKeyInfo
 * @size: its length
 * @ret: receives the key, to be freed
 * @why: says why not
 *
 * Context: any; the key may be hostile.
 * Return: 0 or -EINVAL.
 */
int envelope_key(const void *der, size_t size, EVP_PKEY **ret, struct why *why)
{
	const unsigned char *p = der;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)size);
	int bits = key ? EVP_PKEY_get_bits(key) : 0;

	ERR_clear_error();
	if (key && p == (const unsigned char *)der + size && EVP_PKEY_is_a(key, "RSA") &&
	    bits >= BITS_MIN && bits <= BITS_MAX) {
		*ret = key;
		return 0;
	}
	EVP_PKEY_free(key);
	return refuse(why, "the public key is not RSA of %d to %d bits", BITS_MIN, BITS_MAX);
}

/* OpenSSL takes recipients as certificates: one that nobody ever sees */
static X509 *certificate_of(EVP_PKEY *key)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_PKEY *signer = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	X509 *x = X509_new();
	unsigned int n;
	int good;

	good = signer && id && x && X509_set_version(x, X509_VERSION_3) == 1 &&
		X509_set_pubkey(x, key) == 1 &&
		X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
		X509_gmtime_adj(X509_getm_notAfter(x), 0) &&
		X509_pubkey_digest(x, EVP_sha1(), digest, &n) == 1 &&
		ASN1_OCTET_STRING_set(id, digest, (int)n) == 1 &&
		X509_add1_ext_i2d(x, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1 &&
		X509_sign(x, signer, NULL) > 0;
	EVP_PKEY_free(signer);
	ASN1_OCTET_STRING_free(id);
	if (good)
		return x;
	X509_free(x);
	return NULL;
}

static int add_recipient(CMS_ContentInfo *cms, X509 *recipient)
{
	CMS_RecipientInfo *info =
		CMS_add1_recipient_cert(cms, recipient, CMS_USE_KEYID | CMS_KEY_PARAM);
	EVP_PKEY_CTX *ctx = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;

	return ctx && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) > 0 &&
		EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) > 0;
}

/**
 * envelope_make - encrypt for a recipient
 * @key: their public key
 * @data: what is encrypted
 * @size: its length
 * @ret: receives the message in DER, to be freed by OPENSSL_free()
 * @ret_size: its length
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or -EIO.
 */
int envelope_make(EVP_PKEY *key, const void *data, size_t size, unsigned char **ret,
		  size_t *ret_size, struct why *why)
{
	const unsigned int flags = CMS_BINARY | CMS_PARTIAL;
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), flags);
	BIO *content = BIO_new_mem_buf(data, (int)size);
	X509 *recipient = certificate_of(key);
	int n = -1;

	*ret = NULL;
	if (cms && content && recipient && add_recipient(cms, recipient) &&
	    CMS_final(cms, content, NULL, flags) == 1)
		n = i2d_CMS_ContentInfo(cms, ret);
	X509_free(recipient);
	BIO_free(content);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	if (n > 0) {
		*ret_size = n;
		return 0;
	}
	(void)refuse(why, "cannot encrypt for the recipient");
	return -EIO;
}
