// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/in.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/prandom.h>
#include <net/ipv6.h>

#include "vpc/policy.h"
#include "vpc/range.h"

#define IN		NITRO_VPC_DIRECTION_INGRESS
#define OUT		NITRO_VPC_DIRECTION_EGRESS
#define ALL		NITRO_VPC_RULE_ANY_PROTOCOL
#define TCP		IPPROTO_TCP
#define UDP		IPPROTO_UDP
#define ICMP		IPPROTO_ICMP
#define ICMP6		IPPROTO_ICMPV6
#define TYPE(type, code)	((type) << 8 | (code))

/* No @prefix means that @len is a tag */
struct text_rule {
	u8 direction;
	u16 protocol;
	u16 port_min;
	u16 port_max;
	const char *prefix;
	u32 len;
};

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

static void make_rule(struct kunit *test, const struct text_rule *text, u32 id,
		      struct nitro_vpc_rule *rule)
{
	memset(rule, 0, sizeof(*rule));
	rule->id = id;
	rule->direction = text->direction;
	rule->protocol = text->protocol;
	rule->port_min = text->port_min;
	rule->port_max = text->port_max;
	if (!text->prefix) {
		rule->peer = NITRO_VPC_PEER_TAG;
		rule->tag = text->len;
	} else if (parse(test, text->prefix, &rule->prefix)) {
		rule->peer = NITRO_VPC_PEER_IP6;
		rule->prefix_len = text->len;
	} else {
		rule->peer = NITRO_VPC_PEER_IP4;
		rule->prefix_len = 96 + text->len;
	}
}

#define NO	0
#define TRACK	1
#define OPEN	2

/* Rules are numbered from 1; @rule is the number of the one that allows it */
struct check_case {
	const char *desc;
	struct text_rule rules[6];
	struct {
		u8 direction;
		u8 protocol;
		u16 service;
		const char *peer;
		u8 verdict;
		u32 rule;
		u32 tags[3];
	} checks[10];
};

