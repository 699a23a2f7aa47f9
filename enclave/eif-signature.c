// SPDX-License-Identifier: GPL-2.0
/*
 * The signature section is a CBOR array of {signing_certificate, signature}: a PEM text and
 * a COSE_Sign1 message whose payload is {register_index: 0, register_value: PCR0}. Bytes
 * are arrays of numbers in all of it but the message.
 */

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "cose.h"
#include "eif.h"

#define PAYLOAD_MAX 256
/* A byte takes two at most, and there are names and heads */
#define SECTION_SIZE(certificate, signature) (2 * ((certificate) + (signature)) + 128)

static X509 *read_certificate(const void *pem, size_t size)
{
	BIO *bio = BIO_new_mem_buf(pem, size);
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return certificate;
}

static int make_payload(const struct eif *eif, uint8_t to[static PAYLOAD_MAX], size_t *n)
{
	struct item_writer w = { .data = to, .room = PAYLOAD_MAX };
	struct pcr pcr;
	int err;

	err = eif_measure_image(eif, &pcr);
	if (err)
		return err;
	put_map(&w, 2);
	put_text(&w, "register_index");
	put_uint(&w, PCR_IMAGE);
	put_text(&w, "register_value");
	put_byte_array(&w, pcr.value, PCR_SIZE);
	*n = w.n;
	return w.full ? -ENOMEM : 0;
}

static int check_certificate(const X509 *certificate, EVP_PKEY *key, time_t at, struct why *why)
{
	if (!certificate)
		return refuse(why, "the signing certificate is no PEM certificate");
	if (X509_check_private_key(certificate, key) != 1)
		return refuse(why, "the private key is not that of the signing certificate");
	if (X509_cmp_time(X509_get0_notBefore(certificate), &at) > 0)
		return refuse(why, "the signing certificate is not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(certificate), &at) < 0)
		return refuse(why, "the signing certificate has expired");
	return 0;
}

/**
 * eif_sign - make the signature section of an image
 * @eif: the image without it
 * @pem: the signing certificate
 * @size: its length
 * @key: its private key
 * @at: the time, for which the certificate has to be valid
 * @section: receives the contents of the section, to be freed
 * @section_size: receives its size
 * @why: says why not
 *
 * Context: any; takes as long as hashing the image.
 * Return: 0 or -EINVAL.
 */
int eif_sign(const struct eif *eif, const void *pem, size_t size, EVP_PKEY *key, time_t at,
	     uint8_t **section, size_t *section_size, struct why *why)
{
	X509 *certificate = read_certificate(pem, size);
	uint8_t payload[PAYLOAD_MAX], message[PAYLOAD_MAX + COSE_OVERHEAD];
	struct item_writer m = { .data = message, .room = sizeof(message) };
	struct item_writer w = {};
	size_t n;
	int err;

	err = check_certificate(certificate, key, at, why);
	X509_free(certificate);
	ERR_clear_error();
	if (!err && make_payload(eif, payload, &n))
		err = refuse(why, "the image cannot be hashed");
	if (!err)
		err = cose_sign(key, payload, n, &m, why);
	if (err)
		return err;
	w.room = SECTION_SIZE(size, m.n);
	w.data = malloc(w.room);
	if (!w.data)
		return refuse_error(why, ENOMEM, "cannot sign");
	put_array(&w, 1);
	put_map(&w, 2);
	put_text(&w, "signing_certificate");
	put_byte_array(&w, pem, size);
	put_text(&w, "signature");
	put_byte_array(&w, message, m.n);
	*section = w.data;
	*section_size = w.n;
	return 0;
}

/* A byte array in the section; takes no more room than it takes there */
static int read_byte_array(struct item_reader *r, uint8_t *to, size_t room, size_t *n)
{
	struct item_walk walk;

	*n = 0;
	if (item_open(r, ITEM_ARRAY, &walk))
		return -EBADMSG;
	while (item_more(r, &walk)) {
		struct item item;

		if (item_expect(r, ITEM_UINT, &item) || item.value > UINT8_MAX || *n == room)
			return -EBADMSG;
		to[(*n)++] = item.value;
	}
	return 0;
}

struct parts {
	uint8_t *pem, *message;
	size_t pem_size, message_size;
};

/* Either part may come first, and others would be nobody's */
static int read_parts(struct item_reader *r, size_t room, struct parts *parts)
{
	struct item_walk walk;

	if (item_open(r, ITEM_MAP, &walk))
		return -EBADMSG;
	while (item_more(r, &walk)) {
		uint8_t *to;
		size_t *n;
		struct item key;

		if (item_next(r, &key))
			return -EBADMSG;
		if (item_is(&key, "signing_certificate")) {
			to = parts->pem;
			n = &parts->pem_size;
		} else if (item_is(&key, "signature")) {
			to = parts->message;
			n = &parts->message_size;
		} else {
			return -EBADMSG;
		}
		if (*n || read_byte_array(r, to, room, n))
			return -EBADMSG;
	}
	return parts->pem_size && parts->message_size ? 0 : -EBADMSG;
}

static int read_section(const struct eif *eif, struct parts *parts, struct why *why)
{
	const struct eif_section *section = eif_section(eif, EIF_SIGNATURE);
	struct item_reader r = { .p = section->data, .n = section->size };
	struct item_walk walk;

	if (item_open(&r, ITEM_ARRAY, &walk) || !item_more(&r, &walk) ||
	    read_parts(&r, section->size, parts))
		return refuse(why, "the signature section is not what one has to be");
	if (item_more(&r, &walk) || r.n)
		return refuse(why, "there is more than one signature");
	return 0;
}

/* Is it the certificate's, and does it sign what this image measures? */
static bool is_right(const struct eif *eif, const struct parts *parts, X509 *certificate)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	uint8_t payload[PAYLOAD_MAX];
	struct cose cose;
	struct why why;
	size_t n;

	return key && !cose_read(parts->message, parts->message_size, &cose, &why) &&
	       !cose_verify(&cose, key, &why) && !make_payload(eif, payload, &n) &&
	       cose.payload_size == n && !memcmp(cose.payload, payload, n);
}

