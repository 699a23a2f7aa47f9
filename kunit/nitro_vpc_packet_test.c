// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/if_ether.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/skbuff.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "vpc/packet.h"

#define PACKET_MAX	256

#define HI(value)	((value) >> 8)
#define LO(value)	((value) & 0xff)
#define BYTES(...)	.bytes = (const u8[]){ __VA_ARGS__ },		\
			.len = sizeof((const u8[]){ __VA_ARGS__ })

#define LOCAL4		10, 0, 1, 5
#define REMOTE4		10, 0, 2, 7
#define LOCAL6		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5
#define REMOTE6		0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7
#define NONE6		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define LOOPBACK6	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define MAPPED6		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 2, 7
#define MULTICAST6	0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1

#define IP4_HEAD(words, total, frag, protocol)				\
	0x40 | (words), 0, HI(total), LO(total), 0x12, 0x34,		\
	HI(frag), LO(frag), 64, (protocol), 0, 0
#define IP4(total, frag, protocol)					\
	IP4_HEAD(5, total, frag, protocol), LOCAL4, REMOTE4
#define IP4_REPLY(total, frag, protocol)				\
	IP4_HEAD(5, total, frag, protocol), REMOTE4, LOCAL4
#define IP6_HEAD(len, next)	0x60, 0, 0, 0, HI(len), LO(len), (next), 64
#define IP6(len, next)		IP6_HEAD(len, next), LOCAL6, REMOTE6
#define IP6_REPLY(len, next)	IP6_HEAD(len, next), REMOTE6, LOCAL6
#define FRAG6(next, off)	(next), 0, HI(off), LO(off), 0, 0, 0x12, 0x34
#define OPT6(next)		(next), 0, 1, 4, 0, 0, 0, 0
#define ROUTE6(next, type, left) (next), 0, (type), (left), 0, 0, 0, 0
#define TCP_HEAD(words, flags)						\
	0x9c, 0x40, 0x01, 0xbb, 1, 2, 3, 4, 0x11, 0x12, 0x13, 0x14,	\
	(words) << 4, (flags), 2, 0, 0, 0, 0, 0
#define TCP(flags)		TCP_HEAD(5, flags)
#define UDP(len)		0x9c, 0x40, 0, 53, HI(len), LO(len), 0, 0
#define ICMP(type, code)	(type), (code), 0, 0, 0xab, 0xcd, 0, 1
#define EIGHT			1, 2, 3, 4, 5, 6, 7, 8

#define INGRESS		NITRO_VPC_DIRECTION_INGRESS
#define EGRESS		NITRO_VPC_DIRECTION_EGRESS
#define DROP(why)	.reason = NITRO_VPC_DROP_##why

enum {
	F_FRAGMENT = BIT(0),
	F_LATER = BIT(1),
	F_ERROR = BIT(2),
	F_REPLY = BIT(3),	/* cannot start a flow */
};

struct parse_case {
	const char *desc;
	const u8 *bytes;
	u32 len;
	u8 direction;
	enum nitro_vpc_drop reason;
	/* If it passes: */
	u8 protocol;
	u16 local_port;
	u16 remote_port;
	u16 service;
	u8 flags;
};

