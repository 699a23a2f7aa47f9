// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/time64.h>

#include "vpc/bucket.h"

struct mean_case {
	const char *desc;
	u64 rate;
	u64 burst;
	u32 size_min;
	u32 size_max;
	/* Allowed error of the rate in parts per million, 0 for an exact one */
	u32 ppm;
};

static const struct mean_case mean_cases[] = {
	{ "1 packet/s", 1, 4, 1, 1 },
	{ "7 packets/s", 7, 4, 1, 1 },
	{ "1024 packets/s", 1024, 1024, 1, 1 },
	{ "a prime number of packets/s", 65521, 64, 1, 1 },
	{ "a prime number of packets/s above the scale", 1000003, 64, 1, 4, 16 },
	{ "1 Gbit/s, small packets", 125000000, 65536, 64, 64 },
	{ "1 Gbit/s, all sizes", 125000000, 65536, 64, 9015 },
	{ "100 Gbit/s, small packets", 12500000000, 125000000, 64, 64 },
	{ "100 Gbit/s, all sizes", 12500000000, 125000000, 64, 9015 },
	{ "100 Gbit/s, GSO packets", 12500000000, 125000000, 9001, 524280 },
	{ "100 Gbit/s and 8 bit/s", 12500000001, 65536, 64, 9015, 16 },
	{ "800 Gbit/s", 100000000000, 1000000, 64, 9015 },
};

KUNIT_ARRAY_PARAM_DESC(mean, mean_cases, desc);

/* A source that always has packets gets the burst and the rate. Time goes on in
 * random steps, which are so short that the bucket is never full: what does not
 * fit in is lost rightly.
 */
static void test_mean(struct kunit *test)
{
	const struct mean_case *c = test->param_value;
	u64 start = 123456789012345, now = start, end = start;
	u64 passed = 0, expected, slack;
	struct nitro_vpc_bucket bucket = {};
	u32 size = c->size_min, step, i;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, c->rate);
	nitro_vpc_bucket_set(&bucket, c->rate, c->burst);
	KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_limited(&bucket));
	step = min3(div64_u64((c->burst - c->size_max) * NSEC_PER_SEC, c->rate),
		    div64_u64(20ULL * c->size_max * NSEC_PER_SEC, c->rate) + 1,
		    (u64)U32_MAX);
	KUNIT_ASSERT_GT(test, step, 0);

	for (i = 0; i < 500000; now += prandom_u32_state(&rnd) % step + 1) {
		while (nitro_vpc_bucket_take(&bucket, size, now)) {
			i++;
			passed += size;
			size = c->size_min + prandom_u32_state(&rnd) %
			       (c->size_max - c->size_min + 1);
		}
		end = now;
	}

	expected = mul_u64_u64_div_u64(end - start, c->rate, NSEC_PER_SEC);
	slack = div64_u64(expected * c->ppm, 1000000) + 1;
	KUNIT_EXPECT_GE(test, passed + slack + c->size_max, c->burst + expected);
	KUNIT_EXPECT_LE(test, passed, c->burst + expected + c->size_max + slack);
}

struct burst_case {
	const char *desc;
	u64 rate;
	u64 burst;
	u32 units;
	u32 passes;
};

static const struct burst_case burst_cases[] = {
	{ "packets", 1000, 64, 1, 64 },
	{ "bytes", 125000000, 65536, 4096, 16 },
	{ "bytes, not a multiple", 125000000, 65537, 4096, 16 },
	{ "100 Gbit/s", 12500000000, 125000000, 500000, 250 },
	{ "a packet that is the burst", 125000000, 65536, 65536, 1 },
	{ "a packet above the burst", 125000000, 1500, 65536, 1 },
	{ "no burst", 125000000, 0, 1500, 1 },
	{ "more units than a packet may have", 1000, 1, U32_MAX, 1 },
};

KUNIT_ARRAY_PARAM_DESC(burst, burst_cases, desc);

