// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sizes.h>
#include <linux/time64.h>

#include "ebs/qos.h"

struct rate_case {
	const char *desc;
	struct nitro_ebs_limits limits;
	unsigned int bytes;
	/* What has to come out in a second, in I/Os */
	u64 expected;
};

static const struct rate_case rate_cases[] = {
	{ "3000 operations", { .iops = 3000 }, 4096, 3000 },
	{ "16000 operations", { .iops = 16000 }, 4096, 16000 },
	{ "10 operations", { .iops = 10 }, 4096, 10 },
	{ "a prime number of operations", { .iops = 7919 }, 512, 7919 },
	{ "operations of 256 KiB", { .iops = 3000 }, SZ_256K, 3000 },
	{ "1 MiB is four of them", { .iops = 3000 }, SZ_1M, 750 },
	{ "a bit more is one more", { .iops = 3000 }, SZ_256K + 512, 1500 },
	{ "125 MiB, 4 KiB", { .throughput = 125 * SZ_1M }, 4096, 32000 },
	{ "125 MiB, 128 KiB", { .throughput = 125 * SZ_1M }, SZ_128K, 1000 },
	{ "both, bytes decide", { .iops = 3000, .throughput = 125 * SZ_1M },
	  SZ_128K, 1000 },
	{ "both, operations decide", { .iops = 3000, .throughput = 125 * SZ_1M },
	  4096, 3000 },
};

KUNIT_ARRAY_PARAM_DESC(rate, rate_cases, desc);

/* A request in one piece */
static u64 take(struct nitro_ebs_qos *qos, unsigned int bytes, u64 now)
{
	return nitro_ebs_qos_take(qos, nitro_ebs_qos_operations(bytes, 0), bytes,
				  now);
}

#define SECONDS	10
#define WINDOW	(100 * NSEC_PER_MSEC)

/* A source that always has I/O, and a timer that is up to 3 ms late: the mean is
 * exact within 1 %, and no window of 100 ms has more than 105 % (and one I/O that
 * has to be let through, being indivisible).
 */
static void test_rate(struct kunit *test)
{
	const struct rate_case *c = test->param_value;
	u64 start = 987654321, now = start, passed = 0, delay, most = 0;
	u64 in_window[SECONDS * 10 + 1] = {};
	struct nitro_ebs_qos qos = {};
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, c->bytes);
	nitro_ebs_qos_set(&qos, &c->limits, now);
	KUNIT_EXPECT_TRUE(test, qos.limited);
	while (now < start + SECONDS * NSEC_PER_SEC) {
		delay = take(&qos, c->bytes, now);
		if (delay) {
			now += delay + prandom_u32_state(&rnd) % (3 * NSEC_PER_MSEC);
			continue;
		}
		passed++;
		in_window[div64_u64(now - start, WINDOW)]++;
	}
	KUNIT_EXPECT_GE(test, passed * 100, SECONDS * c->expected * 99);
	KUNIT_EXPECT_LE(test, passed * 100, SECONDS * c->expected * 101 + 200);
	for (i = 0; i < SECONDS * 10; i++)
		most = max(most, in_window[i]);
	KUNIT_EXPECT_LE(test, most * 1000, c->expected * 105 + 1000);
	nitro_ebs_qos_settle(&qos, NITRO_EBS_QOS_NONE, now);
	KUNIT_EXPECT_GT(test, qos.exceeded[NITRO_EBS_QOS_IOPS] +
			qos.exceeded[NITRO_EBS_QOS_THROUGHPUT],
			(SECONDS - 1) * NSEC_PER_SEC);
}

static unsigned int passes_now(struct nitro_ebs_qos *qos, u64 now)
{
	unsigned int n = 0;

	while (n < 1000000 && !take(qos, 4096, now))
		n++;
	return n;
}

static void test_burst(struct kunit *test)
{
	struct nitro_ebs_limits limits = { .iops = 1000, .iops_burst = 5000 };
	u64 now = 1000, hour = 3600ULL * NSEC_PER_SEC;
	struct nitro_ebs_qos qos = {};

	nitro_ebs_qos_set(&qos, &limits, now);
	KUNIT_EXPECT_EQ(test, 5004, passes_now(&qos, now));
	KUNIT_EXPECT_EQ(test, 1000, passes_now(&qos, now += NSEC_PER_SEC));
	KUNIT_EXPECT_EQ(test, 5004, passes_now(&qos, now += hour));
	/* Centuries of idle time are not a burst */
	KUNIT_EXPECT_EQ(test, 5004, passes_now(&qos, now += hour * 24 * 36500));
	/* The clock of another CPU is a bit behind */
	KUNIT_EXPECT_EQ(test, 0, passes_now(&qos, now - 1000));
}

