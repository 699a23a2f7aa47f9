// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <net/tcp.h>

#include "vpc/flow.h"

/* The client's first sequence number is 1000, the server's 5000; windows are
 * 1000 and, scaled, 4000.
 */
#define CLIENT	1000
#define SERVER	5000
#define WINDOW	1000
#define SCALE	2
#define NO_SCALE 0xff
#define STEPS	16

#define C NITRO_VPC_DIRECTION_EGRESS
#define S NITRO_VPC_DIRECTION_INGRESS

#define SYN	TCPHDR_SYN
#define ACK	TCPHDR_ACK
#define FIN	TCPHDR_FIN
#define RST	TCPHDR_RST

#define ST(name)	NITRO_VPC_FLOW_STATE_##name
#define DROPPED		0x80

struct step {
	u8 from;
	u8 flags;
	u32 seq;
	u32 ack;
	u32 payload;
	/* State afterwards, and DROPPED if a tracked flow drops it */
	u8 state;
	u8 wscale;
};

struct tcp_case {
	const char *desc;
	struct step steps[STEPS];
};

/* The usual beginning */
#define OPENING								\
	{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },			\
	{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },	\
	{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(ESTABLISHED) }
/* 100 bytes from each side, acknowledged */
#define DATA								\
	{ C, ACK, CLIENT + 1, SERVER + 1, 100, ST(ESTABLISHED) },	\
	{ S, ACK, SERVER + 1, CLIENT + 101, 100, ST(ESTABLISHED) },	\
	{ C, ACK, CLIENT + 101, SERVER + 101, 0, ST(ESTABLISHED) }
#define OPEN	OPENING, DATA

