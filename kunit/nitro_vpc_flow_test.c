// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/icmp.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/prandom.h>
#include <net/tcp.h>

#include "vpc/card.h"
#include "vpc/eni.h"
#include "vpc/flow.h"
#include "vpc/mapping.h"

#define INGRESS		NITRO_VPC_DIRECTION_INGRESS
#define EGRESS		NITRO_VPC_DIRECTION_EGRESS
#define ST(name)	NITRO_VPC_FLOW_STATE_##name

#define ESTABLISHED_S	350
#define UDP_S		30
#define STREAM_S	180
#define LIMIT		1000

/* Two ENIs of one card */
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
	f->config.timeout_tcp_established = ESTABLISHED_S * HZ;
	f->config.timeout_udp = UDP_S * HZ;
	f->config.timeout_udp_stream = STREAM_S * HZ;
	f->config.flow_limit = LIMIT;
	for (i = 0; i < 2; i++) {
		struct nitro_vpc_eni *eni;

		eni = kunit_kzalloc(test, sizeof(*eni), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, eni);
		eni->dev = kunit_kzalloc(test, sizeof(*eni->dev), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, eni->dev);
		eni->dev->reg_state = NETREG_REGISTERED;
		eni->card = &f->card;
		eni->id = i + 1;
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

	for (i = 0; i < 2; i++)
		nitro_vpc_flow_flush(f->eni[i]);
	rcu_barrier();
	KUNIT_EXPECT_EQ(test, atomic_read(&f->card.flows), 0);
}

static struct nitro_vpc_packet make_packet(u8 direction, u8 protocol,
					   u16 local_port)
{
	struct nitro_vpc_packet pkt = {
		.key = {
			.local_port = htons(local_port),
			.remote_port = htons(80),
			.protocol = protocol,
		},
		.direction = direction,
		.length = 100,
		.query = 1,
		.wscale = 0xff,
		.tcp_flags = protocol == IPPROTO_TCP ? TCPHDR_ACK : 0,
	};

	ipv6_addr_set_v4mapped(htonl(0x0a000105), &pkt.key.local);
	ipv6_addr_set_v4mapped(htonl(0x0a000207), &pkt.key.remote);
	return pkt;
}

static struct nitro_vpc_flow *make_flow(struct kunit *test,
					struct nitro_vpc_eni *eni,
					const struct nitro_vpc_packet *pkt)
{
	enum nitro_vpc_drop reason;
	struct nitro_vpc_flow *flow;

	flow = nitro_vpc_flow_create(eni, pkt, true, &reason);
	KUNIT_ASSERT_NOT_NULL(test, flow);
	KUNIT_ASSERT_EQ(test, nitro_vpc_flow_update(flow, pkt), NITRO_VPC_PASS);
	return flow;
}

/* As if the last packet had come some time ago */
static void age(struct nitro_vpc_flow *flow, u32 seconds)
{
	flow->used = (u32)jiffies - seconds * HZ;
}

static void test_create(struct kunit *test)
{
	struct nitro_vpc_packet out = make_packet(EGRESS, IPPROTO_TCP, 4000);
	struct nitro_vpc_packet in = make_packet(INGRESS, IPPROTO_TCP, 4000);
	struct fixture *f = test->priv;
	struct nitro_vpc_packet other;
	struct nitro_vpc_flow *flow;

	rcu_read_lock();
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &out.key));
	flow = make_flow(test, f->eni[0], &out);
	KUNIT_EXPECT_TRUE(test, nitro_vpc_flow_tracked(flow));
	KUNIT_EXPECT_PTR_EQ(test, nitro_vpc_flow_find(f->eni[0], &in.key), flow);
	KUNIT_EXPECT_PTR_EQ(test, nitro_vpc_flow_match(f->eni[0], &in), flow);
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[1], &out.key));

	in.length = 1500;
	nitro_vpc_flow_update(flow, &in);
	nitro_vpc_flow_update(flow, &in);
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->packets[EGRESS]), 1);
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->bytes[EGRESS]), 100);
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->packets[INGRESS]), 2);
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->bytes[INGRESS]), 3000);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->card.flows), 1);

	/* Each part of the key matters */
	other = out;
	other.key.local.s6_addr[15]++;
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &other.key));
	other = out;
	other.key.remote.s6_addr[12]++;
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &other.key));
	other = out;
	other.key.local_port = htons(4001);
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &other.key));
	other = out;
	other.key.remote_port = htons(81);
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &other.key));
	other = out;
	other.key.protocol = IPPROTO_UDP;
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &other.key));
	other = out;
	other.key.v6 = 1;
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &other.key));

	nitro_vpc_flow_kill(flow);
	nitro_vpc_flow_kill(flow);
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &out.key));
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), 0);
	rcu_read_unlock();
}

