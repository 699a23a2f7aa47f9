// SPDX-License-Identifier: GPL-2.0
/*
 * All keys are of P-384, all signatures ECDSA with SHA-384. The root has two authorities
 * below it on each host, for enclaves and for enclaves in debug mode; those have the
 * enclaves' own, short-lived certificates.
 */

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>

#include "authority.h"

#define SERIAL_SIZE 16
#define ORGANIZATION "Nitro"
/* X.520's limit of a common name */
#define COMMON_NAME_MAX 64

/**
 * authority_key - make a key
 *
 * Context: any.
 * Return: the key, to be freed, or NULL.
 */
EVP_PKEY *authority_key(void)
{
	return EVP_EC_gen("P-384");
}

static bool set_serial(X509 *x)
{
	unsigned char bytes[SERIAL_SIZE];
	BIGNUM *n;
	bool good;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	/* Positive, and never shorter */
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return good;
}

static bool set_name(X509_NAME *to, const char *name)
{
	char cut[COMMON_NAME_MAX + 1];

	(void)snprintf(cut, sizeof(cut), "%s", name);
	return X509_NAME_add_entry_by_txt(to, "O", MBSTRING_UTF8,
					  (const unsigned char *)ORGANIZATION, -1, -1, 0) == 1 &&
	       X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8,
					  (const unsigned char *)cut, -1, -1, 0) == 1;
}

static bool set_times(X509 *x, const struct issue *issue)
{
	const ASN1_TIME *limit = issue->issuer ? X509_get0_notAfter(issue->issuer) : NULL;
	time_t until = issue->from + issue->seconds;

	if (!ASN1_TIME_set(X509_getm_notBefore(x), issue->from))
		return false;
	if (limit && ASN1_TIME_cmp_time_t(limit, until) < 0)
		return X509_set1_notAfter(x, limit) == 1;
	return ASN1_TIME_set(X509_getm_notAfter(x), until);
}

static bool add(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool good;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	good = extension && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool set_extensions(X509 *x, const struct issue *issue)
{
	X509 *issuer = issue->issuer ?: x;
	char constraints[64];
	const char *usage = issue->path < 0 ? "critical,digitalSignature" : "critical,keyCertSign";

	if (issue->path < 0)
		(void)snprintf(constraints, sizeof(constraints), "critical,CA:FALSE");
	else
		(void)snprintf(constraints, sizeof(constraints), "critical,CA:TRUE,pathlen:%d",
			       issue->path);
	return add(x, issuer, NID_basic_constraints, constraints) &&
	       add(x, issuer, NID_key_usage, usage) &&
	       add(x, issuer, NID_subject_key_identifier, "hash") &&
	       add(x, issuer, NID_authority_key_identifier, "keyid:always");
}

/**
 * authority_issue - make a certificate
 * @issue: what it says
 * @why: says why not
 *
 * Context: any.
 * Return: the certificate, to be freed, or NULL.
 */
X509 *authority_issue(const struct issue *issue, struct why *why)
{
	X509 *x = X509_new();
	bool good;

	good = x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	       set_name(X509_get_subject_name(x), issue->name) &&
	       X509_set_issuer_name(x, X509_get_subject_name(issue->issuer ?: x)) == 1 &&
	       set_times(x, issue) && X509_set_pubkey(x, issue->key) == 1 &&
	       set_extensions(x, issue) && X509_sign(x, issue->issuer_key, EVP_sha384()) > 0;
	ERR_clear_error();
	if (good)
		return x;
	X509_free(x);
	refuse(why, "cannot make a certificate for '%s'", issue->name);
	return NULL;
}

/**
 * authority_check - may others be issued with a certificate and key
 * @certificate: of an authority
 * @key: its private key
 * @at: the time
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int authority_check(X509 *certificate, EVP_PKEY *key, time_t at, struct why *why)
{
	char group[64] = "";

	if (X509_check_private_key(certificate, key) != 1) {
		ERR_clear_error();
		return refuse(why, "the private key is not that of the certificate");
	}
	(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	if (OBJ_txt2nid(group) != NID_secp384r1)
		return refuse(why, "the key is not of the elliptic curve P-384");
	if (!(X509_get_extension_flags(certificate) & EXFLAG_CA) ||
	    !(X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN))
		return refuse(why, "the certificate is not that of an authority");
	if (X509_cmp_time(X509_get0_notBefore(certificate), &at) > 0)
		return refuse(why, "the certificate is not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(certificate), &at) < 0)
		return refuse(why, "the certificate has expired");
	return 0;
}