static u32 drain(struct nitro_vpc_bucket *bucket, u32 units, u64 now)
{
	u32 n = 0;

	while (n < 1000000 && nitro_vpc_bucket_take(bucket, units, now))
		n++;
	return n;
}

static void test_burst(struct kunit *test)
{
	const struct burst_case *c = test->param_value;
	u64 now = 5 * NSEC_PER_SEC, pause;
	struct nitro_vpc_bucket bucket = {};
	u64 units = min(c->units, NITRO_VPC_BUCKET_UNITS_MAX);

	nitro_vpc_bucket_set(&bucket, c->rate, c->burst);
	KUNIT_EXPECT_EQ(test, drain(&bucket, c->units, now), c->passes);
	/* It is full again when all that has passed is paid for, not earlier */
	pause = div64_u64(c->passes * units * NSEC_PER_SEC, c->rate);
	if (c->passes > 1) {
		KUNIT_EXPECT_LT(test, drain(&bucket, c->units, now + pause / 2),
				c->passes);
		now += pause / 2 + 1;
	} else {
		KUNIT_EXPECT_EQ(test,
				drain(&bucket, c->units, now + pause - 1), 0);
	}
	now += pause;
	KUNIT_EXPECT_EQ(test, drain(&bucket, c->units, now), c->passes);
	/* Credit is not saved up */
	now += 1000000 * (u64)NSEC_PER_SEC;
	KUNIT_EXPECT_EQ(test, drain(&bucket, c->units, now), c->passes);
}

static void test_no_limit(struct kunit *test)
{
	struct nitro_vpc_bucket bucket = {};

	KUNIT_EXPECT_FALSE(test, nitro_vpc_bucket_limited(&bucket));
	KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_take(&bucket, U32_MAX, 0));
	nitro_vpc_bucket_set(&bucket, 1, 0);
	KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_take(&bucket, 1, 1));
	KUNIT_EXPECT_FALSE(test, nitro_vpc_bucket_take(&bucket, 1, 2));
	nitro_vpc_bucket_set(&bucket, 0, 0);
	KUNIT_EXPECT_FALSE(test, nitro_vpc_bucket_limited(&bucket));
	KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_take(&bucket, U32_MAX, 2));
}

/* What was taken is not charged when the rest is refused */
static void test_refused(struct kunit *test)
{
	struct nitro_vpc_bucket bucket = {};
	u64 now = NSEC_PER_SEC;

	nitro_vpc_bucket_set(&bucket, 1000, 10);
	KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_take(&bucket, 8, now));
	KUNIT_EXPECT_FALSE(test, nitro_vpc_bucket_take(&bucket, 3, now));
	KUNIT_EXPECT_FALSE(test, nitro_vpc_bucket_take(&bucket, 3, now));
	KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_take(&bucket, 2, now));
	KUNIT_EXPECT_FALSE(test, nitro_vpc_bucket_take(&bucket, 1, now));
	KUNIT_EXPECT_FALSE(test, nitro_vpc_bucket_take(&bucket, 1, now + NSEC_PER_MSEC - 1));
	KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_take(&bucket, 1, now + NSEC_PER_MSEC));
}

/* Configuring the same again must not be a way to more */
static void test_set_again(struct kunit *test)
{
	struct nitro_vpc_bucket bucket = {};
	u64 now = NSEC_PER_SEC;

	nitro_vpc_bucket_set(&bucket, 1000, 10);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1, now), 10);
	nitro_vpc_bucket_set(&bucket, 1000, 10);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1, now), 0);
	nitro_vpc_bucket_set(&bucket, 1000, 20);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1, now), 20);
	nitro_vpc_bucket_set(&bucket, 2000, 20);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1, now), 20);
}

