// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "vpc/range.h"

#define ITEMS	200
#define NUM(h, l)	((struct nitro_vpc_u128){ .hi = (h), .lo = (l) })

struct prefix_case {
	const char *desc;
	struct nitro_vpc_u128 first;
	u8 len;
	bool masked;
	struct nitro_vpc_u128 last;
};

static const struct prefix_case prefix_cases[] = {
	{ "/0", NUM(0, 0), 0, true, NUM(~0ULL, ~0ULL) },
	{ "/0 with a low bit", NUM(0, 1), 0, false, NUM(~0ULL, ~0ULL) },
	{ "/1", NUM(1ULL << 63, 0), 1, true, NUM(~0ULL, ~0ULL) },
	{ "/32", NUM(0x20010db800000000, 0), 32, true, NUM(0x20010db8ffffffff, ~0ULL) },
	{ "/63", NUM(2, 0), 63, true, NUM(3, ~0ULL) },
	{ "/63 with bit 63", NUM(3, 0), 63, false, NUM(3, ~0ULL) },
	{ "/63 with bit 64", NUM(2, 1ULL << 63), 63, false, NUM(3, ~0ULL) },
	{ "/64", NUM(3, 0), 64, true, NUM(3, ~0ULL) },
	{ "/64 with bit 64", NUM(3, 1ULL << 63), 64, false, NUM(3, ~0ULL) },
	{ "/65", NUM(3, 1ULL << 63), 65, true, NUM(3, ~0ULL) },
	{ "/96", NUM(0, 0xffff00000000), 96, true, NUM(0, 0xffffffffffff) },
	{ "/127", NUM(0, 2), 127, true, NUM(0, 3) },
	{ "/127 with a low bit", NUM(0, 3), 127, false, NUM(0, 3) },
	{ "/128", NUM(7, 5), 128, true, NUM(7, 5) },
};

KUNIT_ARRAY_PARAM_DESC(prefix, prefix_cases, desc);

static void test_prefix(struct kunit *test)
{
	const struct prefix_case *c = test->param_value;
	struct nitro_vpc_u128 last = nitro_vpc_u128_last(c->first, c->len);

	KUNIT_EXPECT_EQ(test, nitro_vpc_u128_masked(c->first, c->len), c->masked);
	KUNIT_EXPECT_EQ(test, last.hi, c->last.hi);
	KUNIT_EXPECT_EQ(test, last.lo, c->last.lo);
}

struct edges_case {
	const char *desc;
	bool wide;
	struct nitro_vpc_u128 first;
	struct nitro_vpc_u128 last;
	u32 count;
	struct nitro_vpc_u128 enter;
	struct nitro_vpc_u128 leave;
};

static const struct edges_case edges_cases[] = {
	{ "narrow", false, NUM(0, 5), NUM(0, 9), 2, NUM(0, 5), NUM(0, 10) },
	{ "narrow, one position", false, NUM(0, 5), NUM(0, 5), 2, NUM(0, 5), NUM(0, 6) },
	{ "narrow, to the end", false, NUM(0, 5), NUM(0, U32_MAX), 1, NUM(0, 5) },
	{ "narrow, IPv4-mapped", false, NUM(0, 0xffff0a000000), NUM(0, 0xffff0affffff),
	  2, NUM(0, 0x0a000000), NUM(0, 0x0b000000) },
	{ "narrow, IPv4-mapped, to the end", false, NUM(0, 0xffff00000000),
	  NUM(0, 0xffffffffffff), 1, NUM(0, 0) },
	{ "wide", true, NUM(1, 0), NUM(1, 7), 2, NUM(1, 0), NUM(1, 8) },
	{ "wide, carry", true, NUM(1, 0), NUM(1, ~0ULL), 2, NUM(1, 0), NUM(2, 0) },
	{ "wide, above 32 bits", true, NUM(0, 0), NUM(0, U32_MAX), 2, NUM(0, 0),
	  NUM(0, 1ULL << 32) },
	{ "wide, to the end", true, NUM(1, 0), NUM(~0ULL, ~0ULL), 1, NUM(1, 0) },
};

KUNIT_ARRAY_PARAM_DESC(edges, edges_cases, desc);

