/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_ALLOC_H
#define _NITRO_MEM_ALLOC_H

#include <linux/list.h>
#include <linux/sizes.h>
#include <linux/types.h>

/* What is allocated is counted in grains: what one entry of a page table's second
 * level maps. A huge page is what one of the third level maps.
 */
#define NITRO_MEM_GRAIN_SHIFT	21
#define NITRO_MEM_GRAIN_SIZE	SZ_2M
#define NITRO_MEM_HUGE		(SZ_1G / SZ_2M)

/**
 * struct nitro_mem_extent - a range of memory
 * @list: among those that are free, by address; or of what was taken, in the order in
 *	which it was
 * @start: its first grain
 * @count: how many
 * @node: the NUMA node that it lies on
 */
struct nitro_mem_extent {
	struct list_head list;
	u64 start;
	u64 count;
	int node;
};

/**
 * struct nitro_mem_alloc - memory that is free
 * @extents: ranges, by address; no two of one node touch
 * @free: grains in them
 *
 * Whoever calls serialises.
 */
struct nitro_mem_alloc {
	struct list_head extents;
	u64 free;
};

void nitro_mem_alloc_init(struct nitro_mem_alloc *alloc);
void nitro_mem_alloc_exit(struct nitro_mem_alloc *alloc);
int nitro_mem_alloc_add(struct nitro_mem_alloc *alloc, u64 start, u64 count,
			int node);
int nitro_mem_alloc_remove(struct nitro_mem_alloc *alloc, u64 start, u64 count);
int nitro_mem_alloc_take(struct nitro_mem_alloc *alloc, u64 count, int node,
			 struct list_head *taken);
void nitro_mem_alloc_give(struct nitro_mem_alloc *alloc,
			  struct list_head *taken);
u64 nitro_mem_alloc_free(const struct nitro_mem_alloc *alloc, int node);
u64 nitro_mem_alloc_largest(const struct nitro_mem_alloc *alloc, int node);

#endif
