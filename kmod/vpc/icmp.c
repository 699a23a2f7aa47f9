// SPDX-License-Identifier: GPL-2.0
/* The virtual router speaks: echo replies and errors to the holder. */

#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"

/* An error is no longer than this (RFC 1812 section 4.3.2.3, RFC 4443
 * section 2.4).
 */
#define ERROR_MAX4	576
#define ERROR_MAX6	IPV6_MIN_MTU

static void finish4(struct iphdr *ip, u32 length)
{
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = htons(length);
	ip->ttl = IPDEFTTL;
	ip->protocol = IPPROTO_ICMP;
	ip->check = ip_fast_csum(ip, ip->ihl);
}

static void finish6(struct ipv6hdr *ip6, struct icmp6hdr *icmp6, u32 length)
{
	ip6->version = 6;
	ip6->payload_len = htons(length);
	ip6->nexthdr = IPPROTO_ICMPV6;
	ip6->hop_limit = 64;
	icmp6->icmp6_cksum = 0;
	icmp6->icmp6_cksum = csum_ipv6_magic(&ip6->saddr, &ip6->daddr, length,
					     IPPROTO_ICMPV6,
					     csum_partial(icmp6, length, 0));
}

/**
 * nitro_vpc_icmp_checksum_ok() - check what the card itself is going to answer
 * @skb: the packet
 * @off: offset of its ICMP header from skb->data
 * @length: of the ICMP message
 * @source: IPv6 source address, NULL for IPv4
 * @dest: IPv6 destination address
 *
 * Context: any.
 * Return: false if the checksum is wrong.
 */
bool nitro_vpc_icmp_checksum_ok(const struct sk_buff *skb, u32 off, u32 length,
				const struct in6_addr *source,
				const struct in6_addr *dest)
{
	__wsum sum;

	/* Not there yet */
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		return true;
	sum = skb_checksum(skb, off, length, 0);
	return !(source ? csum_ipv6_magic(source, dest, length, IPPROTO_ICMPV6,
					  sum) : csum_fold(sum));
}

