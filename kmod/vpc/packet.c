// SPDX-License-Identifier: GPL-2.0
/* The parser: what the data path has to know of a packet. Everything here was
 * written by a tenant or by the network, so no length is believed and nothing
 * is read that was not pulled.
 */

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <kunit/visibility.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "packet.h"

#define HEADERS_MAX	8	/* IPv6 extension headers */
#define ICMP6_NI_QUERY		139	/* RFC 4620 */

/* Combinations of FIN, SYN, RST, ACK and URG that a TCP may send, a bit each.
 * PSH, ECE and CWR go with all of them.
 */
#define FLAGS_MASK	(TCPHDR_FIN | TCPHDR_SYN | TCPHDR_RST | TCPHDR_ACK | \
			 TCPHDR_URG)
#define FLAGS_VALID						\
	(BIT_ULL(TCPHDR_SYN) | BIT_ULL(TCPHDR_SYN | TCPHDR_URG) |	\
	 BIT_ULL(TCPHDR_SYN | TCPHDR_ACK) | BIT_ULL(TCPHDR_RST) |	\
	 BIT_ULL(TCPHDR_RST | TCPHDR_ACK) |				\
	 BIT_ULL(TCPHDR_FIN | TCPHDR_ACK) |				\
	 BIT_ULL(TCPHDR_FIN | TCPHDR_ACK | TCPHDR_URG) |		\
	 BIT_ULL(TCPHDR_ACK) | BIT_ULL(TCPHDR_ACK | TCPHDR_URG))

/* Where a chain of IPv6 headers ends. */
struct chain {
	u32 off;
	u32 end;
	u32 frag_id;
	u16 frag_off;
	u8 more;
	u8 protocol;
};

static void set_ports(struct nitro_vpc_packet *pkt, __be16 source, __be16 dest)
{
	if (pkt->direction == NITRO_VPC_DIRECTION_EGRESS) {
		pkt->key.local_port = source;
		pkt->key.remote_port = dest;
	} else {
		pkt->key.local_port = dest;
		pkt->key.remote_port = source;
	}
}

/**
 * nitro_vpc_packet_set_ports() - give a packet its ports
 * @pkt: the packet, of a protocol with ports
 * @source: source port
 * @dest: destination port
 *
 * Context: any.
 */
void nitro_vpc_packet_set_ports(struct nitro_vpc_packet *pkt,
				__be16 source, __be16 dest)
{
	set_ports(pkt, source, dest);
	pkt->service = ntohs(dest);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_packet_set_ports);

static u8 parse_wscale(const u8 *option, u32 len)
{
	while (len && *option != TCPOPT_EOL) {
		if (*option == TCPOPT_NOP) {
			option++;
			len--;
			continue;
		}
		if (len < 2 || option[1] < 2 || option[1] > len)
			break;
		if (*option == TCPOPT_WINDOW && option[1] == TCPOLEN_WINDOW)
			return min_t(u8, option[2], TCP_MAX_WSCALE);
		len -= option[1];
		option += option[1];
	}
	return 0xff;
}

static enum nitro_vpc_drop parse_tcp(struct sk_buff *skb, u32 len,
				     struct nitro_vpc_packet *pkt)
{
	const struct tcphdr *th;
	u32 header;

	if (unlikely(len < sizeof(*th) ||
		     !pskb_may_pull(skb, pkt->thoff + sizeof(*th))))
		goto err_short;
	th = (const struct tcphdr *)(skb->data + pkt->thoff);
	header = th->doff * 4;
	if (unlikely(header < sizeof(*th)))
		return NITRO_VPC_DROP_MALFORMED;
	if (unlikely(header > len))
		goto err_short;

	pkt->tcp_flags = ((const u8 *)th)[13];
	if (unlikely(!((FLAGS_VALID >> (pkt->tcp_flags & FLAGS_MASK)) & 1)))
		return NITRO_VPC_DROP_MALFORMED;

