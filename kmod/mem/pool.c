// SPDX-License-Identifier: GPL-2.0
/* The pool: blocks that were taken out of the host's kernel, what of them is free, and
 * the thread that takes and gives back until there are as many as there should be.
 */

#include "pool.h"

#include <linux/kthread.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netlink.h>
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/timer.h>
#include <linux/wait.h>

#include "alloc.h"
#include "block.h"
#include "netlink.h"
#include "state.h"

/* What moves out of a block has so long. The kernel itself would try for ever. */
#define TAKE_TIMEOUT	(20 * HZ)

/* The host keeps so much memory that is available */
#define HOST_KEEPS	SZ_256M

/* What could not be erased is tried again so often */
#define ERASE_AGAIN	HZ

static char *reserved;
module_param(reserved, charp, 0444);
MODULE_PARM_DESC(reserved,
		 "memory that memmap= has reserved, in its words: SIZE$ADDRESS");

/* Protects all below but skipped and short_of_memory, which the thread writes; nests
 * inside the lock of the guests. Not held while a block moves: only the thread moves
 * blocks.
 */
static DEFINE_MUTEX(pool_lock);
static struct nitro_mem_alloc pool;
static LIST_HEAD(blocks);
static LIST_HEAD(unerased);
static u64 pool_size;
static u64 reserved_size;
static u64 target;
static int target_node = NUMA_NO_NODE;
static unsigned int generation;	/* of target; read without the lock, too */
static unsigned int settled;	/* the generation that was dealt with */
static u32 skipped;
static bool short_of_memory;

static struct task_struct *thread;
static DECLARE_WAIT_QUEUE_HEAD(thread_wait);
static bool thread_awake;

static void wake_thread(void)
{
	WRITE_ONCE(thread_awake, true);
	wake_up_interruptible(&thread_wait);
}

static enum nitro_mem_pool_state wanted(void)
{
	lockdep_assert_held(&pool_lock);
	return nitro_mem_state_of_pool(pool_size, target,
				       memory_block_size_bytes());
}

/* The pool holds the module as long as it has anything of the kernel's */
static void change_size(s64 by)
{
	lockdep_assert_held(&pool_lock);
	if (pool_size == reserved_size)
		__module_get(THIS_MODULE);
	pool_size += by;
	if (pool_size == reserved_size)
		module_put(THIS_MODULE);
}

static int enlist(struct nitro_mem_block *block)
{
	int err;

	lockdep_assert_held(&pool_lock);
	err = nitro_mem_alloc_add(&pool, block->start >> NITRO_MEM_GRAIN_SHIFT,
				  block->size >> NITRO_MEM_GRAIN_SHIFT,
				  block->node);
	if (!err)
		list_add(&block->list, &blocks);
	return err;
}

static void give_up(const struct nitro_mem_block *block)
{
	pr_err("nitro_mem: the memory at %pa is lost until the host restarts\n",
	       &block->start);
}

/* --- growing --- */

static bool timed_out;

static void out_of_time(struct timer_list *timer)
{
	WRITE_ONCE(timed_out, true);
	send_sig(SIGTERM, thread, 1);
}

static DEFINE_TIMER(take_timer, out_of_time);

static int take_block(const struct nitro_mem_candidate *candidate)
{
	struct nitro_mem_block *block = kzalloc(sizeof(*block), GFP_KERNEL);
	int err;

	if (!block)
		return -ENOMEM;
	block->start = candidate->start;
	block->size = memory_block_size_bytes();
	block->node = candidate->node;
	WRITE_ONCE(timed_out, false);
	mod_timer(&take_timer, jiffies + TAKE_TIMEOUT);
	err = nitro_mem_block_take(block);
	timer_delete_sync(&take_timer);
	flush_signals(current);
	if (err)
		goto err_free;
	mutex_lock(&pool_lock);
	err = enlist(block);
	if (!err)
		change_size(block->size);
	mutex_unlock(&pool_lock);
	if (!err)
		return 0;
	if (nitro_mem_block_give(block)) {
		give_up(block);
		return err;
	}
err_free:
	kfree(block);
	return err;
}

static bool host_is_short(void)
{
	return ((u64)si_mem_available() << PAGE_SHIFT) <
	       memory_block_size_bytes() + HOST_KEEPS;
}

