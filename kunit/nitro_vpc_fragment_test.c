// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/ipv6.h>

#include "vpc/card.h"
#include "vpc/eni.h"
#include "vpc/flow.h"
#include "vpc/fragment.h"

#define INGRESS		NITRO_VPC_DIRECTION_INGRESS
#define EGRESS		NITRO_VPC_DIRECTION_EGRESS
#define FIRST_LEN	1480

struct fixture {
	struct nitro_vpc_card card;
	struct nitro_vpc_eni_config config;
	struct nitro_vpc_eni *eni[2];
};

static int fixture_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->config.timeout_udp = 30 * HZ;
	f->config.timeout_udp_stream = 180 * HZ;
	f->config.flow_limit = 10;
	for (i = 0; i < 2; i++) {
		struct nitro_vpc_eni *eni;

		eni = kunit_kzalloc(test, sizeof(*eni), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, eni);
		eni->dev = kunit_kzalloc(test, sizeof(*eni->dev), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, eni->dev);
		eni->dev->reg_state = NETREG_REGISTERED;
		eni->card = &f->card;
		rcu_assign_pointer(eni->config, &f->config);
		f->eni[i] = eni;
	}
	test->priv = f;
	return 0;
}

static void fixture_exit(struct kunit *test)
{
	struct fixture *f = test->priv;
	int i;

	for (i = 0; i < 2; i++) {
		nitro_vpc_flow_flush(f->eni[i]);
		nitro_vpc_fragment_flush(f->eni[i]);
	}
	rcu_barrier();
}

static struct nitro_vpc_packet make_first(u8 direction, u8 protocol, u32 id)
{
	struct nitro_vpc_packet pkt = {
		.key = {
			.local_port = htons(4000),
			.remote_port = htons(53),
			.protocol = protocol,
		},
		.direction = direction,
		.nhoff = 14,
		.thoff = 34,
		.length = 20 + FIRST_LEN,
		.frag_id = id,
		.fragment = 1,
		.service = 53,
		.query = 1,
	};

	ipv6_addr_set_v4mapped(htonl(0x0a000105), &pkt.key.local);
	ipv6_addr_set_v4mapped(htonl(0x0a000207), &pkt.key.remote);
	return pkt;
}

static struct nitro_vpc_packet make_later(u8 direction, u8 protocol, u32 id)
{
	struct nitro_vpc_packet pkt = make_first(direction, protocol, id);

	pkt.key.local_port = 0;
	pkt.key.remote_port = 0;
	pkt.service = 0;
	pkt.later = 1;
	pkt.frag_off = FIRST_LEN;
	return pkt;
}

static bool found(struct nitro_vpc_eni *eni, struct nitro_vpc_packet pkt)
{
	enum nitro_vpc_drop reason;

	rcu_read_lock();
	reason = nitro_vpc_fragment_check(eni, &pkt);
	rcu_read_unlock();
	return !reason && pkt.key.local_port == htons(4000) &&
	       pkt.key.remote_port == htons(53) && pkt.service == 53;
}

static void store(struct nitro_vpc_eni *eni, struct nitro_vpc_packet pkt)
{
	rcu_read_lock();
	nitro_vpc_fragment_store(eni, &pkt);
	rcu_read_unlock();
}

static void test_found(struct kunit *test)
{
	struct nitro_vpc_packet first = make_first(EGRESS, IPPROTO_UDP, 7);
	struct nitro_vpc_packet later = make_later(EGRESS, IPPROTO_UDP, 7);
	struct fixture *f = test->priv;
	struct nitro_vpc_packet other;

	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, nitro_vpc_fragment_check(f->eni[0], &first),
			NITRO_VPC_PASS);
	rcu_read_unlock();
	/* It has not been allowed yet */
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], later));

	store(f->eni[0], first);
	KUNIT_EXPECT_TRUE(test, found(f->eni[0], later));
	KUNIT_EXPECT_TRUE(test, found(f->eni[0], later));

	KUNIT_EXPECT_FALSE(test, found(f->eni[1], later));
	KUNIT_EXPECT_FALSE(test, found(f->eni[0],
				       make_later(INGRESS, IPPROTO_UDP, 7)));
	KUNIT_EXPECT_FALSE(test, found(f->eni[0],
				       make_later(EGRESS, IPPROTO_UDP, 8)));
	KUNIT_EXPECT_FALSE(test, found(f->eni[0],
				       make_later(EGRESS, IPPROTO_TCP, 7)));
	other = later;
	other.key.v6 = 1;
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], other));
	other = later;
	other.key.remote.s6_addr[15]++;
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], other));
	other = later;
	other.key.local.s6_addr[15]++;
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], other));
}

/* RFC 3128, and every other way to write over the first fragment */
static void test_overlap(struct kunit *test)
{
	struct nitro_vpc_packet later = make_later(EGRESS, IPPROTO_UDP, 7);
	struct fixture *f = test->priv;

	store(f->eni[0], make_first(EGRESS, IPPROTO_UDP, 7));
	later.frag_off = FIRST_LEN - 8;
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], later));
	later.frag_off = 8;
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], later));
	later.frag_off = FIRST_LEN + 8;
	KUNIT_EXPECT_TRUE(test, found(f->eni[0], later));
}