static void test_edges(struct kunit *test)
{
	const struct edges_case *c = test->param_value;
	struct nitro_vpc_range_edge edges[2] = {};

	KUNIT_ASSERT_EQ(test, nitro_vpc_range_edges(edges, c->wide, c->first, c->last, 77),
			c->count);
	KUNIT_EXPECT_EQ(test, edges[0].item, 77);
	KUNIT_EXPECT_FALSE(test, edges[0].leave);
	KUNIT_EXPECT_EQ(test, edges[0].at.hi, c->enter.hi);
	KUNIT_EXPECT_EQ(test, edges[0].at.lo, c->enter.lo);
	if (c->count < 2)
		return;
	KUNIT_EXPECT_EQ(test, edges[1].item, 77);
	KUNIT_EXPECT_TRUE(test, edges[1].leave);
	KUNIT_EXPECT_EQ(test, edges[1].at.hi, c->leave.hi);
	KUNIT_EXPECT_EQ(test, edges[1].at.lo, c->leave.lo);
}

/* The value of a position is the number of items there */
struct count {
	struct kunit *test;
	int open;
	int values;
	int fail_at;
};

static void count_edge(void *context, u16 item, bool leave)
{
	struct count *count = context;

	count->open += leave ? -1 : 1;
	KUNIT_EXPECT_GE(count->test, count->open, 0);
}

static int count_value(void *context)
{
	struct count *count = context;

	return ++count->values == count->fail_at ? -ENOMEM : count->open;
}

static const struct nitro_vpc_range_ops count_ops = {
	.edge = count_edge,
	.value = count_value,
};

struct interval {
	struct nitro_vpc_u128 first;
	struct nitro_vpc_u128 last;
};

static bool inside(struct nitro_vpc_u128 at, const struct interval *interval)
{
	return !nitro_vpc_u128_less(at, interval->first) &&
	       !nitro_vpc_u128_less(interval->last, at);
}

static u16 find(const struct nitro_vpc_range *range, struct nitro_vpc_u128 at)
{
	struct in6_addr addr = {};

	if (range->wide) {
		addr.s6_addr32[0] = htonl(at.hi >> 32);
		addr.s6_addr32[1] = htonl(at.hi);
		addr.s6_addr32[2] = htonl(at.lo >> 32);
	} else {
		addr.s6_addr32[2] = htonl(0xffff);
	}
	addr.s6_addr32[3] = htonl(at.lo);
	return nitro_vpc_range_find_addr(range, &addr);
}

static void expect_count(struct kunit *test, const struct nitro_vpc_range *range,
			 const struct interval *interval, u32 n,
			 struct nitro_vpc_u128 at)
{
	u32 expected = 0, i;

	for (i = 0; i < n; i++)
		expected += inside(at, &interval[i]);
	KUNIT_EXPECT_EQ_MSG(test, find(range, at), expected, "at %llx:%llx",
			    at.hi, at.lo);
}

static struct nitro_vpc_u128 before(struct nitro_vpc_u128 at, bool wide)
{
	at.hi -= wide && !at.lo;
	at.lo--;
	return wide ? at : NUM(0, (u32)at.lo);
}

static struct nitro_vpc_u128 behind(struct nitro_vpc_u128 at, bool wide)
{
	at.lo++;
	at.hi += wide && !at.lo;
	return wide ? at : NUM(0, (u32)at.lo);
}

/* Positions from a small and from the whole axis, so that items often begin and
 * end at the same place
 */
static struct nitro_vpc_u128 random_at(struct rnd_state *rnd, bool wide)
{
	struct nitro_vpc_u128 at = {};

	switch (prandom_u32_state(rnd) % 3) {
	case 0:
		at.lo = prandom_u32_state(rnd) % 64;
		break;
	case 1:
		at.lo = prandom_u32_state(rnd);
		break;
	case 2:
		at = NUM(~0ULL, ~0ULL << (prandom_u32_state(rnd) % 64));
		break;
	}
	if (!wide)
		return NUM(0, (u32)at.lo);
	if (prandom_u32_state(rnd) % 2)
		at.hi = prandom_u32_state(rnd) % 8;
	return at;
}