static bool goes_on(unsigned int of, enum nitro_mem_pool_state state)
{
	bool yes;

	mutex_lock(&pool_lock);
	yes = generation == of && wanted() == state && !kthread_should_stop();
	mutex_unlock(&pool_lock);
	return yes;
}

static void grow(unsigned int of, int node)
{
	struct nitro_mem_candidate *candidates;
	size_t n, i;
	int err;

	if (nitro_mem_block_candidates(node, &candidates, &n))
		return;
	for (i = 0; i < n && goes_on(of, NITRO_MEM_POOL_STATE_GROWING); i++) {
		if (host_is_short()) {
			WRITE_ONCE(short_of_memory, true);
			break;
		}
		/* A signal that was meant for the block before is no verdict */
		do {
			err = take_block(&candidates[i]);
		} while (err == -EINTR && !READ_ONCE(timed_out) &&
			 goes_on(of, NITRO_MEM_POOL_STATE_GROWING));
		if (err)
			WRITE_ONCE(skipped, skipped + 1);
	}
	kvfree(candidates);
}

/* --- shrinking --- */

/* A block that has no guest in it, if there is one: no guest gets it any more */
static struct nitro_mem_block *delist(int node)
{
	struct nitro_mem_block *block;

	lockdep_assert_held(&pool_lock);
	list_for_each_entry(block, &blocks, list) {
		if (block->reserved ||
		    (node != NUMA_NO_NODE && block->node != node) ||
		    nitro_mem_alloc_remove(&pool,
					   block->start >> NITRO_MEM_GRAIN_SHIFT,
					   block->size >> NITRO_MEM_GRAIN_SHIFT))
			continue;
		list_del(&block->list);
		return block;
	}
	return NULL;
}

static void shrink(unsigned int of, int node)
{
	struct nitro_mem_block *block;
	int err;

	while (goes_on(of, NITRO_MEM_POOL_STATE_SHRINKING)) {
		mutex_lock(&pool_lock);
		block = delist(node);
		mutex_unlock(&pool_lock);
		if (!block)
			return;
		err = nitro_mem_block_give(block);
		mutex_lock(&pool_lock);
		if (!err)
			change_size(-(s64)block->size);
		else if (enlist(block))
			give_up(block);
		mutex_unlock(&pool_lock);
		if (err)
			return;
		kfree(block);
	}
}

/* --- the thread --- */

static int erase(struct list_head *extents)
{
	struct nitro_mem_extent *e;
	int err = 0;

	list_for_each_entry(e, extents, list) {
		err = nitro_mem_block_erase(e->start << NITRO_MEM_GRAIN_SHIFT,
					    e->count << NITRO_MEM_GRAIN_SHIFT);
		if (err)
			break;
	}
	return err;
}

/* Return: whether there is something that is to be tried again */
static bool erase_again(void)
{
	LIST_HEAD(extents);
	bool left;

	mutex_lock(&pool_lock);
	list_splice_init(&unerased, &extents);
	mutex_unlock(&pool_lock);
	if (list_empty(&extents))
		return false;
	left = erase(&extents);
	mutex_lock(&pool_lock);
	if (left)
		list_splice(&extents, &unerased);
	else
		nitro_mem_alloc_give(&pool, &extents);
	mutex_unlock(&pool_lock);
	return left;
}

static void follow_target(void)
{
	enum nitro_mem_pool_state state;
	bool new, tell;
	unsigned int of;
	u64 before;
	int node;

	mutex_lock(&pool_lock);
	of = generation;
	new = of != settled;
	node = target_node;
	state = wanted();
	before = pool_size;
	if (new) {
		WRITE_ONCE(skipped, 0);
		WRITE_ONCE(short_of_memory, false);
	}
	mutex_unlock(&pool_lock);

	/* What could not be taken is left alone until somebody asks again */
	if (state == NITRO_MEM_POOL_STATE_GROWING && new)
		grow(of, node);
	else if (state == NITRO_MEM_POOL_STATE_SHRINKING)
		shrink(of, node);

	mutex_lock(&pool_lock);
	if (generation == of)
		settled = of;
	tell = generation == of && (new || pool_size != before);
	mutex_unlock(&pool_lock);
	if (tell)
		nitro_mem_netlink_settled();
}

