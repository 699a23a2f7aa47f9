// SPDX-License-Identifier: GPL-2.0
/* Documents from anywhere. The chain is not in it: that is OpenSSL's. */

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct document d;
	uint8_t again[PAYLOAD_MAX];
	struct item_writer w = { .data = again, .room = sizeof(again) };
	struct cose cose;
	struct why why;

	if (cose_read(data, size, &cose, &why) ||
	    document_read(cose.payload, cose.payload_size, &d, &why))
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