static const struct check_case check_cases[] = {
	{
		"no rules", {}, {
			{ IN, TCP, 80, "10.0.0.1", NO }, { OUT, TCP, 80, "10.0.0.1", NO },
			{ IN, UDP, 0, "2001:db8::1", NO },
			{ OUT, ICMP6, 0, "2001:db8::1", NO, 0, { 1, 2, 3 } },
		},
	}, {
		"one port of one address", { { IN, TCP, 80, 80, "10.0.0.1", 32 } }, {
			{ IN, TCP, 80, "10.0.0.1", TRACK, 1 }, { OUT, TCP, 80, "10.0.0.1", NO },
			{ IN, UDP, 80, "10.0.0.1", NO }, { IN, TCP, 79, "10.0.0.1", NO },
			{ IN, TCP, 81, "10.0.0.1", NO }, { IN, TCP, 80, "10.0.0.0", NO },
			{ IN, TCP, 80, "10.0.0.2", NO },
			{ IN, TCP, 80, "::ffff:10.0.0.1", NO },
		},
	}, {
		"ports end at both ends of the protocol", {
			{ IN, TCP, 0, 10, "0.0.0.0", 0 }, { IN, TCP, 65000, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, TCP, 0, "1.2.3.4", TRACK, 1 }, { IN, TCP, 10, "1.2.3.4", TRACK, 1 },
			{ IN, TCP, 11, "1.2.3.4", NO }, { IN, TCP, 64999, "1.2.3.4", NO },
			{ IN, TCP, 65535, "255.255.255.255", TRACK, 2 },
			{ IN, TCP + 1, 0, "1.2.3.4", NO }, { IN, TCP - 1, 65535, "1.2.3.4", NO },
		},
	}, {
		"any protocol", { { IN, ALL, 0, 65535, "10.0.0.0", 8 } }, {
			{ IN, 0, 0, "10.0.0.0", TRACK, 1 }, { IN, 255, 65535, "10.1.2.3", TRACK, 1 },
			{ IN, TCP, 22, "10.255.255.255", TRACK, 1 }, { IN, TCP, 22, "11.0.0.0", NO },
			{ IN, ICMP6, 128 * 256, "::ffff:10.0.0.1", NO },
		},
	}, {
		"protocols without ports", { { OUT, 47, 0, 65535, "0.0.0.0", 0 } }, {
			{ OUT, 47, 0, "1.1.1.1", TRACK, 1 }, { OUT, 46, 0, "1.1.1.1", NO },
			{ OUT, 48, 0, "1.1.1.1", NO }, { OUT, 47, 0, "2001:db8::1", NO },
		},
	}, {
		"ICMP type and code", {
			{ IN, ICMP, TYPE(8, 0), TYPE(8, 255), "0.0.0.0", 0 },
			{ IN, ICMP, TYPE(3, 4), TYPE(3, 4), "0.0.0.0", 0 },
			{ IN, ICMP6, TYPE(128, 0), TYPE(128, 0), "::", 0 },
			{ OUT, ALL, 0, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, ICMP, TYPE(8, 0), "1.1.1.1", TRACK, 1 },
			{ IN, ICMP, TYPE(8, 255), "1.1.1.1", TRACK, 1 },
			{ IN, ICMP, TYPE(9, 0), "1.1.1.1", NO },
			{ IN, ICMP, TYPE(3, 4), "1.1.1.1", TRACK, 2 },
			{ IN, ICMP, TYPE(3, 3), "1.1.1.1", NO },
			{ IN, ICMP6, TYPE(128, 0), "2001:db8::1", TRACK, 3 },
			{ IN, ICMP6, TYPE(128, 1), "2001:db8::1", NO },
			{ OUT, ICMP, TYPE(8, 0), "1.1.1.1", TRACK, 4 },
		},
	}, {
		"families are separate", {
			{ IN, TCP, 0, 65535, "::", 0 }, { OUT, TCP, 0, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, TCP, 80, "2001:db8::1", TRACK, 1 }, { IN, TCP, 80, "10.0.0.1", NO },
			{ IN, TCP, 80, "::ffff:10.0.0.1", TRACK, 1 },
			{ OUT, TCP, 80, "10.0.0.1", TRACK, 2 }, { OUT, TCP, 80, "2001:db8::1", NO },
		},
	}, {
		"tags apply to both families", { { IN, TCP, 5432, 5432, NULL, 7 } }, {
			{ IN, TCP, 5432, "10.0.0.1", TRACK, 1, { 7 } },
			{ IN, TCP, 5432, "2001:db8::1", TRACK, 1, { 7 } },
			{ IN, TCP, 5432, "10.0.0.1", TRACK, 1, { 3, 7, 9 } },
			{ IN, TCP, 5432, "10.0.0.1", TRACK, 1, { 9, 7, 3 } },
			{ IN, TCP, 5432, "10.0.0.1", NO, 0, { 6, 8 } },
			{ IN, TCP, 5432, "10.0.0.1", NO }, { IN, TCP, 5431, "10.0.0.1", NO, 0, { 7 } },
			{ OUT, TCP, 5432, "10.0.0.1", NO, 0, { 7 } },
		},
	}, {
		"the biggest tag", {
			{ IN, TCP, 0, 65535, NULL, U32_MAX }, { IN, TCP, 0, 65535, NULL, 1 },
		}, {
			{ IN, TCP, 1, "10.0.0.1", TRACK, 1, { U32_MAX } },
			{ IN, TCP, 1, "10.0.0.1", NO, 0, { U32_MAX - 1 } },
			{ IN, TCP, 1, "10.0.0.1", TRACK, 1, { U32_MAX, 1 } },
		},
	}, {
		"the first rule that allows it is named", {
			{ IN, TCP, 80, 80, "10.9.0.0", 16 }, { IN, TCP, 0, 65535, "10.0.0.0", 16 },
			{ IN, TCP, 80, 90, "10.0.0.0", 8 }, { IN, ALL, 0, 65535, NULL, 5 },
			{ IN, TCP, 443, 443, "10.0.0.1", 32 },
		}, {
			{ IN, TCP, 80, "10.0.0.1", TRACK, 2 }, { IN, TCP, 80, "10.1.0.1", TRACK, 3 },
			{ IN, TCP, 80, "10.9.0.1", TRACK, 1 },
			{ IN, TCP, 80, "10.1.0.1", TRACK, 3, { 5 } },
			{ IN, UDP, 80, "10.1.0.1", TRACK, 4, { 5 } },
			{ IN, TCP, 443, "10.0.0.1", TRACK, 2, { 5 } },
			{ IN, TCP, 443, "10.0.9.1", TRACK, 2 },
			{ IN, TCP, 443, "10.7.9.1", TRACK, 4, { 5 } },
		},
	}, {
		"open in both directions is not tracked", {
			{ IN, TCP, 22, 22, "0.0.0.0", 0 }, { OUT, ALL, 0, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, TCP, 22, "1.1.1.1", OPEN, 1 }, { IN, UDP, 22, "1.1.1.1", NO },
			{ OUT, TCP, 22, "1.1.1.1", TRACK, 2 }, { OUT, UDP, 22, "1.1.1.1", TRACK, 2 },
			{ IN, TCP, 22, "2001:db8::1", NO },
		},
	}, {
		"an open rule is preferred", {
			{ IN, TCP, 22, 22, "10.0.0.0", 8 }, { IN, TCP, 22, 22, NULL, 5 },
			{ IN, TCP, 22, 22, "0.0.0.0", 0 }, { OUT, ALL, 0, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, TCP, 22, "10.0.0.1", OPEN, 3 }, { IN, TCP, 22, "11.0.0.1", OPEN, 3 },
			{ IN, TCP, 22, "10.0.0.1", OPEN, 3, { 5 } },
			{ IN, TCP, 22, "2001:db8::1", TRACK, 2, { 5 } },
		},
	}, {
		"not all addresses: tracked", {
			{ IN, TCP, 22, 22, "0.0.0.0", 1 }, { IN, TCP, 22, 22, "128.0.0.0", 1 },
			{ OUT, ALL, 0, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, TCP, 22, "1.1.1.1", TRACK, 1 }, { IN, TCP, 22, "128.0.0.0", TRACK, 2 },
			{ OUT, TCP, 22, "1.1.1.1", TRACK, 3 },
		},
	}, {
		"not all ports back: tracked", {
			{ IN, TCP, 22, 22, "0.0.0.0", 0 }, { OUT, TCP, 1, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, TCP, 22, "1.1.1.1", TRACK, 1 },
		},
	}, {
		"the way back is of another protocol, or family: tracked", {
			{ IN, TCP, 0, 65535, "0.0.0.0", 0 }, { OUT, UDP, 0, 65535, "0.0.0.0", 0 },
			{ OUT, TCP, 0, 65535, "::", 0 },
		}, {
			{ IN, TCP, 22, "1.1.1.1", TRACK, 1 }, { OUT, UDP, 22, "1.1.1.1", TRACK, 2 },
			{ OUT, TCP, 22, "2001:db8::1", TRACK, 3 },
		},
	}, {
		"the way back is for tags: tracked", {
			{ IN, TCP, 0, 65535, "0.0.0.0", 0 }, { OUT, TCP, 0, 65535, NULL, 5 },
		}, {
			{ IN, TCP, 22, "1.1.1.1", TRACK, 1, { 5 } },
		},
	}, {
		"all open", {
			{ IN, ALL, 0, 65535, "0.0.0.0", 0 }, { OUT, ALL, 0, 65535, "0.0.0.0", 0 },
			{ IN, ALL, 0, 65535, "::", 0 }, { OUT, ALL, 0, 65535, "::", 0 },
		}, {
			{ IN, TCP, 1, "1.1.1.1", OPEN, 1 }, { OUT, TCP, 1, "1.1.1.1", OPEN, 2 },
			{ IN, UDP, 1, "2001:db8::1", OPEN, 3 }, { OUT, UDP, 1, "::", OPEN, 4 },
			{ IN, ICMP, 0, "1.1.1.1", TRACK, 1 }, { OUT, ICMP6, 0, "::", TRACK, 4 },
			{ IN, 47, 0, "1.1.1.1", TRACK, 1 }, { IN, 132, 0, "1.1.1.1", TRACK, 1 },
		},
	}, {
		"an ICMP rule for all does not open TCP", {
			{ IN, TCP, 0, 65535, "0.0.0.0", 0 }, { OUT, ICMP, 0, 65535, "0.0.0.0", 0 },
		}, {
			{ IN, TCP, 22, "1.1.1.1", TRACK, 1 }, { OUT, ICMP, 8, "1.1.1.1", TRACK, 2 },
		},
	},
};

