/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_STATE_H
#define _NITRO_MEM_STATE_H

#include <linux/types.h>
#include <uapi/linux/nitro_mem.h>

/* May a guest in state @from get into state @to?
 *
 *	created -> opened -> mapped
 *	    \---------\---------\--> released
 *
 * Each is reached once: nobody opens or maps what somebody else had.
 */
static inline bool
nitro_mem_state_may_follow(enum nitro_mem_guest_state from,
			   enum nitro_mem_guest_state to)
{
	switch (to) {
	case NITRO_MEM_GUEST_STATE_OPENED:
		return from == NITRO_MEM_GUEST_STATE_CREATED;
	case NITRO_MEM_GUEST_STATE_MAPPED:
		return from == NITRO_MEM_GUEST_STATE_OPENED;
	case NITRO_MEM_GUEST_STATE_RELEASED:
		return from != NITRO_MEM_GUEST_STATE_RELEASED;
	default:
		return false;
	}
}

/* What has a pool of @size bytes to do to have @target? It grows by blocks until it has
 * as much, and gives back no block that it needs for that.
 */
static inline enum nitro_mem_pool_state
nitro_mem_state_of_pool(u64 size, u64 target, u64 block)
{
	if (size < target)
		return NITRO_MEM_POOL_STATE_GROWING;
	if (size - target >= block)
		return NITRO_MEM_POOL_STATE_SHRINKING;
	return NITRO_MEM_POOL_STATE_SETTLED;
}

/* May a guest have @need bytes of a pool? What is to leave the pool is not for guests. */
static inline bool
nitro_mem_state_has_room(u64 size, u64 target, u64 block, u64 free, u64 need)
{
	u64 leaving = 0;

	if (nitro_mem_state_of_pool(size, target, block) ==
	    NITRO_MEM_POOL_STATE_SHRINKING)
		leaving = size - target - (size - target) % block;
	return free >= leaving && free - leaving >= need;
}

#endif
