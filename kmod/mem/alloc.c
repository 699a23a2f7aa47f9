// SPDX-License-Identifier: GPL-2.0
/* Which memory a guest gets: one range if there is one that is large enough, the
 * smallest such, and at a multiple of a huge page if the guest fills one. Where there
 * is none it gets whole huge pages first, then the largest ranges. Memory of one node
 * if one has enough.
 */

#include "alloc.h"

#include <linux/errno.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/numa.h>
#include <linux/slab.h>

static u64 end_of(const struct nitro_mem_extent *e)
{
	return e->start + e->count;
}

static bool on_node(const struct nitro_mem_extent *e, int node)
{
	return node == NUMA_NO_NODE || e->node == node;
}

static u64 huge_start(const struct nitro_mem_extent *e)
{
	return round_up(e->start, NITRO_MEM_HUGE);
}

/* Grains of @e that lie in whole huge pages */
static u64 huge_count(const struct nitro_mem_extent *e)
{
	u64 start = huge_start(e), end = round_down(end_of(e), NITRO_MEM_HUGE);

	return end > start ? end - start : 0;
}

/* Would @count grains of @e be mapped by huge pages as far as can be? */
static bool fits_huge(const struct nitro_mem_extent *e, u64 count)
{
	return count < NITRO_MEM_HUGE || huge_start(e) + count <= end_of(e);
}

static struct nitro_mem_extent *best_fit(struct nitro_mem_alloc *alloc,
					 u64 count, int node)
{
	struct nitro_mem_extent *e, *best = NULL;

	list_for_each_entry(e, &alloc->extents, list) {
		if (!on_node(e, node) || e->count < count)
			continue;
		if (best && fits_huge(best, count) != fits_huge(e, count) ?
		    fits_huge(e, count) : !best || e->count < best->count)
			best = e;
	}
	return best;
}

static struct nitro_mem_extent *largest(const struct nitro_mem_alloc *alloc,
					int node)
{
	struct nitro_mem_extent *e, *best = NULL;

	list_for_each_entry(e, &alloc->extents, list)
		if (on_node(e, node) && (!best || e->count > best->count))
			best = e;
	return best;
}

static struct nitro_mem_extent *most_huge(const struct nitro_mem_alloc *alloc,
					  int node)
{
	struct nitro_mem_extent *e, *best = NULL;

	list_for_each_entry(e, &alloc->extents, list)
		if (on_node(e, node) && huge_count(e) &&
		    (!best || huge_count(e) > huge_count(best)))
			best = e;
	return best;
}

static struct nitro_mem_extent *new_extent(u64 start, u64 count, int node)
{
	struct nitro_mem_extent *e = kmalloc(sizeof(*e), GFP_KERNEL);

	if (!e)
		return NULL;
	INIT_LIST_HEAD(&e->list);
	e->start = start;
	e->count = count;
	e->node = node;
	return e;
}

/* Move @count grains from @start on, which lie in the free @e, to the end of @taken */
static int carve(struct nitro_mem_alloc *alloc, struct nitro_mem_extent *e,
		 u64 start, u64 count, struct list_head *taken)
{
	u64 end = start + count, e_end = end_of(e);
	struct nitro_mem_extent *middle, *tail;

	if (start == e->start && end == e_end) {
		list_move_tail(&e->list, taken);
		alloc->free -= count;
		return 0;
	}
	middle = new_extent(start, count, e->node);
	if (!middle)
		return -ENOMEM;
	if (start == e->start) {
		e->start = end;
		e->count = e_end - end;
	} else {
		if (end < e_end) {
			tail = new_extent(end, e_end - end, e->node);
			if (!tail) {
				kfree(middle);
				return -ENOMEM;
			}
			list_add(&tail->list, &e->list);
		}
		e->count = start - e->start;
	}
	list_add_tail(&middle->list, taken);
	alloc->free -= count;
	return 0;
}

/* The next part of @count grains */
static int take_some(struct nitro_mem_alloc *alloc, u64 count, int node,
		     struct list_head *taken, u64 *got)
{
	struct nitro_mem_extent *e = best_fit(alloc, count, node);
	u64 start;

	*got = count;
	if (e) {
		start = count >= NITRO_MEM_HUGE && fits_huge(e, count) ?
			huge_start(e) : e->start;
		return carve(alloc, e, start, count, taken);
	}
	e = count >= NITRO_MEM_HUGE ? most_huge(alloc, node) : NULL;
	if (e) {
		*got = min(huge_count(e), round_down(count, NITRO_MEM_HUGE));
		return carve(alloc, e, huge_start(e), *got, taken);
	}
	e = largest(alloc, node);
	if (!e)
		return -ENOSPC;
	*got = min(e->count, count);
	return carve(alloc, e, e->start, *got, taken);
}

/* A node that has all of it: a range if one has that, else as much as possible */
static int choose_node(struct nitro_mem_alloc *alloc, u64 count)
{
	struct nitro_mem_extent *e = best_fit(alloc, count, NUMA_NO_NODE);
	int node = NUMA_NO_NODE;
	u64 free, most = 0;

	if (e)
		return e->node;
	list_for_each_entry(e, &alloc->extents, list) {
		if (e->node == node)
			continue;
		free = nitro_mem_alloc_free(alloc, e->node);
		if (free >= count && free > most) {
			most = free;
			node = e->node;
		}
	}
	return node;
}