KUNIT_ARRAY_PARAM_DESC(check, check_cases, desc);

static void test_check(struct kunit *test)
{
	const struct check_case *c = test->param_value;
	struct nitro_vpc_rule rule[ARRAY_SIZE(c->rules)];
	struct nitro_vpc_verdict verdict;
	struct nitro_vpc_rules *rules;
	u32 i, n, n_tags, count;

	for (n = 0; n < ARRAY_SIZE(c->rules) && c->rules[n].port_max; n++)
		make_rule(test, &c->rules[n], n + 1, &rule[n]);
	rules = nitro_vpc_rules_build(rule, n, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, rules);
	KUNIT_EXPECT_MEMEQ(test, nitro_vpc_rules_array(rules, &count), rule,
			   n * sizeof(*rule));
	KUNIT_EXPECT_EQ(test, count, n);

	for (i = 0; i < ARRAY_SIZE(c->checks) && c->checks[i].peer; i++) {
		struct in6_addr peer;
		bool v6 = parse(test, c->checks[i].peer, &peer);

		for (n_tags = 0; n_tags < 3 && c->checks[i].tags[n_tags]; n_tags++)
			;
		verdict = nitro_vpc_rules_check(rules, c->checks[i].direction, v6,
						c->checks[i].protocol,
						c->checks[i].service, &peer,
						c->checks[i].tags, n_tags);
		KUNIT_EXPECT_EQ_MSG(test, verdict.allowed,
				    c->checks[i].verdict != NO, "check %u", i);
		KUNIT_EXPECT_EQ_MSG(test, verdict.tracked,
				    c->checks[i].verdict == TRACK, "check %u", i);
		KUNIT_EXPECT_EQ_MSG(test, verdict.rule, c->checks[i].rule,
				    "check %u", i);
	}
	nitro_vpc_rules_free(rules);
}

