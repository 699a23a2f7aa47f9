// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/random.h>

/* The module is not built for User-Mode Linux; this part of it needs no other */
#include "mem/alloc.c"
#include "mem/zero.h"

#define HUGE	NITRO_MEM_HUGE
#define ANY	NUMA_NO_NODE

static void free_taken(struct list_head *taken)
{
	struct nitro_mem_extent *e, *next;

	list_for_each_entry_safe(e, next, taken, list) {
		list_del(&e->list);
		kfree(e);
	}
}

/* --- which memory? --- */

struct range {
	u64 start;
	u64 count;
	int node;
};

struct place_case {
	const char *desc;
	/* Free, in an order that should not matter */
	struct range free[4];
	u64 count;
	int node;
	int err;
	/* What is taken of it, in this order */
	struct range taken[4];
};

static const struct place_case place_cases[] = {
	{ "all there is", { { 10, 5 } }, 5, ANY, 0, { { 10, 5 } } },
	{ "more than there is", { { 10, 5 } }, 6, ANY, -ENOSPC },
	{ "nothing is there", {}, 1, ANY, -ENOSPC },
	{ "the smallest that is large enough", { { 100, 9 }, { 10, 6 }, { 50, 4 } },
	  5, ANY, 0, { { 10, 5 } } },
	{ "of two that are as small, the lower", { { 100, 6 }, { 10, 6 } },
	  5, ANY, 0, { { 10, 5 } } },
	{ "the largest ones if none is large enough",
	  { { 10, 3 }, { 100, 6 }, { 50, 4 } }, 9, ANY, 0, { { 100, 6 }, { 10, 3 } } },
	{ "and the last part where it fits best",
	  { { 10, 3 }, { 100, 6 }, { 50, 4 } }, 7, ANY, 0, { { 100, 6 }, { 10, 1 } } },
	{ "of a node", { { 10, 9, 0 }, { 100, 9, 1 } }, 5, 1, 0, { { 100, 5, 1 } } },
	{ "the node has too little", { { 10, 9, 0 }, { 100, 4, 1 } }, 5, 1, -ENOSPC },
	{ "there is no such node", { { 10, 9, 0 } }, 1, 7, -ENOSPC },
	{ "any node, of one range rather than of one with more",
	  { { 10, 4, 0 }, { 20, 4, 0 }, { 100, 5, 1 } }, 5, ANY, 0, { { 100, 5, 1 } } },
	{ "any node, of one rather than of the largest ranges",
	  { { 10, 4, 0 }, { 20, 4, 0 }, { 100, 5, 1 } }, 7, ANY, 0,
	  { { 10, 4, 0 }, { 20, 3, 0 } } },
	{ "any node, and none has enough", { { 10, 4, 0 }, { 100, 5, 1 } }, 9, ANY, 0,
	  { { 100, 5, 1 }, { 10, 4, 0 } } },
	{ "ranges of two nodes that touch are two", { { 10, 5, 0 }, { 15, 5, 1 } },
	  8, ANY, 0, { { 10, 5, 0 }, { 15, 3, 1 } } },
	{ "a huge page", { { 100, 3 * HUGE } }, HUGE, ANY, 0, { { HUGE, HUGE } } },
	{ "a huge page and more", { { 100, 3 * HUGE } }, HUGE + 5, ANY, 0,
	  { { HUGE, HUGE + 5 } } },
	{ "a huge page rather than the smallest range",
	  { { 100, HUGE }, { 4 * HUGE - 1, 2 * HUGE } }, HUGE, ANY, 0,
	  { { 4 * HUGE, HUGE } } },
	{ "one range rather than a huge page", { { 100, 2 * HUGE - 200 } }, HUGE + 1,
	  ANY, 0, { { 100, HUGE + 1 } } },
	{ "huge pages first if one range has not enough",
	  { { 100, 2 * HUGE - 100 }, { 4 * HUGE - 9, HUGE } }, 2 * HUGE, ANY, 0,
	  { { HUGE, HUGE }, { 4 * HUGE - 9, HUGE } } },
	{ "what is less than a huge page is anywhere", { { 100, 3 * HUGE } }, HUGE - 1,
	  ANY, 0, { { 100, HUGE - 1 } } },
};

KUNIT_ARRAY_PARAM_DESC(place, place_cases, desc);

