// SPDX-License-Identifier: GPL-2.0
/* A packet from the holder: check, flow, limits, and on to the other ENI. */

#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/gso.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"
#include "flow.h"
#include "fragment.h"
#include "host.h"
#include "mapping.h"
#include "resolve.h"
#include "service.h"
#include "verdict.h"

/* 06: unicast, locally administered */
const u8 nitro_vpc_router_mac[ETH_ALEN] = { 0x06, 'N', 'I', 'T', 'R', 'O' };

static bool is_nd(const struct sk_buff *skb)
{
	const struct icmp6hdr *icmp6;
	const struct ipv6hdr *ip6;
	u8 buf[sizeof(*icmp6)];
	u8 buf6[sizeof(*ip6)];

	ip6 = skb_header_pointer(skb, ETH_HLEN, sizeof(*ip6), buf6);
	if (!ip6 || ip6->nexthdr != IPPROTO_ICMPV6)
		return false;
	icmp6 = skb_header_pointer(skb, ETH_HLEN + sizeof(*ip6),
				   sizeof(*icmp6), buf);
	return icmp6 && icmp6->icmp6_type >= NDISC_ROUTER_SOLICITATION &&
	       icmp6->icmp6_type <= NDISC_REDIRECT;
}

/* No flow leads to the virtual router, so it takes the slow path to get here.
 * A link-local source may speak to it and to nobody else.
 */
static bool for_router(const struct nitro_vpc_eni_config *config,
		       const struct nitro_vpc_packet *pkt,
		       enum nitro_vpc_drop reason)
{
	switch (reason) {
	case NITRO_VPC_DROP_SOURCE_ADDRESS:
		if (ipv6_addr_type(&pkt->addr_source) & IPV6_ADDR_LINKLOCAL)
			break;
		return false;
	case NITRO_VPC_DROP_NO_MAPPING:
	case NITRO_VPC_DROP_NO_ROUTE:
		break;
	default:
		return false;
	}
	return nitro_vpc_eni_is_router(config, &pkt->addr_dest);
}

static enum nitro_vpc_drop egress_ttl(struct nitro_vpc_eni *eni,
				      struct sk_buff *skb,
				      const struct nitro_vpc_packet *pkt)
{
	if (pkt->ttl <= 1) {
		if (pkt->key.v6)
			nitro_vpc_icmp_error(eni, skb, pkt, ICMPV6_TIME_EXCEED,
					     ICMPV6_EXC_HOPLIMIT, 0);
		else
			nitro_vpc_icmp_error(eni, skb, pkt, ICMP_TIME_EXCEEDED,
					     ICMP_EXC_TTL, 0);
		return NITRO_VPC_DROP_TTL;
	}
	if (pkt->key.v6)
		((struct ipv6hdr *)(skb->data + pkt->nhoff))->hop_limit--;
	else
		ip_decrease_ttl((struct iphdr *)(skb->data + pkt->nhoff));
	return NITRO_VPC_PASS;
}

static void too_big(struct nitro_vpc_eni *eni, struct sk_buff *skb,
		    const struct nitro_vpc_packet *pkt, u32 mtu)
{
	if (pkt->key.v6)
		nitro_vpc_icmp_error(eni, skb, pkt, ICMPV6_PKT_TOOBIG, 0, mtu);
	else
		nitro_vpc_icmp_error(eni, skb, pkt, ICMP_DEST_UNREACH,
				     ICMP_FRAG_NEEDED, mtu);
}

/* To an ENI of this host. */
static enum nitro_vpc_drop send_local(struct nitro_vpc_eni *eni,
				      const struct nitro_vpc_mapping *via,
				      struct sk_buff *skb,
				      const struct nitro_vpc_packet *pkt,
				      u32 *ret_mtu)
{
	struct nitro_vpc_eni *to;
	u32 mtu;

	to = nitro_vpc_eni_lookup(eni->card, via->eni);
	if (!to)
		return NITRO_VPC_DROP_UNKNOWN_ENI;
	mtu = READ_ONCE(to->dev->mtu);
	if (pkt->length > mtu &&
	    !(skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu))) {
		*ret_mtu = mtu;
		return NITRO_VPC_DROP_TOO_BIG;
	}
	if (skb_orphan_frags_rx(skb, GFP_ATOMIC))
		return NITRO_VPC_DROP_NO_MEMORY;
	dev_sw_netstats_tx_add(eni->dev, 1, pkt->length);
	skb_scrub_packet(skb, true);
	nitro_vpc_ingress(to, skb, NULL);
	return NITRO_VPC_PASS;
}