/* Two packets find no flow and both make one. */
static void test_duplicate(struct kunit *test)
{
	struct nitro_vpc_packet pkt = make_packet(EGRESS, IPPROTO_UDP, 4000);
	struct fixture *f = test->priv;
	struct nitro_vpc_flow *flow;

	rcu_read_lock();
	flow = make_flow(test, f->eni[0], &pkt);
	KUNIT_EXPECT_PTR_EQ(test, make_flow(test, f->eni[0], &pkt), flow);
	KUNIT_EXPECT_PTR_NE(test, make_flow(test, f->eni[1], &pkt), flow);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->card.flows), 2);
	rcu_read_unlock();
}

static void test_limit(struct kunit *test)
{
	struct nitro_vpc_flow *flow = NULL;
	struct fixture *f = test->priv;
	enum nitro_vpc_drop reason = 0;
	struct nitro_vpc_packet pkt;
	u32 i;

	rcu_read_lock();
	for (i = 0; i < LIMIT; i++) {
		pkt = make_packet(EGRESS, IPPROTO_UDP, i);
		flow = make_flow(test, f->eni[0], &pkt);
	}
	pkt = make_packet(EGRESS, IPPROTO_UDP, LIMIT);
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_create(f->eni[0], &pkt, true,
						      &reason));
	KUNIT_EXPECT_EQ(test, reason, NITRO_VPC_DROP_FLOW_LIMIT);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), LIMIT);

	/* The neighbour does not notice */
	make_flow(test, f->eni[1], &pkt);

	/* An expired flow makes room for its successor at once */
	age(flow, UDP_S);
	pkt = make_packet(EGRESS, IPPROTO_UDP, LIMIT - 1);
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &pkt.key));
	KUNIT_EXPECT_PTR_NE(test, make_flow(test, f->eni[0], &pkt), flow);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), LIMIT);
	rcu_read_unlock();
}

/* What cannot begin a flow, and an ENI that goes */
static void test_refused(struct kunit *test)
{
	struct nitro_vpc_packet pkt = make_packet(INGRESS, IPPROTO_ICMP, 77);
	struct fixture *f = test->priv;
	enum nitro_vpc_drop reason = 0;

	rcu_read_lock();
	pkt.query = 0;
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_create(f->eni[0], &pkt, true,
						      &reason));
	KUNIT_EXPECT_EQ(test, reason, NITRO_VPC_DROP_FLOW_STATE);
	pkt.query = 1;
	f->eni[0]->dev->reg_state = NETREG_UNREGISTERING;
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_create(f->eni[0], &pkt, true,
						      &reason));
	KUNIT_EXPECT_EQ(test, reason, NITRO_VPC_DROP_UNKNOWN_ENI);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), 0);
	rcu_read_unlock();
}

struct timeout_case {
	const char *desc;
	u8 protocol;
	u8 state;
	u32 seconds;
};

static const struct timeout_case timeout_cases[] = {
	{ "TCP, SYN_SENT", IPPROTO_TCP, ST(SYN_SENT), 120 },
	{ "TCP, SYN_RECV", IPPROTO_TCP, ST(SYN_RECV), 60 },
	{ "TCP, ESTABLISHED", IPPROTO_TCP, ST(ESTABLISHED), ESTABLISHED_S },
	{ "TCP, FIN_WAIT", IPPROTO_TCP, ST(FIN_WAIT), 120 },
	{ "TCP, CLOSE_WAIT", IPPROTO_TCP, ST(CLOSE_WAIT), 60 },
	{ "TCP, LAST_ACK", IPPROTO_TCP, ST(LAST_ACK), 30 },
	{ "TCP, TIME_WAIT", IPPROTO_TCP, ST(TIME_WAIT), 120 },
	{ "TCP, CLOSE", IPPROTO_TCP, ST(CLOSE), 10 },
	{ "UDP, one direction", IPPROTO_UDP, ST(SINGLE), UDP_S },
	{ "UDP, both directions", IPPROTO_UDP, ST(STREAM), STREAM_S },
	{ "ICMP", IPPROTO_ICMP, ST(STREAM), 30 },
	{ "ICMPv6", IPPROTO_ICMPV6, ST(SINGLE), 30 },
	{ "GRE", IPPROTO_GRE, ST(STREAM), 600 },
};

KUNIT_ARRAY_PARAM_DESC(timeout, timeout_cases, desc);

