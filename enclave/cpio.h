/* SPDX-License-Identifier: GPL-2.0 */
/* Archives that Linux unpacks as its initial ramdisk, the same for the same files. */
#ifndef _NITRO_ENCLAVE_CPIO_H
#define _NITRO_ENCLAVE_CPIO_H

#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "image.h"

/* An archive that is being written */
struct cpio {
	FILE *file;
	uint32_t entries;
	size_t size;
};

int cpio_begin(struct cpio *cpio, struct why *why);
int cpio_add(struct cpio *cpio, const char *name, mode_t mode, const void *data, size_t size,
	     struct why *why);
int cpio_add_tree(struct cpio *cpio, const char *dir, const char *prefix, struct why *why);
int cpio_end(struct cpio *cpio, struct image *image, struct why *why);
void cpio_abort(struct cpio *cpio);

#endif
