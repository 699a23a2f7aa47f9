// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/prandom.h>
#include <net/ipv6.h>

#include "vpc/range.h"
#include "vpc/route.h"

#define MAC		"\x02\x00\x00\x00\x00\x01"
#define LOCAL		NITRO_VPC_ROUTE_TYPE_LOCAL
#define BLACKHOLE	NITRO_VPC_ROUTE_TYPE_BLACKHOLE
#define ENI		NITRO_VPC_ROUTE_TYPE_ENI
#define NONE		(-1)

struct text_route {
	const char *prefix;
	u8 len;
	u8 type;
};

/* "10.0.0.0" or "2001:db8::" */
static bool parse(struct kunit *test, const char *text, struct in6_addr *ret)
{
	__be32 addr;

	if (strchr(text, ':')) {
		KUNIT_ASSERT_EQ(test, in6_pton(text, -1, ret->s6_addr, -1, NULL), 1);
		return true;
	}
	KUNIT_ASSERT_EQ(test, in4_pton(text, -1, (u8 *)&addr, -1, NULL), 1);
	ipv6_addr_set_v4mapped(addr, ret);
	return false;
}

static void make_route(struct kunit *test, const struct text_route *text,
		       struct nitro_vpc_route *route)
{
	memset(route, 0, sizeof(*route));
	route->v6 = parse(test, text->prefix, &route->prefix);
	route->prefix_len = text->len + (route->v6 ? 0 : 96);
	route->type = text->type;
	if (route->type == ENI)
		ether_addr_copy(route->mac, MAC);
}

struct lookup_case {
	const char *desc;
	struct text_route routes[6];
	struct {
		const char *addr;
		int route;
	} lookups[10];
};

