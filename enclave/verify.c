// SPDX-License-Identifier: GPL-2.0
/* Checks of a document, in this order; the first that fails is named. */

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "cose.h"
#include "verify.h"

static X509 *read_certificate(const struct blob *der)
{
	const unsigned char *p = der->data;
	X509 *certificate = d2i_X509(NULL, &p, der->size);

	ERR_clear_error();
	if (certificate && p != der->data + der->size) {
		X509_free(certificate);
		certificate = NULL;
	}
	return certificate;
}

static void subject_of(X509 *certificate, char *to, size_t room)
{
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, to,
				      room) < 0)
		*to = '\0';
	for (; *to; to++)
		if ((unsigned char)*to < ' ' || *to == 0x7f)
			*to = '?';
}

/* What OpenSSL does not ask: AWS's algorithms, and what each may be used for */
static int check_certificate(X509 *certificate, bool leaf, struct why *why)
{
	EVP_PKEY *key = X509_get0_pubkey(certificate);
	char name[128], group[64] = "";
	bool ca = X509_get_extension_flags(certificate) & EXFLAG_CA;
	uint32_t usage = X509_get_key_usage(certificate);

	subject_of(certificate, name, sizeof(name));
	if (key)
		(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	if (OBJ_txt2nid(group) != NID_secp384r1)
		return refuse(why, "chain: the key of '%s' is not of the curve P-384", name);
	if (X509_get_signature_nid(certificate) != NID_ecdsa_with_SHA384)
		return refuse(why, "chain: '%s' is not signed by ECDSA with SHA-384", name);
	if (leaf && (ca || usage == UINT32_MAX || !(usage & KU_DIGITAL_SIGNATURE)))
		return refuse(why, "constraints: '%s' is not one that signs documents", name);
	if (!leaf && (!ca || usage == UINT32_MAX || !(usage & KU_KEY_CERT_SIGN)))
		return refuse(why, "constraints: '%s' is no certificate authority", name);
	return 0;
}

static const char *class_of(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "dates";
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
	case X509_V_ERR_INVALID_EXTENSION:
		return "constraints";
	default:
		return "chain";
	}
}

/* The chain that OpenSSL builds has to be the bundle, root first */
static int compare_chain(STACK_OF(X509) *chain, STACK_OF(X509) *bundle, struct why *why)
{
	int n = sk_X509_num(bundle);

	if (sk_X509_num(chain) != n + 1)
		return refuse(why, "chain: cabundle has certificates that are not part of it");
	for (int i = 0; i < n; i++)
		if (X509_cmp(sk_X509_value(chain, n - i), sk_X509_value(bundle, i)))
			return refuse(why, "chain: cabundle does not go from the root down");
	return 0;
}

static int build_chain(X509_STORE_CTX *ctx, const struct expectation *e, struct why *why)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
	X509 *at_fault;
	char name[128] = "?";
	int error;

	X509_VERIFY_PARAM_set_time(param, e->at);
	if (X509_verify_cert(ctx) == 1)
		return 0;
	error = X509_STORE_CTX_get_error(ctx);
	at_fault = X509_STORE_CTX_get_current_cert(ctx);
	if (at_fault)
		subject_of(at_fault, name, sizeof(name));
	ERR_clear_error();
	return refuse(why, "%s: '%s': %s", class_of(error), name,
		      X509_verify_cert_error_string(error));
}

static int check_chain(X509 *leaf, STACK_OF(X509) *bundle, const struct expectation *e,
		       struct why *why)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int err = -ENOMEM;

	if (X509_cmp(sk_X509_value(bundle, 0), e->root))
		err = refuse(why, "chain: it begins with another root");
	else if (!store || !ctx || X509_STORE_add_cert(store, e->root) != 1 ||
		 X509_STORE_CTX_init(ctx, store, leaf, bundle) != 1)
		err = refuse(why, "chain: no memory");
	else
		err = build_chain(ctx, e, why);
	if (!err)
		err = compare_chain(X509_STORE_CTX_get0_chain(ctx), bundle, why);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	for (int i = 0; !err && i < sk_X509_num(bundle); i++)
		err = check_certificate(sk_X509_value(bundle, i), false, why);
	return err ?: check_certificate(leaf, true, why);
}

