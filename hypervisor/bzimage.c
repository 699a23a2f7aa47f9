// SPDX-License-Identifier: GPL-2.0
/*
 * bzImage, by the 64-bit boot protocol of Linux (Documentation/arch/x86/boot.rst). The
 * image comes from whoever runs the guest and is not trusted.
 */

#include <stddef.h>
#include <string.h>

#include "kernel.h"
#include "layout.h"

#define SETUP_HEADER 0x1f1
#define BOOT_FLAG 0xaa55
#define HEADER_MAGIC 0x53726448		/* "HdrS" */
#define VERSION_MIN 0x020c		/* xloadflags */
#define SECTOR 512
#define ENTRY_64 0x200

static const char *check_header(const struct setup_header *h)
{
	if (h->boot_flag != BOOT_FLAG || h->header != HEADER_MAGIC)
		return "is no bzImage and no ELF file";
	if (h->version < VERSION_MIN || !(h->xloadflags & XLF_KERNEL_64))
		return "has no 64-bit entry";
	if (!(h->loadflags & LOADED_HIGH))
		return "does not load high";
	if (!h->cmdline_size)
		return "takes no command line";
	return NULL;
}

/**
 * bzimage_load - put a bzImage into the guest's memory
 * @image: the kernel
 * @memory: the guest's RAM
 * @ret: how it wants to be started
 *
 * Return: NULL, or what is wrong with it.
 */
const char *bzimage_load(const struct image *image, const struct memory *memory,
			 struct kernel *ret)
{
	uint64_t offset, size, need, at;
	struct setup_header h = {};
	const char *why;
	uint8_t length;

	/* The jump over the header says how long it is */
	if (!image_read(image, SETUP_HEADER + offsetof(struct setup_header, jump) + 1,
			&length, sizeof(length)))
		return "is no bzImage and no ELF file";
	size = offsetof(struct setup_header, header) + length;
	if (!image_read(image, SETUP_HEADER, &h, size < sizeof(h) ? size : sizeof(h)))
		return "is cut off";
	why = check_header(&h);
	if (why)
		return why;
	offset = ((h.setup_sects ? h.setup_sects : 4) + 1) * SECTOR;
	if (offset >= image->size || image->size - offset <= ENTRY_64)
		return "is cut off";
	size = image->size - offset;
	need = size > h.init_size ? size : h.init_size;
	at = h.pref_address;
	if (at < HIGH_RAM_ADDR || at >= memory->low || !memory_at(memory, at, need))
		return "does not fit into the guest's memory";
	if (!image_load(image, offset, memory, at, size))
		return "cannot be read";
	*ret = (struct kernel){
		.entry = at + ENTRY_64, .end = at + need, .initrd_max = h.initrd_addr_max,
		.cmdline_max = h.cmdline_size, .header = h,
	};
	return NULL;
}