static const struct lookup_case lookup_cases[] = {
	{
		"no routes", {}, {
			{ "0.0.0.0", NONE }, { "255.255.255.255", NONE },
			{ "::", NONE }, { "::ffff:10.0.0.1", NONE },
		},
	}, {
		"default route of IPv4 only", { { "0.0.0.0", 0, ENI } }, {
			{ "0.0.0.0", 0 }, { "10.0.0.1", 0 },
			{ "255.255.255.255", 0 }, { "::", NONE },
			{ "::ffff:10.0.0.1", NONE }, { "2001:db8::1", NONE },
		},
	}, {
		"default route of IPv6 only", { { "::", 0, ENI } }, {
			{ "::", 0 }, { "2001:db8::1", 0 },
			{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0 },
			{ "0.0.0.0", NONE }, { "10.0.0.1", NONE },
		},
	}, {
		"the longest prefix wins, whatever the order", {
			{ "10.0.0.0", 16, LOCAL }, { "0.0.0.0", 0, ENI },
			{ "10.0.5.0", 24, BLACKHOLE }, { "10.0.5.7", 32, ENI },
		}, {
			{ "10.0.0.0", 0 }, { "10.0.4.255", 0 },
			{ "10.0.5.0", 2 }, { "10.0.5.6", 2 },
			{ "10.0.5.7", 3 }, { "10.0.5.8", 2 },
			{ "10.0.6.0", 0 }, { "10.1.0.0", 1 },
			{ "9.255.255.255", 1 }, { "255.255.255.255", 1 },
		},
	}, {
		"nested at the same first address", {
			{ "10.0.0.0", 8, LOCAL }, { "10.0.0.0", 16, ENI },
			{ "10.0.0.0", 24, BLACKHOLE }, { "10.0.0.0", 32, ENI },
		}, {
			{ "10.0.0.0", 3 }, { "10.0.0.1", 2 },
			{ "10.0.1.0", 1 }, { "10.1.0.0", 0 },
			{ "11.0.0.0", NONE }, { "9.255.255.255", NONE },
		},
	}, {
		"nested at the same last address", {
			{ "255.255.255.255", 32, ENI }, { "255.255.255.0", 24, LOCAL },
			{ "255.0.0.0", 8, BLACKHOLE },
		}, {
			{ "255.255.255.255", 0 }, { "255.255.255.254", 1 },
			{ "255.255.254.255", 2 }, { "254.255.255.255", NONE },
		},
	}, {
		"neighbours of one length", {
			{ "10.0.1.0", 24, LOCAL }, { "10.0.0.0", 24, ENI },
			{ "10.0.2.0", 24, BLACKHOLE },
		}, {
			{ "10.0.0.255", 1 }, { "10.0.1.0", 0 },
			{ "10.0.1.255", 0 }, { "10.0.2.0", 2 },
			{ "10.0.3.0", NONE },
		},
	}, {
		"IPv6, on both sides of bit 64", {
			{ "2001:db8::", 32, LOCAL }, { "2001:db8:0:1::", 64, ENI },
			{ "2001:db8:0:1::", 65, BLACKHOLE },
			{ "2001:db8:0:1::5", 128, ENI }, { "2001:db8::", 63, ENI },
		}, {
			{ "2001:db8::1", 4 }, { "2001:db8:0:1::5", 3 },
			{ "2001:db8:0:1::4", 2 }, { "2001:db8:0:1:8000::", 1 },
			{ "2001:db8:0:2::", 0 },
			{ "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 0 },
			{ "2001:db9::", NONE },
			{ "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", NONE },
		},
	}, {
		"both families", {
			{ "0.0.0.0", 0, LOCAL }, { "::", 0, ENI },
			{ "10.0.0.0", 8, ENI }, { "::ffff:0:0", 96, BLACKHOLE },
		}, {
			{ "10.0.0.1", 2 }, { "11.0.0.1", 0 }, { "::1", 1 },
			{ "::ffff:10.0.0.1", 3 },
		},
	},
};

KUNIT_ARRAY_PARAM_DESC(lookup, lookup_cases, desc);

static void test_lookup(struct kunit *test)
{
	const struct lookup_case *c = test->param_value;
	struct nitro_vpc_route route[ARRAY_SIZE(c->routes)];
	const struct nitro_vpc_route *array, *found;
	struct nitro_vpc_routes *routes;
	u32 i, n, count;

	for (n = 0; n < ARRAY_SIZE(c->routes) && c->routes[n].prefix; n++)
		make_route(test, &c->routes[n], &route[n]);
	routes = nitro_vpc_routes_build(route, n, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, routes);
	array = nitro_vpc_routes_array(routes, &count);
	KUNIT_EXPECT_EQ(test, count, n);
	KUNIT_EXPECT_MEMEQ(test, array, route, n * sizeof(*route));

	for (i = 0; i < ARRAY_SIZE(c->lookups) && c->lookups[i].addr; i++) {
		struct in6_addr addr;
		bool v6 = parse(test, c->lookups[i].addr, &addr);

		found = nitro_vpc_routes_lookup(routes, v6, &addr);
		KUNIT_EXPECT_EQ_MSG(test, found ? found - array : NONE,
				    c->lookups[i].route, "%s", c->lookups[i].addr);
	}
	nitro_vpc_routes_free(routes);
}

struct refuse_case {
	const char *desc;
	struct nitro_vpc_route route;
	int error;
	const char *message;
};

#define V4(a, b, c, d) \
	{ .s6_addr = { [10] = 0xff, [11] = 0xff, [12] = a, [13] = b, [14] = c, [15] = d } }

static const struct refuse_case refuse_cases[] = {
	{ "IPv4 prefix shorter than /0", { V4(0, 0, 0, 0), 95, 0, LOCAL },
	  -EINVAL, "route 2: the prefix length is out of range" },
	{ "IPv4 prefix longer than /32", { V4(10, 0, 0, 0), 129, 0, LOCAL },
	  -EINVAL, "route 2: the prefix length is out of range" },
	{ "IPv4 that is not mapped", { {}, 128, 0, LOCAL },
	  -EINVAL, "route 2: the prefix length is out of range" },
	{ "IPv6 prefix longer than /128", { {}, 129, 1, LOCAL },
	  -EINVAL, "route 2: the prefix length is out of range" },
	{ "a third family", { {}, 0, 2, LOCAL },
	  -EINVAL, "route 2: the prefix length is out of range" },
	{ "IPv4 host bits", { V4(10, 0, 0, 1), 96 + 24, 0, LOCAL },
	  -EINVAL, "route 2: the prefix has host bits set" },
	{ "IPv6 host bits", { { .s6_addr = { [15] = 1 } }, 0, 1, LOCAL },
	  -EINVAL, "route 2: the prefix has host bits set" },
	{ "unknown type", { V4(10, 0, 0, 0), 96 + 24, 0, ENI + 1 },
	  -EINVAL, "route 2: unknown type" },
	{ "ENI without a MAC address", { V4(10, 0, 0, 0), 96 + 24, 0, ENI },
	  -EINVAL, "route 2: no valid MAC address of an ENI" },
	{ "ENI with a multicast MAC address",
	  { V4(10, 0, 0, 0), 96 + 24, 0, ENI, { 0x01, 0, 0x5e, 0, 0, 1 } },
	  -EINVAL, "route 2: no valid MAC address of an ENI" },
	{ "the same prefix twice", { V4(192, 168, 0, 0), 96 + 16, 0, BLACKHOLE },
	  -EEXIST, "route 2: same prefix as route 1" },
};

KUNIT_ARRAY_PARAM_DESC(refuse, refuse_cases, desc);

static void test_refuse(struct kunit *test)
{
	const struct refuse_case *c = test->param_value;
	struct netlink_ext_ack extack = {};
	struct nitro_vpc_route route[2] = {
		{ V4(192, 168, 0, 0), 96 + 16, 0, LOCAL }, c->route,
	};
	struct nitro_vpc_routes *routes;

	routes = nitro_vpc_routes_build(route, 2, &extack);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(routes), c->error);
	KUNIT_ASSERT_NOT_NULL(test, extack._msg);
	KUNIT_EXPECT_STREQ(test, extack._msg, c->message);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(nitro_vpc_routes_build(route, 2, NULL)),
			c->error);
}