static void test_timeout(struct kunit *test)
{
	const struct timeout_case *c = test->param_value;
	struct nitro_vpc_packet pkt = make_packet(EGRESS, c->protocol, 4000);
	struct fixture *f = test->priv;
	struct nitro_vpc_flow *flow;
	int i;

	rcu_read_lock();
	flow = make_flow(test, f->eni[0], &pkt);
	flow->state = c->state;
	age(flow, 0);
	KUNIT_EXPECT_GE(test, nitro_vpc_flow_expires(flow), c->seconds - 1);
	KUNIT_EXPECT_LE(test, nitro_vpc_flow_expires(flow), c->seconds);
	age(flow, c->seconds - 1);
	KUNIT_EXPECT_PTR_EQ(test, nitro_vpc_flow_find(f->eni[0], &pkt.key), flow);
	KUNIT_EXPECT_LE(test, nitro_vpc_flow_expires(flow), 1);
	age(flow, c->seconds);
	KUNIT_EXPECT_NULL(test, nitro_vpc_flow_find(f->eni[0], &pkt.key));
	KUNIT_EXPECT_EQ(test, nitro_vpc_flow_expires(flow), 0);
	/* A packet on another CPU was faster than the clock */
	flow->used = (u32)jiffies + 5;
	KUNIT_EXPECT_PTR_EQ(test, nitro_vpc_flow_find(f->eni[0], &pkt.key), flow);
	age(flow, c->seconds);
	rcu_read_unlock();

	/* The collector comes around */
	for (i = 0; i < 100 && atomic_read(&f->eni[0]->flows); i++)
		nitro_vpc_flow_collect();
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), 0);
}

/* The collector takes what is expired and nothing else. */
static void test_collect(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nitro_vpc_packet pkt;
	struct nitro_vpc_flow *flow;
	int i;

	rcu_read_lock();
	for (i = 0; i < LIMIT; i++) {
		pkt = make_packet(EGRESS, IPPROTO_UDP, i);
		flow = make_flow(test, f->eni[0], &pkt);
		if (i % 3)
			age(flow, UDP_S + 1);
	}
	rcu_read_unlock();
	for (i = 0; i < 100; i++)
		nitro_vpc_flow_collect();
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), (LIMIT + 2) / 3);
	rcu_read_lock();
	for (i = 0; i < LIMIT; i++) {
		pkt = make_packet(EGRESS, IPPROTO_UDP, i);
		KUNIT_EXPECT_EQ(test, !nitro_vpc_flow_find(f->eni[0], &pkt.key),
				!!(i % 3));
	}
	rcu_read_unlock();
}

static void test_flush(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct nitro_vpc_packet pkt;
	int i;

	rcu_read_lock();
	for (i = 0; i < LIMIT; i++) {
		pkt = make_packet(EGRESS, IPPROTO_UDP, i);
		make_flow(test, f->eni[i & 1], &pkt);
	}
	rcu_read_unlock();
	nitro_vpc_flow_flush(f->eni[0]);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[1]->flows), LIMIT / 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->card.flows), LIMIT / 2);
}

static void test_stream(struct kunit *test)
{
	struct nitro_vpc_packet out = make_packet(EGRESS, IPPROTO_UDP, 4000);
	struct nitro_vpc_packet in = make_packet(INGRESS, IPPROTO_UDP, 4000);
	struct fixture *f = test->priv;
	struct nitro_vpc_flow *flow;

	rcu_read_lock();
	flow = make_flow(test, f->eni[0], &out);
	nitro_vpc_flow_update(flow, &out);
	KUNIT_EXPECT_EQ(test, flow->state, ST(SINGLE));
	nitro_vpc_flow_update(flow, &in);
	KUNIT_EXPECT_EQ(test, flow->state, ST(STREAM));
	rcu_read_unlock();
}

/* An ICMP error is about a packet that went the other way. */
static void test_error(struct kunit *test)
{
	struct nitro_vpc_packet out = make_packet(EGRESS, IPPROTO_UDP, 4000);
	struct nitro_vpc_packet in = make_packet(INGRESS, IPPROTO_UDP, 4000);
	struct fixture *f = test->priv;
	struct nitro_vpc_flow *flow;
	u32 used;

	rcu_read_lock();
	flow = make_flow(test, f->eni[0], &out);
	age(flow, 15);
	used = flow->used;
	in.error = 1;
	KUNIT_EXPECT_EQ(test, nitro_vpc_flow_update(flow, &in), NITRO_VPC_PASS);
	out.error = 1;
	KUNIT_EXPECT_EQ(test, nitro_vpc_flow_update(flow, &out),
			NITRO_VPC_DROP_FLOW_STATE);
	KUNIT_EXPECT_EQ(test, flow->used, used);
	KUNIT_EXPECT_EQ(test, flow->state, ST(SINGLE));
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->packets[INGRESS]), 0);
	KUNIT_EXPECT_EQ(test, atomic64_read(&flow->packets[EGRESS]), 1);
	rcu_read_unlock();
}