static enum nitro_vpc_drop egress_ip(struct nitro_vpc_eni *eni,
				     const struct nitro_vpc_eni_config *config,
				     struct sk_buff *skb,
				     struct nitro_vpc_packet *pkt)
{
	struct nitro_vpc_mapping *via;
	enum nitro_vpc_drop reason;
	struct nitro_vpc_host *host;
	struct ethhdr *eth;
	bool routed;
	u32 mtu = 0;

	reason = nitro_vpc_packet_parse(skb, ETH_HLEN,
					NITRO_VPC_DIRECTION_EGRESS, pkt);
	if (unlikely(reason))
		return reason;
	skb_set_network_header(skb, ETH_HLEN);
	skb_set_transport_header(skb, pkt->thoff);

	reason = nitro_vpc_limits_check(eni, skb, pkt);
	if (unlikely(reason))
		return reason;
	reason = nitro_vpc_verdict(eni, config, pkt, NULL, &via, &routed);
	if (unlikely(reason)) {
		if (reason == NITRO_VPC_DROP_NO_SERVICE)
			return nitro_vpc_service_send(eni, config, skb, pkt);
		if (for_router(config, pkt, reason)) {
			nitro_vpc_icmp_router(eni, skb, pkt);
			return NITRO_VPC_PASS;
		}
		return reason;
	}

	eth = (struct ethhdr *)skb->data;
	if (unlikely(!ether_addr_equal(eth->h_dest, nitro_vpc_router_mac) &&
		     !ether_addr_equal(eth->h_dest, via->mac)))
		return NITRO_VPC_DROP_DEST_MAC;

	/* The headers that are going to change. */
	if (unlikely(skb_ensure_writable(skb, pkt->thoff)))
		return NITRO_VPC_DROP_NO_MEMORY;
	if (routed) {
		reason = egress_ttl(eni, skb, pkt);
		if (unlikely(reason))
			return reason;
	}
	eth = (struct ethhdr *)skb->data;
	ether_addr_copy(eth->h_dest, via->mac);

	host = rcu_dereference(via->host);
	if (host->local)
		reason = send_local(eni, via, skb, pkt, &mtu);
	else
		reason = nitro_vpc_geneve_send(eni, host, config->vni, skb,
					       pkt, &mtu);
	if (unlikely(reason == NITRO_VPC_DROP_TOO_BIG))
		too_big(eni, skb, pkt, mtu);
	return reason;
}

/**
 * nitro_vpc_egress() - take a packet from the ENI's holder
 * @eni: the ENI
 * @skb: the packet, consumed; data at the MAC header
 *
 * Context: RCU read side, bottom halves off.
 */
void nitro_vpc_egress(struct nitro_vpc_eni *eni, struct sk_buff *skb)
{
	const struct nitro_vpc_eni_config *config;
	struct nitro_vpc_packet pkt;
	enum nitro_vpc_drop reason;
	const struct ethhdr *eth;

	config = rcu_dereference(eni->config);
	reason = NITRO_VPC_DROP_MALFORMED;
	if (unlikely(!config || !pskb_may_pull(skb, ETH_HLEN)))
		goto drop;
	skb_reset_mac_header(skb);
	eth = (const struct ethhdr *)skb->data;
	reason = NITRO_VPC_DROP_SOURCE_MAC;
	if (unlikely(!ether_addr_equal(eth->h_source, eni->dev->dev_addr)))
		goto drop;

	reason = NITRO_VPC_DROP_ETHERTYPE;
	if (unlikely(skb_vlan_tag_present(skb)))
		goto drop;
	switch (eth->h_proto) {
	case htons(ETH_P_IPV6):
		if (unlikely(is_nd(skb))) {
			nitro_vpc_neighbour_nd(eni, skb);
			return;
		}
		fallthrough;
	case htons(ETH_P_IP):
		if (unlikely(is_multicast_ether_addr(eth->h_dest))) {
			reason = nitro_vpc_service_multicast(eni, config, skb);
			break;
		}
		reason = egress_ip(eni, config, skb, &pkt);
		break;
	case htons(ETH_P_ARP):
		nitro_vpc_neighbour_arp(eni, skb);
		return;
	}
	if (likely(!reason))
		return;
drop:
	nitro_vpc_drop(eni->drops, skb, reason);
}
