// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <net/ipv6.h>

#include "vpc/eni.h"
#include "vpc/service.h"

struct address_case {
	const char *desc;
	const char *address;
	const char *client;
	/* What the answer goes to; NULL for @address */
	const char *back;
};

/* Of the ENI below; NULL is a client that there is not. */
static const struct address_case address_cases[] = {
	{ "primary", "10.0.1.10", "240.0.40.0" },
	{ "secondary", "10.0.1.11", "240.0.40.32" },
	{ "first of a prefix", "10.0.1.64", "240.0.40.48" },
	{ "last of a prefix", "10.0.1.79", "240.0.40.63" },
	{ "behind the prefix", "10.0.1.80", NULL },
	{ "in a prefix that is too large", "10.0.1.130", NULL },
	{ "another's", "10.0.1.12", NULL },
	{ "none", "0.0.0.0", "240.0.43.240", "255.255.255.255" },
	{ "primary of IPv6", "fd00:1::10", "fd00:ec3:0:501::" },
	{ "in a prefix of IPv6", "fd00:1::5:0:0:7",
	  "fd00:ec3:0:505:0:0:0:7" },
	{ "another's of IPv6", "fd00:1::11", NULL },
	{ "link-local", "fe80::1:2:3:4", "fd00:ec3:0:53f:1:2:3:4" },
};

KUNIT_ARRAY_PARAM_DESC(address, address_cases, desc);

static bool parse(const char *text, struct in6_addr *ret)
{
	__be32 ip4;

	if (strchr(text, ':'))
		return in6_pton(text, -1, ret->s6_addr, -1, NULL);
	if (!in4_pton(text, -1, (u8 *)&ip4, -1, NULL))
		return false;
	ipv6_addr_set_v4mapped(ip4, ret);
	return true;
}

static void set(struct kunit *test, struct nitro_vpc_prefix *prefix,
		const char *text, u8 len)
{
	KUNIT_ASSERT_TRUE(test, parse(text, &prefix->addr));
	prefix->v6 = !ipv6_addr_v4mapped(&prefix->addr);
	prefix->len = prefix->v6 ? len : len + 96;
}

static struct nitro_vpc_eni_config *config(struct kunit *test)
{
	struct nitro_vpc_eni_config *config;

	config = kunit_kzalloc(test, struct_size(config, prefixes, 6),
			       GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, config);
	config->service = 5;
	config->n_addresses = 6;
	set(test, &config->prefixes[0], "10.0.1.10", 32);
	set(test, &config->prefixes[1], "fd00:1::10", 128);
	set(test, &config->prefixes[2], "10.0.1.11", 32);
	set(test, &config->prefixes[3], "10.0.1.64", 28);
	set(test, &config->prefixes[4], "10.0.1.128", 27);
	set(test, &config->prefixes[5], "fd00:1::5:0:0:0", 80);
	return config;
}

/* From the ENI's address to the client's and back */
static void test_address(struct kunit *test)
{
	const struct address_case *c = test->param_value;
	struct nitro_vpc_eni_config *eni = config(test);
	struct in6_addr addr, wanted, found;
	struct nitro_vpc_client client;
	bool v6 = strchr(c->address, ':');

	KUNIT_ASSERT_TRUE(test, parse(c->address, &addr));
	KUNIT_ASSERT_EQ(test,
			nitro_vpc_client_make(eni, &addr, v6, &client),
			!!c->client);
	if (!c->client)
		return;
	KUNIT_ASSERT_TRUE(test, parse(c->client, &wanted));
	nitro_vpc_client_encode(&client, v6, &found);
	KUNIT_EXPECT_MEMEQ(test, &found, &wanted, sizeof(found));

	KUNIT_EXPECT_TRUE(test, nitro_vpc_client_decode(&found, &client));
	KUNIT_EXPECT_EQ(test, client.service, 5);
	KUNIT_ASSERT_TRUE(test, parse(c->back ?: c->address, &wanted));
	KUNIT_EXPECT_TRUE(test,
			  nitro_vpc_client_addr(eni, &client, v6, &found));
	KUNIT_EXPECT_MEMEQ(test, &found, &wanted, sizeof(found));
}