/* A SYN after the end has to ask the rules again. */
static void test_match(struct kunit *test)
{
	struct nitro_vpc_packet pkt = make_packet(EGRESS, IPPROTO_TCP, 4000);
	struct fixture *f = test->priv;
	struct nitro_vpc_flow *flow;
	u8 state;

	rcu_read_lock();
	for (state = 0; state <= ST(CLOSE); state++) {
		flow = make_flow(test, f->eni[0], &pkt);
		flow->state = state;
		pkt.tcp_flags = TCPHDR_SYN | TCPHDR_ACK;
		KUNIT_EXPECT_PTR_EQ(test, nitro_vpc_flow_match(f->eni[0], &pkt),
				    flow);
		pkt.tcp_flags = TCPHDR_SYN;
		if (state == ST(TIME_WAIT) || state == ST(CLOSE)) {
			KUNIT_EXPECT_NULL(test, nitro_vpc_flow_match(f->eni[0],
								     &pkt));
			KUNIT_EXPECT_EQ(test, atomic_read(&f->eni[0]->flows), 0);
		} else {
			KUNIT_EXPECT_PTR_EQ(test,
					    nitro_vpc_flow_match(f->eni[0],
								 &pkt), flow);
			nitro_vpc_flow_kill(flow);
		}
		pkt.tcp_flags = TCPHDR_ACK;
	}
	rcu_read_unlock();
}

struct path_case {
	const char *desc;
	u32 first;
	u32 second;
	bool replaced;
};

static const struct path_case path_cases[] = {
	{ "first one", 0, 7, true },
	{ "newer", 7, 8, true },
	{ "the same", 7, 7, false },
	{ "older", 8, 7, false },
	{ "newer after the wrap", U32_MAX, 1, true },
	{ "older before the wrap", 1, U32_MAX, false },
};

KUNIT_ARRAY_PARAM_DESC(path, path_cases, desc);

static void test_path(struct kunit *test)
{
	struct nitro_vpc_packet pkt = make_packet(EGRESS, IPPROTO_TCP, 4000);
	const struct path_case *c = test->param_value;
	struct nitro_vpc_mapping *via[2];
	struct fixture *f = test->priv;
	struct nitro_vpc_flow *flow;
	int i;

	for (i = 0; i < 2; i++) {
		via[i] = nitro_vpc_mapping_alloc(0, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, via[i]);
	}
	rcu_read_lock();
	flow = make_flow(test, f->eni[0], &pkt);
	if (c->first)
		nitro_vpc_flow_set_path(flow, EGRESS, via[0], c->first);
	nitro_vpc_flow_set_path(flow, EGRESS, via[1], c->second);
	KUNIT_EXPECT_PTR_EQ(test, rcu_dereference(flow->path[EGRESS].via),
			    via[c->replaced]);
	KUNIT_EXPECT_EQ(test, flow->path[EGRESS].generation,
			c->replaced ? c->second : c->first);
	KUNIT_EXPECT_EQ(test, refcount_read(&via[c->replaced]->refs), 2);
	KUNIT_EXPECT_EQ(test, refcount_read(&via[!c->replaced]->refs), 1);
	KUNIT_EXPECT_NULL(test, rcu_dereference(flow->path[INGRESS].via));
	/* The flow gives its reference back, after a grace period */
	nitro_vpc_flow_kill(flow);
	KUNIT_EXPECT_EQ(test, refcount_read(&via[c->replaced]->refs), 2);
	rcu_read_unlock();
	rcu_barrier();
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, refcount_read(&via[i]->refs), 1);
		nitro_vpc_mapping_put(via[i]);
	}
}

struct walk_state {
	u32 seen[2][LIMIT];
	u32 count;
	u32 stop;
};

static int walk_one(const struct nitro_vpc_flow *flow, void *ctx)
{
	struct walk_state *state = ctx;

	if (state->stop && state->count == state->stop)
		return -EMSGSIZE;
	state->count++;
	state->seen[flow->eni->id - 1][ntohs(flow->key.local_port)]++;
	return 0;
}

