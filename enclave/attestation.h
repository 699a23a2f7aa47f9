/* SPDX-License-Identifier: GPL-2.0 */
/* What an enclave may have put into its document, and how large it may be. */
#ifndef _NITRO_ENCLAVE_ATTESTATION_H
#define _NITRO_ENCLAVE_ATTESTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USER_DATA_MAX 512
#define NONCE_MAX 512
#define PUBLIC_KEY_MAX 1024

/* Bytes that may be absent, which is not the same as none */
struct blob {
	bool present;
	const uint8_t *data;
	size_t size;
};

struct attestation {
	struct blob user_data;
	struct blob nonce;
	struct blob public_key;
};

#endif