static const struct tcp_case tcp_cases[] = {
	{ "open, and close from the client", {
		OPEN,
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ S, ACK, SERVER + 101, CLIENT + 102, 0, ST(CLOSE_WAIT) },
		{ S, ACK, SERVER + 101, CLIENT + 102, 50, ST(CLOSE_WAIT) },
		{ C, ACK, CLIENT + 102, SERVER + 151, 0, ST(CLOSE_WAIT) },
		{ S, FIN | ACK, SERVER + 151, CLIENT + 102, 0, ST(LAST_ACK) },
		{ C, ACK, CLIENT + 102, SERVER + 152, 0, ST(TIME_WAIT) },
		{ S, FIN | ACK, SERVER + 151, CLIENT + 102, 0, ST(TIME_WAIT) },
	} },
	{ "close from the server, FIN with data", {
		OPEN,
		{ S, FIN | ACK, SERVER + 101, CLIENT + 101, 50, ST(FIN_WAIT) },
		{ C, ACK, CLIENT + 101, SERVER + 151, 0, ST(FIN_WAIT) },
		{ C, ACK, CLIENT + 101, SERVER + 152, 0, ST(CLOSE_WAIT) },
		{ C, FIN | ACK, CLIENT + 101, SERVER + 152, 0, ST(LAST_ACK) },
		{ S, ACK, SERVER + 152, CLIENT + 102, 0, ST(TIME_WAIT) },
	} },
	{ "FIN answered by FIN", {
		OPEN,
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ S, FIN | ACK, SERVER + 101, CLIENT + 102, 0, ST(LAST_ACK) },
		{ C, ACK, CLIENT + 102, SERVER + 102, 0, ST(TIME_WAIT) },
	} },
	{ "simultaneous close", {
		OPEN,
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ S, FIN | ACK, SERVER + 101, CLIENT + 101, 0, ST(LAST_ACK) },
		{ C, ACK, CLIENT + 102, SERVER + 102, 0, ST(LAST_ACK) },
		{ S, ACK, SERVER + 102, CLIENT + 102, 0, ST(TIME_WAIT) },
	} },
	{ "FIN sent again", {
		OPEN,
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ S, ACK, SERVER + 101, CLIENT + 102, 0, ST(CLOSE_WAIT) },
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(CLOSE_WAIT) },
		{ S, FIN | ACK, SERVER + 101, CLIENT + 102, 0, ST(LAST_ACK) },
		{ S, FIN | ACK, SERVER + 101, CLIENT + 102, 0, ST(LAST_ACK) },
		{ C, ACK, CLIENT + 102, SERVER + 102, 0, ST(TIME_WAIT) },
	} },
	{ "FIN out of the window closes nothing", {
		OPEN,
		{ C, FIN | ACK, CLIENT + 50000, SERVER + 101, 0, ST(ESTABLISHED) },
		{ C, FIN | ACK, CLIENT - 50000, SERVER + 101, 0, ST(ESTABLISHED) },
	} },
	{ "SYN, SYN/ACK and ACK sent again", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, SYN, CLIENT, 0, 0, ST(SYN_RECV), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(ESTABLISHED) },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(ESTABLISHED), SCALE },
		{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(ESTABLISHED) },
		DATA,
	} },
	{ "another SYN after one without an answer", {
		{ C, SYN, CLIENT + 7000, 0, 0, ST(SYN_SENT), SCALE },
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(ESTABLISHED) },
	} },
	{ "FIN at once", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, FIN | ACK, CLIENT + 1, SERVER + 1, 0, ST(FIN_WAIT) },
		{ S, ACK, SERVER + 1, CLIENT + 2, 0, ST(CLOSE_WAIT) },
	} },
	{ "fast open: data in the SYN", {
		{ C, SYN, CLIENT, 0, 200, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 201, 0, ST(SYN_RECV), SCALE },
		{ S, ACK, SERVER + 1, CLIENT + 201, 100, ST(SYN_RECV) },
		{ C, ACK, CLIENT + 201, SERVER + 101, 0, ST(ESTABLISHED) },
	} },
	{ "fast open refused: only the SYN is acknowledged", {
		{ C, SYN, CLIENT, 0, 200, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, ACK, CLIENT + 1, SERVER + 1, 200, ST(ESTABLISHED) },
	} },
	{ "simultaneous open", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN, SERVER, 0, 0, ST(SYN_RECV), SCALE },
		{ C, SYN | ACK, CLIENT, SERVER + 1, 0, ST(SYN_RECV), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(ESTABLISHED), SCALE },
		DATA,
	} },
	{ "simultaneous open that ends with plain ACKs", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN, SERVER, 0, 0, ST(SYN_RECV), SCALE },
		{ C, SYN | ACK, CLIENT, SERVER + 1, 0, ST(SYN_RECV), SCALE },
		{ S, ACK, SERVER + 1, CLIENT + 1, 0, ST(ESTABLISHED) },
	} },
	{ "SYN/ACK for another SYN", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 2, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
	} },
	{ "ACK that was not asked for does not open", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ C, ACK, CLIENT + 1, 1, 0, ST(SYN_SENT) | DROPPED },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, ACK, CLIENT + 1, SERVER + 2, 0, ST(SYN_RECV) },
		{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(ESTABLISHED) },
	} },

	{ "FIN before it is open", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, FIN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_SENT) | DROPPED },
	} },
	{ "SYN/ACK that answers nothing", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ C, SYN | ACK, CLIENT, SERVER + 1, 0, ST(SYN_SENT) | DROPPED,
		  SCALE },
	} },
	{ "SYN/ACK from the client's side", {
		OPEN,
		{ C, SYN | ACK, CLIENT, SERVER + 1, 0,
		  ST(ESTABLISHED) | DROPPED, SCALE },
		{ C, RST, CLIENT + 101, 0, 0, ST(CLOSE) },
		{ C, SYN | ACK, CLIENT, SERVER + 1, 0, ST(CLOSE) | DROPPED,
		  SCALE },
	} },
	{ "SYN from the server's side", {
		OPEN,
		{ S, SYN, SERVER + 9000, 0, 0, ST(ESTABLISHED) | DROPPED, SCALE },
		{ S, RST | ACK, SERVER + 101, CLIENT + 101, 0, ST(CLOSE) },
	} },
	{ "simultaneous open, a SYN sent again", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN, SERVER, 0, 0, ST(SYN_RECV), SCALE },
		{ S, SYN, SERVER, 0, 0, ST(SYN_RECV), SCALE },
		{ C, SYN, CLIENT, 0, 0, ST(SYN_RECV), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, SYN | ACK, CLIENT, SERVER + 1, 0, ST(ESTABLISHED), SCALE },
	} },
	{ "connection refused", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, RST | ACK, 0, CLIENT + 1, 0, ST(CLOSE) },
	} },
	{ "connection refused by a stranger", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, RST | ACK, 0, CLIENT + 2, 0, ST(SYN_SENT) | DROPPED },
		{ S, RST | ACK, 0, CLIENT, 0, ST(SYN_SENT) | DROPPED },
		{ S, RST, 0, 0, 0, ST(SYN_SENT) | DROPPED },
	} },
	{ "refused after the other side asked, too", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN, SERVER, 0, 0, ST(SYN_RECV), SCALE },
		{ S, RST | ACK, 0, CLIENT + 5, 0, ST(SYN_RECV) | DROPPED },
		{ S, RST | ACK, 0, CLIENT + 1, 0, ST(CLOSE) },
	} },
	{ "client gives up after the SYN/ACK", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, RST, CLIENT, 0, 0, ST(SYN_RECV) | DROPPED },
		{ C, RST, CLIENT + 1, 0, 0, ST(CLOSE) },
	} },
	{ "RST from the client", {
		OPEN,
		{ C, RST, CLIENT + 101, 0, 0, ST(CLOSE) },
	} },
	{ "RST from the server", {
		OPEN,
		{ S, RST | ACK, SERVER + 101, CLIENT + 101, 0, ST(CLOSE) },
	} },
	{ "RST behind data that is not acknowledged yet", {
		OPEN,
		{ C, ACK, CLIENT + 101, SERVER + 101, 300, ST(ESTABLISHED) },
		{ C, RST | ACK, CLIENT + 401, SERVER + 101, 0, ST(CLOSE) },
	} },
	{ "RST in the window but not exact (RFC 5961)", {
		OPEN,
		{ C, RST, CLIENT + 201, 0, 0, ST(ESTABLISHED) },
		{ S, ACK, SERVER + 101, CLIENT + 101, 0, ST(ESTABLISHED) },
		{ C, RST, CLIENT + 101, 0, 0, ST(CLOSE) },
	} },
	{ "RST before the window", {
		OPEN,
		{ C, RST, CLIENT + 100, 0, 0, ST(ESTABLISHED) | DROPPED },
		{ S, RST, SERVER + 100, 0, 0, ST(ESTABLISHED) | DROPPED },
		{ S, RST, SERVER - 70000, 0, 0, ST(ESTABLISHED) | DROPPED },
	} },
	{ "RST behind the window, which is scaled", {
		OPEN,
		{ S, RST, SERVER + 101 + WINDOW * 4 + 1, 0, 0,
		  ST(ESTABLISHED) | DROPPED },
		{ S, RST, SERVER + 101 + WINDOW * 4, 0, 0, ST(ESTABLISHED) },
		{ C, RST, CLIENT + 101 + WINDOW * 4 + 1, 0, 0,
		  ST(ESTABLISHED) | DROPPED },
		{ C, RST, CLIENT + 101 + WINDOW * 4, 0, 0, ST(ESTABLISHED) },
	} },
	{ "no scaling if only one side offers it", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), NO_SCALE },
		{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(ESTABLISHED) },
		{ S, RST, SERVER + 1 + WINDOW + 1, 0, 0,
		  ST(ESTABLISHED) | DROPPED },
		{ S, RST, SERVER + 1 + WINDOW, 0, 0, ST(ESTABLISHED) },
	} },
	{ "the window of a SYN/ACK is not scaled", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, RST, CLIENT + 1 + WINDOW + 1, 0, 0,
		  ST(SYN_RECV) | DROPPED },
		{ C, RST, CLIENT + 1 + WINDOW, 0, 0, ST(SYN_RECV) },
	} },
	{ "an ACK of what was not sent moves no window", {
		OPEN,
		{ C, ACK, CLIENT + 101, SERVER + 90000, 0, ST(ESTABLISHED) },
		{ S, RST, SERVER + 90000, 0, 0, ST(ESTABLISHED) | DROPPED },
		{ S, RST, SERVER + 101, 0, 0, ST(CLOSE) },
	} },
	{ "RST while closing", {
		OPEN,
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ S, ACK, SERVER + 101, CLIENT + 102, 0, ST(CLOSE_WAIT) },
		{ S, ACK, SERVER + 101, CLIENT + 102, 100, ST(CLOSE_WAIT) },
		{ C, RST, CLIENT + 50, 0, 0, ST(CLOSE_WAIT) | DROPPED },
		{ C, RST, CLIENT + 102, 0, 0, ST(CLOSE) },
	} },

	{ "server has forgotten the connection", {
		OPEN,
		{ C, ACK, CLIENT + 101, SERVER + 101, 100, ST(ESTABLISHED) },
		{ S, RST, SERVER + 101, 0, 0, ST(CLOSE) },
	} },
	{ "client has forgotten the connection: challenge and RST", {
		OPEN,
		{ C, SYN, CLIENT + 9000, 0, 0, ST(ESTABLISHED), SCALE },
		{ S, ACK, SERVER + 101, CLIENT + 101, 0, ST(ESTABLISHED) },
		{ C, RST, CLIENT + 101, 0, 0, ST(CLOSE) },
	} },
	{ "both have forgotten it, and the server takes the new one", {
		OPEN,
		{ C, SYN, CLIENT + 9000, 0, 0, ST(ESTABLISHED), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT + 8000, 0, ST(ESTABLISHED), SCALE },
		{ S, SYN | ACK, SERVER + 9000, CLIENT + 9001, 0,
		  ST(CLOSE) | DROPPED, SCALE },
	} },
	{ "both have forgotten it, and the server refuses", {
		OPEN,
		{ C, SYN, CLIENT + 9000, 0, 0, ST(ESTABLISHED), SCALE },
		{ S, RST | ACK, 0, CLIENT + 9001, 0, ST(CLOSE) },
	} },
	{ "server still has an old connection: challenge before it is open", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, ACK, SERVER + 700, CLIENT + 300, 0, ST(SYN_SENT) },
		{ C, RST, CLIENT + 301, 0, 0, ST(SYN_SENT) | DROPPED },
		{ C, RST, CLIENT + 300, 0, 0, ST(CLOSE) },
	} },
	{ "SYN/ACK of an old connection: the client resets it", {
		{ C, SYN, CLIENT, 0, 0, ST(SYN_SENT), SCALE },
		{ S, SYN | ACK, SERVER, CLIENT - 4000, 0, ST(SYN_SENT), SCALE },
		{ C, RST, CLIENT - 4000, 0, 0, ST(CLOSE) },
	} },

	{ "picked up in the middle", {
		{ C, ACK, CLIENT + 1, SERVER + 1, 100, ST(SYN_RECV) },
		{ S, ACK, SERVER + 1, CLIENT + 101, 100, ST(ESTABLISHED) },
		{ C, ACK, CLIENT + 101, SERVER + 101, 0, ST(ESTABLISHED) },
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ S, FIN | ACK, SERVER + 101, CLIENT + 102, 0, ST(LAST_ACK) },
		{ C, ACK, CLIENT + 102, SERVER + 102, 0, ST(TIME_WAIT) },
	} },
	{ "picked up, only one side seen", {
		{ C, ACK, CLIENT + 1, SERVER + 1, 100, ST(SYN_RECV) },
		{ C, ACK, CLIENT + 101, SERVER + 1, 100, ST(SYN_RECV) },
		{ C, RST, CLIENT + 201, 0, 0, ST(CLOSE) },
	} },
	{ "picked up, unknown scaling leaves the window wide", {
		{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(SYN_RECV) },
		{ S, RST, SERVER, 0, 0, ST(SYN_RECV) | DROPPED },
		{ S, RST, SERVER + 1 + (WINDOW << 14) + 1, 0, 0,
		  ST(SYN_RECV) | DROPPED },
		{ S, RST, SERVER + 1 + (WINDOW << 14), 0, 0, ST(SYN_RECV) },
		{ S, RST, SERVER + 1, 0, 0, ST(CLOSE) },
	} },
	{ "picked up at the SYN/ACK", {
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(SYN_RECV), SCALE },
		{ C, ACK, CLIENT + 1, SERVER + 1, 0, ST(ESTABLISHED) },
	} },
	{ "picked up at the FIN", {
		{ C, FIN | ACK, CLIENT + 101, SERVER + 101, 0, ST(FIN_WAIT) },
		{ S, FIN | ACK, SERVER + 101, CLIENT + 102, 0, ST(LAST_ACK) },
		{ C, ACK, CLIENT + 102, SERVER + 102, 0, ST(TIME_WAIT) },
	} },
	{ "picked up at the RST", {
		{ C, RST, CLIENT + 101, 0, 0, ST(CLOSE) },
		{ C, RST, CLIENT + 101, 0, 0, ST(CLOSE) },
	} },

	{ "what comes after the end", {
		OPENING,
		{ C, RST, CLIENT + 1, 0, 0, ST(CLOSE) },
		{ S, ACK, SERVER + 1, CLIENT + 1, 100, ST(CLOSE) },
		{ C, RST, CLIENT + 1, 0, 0, ST(CLOSE) },
		{ S, SYN | ACK, SERVER, CLIENT + 1, 0, ST(CLOSE), SCALE },
	} },
	{ "a new connection after the end", {
		OPENING,
		{ C, RST, CLIENT + 1, 0, 0, ST(CLOSE) },
		{ C, SYN, CLIENT + 9000, 0, 0, ST(SYN_SENT), SCALE },
		{ S, RST | ACK, 0, CLIENT + 1, 0, ST(SYN_SENT) | DROPPED },
		{ S, SYN | ACK, SERVER + 9000, CLIENT + 9001, 0, ST(SYN_RECV),
		  SCALE },
		{ C, ACK, CLIENT + 9001, SERVER + 9001, 0, ST(ESTABLISHED) },
	} },
	{ "keepalive", {
		OPEN,
		{ C, ACK, CLIENT + 100, SERVER + 101, 0, ST(ESTABLISHED) },
		{ S, ACK, SERVER + 101, CLIENT + 101, 0, ST(ESTABLISHED) },
		{ C, RST, CLIENT + 101, 0, 0, ST(CLOSE) },
	} },
};

