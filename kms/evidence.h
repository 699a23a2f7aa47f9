/* SPDX-License-Identifier: GPL-2.0 */
/* What a caller proves: an attestation document that was made for this request. */
#ifndef _NITRO_KMS_EVIDENCE_H
#define _NITRO_KMS_EVIDENCE_H

#include <openssl/x509.h>
#include <time.h>

#include "document.h"
#include "pcr.h"

#define EVIDENCE_SECONDS 300

/**
 * struct evidence - an attestation document that is true
 * @message: the signed message, owned
 * @document: what it says, in the memory of @message
 * @digest: of that
 * @until: when it is too old
 * @key: the public key in it
 */
struct evidence {
	void *message;
	struct document document;
	struct pcr digest;
	time_t until;
	EVP_PKEY *key;
};

int evidence_read(void *message, size_t size, STACK_OF(X509) *roots, time_t now,
		  struct evidence *evidence, struct why *why);
bool evidence_debug(const struct evidence *evidence);
void evidence_clear(struct evidence *evidence);

#endif
