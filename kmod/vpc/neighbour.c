// SPDX-License-Identifier: GPL-2.0
/* ARP (RFC 826) and neighbour discovery (RFC 4861), answered by the card: who
 * is on the link is what the mappings say, and nothing is flooded.
 */

#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <linux/if_arp.h>
#include <net/arp.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/ndisc.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"
#include "mapping.h"
#include "router.h"

/* The MAC address behind an address of the ENI's link, NULL if there is none. */
static const u8 *neighbour_mac(struct nitro_vpc_eni *eni,
			       const struct nitro_vpc_eni_config *config,
			       bool v6, const struct in6_addr *addr)
{
	struct nitro_vpc_mapping *mapping;

	if (nitro_vpc_eni_is_router(config, addr))
		return nitro_vpc_router_mac;
	/* The services are behind the router; a host with an on-link route to
	 * 169.254.0.0/16 asks for them all the same.
	 */
	if (!v6 && ipv4_is_linklocal_169(addr->s6_addr32[3]))
		return nitro_vpc_router_mac;
	if (!nitro_vpc_eni_on_link(config, addr) ||
	    nitro_vpc_eni_owns(config, addr))
		return NULL;
	mapping = nitro_vpc_mapping_lookup(eni->card, config->vni, v6, addr);
	return mapping ? mapping->mac : NULL;
}

struct arp_ipv4 {
	struct arphdr hdr;
	u8 sha[ETH_ALEN];
	__be32 sip;
	u8 tha[ETH_ALEN];
	__be32 tip;
} __packed;

/**
 * nitro_vpc_neighbour_arp() - answer the holder's ARP request
 * @eni: the ENI
 * @skb: the packet, consumed; data at the MAC header
 *
 * Context: RCU read side, bottom halves off.
 */
void nitro_vpc_neighbour_arp(struct nitro_vpc_eni *eni, struct sk_buff *skb)
{
	const struct nitro_vpc_eni_config *config;
	struct in6_addr source, target;
	enum nitro_vpc_drop reason;
	struct arp_ipv4 *arp;
	struct sk_buff *reply;
	const u8 *mac;

	config = rcu_dereference(eni->config);
	reason = NITRO_VPC_DROP_MALFORMED;
	if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*arp)))
		goto drop;
	arp = (void *)(skb->data + ETH_HLEN);
	if (arp->hdr.ar_hrd != htons(ARPHRD_ETHER) ||
	    arp->hdr.ar_pro != htons(ETH_P_IP) ||
	    arp->hdr.ar_hln != ETH_ALEN || arp->hdr.ar_pln != sizeof(__be32))
		goto drop;

	reason = NITRO_VPC_DROP_SOURCE_MAC;
	if (!ether_addr_equal(arp->sha, eni->dev->dev_addr))
		goto drop;
	/* A probe has no source yet (RFC 5227). */
	ipv6_addr_set_v4mapped(arp->sip, &source);
	reason = NITRO_VPC_DROP_SOURCE_ADDRESS;
	if (arp->sip && !nitro_vpc_eni_owns(config, &source))
		goto drop;

	reason = NITRO_VPC_DROP_NEIGHBOUR;
	if (arp->hdr.ar_op != htons(ARPOP_REQUEST))
		goto drop;
	ipv6_addr_set_v4mapped(arp->tip, &target);
	mac = neighbour_mac(eni, config, false, &target);
	if (!mac)
		goto drop;

	reply = arp_create(ARPOP_REPLY, ETH_P_ARP, arp->sip, eni->dev,
			   arp->tip, arp->sha, mac, arp->sha);
	reason = NITRO_VPC_DROP_NO_MEMORY;
	if (!reply)
		goto drop;
	consume_skb(skb);
	skb_reset_mac_header(reply);
	nitro_vpc_deliver(eni, reply);
	return;

drop:
	nitro_vpc_drop(eni->drops, skb, reason);
}

/* The option that gives a neighbour's MAC address, 8 bytes. */
struct nd_lladdr {
	u8 type;
	u8 length;
	u8 mac[ETH_ALEN];
};

/* An advertisement for @target, to who asked, or to all if nobody may have the
 * asker's address (RFC 4861 section 7.2.4).
 */