struct refuse_case {
	const char *desc;
	struct nitro_vpc_rule rule;
	const char *message;
};

#define ADDR4(a, b, c, d) \
	{ .s6_addr = { [10] = 0xff, [11] = 0xff, [12] = a, [13] = b, [14] = c, [15] = d } }
#define IP4	NITRO_VPC_PEER_IP4
#define IP6	NITRO_VPC_PEER_IP6
#define TAG	NITRO_VPC_PEER_TAG

static const struct refuse_case refuse_cases[] = {
	{ "direction", { 1, 2, TCP, 80, 80, TAG },
	  "rule 2: unknown direction" },
	{ "protocol", { 1, IN, ALL + 1, 0, 65535, TAG },
	  "rule 2: unknown protocol" },
	{ "ports the wrong way round", { 1, IN, TCP, 81, 80, TAG },
	  "rule 2: the first port is above the last" },
	{ "ports of all protocols", { 1, IN, ALL, 80, 80, TAG },
	  "rule 2: only TCP, UDP and ICMP rules have ports" },
	{ "ports of GRE", { 1, IN, 47, 0, 0, TAG },
	  "rule 2: only TCP, UDP and ICMP rules have ports" },
	{ "peer", { 1, IN, TCP, 80, 80, TAG + 1 },
	  "rule 2: unknown kind of peer" },
	{ "IPv4 prefix shorter than /0", { 1, IN, TCP, 80, 80, IP4, ADDR4(0, 0, 0, 0), 95 },
	  "rule 2: the prefix length is out of range" },
	{ "IPv4 prefix longer than /32", { 1, IN, TCP, 80, 80, IP4, ADDR4(0, 0, 0, 0), 129 },
	  "rule 2: the prefix length is out of range" },
	{ "IPv4 that is not mapped", { 1, IN, TCP, 80, 80, IP4, {}, 128 },
	  "rule 2: the prefix length is out of range" },
	{ "IPv6 prefix longer than /128", { 1, IN, TCP, 80, 80, IP6, {}, 255 },
	  "rule 2: the prefix length is out of range" },
	{ "IPv4 host bits", { 1, IN, TCP, 80, 80, IP4, ADDR4(10, 0, 0, 1), 127 },
	  "rule 2: the prefix has host bits set" },
	{ "IPv6 host bits",
	  { 1, IN, TCP, 80, 80, IP6, { .s6_addr = { [7] = 1 } }, 63 },
	  "rule 2: the prefix has host bits set" },
};

KUNIT_ARRAY_PARAM_DESC(refuse, refuse_cases, desc);