static void insert(struct nitro_mem_alloc *alloc, struct nitro_mem_extent *e)
{
	struct nitro_mem_extent *prev = NULL, *next;

	alloc->free += e->count;
	list_for_each_entry(next, &alloc->extents, list) {
		if (next->start > e->start)
			break;
		prev = next;
	}
	/* next is the head's if there is none: the end of the list */
	list_add_tail(&e->list, &next->list);
	if (!list_is_last(&e->list, &alloc->extents) && next->node == e->node &&
	    end_of(e) == next->start) {
		e->count += next->count;
		list_del(&next->list);
		kfree(next);
	}
	if (prev && prev->node == e->node && end_of(prev) == e->start) {
		prev->count += e->count;
		list_del(&e->list);
		kfree(e);
	}
}

/**
 * nitro_mem_alloc_init() - begin without memory
 * @alloc: what is free
 *
 * Context: any.
 */
void nitro_mem_alloc_init(struct nitro_mem_alloc *alloc)
{
	INIT_LIST_HEAD(&alloc->extents);
	alloc->free = 0;
}

/**
 * nitro_mem_alloc_exit() - forget what is free
 * @alloc: what is free
 *
 * Context: any.
 */
void nitro_mem_alloc_exit(struct nitro_mem_alloc *alloc)
{
	struct nitro_mem_extent *e, *next;

	list_for_each_entry_safe(e, next, &alloc->extents, list)
		kfree(e);
	nitro_mem_alloc_init(alloc);
}

/**
 * nitro_mem_alloc_add() - add memory
 * @alloc: what is free
 * @start: first grain
 * @count: how many
 * @node: the NUMA node that it lies on
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int nitro_mem_alloc_add(struct nitro_mem_alloc *alloc, u64 start, u64 count,
			int node)
{
	struct nitro_mem_extent *e = new_extent(start, count, node);

	if (!e)
		return -ENOMEM;
	insert(alloc, e);
	return 0;
}

/**
 * nitro_mem_alloc_remove() - take memory away, if all of it is free
 * @alloc: what is free
 * @start: first grain
 * @count: how many
 *
 * Context: may sleep.
 * Return: 0, -EBUSY if a part of it is not free, or -ENOMEM.
 */
int nitro_mem_alloc_remove(struct nitro_mem_alloc *alloc, u64 start, u64 count)
{
	struct nitro_mem_extent *e;
	LIST_HEAD(taken);
	int err;

	list_for_each_entry(e, &alloc->extents, list) {
		if (e->start > start || end_of(e) < start + count)
			continue;
		err = carve(alloc, e, start, count, &taken);
		if (err)
			return err;
		kfree(list_first_entry(&taken, struct nitro_mem_extent, list));
		return 0;
	}
	return -EBUSY;
}

/**
 * nitro_mem_alloc_take() - take memory for a guest
 * @alloc: what is free
 * @count: how many grains, one at least
 * @node: of this NUMA node only, or NUMA_NO_NODE
 * @taken: an empty list, gets the ranges in the order in which the guest has them
 *
 * Context: may sleep.
 * Return: 0, -ENOSPC if there is not so much, or -ENOMEM; then nothing was taken.
 */
int nitro_mem_alloc_take(struct nitro_mem_alloc *alloc, u64 count, int node,
			 struct list_head *taken)
{
	u64 got;
	int err;

	if (nitro_mem_alloc_free(alloc, node) < count)
		return -ENOSPC;
	if (node == NUMA_NO_NODE)
		node = choose_node(alloc, count);
	while (count) {
		err = take_some(alloc, count, node, taken, &got);
		if (err) {
			nitro_mem_alloc_give(alloc, taken);
			return err;
		}
		count -= got;
	}
	return 0;
}

/**
 * nitro_mem_alloc_give() - give back what was taken
 * @alloc: what is free
 * @taken: the ranges; empty afterwards
 *
 * It needs no memory, and cannot fail.
 *
 * Context: any.
 */
void nitro_mem_alloc_give(struct nitro_mem_alloc *alloc,
			  struct list_head *taken)
{
	struct nitro_mem_extent *e, *next;

	list_for_each_entry_safe(e, next, taken, list) {
		list_del(&e->list);
		insert(alloc, e);
	}
}

/**
 * nitro_mem_alloc_free() - how much is free?
 * @alloc: what is free
 * @node: of this NUMA node, or NUMA_NO_NODE
 *
 * Context: any.
 * Return: grains.
 */
u64 nitro_mem_alloc_free(const struct nitro_mem_alloc *alloc, int node)
{
	struct nitro_mem_extent *e;
	u64 free = 0;

	if (node == NUMA_NO_NODE)
		return alloc->free;
	list_for_each_entry(e, &alloc->extents, list)
		if (e->node == node)
			free += e->count;
	return free;
}

/**
 * nitro_mem_alloc_largest() - how large is the largest range?
 * @alloc: what is free
 * @node: of this NUMA node, or NUMA_NO_NODE
 *
 * Context: any.
 * Return: grains.
 */
u64 nitro_mem_alloc_largest(const struct nitro_mem_alloc *alloc, int node)
{
	struct nitro_mem_extent *e = largest(alloc, node);

	return e ? e->count : 0;
}
