/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_DROP_H
#define _NITRO_VPC_DROP_H

#include <linux/percpu.h>
#include <linux/types.h>

/* Why a packet ends here. The second word is the counter's name in
 * `ethtool -S`, in eni-get and in the nitro_vpc_drop tracepoint; the third is
 * what the kernel's own kfree_skb tracepoint shows.
 */
#define NITRO_VPC_DROPS(X)						\
	X(MALFORMED, "malformed", IP_INHDR)				\
	X(ETHERTYPE, "ethertype", UNHANDLED_PROTO)			\
	X(SOURCE_MAC, "source_mac", OTHERHOST)				\
	X(SOURCE_ADDRESS, "source_address", IP_RPFILTER)		\
	X(DEST_ADDRESS, "dest_address", IP_INADDRERRORS)		\
	X(DEST_MAC, "dest_mac", OTHERHOST)				\
	X(MULTICAST, "multicast", IP_INADDRERRORS)			\
	X(NEIGHBOUR, "neighbour", NEIGH_FAILED)				\
	X(NO_ROUTE, "no_route", IP_OUTNOROUTES)				\
	X(BLACKHOLE, "blackhole", IP_OUTNOROUTES)			\
	X(NO_MAPPING, "no_mapping", IP_OUTNOROUTES)			\
	X(EGRESS_RULE, "egress_rule", NETFILTER_DROP)			\
	X(INGRESS_RULE, "ingress_rule", NETFILTER_DROP)			\
	X(TTL, "ttl", IP_INNOROUTES)					\
	X(TOO_BIG, "too_big", PKT_TOO_BIG)				\
	X(FLOW_STATE, "flow_state", TCP_INVALID_SEQUENCE)		\
	X(FLOW_LIMIT, "flow_limit", QDISC_DROP)				\
	X(FRAGMENT, "fragment", FRAG_REASM_TIMEOUT)			\
	X(CONNECTION_RATE, "connection_rate", QDISC_DROP)		\
	X(PPS, "pps", QDISC_DROP)					\
	X(BANDWIDTH_IN, "bandwidth_in", QDISC_DROP)			\
	X(BANDWIDTH_OUT, "bandwidth_out", QDISC_DROP)			\
	X(LINKLOCAL, "linklocal", QDISC_DROP)				\
	X(NO_SERVICE, "no_service", IP_OUTNOROUTES)			\
	X(HOST, "host", IP_RPFILTER)					\
	X(GENEVE, "geneve", UNHANDLED_PROTO)				\
	X(GENEVE_OPTION, "geneve_option", UNHANDLED_PROTO)		\
	X(UNKNOWN_ENI, "unknown_eni", DEV_READY)			\
	X(UNDERLAY, "underlay", IP_OUTNOROUTES)				\
	X(NO_MEMORY, "no_memory", NOMEM)				\
	X(HOLDER, "holder", DEV_READY)					\
	X(LOOP, "loop", IP_OUTNOROUTES)

/**
 * enum nitro_vpc_drop - why a packet was dropped
 * @NITRO_VPC_PASS: it was not
 * @NITRO_VPC_DROP_MAX: number of values
 *
 * The data path's functions return it; NITRO_VPC_PASS is zero.
 */
enum nitro_vpc_drop {
	NITRO_VPC_PASS,
#define X(id, name, core) NITRO_VPC_DROP_##id,
	NITRO_VPC_DROPS(X)
#undef X
	NITRO_VPC_DROP_MAX,
};

/**
 * struct nitro_vpc_drop_counters - per-CPU drop counters of an ENI or a card
 * @count: packets by reason; written by its CPU only
 */
struct nitro_vpc_drop_counters {
	u64 count[NITRO_VPC_DROP_MAX];
};

struct net_device;
struct sk_buff;

const char *nitro_vpc_drop_name(enum nitro_vpc_drop reason);
u64 nitro_vpc_drop_sum(struct nitro_vpc_drop_counters __percpu *counters,
		       enum nitro_vpc_drop reason);
void nitro_vpc_drop(struct nitro_vpc_drop_counters __percpu *counters,
		    struct sk_buff *skb, enum nitro_vpc_drop reason);

#endif
