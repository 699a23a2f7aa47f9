// SPDX-License-Identifier: GPL-2.0
/* Certificates and signatures of documents. */

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "authority.h"
#include "cose.h"
#include "signer.h"

/* A document is to be good for a while yet after it was made */
#define RENEW_SECONDS (LEAF_SECONDS / 2)

static X509 *read_pem(const void *data, size_t size)
{
	BIO *bio = BIO_new_mem_buf(data, size);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x;
}

static int no_passphrase(char *to, int size, int writing, void *data)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

static EVP_PKEY *read_key(const void *data, size_t size)
{
	BIO *bio = BIO_new_mem_buf(data, size);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return key;
}

/**
 * authority_load - take an authority from its PEM files
 * @a: receives it
 * @root: certificate of the root
 * @root_size: its length
 * @pem: certificate of the authority
 * @size: its length
 * @key: private key of the authority
 * @key_size: its length
 * @at: the time
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int authority_load(struct authority *a, const void *root, size_t root_size, const void *pem,
		   size_t size, const void *key, size_t key_size, time_t at, struct why *why)
{
	int err;

	*a = (struct authority){
		.root = read_pem(root, root_size),
		.certificate = read_pem(pem, size),
		.key = read_key(key, key_size),
	};
	if (!a->root || !a->certificate)
		err = refuse(why, "the certificate is no PEM certificate");
	else if (!a->key)
		err = refuse(why, "the key is no PEM private key without a passphrase");
	else if (X509_verify(a->certificate, X509_get0_pubkey(a->root)) != 1)
		err = refuse(why, "the certificate was not issued by the root");
	else
		err = authority_check(a->certificate, a->key, at, why);
	ERR_clear_error();
	if (err)
		authority_clear(a);
	return err;
}

/**
 * authority_clear - forget an authority
 * @a: the authority
 *
 * Context: any.
 */
void authority_clear(struct authority *a)
{
	X509_free(a->root);
	X509_free(a->certificate);
	EVP_PKEY_free(a->key);
	*a = (struct authority){};
}

/**
 * leaf_renew - see that an enclave has a certificate which is valid for a while
 * @leaf: its key and certificate, or zero
 * @a: who issues it
 * @module_id: names the enclave
 * @now: the time
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or -EINVAL and @leaf is what it was.
 */
int leaf_renew(struct leaf *leaf, const struct authority *a, const char *module_id, time_t now,
	       struct why *why)
{
	struct leaf new = {};
	time_t later = now + RENEW_SECONDS;

	if (leaf->certificate &&
	    X509_cmp_time(X509_get0_notBefore(leaf->certificate), &now) <= 0 &&
	    X509_cmp_time(X509_get0_notAfter(leaf->certificate), &later) > 0)
		return 0;
	new.key = authority_key();
	if (!new.key)
		return refuse(why, "cannot make a key");
	new.certificate = authority_issue(&(struct issue){
		.name = module_id, .key = new.key, .issuer = a->certificate,
		.issuer_key = a->key, .path = -1, .from = now, .seconds = LEAF_SECONDS,
	}, why);
	if (!new.certificate) {
		leaf_clear(&new);
		return -EINVAL;
	}
	leaf_clear(leaf);
	*leaf = new;
	return 0;
}

/**
 * leaf_clear - forget the key of an enclave
 * @leaf: the key
 *
 * Context: any.
 */
void leaf_clear(struct leaf *leaf)
{
	X509_free(leaf->certificate);
	EVP_PKEY_free(leaf->key);
	*leaf = (struct leaf){};
}

static bool to_der(X509 *x, unsigned char **der, struct blob *blob)
{
	int n;

	*der = NULL;
	n = i2d_X509(x, der);
	if (n <= 0)
		return false;
	*blob = (struct blob){ true, *der, n };
	return true;
}

/**
 * leaf_sign - complete a document with its certificates, and sign it
 * @leaf: the enclave's
 * @a: who has issued it
 * @document: the document; its certificates are gone afterwards
 * @w: receives the signed message
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int leaf_sign(const struct leaf *leaf, const struct authority *a, struct document *document,
	      struct item_writer *w, struct why *why)
{
	unsigned char *ders[3] = {};
	uint8_t payload[DOCUMENT_MAX];
	struct item_writer p = { .data = payload, .room = sizeof(payload) };
	int err;

	if (to_der(leaf->certificate, &ders[0], &document->certificate) &&
	    to_der(a->root, &ders[1], &document->bundle[0]) &&
	    to_der(a->certificate, &ders[2], &document->bundle[1])) {
		document->n_bundle = 2;
		document_write(document, &p);
		err = p.full ? refuse(why, "the document is too long") :
			       cose_sign(leaf->key, payload, p.n, w, why);
	} else {
		err = refuse(why, "cannot write the certificates");
	}
	for (int i = 0; i < 3; i++)
		OPENSSL_free(ders[i]);
	document->certificate = (struct blob){};
	document->n_bundle = 0;
	return err;
}
