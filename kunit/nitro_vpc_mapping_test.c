// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <net/ipv6.h>

#include "vpc/mapping.h"

#define VNI	7
#define MODEL	400

/* Text to a prefix: IPv4 is IPv4-mapped, its length counts from bit 96 */
static bool parse(const char *text, struct in6_addr *addr, u8 *len)
{
	bool v6 = strchr(text, ':');
	const char *slash;
	u8 bits = 0;

	if (v6) {
		in6_pton(text, -1, addr->s6_addr, '/', &slash);
	} else {
		ipv6_addr_set_v4mapped(0, addr);
		in4_pton(text, -1, &addr->s6_addr[12], '/', &slash);
	}
	*len = 128;
	if (*slash == '/' && !kstrtou8(slash + 1, 10, &bits))
		*len = v6 ? bits : 96 + bits;
	return v6;
}

static struct nitro_vpc_mapping *make(struct kunit *test, const char *text,
				      u32 eni)
{
	struct nitro_vpc_mapping *mapping;

	mapping = nitro_vpc_mapping_alloc(0, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mapping);
	mapping->v6 = parse(text, &mapping->prefix, &mapping->prefix_len);
	mapping->vni = VNI;
	mapping->eni = eni;
	mapping->mac[0] = 2;
	mapping->mac[5] = eni;
	return mapping;
}

static void set(struct kunit *test, struct nitro_vpc_mapping_table *table,
		struct nitro_vpc_mapping *mapping)
{
	struct nitro_vpc_mapping *old;

	KUNIT_ASSERT_EQ(test, nitro_vpc_mapping_table_set(table, mapping, &old),
			0);
	nitro_vpc_mapping_put(old);
}

static u32 lookup(struct nitro_vpc_mapping_table *table, const char *text)
{
	struct nitro_vpc_mapping *mapping;
	struct in6_addr addr;
	u32 eni = 0;
	bool v6;
	u8 len;

	v6 = parse(text, &addr, &len);
	rcu_read_lock();
	mapping = nitro_vpc_mapping_table_lookup(table, v6, &addr);
	if (mapping)
		eni = mapping->eni;
	rcu_read_unlock();
	return eni;
}

struct lookup_case {
	const char *desc;
	const char *addr;
	u32 eni;
};

static const char *const prefixes[] = {
	"10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3", "10.1.2.4/31",
	"10.1.2.128/25", "fd00::/8", "fd00:1::/32", "fd00:1:2::/64",
	"fd00:1:2::3", "::/1", "fd00:1:2::8/125",
};

static const struct lookup_case lookup_cases[] = {
	{ "outside", "11.0.0.1", 0 },
	{ "/8", "10.200.0.1", 1 },
	{ "/16", "10.1.3.1", 2 },
	{ "/24", "10.1.2.1", 3 },
	{ "whole address", "10.1.2.3", 4 },
	{ "/31, low", "10.1.2.4", 5 },
	{ "/31, high", "10.1.2.5", 5 },
	{ "behind the /31", "10.1.2.6", 3 },
	{ "/25", "10.1.2.255", 6 },
	{ "IPv6 outside", "8000::1", 0 },
	{ "IPv6 /8", "fd01::1", 7 },
	{ "IPv6 /32", "fd00:1:3::1", 8 },
	{ "IPv6 /64", "fd00:1:2::4", 9 },
	{ "IPv6 whole address", "fd00:1:2::3", 10 },
	{ "IPv6 /1", "2001:db8::1", 11 },
	{ "IPv6 /125", "fd00:1:2::f", 12 },
	{ "an IPv6 prefix does not cover IPv4", "1.2.3.4", 0 },
};

KUNIT_ARRAY_PARAM_DESC(lookup, lookup_cases, desc);

static void test_lookup(struct kunit *test)
{
	const struct lookup_case *c = test->param_value;
	struct nitro_vpc_mapping_table *table;
	u32 i;

	table = nitro_vpc_mapping_table_new(VNI);
	KUNIT_ASSERT_FALSE(test, IS_ERR(table));
	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		set(test, table, make(test, prefixes[i], i + 1));
	KUNIT_EXPECT_EQ(test, lookup(table, c->addr), c->eni);
	nitro_vpc_mapping_table_free(table);
}

/* A prefix is found until the last mapping of its length goes. */
static void test_delete(struct kunit *test)
{
	struct nitro_vpc_mapping_table *table;
	struct nitro_vpc_mapping *a, *b;

	table = nitro_vpc_mapping_table_new(VNI);
	KUNIT_ASSERT_FALSE(test, IS_ERR(table));
	a = make(test, "10.1.0.0/16", 1);
	b = make(test, "10.2.0.0/16", 2);
	set(test, table, a);
	set(test, table, b);
	set(test, table, make(test, "10.0.0.0/8", 3));
	KUNIT_EXPECT_EQ(test, nitro_vpc_mapping_table_count(table), 3);

	nitro_vpc_mapping_table_del(table, a);
	KUNIT_EXPECT_TRUE(test, a->dead);
	nitro_vpc_mapping_put(a);
	KUNIT_EXPECT_EQ(test, lookup(table, "10.1.0.1"), 3);
	KUNIT_EXPECT_EQ(test, lookup(table, "10.2.0.1"), 2);
	nitro_vpc_mapping_table_del(table, b);
	nitro_vpc_mapping_put(b);
	KUNIT_EXPECT_EQ(test, lookup(table, "10.2.0.1"), 3);
	KUNIT_EXPECT_EQ(test, nitro_vpc_mapping_table_count(table), 1);
	nitro_vpc_mapping_table_free(table);
}

