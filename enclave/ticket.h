/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a hypervisor asks the signing service for, over a socket that is the enclave's:
 * [{index: register, …}, user_data, nonce, public_key] in CBOR, with the registers from 16
 * on that are locked. The answer is the document as a byte string, or a text that says why not.
 */
#ifndef _NITRO_ENCLAVE_TICKET_H
#define _NITRO_ENCLAVE_TICKET_H

#include "document.h"
#include "nsm.h"

#define TICKET_MAX 4096
/* The document, and the head of its byte string */
#define TICKET_ANSWER_MAX (NSM_RESPONSE_MAX + 16)

void ticket_write(const struct nsm *nsm, const struct attestation *what, struct item_writer *w);
int ticket_read(const void *data, size_t size, struct document *document, struct why *why);
int ticket_attest(const struct nsm *nsm, const struct attestation *what, uint8_t *document,
		  size_t room, size_t *size);

#endif
