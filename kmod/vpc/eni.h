/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_ENI_H
#define _NITRO_VPC_ENI_H

#include <linux/if_tap.h>
#include <linux/in6.h>
#include <linux/netdevice.h>
#include <net/gro_cells.h>

#include "bucket.h"
#include "drop.h"
#include "policy.h"
#include "route.h"

struct nitro_vpc_card;
struct nitro_vpc_fragments;
struct netlink_ext_ack;

#define NITRO_VPC_MTU_DEFAULT	9001	/* EC2 User Guide, network_mtu */
#define NITRO_VPC_VNI_NONE	U32_MAX
#define NITRO_VPC_FLOWS_DEFAULT	262144

/**
 * struct nitro_vpc_prefix - a prefix
 * @addr: address, not masked; IPv4 as IPv4-mapped IPv6
 * @len: 0..128, in IPv6 terms (an IPv4 /24 is 120)
 * @v6: it is an IPv6 one
 */
struct nitro_vpc_prefix {
	struct in6_addr addr;
	u8 len;
	u8 v6;
};

/**
 * struct nitro_vpc_eni_config - what eni-set configures and packets look at
 * @vni: the VPC
 * @flags: NITRO_VPC_ENI_FLAGS_*
 * @policy: may be NULL: nothing passes
 * @route_table: may be NULL: only the subnets are reached
 * @timeout_tcp_established: jiffies
 * @timeout_udp: jiffies
 * @timeout_udp_stream: jiffies
 * @flow_limit: flows that the ENI may have
 * @bandwidth_in: bit/s as configured, 0 for none
 * @bandwidth_out: likewise
 * @pps: packets/s as configured, 0 for none
 * @connection_rate: new flows/s as configured, 0 for none
 * @service: its number at the service port, 0 for none
 * @resolver: address of the VPC's resolver, 0 for none
 * @n_addresses: the first of @prefixes are the ENI's own
 * @n_subnets: behind them come the subnets on its link
 * @rcu: for freeing
 * @prefixes: addresses, then subnets
 *
 * Immutable, replaced as a whole under the card's lock.
 */
struct nitro_vpc_eni_config {
	u32 vni;
	u32 flags;
	struct nitro_vpc_policy *policy;
	struct nitro_vpc_route_table *route_table;
	u32 timeout_tcp_established;
	u32 timeout_udp;
	u32 timeout_udp_stream;
	u32 flow_limit;
	u64 bandwidth_in;
	u64 bandwidth_out;
	u32 pps;
	u32 connection_rate;
	u32 service;
	__be32 resolver;
	u32 n_addresses;
	u32 n_subnets;
	struct rcu_head rcu;
	struct nitro_vpc_prefix prefixes[];
};

/**
 * struct nitro_vpc_eni - an ENI, private data of its netdev
 * @tap: what VMMs open; first, as tap.ko hands it back
 * @dev: the netdev
 * @card: the card it belongs to, wherever the netdev is moved
 * @node: in the card's list; protected by the card's lock
 * @id: handle, 0 until it has one; written once, under the card's lock
 * @config: never NULL once the netdev is registered
 * @port: the tap or veth enslaved to it
 * @flows: flows it has
 * @bucket_in: bandwidth allowance, in bytes
 * @bucket_out: likewise
 * @bucket_pps: packets
 * @bucket_connections: new flows
 * @bucket_linklocal: packets to link-local services
 * @drops: by reason
 * @gro_cells: receive side of the netdev
 * @bucket_icmp: ICMP errors that the card sends to the holder
 * @fragments: made by the first fragmented packet, see fragment.c
 * @mac_node: in the card's table of ENIs by VNI and MAC address
 */
struct nitro_vpc_eni {
	struct tap_dev tap;
	struct net_device *dev;
	struct nitro_vpc_card *card;
	struct list_head node;
	u32 id;
	struct nitro_vpc_eni_config __rcu *config;
	struct net_device __rcu *port;
	atomic_t flows;
	struct nitro_vpc_bucket bucket_in;
	struct nitro_vpc_bucket bucket_out;
	struct nitro_vpc_bucket bucket_pps;
	struct nitro_vpc_bucket bucket_connections;
	struct nitro_vpc_bucket bucket_linklocal;
	struct nitro_vpc_bucket bucket_icmp;
	struct nitro_vpc_fragments __rcu *fragments;
	struct hlist_node mac_node;
	struct nitro_vpc_drop_counters __percpu *drops;
	struct gro_cells gro_cells;
};

extern struct rtnl_link_ops nitro_vpc_eni_link_ops;

int nitro_vpc_eni_init(void);
void nitro_vpc_eni_exit(void);
void nitro_vpc_eni_dellink(struct net_device *dev, struct list_head *head);
struct nitro_vpc_eni *nitro_vpc_eni_by_mac(struct nitro_vpc_card *card,
					   u32 vni, const u8 *mac);
bool nitro_vpc_eni_on_link(const struct nitro_vpc_eni_config *config,
			   const struct in6_addr *addr);
bool nitro_vpc_eni_is_router(const struct nitro_vpc_eni_config *config,
			     const struct in6_addr *addr);
bool nitro_vpc_eni_router_addr(const struct nitro_vpc_eni_config *config,
			       bool v6, struct in6_addr *ret);

struct nitro_vpc_eni *nitro_vpc_eni_lookup(struct nitro_vpc_card *card, u32 id);
struct nitro_vpc_eni *nitro_vpc_eni_by_ifindex(struct nitro_vpc_card *card,
					       struct net *net, u32 ifindex);
/* Takes over @config whatever comes; @id 0 keeps the present one. */
int nitro_vpc_eni_configure(struct nitro_vpc_eni *eni, u32 id,
			    struct nitro_vpc_eni_config *config,
			    struct netlink_ext_ack *extack);
struct nitro_vpc_eni_config *
nitro_vpc_eni_config_alloc(u32 n_addresses, u32 n_subnets, gfp_t gfp);
int nitro_vpc_eni_config_fill(struct sk_buff *skb,
			      const struct nitro_vpc_eni_config *config);
bool nitro_vpc_eni_owns(const struct nitro_vpc_eni_config *config,
			const struct in6_addr *addr);
int nitro_vpc_eni_counter_names(const char *const **names);
void nitro_vpc_eni_counters(struct nitro_vpc_eni *eni, u64 *values);

#endif