static const struct parse_case parse_cases[] = {
	{ "TCP", BYTES(IP4(40, 0x4000, 6), TCP(TCPHDR_ACK)), EGRESS,
	  0, 6, 40000, 443, 443 },
	{ "TCP in", BYTES(IP4_REPLY(40, 0x4000, 6), TCP(TCPHDR_ACK)), INGRESS,
	  0, 6, 443, 40000, 443 },
	{ "TCP with trailer", BYTES(IP4(40, 0, 6), TCP(TCPHDR_ACK), EIGHT),
	  EGRESS, 0, 6, 40000, 443, 443 },
	{ "TCP, all flags that go with ACK",
	  BYTES(IP4(40, 0, 6), TCP(0xf8)), EGRESS, 0, 6, 40000, 443, 443 },
	{ "TCP SYN with ECN", BYTES(IP4(40, 0, 6), TCP(0xc2)), EGRESS,
	  0, 6, 40000, 443, 443 },
	{ "TCP without flags", BYTES(IP4(40, 0, 6), TCP(0)), EGRESS,
	  DROP(MALFORMED) },
	{ "TCP FIN without ACK", BYTES(IP4(40, 0, 6), TCP(TCPHDR_FIN)), EGRESS,
	  DROP(MALFORMED) },
	{ "TCP SYN+FIN", BYTES(IP4(40, 0, 6), TCP(TCPHDR_SYN | TCPHDR_FIN)),
	  EGRESS, DROP(MALFORMED) },
	{ "TCP SYN+RST", BYTES(IP4(40, 0, 6), TCP(TCPHDR_SYN | TCPHDR_RST)),
	  EGRESS, DROP(MALFORMED) },
	{ "TCP Christmas tree", BYTES(IP4(40, 0, 6), TCP(0xff)), EGRESS,
	  DROP(MALFORMED) },
	{ "TCP header too short", BYTES(IP4(40, 0, 6), TCP_HEAD(4, TCPHDR_ACK)),
	  EGRESS, DROP(MALFORMED) },
	{ "TCP header too long", BYTES(IP4(40, 0, 6), TCP_HEAD(6, TCPHDR_ACK)),
	  EGRESS, DROP(MALFORMED) },
	{ "TCP header behind the packet's end",
	  BYTES(IP4(39, 0, 6), TCP(TCPHDR_ACK)), EGRESS, DROP(MALFORMED) },
	{ "UDP", BYTES(IP4(36, 0, 17), UDP(16), EIGHT), EGRESS,
	  0, 17, 40000, 53, 53 },
	{ "UDP shorter than its packet", BYTES(IP4(36, 0, 17), UDP(8), EIGHT),
	  EGRESS, 0, 17, 40000, 53, 53 },
	{ "UDP longer than its packet", BYTES(IP4(36, 0, 17), UDP(17), EIGHT),
	  EGRESS, DROP(MALFORMED) },
	{ "UDP shorter than its header", BYTES(IP4(28, 0, 17), UDP(7)), EGRESS,
	  DROP(MALFORMED) },
	{ "UDP length 0", BYTES(IP4(28, 0, 17), UDP(0)), EGRESS,
	  DROP(MALFORMED) },
	{ "GRE has no ports", BYTES(IP4(28, 0, 47), EIGHT), EGRESS, 0, 47 },
	{ "a protocol without a byte", BYTES(IP4(20, 0, 99)), EGRESS, 0, 99 },
	{ "ICMPv6 in IPv4 is just a protocol", BYTES(IP4(28, 0, 58), EIGHT),
	  EGRESS, 0, 58 },

	{ "total length shorter than the header", BYTES(IP4(19, 0, 17), UDP(8)),
	  EGRESS, DROP(MALFORMED) },
	{ "total length 0", BYTES(IP4(0, 0, 17), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "total length behind the end", BYTES(IP4(29, 0, 17), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "header shorter than 20 bytes",
	  BYTES(IP4_HEAD(4, 28, 0, 17), LOCAL4, REMOTE4, UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "header longer than the packet",
	  BYTES(IP4_HEAD(15, 28, 0, 17), LOCAL4, REMOTE4, UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "version 5", BYTES(0x55, 0, 0, 28, IP4(28, 0, 17)), EGRESS,
	  DROP(MALFORMED) },
	{ "options", BYTES(IP4_HEAD(7, 36, 0, 17), LOCAL4, REMOTE4,
			   1, 148, 4, 0, 0, 0, 0, 0, UDP(8)), EGRESS,
	  0, 17, 40000, 53, 53 },
	{ "loose source route", BYTES(IP4_HEAD(7, 36, 0, 17), LOCAL4, REMOTE4,
				      1, 131, 7, 4, 10, 0, 3, 9, UDP(8)),
	  EGRESS, DROP(MALFORMED) },
	{ "strict source route", BYTES(IP4_HEAD(7, 36, 0, 17), LOCAL4, REMOTE4,
				       137, 7, 4, 10, 0, 3, 9, 0, UDP(8)),
	  EGRESS, DROP(MALFORMED) },
	{ "option longer than the header",
	  BYTES(IP4_HEAD(6, 32, 0, 17), LOCAL4, REMOTE4, 7, 5, 0, 0, UDP(8)),
	  EGRESS, DROP(MALFORMED) },
	{ "option of length 1",
	  BYTES(IP4_HEAD(6, 32, 0, 17), LOCAL4, REMOTE4, 7, 1, 0, 0, UDP(8)),
	  EGRESS, DROP(MALFORMED) },

	{ "from 0.0.0.0", BYTES(IP4_HEAD(5, 28, 0, 17), 0, 0, 0, 0, REMOTE4,
				UDP(8)), EGRESS, DROP(SOURCE_ADDRESS) },
	{ "from 127.0.0.1", BYTES(IP4_HEAD(5, 28, 0, 17), 127, 0, 0, 1, REMOTE4,
				  UDP(8)), EGRESS, DROP(SOURCE_ADDRESS) },
	{ "from 224.0.0.1", BYTES(IP4_HEAD(5, 28, 0, 17), 224, 0, 0, 1, REMOTE4,
				  UDP(8)), EGRESS, DROP(SOURCE_ADDRESS) },
	{ "from 255.255.255.255",
	  BYTES(IP4_HEAD(5, 28, 0, 17), 255, 255, 255, 255, REMOTE4, UDP(8)),
	  EGRESS, DROP(SOURCE_ADDRESS) },
	{ "to 0.0.0.0", BYTES(IP4_HEAD(5, 28, 0, 17), LOCAL4, 0, 0, 0, 0,
			      UDP(8)), EGRESS, DROP(DEST_ADDRESS) },
	{ "to 127.0.0.1", BYTES(IP4_HEAD(5, 28, 0, 17), LOCAL4, 127, 0, 0, 1,
				UDP(8)), EGRESS, DROP(DEST_ADDRESS) },
	{ "to 239.1.1.1", BYTES(IP4_HEAD(5, 28, 0, 17), LOCAL4, 239, 1, 1, 1,
				UDP(8)), EGRESS, DROP(MULTICAST) },
	{ "to 255.255.255.255",
	  BYTES(IP4_HEAD(5, 28, 0, 17), LOCAL4, 255, 255, 255, 255, UDP(8)),
	  EGRESS, DROP(MULTICAST) },

	{ "echo request out", BYTES(IP4(28, 0, 1), ICMP(8, 0)), EGRESS,
	  0, 1, 0xabcd, 256 + 8, 8 << 8 },
	{ "echo reply to it", BYTES(IP4_REPLY(28, 0, 1), ICMP(0, 0)), INGRESS,
	  0, 1, 0xabcd, 256 + 8, 0, F_REPLY },
	{ "echo request in", BYTES(IP4_REPLY(28, 0, 1), ICMP(8, 0)), INGRESS,
	  0, 1, 0xabcd, 8, 8 << 8 },
	{ "echo reply to that", BYTES(IP4(28, 0, 1), ICMP(0, 0)), EGRESS,
	  0, 1, 0xabcd, 8, 0, F_REPLY },
	{ "timestamp reply", BYTES(IP4(28, 0, 1), ICMP(14, 0)), EGRESS,
	  0, 1, 0xabcd, 13, 14 << 8, F_REPLY },
	{ "an ICMP type without identifier", BYTES(IP4(28, 0, 1), ICMP(9, 3)),
	  EGRESS, 0, 1, 0, 256 + 9, (9 << 8) + 3 },
	{ "ICMP too short", BYTES(IP4(27, 0, 1), ICMP(8, 0)), EGRESS,
	  DROP(MALFORMED) },
	{ "ICMP redirect", BYTES(IP4_REPLY(56, 0, 1), ICMP(5, 1), IP4(28, 0, 17),
				 UDP(8)), INGRESS, DROP(MALFORMED) },
	{ "error in, about UDP out",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(3, 3), IP4(28, 0, 17), UDP(8)),
	  INGRESS, 0, 17, 40000, 53, (3 << 8) + 3, F_ERROR | F_REPLY },
	{ "error out, about UDP in",
	  BYTES(IP4(56, 0, 1), ICMP(3, 3), IP4_REPLY(28, 0, 17), UDP(8)),
	  EGRESS, 0, 17, 53, 40000, (3 << 8) + 3, F_ERROR | F_REPLY },
	{ "error in, about TCP out",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(3, 4), IP4(1500, 0x4000, 6), 0x9c,
		0x40, 1, 0xbb, 1, 2, 3, 4),
	  INGRESS, 0, 6, 40000, 443, (3 << 8) + 4, F_ERROR | F_REPLY },
	{ "error in, about an echo request out",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(11, 0), IP4(28, 0, 1), ICMP(8, 0)),
	  INGRESS, 0, 1, 0xabcd, 256 + 8, 11 << 8, F_ERROR | F_REPLY },
	{ "error in, about an echo reply out",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(11, 0), IP4(28, 0, 1), ICMP(0, 0)),
	  INGRESS, 0, 1, 0xabcd, 8, 11 << 8, F_ERROR | F_REPLY },
	{ "error about an error",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(3, 3), IP4(28, 0, 1), ICMP(3, 3)),
	  INGRESS, DROP(MALFORMED) },
	{ "error about a packet of somebody else",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(3, 3), IP4_REPLY(28, 0, 17), UDP(8)),
	  INGRESS, DROP(MALFORMED) },
	{ "error about a later fragment",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(3, 3), IP4(28, 1, 17), UDP(8)),
	  INGRESS, DROP(MALFORMED) },
	{ "error that quotes too little",
	  BYTES(IP4_REPLY(55, 0, 1), ICMP(3, 3), IP4(28, 0, 17), UDP(8)),
	  INGRESS, DROP(MALFORMED) },
	{ "error that quotes a header beyond its end",
	  BYTES(IP4_REPLY(56, 0, 1), ICMP(3, 3), IP4_HEAD(15, 28, 0, 17),
		LOCAL4, REMOTE4, UDP(8)), INGRESS, DROP(MALFORMED) },
	{ "error that quotes IPv6",
	  BYTES(IP4_REPLY(76, 0, 1), ICMP(3, 3), IP6(8, 17), UDP(8)),
	  INGRESS, DROP(MALFORMED) },
	{ "error in fragments",
	  BYTES(IP4_REPLY(60, 0x2000, 1), ICMP(3, 3), IP4(28, 0, 17), UDP(8),
		0, 0, 0, 0), INGRESS, DROP(FRAGMENT) },

	{ "first fragment", BYTES(IP4(36, 0x2000, 17), UDP(100), EIGHT), EGRESS,
	  0, 17, 40000, 53, 53, F_FRAGMENT },
	{ "later fragment", BYTES(IP4(36, 0x2002, 17), EIGHT, EIGHT), EGRESS,
	  0, 17, 0, 0, 0, F_FRAGMENT | F_LATER },
	{ "last fragment", BYTES(IP4(23, 2, 17), 1, 2, 3), EGRESS,
	  0, 17, 0, 0, 0, F_FRAGMENT | F_LATER },
	{ "fragment of a length that is no multiple of 8",
	  BYTES(IP4(35, 0x2000, 17), UDP(100), EIGHT), EGRESS, DROP(FRAGMENT) },
	{ "fragment of nothing", BYTES(IP4(20, 0x2000, 17)), EGRESS,
	  DROP(FRAGMENT) },
	{ "fragment beyond 65535", BYTES(IP4(36, 0x1fff, 17), EIGHT, EIGHT),
	  EGRESS, DROP(FRAGMENT) },
	{ "tiny first TCP fragment (RFC 1858)",
	  BYTES(IP4(36, 0x2000, 6), 0x9c, 0x40, 1, 0xbb, 1, 2, 3, 4, EIGHT),
	  EGRESS, DROP(FRAGMENT) },
	{ "first TCP fragment without its options",
	  BYTES(IP4(44, 0x2000, 6), TCP_HEAD(15, TCPHDR_SYN), 1, 1, 1, 1),
	  EGRESS, DROP(FRAGMENT) },
	{ "TCP fragment over the flags (RFC 3128)",
	  BYTES(IP4(36, 1, 6), EIGHT, EIGHT), EGRESS, DROP(FRAGMENT) },
	{ "TCP fragment over the checksum", BYTES(IP4(36, 2, 6), EIGHT, EIGHT),
	  EGRESS, DROP(FRAGMENT) },
	{ "later TCP fragment", BYTES(IP4(36, 3, 6), EIGHT, EIGHT), EGRESS,
	  0, 6, 0, 0, 0, F_FRAGMENT | F_LATER },

	{ "TCP over IPv6", BYTES(IP6(20, 6), TCP(TCPHDR_ACK)), EGRESS,
	  0, 6, 40000, 443, 443 },
	{ "UDP over IPv6 in", BYTES(IP6_REPLY(8, 17), UDP(8)), INGRESS,
	  0, 17, 53, 40000, 53 },
	{ "IPv6 length behind the end", BYTES(IP6(9, 17), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "IPv6 without payload", BYTES(IP6(0, 17), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "no next header", BYTES(IP6(0, 59)), EGRESS, 0, 59 },
	{ "ICMP in IPv6 is just a protocol", BYTES(IP6(8, 1), EIGHT), EGRESS,
	  0, 1 },
	{ "ICMPv6 echo", BYTES(IP6(8, 58), ICMP(128, 0)), EGRESS,
	  0, 58, 0xabcd, 256 + 128, 128 << 8 },
	{ "ICMPv6 echo reply", BYTES(IP6_REPLY(8, 58), ICMP(129, 0)), INGRESS,
	  0, 58, 0xabcd, 256 + 128, 129 << 8, F_REPLY },
	{ "ICMPv6 error", BYTES(IP6_REPLY(56, 58), ICMP(2, 0), IP6(8, 17),
				UDP(8)), INGRESS,
	  0, 17, 40000, 53, 2 << 8, F_ERROR | F_REPLY },
	{ "ICMPv6 error about a packet with options",
	  BYTES(IP6_REPLY(64, 58), ICMP(2, 0), IP6(16, 60), OPT6(17), UDP(8)),
	  INGRESS, 0, 17, 40000, 53, 2 << 8, F_ERROR | F_REPLY },
	{ "ICMPv6 error of an unknown type",
	  BYTES(IP6_REPLY(56, 58), ICMP(5, 0), IP6(8, 17), UDP(8)), INGRESS,
	  DROP(MALFORMED) },
	{ "neighbour solicitation", BYTES(IP6(8, 58), ICMP(135, 0)), EGRESS,
	  DROP(NEIGHBOUR) },
	{ "redirect", BYTES(IP6_REPLY(8, 58), ICMP(137, 0)), INGRESS,
	  DROP(NEIGHBOUR) },
	{ "extension headers",
	  BYTES(IP6(32, 0), OPT6(60), OPT6(43), ROUTE6(17, 2, 0), UDP(8)),
	  EGRESS, 0, 17, 40000, 53, 53 },
	{ "extension header behind the end",
	  BYTES(IP6(16, 60), 17, 2, 1, 4, 0, 0, 0, 0, UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "hop-by-hop options that are not the first",
	  BYTES(IP6(24, 60), OPT6(0), OPT6(17), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "too many extension headers",
	  BYTES(IP6(72, 60), OPT6(60), OPT6(60), OPT6(60), OPT6(60), OPT6(60),
		OPT6(60), OPT6(60), OPT6(17), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "routing header of type 0",
	  BYTES(IP6(16, 43), ROUTE6(17, 0, 0), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "routing header with a way to go",
	  BYTES(IP6(16, 43), ROUTE6(17, 4, 1), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "from ::", BYTES(IP6_HEAD(8, 17), NONE6, REMOTE6, UDP(8)), EGRESS,
	  DROP(SOURCE_ADDRESS) },
	{ "from ::1", BYTES(IP6_HEAD(8, 17), LOOPBACK6, REMOTE6, UDP(8)),
	  EGRESS, DROP(SOURCE_ADDRESS) },
	{ "from ff02::1", BYTES(IP6_HEAD(8, 17), MULTICAST6, REMOTE6, UDP(8)),
	  EGRESS, DROP(SOURCE_ADDRESS) },
	{ "from a mapped address",
	  BYTES(IP6_HEAD(8, 17), MAPPED6, REMOTE6, UDP(8)), EGRESS,
	  DROP(SOURCE_ADDRESS) },
	{ "to ::", BYTES(IP6_HEAD(8, 17), LOCAL6, NONE6, UDP(8)), EGRESS,
	  DROP(DEST_ADDRESS) },
	{ "to ::1", BYTES(IP6_HEAD(8, 17), LOCAL6, LOOPBACK6, UDP(8)), EGRESS,
	  DROP(DEST_ADDRESS) },
	{ "to ff02::1", BYTES(IP6_HEAD(8, 17), LOCAL6, MULTICAST6, UDP(8)),
	  EGRESS, DROP(MULTICAST) },
	{ "to a mapped address",
	  BYTES(IP6_HEAD(8, 17), LOCAL6, MAPPED6, UDP(8)), EGRESS,
	  DROP(DEST_ADDRESS) },
	{ "first IPv6 fragment",
	  BYTES(IP6(24, 44), FRAG6(17, 1), UDP(100), EIGHT), EGRESS,
	  0, 17, 40000, 53, 53, F_FRAGMENT },
	{ "later IPv6 fragment", BYTES(IP6(19, 44), FRAG6(17, 16), EIGHT, 1, 2,
				       3), EGRESS,
	  0, 17, 0, 0, 0, F_FRAGMENT | F_LATER },
	{ "later IPv6 fragment of a packet with options",
	  BYTES(IP6(16, 44), FRAG6(60, 16), EIGHT), EGRESS,
	  0, 60, 0, 0, 0, F_FRAGMENT | F_LATER },
	{ "atomic IPv6 fragment (RFC 6946)",
	  BYTES(IP6(16, 44), FRAG6(17, 0), UDP(8)), EGRESS,
	  0, 17, 40000, 53, 53 },
	{ "fragment header twice",
	  BYTES(IP6(24, 44), FRAG6(44, 0), FRAG6(17, 0), UDP(8)), EGRESS,
	  DROP(MALFORMED) },
	{ "first IPv6 fragment that ends in the headers (RFC 7112)",
	  BYTES(IP6(16, 44), FRAG6(60, 1), OPT6(17)), EGRESS, DROP(FRAGMENT) },
};

KUNIT_ARRAY_PARAM_DESC(parse, parse_cases, desc);

/* A packet with an Ethernet header of which @linear bytes are in the linear
 * part, the rest in a page; behind its end are bytes of value @behind.
 */
static struct sk_buff *make_skb(struct kunit *test, const u8 *bytes, u32 len,
				u32 linear, u8 behind)
{
	struct sk_buff *skb = alloc_skb(ETH_HLEN + PACKET_MAX, GFP_KERNEL);
	struct page *page;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	KUNIT_ASSERT_LE(test, len, PACKET_MAX);
	memset(skb->data, behind, ETH_HLEN + PACKET_MAX);
	skb_put(skb, ETH_HLEN);
	linear = min(linear, len);
	skb_put_data(skb, bytes, linear);
	if (linear == len)
		return skb;

	page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, page);
	memset(page_address(page), behind, PAGE_SIZE);
	memcpy(page_address(page), bytes + linear, len - linear);
	skb_add_rx_frag(skb, 0, page, 0, len - linear, PAGE_SIZE);
	return skb;
}

static enum nitro_vpc_drop parse(struct kunit *test, const u8 *bytes, u32 len,
				 u32 linear, u8 behind, u8 direction,
				 struct nitro_vpc_packet *pkt)
{
	struct sk_buff *skb = make_skb(test, bytes, len, linear, behind);
	enum nitro_vpc_drop reason;

	memset(pkt, behind, sizeof(*pkt));
	reason = nitro_vpc_packet_parse(skb, ETH_HLEN, direction, pkt);
	if (!reason) {
		KUNIT_EXPECT_LE(test, pkt->nhoff + pkt->length, skb->len);
		KUNIT_EXPECT_GE(test, pkt->thoff, ETH_HLEN + 20);
		KUNIT_EXPECT_LE(test, pkt->thoff, pkt->nhoff + pkt->length);
		KUNIT_EXPECT_LE(test, pkt->payload * !!pkt->tcp_flags,
				pkt->length);
		KUNIT_EXPECT_EQ(test, pkt->key.zero, 0);
		KUNIT_EXPECT_LE(test, pkt->key.v6, 1);
		KUNIT_EXPECT_EQ(test, pkt->direction, direction);
	}
	kfree_skb(skb);
	return reason;
}

static void test_parse(struct kunit *test)
{
	const struct parse_case *c = test->param_value;
	static const u8 local4[] = { LOCAL4 }, remote4[] = { REMOTE4 };
	static const u8 local6[] = { LOCAL6 }, remote6[] = { REMOTE6 };
	struct nitro_vpc_packet pkt;
	u32 linear;

	/* Wherever the linear part ends */
	for (linear = 0; linear <= c->len; linear++) {
		KUNIT_ASSERT_EQ(test, c->reason,
				parse(test, c->bytes, c->len, linear, 0xff,
				      c->direction, &pkt));
		if (c->reason)
			continue;
		KUNIT_EXPECT_EQ(test, pkt.key.protocol, c->protocol);
		KUNIT_EXPECT_EQ(test, ntohs(pkt.key.local_port), c->local_port);
		KUNIT_EXPECT_EQ(test, ntohs(pkt.key.remote_port),
				c->remote_port);
		KUNIT_EXPECT_EQ(test, pkt.service, c->service);
		KUNIT_EXPECT_EQ(test, pkt.fragment, !!(c->flags & F_FRAGMENT));
		KUNIT_EXPECT_EQ(test, pkt.later, !!(c->flags & F_LATER));
		KUNIT_EXPECT_EQ(test, pkt.error, !!(c->flags & F_ERROR));
		KUNIT_EXPECT_EQ(test, pkt.query, !(c->flags & F_REPLY));
		if (pkt.key.v6) {
			KUNIT_EXPECT_MEMEQ(test, &pkt.key.local, local6, 16);
			KUNIT_EXPECT_MEMEQ(test, &pkt.key.remote, remote6, 16);
		} else {
			KUNIT_EXPECT_TRUE(test, ipv6_addr_v4mapped(&pkt.key.local));
			KUNIT_EXPECT_TRUE(test, ipv6_addr_v4mapped(&pkt.key.remote));
			KUNIT_EXPECT_MEMEQ(test, &pkt.key.local.s6_addr[12],
					   local4, 4);
			KUNIT_EXPECT_MEMEQ(test, &pkt.key.remote.s6_addr[12],
					   remote4, 4);
		}
	}
}

/* Cut off anywhere: it may only pass if nothing is missing, and what is behind
 * the end does not matter.
 */
static void test_truncated(struct kunit *test)
{
	const struct parse_case *c = test->param_value;
	struct nitro_vpc_packet a, b;
	enum nitro_vpc_drop reason;
	u32 len;

	for (len = 0; len < c->len; len++) {
		reason = parse(test, c->bytes, len, len, 0, c->direction, &a);
		KUNIT_EXPECT_EQ(test, reason,
				parse(test, c->bytes, len, len, 0xff,
				      c->direction, &b));
		if (reason)
			continue;
		KUNIT_EXPECT_MEMEQ(test, &a.key, &b.key, sizeof(a.key));
		KUNIT_EXPECT_EQ(test, a.service, b.service);
	}
}

/* Every TCP flag combination: what nf_conntrack calls valid passes. */
static void test_tcp_flags(struct kunit *test)
{
	u8 bytes[] = { IP4(40, 0, 6), TCP(0) };
	struct nitro_vpc_packet pkt;
	bool valid;
	u32 flags;

	for (flags = 0; flags < 256; flags++) {
		switch (flags & ~(TCPHDR_ECE | TCPHDR_CWR | TCPHDR_PSH)) {
		case TCPHDR_SYN:
		case TCPHDR_SYN | TCPHDR_URG:
		case TCPHDR_SYN | TCPHDR_ACK:
		case TCPHDR_RST:
		case TCPHDR_RST | TCPHDR_ACK:
		case TCPHDR_FIN | TCPHDR_ACK:
		case TCPHDR_FIN | TCPHDR_ACK | TCPHDR_URG:
		case TCPHDR_ACK:
		case TCPHDR_ACK | TCPHDR_URG:
			valid = true;
			break;
		default:
			valid = false;
		}
		bytes[33] = flags;
		KUNIT_EXPECT_EQ_MSG(test, !valid,
				    parse(test, bytes, sizeof(bytes), 0, 0,
					  EGRESS, &pkt) != NITRO_VPC_PASS,
				    "flags %02x", flags);
	}
}

static void test_tcp_fields(struct kunit *test)
{
	static const u8 syn[] = {
		IP4(52, 0x4000, 6), TCP_HEAD(8, TCPHDR_SYN),
		2, 4, 5, 0xb4, 1, 3, 3, 7, 1, 1, 0, 0,
	};
	static const u8 data[] = {
		IP4(48, 0, 6), TCP(TCPHDR_ACK | TCPHDR_PSH), EIGHT, EIGHT,
	};
	u8 bytes[sizeof(syn)];
	struct nitro_vpc_packet pkt;

	KUNIT_ASSERT_EQ(test, NITRO_VPC_PASS,
			parse(test, syn, sizeof(syn), 0, 0, EGRESS, &pkt));
	KUNIT_EXPECT_EQ(test, pkt.wscale, 7);
	KUNIT_EXPECT_EQ(test, pkt.seq, 0x01020304);
	KUNIT_EXPECT_EQ(test, pkt.ack, 0x11121314);
	KUNIT_EXPECT_EQ(test, pkt.window, 0x200);
	KUNIT_EXPECT_EQ(test, pkt.payload, 0);
	KUNIT_EXPECT_EQ(test, pkt.length, 52);
	KUNIT_EXPECT_EQ(test, pkt.ttl, 64);
	KUNIT_EXPECT_TRUE(test, pkt.df);

	/* More than RFC 7323 allows */
	memcpy(bytes, syn, sizeof(syn));
	bytes[47] = 200;
	KUNIT_ASSERT_EQ(test, NITRO_VPC_PASS,
			parse(test, bytes, sizeof(bytes), 0, 0, EGRESS, &pkt));
	KUNIT_EXPECT_EQ(test, pkt.wscale, TCP_MAX_WSCALE);

	/* An option before it that runs over the end, or nowhere */
	memcpy(bytes, syn, sizeof(syn));
	bytes[41] = 40;
	KUNIT_ASSERT_EQ(test, NITRO_VPC_PASS,
			parse(test, bytes, sizeof(bytes), 0, 0, EGRESS, &pkt));
	KUNIT_EXPECT_EQ(test, pkt.wscale, 0xff);
	bytes[41] = 0;
	KUNIT_ASSERT_EQ(test, NITRO_VPC_PASS,
			parse(test, bytes, sizeof(bytes), 0, 0, EGRESS, &pkt));
	KUNIT_EXPECT_EQ(test, pkt.wscale, 0xff);

	KUNIT_ASSERT_EQ(test, NITRO_VPC_PASS,
			parse(test, data, sizeof(data), 0, 0, EGRESS, &pkt));
	KUNIT_EXPECT_EQ(test, pkt.payload, 8);
	KUNIT_EXPECT_EQ(test, pkt.length, 48);
	KUNIT_EXPECT_FALSE(test, pkt.df);
}

/* Bytes changed at random: KASAN and parse() have nothing to say against it. */
static void test_fuzz(struct kunit *test)
{
	struct nitro_vpc_packet a, b;
	enum nitro_vpc_drop reason;
	u8 bytes[PACKET_MAX];
	struct rnd_state rnd;
	u32 len, linear, i, n;

	prandom_seed_state(&rnd, 20221122);
	for (i = 0; i < 20000; i++) {
		const struct parse_case *c =
			&parse_cases[prandom_u32_state(&rnd) %
				     ARRAY_SIZE(parse_cases)];

		memcpy(bytes, c->bytes, c->len);
		len = c->len;
		if (prandom_u32_state(&rnd) % 4 == 0) {
			len = prandom_u32_state(&rnd) % PACKET_MAX;
			if (len > c->len)
				prandom_bytes_state(&rnd, bytes + c->len,
						    len - c->len);
		}
		for (n = prandom_u32_state(&rnd) % 4; n; n--)
			bytes[prandom_u32_state(&rnd) % c->len] =
				prandom_u32_state(&rnd);
		linear = prandom_u32_state(&rnd) % (len + 1);
		reason = parse(test, bytes, len, linear, 0, i & 1, &a);
		KUNIT_ASSERT_EQ(test, reason,
				parse(test, bytes, len, len, 0xff, i & 1, &b));
		KUNIT_ASSERT_LT(test, reason, NITRO_VPC_DROP_MAX);
		if (!reason)
			KUNIT_ASSERT_MEMEQ(test, &a.key, &b.key, sizeof(a.key));
	}
}

static void test_set_ports(struct kunit *test)
{
	struct nitro_vpc_packet pkt = { .direction = INGRESS };

	nitro_vpc_packet_set_ports(&pkt, htons(1000), htons(80));
	KUNIT_EXPECT_EQ(test, ntohs(pkt.key.local_port), 80);
	KUNIT_EXPECT_EQ(test, ntohs(pkt.key.remote_port), 1000);
	KUNIT_EXPECT_EQ(test, pkt.service, 80);
	pkt.direction = EGRESS;
	nitro_vpc_packet_set_ports(&pkt, htons(1000), htons(80));
	KUNIT_EXPECT_EQ(test, ntohs(pkt.key.local_port), 1000);
	KUNIT_EXPECT_EQ(test, ntohs(pkt.key.remote_port), 80);
	KUNIT_EXPECT_EQ(test, pkt.service, 80);
}

static struct kunit_case nitro_vpc_packet_cases[] = {
	KUNIT_CASE_PARAM(test_parse, parse_gen_params),
	KUNIT_CASE_PARAM(test_truncated, parse_gen_params),
	KUNIT_CASE(test_tcp_flags),
	KUNIT_CASE(test_tcp_fields),
	KUNIT_CASE(test_fuzz),
	KUNIT_CASE(test_set_ports),
	{}
};

static struct kunit_suite nitro_vpc_packet_suite = {
	.name = "nitro_vpc_packet",
	.test_cases = nitro_vpc_packet_cases,
};

kunit_test_suite(nitro_vpc_packet_suite);

NITRO_IMPORT_NS_KUNIT;
MODULE_DESCRIPTION("KUnit tests of the packet parser of nitro_vpc");
MODULE_LICENSE("GPL");
