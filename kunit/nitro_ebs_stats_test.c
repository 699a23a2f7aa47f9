// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/percpu.h>

#include "ebs/stats.h"

/* Bins cover everything, without a gap or an overlap */
static void test_bins(struct kunit *test)
{
	unsigned int bin;

	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_stats_bin_from(0));
	for (bin = 0; bin < NITRO_EBS_LATENCY_BINS; bin++) {
		u64 from = nitro_ebs_stats_bin_from(bin);
		u64 to = nitro_ebs_stats_bin_from(bin + 1);

		KUNIT_EXPECT_LT(test, from, to);
		KUNIT_EXPECT_EQ(test, bin, nitro_ebs_stats_bin(from));
		KUNIT_EXPECT_EQ(test, bin, nitro_ebs_stats_bin(to - 1));
		/* Percentiles are within an eighth where it matters */
		if (from >= 8 && to <= 65536)
			KUNIT_EXPECT_LE(test, (to - from) * 4, from);
	}
	KUNIT_EXPECT_EQ(test, NITRO_EBS_LATENCY_BINS - 1,
			nitro_ebs_stats_bin(U64_MAX));
}

static void test_count(struct kunit *test)
{
	struct nitro_ebs_stats __percpu *stats;
	struct nitro_ebs_stats *sum = kunit_kzalloc(test, sizeof(*sum),
						    GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sum);
	stats = alloc_percpu(struct nitro_ebs_stats);
	KUNIT_ASSERT_NOT_NULL(test, stats);
	this_cpu_add(stats->begun, 5);
	nitro_ebs_stats_end(stats, NITRO_EBS_STATS_READ, true, 4096, 1999, false);
	/* One in two pieces */
	this_cpu_inc(stats->begun);
	nitro_ebs_stats_end(stats, NITRO_EBS_STATS_READ, false, 512, 4000000,
			    false);
	nitro_ebs_stats_end(stats, NITRO_EBS_STATS_READ, true, 512, 5000000,
			    false);
	nitro_ebs_stats_end(stats, NITRO_EBS_STATS_WRITE, true, 4096, 999, true);
	nitro_ebs_stats_end(stats, NITRO_EBS_STATS_FLUSH, true, 0, 77, false);
	nitro_ebs_stats_sum(stats, sum);
	free_percpu(stats);

	KUNIT_EXPECT_EQ(test, 2, sum->ops[NITRO_EBS_STATS_READ]);
	KUNIT_EXPECT_EQ(test, 5120, sum->bytes[NITRO_EBS_STATS_READ]);
	KUNIT_EXPECT_EQ(test, 5001999, sum->time[NITRO_EBS_STATS_READ]);
	KUNIT_EXPECT_EQ(test, 1, sum->latency[NITRO_EBS_STATS_READ][1]);
	KUNIT_EXPECT_EQ(test, 1, sum->latency[NITRO_EBS_STATS_READ]
					     [nitro_ebs_stats_bin(5000)]);
	KUNIT_EXPECT_EQ(test, 0, sum->ops[NITRO_EBS_STATS_WRITE]);
	KUNIT_EXPECT_EQ(test, 1, sum->ops[NITRO_EBS_STATS_FLUSH]);
	KUNIT_EXPECT_EQ(test, 1, sum->errors);
	KUNIT_EXPECT_EQ(test, 1, sum->begun - sum->ended);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_bins),
	KUNIT_CASE(test_count),
	{}
};

static struct kunit_suite suite = {
	.name = "nitro_ebs_stats",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of nitro_ebs: counters and histograms");
MODULE_LICENSE("GPL");
NITRO_IMPORT_NS_KUNIT;
