// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/sizes.h>

#include "ebs/fan.h"
#include "ebs/state.h"

#define LIVE		NITRO_EBS_DEVICE_STATE_LIVE
#define ERASED		NITRO_EBS_DEVICE_STATE_ERASED
#define DEAD		NITRO_EBS_DEVICE_STATE_DEAD
#define DETACHED	NITRO_EBS_DEVICE_STATE_DETACHED

struct state_case {
	const char *desc;
	enum nitro_ebs_device_state from;
	/* By the state that may follow */
	bool may[DETACHED + 1];
};

static const struct state_case state_cases[] = {
	{ "live", LIVE, { [ERASED] = true, [DEAD] = true, [DETACHED] = true } },
	{ "erased", ERASED, { [DETACHED] = true } },
	{ "dead", DEAD, { [ERASED] = true, [DETACHED] = true } },
	{ "detached", DETACHED, {} },
};

KUNIT_ARRAY_PARAM_DESC(state, state_cases, desc);

static void test_state(struct kunit *test)
{
	const struct state_case *c = test->param_value;
	int to;

	for (to = LIVE; to <= DETACHED; to++)
		KUNIT_EXPECT_EQ_MSG(test, c->may[to],
				    nitro_ebs_state_may_follow(c->from, to),
				    "to %d", to);
}

struct fan_case {
	const char *desc;
	unsigned int len;
	unsigned int cpus;
	unsigned int helpers;
};

static const struct fan_case fan_cases[] = {
	{ "small", 4096, 64, 0 },
	{ "just too small", SZ_256K - 512, 64, 0 },
	{ "256 KiB", SZ_256K, 64, 3 },
	{ "a bit more", SZ_256K + 512, 64, 4 },
	{ "1 MiB", SZ_1M, 64, 7 },
	{ "1 MiB, two CPUs", SZ_1M, 2, 1 },
	{ "1 MiB, one CPU", SZ_1M, 1, 0 },
};

KUNIT_ARRAY_PARAM_DESC(fan, fan_cases, desc);

static void test_fan(struct kunit *test)
{
	const struct fan_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, c->helpers,
			nitro_ebs_fan_helpers(c->len, c->cpus));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(test_state, state_gen_params),
	KUNIT_CASE_PARAM(test_fan, fan_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "nitro_ebs_state",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of nitro_ebs: states, fan-out");
MODULE_LICENSE("GPL");
NITRO_IMPORT_NS_KUNIT;