KUNIT_ARRAY_PARAM_DESC(tcp, tcp_cases, desc);

static void make_packet(struct nitro_vpc_packet *pkt, const struct step *step,
			u32 offset, bool mirror)
{
	memset(pkt, 0, sizeof(*pkt));
	pkt->key.protocol = IPPROTO_TCP;
	pkt->direction = step->from ^ mirror;
	pkt->tcp_flags = step->flags;
	pkt->seq = step->seq + offset;
	pkt->ack = step->ack + (step->flags & ACK ? offset : 0);
	/* What a host without a connection sends */
	if (step->flags & RST && !step->seq)
		pkt->seq = 0;
	pkt->payload = step->payload;
	pkt->window = WINDOW;
	pkt->wscale = step->flags & SYN ? step->wscale : NO_SCALE;
	pkt->query = 1;
}

static void run(struct kunit *test, const struct tcp_case *c, u32 offset,
		bool mirror, bool tracked)
{
	struct nitro_vpc_packet pkt;
	struct nitro_vpc_flow *flow;
	enum nitro_vpc_drop reason;
	int i;

	flow = kunit_kzalloc(test, sizeof(*flow), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, flow);
	flow->key.protocol = IPPROTO_TCP;
	flow->flags = tracked ? NITRO_VPC_FLOW_F_TRACKED : 0;
	if ((c->steps[0].from ^ mirror) == NITRO_VPC_DIRECTION_INGRESS)
		flow->flags |= NITRO_VPC_FLOW_F_INGRESS;
	for (i = 0; i < STEPS && c->steps[i].flags; i++) {
		const struct step *step = &c->steps[i];
		bool dropped = tracked && step->state & DROPPED;

		make_packet(&pkt, step, offset, mirror);
		reason = nitro_vpc_flow_tcp(flow, &pkt);
		KUNIT_EXPECT_EQ_MSG(test, reason,
				    dropped ? NITRO_VPC_DROP_FLOW_STATE :
					      NITRO_VPC_PASS,
				    "step %d, offset %u, mirror %d", i, offset,
				    mirror);
		/* What is not dropped there may renew an untracked flow */
		if (step->state & DROPPED && step->flags & SYN && !tracked)
			continue;
		KUNIT_EXPECT_EQ_MSG(test, flow->state, step->state & ~DROPPED,
				    "step %d, offset %u, mirror %d", i, offset,
				    mirror);
	}
	kunit_kfree(test, flow);
}

