// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "mem/state.h"

#define CREATED		NITRO_MEM_GUEST_STATE_CREATED
#define OPENED		NITRO_MEM_GUEST_STATE_OPENED
#define MAPPED		NITRO_MEM_GUEST_STATE_MAPPED
#define RELEASED	NITRO_MEM_GUEST_STATE_RELEASED

struct guest_case {
	const char *desc;
	enum nitro_mem_guest_state from;
	/* By the state that may follow */
	bool may[RELEASED + 1];
};

static const struct guest_case guest_cases[] = {
	{ "created", CREATED, { [OPENED] = true, [RELEASED] = true } },
	{ "opened", OPENED, { [MAPPED] = true, [RELEASED] = true } },
	{ "mapped", MAPPED, { [RELEASED] = true } },
	{ "released", RELEASED, {} },
};

KUNIT_ARRAY_PARAM_DESC(guest, guest_cases, desc);

static void test_guest(struct kunit *test)
{
	const struct guest_case *c = test->param_value;
	int to;

	for (to = CREATED; to <= RELEASED; to++)
		KUNIT_EXPECT_EQ_MSG(test, c->may[to],
				    nitro_mem_state_may_follow(c->from, to),
				    "to %d", to);
}

#define GROWING		NITRO_MEM_POOL_STATE_GROWING
#define SHRINKING	NITRO_MEM_POOL_STATE_SHRINKING
#define SETTLED		NITRO_MEM_POOL_STATE_SETTLED

struct pool_case {
	const char *desc;
	u64 size;
	u64 target;
	u64 block;
	enum nitro_mem_pool_state state;
	/* So much may be free and is not for guests */
	u64 leaving;
};

static const struct pool_case pool_cases[] = {
	{ "nothing, and nothing wanted", 0, 0, SZ_128M, SETTLED, 0 },
	{ "too small", SZ_128M, SZ_256M, SZ_128M, GROWING, 0 },
	{ "too small by little", SZ_128M, SZ_128M + SZ_2M, SZ_128M, GROWING, 0 },
	{ "as it should be", SZ_256M, SZ_256M, SZ_128M, SETTLED, 0 },
	{ "more, but less than a block", SZ_256M, SZ_128M + SZ_2M, SZ_128M, SETTLED, 0 },
	{ "a block more", SZ_256M, SZ_128M, SZ_128M, SHRINKING, SZ_128M },
	{ "more than a block more", SZ_512M, SZ_128M + SZ_2M, SZ_128M, SHRINKING, SZ_256M },
	{ "it should go", SZ_512M, 0, SZ_128M, SHRINKING, SZ_512M },
	{ "blocks of 2 GiB", 2ULL * SZ_2G, SZ_1G, SZ_2G, SHRINKING, SZ_2G },
};

KUNIT_ARRAY_PARAM_DESC(pool, pool_cases, desc);

static void test_pool(struct kunit *test)
{
	const struct pool_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->state,
			nitro_mem_state_of_pool(c->size, c->target, c->block));
}

static void test_room(struct kunit *test)
{
	const struct pool_case *c = test->param_value;
	u64 for_guests = c->size - c->leaving;

	KUNIT_EXPECT_TRUE(test, nitro_mem_state_has_room(c->size, c->target, c->block,
							 c->size, for_guests));
	KUNIT_EXPECT_FALSE(test, nitro_mem_state_has_room(c->size, c->target, c->block,
							  c->size, for_guests + 1));
	if (c->leaving)
		KUNIT_EXPECT_FALSE(test, nitro_mem_state_has_room(c->size, c->target,
								  c->block, c->leaving - 1,
								  0));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(test_guest, guest_gen_params),
	KUNIT_CASE_PARAM(test_pool, pool_gen_params),
	KUNIT_CASE_PARAM(test_room, pool_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "nitro_mem_state",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of nitro_mem: states");
MODULE_LICENSE("GPL");
NITRO_IMPORT_NS_KUNIT;
