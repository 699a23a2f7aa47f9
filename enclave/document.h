/* SPDX-License-Identifier: GPL-2.0 */
/* Attestation documents: what is in the payload of the signed message. */
#ifndef _NITRO_ENCLAVE_DOCUMENT_H
#define _NITRO_ENCLAVE_DOCUMENT_H

#include "attestation.h"
#include "item.h"
#include "pcr.h"
#include "why.h"

#define PAYLOAD_MAX 16384
#define CERTIFICATE_MAX 1024
#define BUNDLE_MAX 8
#define MODULE_ID_MAX 256

/**
 * struct document - one document; all bytes are in somebody else's memory
 * @module_id: names the enclave
 * @timestamp: milliseconds since 1970
 * @present: a bit for each register that is in it
 * @pcrs: the registers
 * @certificate: of the key that signs it
 * @bundle: who issued that, from the root on
 * @n_bundle: how many
 * @what: what the enclave had put in
 */
struct document {
	struct blob module_id;
	uint64_t timestamp;
	uint32_t present;
	struct pcr pcrs[PCR_COUNT];
	struct blob certificate;
	struct blob bundle[BUNDLE_MAX];
	size_t n_bundle;
	struct attestation what;
};

uint64_t document_time(uint64_t now, uint64_t before);
void document_write(const struct document *document, struct item_writer *w);
int document_read(const void *payload, size_t size, struct document *document, struct why *why);

#endif