static int read_signer(const struct eif *eif, struct parts *parts, X509 **certificate,
		       struct why *why)
{
	size_t size = eif_section(eif, EIF_SIGNATURE)->size;
	int err;

	*parts = (struct parts){ .pem = malloc(size + 1), .message = malloc(size + 1) };
	if (!parts->pem || !parts->message)
		return refuse_error(why, ENOMEM, "cannot read the signature");
	err = read_section(eif, parts, why);
	if (err)
		return err;
	*certificate = read_certificate(parts->pem, parts->pem_size);
	return *certificate ? 0 : refuse(why, "the signing certificate is no PEM certificate");
}

static void free_parts(struct parts *parts)
{
	free(parts->pem);
	free(parts->message);
}

/**
 * eif_certificate - read the signing certificate of an image, unchecked
 * @eif: an image with a signature section
 * @certificate: receives it, to be freed
 * @why: says why there is none
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int eif_certificate(const struct eif *eif, X509 **certificate, struct why *why)
{
	struct parts parts;
	int err;

	err = read_signer(eif, &parts, certificate, why);
	free_parts(&parts);
	return err;
}

/**
 * eif_signer - find out who signed an image
 * @eif: an image with a signature section
 * @signer: receives the certificate, and whether the signature is right
 * @why: says why nobody has
 *
 * Whether the certificate is still valid is another question.
 *
 * Context: any; takes as long as hashing the image.
 * Return: 0 or a negative errno.
 */
int eif_signer(const struct eif *eif, struct eif_signer *signer, struct why *why)
{
	struct parts parts;
	int err;

	*signer = (struct eif_signer){};
	err = read_signer(eif, &parts, &signer->certificate, why);
	if (!err)
		signer->right = is_right(eif, &parts, signer->certificate);
	free_parts(&parts);
	ERR_clear_error();
	return err;
}

/**
 * eif_signer_clear - forget a signer
 * @signer: the signer
 *
 * Context: any.
 */
void eif_signer_clear(struct eif_signer *signer)
{
	X509_free(signer->certificate);
	*signer = (struct eif_signer){};
}