static bool matches(const struct nitro_vpc_route *route, bool v6,
		    const struct in6_addr *addr)
{
	return route->v6 == v6 &&
	       ipv6_prefix_equal(&route->prefix, addr, route->prefix_len);
}

static const struct nitro_vpc_route *
slow_lookup(const struct nitro_vpc_route *route, u32 n, bool v6,
	    const struct in6_addr *addr)
{
	const struct nitro_vpc_route *best = NULL;

	for (; n--; route++)
		if (matches(route, v6, addr) &&
		    (!best || route->prefix_len > best->prefix_len))
			best = route;
	return best;
}

/* Addresses with few different bits, so that prefixes are nested */
static void random_addr(struct rnd_state *rnd, bool v6, struct in6_addr *addr)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		u32 word = prandom_u32_state(rnd);

		if (prandom_u32_state(rnd) % 8)
			word &= prandom_u32_state(rnd) % 2 ? 0xc0008003 : 1;
		if (prandom_u32_state(rnd) % 8 == 0)
			word = ~word;
		addr->s6_addr32[i] = htonl(word);
	}
	if (!v6)
		ipv6_addr_set_v4mapped(addr->s6_addr32[3], addr);
}

static bool known(const struct nitro_vpc_route *route, u32 n,
		  const struct nitro_vpc_route *other)
{
	for (; n--; route++)
		if (route->v6 == other->v6 && route->prefix_len == other->prefix_len &&
		    ipv6_addr_equal(&route->prefix, &other->prefix))
			return true;
	return false;
}