/* Wherever the sequence numbers wrap around, and from either side */
static void test_tcp(struct kunit *test)
{
	static const u32 offsets[] = {
		0, -1000, -1001, -1050, -1101, -1102, -5000, -5001, -5101,
		-9000, -14000, 0x7ffffff0, 0x80000000 - 1101,
		0x80000000 - 5101, 0x80000000,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(offsets) * 4; i++)
		run(test, test->param_value, offsets[i / 4], i & 1, i & 2);
}

/* An untracked flow never drops, whatever comes; a tracked one drops nothing
 * but what it may.
 */
static void test_random(struct kunit *test)
{
	static const u8 flags[] = {
		SYN, SYN | ACK, ACK, ACK, ACK, FIN | ACK, RST, RST | ACK,
	};
	struct nitro_vpc_flow *flow;
	struct nitro_vpc_packet pkt;
	enum nitro_vpc_drop reason;
	struct step step = {};
	struct rnd_state rnd;
	int i;

	flow = kunit_kzalloc(test, sizeof(*flow), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, flow);
	prandom_seed_state(&rnd, 20221122);
	for (i = 0; i < 200000; i++) {
		if (i % 50 == 0) {
			memset(flow, 0, sizeof(*flow));
			flow->flags = i & 1 ? NITRO_VPC_FLOW_F_TRACKED : 0;
		}
		step.from = prandom_u32_state(&rnd) & 1;
		step.flags = flags[prandom_u32_state(&rnd) % ARRAY_SIZE(flags)];
		step.seq = 1 + prandom_u32_state(&rnd) % 6;
		step.ack = 1 + prandom_u32_state(&rnd) % 6;
		step.payload = prandom_u32_state(&rnd) % 3;
		step.wscale = prandom_u32_state(&rnd) % 2 ? NO_SCALE : 14;
		make_packet(&pkt, &step, 0, false);
		pkt.window = prandom_u32_state(&rnd) % 4;
		pkt.later = prandom_u32_state(&rnd) % 50 == 0;
		reason = nitro_vpc_flow_tcp(flow, &pkt);
		KUNIT_ASSERT_LE(test, flow->state, NITRO_VPC_FLOW_STATE_CLOSE);
		if (!reason)
			continue;
		KUNIT_ASSERT_EQ(test, reason, NITRO_VPC_DROP_FLOW_STATE);
		KUNIT_ASSERT_TRUE(test, nitro_vpc_flow_tracked(flow));
		KUNIT_ASSERT_FALSE(test, pkt.later);
		if (step.flags == SYN)
			KUNIT_ASSERT_EQ(test, step.from, S);
	}
}

static struct kunit_case nitro_vpc_flow_tcp_cases[] = {
	KUNIT_CASE_PARAM(test_tcp, tcp_gen_params),
	KUNIT_CASE(test_random),
	{}
};

static struct kunit_suite nitro_vpc_flow_tcp_suite = {
	.name = "nitro_vpc_flow_tcp",
	.test_cases = nitro_vpc_flow_tcp_cases,
};

kunit_test_suite(nitro_vpc_flow_tcp_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the TCP states of nitro_vpc");
MODULE_LICENSE("GPL");
