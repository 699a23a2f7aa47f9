/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_GUEST_H
#define _NITRO_MEM_GUEST_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <uapi/linux/nitro_mem.h>

#include "opener.h"

struct file;
struct netlink_ext_ack;

/**
 * struct nitro_mem_run - contiguous memory of a guest
 * @offset: its first grain, as the guest counts
 * @start: the same, of the host's memory
 * @count: how many grains
 */
struct nitro_mem_run {
	u64 offset;
	u64 start;
	u64 count;
};

/**
 * struct nitro_mem_guest - the memory of a guest
 * @id: its number
 * @name: what it is called
 * @size: bytes
 * @lock: protects @state and @openers; nests inside mmap_lock, nothing inside it
 * @state: how far it is
 * @openers: the processes that open it; references on their address spaces' structures
 * @extents: its ranges
 * @n: how many
 * @runs: they, for looking up by offset; immutable, as all that is not said above
 */
struct nitro_mem_guest {
	u32 id;
	char name[NITRO_MEM_NAME_MAX + 1];
	u64 size;
	struct mutex lock;	/* see above */
	enum nitro_mem_guest_state state;
	struct nitro_mem_openers openers;
	struct list_head extents;
	u32 n;
	struct nitro_mem_run *runs;
};

/**
 * struct nitro_mem_guest_info - what there is to say of a guest
 * @id: its number
 * @name: what it is called
 * @size: bytes
 * @state: how far it is
 * @ranges: how many ranges
 * @huge: bytes in whole huge pages
 * @openers: how many processes open it
 */
struct nitro_mem_guest_info {
	u32 id;
	char name[NITRO_MEM_NAME_MAX + 1];
	u64 size;
	enum nitro_mem_guest_state state;
	u32 ranges;
	u64 huge;
	u32 openers;
};

struct file *nitro_mem_guest_create(const char *name, u64 size, int node,
				    u32 openers,
				    struct nitro_mem_guest_info *ret,
				    struct netlink_ext_ack *extack);
bool nitro_mem_guest_get(unsigned long from, bool exact,
			 struct nitro_mem_guest_info *ret);
u32 nitro_mem_guest_count(void);
const struct nitro_mem_run *
nitro_mem_guest_run(const struct nitro_mem_guest *guest, u64 grain);
int nitro_mem_guest_map(struct nitro_mem_guest *guest);
int nitro_mem_guest_init(void);
void nitro_mem_guest_exit(void);

#endif
