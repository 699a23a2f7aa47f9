/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_BLOCK_H
#define _NITRO_MEM_BLOCK_H

#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/types.h>

/**
 * struct nitro_mem_block - memory that the host's kernel does not have
 * @list: among those of the pool
 * @start: physical address
 * @size: bytes
 * @node: the NUMA node that it lies on
 * @reserved: it never was the kernel's
 * @resource: keeps others, and /dev/mem, away from it
 */
struct nitro_mem_block {
	struct list_head list;
	phys_addr_t start;
	u64 size;
	int node;
	bool reserved;
	struct resource resource;
};

/**
 * struct nitro_mem_candidate - a block that the host's kernel may be able to do without
 * @start: physical address
 * @node: its NUMA node
 * @rank: how many of its kind and node come before it
 * @movable: the kernel keeps it for what can be moved
 */
struct nitro_mem_candidate {
	phys_addr_t start;
	int node;
	unsigned int rank;
	bool movable;
};

int nitro_mem_block_candidates(int node, struct nitro_mem_candidate **ret,
			       size_t *ret_n);
int nitro_mem_block_take(struct nitro_mem_block *block);
int nitro_mem_block_reserve(struct nitro_mem_block *block);
int nitro_mem_block_give(struct nitro_mem_block *block);
void nitro_mem_block_abandon(struct nitro_mem_block *block);
int nitro_mem_block_erase(phys_addr_t start, u64 size);

#endif