static struct sk_buff *alloc_reply(struct nitro_vpc_eni *eni, bool v6,
				   u32 length)
{
	struct sk_buff *skb;
	struct ethhdr *eth;

	skb = alloc_skb(NET_SKB_PAD + NET_IP_ALIGN + ETH_HLEN + length,
			GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb->dev = eni->dev;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	eth = skb_put(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, eni->dev->dev_addr);
	ether_addr_copy(eth->h_source, nitro_vpc_router_mac);
	eth->h_proto = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	return skb;
}

/**
 * nitro_vpc_icmp_router() - take a packet that is for the virtual router
 * @eni: the ENI
 * @skb: the packet, consumed; data at the MAC header
 * @pkt: the same
 *
 * The router answers echo requests and nothing else. Security groups have no
 * say in it (VPC User Guide, security-group-rules).
 *
 * Context: RCU read side, bottom halves off.
 */
void nitro_vpc_icmp_router(struct nitro_vpc_eni *eni, struct sk_buff *skb,
			   const struct nitro_vpc_packet *pkt)
{
	bool v6 = pkt->key.v6;
	u8 request = v6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO;
	u8 protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	u32 header = v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	enum nitro_vpc_drop reason;
	struct sk_buff *reply;
	u32 length;
	void *icmp;

	reason = NITRO_VPC_DROP_NO_ROUTE;
	if (pkt->error || pkt->key.protocol != protocol || pkt->fragment ||
	    pkt->service >> 8 != request || pkt->service & 0xff)
		goto drop;
	reason = NITRO_VPC_DROP_PPS;
	if (!nitro_vpc_bucket_take(&eni->bucket_icmp, 1, ktime_get_ns()))
		goto drop;

	length = pkt->length - (pkt->thoff - pkt->nhoff);
	reply = alloc_reply(eni, v6, header + length);
	reason = NITRO_VPC_DROP_NO_MEMORY;
	if (!reply)
		goto drop;
	skb_put_zero(reply, header);
	icmp = skb_put(reply, length);
	if (skb_copy_bits(skb, pkt->thoff, icmp, length)) {
		kfree_skb(reply);
		goto drop;
	}
	reason = NITRO_VPC_DROP_MALFORMED;
	if (!nitro_vpc_icmp_checksum_ok(skb, pkt->thoff, length,
					v6 ? &pkt->addr_source : NULL,
					&pkt->addr_dest)) {
		kfree_skb(reply);
		goto drop;
	}
	if (v6) {
		struct ipv6hdr *ip6 = ipv6_hdr(reply);
		struct icmp6hdr *icmp6 = icmp;

		ip6->saddr = pkt->addr_dest;
		ip6->daddr = pkt->addr_source;
		icmp6->icmp6_type = ICMPV6_ECHO_REPLY;
		finish6(ip6, icmp6, length);
	} else {
		struct icmphdr *icmp4 = icmp;
		struct iphdr *ip = ip_hdr(reply);

		ip->saddr = pkt->addr_dest.s6_addr32[3];
		ip->daddr = pkt->addr_source.s6_addr32[3];
		finish4(ip, header + length);
		icmp4->type = ICMP_ECHOREPLY;
		icmp4->checksum = 0;
		icmp4->checksum = csum_fold(csum_partial(icmp4, length, 0));
	}
	consume_skb(skb);
	nitro_vpc_deliver(eni, reply);
	return;

drop:
	nitro_vpc_drop(eni->drops, skb, reason);
}

/**
 * nitro_vpc_icmp_error() - tell the holder that its packet did not get through
 * @eni: the ENI
 * @skb: the packet; data at the MAC header
 * @pkt: the same
 * @type: ICMP or ICMPv6 type
 * @code: its code
 * @info: next-hop MTU for "too big", else 0
 *
 * No error is sent about an error or a later fragment (RFC 1122 section
 * 3.2.2), none without a router to send it, and not more than the kernel's own
 * default rate.
 *
 * Context: RCU read side, bottom halves off.
 */
void nitro_vpc_icmp_error(struct nitro_vpc_eni *eni,
			  const struct sk_buff *skb,
			  const struct nitro_vpc_packet *pkt,
			  u8 type, u8 code, u32 info)
{
	bool v6 = pkt->key.v6;
	u32 header = v6 ? sizeof(struct ipv6hdr) + sizeof(struct icmp6hdr) :
			  sizeof(struct iphdr) + sizeof(struct icmphdr);
	struct in6_addr router;
	struct sk_buff *error;
	u32 quoted;
	void *quote;

	if (pkt->error || pkt->later ||
	    !nitro_vpc_eni_router_addr(rcu_dereference(eni->config), v6,
				       &router) ||
	    !nitro_vpc_bucket_take(&eni->bucket_icmp, 1, ktime_get_ns()))
		return;

	quoted = min_t(u32, skb->len - pkt->nhoff,
		       (v6 ? ERROR_MAX6 : ERROR_MAX4) - header);
	error = alloc_reply(eni, v6, header + quoted);
	if (!error)
		return;
	skb_put_zero(error, header);
	quote = skb_put(error, quoted);
	if (skb_copy_bits(skb, pkt->nhoff, quote, quoted)) {
		kfree_skb(error);
		return;
	}
	if (v6) {
		struct ipv6hdr *ip6 = ipv6_hdr(error);
		struct icmp6hdr *icmp6 = (struct icmp6hdr *)(ip6 + 1);

		ip6->saddr = router;
		ip6->daddr = pkt->addr_source;
		icmp6->icmp6_type = type;
		icmp6->icmp6_code = code;
		icmp6->icmp6_mtu = htonl(info);
		finish6(ip6, icmp6, sizeof(*icmp6) + quoted);
	} else {
		struct iphdr *ip = ip_hdr(error);
		struct icmphdr *icmp = (struct icmphdr *)(ip + 1);

		ip->saddr = router.s6_addr32[3];
		ip->daddr = pkt->addr_source.s6_addr32[3];
		finish4(ip, header + quoted);
		icmp->type = type;
		icmp->code = code;
		icmp->un.frag.mtu = htons(min_t(u32, info, U16_MAX));
		icmp->checksum = csum_fold(csum_partial(icmp, sizeof(*icmp) +
							quoted, 0));
	}
	nitro_vpc_deliver(eni, error);
}