static void random_axis(struct kunit *test, struct rnd_state *rnd, bool wide, u32 n)
{
	struct nitro_vpc_range_edge *edges;
	struct nitro_vpc_range range = {};
	struct count count = { .test = test };
	struct interval *interval;
	u32 i, n_edges = 0;

	edges = kunit_kcalloc(test, 2 * n + 1, sizeof(*edges), GFP_KERNEL);
	interval = kunit_kcalloc(test, n + 1, sizeof(*interval), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, edges);
	KUNIT_ASSERT_NOT_NULL(test, interval);

	for (i = 0; i < n; i++) {
		struct interval *in = &interval[i];

		in->first = random_at(rnd, wide);
		in->last = random_at(rnd, wide);
		if (nitro_vpc_u128_less(in->last, in->first))
			swap(in->first, in->last);
		n_edges += nitro_vpc_range_edges(edges + n_edges, wide,
						 in->first, in->last, i);
	}
	KUNIT_ASSERT_EQ(test, nitro_vpc_range_build(&range, wide, edges, n_edges,
						    &count_ops, &count), 0);
	KUNIT_EXPECT_GE(test, range.count, 1);
	KUNIT_EXPECT_LE(test, range.count, n_edges + 1);

	expect_count(test, &range, interval, n, NUM(0, 0));
	expect_count(test, &range, interval, n,
		     wide ? NUM(~0ULL, ~0ULL) : NUM(0, U32_MAX));
	for (i = 0; i < n; i++) {
		expect_count(test, &range, interval, n, interval[i].first);
		expect_count(test, &range, interval, n, interval[i].last);
		expect_count(test, &range, interval, n, before(interval[i].first, wide));
		expect_count(test, &range, interval, n, behind(interval[i].last, wide));
		expect_count(test, &range, interval, n, random_at(rnd, wide));
	}
	nitro_vpc_range_destroy(&range);
}

static void test_random(struct kunit *test)
{
	struct rnd_state rnd;
	u32 n;

	prandom_seed_state(&rnd, 6081);
	for (n = 0; n < ITEMS; n += n < 10 ? 1 : 37) {
		random_axis(test, &rnd, false, n);
		random_axis(test, &rnd, true, n);
	}
}

static void test_merge(struct kunit *test)
{
	struct count count = { .test = test };
	struct nitro_vpc_range range = {};
	struct nitro_vpc_range_edge edges[8];
	u32 n = 0;

	/* One item goes on where another ends: no cut */
	n += nitro_vpc_range_edges(edges + n, false, NUM(0, 0), NUM(0, 9), 0);
	n += nitro_vpc_range_edges(edges + n, false, NUM(0, 10), NUM(0, 19), 1);
	n += nitro_vpc_range_edges(edges + n, false, NUM(0, 20), NUM(0, 29), 2);
	KUNIT_ASSERT_EQ(test, nitro_vpc_range_build(&range, false, edges, n,
						    &count_ops, &count), 0);
	KUNIT_EXPECT_EQ(test, range.count, 2);
	KUNIT_EXPECT_EQ(test, nitro_vpc_range_find32(&range, 29), 1);
	KUNIT_EXPECT_EQ(test, nitro_vpc_range_find32(&range, 30), 0);
	nitro_vpc_range_destroy(&range);
}

static void test_failure(struct kunit *test)
{
	struct nitro_vpc_range range = {};
	struct nitro_vpc_range_edge edges[2];
	u32 n, fail_at;

	for (fail_at = 1; fail_at <= 3; fail_at++) {
		struct count count = { .test = test, .fail_at = fail_at };

		n = nitro_vpc_range_edges(edges, true, NUM(0, 5), NUM(0, 9), 0);
		KUNIT_EXPECT_EQ(test, nitro_vpc_range_build(&range, true, edges, n,
							    &count_ops, &count),
				-ENOMEM);
		KUNIT_EXPECT_NULL(test, range.first128);
	}
}

static struct kunit_case nitro_vpc_range_cases[] = {
	KUNIT_CASE_PARAM(test_prefix, prefix_gen_params),
	KUNIT_CASE_PARAM(test_edges, edges_gen_params),
	KUNIT_CASE(test_random),
	KUNIT_CASE(test_merge),
	KUNIT_CASE(test_failure),
	{}
};

static struct kunit_suite nitro_vpc_range_suite = {
	.name = "nitro_vpc_range",
	.test_cases = nitro_vpc_range_cases,
};

kunit_test_suite(nitro_vpc_range_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the ranges of nitro_vpc");
MODULE_LICENSE("GPL");
