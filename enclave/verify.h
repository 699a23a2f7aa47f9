/* SPDX-License-Identifier: GPL-2.0 */
/* Whether an attestation document is what somebody expects. */
#ifndef _NITRO_ENCLAVE_VERIFY_H
#define _NITRO_ENCLAVE_VERIFY_H

#include <openssl/x509.h>
#include <time.h>

#include "document.h"

/**
 * struct expectation - what a document has to be
 * @root: the certificate that its chain begins with
 * @at: the time at which all certificates have to be valid
 * @nonce: the nonce, if there is to be one
 * @present: a bit for each register that is expected
 * @pcrs: their values
 * @debug: an enclave that can be looked into is good enough
 */
struct expectation {
	X509 *root;
	time_t at;
	struct blob nonce;
	uint32_t present;
	struct pcr pcrs[PCR_COUNT];
	bool debug;
};

int document_verify(const void *data, size_t size, const struct expectation *e,
		    struct document *document, struct why *why);

#endif