static int run(void *data)
{
	long again = MAX_SCHEDULE_TIMEOUT;

	allow_signal(SIGTERM);
	while (!kthread_should_stop()) {
		wait_event_interruptible_timeout(thread_wait,
						 READ_ONCE(thread_awake) ||
						 kthread_should_stop(), again);
		flush_signals(current);
		WRITE_ONCE(thread_awake, false);
		again = erase_again() ? ERASE_AGAIN : MAX_SCHEDULE_TIMEOUT;
		do {
			follow_target();
		} while (READ_ONCE(generation) != READ_ONCE(settled) &&
			 !kthread_should_stop());
	}
	return 0;
}

/* --- for others --- */

/**
 * nitro_mem_pool_set() - say how large the pool should be
 * @bytes: that
 * @node: change it on this NUMA node only, or NUMA_NO_NODE
 * @extack: says why not
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_mem_pool_set(u64 bytes, int node, struct netlink_ext_ack *extack)
{
	u64 all = (u64)totalram_pages() << PAGE_SHIFT;

	if (node != NUMA_NO_NODE && (node >= nr_node_ids || !node_online(node))) {
		NL_SET_ERR_MSG_FMT(extack, "there is no NUMA node %d", node);
		return -EINVAL;
	}
	mutex_lock(&pool_lock);
	if (bytes > pool_size && bytes - pool_size > all) {
		mutex_unlock(&pool_lock);
		NL_SET_ERR_MSG_FMT(extack, "the host has %llu MiB of memory",
				   all >> 20);
		return -ERANGE;
	}
	if (bytes < reserved_size) {
		NL_SET_ERR_MSG_FMT(extack,
				   "%llu MiB were reserved at boot, and stay",
				   reserved_size >> 20);
		mutex_unlock(&pool_lock);
		return -ERANGE;
	}
	target = bytes;
	target_node = node;
	WRITE_ONCE(generation, generation + 1);
	mutex_unlock(&pool_lock);
	/* Whatever it is trying, it is not wanted any more */
	send_sig(SIGTERM, thread, 1);
	wake_thread();
	return 0;
}

/**
 * nitro_mem_pool_get() - what of the pool?
 * @ret: gets it
 *
 * Context: may sleep.
 */
void nitro_mem_pool_get(struct nitro_mem_pool_info *ret)
{
	struct nitro_mem_extent *e;

	mutex_lock(&pool_lock);
	*ret = (struct nitro_mem_pool_info) {
		.target = target,
		.size = pool_size,
		.free = pool.free << NITRO_MEM_GRAIN_SHIFT,
		.largest = nitro_mem_alloc_largest(&pool, NUMA_NO_NODE)
			   << NITRO_MEM_GRAIN_SHIFT,
		.reserved = reserved_size,
		.block = memory_block_size_bytes(),
		.skipped = READ_ONCE(skipped),
		.short_of_memory = READ_ONCE(short_of_memory),
		.state = wanted(),
	};
	/* It has given up */
	if (ret->state == NITRO_MEM_POOL_STATE_GROWING && generation == settled)
		ret->state = NITRO_MEM_POOL_STATE_SETTLED;
	list_for_each_entry(e, &unerased, list)
		ret->unerased += e->count << NITRO_MEM_GRAIN_SHIFT;
	mutex_unlock(&pool_lock);
}

/**
 * nitro_mem_pool_get_node() - what of the pool is on a NUMA node?
 * @node: the node
 * @ret: gets it
 *
 * Context: may sleep.
 * Return: whether there is any.
 */
bool nitro_mem_pool_get_node(int node, struct nitro_mem_node_info *ret)
{
	struct nitro_mem_block *block;

	*ret = (struct nitro_mem_node_info) {};
	mutex_lock(&pool_lock);
	list_for_each_entry(block, &blocks, list)
		if (block->node == node)
			ret->size += block->size;
	ret->free = nitro_mem_alloc_free(&pool, node) << NITRO_MEM_GRAIN_SHIFT;
	ret->largest = nitro_mem_alloc_largest(&pool, node)
		       << NITRO_MEM_GRAIN_SHIFT;
	mutex_unlock(&pool_lock);
	return ret->size;
}