static void test_place(struct kunit *test)
{
	const struct place_case *c = test->param_value;
	struct nitro_mem_alloc alloc;
	struct nitro_mem_extent *e;
	unsigned int i, n = 0;
	u64 free = 0;
	LIST_HEAD(taken);

	nitro_mem_alloc_init(&alloc);
	for (i = 0; i < ARRAY_SIZE(c->free) && c->free[i].count; i++) {
		free += c->free[i].count;
		KUNIT_ASSERT_EQ(test, 0,
				nitro_mem_alloc_add(&alloc, c->free[i].start,
						    c->free[i].count,
						    c->free[i].node));
	}
	KUNIT_EXPECT_EQ(test, c->err,
			nitro_mem_alloc_take(&alloc, c->count, c->node, &taken));
	list_for_each_entry(e, &taken, list) {
		KUNIT_ASSERT_LT(test, n, ARRAY_SIZE(c->taken));
		KUNIT_EXPECT_EQ(test, c->taken[n].start, e->start);
		KUNIT_EXPECT_EQ(test, c->taken[n].count, e->count);
		KUNIT_EXPECT_EQ(test, c->taken[n].node, e->node);
		n++;
	}
	if (n < ARRAY_SIZE(c->taken))
		KUNIT_EXPECT_EQ(test, 0, c->taken[n].count);
	KUNIT_EXPECT_EQ(test, free - (c->err ? 0 : c->count), alloc.free);
	nitro_mem_alloc_give(&alloc, &taken);
	KUNIT_EXPECT_EQ(test, free, alloc.free);
	nitro_mem_alloc_exit(&alloc);
}

/* --- blocks come and go --- */

static void test_remove(struct kunit *test)
{
	struct nitro_mem_alloc alloc;
	LIST_HEAD(taken);

	nitro_mem_alloc_init(&alloc);
	KUNIT_ASSERT_EQ(test, 0, nitro_mem_alloc_add(&alloc, 64, 64, 0));
	KUNIT_ASSERT_EQ(test, 0, nitro_mem_alloc_add(&alloc, 192, 64, 0));
	KUNIT_ASSERT_EQ(test, 0, nitro_mem_alloc_add(&alloc, 128, 64, 0));
	KUNIT_EXPECT_EQ(test, 192, nitro_mem_alloc_largest(&alloc, ANY));
	/* Of the middle of what has become one range */
	KUNIT_EXPECT_EQ(test, 0, nitro_mem_alloc_remove(&alloc, 128, 64));
	KUNIT_EXPECT_EQ(test, 64, nitro_mem_alloc_largest(&alloc, ANY));
	KUNIT_EXPECT_EQ(test, 128, alloc.free);
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_alloc_remove(&alloc, 128, 64));
	/* Not if a guest has one grain of it, until that is back */
	KUNIT_ASSERT_EQ(test, 0, nitro_mem_alloc_take(&alloc, 1, ANY, &taken));
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_alloc_remove(&alloc, 64, 64));
	KUNIT_EXPECT_EQ(test, 0, nitro_mem_alloc_remove(&alloc, 192, 64));
	nitro_mem_alloc_give(&alloc, &taken);
	KUNIT_EXPECT_TRUE(test, list_empty(&taken));
	KUNIT_EXPECT_EQ(test, 0, nitro_mem_alloc_remove(&alloc, 64, 64));
	KUNIT_EXPECT_EQ(test, 0, alloc.free);
	KUNIT_EXPECT_TRUE(test, list_empty(&alloc.extents));
}

/* --- against a model that knows of each grain whose it is --- */

#define BLOCK		64
#define BLOCKS		128
#define GRAINS		(BLOCK * BLOCKS)
#define NODES		3
#define GUESTS		48
#define STEPS		8000

#define ABSENT		0
#define FREE		1
#define FIRST_GUEST	2

struct model {
	struct nitro_mem_alloc alloc;
	struct rnd_state random;
	u8 owner[GRAINS];
	struct list_head guests[GUESTS];
};

/* Nodes take turns of a few blocks, so that those of one are not contiguous */
static int node_of(u64 grain)
{
	return (grain / (BLOCK * 16)) % NODES;
}

static u64 model_free(const struct model *m, int node)
{
	u64 i, n = 0;

	for (i = 0; i < GRAINS; i++)
		n += m->owner[i] == FREE && (node == ANY || node_of(i) == node);
	return n;
}

