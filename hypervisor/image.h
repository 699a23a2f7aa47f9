/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_IMAGE_H
#define NITRO_HYPERVISOR_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

/**
 * struct image - a part of a file: a kernel, an initial RAM disk
 * @fd: the file
 * @offset: where it begins
 * @size: how long it is
 */
struct image {
	int fd;
	uint64_t offset;
	uint64_t size;
};

int image_parse(struct image *image, const char *text);
bool image_read(const struct image *image, uint64_t offset, void *to, uint64_t size);
bool image_load(const struct image *image, uint64_t offset, const struct memory *memory,
		uint64_t addr, uint64_t size);

#endif
