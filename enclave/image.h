/* SPDX-License-Identifier: GPL-2.0 */
/* Files as they were at one moment, which nobody can change any more. */
#ifndef _NITRO_ENCLAVE_IMAGE_H
#define _NITRO_ENCLAVE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "why.h"

/**
 * struct image - a sealed copy of a file
 * @fd: a memfd sealed against every change
 * @data: its contents
 * @size: their size
 */
struct image {
	int fd;
	const uint8_t *data;
	size_t size;
};

int image_fill(int fd, size_t most, struct image *image, struct why *why);
int image_load(int fd, size_t most, struct image *image, struct why *why);
int image_open(const char *path, size_t most, struct image *image, struct why *why);
void image_close(struct image *image);

#endif