static int read_bundle(const struct document *d, STACK_OF(X509) *bundle, struct why *why)
{
	for (size_t i = 0; i < d->n_bundle; i++) {
		X509 *certificate = read_certificate(&d->bundle[i]);

		if (!certificate)
			return refuse(why, "chain: certificate %zu of cabundle is none", i);
		if (!sk_X509_push(bundle, certificate)) {
			X509_free(certificate);
			return refuse(why, "chain: no memory");
		}
	}
	return 0;
}

/* The document was made while its certificate was valid */
static int check_timestamp(const struct document *d, X509 *leaf, struct why *why)
{
	time_t made = d->timestamp / 1000;

	if (d->timestamp / 1000 > INT32_MAX * 4ULL ||
	    X509_cmp_time(X509_get0_notBefore(leaf), &made) > 0 ||
	    X509_cmp_time(X509_get0_notAfter(leaf), &made) < 0)
		return refuse(why, "dates: the timestamp is not within those of the certificate");
	return 0;
}

static int check_signature(const struct cose *cose, const struct document *d,
			   const struct expectation *e, struct why *why)
{
	X509 *leaf = read_certificate(&d->certificate);
	STACK_OF(X509) *bundle = sk_X509_new_null();
	int err;

	if (!leaf)
		err = refuse(why, "chain: the certificate is none");
	else if (!bundle)
		err = refuse(why, "chain: no memory");
	else
		err = read_bundle(d, bundle, why);
	if (!err)
		err = check_chain(leaf, bundle, e, why);
	if (!err)
		err = check_timestamp(d, leaf, why);
	if (!err) {
		err = cose_verify(cose, X509_get0_pubkey(leaf), why);
		if (err)
			why_prefix(why, "signature");
	}
	X509_free(leaf);
	sk_X509_pop_free(bundle, X509_free);
	ERR_clear_error();
	return err;
}

static int check_nonce(const struct blob *nonce, const struct blob *expected, struct why *why)
{
	if (!expected->present)
		return 0;
	if (!nonce->present)
		return refuse(why, "nonce: there is none");
	if (nonce->size != expected->size || memcmp(nonce->data, expected->data, nonce->size))
		return refuse(why, "nonce: it is another one");
	return 0;
}

static int check_pcrs(const struct document *d, const struct expectation *e, struct why *why)
{
	char hex[PCR_HEX_SIZE];

	if (!(d->present & 1) || (!e->debug && pcr_is_zero(&d->pcrs[PCR_IMAGE])))
		return refuse(why, "PCRs: PCR0 is zero, so the enclave runs in debug mode");
	for (unsigned int i = 0; i < PCR_COUNT; i++) {
		if (!(e->present & 1U << i))
			continue;
		if (!(d->present & 1U << i))
			return refuse(why, "PCRs: there is no PCR%u", i);
		if (!memcmp(&d->pcrs[i], &e->pcrs[i], PCR_SIZE))
			continue;
		pcr_hex(&d->pcrs[i], hex);
		return refuse(why, "PCRs: PCR%u is %s", i, hex);
	}
	return 0;
}

/**
 * document_verify - check a document
 * @data: the signed message; it has to stay as long as @document
 * @size: its length
 * @e: what it has to be
 * @document: receives what it says, which is true if 0 is returned
 * @why: names the first check that fails: message, fields, chain, dates, constraints,
 *	signature, nonce or PCRs
 *
 * Context: any; the document may be hostile.
 * Return: 0 or -EINVAL.
 */
int document_verify(const void *data, size_t size, const struct expectation *e,
		    struct document *document, struct why *why)
{
	struct cose cose;
	int err;

	err = cose_read(data, size, &cose, why);
	if (err) {
		why_prefix(why, "message");
		return err;
	}
	err = document_read(cose.payload, cose.payload_size, document, why);
	if (err) {
		why_prefix(why, "fields");
		return err;
	}
	err = check_signature(&cose, document, e, why);
	if (!err)
		err = check_nonce(&document->what.nonce, &e->nonce, why);
	return err ?: check_pcrs(document, e, why);
}