static struct sk_buff *advertise(struct nitro_vpc_eni *eni,
				 const struct in6_addr *asker,
				 const struct in6_addr *target, const u8 *mac,
				 bool router)
{
	static const struct in6_addr all_nodes = IN6ADDR_LINKLOCAL_ALLNODES_INIT;
	bool dad = ipv6_addr_any(asker);
	struct nd_lladdr *option;
	struct ipv6hdr *ip6;
	struct nd_msg *na;
	struct ethhdr *eth;
	struct sk_buff *skb;
	u32 length;

	length = sizeof(*na) + sizeof(*option);
	skb = alloc_skb(NET_SKB_PAD + NET_IP_ALIGN + ETH_HLEN + sizeof(*ip6) +
			length, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb->dev = eni->dev;

	eth = skb_put(skb, ETH_HLEN);
	ip6 = skb_put_zero(skb, sizeof(*ip6));
	na = skb_put_zero(skb, sizeof(*na));
	option = skb_put(skb, sizeof(*option));

	ether_addr_copy(eth->h_source, mac);
	eth->h_proto = htons(ETH_P_IPV6);
	ip6->version = 6;
	ip6->payload_len = htons(length);
	ip6->nexthdr = IPPROTO_ICMPV6;
	ip6->hop_limit = 255;
	ip6->saddr = *target;
	if (dad) {
		ip6->daddr = all_nodes;
		ipv6_eth_mc_map(&all_nodes, eth->h_dest);
	} else {
		ip6->daddr = *asker;
		ether_addr_copy(eth->h_dest, eni->dev->dev_addr);
	}

	na->icmph.icmp6_type = NDISC_NEIGHBOUR_ADVERTISEMENT;
	na->icmph.icmp6_router = router;
	na->icmph.icmp6_solicited = !dad;
	na->icmph.icmp6_override = 1;
	na->target = *target;
	option->type = ND_OPT_TARGET_LL_ADDR;
	option->length = sizeof(*option) / 8;
	ether_addr_copy(option->mac, mac);
	na->icmph.icmp6_cksum =
		csum_ipv6_magic(&ip6->saddr, &ip6->daddr, length,
				IPPROTO_ICMPV6,
				csum_partial(na, length, 0));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	return skb;
}

static enum nitro_vpc_drop
router_solicited(struct nitro_vpc_eni *eni,
		 const struct nitro_vpc_eni_config *config, struct sk_buff *skb)
{
	const struct ipv6hdr *ip6 = (const void *)(skb->data + ETH_HLEN);

	if (!config->service)
		return NITRO_VPC_DROP_MULTICAST;
	if (ip6->version != 6 || ip6->hop_limit != 255 ||
	    ntohs(ip6->payload_len) < sizeof(struct rs_msg) ||
	    ntohs(ip6->payload_len) > skb->len - ETH_HLEN - sizeof(*ip6) ||
	    !nitro_vpc_icmp_checksum_ok(skb, ETH_HLEN + sizeof(*ip6),
					ntohs(ip6->payload_len), &ip6->saddr,
					&ip6->daddr))
		return NITRO_VPC_DROP_MALFORMED;
	if (!ipv6_addr_any(&ip6->saddr) &&
	    !(ipv6_addr_type(&ip6->saddr) & IPV6_ADDR_LINKLOCAL))
		return NITRO_VPC_DROP_SOURCE_ADDRESS;
	if (!nitro_vpc_bucket_take(&eni->bucket_linklocal, 1, ktime_get_ns()))
		return NITRO_VPC_DROP_LINKLOCAL;
	return nitro_vpc_router_advertise(eni, config, &ip6->saddr) ?
	       NITRO_VPC_PASS : NITRO_VPC_DROP_MULTICAST;
}

/**
 * nitro_vpc_neighbour_nd() - answer the holder's neighbour solicitation
 * @eni: the ENI
 * @skb: an ICMPv6 packet with a type of neighbour discovery, consumed; data at
 *	the MAC header
 *
 * Router solicitations are answered if the ENI has services. Multicast listener
 * reports end here too.
 *
 * Context: RCU read side, bottom halves off.
 */
void nitro_vpc_neighbour_nd(struct nitro_vpc_eni *eni, struct sk_buff *skb)
{
	const struct nitro_vpc_eni_config *config;
	enum nitro_vpc_drop reason;
	const struct ipv6hdr *ip6;
	const struct nd_msg *ns;
	struct sk_buff *reply;
	const u8 *mac;

	config = rcu_dereference(eni->config);
	reason = NITRO_VPC_DROP_MALFORMED;
	if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*ip6) +
			   sizeof(struct icmp6hdr)))
		goto drop;
	ns = (const void *)(skb->data + ETH_HLEN + sizeof(*ip6));
	if (ns->icmph.icmp6_type == NDISC_ROUTER_SOLICITATION) {
		reason = router_solicited(eni, config, skb);
		if (reason)
			goto drop;
		consume_skb(skb);
		return;
	}
	reason = NITRO_VPC_DROP_MULTICAST;
	if (ns->icmph.icmp6_type != NDISC_NEIGHBOUR_SOLICITATION)
		goto drop;

	reason = NITRO_VPC_DROP_MALFORMED;
	if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*ip6) + sizeof(*ns)))
		goto drop;
	ip6 = (const void *)(skb->data + ETH_HLEN);
	ns = (const void *)(ip6 + 1);
	if (ip6->version != 6 || ip6->hop_limit != 255 || ns->icmph.icmp6_code ||
	    ntohs(ip6->payload_len) < sizeof(*ns) ||
	    ntohs(ip6->payload_len) > skb->len - ETH_HLEN - sizeof(*ip6) ||
	    ipv6_addr_is_multicast(&ns->target) ||
	    !nitro_vpc_icmp_checksum_ok(skb, ETH_HLEN + sizeof(*ip6),
					ntohs(ip6->payload_len), &ip6->saddr,
					&ip6->daddr))
		goto drop;

	/* DAD asks from the unspecified address. */
	reason = NITRO_VPC_DROP_SOURCE_ADDRESS;
	if (!ipv6_addr_any(&ip6->saddr) &&
	    !(ipv6_addr_type(&ip6->saddr) & IPV6_ADDR_LINKLOCAL) &&
	    !nitro_vpc_eni_owns(config, &ip6->saddr))
		goto drop;

	reason = NITRO_VPC_DROP_NEIGHBOUR;
	mac = neighbour_mac(eni, config, true, &ns->target);
	if (!mac)
		goto drop;
	reply = advertise(eni, &ip6->saddr, &ns->target, mac,
			  mac == nitro_vpc_router_mac);
	reason = NITRO_VPC_DROP_NO_MEMORY;
	if (!reply)
		goto drop;
	consume_skb(skb);
	nitro_vpc_deliver(eni, reply);
	return;

drop:
	nitro_vpc_drop(eni->drops, skb, reason);
}
