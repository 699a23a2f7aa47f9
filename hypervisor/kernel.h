/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_KERNEL_H
#define NITRO_HYPERVISOR_KERNEL_H

#include <asm/bootparam.h>
#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "memory.h"

/**
 * struct kernel - one that is loaded
 * @entry: its first instruction
 * @end: where the memory that it needs to begin with ends
 * @initrd_max: the last address that an initial RAM disk may have
 * @cmdline_max: how long its command line may be, without its end
 * @pvh: it begins in 32-bit mode, by the PVH protocol; otherwise in 64-bit mode
 * @header: of a bzImage
 */
struct kernel {
	uint64_t entry;
	uint64_t end;
	uint64_t initrd_max;
	uint32_t cmdline_max;
	bool pvh;
	struct setup_header header;
};

const char *bzimage_load(const struct image *image, const struct memory *memory,
			 struct kernel *ret);
const char *elf_load(const struct image *image, const struct memory *memory, struct kernel *ret);
const char *kernel_load(const struct image *image, const struct memory *memory,
			struct kernel *ret);

#endif
