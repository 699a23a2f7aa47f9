/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_POOL_H
#define _NITRO_MEM_POOL_H

#include <linux/list.h>
#include <linux/types.h>
#include <uapi/linux/nitro_mem.h>

struct netlink_ext_ack;

/**
 * struct nitro_mem_pool_info - what there is to say of the pool
 * @target: bytes that it should have
 * @size: bytes that it has
 * @free: bytes that are no guest's
 * @largest: bytes of the largest free range
 * @reserved: bytes that were reserved at boot
 * @unerased: bytes that wait to be erased
 * @block: bytes that it grows and shrinks by
 * @skipped: blocks that the last set could not have
 * @short_of_memory: the last set ended before the host ran out of memory
 * @state: growing, shrinking or settled
 */
struct nitro_mem_pool_info {
	u64 target;
	u64 size;
	u64 free;
	u64 largest;
	u64 reserved;
	u64 unerased;
	u64 block;
	u32 skipped;
	bool short_of_memory;
	enum nitro_mem_pool_state state;
};

/**
 * struct nitro_mem_node_info - the same of a NUMA node
 * @size: bytes that are in the pool
 * @free: bytes that are no guest's
 * @largest: bytes of the largest free range
 */
struct nitro_mem_node_info {
	u64 size;
	u64 free;
	u64 largest;
};

int nitro_mem_pool_set(u64 target, int node, struct netlink_ext_ack *extack);
void nitro_mem_pool_get(struct nitro_mem_pool_info *ret);
bool nitro_mem_pool_get_node(int node, struct nitro_mem_node_info *ret);
int nitro_mem_pool_take(u64 size, int node, struct list_head *extents,
			struct netlink_ext_ack *extack);
void nitro_mem_pool_give(struct list_head *extents, bool erase);
int nitro_mem_pool_init(void);
void nitro_mem_pool_exit(void);

#endif
