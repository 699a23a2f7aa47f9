/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The integers that the kernel knows objects by. A key is an object's ID or
 * names something that is derived from objects ("policy:…", "main:…"). A
 * handle is never given twice, so a stale one in the kernel is seen as stale.
 */
#ifndef _NITRO_HANDLES_H
#define _NITRO_HANDLES_H

#include "store.h"

/* As many as nitro_vpc has numbers of ENIs at the service port */
#define HANDLE_NUMBERS 131070

struct handles {
	struct map by_key;	/* key -> handle */
	uint32_t last;
	struct strings added;	/* since the last handles_flush() */
	struct strings dropped;
};

uint32_t handles_get(struct handles *h, const char *key);
uint32_t handles_find(const struct handles *h, const char *key);
void handles_load(struct handles *h, const char *key, uint32_t handle);
void handles_restore(struct handles *h, const char *key, uint32_t handle);
void handles_drop(struct handles *h, const char *key);
void handles_sweep(struct handles *h, const char *prefix, const struct map *used);
int handles_flush(struct handles *h, struct store *s, struct error *e);
void handles_free(struct handles *h);

#endif