static void test_change(struct kunit *test)
{
	struct nitro_ebs_limits limits = { .iops = 1000 };
	struct nitro_ebs_qos qos = {};
	u64 now = NSEC_PER_SEC;
	int i;

	nitro_ebs_qos_set(&qos, &limits, now);
	KUNIT_EXPECT_EQ(test, 4, passes_now(&qos, now));
	/* Setting limits again and again gains nothing */
	for (i = 0; i < 100; i++) {
		limits.iops = 1000 + i;
		nitro_ebs_qos_set(&qos, &limits, now);
		KUNIT_EXPECT_EQ(test, 0, passes_now(&qos, now));
	}
	limits.iops = 100000;
	nitro_ebs_qos_set(&qos, &limits, now);
	KUNIT_EXPECT_EQ(test, 100, passes_now(&qos, now += NSEC_PER_MSEC));
	limits.iops = 0;
	nitro_ebs_qos_set(&qos, &limits, now);
	KUNIT_EXPECT_FALSE(test, qos.limited);
	KUNIT_EXPECT_EQ(test, 1000000, passes_now(&qos, now));
}

struct piece_case {
	const char *desc;
	unsigned int bytes;
	unsigned int piece;
	unsigned int operations;
};

static const struct piece_case piece_cases[] = {
	{ "512 bytes", 512, SZ_64K, 1 },
	{ "256 KiB in one", SZ_256K, SZ_1M, 1 },
	{ "256 KiB in pieces", SZ_256K, SZ_64K, 1 },
	{ "256 KiB and a sector in pieces", SZ_256K + 512, SZ_64K, 2 },
	{ "1 MiB in one", SZ_1M, SZ_1M, 4 },
	{ "1 MiB in pages", SZ_1M, 4096, 4 },
	{ "1 MiB in pieces that do not divide it", SZ_1M, 3 * SZ_64K, 4 },
	{ "2 MiB in pieces of 1 MiB", SZ_2M, SZ_1M, 8 },
	{ "all there can be", ~511U, SZ_1M, 16384 },
};

KUNIT_ARRAY_PARAM_DESC(piece, piece_cases, desc);

/* What a request costs does not depend on how the card cuts it */
static void test_pieces(struct kunit *test)
{
	const struct piece_case *c = test->param_value;
	unsigned int left, after, sum = 0;

	for (left = c->bytes; left; left = after) {
		after = left - min(left, c->piece);
		sum += nitro_ebs_qos_operations(left, after);
	}
	KUNIT_EXPECT_EQ(test, c->operations, sum);
}

/* The pieces of a request that has passed do not wait for the operations of it */
static void test_further_pieces(struct kunit *test)
{
	struct nitro_ebs_limits limits = { .iops = 10, .throughput = SZ_1M };
	struct nitro_ebs_qos qos = {};
	u64 now = NSEC_PER_SEC;

	nitro_ebs_qos_set(&qos, &limits, now);
	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_qos_take(&qos, 1, 1024, now));
	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_qos_take(&qos, 0, 1024, now));
	KUNIT_EXPECT_NE(test, 0, nitro_ebs_qos_take(&qos, 1, 1024, now));
	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_qos_take(&qos, 0, 2048, now));
	KUNIT_EXPECT_NE(test, 0, nitro_ebs_qos_take(&qos, 0, SZ_64K, now));
}

/* Limits at the end of the arithmetic */
static void test_extremes(struct kunit *test)
{
	struct nitro_ebs_limits limits = {
		.iops = NITRO_EBS_QOS_RATE_MAX,
		.iops_burst = NITRO_EBS_QOS_BURST_MAX,
		.throughput = 1,
		.throughput_burst = 0,
	};
	struct nitro_ebs_qos qos = {};
	u64 now = 1;

	nitro_ebs_qos_set(&qos, &limits, now);
	KUNIT_EXPECT_EQ(test, 0, take(&qos, SZ_1M, now));
	/* One byte a second: the debt is paid after 2^20 seconds */
	KUNIT_EXPECT_EQ(test, SZ_1M * NSEC_PER_SEC,
			take(&qos, SZ_1M, now));
	now += SZ_1M * NSEC_PER_SEC;
	KUNIT_EXPECT_EQ(test, 0, take(&qos, SZ_1M, now));
	KUNIT_EXPECT_GT(test, take(&qos, 512, now), 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(test_rate, rate_gen_params),
	KUNIT_CASE(test_burst),
	KUNIT_CASE(test_change),
	KUNIT_CASE_PARAM(test_pieces, piece_gen_params),
	KUNIT_CASE(test_further_pieces),
	KUNIT_CASE(test_extremes),
	{}
};

static struct kunit_suite suite = {
	.name = "nitro_ebs_qos",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of nitro_ebs: limits");
MODULE_LICENSE("GPL");
NITRO_IMPORT_NS_KUNIT;