	pkt->seq = ntohl(th->seq);
	pkt->ack = ntohl(th->ack_seq);
	pkt->window = ntohs(th->window);
	pkt->payload = len - header;
	pkt->service = ntohs(th->dest);
	set_ports(pkt, th->source, th->dest);

	if (unlikely(pkt->tcp_flags & TCPHDR_SYN)) {
		if (!pskb_may_pull(skb, pkt->thoff + header))
			return NITRO_VPC_DROP_MALFORMED;
		pkt->wscale = parse_wscale(skb->data + pkt->thoff + sizeof(*th),
					   header - sizeof(*th));
	}
	return NITRO_VPC_PASS;

err_short:
	/* RFC 1858 and 3128: the first fragment has the whole header, or the
	 * rest of it could say something else than what was checked.
	 */
	return pkt->fragment ? NITRO_VPC_DROP_FRAGMENT :
			       NITRO_VPC_DROP_MALFORMED;
}

static enum nitro_vpc_drop parse_udp(struct sk_buff *skb, u32 len,
				     struct nitro_vpc_packet *pkt)
{
	const struct udphdr *uh;
	u32 udp_len;

	if (unlikely(len < sizeof(*uh) ||
		     !pskb_may_pull(skb, pkt->thoff + sizeof(*uh))))
		return pkt->fragment ? NITRO_VPC_DROP_FRAGMENT :
				       NITRO_VPC_DROP_MALFORMED;
	uh = (const struct udphdr *)(skb->data + pkt->thoff);
	udp_len = ntohs(uh->len);
	if (unlikely(udp_len < sizeof(*uh) ||
		     (udp_len > len && !pkt->fragment)))
		return NITRO_VPC_DROP_MALFORMED;

	pkt->service = ntohs(uh->dest);
	set_ports(pkt, uh->source, uh->dest);
	return NITRO_VPC_PASS;
}

/* The request that an ICMP type replies to; or the type itself. */
static u8 icmp_request(bool v6, u8 type)
{
	if (v6) {
		switch (type) {
		case ICMPV6_ECHO_REPLY:
		case ICMP6_NI_QUERY + 1:
		case ICMPV6_EXT_ECHO_REPLY:
			return type - 1;
		}
		return type;
	}
	switch (type) {
	case ICMP_ECHOREPLY:
		return ICMP_ECHO;
	case ICMP_TIMESTAMPREPLY:
	case ICMP_INFO_REPLY:
	case ICMP_ADDRESSREPLY:
	case ICMP_EXT_ECHOREPLY:
		return type - 1;
	}
	return type;
}

/* Requests that are answered with the same two bytes behind the checksum. */
static bool icmp_has_id(bool v6, u8 request)
{
	if (v6)
		return request == ICMPV6_ECHO_REQUEST ||
		       request == ICMP6_NI_QUERY ||
		       request == ICMPV6_EXT_ECHO_REQUEST;
	return request == ICMP_ECHO || request == ICMP_TIMESTAMP ||
	       request == ICMP_INFO_REQUEST || request == ICMP_ADDRESS ||
	       request == ICMP_EXT_ECHO;
}

