/* SPDX-License-Identifier: GPL-2.0 */
/* Keys and certificates from the operator's root to the enclave. */
#ifndef _NITRO_ENCLAVE_AUTHORITY_H
#define _NITRO_ENCLAVE_AUTHORITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

#include "why.h"

#define LEAF_SECONDS (3 * 3600)

/**
 * struct issue - a certificate to be made
 * @name: common name of whom it is for
 * @key: their key
 * @issuer: certificate of who makes it, NULL for a root
 * @issuer_key: its private key
 * @path: how many authorities may come below it, -1 if it is none
 * @from: when it begins to be valid
 * @seconds: for how long, but no longer than the issuer
 */
struct issue {
	const char *name;
	EVP_PKEY *key;
	X509 *issuer;
	EVP_PKEY *issuer_key;
	int path;
	time_t from;
	time_t seconds;
};

EVP_PKEY *authority_key(void);
X509 *authority_issue(const struct issue *issue, struct why *why);
int authority_check(X509 *certificate, EVP_PKEY *key, time_t at, struct why *why);

#endif
