/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_DATAPATH_H
#define _NITRO_VPC_DATAPATH_H

#include "drop.h"
#include "packet.h"

struct net_device;
struct nitro_vpc_card;
struct nitro_vpc_eni;
struct nitro_vpc_eni_config;
struct nitro_vpc_host;
struct sk_buff;

/* The virtual router's MAC address, the same on every link of every host. */
extern const u8 nitro_vpc_router_mac[ETH_ALEN];

/* All of these run under RCU with bottom halves off, skb->data at the MAC
 * header, and consume the packet.
 */
void nitro_vpc_egress(struct nitro_vpc_eni *eni, struct sk_buff *skb);
void nitro_vpc_ingress(struct nitro_vpc_eni *eni, struct sk_buff *skb,
		       const struct in6_addr *outer_source);
void nitro_vpc_deliver(struct nitro_vpc_eni *eni, struct sk_buff *skb);
void nitro_vpc_neighbour_arp(struct nitro_vpc_eni *eni, struct sk_buff *skb);
void nitro_vpc_neighbour_nd(struct nitro_vpc_eni *eni, struct sk_buff *skb);
bool nitro_vpc_icmp_checksum_ok(const struct sk_buff *skb, u32 off, u32 length,
				const struct in6_addr *source,
				const struct in6_addr *dest);
void nitro_vpc_icmp_router(struct nitro_vpc_eni *eni, struct sk_buff *skb,
			   const struct nitro_vpc_packet *pkt);

/* Consumes the packet if it returns NITRO_VPC_PASS. @ret_mtu is set with
 * NITRO_VPC_DROP_TOO_BIG: the largest inner IP packet that fits.
 */
enum nitro_vpc_drop nitro_vpc_geneve_send(struct nitro_vpc_eni *eni,
					  struct nitro_vpc_host *host, u32 vni,
					  struct sk_buff *skb,
					  const struct nitro_vpc_packet *pkt,
					  u32 *ret_mtu);

/* Sends an error from the virtual router to the holder; does not consume. */
void nitro_vpc_icmp_error(struct nitro_vpc_eni *eni,
			  const struct sk_buff *skb,
			  const struct nitro_vpc_packet *pkt,
			  u8 type, u8 code, u32 info);

#endif