static bool icmp_is_error(bool v6, u8 type)
{
	if (v6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* @sent: by the holder of the ENI. Returns whether it is a request. */
static bool icmp_key(struct nitro_vpc_packet *pkt, u8 type, __be16 id,
		     bool sent)
{
	bool v6 = pkt->key.v6;
	u8 request = icmp_request(v6, type);

	if (request != type)
		sent = !sent;
	pkt->key.local_port = icmp_has_id(v6, request) ? id : 0;
	pkt->key.remote_port = htons(request + (sent ? 256 : 0));
	return request == type;
}

/* Walks IPv6 extension headers. AH and ESP are protocols of their own. */
static enum nitro_vpc_drop walk(struct sk_buff *skb, struct chain *chain)
{
	const u8 *header;
	bool seen = false;
	u32 len;
	int i;

	for (i = 0; i < HEADERS_MAX; i++) {
		switch (chain->protocol) {
		case NEXTHDR_HOP:
			if (i)
				return NITRO_VPC_DROP_MALFORMED;
			break;
		case NEXTHDR_FRAGMENT:
			if (seen)
				return NITRO_VPC_DROP_MALFORMED;
			break;
		case NEXTHDR_ROUTING:
		case NEXTHDR_DEST:
			break;
		default:
			return NITRO_VPC_PASS;
		}

		if (chain->end - chain->off < 8 ||
		    !pskb_may_pull(skb, chain->off + 8))
			return NITRO_VPC_DROP_MALFORMED;
		header = skb->data + chain->off;
		len = 8;
		switch (chain->protocol) {
		case NEXTHDR_FRAGMENT:
			seen = true;
			chain->frag_off = get_unaligned_be16(header + 2) &
					  IP6_OFFSET;
			chain->more = header[3] & IP6_MF;
			chain->frag_id = get_unaligned_be32(header + 4);
			break;
		case NEXTHDR_ROUTING:
			/* RFC 5095; and the destination that is checked has
			 * to be the last one, whatever the type.
			 */
			if (header[2] == IPV6_SRCRT_TYPE_0 || header[3])
				return NITRO_VPC_DROP_MALFORMED;
			fallthrough;
		default:
			len = (header[1] + 1) * 8;
		}
		if (len > chain->end - chain->off)
			return NITRO_VPC_DROP_MALFORMED;
		chain->protocol = header[0];
		chain->off += len;
		/* What follows the header of a later fragment is not one. */
		if (chain->frag_off)
			return NITRO_VPC_PASS;
	}
	return NITRO_VPC_DROP_MALFORMED;
}

/* The key of a packet that is quoted by an error. The receiver of the error has
 * sent it, so its direction is the other one.
 */
static enum nitro_vpc_drop parse_quote(struct sk_buff *skb, u32 off, u32 end,
				       struct nitro_vpc_packet *pkt)
{
	bool sent = pkt->direction == NITRO_VPC_DIRECTION_INGRESS;
	struct in6_addr source, dest;
	const __be16 *ports;
	u32 header;
	u8 type;

	if (pkt->key.v6) {
		const struct ipv6hdr *ip6h;
		struct chain chain = {};

		header = sizeof(*ip6h);
		if (end - off < header || !pskb_may_pull(skb, off + header))
			return NITRO_VPC_DROP_MALFORMED;
		ip6h = (const struct ipv6hdr *)(skb->data + off);
		if (ip6h->version != 6)
			return NITRO_VPC_DROP_MALFORMED;
		source = ip6h->saddr;
		dest = ip6h->daddr;
		chain.off = off + header;
		chain.end = end;
		chain.protocol = ip6h->nexthdr;
		if (walk(skb, &chain) || chain.frag_off)
			return NITRO_VPC_DROP_MALFORMED;
		pkt->key.protocol = chain.protocol;
		off = chain.off;
	} else {
		const struct iphdr *iph;

		if (end - off < sizeof(*iph) ||
		    !pskb_may_pull(skb, off + sizeof(*iph)))
			return NITRO_VPC_DROP_MALFORMED;
		iph = (const struct iphdr *)(skb->data + off);
		header = iph->ihl * 4;
		if (iph->version != 4 || header < sizeof(*iph) ||
		    iph->frag_off & htons(IP_OFFSET))
			return NITRO_VPC_DROP_MALFORMED;
		ipv6_addr_set_v4mapped(iph->saddr, &source);
		ipv6_addr_set_v4mapped(iph->daddr, &dest);
		pkt->key.protocol = iph->protocol;
		off += header;
	}
	if (off > end || end - off < 8 || !pskb_may_pull(skb, off + 8))
		return NITRO_VPC_DROP_MALFORMED;
	if (!ipv6_addr_equal(&source, &pkt->addr_dest))
		return NITRO_VPC_DROP_MALFORMED;

	pkt->key.local = sent ? source : dest;
	pkt->key.remote = sent ? dest : source;
	ports = (const __be16 *)(skb->data + off);
	switch (pkt->key.protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		pkt->key.local_port = ports[!sent];
		pkt->key.remote_port = ports[sent];
		return NITRO_VPC_PASS;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (pkt->key.v6 != (pkt->key.protocol == IPPROTO_ICMPV6))
			break;
		type = skb->data[off];
		if (icmp_is_error(pkt->key.v6, type))
			return NITRO_VPC_DROP_MALFORMED;
		icmp_key(pkt, type, ports[2], sent);
		return NITRO_VPC_PASS;
	}
	pkt->key.local_port = 0;
	pkt->key.remote_port = 0;
	return NITRO_VPC_PASS;
}

static enum nitro_vpc_drop parse_icmp(struct sk_buff *skb, u32 len,
				      struct nitro_vpc_packet *pkt)
{
	bool v6 = pkt->key.v6;
	const u8 *header;
	u8 type;

	if (len < 8 || !pskb_may_pull(skb, pkt->thoff + 8))
		return pkt->fragment ? NITRO_VPC_DROP_FRAGMENT :
				       NITRO_VPC_DROP_MALFORMED;
	header = skb->data + pkt->thoff;
	type = header[0];
	pkt->service = get_unaligned_be16(header);

	if (icmp_is_error(v6, type)) {
		if (pkt->fragment)
			return NITRO_VPC_DROP_FRAGMENT;
		pkt->error = 1;
		pkt->query = 0;
		return parse_quote(skb, pkt->thoff + 8, pkt->thoff + len, pkt);
	}
	if (v6) {
		/* Neighbours are the card's business: see neighbour.c. */
		if (type >= NDISC_ROUTER_SOLICITATION && type <= NDISC_REDIRECT)
			return NITRO_VPC_DROP_NEIGHBOUR;
		if (!(type & ICMPV6_INFOMSG_MASK))
			return NITRO_VPC_DROP_MALFORMED;
	} else if (type == ICMP_REDIRECT) {
		/* Only the router could, and it never does. */
		return NITRO_VPC_DROP_MALFORMED;
	}
	pkt->query = icmp_key(pkt, type, *(const __be16 *)(header + 4),
			      pkt->direction == NITRO_VPC_DIRECTION_EGRESS);
	return NITRO_VPC_PASS;
}

/* @len: from the transport header to the end of the packet */
static enum nitro_vpc_drop parse_transport(struct sk_buff *skb, u32 len,
					   struct nitro_vpc_packet *pkt)
{
	switch (pkt->key.protocol) {
	case IPPROTO_TCP:
		return parse_tcp(skb, len, pkt);
	case IPPROTO_UDP:
		return parse_udp(skb, len, pkt);
	case IPPROTO_ICMP:
		if (!pkt->key.v6)
			return parse_icmp(skb, len, pkt);
		break;
	case IPPROTO_ICMPV6:
		if (pkt->key.v6)
			return parse_icmp(skb, len, pkt);
		break;
	}
	pkt->service = 0;
	set_ports(pkt, 0, 0);
	return NITRO_VPC_PASS;
}

/* @offset: of the fragment, in bytes */
static enum nitro_vpc_drop parse_fragment(struct sk_buff *skb, u32 len,
					  u32 offset, bool more,
					  struct nitro_vpc_packet *pkt)
{
	if (!len || (more && len % 8) || offset + len > U16_MAX)
		return NITRO_VPC_DROP_FRAGMENT;
	pkt->fragment = 1;
	pkt->frag_off = offset;
	if (!offset)
		return parse_transport(skb, len, pkt);

	/* It would overwrite what the first fragment was judged by. */
	if (pkt->key.protocol == IPPROTO_TCP && offset < sizeof(struct tcphdr))
		return NITRO_VPC_DROP_FRAGMENT;
	pkt->later = 1;
	pkt->service = 0;
	set_ports(pkt, 0, 0);
	return NITRO_VPC_PASS;
}

static bool options_ok(const u8 *option, u32 len)
{
	while (len && *option != IPOPT_END) {
		if (*option == IPOPT_NOOP) {
			option++;
			len--;
			continue;
		}
		if (len < 2 || option[1] < 2 || option[1] > len)
			return false;
		if (*option == IPOPT_SSRR || *option == IPOPT_LSRR)
			return false;
		len -= option[1];
		option += option[1];
	}
	return true;
}

static enum nitro_vpc_drop parse_ip4(struct sk_buff *skb,
				     struct nitro_vpc_packet *pkt)
{
	const struct iphdr *iph = (const struct iphdr *)(skb->data + pkt->nhoff);
	bool egress = pkt->direction == NITRO_VPC_DIRECTION_EGRESS;
	u32 header = iph->ihl * 4;
	u32 source, dest;
	u16 frag;

	pkt->length = ntohs(iph->tot_len);
	if (unlikely(header < sizeof(*iph) || pkt->length < header ||
		     pkt->length > skb->len - pkt->nhoff))
		return NITRO_VPC_DROP_MALFORMED;
	if (unlikely(header > sizeof(*iph))) {
		if (!pskb_may_pull(skb, pkt->nhoff + header))
			return NITRO_VPC_DROP_MALFORMED;
		iph = (const struct iphdr *)(skb->data + pkt->nhoff);
		if (!options_ok((const u8 *)(iph + 1), header - sizeof(*iph)))
			return NITRO_VPC_DROP_MALFORMED;
	}

	source = ntohl(iph->saddr);
	dest = ntohl(iph->daddr);
	if (unlikely(source >= 0xe0000000 || source >> 24 == IN_LOOPBACKNET ||
		     source >> 24 == 0))
		return NITRO_VPC_DROP_SOURCE_ADDRESS;
	if (unlikely(dest >= 0xe0000000))
		return NITRO_VPC_DROP_MULTICAST;
	if (unlikely(dest >> 24 == IN_LOOPBACKNET || dest >> 24 == 0))
		return NITRO_VPC_DROP_DEST_ADDRESS;

	ipv6_addr_set_v4mapped(iph->saddr, &pkt->addr_source);
	ipv6_addr_set_v4mapped(iph->daddr, &pkt->addr_dest);
	ipv6_addr_set_v4mapped(egress ? iph->saddr : iph->daddr,
			       &pkt->key.local);
	ipv6_addr_set_v4mapped(egress ? iph->daddr : iph->saddr,
			       &pkt->key.remote);
	pkt->key.protocol = iph->protocol;
	pkt->key.v6 = 0;
	pkt->ttl = iph->ttl;
	pkt->thoff = pkt->nhoff + header;
	frag = ntohs(iph->frag_off);
	pkt->df = !!(frag & IP_DF);
	if (likely(!(frag & (IP_MF | IP_OFFSET))))
		return parse_transport(skb, pkt->length - header, pkt);

	pkt->frag_id = ntohs(iph->id);
	return parse_fragment(skb, pkt->length - header,
			      (frag & IP_OFFSET) * 8, frag & IP_MF, pkt);
}

static enum nitro_vpc_drop check_ip6(const struct in6_addr *source,
				     const struct in6_addr *dest)
{
	int type = ipv6_addr_type(source);

	if (type & (IPV6_ADDR_MULTICAST | IPV6_ADDR_LOOPBACK |
		    IPV6_ADDR_MAPPED) || type == IPV6_ADDR_ANY)
		return NITRO_VPC_DROP_SOURCE_ADDRESS;
	type = ipv6_addr_type(dest);
	if (type & IPV6_ADDR_MULTICAST)
		return NITRO_VPC_DROP_MULTICAST;
	if (type & (IPV6_ADDR_LOOPBACK | IPV6_ADDR_MAPPED) ||
	    type == IPV6_ADDR_ANY)
		return NITRO_VPC_DROP_DEST_ADDRESS;
	return NITRO_VPC_PASS;
}

static enum nitro_vpc_drop parse_ip6(struct sk_buff *skb,
				     struct nitro_vpc_packet *pkt)
{
	bool egress = pkt->direction == NITRO_VPC_DIRECTION_EGRESS;
	const struct ipv6hdr *ip6h;
	enum nitro_vpc_drop reason;
	struct chain chain;

	if (unlikely(!pskb_may_pull(skb, pkt->nhoff + sizeof(*ip6h))))
		return NITRO_VPC_DROP_MALFORMED;
	ip6h = (const struct ipv6hdr *)(skb->data + pkt->nhoff);
	pkt->length = sizeof(*ip6h) + ntohs(ip6h->payload_len);
	if (unlikely(pkt->length > skb->len - pkt->nhoff))
		return NITRO_VPC_DROP_MALFORMED;

	pkt->addr_source = ip6h->saddr;
	pkt->addr_dest = ip6h->daddr;
	reason = check_ip6(&pkt->addr_source, &pkt->addr_dest);
	if (unlikely(reason))
		return reason;

	pkt->key.local = egress ? pkt->addr_source : pkt->addr_dest;
	pkt->key.remote = egress ? pkt->addr_dest : pkt->addr_source;
	pkt->key.protocol = ip6h->nexthdr;
	pkt->key.v6 = 1;
	pkt->ttl = ip6h->hop_limit;
	pkt->df = 1;
	pkt->thoff = pkt->nhoff + sizeof(*ip6h);
	if (likely(pkt->key.protocol == IPPROTO_TCP ||
		   pkt->key.protocol == IPPROTO_UDP))
		return parse_transport(skb, pkt->length - sizeof(*ip6h), pkt);

	chain.off = pkt->thoff;
	chain.end = pkt->nhoff + pkt->length;
	chain.frag_off = 0;
	chain.more = 0;
	chain.protocol = pkt->key.protocol;
	reason = walk(skb, &chain);
	if (reason)
		return reason;
	pkt->key.protocol = chain.protocol;
	pkt->thoff = chain.off;
	if (!chain.frag_off && !chain.more)
		return parse_transport(skb, chain.end - chain.off, pkt);

	pkt->frag_id = chain.frag_id;
	return parse_fragment(skb, chain.end - chain.off, chain.frag_off,
			      chain.more, pkt);
}

/**
 * nitro_vpc_packet_parse() - look at a packet
 * @skb: the packet; headers are pulled, so pointers into it become invalid
 * @nhoff: offset of its IP header from skb->data
 * @direction: NITRO_VPC_DIRECTION_*
 * @pkt: filled in, but for @pkt->source_mac; all of it only if the packet passes
 *
 * Whether the addresses are the right ones is for the caller, but those that no
 * packet on the wire may have do not pass.
 *
 * Context: any.
 * Return: NITRO_VPC_PASS or why the packet has to be dropped.
 */
enum nitro_vpc_drop nitro_vpc_packet_parse(struct sk_buff *skb, u32 nhoff,
					   u8 direction,
					   struct nitro_vpc_packet *pkt)
{
	u8 version;

	if (unlikely(!pskb_may_pull(skb, nhoff + sizeof(struct iphdr))))
		return NITRO_VPC_DROP_MALFORMED;

	pkt->nhoff = nhoff;
	pkt->direction = direction;
	pkt->key.zero = 0;
	pkt->tcp_flags = 0;
	pkt->wscale = 0xff;
	pkt->fragment = 0;
	pkt->later = 0;
	pkt->error = 0;
	pkt->query = 1;

	version = skb->data[nhoff] >> 4;
	if (version == 4)
		return parse_ip4(skb, pkt);
	if (version == 6)
		return parse_ip6(skb, pkt);
	return NITRO_VPC_DROP_MALFORMED;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_packet_parse);