static void test_refuse(struct kunit *test)
{
	const struct refuse_case *c = test->param_value;
	struct netlink_ext_ack extack = {};
	struct nitro_vpc_rule rule[2] = {
		{ 1, IN, TCP, 80, 80, TAG }, c->rule,
	};
	struct nitro_vpc_rules *rules;

	rules = nitro_vpc_rules_build(rule, 2, &extack);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(rules), -EINVAL);
	KUNIT_ASSERT_NOT_NULL(test, extack._msg);
	KUNIT_EXPECT_STREQ(test, extack._msg, c->message);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(nitro_vpc_rules_build(rule, 2, NULL)),
			-EINVAL);
}

/* The model: what policy.h says, read literally */

static bool open_rule(const struct nitro_vpc_rule *rule)
{
	return (rule->peer == IP4 && rule->prefix_len == 96) ||
	       (rule->peer == IP6 && !rule->prefix_len);
}

static bool peer_matches(const struct nitro_vpc_rule *rule, bool v6,
			 const struct in6_addr *peer, const u32 *tags, u32 n_tags)
{
	if (rule->peer == TAG) {
		while (n_tags--)
			if (tags[n_tags] == rule->tag)
				return true;
		return false;
	}
	return rule->peer == (v6 ? IP6 : IP4) &&
	       ipv6_prefix_equal(&rule->prefix, peer, rule->prefix_len);
}

static struct nitro_vpc_verdict
slow_check(const struct nitro_vpc_rule *rule, u32 count, u8 direction, bool v6,
	   u8 protocol, u16 service, const struct in6_addr *peer,
	   const u32 *tags, u32 n_tags)
{
	struct nitro_vpc_verdict verdict = {};
	bool open = false, back = false;

	for (; count--; rule++) {
		if (rule->protocol != ALL && rule->protocol != protocol)
			continue;
		if (rule->direction != direction) {
			back |= open_rule(rule) && !rule->port_min &&
				rule->port_max == 0xffff &&
				rule->peer == (v6 ? IP6 : IP4);
			continue;
		}
		if (service < rule->port_min || service > rule->port_max ||
		    !peer_matches(rule, v6, peer, tags, n_tags))
			continue;
		if (!verdict.allowed || (open_rule(rule) && !open)) {
			verdict.allowed = true;
			verdict.rule = rule->id;
			open = open_rule(rule);
		}
	}
	verdict.tracked = verdict.allowed &&
		!(open && back && (protocol == TCP || protocol == UDP));
	return verdict;
}

static u32 below(struct rnd_state *rnd, u32 n)
{
	return prandom_u32_state(rnd) % n;
}

/* Few different values, so that rules meet and nest */
static u16 random_port(struct rnd_state *rnd)
{
	static const u16 ports[] = { 0, 1, 22, 80, 443, 1024, 32768, 65534, 65535 };

	if (below(rnd, 3))
		return ports[below(rnd, ARRAY_SIZE(ports))];
	return below(rnd, 100);
}

static u16 random_protocol(struct rnd_state *rnd)
{
	static const u16 protocols[] = { TCP, TCP, UDP, ICMP, ICMP6, 47, 0, 255 };

	return protocols[below(rnd, ARRAY_SIZE(protocols))];
}

static void random_addr(struct rnd_state *rnd, bool v6, struct in6_addr *addr)
{
	u32 i;

	for (i = 0; i < 4; i++) {
		u32 word = prandom_u32_state(rnd);

		if (below(rnd, 8))
			word &= below(rnd, 2) ? 0x80018001 : 1;
		if (!below(rnd, 8))
			word = ~word;
		addr->s6_addr32[i] = htonl(word);
	}
	if (!v6)
		ipv6_addr_set_v4mapped(addr->s6_addr32[3], addr);
}

static u32 random_tag(struct rnd_state *rnd)
{
	return below(rnd, 20) ? below(rnd, 20) : U32_MAX - below(rnd, 2);
}

