/* SPDX-License-Identifier: GPL-2.0 */
/* The memory of instances: the pool of nitro_mem, and what it should be. */
#ifndef _NITRO_MEMORY_H
#define _NITRO_MEMORY_H

#include "manager.h"

struct nl_sock;

/**
 * struct kpool - the pool as the kernel has it, in bytes
 * @target: what it should have
 * @size: what it has
 * @free: what is no guest's
 * @largest: the largest free range
 * @reserved: what was reserved at boot
 * @unerased: what waits to be erased
 * @block: what it grows and shrinks by
 * @skipped: blocks that could not be had
 * @state: enum nitro_mem_pool_state
 * @guests: how many have memory of it
 * @short_of_memory: it did not grow further for the host's sake
 */
struct kpool {
	uint64_t target, size, free, largest, reserved, unerased, block;
	uint32_t skipped, state, guests;
	bool short_of_memory;
};

/**
 * struct kguest - a guest of the pool
 * @id: its number
 * @name: the instance's ID
 * @size: bytes
 * @ranges: how many ranges of memory it has
 * @huge: bytes of it in whole pages of 1 GiB
 * @state: enum nitro_mem_guest_state
 * @fd: of what was created
 */
struct kguest {
	uint32_t id, ranges, state;
	char name[64];
	uint64_t size, huge;
	int fd;
};

/**
 * struct memory - what is known of nitro_mem
 * @genl: requests; NULL while the module is absent or not needed
 * @events: multicast
 * @family: number of the family
 * @source: watches @events
 * @timer: looks after the pool
 * @pool: bytes that it should have; 0: none is set
 * @problem: why it is not there although it is set, or NULL
 * @waiting: connections that wait until the pool has done what it can
 * @n: how many
 * @cap: room for
 */
struct memory {
	struct nl_sock *genl, *events;
	int family;
	sd_event_source *source, *timer;
	uint64_t pool;
	char *problem;
	struct sd_varlink **waiting;
	size_t n, cap;
};

/* memory.c */
int memory_start(struct manager *m, struct error *e);
void memory_stop(struct manager *m);
int memory_set(struct manager *m, uint64_t pool, struct error *e);
int memory_wait(struct manager *m, struct sd_varlink *link, struct error *e);
void memory_forget(struct manager *m, const struct sd_varlink *link);
int memory_show(struct manager *m, sd_json_variant **ret, struct error *e);
bool memory_is_set(struct manager *m);
int memory_check(struct manager *m, const struct object *instance, struct error *e);
int memory_make(const struct object *instance, struct error *e);
int memory_give(struct manager *m, const struct object *instance, struct error *e);
bool memory_has(struct manager *m, const char *id);
void memory_problems(struct manager *m, struct json_list *list);

/* nl-mem.c */
typedef void (*mem_settled_fn)(void *userdata);
typedef void (*mem_guest_fn)(const struct kguest *guest, void *userdata);

int mem_open(struct memory *k, struct error *e);
void mem_close(struct memory *k);
int mem_pool_set(struct memory *k, uint64_t target, struct error *e);
int mem_pool_get(struct memory *k, struct kpool *ret, struct error *e);
int mem_create(struct memory *k, const char *name, uint64_t size, uint32_t openers,
	       struct kguest *ret, struct error *e);
int mem_dump(struct memory *k, mem_guest_fn fn, void *userdata, struct error *e);
int mem_events_fd(struct memory *k);
void mem_events_read(struct memory *k, mem_settled_fn settled, void *userdata);

#endif