/* In IPv6 the later fragments may name an extension header as protocol. */
static void test_ip6(struct kunit *test)
{
	struct nitro_vpc_packet first = make_first(EGRESS, IPPROTO_UDP, 7);
	struct nitro_vpc_packet later = make_later(EGRESS, IPPROTO_DSTOPTS, 7);
	struct fixture *f = test->priv;

	first.key.v6 = 1;
	later.key.v6 = 1;
	store(f->eni[0], first);
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, nitro_vpc_fragment_check(f->eni[0], &later),
			NITRO_VPC_PASS);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, later.key.protocol, IPPROTO_UDP);
	KUNIT_EXPECT_EQ(test, ntohs(later.key.local_port), 4000);
}

static void test_old(struct kunit *test)
{
	struct nitro_vpc_packet later = make_later(EGRESS, IPPROTO_UDP, 7);
	struct fixture *f = test->priv;
	u32 lifetime = nitro_vpc_fragment_lifetime;

	store(f->eni[0], make_first(EGRESS, IPPROTO_UDP, 7));
	nitro_vpc_fragment_lifetime = 0;
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], later));
	nitro_vpc_fragment_lifetime = lifetime;
	KUNIT_EXPECT_TRUE(test, found(f->eni[0], later));
}

/* The newest are kept, and what one fills is nobody else's. */
static void test_flood(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 id, kept = 0;

	store(f->eni[1], make_first(INGRESS, IPPROTO_UDP, 1));
	store(f->eni[0], make_first(EGRESS, IPPROTO_UDP, 1));
	for (id = 1; id <= 10000; id++) {
		store(f->eni[0], make_first(INGRESS, IPPROTO_UDP, id));
		KUNIT_ASSERT_TRUE(test, found(f->eni[0],
					      make_later(INGRESS, IPPROTO_UDP,
							 id)));
	}
	for (id = 1; id <= 10000; id++)
		kept += found(f->eni[0], make_later(INGRESS, IPPROTO_UDP, id));
	KUNIT_EXPECT_GT(test, kept, 400);
	KUNIT_EXPECT_LE(test, kept, 512);
	KUNIT_EXPECT_TRUE(test, found(f->eni[0],
				      make_later(EGRESS, IPPROTO_UDP, 1)));
	KUNIT_EXPECT_TRUE(test, found(f->eni[1],
				      make_later(INGRESS, IPPROTO_UDP, 1)));
}

/* The identification is used again for another packet. */
static void test_again(struct kunit *test)
{
	struct nitro_vpc_packet first = make_first(EGRESS, IPPROTO_UDP, 7);
	struct nitro_vpc_packet later = make_later(EGRESS, IPPROTO_UDP, 7);
	struct fixture *f = test->priv;

	store(f->eni[0], first);
	first.key.local_port = htons(4001);
	store(f->eni[0], first);
	rcu_read_lock();
	KUNIT_EXPECT_EQ(test, nitro_vpc_fragment_check(f->eni[0], &later),
			NITRO_VPC_PASS);
	rcu_read_unlock();
	KUNIT_EXPECT_EQ(test, ntohs(later.key.local_port), 4001);
}

/* The flow remembers the first fragment when it passes, and not before. */
static void test_flow(struct kunit *test)
{
	struct nitro_vpc_packet first = make_first(EGRESS, IPPROTO_UDP, 7);
	struct nitro_vpc_packet later = make_later(EGRESS, IPPROTO_UDP, 7);
	struct fixture *f = test->priv;
	enum nitro_vpc_drop reason;
	struct nitro_vpc_flow *flow;

	rcu_read_lock();
	flow = nitro_vpc_flow_create(f->eni[0], &first, true, &reason);
	KUNIT_ASSERT_NOT_NULL(test, flow);
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], later));
	nitro_vpc_flow_update(flow, &first);
	KUNIT_EXPECT_TRUE(test, found(f->eni[0], later));
	nitro_vpc_fragment_check(f->eni[0], &later);
	KUNIT_EXPECT_PTR_EQ(test, nitro_vpc_flow_match(f->eni[0], &later), flow);
	nitro_vpc_flow_update(flow, &later);
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->packets[EGRESS]), 2);
	rcu_read_unlock();
}

static void test_flush(struct kunit *test)
{
	struct nitro_vpc_packet later = make_later(EGRESS, IPPROTO_UDP, 7);
	struct fixture *f = test->priv;

	store(f->eni[0], make_first(EGRESS, IPPROTO_UDP, 7));
	store(f->eni[1], make_first(EGRESS, IPPROTO_UDP, 7));
	nitro_vpc_fragment_flush(f->eni[0]);
	nitro_vpc_fragment_flush(f->eni[0]);
	KUNIT_EXPECT_FALSE(test, found(f->eni[0], later));
	KUNIT_EXPECT_TRUE(test, found(f->eni[1], later));
	store(f->eni[0], make_first(EGRESS, IPPROTO_UDP, 7));
	KUNIT_EXPECT_TRUE(test, found(f->eni[0], later));
}

static struct kunit_case nitro_vpc_fragment_cases[] = {
	KUNIT_CASE(test_found),
	KUNIT_CASE(test_overlap),
	KUNIT_CASE(test_ip6),
	KUNIT_CASE(test_old),
	KUNIT_CASE(test_flood),
	KUNIT_CASE(test_again),
	KUNIT_CASE(test_flow),
	KUNIT_CASE(test_flush),
	{}
};

static struct kunit_suite nitro_vpc_fragment_suite = {
	.name = "nitro_vpc_fragment",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = nitro_vpc_fragment_cases,
};

kunit_test_suite(nitro_vpc_fragment_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the fragment cache of nitro_vpc");
MODULE_LICENSE("GPL");