/**
 * nitro_mem_pool_take() - take memory for a guest
 * @size: bytes, a multiple of a grain
 * @node: of this NUMA node only, or NUMA_NO_NODE
 * @extents: an empty list, gets the ranges
 * @extack: says why not
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_mem_pool_take(u64 size, int node, struct list_head *extents,
			struct netlink_ext_ack *extack)
{
	u64 free;
	int err;

	mutex_lock(&pool_lock);
	free = nitro_mem_alloc_free(&pool, node) << NITRO_MEM_GRAIN_SHIFT;
	if (!nitro_mem_state_has_room(pool_size, target,
				      memory_block_size_bytes(),
				      pool.free << NITRO_MEM_GRAIN_SHIFT, size))
		err = -ENOSPC;
	else
		err = nitro_mem_alloc_take(&pool, size >> NITRO_MEM_GRAIN_SHIFT,
					   node, extents);
	mutex_unlock(&pool_lock);
	if (err == -ENOSPC)
		NL_SET_ERR_MSG_FMT(extack, "%llu MiB are free in the pool",
				   free >> 20);
	return err;
}

/**
 * nitro_mem_pool_give() - give memory of a guest back
 * @extents: the ranges; empty afterwards
 * @dirty: it was mapped, and is to be erased
 *
 * Context: may sleep; long.
 */
void nitro_mem_pool_give(struct list_head *extents, bool dirty)
{
	bool failed = dirty && erase(extents);

	mutex_lock(&pool_lock);
	if (failed)
		list_splice_init(extents, &unerased);
	else
		nitro_mem_alloc_give(&pool, extents);
	mutex_unlock(&pool_lock);
	wake_thread();
}

/* Without struct pages it would be in no image, and guests would find other memory */
static int on_sleep(struct notifier_block *nb, unsigned long action, void *data)
{
	bool any;

	if (action != PM_HIBERNATION_PREPARE)
		return NOTIFY_DONE;
	mutex_lock(&pool_lock);
	any = pool_size;
	mutex_unlock(&pool_lock);
	if (!any)
		return NOTIFY_DONE;
	pr_warn("nitro_mem: no hibernation: the memory of guests is in no image\n");
	return NOTIFY_BAD;
}

static struct notifier_block sleep_notifier = { .notifier_call = on_sleep };

/* As memmap= has it: SIZE$ADDRESS */
static int __init reserve(void)
{
	struct nitro_mem_block *block;
	char *rest;
	u64 size;
	int err;

	if (!reserved || !*reserved)
		return 0;
	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	size = memparse(reserved, &rest);
	block->reserved = true;
	block->size = size;
	block->start = *rest == '$' ? memparse(rest + 1, &rest) : 0;
	err = -EINVAL;
	if (*rest || !size || !IS_ALIGNED(size, NITRO_MEM_GRAIN_SIZE) ||
	    !IS_ALIGNED(block->start, NITRO_MEM_GRAIN_SIZE))
		goto err_free;
	block->node = memory_add_physaddr_to_nid(block->start);
	err = nitro_mem_block_reserve(block);
	if (err)
		goto err_free;
	mutex_lock(&pool_lock);
	err = enlist(block);
	if (!err)
		pool_size = reserved_size = target = size;
	mutex_unlock(&pool_lock);
	if (!err)
		return 0;
	nitro_mem_block_abandon(block);
err_free:
	pr_err("nitro_mem: reserved=%s: this was not reserved by memmap=, or makes no sense\n",
	       reserved);
	kfree(block);
	return err;
}

/**
 * nitro_mem_pool_init() - begin with what was reserved at boot, or nothing
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_mem_pool_init(void)
{
	int err;

	nitro_mem_alloc_init(&pool);
	thread = kthread_run(run, NULL, "nitro_mem");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	err = register_pm_notifier(&sleep_notifier);
	if (err)
		goto err_thread;
	err = reserve();
	if (err)
		goto err_notifier;
	return 0;

err_notifier:
	unregister_pm_notifier(&sleep_notifier);
err_thread:
	kthread_stop(thread);
	return err;
}

/**
 * nitro_mem_pool_exit() - end; there is nothing left but what was reserved at boot
 *
 * Context: module unload; may sleep.
 */
void nitro_mem_pool_exit(void)
{
	struct nitro_mem_block *block, *next;

	unregister_pm_notifier(&sleep_notifier);
	kthread_stop(thread);
	list_for_each_entry_safe(block, next, &blocks, list) {
		nitro_mem_block_abandon(block);
		kfree(block);
	}
	nitro_mem_alloc_exit(&pool);
}
