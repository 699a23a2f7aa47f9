/* SPDX-License-Identifier: GPL-2.0 */
/* What the metadata service has for an ENI. */
#ifndef _NITRO_TREE_H
#define _NITRO_TREE_H

#include "services.h"

/**
 * struct content - what is at a path
 * @data: its bytes, owned
 * @size: how many
 * @json: it is a JSON document
 * @binary: it is what a user gave
 */
struct content {
	void *data;
	size_t size;
	bool json;
	bool binary;
};

bool tree_lookup(struct services *s, struct eni *eni, const char *path, struct content *ret);

#endif
