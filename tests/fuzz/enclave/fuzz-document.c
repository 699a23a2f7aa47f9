// SPDX-License-Identifier: GPL-2.0
/* Documents from anywhere. The chain is not in it: that is OpenSSL's. */

#include <openssl/ec.h>
#include <stdlib.h>

#include "cose.h"
#include "document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct blob *blob, size_t most, const uint8_t *data, size_t size)
{
	if (blob->present && (blob->size > most || blob->data < data ||
			      blob->data + blob->size > data + size))
		abort();
}

/* Nobody has signed it with a key that is new; what that key signs is right, and only that */
static void check_signature(const struct cose *cose)
{
	static uint8_t message[16384];
	static EVP_PKEY *key;
	struct item_writer w = { .data = message, .room = sizeof(message) };
	struct cose again;
	struct why why;

	if (!key)
		key = EVP_EC_gen("P-384");
	if (!key || !cose_verify(cose, key, &why))
		abort();
	if (cose_sign(key, cose->payload, cose->payload_size, &w, &why))
		return;
	if (cose_read(message, w.n, &again, &why) || cose_verify(&again, key, &why))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct document d;
	uint8_t again[PAYLOAD_MAX];
	struct item_writer w = { .data = again, .room = sizeof(again) };
	struct cose cose;
	struct why why;

	if (cose_read(data, size, &cose, &why))
		return 0;
	check_signature(&cose);
	if (document_read(cose.payload, cose.payload_size, &d, &why))
		return 0;
	check(&d.what.user_data, USER_DATA_MAX, data, size);
	check(&d.what.nonce, NONCE_MAX, data, size);
	check(&d.what.public_key, PUBLIC_KEY_MAX, data, size);
	check(&d.certificate, CERTIFICATE_MAX, data, size);
	for (size_t i = 0; i < d.n_bundle; i++)
		check(&d.bundle[i], CERTIFICATE_MAX, data, size);
	/* What was read can be written, and is read again */
	document_write(&d, &w);
	if (!w.full && document_read(again, w.n, &d, &why))
		abort();
	return 0;
}