/* CPUs do not agree on the time to the nanosecond */
static void test_clock_back(struct kunit *test)
{
	struct nitro_vpc_bucket bucket = {};
	u64 now = NSEC_PER_SEC;

	nitro_vpc_bucket_set(&bucket, 125000000, 10000);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1000, now), 10);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1000, now - 1), 0);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1000, now - 1000), 0);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1000, now - NSEC_PER_MSEC / 2), 0);
	KUNIT_EXPECT_EQ(test, drain(&bucket, 1000, now + 8000), 1);
}

struct wrap_case {
	const char *desc;
	u64 rate;
};

static const struct wrap_case wrap_cases[] = {
	{ "one tick in a nanosecond", 125000000 },
	{ "25 ticks", 12500000000 },
	{ "65521 ticks", 65521 },
	{ "65536 ticks", 65536ULL * NSEC_PER_SEC },
};

KUNIT_ARRAY_PARAM_DESC(wrap, wrap_cases, desc);

/* The word wraps: between two packets, and once, twice... while nobody sends */
static void test_wrap(struct kunit *test)
{
	const struct wrap_case *c = test->param_value;
	struct nitro_vpc_bucket bucket = {};
	u64 wrap, now, idle, i;

	nitro_vpc_bucket_set(&bucket, c->rate, 10);
	wrap = div64_u64(U64_MAX, bucket.scale);

	KUNIT_EXPECT_EQ(test, drain(&bucket, 1, wrap / 2), 10);
	now = wrap - 2;
	for (i = 0; i < 5; i++, now++) {
		u64 credit = mul_u64_u64_div_u64(i, c->rate, NSEC_PER_SEC);
		u32 n = drain(&bucket, 1, now);

		KUNIT_EXPECT_LE(test, n, 10 + credit);
		KUNIT_EXPECT_TRUE(test, i || n == 10);
	}

	for (i = 1; i <= 16; i++) {
		idle = wrap / 8 * i + NSEC_PER_SEC;
		now += idle;
		KUNIT_EXPECT_EQ_MSG(test, drain(&bucket, 1, now), 10,
				    "idle for %llu ns", idle);
	}
}

static void test_extremes(struct kunit *test)
{
	static const u64 values[] = {
		0, 1, 2, 3, 999999999, 1000000001, U32_MAX, 1ULL << 32,
		S64_MAX, U64_MAX - 1, U64_MAX,
	};
	struct nitro_vpc_bucket bucket = {};
	u32 i, k, n;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		for (k = 0; k < ARRAY_SIZE(values); k++) {
			nitro_vpc_bucket_set(&bucket, values[i], values[k]);
			KUNIT_EXPECT_EQ(test, !values[i],
					!nitro_vpc_bucket_limited(&bucket));
			for (n = 0; n < ARRAY_SIZE(values); n++)
				nitro_vpc_bucket_take(&bucket, values[n],
						      values[n]);
			nitro_vpc_bucket_set(&bucket, 0, 0);
			nitro_vpc_bucket_set(&bucket, values[i], values[k]);
			KUNIT_EXPECT_TRUE(test, nitro_vpc_bucket_take(&bucket, U32_MAX,
								      1ULL << 40));
		}
	}
}

static struct kunit_case nitro_vpc_bucket_cases[] = {
	KUNIT_CASE_PARAM(test_mean, mean_gen_params),
	KUNIT_CASE_PARAM(test_burst, burst_gen_params),
	KUNIT_CASE(test_no_limit),
	KUNIT_CASE(test_refused),
	KUNIT_CASE(test_set_again),
	KUNIT_CASE(test_clock_back),
	KUNIT_CASE_PARAM(test_wrap, wrap_gen_params),
	KUNIT_CASE(test_extremes),
	{}
};

static struct kunit_suite nitro_vpc_bucket_suite = {
	.name = "nitro_vpc_bucket",
	.test_cases = nitro_vpc_bucket_cases,
};

kunit_test_suite(nitro_vpc_bucket_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the token bucket of nitro_vpc");
MODULE_LICENSE("GPL");
