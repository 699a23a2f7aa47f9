// SPDX-License-Identifier: GPL-2.0
/* A kernel is a bzImage or an ELF file with a PVH entry. */

#include <elf.h>
#include <string.h>

#include "kernel.h"

/**
 * kernel_load - put a kernel into the guest's memory
 * @image: the kernel
 * @memory: the guest's RAM
 * @ret: how it wants to be started
 *
 * Return: NULL, or what is wrong with it.
 */
const char *kernel_load(const struct image *image, const struct memory *memory,
			struct kernel *ret)
{
	char magic[SELFMAG];

	if (!image_read(image, 0, magic, sizeof(magic)))
		return "is empty";
	if (!memcmp(magic, ELFMAG, SELFMAG))
		return elf_load(image, memory, ret);
	return bzimage_load(image, memory, ret);
}
