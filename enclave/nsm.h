/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Nitro Security Module of one enclave: a request in, a response out, and the bank of
 * registers in between. It waits for nothing but whoever signs documents.
 */
#ifndef _NITRO_ENCLAVE_NSM_H
#define _NITRO_ENCLAVE_NSM_H

#include "attestation.h"
#include "pcr.h"

/* What the Linux driver sends at most, and the room that it gives */
#define NSM_REQUEST_MAX 0x1000
#define NSM_RESPONSE_MAX 0x3000
#define NSM_MODULE_ID_MAX 64

struct nsm;

/**
 * typedef nsm_attest_fn - get a signed document of the registers as they are
 * @nsm: the module
 * @what: what goes into it
 * @document: receives it
 * @room: how much fits
 * @size: receives its length
 *
 * Return: 0 or a negative errno.
 */
typedef int (*nsm_attest_fn)(const struct nsm *nsm, const struct attestation *what,
			     uint8_t *document, size_t room, size_t *size);

/**
 * struct nsm - one module
 * @module_id: names the enclave
 * @pcrs: the registers
 * @locked: a bit for each that can no longer be extended
 * @attest: gets documents
 * @userdata: for it
 */
struct nsm {
	char module_id[NSM_MODULE_ID_MAX + 1];
	struct pcr pcrs[PCR_COUNT];
	uint32_t locked;
	nsm_attest_fn attest;
	void *userdata;
};

void nsm_start(struct nsm *nsm, const char *module_id, const struct pcr boot[static PCR_BOOT_COUNT],
	       bool debug);
size_t nsm_answer(struct nsm *nsm, const void *request, size_t size, void *response, size_t room);

#endif