static u32 random_routes(struct rnd_state *rnd, struct nitro_vpc_route *route, u32 max)
{
	u32 i, n = 0;

	for (i = 0; i < max; i++) {
		struct nitro_vpc_route *r = &route[n];
		struct in6_addr addr;

		memset(r, 0, sizeof(*r));
		r->v6 = prandom_u32_state(rnd) % 2;
		r->prefix_len = r->v6 ? prandom_u32_state(rnd) % 129 :
				96 + prandom_u32_state(rnd) % 33;
		r->type = prandom_u32_state(rnd) % 2;
		random_addr(rnd, r->v6, &addr);
		ipv6_addr_prefix(&r->prefix, &addr, r->prefix_len);
		n += !known(route, n, r);
	}
	return n;
}

/* Against a linear search */
static void test_random(struct kunit *test)
{
	const struct nitro_vpc_route *array, *found, *expected;
	struct nitro_vpc_routes *routes;
	struct nitro_vpc_route *route;
	u32 round, i, n, count;
	struct in6_addr addr;
	struct rnd_state rnd;
	bool v6;

	prandom_seed_state(&rnd, 1234);
	route = kunit_kcalloc(test, 200, sizeof(*route), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, route);
	for (round = 0; round < 40; round++) {
		n = random_routes(&rnd, route, 5 * round);
		routes = nitro_vpc_routes_build(route, n, NULL);
		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, routes);
		array = nitro_vpc_routes_array(routes, &count);
		for (i = 0; i < 1000; i++) {
			v6 = i % 2;
			random_addr(&rnd, v6, &addr);
			found = nitro_vpc_routes_lookup(routes, v6, &addr);
			expected = slow_lookup(array, count, v6, &addr);
			KUNIT_EXPECT_PTR_EQ_MSG(test, found, expected,
						"round %u, %pI6c", round, &addr);
		}
		nitro_vpc_routes_free(routes);
	}
}

static void test_most(struct kunit *test)
{
	u32 i, n = NITRO_VPC_ROUTES_MAX;
	struct netlink_ext_ack extack = {};
	const struct nitro_vpc_route *array;
	struct nitro_vpc_routes *routes;
	struct nitro_vpc_route *route;

	route = kunit_kcalloc(test, n + 1, sizeof(*route), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, route);
	for (i = 0; i <= n; i++) {
		ipv6_addr_set_v4mapped(htonl(i << 12), &route[i].prefix);
		route[i].prefix_len = 128 - i % 8;
		route[i].type = LOCAL;
	}
	routes = nitro_vpc_routes_build(route, n + 1, &extack);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(routes), -E2BIG);
	KUNIT_EXPECT_STREQ(test, extack._msg, "a route table has 4096 routes at most");

	routes = nitro_vpc_routes_build(route, n, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, routes);
	array = nitro_vpc_routes_array(routes, &i);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_PTR_EQ(test, &array[i],
				    nitro_vpc_routes_lookup(routes, false, &route[i].prefix));
	KUNIT_EXPECT_NULL(test, nitro_vpc_routes_lookup(routes, false, &route[n].prefix));
	nitro_vpc_routes_free_rcu(routes);
	nitro_vpc_routes_free_rcu(NULL);
	nitro_vpc_routes_free(NULL);
}

static struct kunit_case nitro_vpc_route_cases[] = {
	KUNIT_CASE_PARAM(test_lookup, lookup_gen_params),
	KUNIT_CASE_PARAM(test_refuse, refuse_gen_params),
	KUNIT_CASE(test_random),
	KUNIT_CASE(test_most),
	{}
};

static struct kunit_suite nitro_vpc_route_suite = {
	.name = "nitro_vpc_route",
	.test_cases = nitro_vpc_route_cases,
};

kunit_test_suite(nitro_vpc_route_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the routes of nitro_vpc");
MODULE_LICENSE("GPL");
