/* SPDX-License-Identifier: GPL-2.0 */
/* COSE_Sign1 (RFC 9052) with ECDSA. */
#ifndef _NITRO_ENCLAVE_COSE_H
#define _NITRO_ENCLAVE_COSE_H

#include <openssl/evp.h>

#include "item.h"
#include "why.h"

/* What comes beside the payload: heads, algorithm, and the signature of P-521 */
#define COSE_OVERHEAD 256

/* Parts of a message, in its own memory */
struct cose {
	const uint8_t *protected;
	size_t protected_size;
	const uint8_t *payload;
	size_t payload_size;
	const uint8_t *signature;
	size_t signature_size;
};

int cose_sign(EVP_PKEY *key, const void *payload, size_t size, struct item_writer *w,
	      struct why *why);
int cose_read(const void *data, size_t size, struct cose *cose, struct why *why);
int cose_verify(const struct cose *cose, EVP_PKEY *key, struct why *why);

#endif