static void test_no_service(struct kunit *test)
{
	struct nitro_vpc_eni_config *eni = config(test);
	struct nitro_vpc_client client;
	struct in6_addr addr;

	eni->service = 0;
	KUNIT_ASSERT_TRUE(test, parse("10.0.1.10", &addr));
	KUNIT_EXPECT_FALSE(test,
			   nitro_vpc_client_make(eni, &addr, false, &client));
	KUNIT_ASSERT_TRUE(test, parse("0.0.0.0", &addr));
	KUNIT_EXPECT_FALSE(test,
			   nitro_vpc_client_make(eni, &addr, false, &client));
}

/* Addresses of clients that the ENI does not have (any more) */
static void test_no_way_back(struct kunit *test)
{
	static const char *const texts[] = {
		"240.0.40.1",		/* a rest, but not a prefix */
		"240.0.40.96",		/* the seventh address */
		"240.0.40.16",		/* an IPv6 one */
		"fd00:ec3:0:500::",	/* an IPv4 one */
		"fd00:ec3:0:505:1::",	/* more rest than the prefix has */
		"fd00:ec3:0:5ff::",
	};
	struct nitro_vpc_eni_config *eni = config(test);
	struct nitro_vpc_client client;
	struct in6_addr addr, found;
	int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		KUNIT_ASSERT_TRUE(test, parse(texts[i], &addr));
		KUNIT_ASSERT_TRUE(test, nitro_vpc_client_decode(&addr, &client));
		KUNIT_EXPECT_EQ(test, client.service, 5);
		KUNIT_EXPECT_FALSE_MSG(test,
			nitro_vpc_client_addr(eni, &client,
					      strchr(texts[i], ':'), &found),
			"%s", texts[i]);
	}
}

static void test_no_client(struct kunit *test)
{
	static const char *const texts[] = {
		"239.255.255.255", "10.0.1.10", "169.254.169.254",
		"fd00:ec2:0:501::", "fd00:ec4::", "::",
	};
	struct nitro_vpc_client client;
	struct in6_addr addr;
	int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		KUNIT_ASSERT_TRUE(test, parse(texts[i], &addr));
		KUNIT_EXPECT_FALSE_MSG(test,
				       nitro_vpc_client_decode(&addr, &client),
				       "%s", texts[i]);
	}
}

/* The greatest number is not the broadcast address. */
static void test_extremes(struct kunit *test)
{
	struct nitro_vpc_client client = {
		.service = NITRO_VPC_SERVICE_MAX, .resolver = 1,
		.prefix = NITRO_VPC_CLIENT_NONE, .rest = 15,
	}, found;
	struct in6_addr addr, wanted;

	nitro_vpc_client_encode(&client, false, &addr);
	KUNIT_ASSERT_TRUE(test, parse("255.255.247.255", &wanted));
	KUNIT_EXPECT_MEMEQ(test, &addr, &wanted, sizeof(addr));
	KUNIT_EXPECT_TRUE(test, nitro_vpc_client_decode(&addr, &found));
	KUNIT_EXPECT_EQ(test, found.service, client.service);
	KUNIT_EXPECT_EQ(test, found.resolver, 1);
	KUNIT_EXPECT_EQ(test, found.prefix, client.prefix);
	KUNIT_EXPECT_EQ(test, found.rest, 15);
}

static struct kunit_case nitro_vpc_client_cases[] = {
	KUNIT_CASE_PARAM(test_address, address_gen_params),
	KUNIT_CASE(test_no_service),
	KUNIT_CASE(test_no_way_back),
	KUNIT_CASE(test_no_client),
	KUNIT_CASE(test_extremes),
	{}
};

static struct kunit_suite nitro_vpc_client_suite = {
	.name = "nitro_vpc_client",
	.test_cases = nitro_vpc_client_cases,
};

kunit_test_suite(nitro_vpc_client_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the service port's addresses of nitro_vpc");
MODULE_LICENSE("GPL");
