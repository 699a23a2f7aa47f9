/* SPDX-License-Identifier: GPL-2.0 */
/* Platform configuration registers: SHA-384 values that can only be extended. */
#ifndef _NITRO_ENCLAVE_PCR_H
#define _NITRO_ENCLAVE_PCR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

#define PCR_SIZE 48
#define PCR_COUNT 32
/* Those below are filled and locked before the enclave's first instruction */
#define PCR_BOOT_COUNT 16

enum {
	PCR_IMAGE = 0,		/* kernel, command line and all ramdisks */
	PCR_BOOTSTRAP = 1,	/* kernel, command line and the first ramdisk */
	PCR_APPLICATION = 2,	/* the other ramdisks */
	PCR_PARENT_ROLE = 3,
	PCR_PARENT_ID = 4,
	PCR_HOST_MODULES = 5,	/* ours, by their contents */
	PCR_HOST_KERNEL = 6,	/* release and version of the kernel, its lockdown */
	PCR_HOST_CPU = 7,	/* what the kernel says of the processor's weaknesses */
	PCR_SIGNER = 8,		/* certificate that the image is signed with */
};

struct pcr {
	uint8_t value[PCR_SIZE];
};

/* A piece of what is hashed */
struct piece {
	const void *data;
	size_t size;
};

#define PCR_HEX_SIZE (2 * PCR_SIZE + 1)

int sha384(const struct piece *pieces, size_t n, struct pcr *to);
int sha384_prefix(const struct piece *pieces, size_t n, size_t first, struct pcr *to,
		  struct pcr *prefix);
int pcr_extend(struct pcr *pcr, const void *data, size_t size);
void pcr_hex(const struct pcr *pcr, char to[static PCR_HEX_SIZE]);
bool pcr_is_zero(const struct pcr *pcr);
int hex_read(const char *text, uint8_t *to, size_t room, size_t *n);
void hex_write(const void *data, size_t size, char *to);

#endif
