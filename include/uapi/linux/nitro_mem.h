/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/nitro_mem.yaml */
/* YNL-GEN uapi header */

#ifndef _UAPI_LINUX_NITRO_MEM_H
#define _UAPI_LINUX_NITRO_MEM_H

#define NITRO_MEM_FAMILY_NAME		"nitro_mem"
#define NITRO_MEM_FAMILY_VERSION	1

#define NITRO_MEM_NAME_MAX	63
#define NITRO_MEM_GRAIN		2097152

/**
 * enum nitro_mem_pool_state
 * @NITRO_MEM_POOL_STATE_SETTLED: As large as it should be, or as large as it
 *   can be.
 * @NITRO_MEM_POOL_STATE_SHRINKING: Larger than it should be; what guests give
 *   back leaves the pool.
 */
enum nitro_mem_pool_state {
	NITRO_MEM_POOL_STATE_SETTLED,
	NITRO_MEM_POOL_STATE_GROWING,
	NITRO_MEM_POOL_STATE_SHRINKING,
};

/**
 * enum nitro_mem_guest_state
 * @NITRO_MEM_GUEST_STATE_CREATED: There is a descriptor, nobody has opened it.
 * @NITRO_MEM_GUEST_STATE_OPENED: A process has opened it, the only one that
 *   ever will.
 * @NITRO_MEM_GUEST_STATE_MAPPED: And has mapped it; it is sealed, there will
 *   be no other mapping.
 * @NITRO_MEM_GUEST_STATE_RELEASED: It has ended, and is being erased.
 */
enum nitro_mem_guest_state {
	NITRO_MEM_GUEST_STATE_CREATED,
	NITRO_MEM_GUEST_STATE_OPENED,
	NITRO_MEM_GUEST_STATE_MAPPED,
	NITRO_MEM_GUEST_STATE_RELEASED,
};

/**
 * enum nitro_mem_event_kind
 * @NITRO_MEM_EVENT_KIND_SETTLED: The pool has done what it could.
 * @NITRO_MEM_EVENT_KIND_RELEASE: A guest's memory is in the pool again.
 */
enum nitro_mem_event_kind {
	NITRO_MEM_EVENT_KIND_SETTLED,
	NITRO_MEM_EVENT_KIND_CREATE,
	NITRO_MEM_EVENT_KIND_MAP,
	NITRO_MEM_EVENT_KIND_RELEASE,
};

enum {
	NITRO_MEM_A_NODE_ID = 1,
	NITRO_MEM_A_NODE_SIZE,
	NITRO_MEM_A_NODE_FREE,
	NITRO_MEM_A_NODE_LARGEST,

	__NITRO_MEM_A_NODE_MAX,
	NITRO_MEM_A_NODE_MAX = (__NITRO_MEM_A_NODE_MAX - 1)
};

enum {
	NITRO_MEM_A_POOL_TARGET = 1,
	NITRO_MEM_A_POOL_NODE,
	NITRO_MEM_A_POOL_SIZE,
	NITRO_MEM_A_POOL_FREE,
	NITRO_MEM_A_POOL_LARGEST,
	NITRO_MEM_A_POOL_RESERVED,
	NITRO_MEM_A_POOL_UNERASED,
	NITRO_MEM_A_POOL_BLOCK_SIZE,
	NITRO_MEM_A_POOL_SKIPPED,
	NITRO_MEM_A_POOL_SHORT,
	NITRO_MEM_A_POOL_STATE,
	NITRO_MEM_A_POOL_GUESTS,
	NITRO_MEM_A_POOL_NODES,

	__NITRO_MEM_A_POOL_MAX,
	NITRO_MEM_A_POOL_MAX = (__NITRO_MEM_A_POOL_MAX - 1)
};

enum {
	NITRO_MEM_A_GUEST_ID = 1,
	NITRO_MEM_A_GUEST_NAME,
	NITRO_MEM_A_GUEST_SIZE,
	NITRO_MEM_A_GUEST_NODE,
	NITRO_MEM_A_GUEST_FD,
	NITRO_MEM_A_GUEST_STATE,
	NITRO_MEM_A_GUEST_RANGES,
	NITRO_MEM_A_GUEST_HUGE,

	__NITRO_MEM_A_GUEST_MAX,
	NITRO_MEM_A_GUEST_MAX = (__NITRO_MEM_A_GUEST_MAX - 1)
};

enum {
	NITRO_MEM_A_EVENT_KIND = 1,
	NITRO_MEM_A_EVENT_ID,
	NITRO_MEM_A_EVENT_NAME,
	NITRO_MEM_A_EVENT_SIZE,
	NITRO_MEM_A_EVENT_FREE,

	__NITRO_MEM_A_EVENT_MAX,
	NITRO_MEM_A_EVENT_MAX = (__NITRO_MEM_A_EVENT_MAX - 1)
};

enum {
	NITRO_MEM_CMD_POOL_SET = 1,
	NITRO_MEM_CMD_POOL_GET,
	NITRO_MEM_CMD_CREATE,
	NITRO_MEM_CMD_GET,
	NITRO_MEM_CMD_EVENT,

	__NITRO_MEM_CMD_MAX,
	NITRO_MEM_CMD_MAX = (__NITRO_MEM_CMD_MAX - 1)
};

#define NITRO_MEM_MCGRP_EVENTS	"events"

#endif /* _UAPI_LINUX_NITRO_MEM_H */
