// SPDX-License-Identifier: GPL-2.0
/* Images from anywhere: whatever is read is measured, checked and described. */

#include <stdlib.h>

#include "describe.h"
#include "eif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sd_json_variant *described = NULL;
	char release[64];
	uint16_t flags;
	struct eif eif;
	struct why why;

	(void)eif_kernel(data, size, &flags, release, sizeof(release));
	if (eif_read(data, size, &eif, &why) < 0)
		return 0;
	/* What is said of it does not end outside it */
	for (unsigned int i = 0; i < eif.n; i++)
		if (eif.sections[i].data < data || eif.sections[i].size > size ||
		    eif.sections[i].data + eif.sections[i].size > data + size)
			abort();
	(void)eif_is_undamaged(&eif);
	(void)describe_image(&eif, 1700000000, &described, &why);
	sd_json_variant_unref(described);
	return 0;
}