/* Is there a range for so many, and for whole huge pages of it, too? */
static void model_ranges(const struct model *m, u64 count, int node, bool *one,
			 bool *huge)
{
	u64 i, from = 0;

	*one = false;
	*huge = false;
	for (i = 0; i < GRAINS; i++) {
		if (m->owner[i] != FREE || (node != ANY && node_of(i) != node) ||
		    (i && node_of(i) != node_of(i - 1)))
			from = m->owner[i] == FREE &&
			       (node == ANY || node_of(i) == node) ? i : i + 1;
		if (i + 1 - from >= count)
			*one = true;
		if (i + 1 >= round_up(from, HUGE) + count)
			*huge = true;
	}
}

static void check_free(struct kunit *test, const struct model *m)
{
	const struct nitro_mem_extent *e, *prev = NULL;
	u64 i, n = 0;

	list_for_each_entry(e, &m->alloc.extents, list) {
		KUNIT_ASSERT_GT(test, e->count, 0);
		if (prev)
			KUNIT_ASSERT_TRUE(test, end_of(prev) < e->start ||
					  (end_of(prev) == e->start &&
					   prev->node != e->node));
		for (i = e->start; i < end_of(e); i++) {
			KUNIT_ASSERT_EQ(test, FREE, m->owner[i]);
			KUNIT_ASSERT_EQ(test, e->node, node_of(i));
		}
		n += e->count;
		prev = e;
	}
	KUNIT_ASSERT_EQ(test, n, m->alloc.free);
	KUNIT_ASSERT_EQ(test, n, model_free(m, ANY));
}

static void start_guest(struct kunit *test, struct model *m, int guest)
{
	u64 count = 1 + prandom_u32_state(&m->random) % BLOCK, got = 0, i;
	int node = (int)(prandom_u32_state(&m->random) % (NODES + 1)) - 1;
	struct list_head *taken = &m->guests[guest];
	const struct nitro_mem_extent *e;
	bool one, huge;
	int err;

	if (!(prandom_u32_state(&m->random) % 8))
		count = prandom_u32_state(&m->random) % (3 * HUGE) + 1;
	model_ranges(m, count, node, &one, &huge);
	err = nitro_mem_alloc_take(&m->alloc, count, node, taken);
	KUNIT_ASSERT_EQ(test, model_free(m, node) < count ? -ENOSPC : 0, err);
	if (err) {
		KUNIT_ASSERT_TRUE(test, list_empty(taken));
		return;
	}
	KUNIT_ASSERT_EQ(test, one, list_is_singular(taken));
	e = list_first_entry(taken, struct nitro_mem_extent, list);
	if (huge && count >= HUGE)
		KUNIT_ASSERT_TRUE(test, IS_ALIGNED(e->start, HUGE));
	list_for_each_entry(e, taken, list) {
		for (i = e->start; i < end_of(e); i++) {
			KUNIT_ASSERT_EQ(test, FREE, m->owner[i]);
			if (node != ANY)
				KUNIT_ASSERT_EQ(test, node, node_of(i));
			m->owner[i] = FIRST_GUEST + guest;
		}
		got += e->count;
	}
	KUNIT_ASSERT_EQ(test, count, got);
}

static void end_guest(struct model *m, int guest)
{
	u64 i;

	for (i = 0; i < GRAINS; i++)
		if (m->owner[i] == FIRST_GUEST + guest)
			m->owner[i] = FREE;
	nitro_mem_alloc_give(&m->alloc, &m->guests[guest]);
}

static void move_block(struct kunit *test, struct model *m, u64 block)
{
	u8 *owner = &m->owner[block * BLOCK];
	bool free = !memchr_inv(owner, FREE, BLOCK);

	if (*owner == ABSENT) {
		KUNIT_ASSERT_EQ(test, 0,
				nitro_mem_alloc_add(&m->alloc, block * BLOCK,
						    BLOCK, node_of(block * BLOCK)));
		memset(owner, FREE, BLOCK);
		return;
	}
	KUNIT_ASSERT_EQ(test, free ? 0 : -EBUSY,
			nitro_mem_alloc_remove(&m->alloc, block * BLOCK, BLOCK));
	if (free)
		memset(owner, ABSENT, BLOCK);
}

