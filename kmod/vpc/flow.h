/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_FLOW_H
#define _NITRO_VPC_FLOW_H

#include <linux/rculist.h>
#include <linux/spinlock.h>

#include "packet.h"

struct nitro_vpc_card;
struct nitro_vpc_eni;
struct nitro_vpc_mapping;

/**
 * struct nitro_vpc_flow_path - where packets of one direction come from or go
 * @via: the mapping, with a reference; of the ENI to deliver to for egress,
 *	of the ENI that may send for ingress. Written under the flow's lock
 * @generation: the card's generation that @via was resolved in, 0 for never.
 *	Written after @via with release semantics: a reader that finds the
 *	present generation finds the @via that belongs to it or a newer one
 */
struct nitro_vpc_flow_path {
	struct nitro_vpc_mapping __rcu *via;
	u32 generation;
};

/**
 * struct nitro_vpc_tcp_side - what one side of a TCP connection has sent
 * @end: highest sequence number + 1 seen from this side
 * @ack: highest acknowledgement seen from this side. Until there is one: the
 *	lowest acknowledgement that its own SYN may get
 * @edge: highest acknowledgement + scaled window seen from this side, which
 *	is where the other side has to stop
 */
struct nitro_vpc_tcp_side {
	u32 end;
	u32 ack;
	u32 edge;
};

/* What is known of a side of a TCP connection. */
#define NITRO_VPC_TCP_SCALE	0x0f	/* shift of its window */
#define NITRO_VPC_TCP_SYN	BIT(4)	/* its SYN was seen */
#define NITRO_VPC_TCP_ACKED	BIT(5)	/* its ack and edge are valid */
#define NITRO_VPC_TCP_FIN	BIT(6)	/* its FIN was seen, end is behind it */
#define NITRO_VPC_TCP_SCALED	BIT(7)	/* its SYN had a window scale */

/* A flow's flags */
#define NITRO_VPC_FLOW_F_TRACKED	BIT(0)	/* survives its rule */
#define NITRO_VPC_FLOW_F_INGRESS	BIT(1)	/* the first packet came in */

/**
 * struct nitro_vpc_flow - one connection of one ENI, both directions
 * @node: in its bucket; protected by the bucket's lock, read under RCU
 * @key: immutable
 * @eni: immutable; the flow is gone before its ENI is
 * @path: by NITRO_VPC_DIRECTION_*
 * @lock: protects @path
 * @flags: NITRO_VPC_FLOW_F_*; immutable, but that it can become tracked
 * @routed: by direction: the virtual router is in between, as the remote side is
 *	not on the ENI's link or a forwarder is used; found with @path
 * @tcp_syn: what a SYN/ACK has to acknowledge that answers the SYN that came
 *	last on a connection which was open already; 0 for none
 * @rcu: for freeing
 * @used: jiffies (32 bits) of the last packet
 * @state: NITRO_VPC_FLOW_STATE_*; changed by cmpxchg
 * @tcp_known: NITRO_VPC_TCP_*, by direction of the sender
 * @tcp: by direction of the sender; heuristics, written without a lock
 * @packets: by direction; without ICMP errors
 * @bytes: by direction, L3 length
 *
 * Three cache lines: what the lookup compares, what is only read after it, and
 * what every packet writes.
 */
struct nitro_vpc_flow {
	struct hlist_node node;
	struct nitro_vpc_flow_key key;
	struct nitro_vpc_eni *eni;

	struct nitro_vpc_flow_path path[2];
	spinlock_t lock; /* protects path */
	u8 flags;
	u8 routed[2];
	u32 tcp_syn;
	struct rcu_head rcu;

	u32 used __aligned(64);
	u8 state;
	u8 tcp_known[2];
	struct nitro_vpc_tcp_side tcp[2];
	atomic64_t packets[2];
	atomic64_t bytes[2];
};

/**
 * struct nitro_vpc_flow_cursor - where a walk over the flows goes on
 * @bucket: bucket of the table
 * @skip: flows of that bucket that were given already
 */
struct nitro_vpc_flow_cursor {
	u32 bucket;
	u32 skip;
};

int nitro_vpc_flow_init(void);
void nitro_vpc_flow_exit(void);

struct nitro_vpc_flow *nitro_vpc_flow_find(const struct nitro_vpc_eni *eni,
					   const struct nitro_vpc_flow_key *key);
struct nitro_vpc_flow *nitro_vpc_flow_match(const struct nitro_vpc_eni *eni,
					    const struct nitro_vpc_packet *pkt);
struct nitro_vpc_flow *nitro_vpc_flow_create(struct nitro_vpc_eni *eni,
					     const struct nitro_vpc_packet *pkt,
					     bool tracked,
					     enum nitro_vpc_drop *reason);
enum nitro_vpc_drop nitro_vpc_flow_update(struct nitro_vpc_flow *flow,
					  const struct nitro_vpc_packet *pkt);
void nitro_vpc_flow_set_path(struct nitro_vpc_flow *flow, u8 direction,
			     struct nitro_vpc_mapping *via, u32 generation);
void nitro_vpc_flow_kill(struct nitro_vpc_flow *flow);
void nitro_vpc_flow_flush(struct nitro_vpc_eni *eni);
int nitro_vpc_flow_walk(const struct nitro_vpc_card *card, u32 eni,
			struct nitro_vpc_flow_cursor *cursor,
			int (*fn)(const struct nitro_vpc_flow *flow, void *ctx),
			void *ctx);
void nitro_vpc_flow_collect(void);
u32 nitro_vpc_flow_expires(const struct nitro_vpc_flow *flow);

/* flow-tcp.c */
enum nitro_vpc_drop nitro_vpc_flow_tcp(struct nitro_vpc_flow *flow,
				       const struct nitro_vpc_packet *pkt);

static inline bool nitro_vpc_flow_tracked(const struct nitro_vpc_flow *flow)
{
	return flow->flags & NITRO_VPC_FLOW_F_TRACKED;
}

/* The direction of its first packet. */
static inline u8 nitro_vpc_flow_origin(const struct nitro_vpc_flow *flow)
{
	return flow->flags & NITRO_VPC_FLOW_F_INGRESS ?
	       NITRO_VPC_DIRECTION_INGRESS : NITRO_VPC_DIRECTION_EGRESS;
}

static inline void nitro_vpc_flow_set_tracked(struct nitro_vpc_flow *flow)
{
	WRITE_ONCE(flow->flags, flow->flags | NITRO_VPC_FLOW_F_TRACKED);
}

#endif