static void test_replace(struct kunit *test)
{
	struct nitro_vpc_mapping *old, *new, *replaced;
	struct nitro_vpc_mapping_table *table;

	table = nitro_vpc_mapping_table_new(VNI);
	KUNIT_ASSERT_FALSE(test, IS_ERR(table));
	old = make(test, "10.1.2.3", 1);
	new = make(test, "10.1.2.3", 2);
	KUNIT_ASSERT_EQ(test, nitro_vpc_mapping_table_set(table, old, &replaced),
			0);
	KUNIT_EXPECT_NULL(test, replaced);
	KUNIT_ASSERT_EQ(test, nitro_vpc_mapping_table_set(table, new, &replaced),
			0);
	KUNIT_EXPECT_PTR_EQ(test, replaced, old);
	KUNIT_EXPECT_TRUE(test, old->dead);
	KUNIT_EXPECT_FALSE(test, new->dead);
	KUNIT_EXPECT_EQ(test, nitro_vpc_mapping_table_count(table), 1);
	KUNIT_EXPECT_EQ(test, lookup(table, "10.1.2.3"), 2);

	/* And back, as an undone request does */
	KUNIT_ASSERT_EQ(test, nitro_vpc_mapping_table_set(table, old, &replaced),
			0);
	KUNIT_EXPECT_PTR_EQ(test, replaced, new);
	KUNIT_EXPECT_FALSE(test, old->dead);
	KUNIT_EXPECT_EQ(test, lookup(table, "10.1.2.3"), 1);
	nitro_vpc_mapping_put(new);
	nitro_vpc_mapping_table_free(table);
}

static void test_forwarder(struct kunit *test)
{
	struct nitro_vpc_mapping_table *table;
	struct nitro_vpc_mapping *mapping;
	u8 mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 1 };

	table = nitro_vpc_mapping_table_new(VNI);
	KUNIT_ASSERT_FALSE(test, IS_ERR(table));
	set(test, table, make(test, "10.0.0.1", 1));
	rcu_read_lock();
	KUNIT_EXPECT_NULL(test, nitro_vpc_mapping_table_forwarder(table, mac));
	rcu_read_unlock();

	mapping = make(test, "10.0.0.1", 1);
	mapping->flags = NITRO_VPC_MAPPING_FLAGS_FORWARD;
	set(test, table, mapping);
	rcu_read_lock();
	KUNIT_EXPECT_PTR_EQ(test, nitro_vpc_mapping_table_forwarder(table, mac),
			    mapping);
	rcu_read_unlock();

	/* Its source/dest check is on again */
	set(test, table, make(test, "10.0.0.1", 1));
	rcu_read_lock();
	KUNIT_EXPECT_NULL(test, nitro_vpc_mapping_table_forwarder(table, mac));
	rcu_read_unlock();
	nitro_vpc_mapping_table_free(table);
}

/* The walk is in order and goes on behind a mapping that is gone. */
static void test_order(struct kunit *test)
{
	static const char *const sorted[] = {
		"1.0.0.0/8", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0", "10.0.0.1",
		"::/0", "::/1", "fd00::/8", "fd00::1",
	};
	static const u8 made_in[] = { 4, 8, 0, 6, 2, 7, 1, 5, 3 };
	struct nitro_vpc_mapping key = {}, *mapping = NULL;
	struct nitro_vpc_mapping_table *table;
	u32 i;

	table = nitro_vpc_mapping_table_new(VNI);
	KUNIT_ASSERT_FALSE(test, IS_ERR(table));
	for (i = 0; i < ARRAY_SIZE(made_in); i++)
		set(test, table, make(test, sorted[made_in[i]], made_in[i] + 1));
	for (i = 0; i < ARRAY_SIZE(sorted); i++) {
		mapping = nitro_vpc_mapping_table_next(table, mapping);
		KUNIT_ASSERT_NOT_NULL(test, mapping);
		KUNIT_EXPECT_EQ(test, mapping->eni, i + 1);
	}
	KUNIT_EXPECT_NULL(test, nitro_vpc_mapping_table_next(table, mapping));

	key.v6 = parse("10.0.0.0/12", &key.prefix, &key.prefix_len);
	RB_CLEAR_NODE(&key.sorted);
	mapping = nitro_vpc_mapping_table_next(table, &key);
	KUNIT_ASSERT_NOT_NULL(test, mapping);
	KUNIT_EXPECT_EQ(test, mapping->eni, 3);
	nitro_vpc_mapping_table_free(table);
}