static void random_rule(struct rnd_state *rnd, struct nitro_vpc_rule *rule)
{
	struct in6_addr addr;
	bool v6;

	memset(rule, 0, sizeof(*rule));
	rule->direction = below(rnd, 2);
	rule->protocol = below(rnd, 5) ? random_protocol(rnd) : ALL;
	rule->port_max = 0xffff;
	if (below(rnd, 4) && (rule->protocol == TCP || rule->protocol == UDP ||
			      rule->protocol == ICMP || rule->protocol == ICMP6)) {
		rule->port_min = random_port(rnd);
		rule->port_max = random_port(rnd);
		if (rule->port_min > rule->port_max)
			swap(rule->port_min, rule->port_max);
	}
	rule->peer = below(rnd, 3);
	if (rule->peer == TAG) {
		rule->tag = random_tag(rnd);
		return;
	}
	v6 = rule->peer == IP6;
	random_addr(rnd, v6, &addr);
	rule->prefix_len = v6 ? below(rnd, 129) : 96 + below(rnd, 33);
	if (!below(rnd, 10))
		rule->prefix_len = v6 ? 0 : 96;
	ipv6_addr_prefix(&rule->prefix, &addr, rule->prefix_len);
}

static u32 compare(struct kunit *test, struct rnd_state *rnd,
		   const struct nitro_vpc_rules *rules, u32 queries)
{
	const struct nitro_vpc_rule *rule;
	u32 count, allowed = 0;

	rule = nitro_vpc_rules_array(rules, &count);
	while (queries--) {
		struct nitro_vpc_verdict verdict, expected;
		u8 direction = below(rnd, 2);
		u8 protocol = random_protocol(rnd);
		u16 service = random_port(rnd);
		u32 n_tags = below(rnd, 4), i;
		bool v6 = below(rnd, 2);
		struct in6_addr peer;
		u32 tags[4];

		random_addr(rnd, v6, &peer);
		for (i = 0; i < n_tags; i++)
			tags[i] = random_tag(rnd);
		verdict = nitro_vpc_rules_check(rules, direction, v6, protocol,
						service, &peer, tags, n_tags);
		expected = slow_check(rule, count, direction, v6, protocol,
				      service, &peer, tags, n_tags);
		allowed += verdict.allowed;
		if (verdict.allowed == expected.allowed &&
		    verdict.tracked == expected.tracked &&
		    verdict.rule == expected.rule)
			continue;
		KUNIT_FAIL(test, "%u rules: %u/%u/%u instead of %u/%u/%u, direction %u protocol %u service %u peer %pI6c",
			   count, verdict.allowed, verdict.tracked, verdict.rule,
			   expected.allowed, expected.tracked, expected.rule,
			   direction, protocol, service, &peer);
		break;
	}
	return allowed;
}

static struct nitro_vpc_rule *random_rules(struct kunit *test, struct rnd_state *rnd,
					   u32 n)
{
	struct nitro_vpc_rule *rule;
	u32 i;

	rule = kunit_kcalloc(test, n + 1, sizeof(*rule), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, rule);
	for (i = 0; i < n; i++) {
		random_rule(rnd, &rule[i]);
		rule[i].id = 1000 + i;
	}
	return rule;
}

static void test_random(struct kunit *test)
{
	static const u32 sizes[] = { 0, 1, 2, 3, 5, 10, 30, 63, 64, 65, 128, 200, 500 };
	struct nitro_vpc_rules *rules;
	u32 i, round, allowed = 0;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 4789);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (round = 0; round < 8; round++) {
			rules = nitro_vpc_rules_build(random_rules(test, &rnd, sizes[i]),
						      sizes[i], NULL);
			KUNIT_ASSERT_NOT_ERR_OR_NULL(test, rules);
			allowed += compare(test, &rnd, rules, 1000);
			nitro_vpc_rules_free(rules);
		}
	}
	/* The queries are no good if all of them are refused, or allowed */
	KUNIT_EXPECT_GT(test, allowed, 8 * ARRAY_SIZE(sizes) * 1000 / 10);
	KUNIT_EXPECT_LT(test, allowed, 8 * ARRAY_SIZE(sizes) * 1000 * 9 / 10);
}

static void test_most(struct kunit *test)
{
	u32 n = NITRO_VPC_RULES_MAX;
	struct netlink_ext_ack extack = {};
	struct nitro_vpc_rules *rules;
	struct nitro_vpc_rule *rule;
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 443);
	rule = random_rules(test, &rnd, n + 1);
	rules = nitro_vpc_rules_build(rule, n + 1, &extack);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(rules), -E2BIG);
	KUNIT_EXPECT_STREQ(test, extack._msg, "a policy has 4096 rules at most");

	rules = nitro_vpc_rules_build(rule, n, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, rules);
	compare(test, &rnd, rules, 500);
	nitro_vpc_rules_free_rcu(rules);
	nitro_vpc_rules_free_rcu(NULL);
	nitro_vpc_rules_free(NULL);
}