static void test_random(struct kunit *test)
{
	struct model *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	u64 i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	prandom_seed_state(&m->random, 20261128);
	nitro_mem_alloc_init(&m->alloc);
	for (i = 0; i < GUESTS; i++)
		INIT_LIST_HEAD(&m->guests[i]);
	for (i = 0; i < BLOCKS; i += 1 + i % 2)
		move_block(test, m, i);
	for (i = 0; i < STEPS; i++) {
		u32 guest = prandom_u32_state(&m->random) % GUESTS;

		if (!(prandom_u32_state(&m->random) % 8))
			move_block(test, m, prandom_u32_state(&m->random) % BLOCKS);
		else if (list_empty(&m->guests[guest]))
			start_guest(test, m, guest);
		else
			end_guest(m, guest);
		if (!(i % 16))
			check_free(test, m);
	}
	/* What was taken apart is whole again */
	for (i = 0; i < GUESTS; i++)
		end_guest(m, i);
	check_free(test, m);
	for (i = 0; i < BLOCKS; i++)
		if (m->owner[i * BLOCK] == FREE)
			move_block(test, m, i);
	KUNIT_EXPECT_EQ(test, 0, m->alloc.free);
	KUNIT_EXPECT_TRUE(test, list_empty(&m->alloc.extents));
}

/* Every other grain is taken: what is left is given all the same, and is whole again
 * when the others end.
 */
static void test_fragments(struct kunit *test)
{
	struct nitro_mem_alloc alloc;
	struct list_head guests[64];
	LIST_HEAD(taken);
	int i;

	nitro_mem_alloc_init(&alloc);
	KUNIT_ASSERT_EQ(test, 0, nitro_mem_alloc_add(&alloc, 0, 64, 0));
	for (i = 0; i < 64; i++) {
		INIT_LIST_HEAD(&guests[i]);
		KUNIT_ASSERT_EQ(test, 0, nitro_mem_alloc_take(&alloc, 1, ANY, &guests[i]));
	}
	for (i = 0; i < 64; i += 2)
		nitro_mem_alloc_give(&alloc, &guests[i]);
	KUNIT_EXPECT_EQ(test, 32, alloc.free);
	KUNIT_EXPECT_EQ(test, 1, nitro_mem_alloc_largest(&alloc, ANY));
	KUNIT_EXPECT_EQ(test, 0, nitro_mem_alloc_take(&alloc, 32, ANY, &taken));
	KUNIT_EXPECT_EQ(test, 32, list_count_nodes(&taken));
	KUNIT_EXPECT_EQ(test, 0, alloc.free);
	nitro_mem_alloc_give(&alloc, &taken);
	for (i = 1; i < 64; i += 2)
		nitro_mem_alloc_give(&alloc, &guests[i]);
	KUNIT_EXPECT_EQ(test, 64, nitro_mem_alloc_largest(&alloc, ANY));
	KUNIT_EXPECT_TRUE(test, list_is_singular(&alloc.extents));
	nitro_mem_alloc_take(&alloc, 64, ANY, &taken);
	free_taken(&taken);
}

/* --- zeroing --- */

static void test_zero(struct kunit *test)
{
	const size_t size = SZ_64K;
	u8 *p = kunit_kmalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0xa5, size);
	nitro_mem_zero(p + NITRO_MEM_ZERO_UNIT, size - 2 * NITRO_MEM_ZERO_UNIT);
	nitro_mem_zero_end();
	KUNIT_EXPECT_NULL(test, memchr_inv(p, 0xa5, NITRO_MEM_ZERO_UNIT));
	KUNIT_EXPECT_NULL(test, memchr_inv(p + NITRO_MEM_ZERO_UNIT, 0,
					   size - 2 * NITRO_MEM_ZERO_UNIT));
	KUNIT_EXPECT_NULL(test, memchr_inv(p + size - NITRO_MEM_ZERO_UNIT, 0xa5,
					   NITRO_MEM_ZERO_UNIT));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(test_place, place_gen_params),
	KUNIT_CASE(test_remove),
	KUNIT_CASE(test_random),
	KUNIT_CASE(test_fragments),
	KUNIT_CASE(test_zero),
	{}
};

static struct kunit_suite suite = {
	.name = "nitro_mem_alloc",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of nitro_mem: which memory, zeroing");
MODULE_LICENSE("GPL");
NITRO_IMPORT_NS_KUNIT;