/* A random prefix out of few, so that many nest and some are the same. */
static void random_prefix(struct rnd_state *rnd,
			  struct nitro_vpc_mapping *mapping)
{
	struct in6_addr addr = {};

	mapping->v6 = prandom_u32_state(rnd) & 1;
	if (mapping->v6) {
		addr.s6_addr[0] = 0xfd;
		addr.s6_addr[7] = prandom_u32_state(rnd) & 3;
		addr.s6_addr[15] = prandom_u32_state(rnd) & 31;
		mapping->prefix_len = prandom_u32_state(rnd) % 129;
	} else {
		ipv6_addr_set_v4mapped(htonl(0x0a000000 +
					     (prandom_u32_state(rnd) & 0x3031f)),
				       &addr);
		mapping->prefix_len = 96 + prandom_u32_state(rnd) % 33;
	}
	if (prandom_u32_state(rnd) & 1)
		mapping->prefix_len = 128;
	ipv6_addr_prefix(&mapping->prefix, &addr, mapping->prefix_len);
}

struct model {
	struct nitro_vpc_mapping *mappings[MODEL];
	u32 count;
};

static struct nitro_vpc_mapping *model_lookup(const struct model *model,
					      bool v6,
					      const struct in6_addr *addr)
{
	struct nitro_vpc_mapping *best = NULL;
	u32 i;

	for (i = 0; i < model->count; i++) {
		struct nitro_vpc_mapping *at = model->mappings[i];

		if (at->v6 == v6 &&
		    ipv6_prefix_equal(&at->prefix, addr, at->prefix_len) &&
		    (!best || at->prefix_len > best->prefix_len))
			best = at;
	}
	return best;
}

static void model_set(struct kunit *test, struct model *model,
		      struct nitro_vpc_mapping_table *table,
		      struct nitro_vpc_mapping *mapping)
{
	struct nitro_vpc_mapping *old;
	u32 i;

	KUNIT_ASSERT_EQ(test, nitro_vpc_mapping_table_set(table, mapping, &old),
			0);
	for (i = 0; i < model->count && model->mappings[i] != old; i++)
		;
	KUNIT_EXPECT_EQ(test, !old, i == model->count);
	model->mappings[i] = mapping;
	if (!old)
		model->count++;
	nitro_vpc_mapping_put(old);
}

/* What is found is what a search of all mappings finds, whatever came and
 * went before.
 */
static void test_random(struct kunit *test)
{
	struct nitro_vpc_mapping_table *table;
	struct nitro_vpc_mapping probe;
	struct rnd_state rnd;
	struct model *model;
	u32 step, i;

	model = kunit_kzalloc(test, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	table = nitro_vpc_mapping_table_new(VNI);
	KUNIT_ASSERT_FALSE(test, IS_ERR(table));
	prandom_seed_state(&rnd, 1);

	for (step = 0; step < 2000; step++) {
		if (model->count == MODEL ||
		    (model->count && prandom_u32_state(&rnd) % 3 == 0)) {
			i = prandom_u32_state(&rnd) % model->count;
			nitro_vpc_mapping_table_del(table, model->mappings[i]);
			nitro_vpc_mapping_put(model->mappings[i]);
			model->mappings[i] = model->mappings[--model->count];
		} else {
			struct nitro_vpc_mapping *mapping;

			mapping = nitro_vpc_mapping_alloc(0, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, mapping);
			random_prefix(&rnd, mapping);
			model_set(test, model, table, mapping);
		}
		KUNIT_ASSERT_EQ(test, nitro_vpc_mapping_table_count(table),
				model->count);
		for (i = 0; i < 4; i++) {
			random_prefix(&rnd, &probe);
			rcu_read_lock();
			KUNIT_EXPECT_PTR_EQ(test,
					    nitro_vpc_mapping_table_lookup(table,
									   probe.v6,
									   &probe.prefix),
					    model_lookup(model, probe.v6,
							 &probe.prefix));
			rcu_read_unlock();
		}
	}
	nitro_vpc_mapping_table_free(table);
}

static struct kunit_case nitro_vpc_mapping_cases[] = {
	KUNIT_CASE_PARAM(test_lookup, lookup_gen_params),
	KUNIT_CASE(test_delete),
	KUNIT_CASE(test_replace),
	KUNIT_CASE(test_forwarder),
	KUNIT_CASE(test_order),
	KUNIT_CASE(test_random),
	{}
};

static struct kunit_suite nitro_vpc_mapping_suite = {
	.name = "nitro_vpc_mapping",
	.test_cases = nitro_vpc_mapping_cases,
};

kunit_test_suite(nitro_vpc_mapping_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the mappings of nitro_vpc");
MODULE_LICENSE("GPL");