struct worst_case {
	const char *desc;
	void (*make)(struct nitro_vpc_rule *rule, u32 i);
};

static void nested_ports(struct nitro_vpc_rule *rule, u32 i)
{
	rule->protocol = TCP;
	rule->port_min = i;
	rule->port_max = 0xffff - i;
	rule->peer = TAG;
	rule->tag = i;
}

static void nested_prefixes(struct nitro_vpc_rule *rule, u32 i)
{
	struct in6_addr addr = { .s6_addr32 = { htonl(i / 128), htonl(i), htonl(~0), htonl(~0) } };

	rule->protocol = ALL;
	rule->port_max = 0xffff;
	rule->peer = IP6;
	rule->prefix_len = 128 - i % 128;
	ipv6_addr_prefix(&rule->prefix, &addr, rule->prefix_len);
}

static void equal(struct nitro_vpc_rule *rule, u32 i)
{
	rule->protocol = UDP;
	rule->port_min = 53;
	rule->port_max = 53;
	rule->peer = IP4;
	rule->prefix_len = 96;
	ipv6_addr_set_v4mapped(0, &rule->prefix);
}

static void own_port_and_tag(struct nitro_vpc_rule *rule, u32 i)
{
	rule->protocol = i % 2 ? TCP : UDP;
	rule->port_min = 2 * i;
	rule->port_max = 2 * i;
	rule->peer = TAG;
	rule->tag = 2 * i;
}

static const struct worst_case worst_cases[] = {
	{ "nested ports, a tag each", nested_ports },
	{ "nested prefixes", nested_prefixes },
	{ "all equal", equal },
	{ "a port and a tag each", own_port_and_tag },
};

KUNIT_ARRAY_PARAM_DESC(worst, worst_cases, desc);

/* Rule sets that take the most room are built, and right */
static void test_worst(struct kunit *test)
{
	const struct worst_case *c = test->param_value;
	u32 i, n = NITRO_VPC_RULES_MAX;
	struct nitro_vpc_verdict verdict, expected;
	struct nitro_vpc_rules *rules;
	struct nitro_vpc_rule *rule;

	rule = kunit_kcalloc(test, n, sizeof(*rule), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, rule);
	for (i = 0; i < n; i++) {
		rule[i].id = i + 1;
		rule[i].direction = IN;
		c->make(&rule[i], i);
	}
	rules = nitro_vpc_rules_build(rule, n, NULL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, rules);
	for (i = 0; i < n; i += 61) {
		const struct nitro_vpc_rule *r = &rule[i];
		bool v6 = r->peer != IP4;
		u8 protocol = r->protocol == ALL ? TCP : r->protocol;

		verdict = nitro_vpc_rules_check(rules, IN, v6, protocol, r->port_min,
						&r->prefix, &r->tag, r->peer == TAG);
		expected = slow_check(rule, n, IN, v6, protocol, r->port_min,
				      &r->prefix, &r->tag, r->peer == TAG);
		KUNIT_EXPECT_TRUE(test, verdict.allowed);
		KUNIT_EXPECT_EQ(test, verdict.rule, expected.rule);
		KUNIT_EXPECT_EQ(test, verdict.tracked, expected.tracked);
	}
	nitro_vpc_rules_free(rules);
}

static struct kunit_case nitro_vpc_policy_cases[] = {
	KUNIT_CASE_PARAM(test_check, check_gen_params),
	KUNIT_CASE_PARAM(test_refuse, refuse_gen_params),
	KUNIT_CASE(test_random),
	KUNIT_CASE(test_most),
	KUNIT_CASE_PARAM(test_worst, worst_gen_params),
	{}
};

static struct kunit_suite nitro_vpc_policy_suite = {
	.name = "nitro_vpc_policy",
	.test_cases = nitro_vpc_policy_cases,
};

kunit_test_suite(nitro_vpc_policy_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the policies of nitro_vpc");
MODULE_LICENSE("GPL");
