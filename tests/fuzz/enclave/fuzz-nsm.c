// SPDX-License-Identifier: GPL-2.0
/* Requests from an enclave: requests one behind the other, with their lengths before them. */

#include <stdlib.h>
#include <string.h>

#include "item.h"
#include "nsm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(const struct nsm *nsm, const struct attestation *what, uint8_t *document,
		size_t room, size_t *size)
{
	(void)nsm;
	if (what->user_data.size > USER_DATA_MAX || what->nonce.size > NONCE_MAX ||
	    what->public_key.size > PUBLIC_KEY_MAX || room < USER_DATA_MAX)
		abort();
	*size = what->user_data.size;
	if (*size)
		memcpy(document, what->user_data.data, *size);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pcr boot[PCR_BOOT_COUNT] = { { { 1 } } };
	struct nsm nsm;

	nsm_start(&nsm, "i-1-enc2", boot, false);
	nsm.attest = sign;
	while (size > 2) {
		size_t room = data[0] & 1 ? NSM_RESPONSE_MAX : data[0], n = data[1];
		uint8_t *response = malloc(room ?: 1);
		struct item_reader r = { .p = response };

		data += 2;
		size -= 2;
		/* 0: all that is left */
		if (!n || n > size)
			n = size;
		r.n = nsm_answer(&nsm, data, n, response, room);
		/* What comes out is one item of CBOR, and what was locked stays as it was */
		if (r.n > room || (r.n && (item_skip(&r) || r.n)) ||
		    (nsm.locked & 0xffff) != 0xffff || memcmp(nsm.pcrs, boot, sizeof(boot)))
			abort();
		free(response);
		data += n;
		size -= n;
	}
	return 0;
}