/* However often the walk is interrupted, each flow is seen once. */
static void test_walk(struct kunit *test)
{
	struct nitro_vpc_flow_cursor cursor = {};
	struct nitro_vpc_card *other;
	struct fixture *f = test->priv;
	struct walk_state *state;
	struct nitro_vpc_packet pkt;
	struct nitro_vpc_flow *flow;
	int i, ret;

	state = kunit_kzalloc(test, sizeof(*state), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, state);
	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	rcu_read_lock();
	for (i = 0; i < LIMIT; i++) {
		pkt = make_packet(EGRESS, IPPROTO_UDP, i);
		flow = make_flow(test, f->eni[0], &pkt);
		/* The last is as good as gone */
		if (i == LIMIT - 1)
			age(flow, UDP_S);
		make_flow(test, f->eni[1], &pkt);
	}
	rcu_read_unlock();

	do {
		state->count = 0;
		state->stop = 7;
		ret = nitro_vpc_flow_walk(&f->card, 0, &cursor, walk_one, state);
		KUNIT_ASSERT_TRUE(test, !ret || ret == -EMSGSIZE);
	} while (ret);
	for (i = 0; i < LIMIT; i++) {
		KUNIT_EXPECT_EQ(test, state->seen[0][i], i != LIMIT - 1);
		KUNIT_EXPECT_EQ(test, state->seen[1][i], 1);
	}

	memset(state, 0, sizeof(*state));
	memset(&cursor, 0, sizeof(cursor));
	KUNIT_EXPECT_EQ(test, nitro_vpc_flow_walk(&f->card, 2, &cursor,
						  walk_one, state), 0);
	KUNIT_EXPECT_EQ(test, state->count, LIMIT);
	KUNIT_EXPECT_EQ(test, state->seen[0][0], 0);

	memset(state, 0, sizeof(*state));
	memset(&cursor, 0, sizeof(cursor));
	KUNIT_EXPECT_EQ(test, nitro_vpc_flow_walk(other, 0, &cursor,
						  walk_one, state), 0);
	KUNIT_EXPECT_EQ(test, state->count, 0);
}

#define THREADS	4
#define ROUNDS	20000

struct counter {
	struct nitro_vpc_flow *flow;
	u8 direction;
	struct completion done;
};

static int count_packets(void *data)
{
	struct counter *counter = data;
	struct nitro_vpc_packet pkt = make_packet(counter->direction,
						  IPPROTO_UDP, 4000);
	int i;

	for (i = 0; i < ROUNDS; i++) {
		rcu_read_lock();
		nitro_vpc_flow_update(counter->flow, &pkt);
		rcu_read_unlock();
		if (i % 1000 == 0)
			schedule();
	}
	complete(&counter->done);
	return 0;
}

/* No packet is lost or counted twice, on however many CPUs. */
static void test_count(struct kunit *test)
{
	struct nitro_vpc_packet pkt = make_packet(EGRESS, IPPROTO_UDP, 4000);
	struct counter counters[THREADS];
	struct fixture *f = test->priv;
	struct nitro_vpc_flow *flow;
	struct task_struct *task;
	enum nitro_vpc_drop reason;
	int i;

	rcu_read_lock();
	flow = nitro_vpc_flow_create(f->eni[0], &pkt, true, &reason);
	rcu_read_unlock();
	KUNIT_ASSERT_NOT_NULL(test, flow);
	for (i = 0; i < THREADS; i++) {
		counters[i].flow = flow;
		counters[i].direction = i & 1;
		init_completion(&counters[i].done);
		task = kthread_run(count_packets, &counters[i], "nitro_count");
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	}
	for (i = 0; i < THREADS; i++)
		wait_for_completion(&counters[i].done);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, atomic64_read(&flow->packets[i]),
				THREADS / 2 * ROUNDS);
		KUNIT_EXPECT_EQ(test, atomic64_read(&flow->bytes[i]),
				THREADS / 2 * ROUNDS * 100);
	}
}

static struct kunit_case nitro_vpc_flow_cases[] = {
	KUNIT_CASE(test_create),
	KUNIT_CASE(test_duplicate),
	KUNIT_CASE(test_limit),
	KUNIT_CASE(test_refused),
	KUNIT_CASE_PARAM(test_timeout, timeout_gen_params),
	KUNIT_CASE(test_collect),
	KUNIT_CASE(test_flush),
	KUNIT_CASE(test_stream),
	KUNIT_CASE(test_error),
	KUNIT_CASE(test_match),
	KUNIT_CASE_PARAM(test_path, path_gen_params),
	KUNIT_CASE(test_walk),
	KUNIT_CASE(test_count),
	{}
};

static struct kunit_suite nitro_vpc_flow_suite = {
	.name = "nitro_vpc_flow",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = nitro_vpc_flow_cases,
};

kunit_test_suite(nitro_vpc_flow_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the flow table of nitro_vpc");
MODULE_LICENSE("GPL");
