/* SPDX-License-Identifier: GPL-2.0 */
/* Who signs documents: an authority of the host, and a leaf for each enclave. */
#ifndef _NITRO_ENCLAVE_SIGNER_H
#define _NITRO_ENCLAVE_SIGNER_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

#include "document.h"

/* What a document takes at most: certificates, registers, fields */
#define DOCUMENT_MAX 12000

/* The root's certificate, one that it has issued for this host, and that one's key */
struct authority {
	X509 *root;
	X509 *certificate;
	EVP_PKEY *key;
};

/* The key of one enclave, and its certificate of three hours */
struct leaf {
	X509 *certificate;
	EVP_PKEY *key;
};

int authority_load(struct authority *a, const void *root, size_t root_size, const void *pem,
		   size_t size, const void *key, size_t key_size, time_t at, struct why *why);
void authority_clear(struct authority *a);
int leaf_renew(struct leaf *leaf, const struct authority *a, const char *module_id, time_t now,
	       struct why *why);
void leaf_clear(struct leaf *leaf);
int leaf_sign(const struct leaf *leaf, const struct authority *a, struct document *document,
	      struct item_writer *w, struct why *why);

#endif
