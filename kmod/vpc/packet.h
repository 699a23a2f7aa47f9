/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_PACKET_H
#define _NITRO_VPC_PACKET_H

#include <linux/in6.h>
#include <linux/skbuff.h>
#include <uapi/linux/nitro_vpc.h>

#include "drop.h"

/**
 * struct nitro_vpc_flow_key - the tuple of a flow, seen from its ENI
 * @local: address on the holder's side; IPv4 as an IPv4-mapped IPv6 address
 * @remote: address on the other side
 * @local_port: TCP and UDP port; the identifier of ICMP queries; else 0
 * @remote_port: TCP and UDP port. For ICMP queries the type of the request
 *	(ICMP_ECHO, ICMPV6_ECHO_REQUEST, ...) plus 256 if the holder sent it,
 *	so that the reply has the request's key. Else 0
 * @protocol: IP protocol
 * @v6: 1 for IPv6
 * @zero: padding, always 0, as the key is hashed and compared as words
 *
 * Both directions of a connection have the same key.
 */
struct nitro_vpc_flow_key {
	struct in6_addr local;
	struct in6_addr remote;
	__be16 local_port;
	__be16 remote_port;
	u8 protocol;
	u8 v6;
	u16 zero;
} __aligned(8);

/**
 * struct nitro_vpc_packet - what the data path knows of a packet
 * @key: its flow
 * @nhoff: offset of the IP header from skb->data
 * @thoff: offset of the transport header from skb->data
 * @length: bytes from the IP header to the end of the IP packet
 * @payload: bytes behind the transport header that this packet carries; TCP
 *	only
 * @seq: TCP sequence number, host order
 * @ack: TCP acknowledgement number, host order
 * @window: TCP window as in the header, host order
 * @tcp_flags: the 13th byte of the TCP header (TCPHDR_*)
 * @wscale: window scale option of a SYN, 0xff if it had none
 * @direction: NITRO_VPC_DIRECTION_*
 * @service: destination port, or ICMP type * 256 + code; what rules match
 * @frag_id: IP identification of a fragment
 * @frag_off: offset of a fragment in its packet, in bytes
 * @ttl: TTL or hop limit
 * @df: IPv4 don't-fragment bit; always set for IPv6
 * @fragment: it is a fragment
 * @later: it is a fragment that is not the first, so that it has no ports
 * @error: it is an ICMP or ICMPv6 error; @key is then the key of the flow
 *	that the quoted packet belonged to, and @addr_source the error's own
 *	source
 * @query: it can start a flow; false for ICMP replies and errors only
 * @source_mac: MAC address of the ENI that sent an ingress packet; NULL if not
 *	known. The caller of nitro_vpc_packet_parse() sets it
 * @addr_source: source address of the packet itself
 * @addr_dest: destination address of the packet itself
 *
 * The TCP fields are only valid for TCP packets that are not @later; @frag_id
 * and @frag_off only for fragments.
 */
struct nitro_vpc_packet {
	struct nitro_vpc_flow_key key;
	struct in6_addr addr_source;
	struct in6_addr addr_dest;
	const u8 *source_mac;
	u32 nhoff;
	u32 thoff;
	u32 length;
	u32 payload;
	u32 seq;
	u32 ack;
	u32 frag_id;
	u16 window;
	u16 service;
	u16 frag_off;
	u8 tcp_flags;
	u8 wscale;
	u8 direction;
	u8 ttl;
	u8 df;
	u8 fragment;
	u8 later;
	u8 error;
	u8 query;
};

/**
 * nitro_vpc_packets() - how many packets a buffer is
 * @skb: the packet; a GSO packet counts as what it will be cut into
 *
 * Context: any.
 * Return: 1 or more.
 */
static inline u32 nitro_vpc_packets(const struct sk_buff *skb)
{
	return skb_is_gso(skb) ? skb_shinfo(skb)->gso_segs ?: 1 : 1;
}

enum nitro_vpc_drop nitro_vpc_packet_parse(struct sk_buff *skb, u32 nhoff,
					   u8 direction,
					   struct nitro_vpc_packet *pkt);
void nitro_vpc_packet_set_ports(struct nitro_vpc_packet *pkt,
				__be16 source, __be16 dest);

#endif
