// SPDX-License-Identifier: GPL-2.0
/* The wire: Geneve (RFC 8926) over UDP, the VNI is the VPC. */

#include <linux/etherdevice.h>
#include <linux/hash.h>
#include <linux/udp.h>
#include <net/geneve.h>
#include <net/gro.h>
#include <net/inet_ecn.h>
#include <net/ip_tunnels.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/udp_tunnel.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"
#include "geneve.h"
#include "host.h"
#include "mapping.h"

#define GENEVE_VERSION		0
#define GENEVE_TYPE_CRITICAL	0x80
#define OUTER_TTL		64
/* More devices on top of each other are a loop; IP_TUNNEL_RECURSION_LIMIT counts
 * a tunnel twice and allows 5.
 */
#define RECURSION_LIMIT		4

/* Entropy for the underlay's ECMP and RSS, RFC 8926 section 3.3: a hash of the
 * inner flow in the dynamic range.
 */
static __be16 source_port(const struct nitro_vpc_flow_key *key)
{
	u32 hash;

	/* Symmetric, so that both directions of a flow share a NIC queue. */
	hash = (__force u32)(key->local.s6_addr32[3] ^
			     key->remote.s6_addr32[3] ^
			     key->local.s6_addr32[2] ^
			     key->remote.s6_addr32[2]);
	hash ^= (__force u16)key->local_port ^ (__force u16)key->remote_port ^
		key->protocol << 16;
	return htons(0xc000 | hash_32(hash, 14));
}

static __be32 vni_field(u32 vni)
{
	return htonl(vni << 8);
}

static u32 overhead(bool v6)
{
	return (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
	       sizeof(struct udphdr) + sizeof(struct genevehdr) + ETH_HLEN;
}

static void key_of(const struct nitro_vpc_card *card,
		   const struct nitro_vpc_host *host, struct ip_tunnel_key *key)
{
	const struct nitro_vpc_host *local = rcu_dereference(card->local);

	memset(key, 0, sizeof(*key));
	if (host->v6) {
		key->u.ipv6.dst = host->addr;
		if (local)
			key->u.ipv6.src = local->addr;
	} else {
		key->u.ipv4.dst = host->addr.s6_addr32[3];
		if (local)
			key->u.ipv4.src = local->addr.s6_addr32[3];
	}
}

/* Route towards a host, with a reference. */
static struct dst_entry *route4(struct nitro_vpc_card *card,
				struct nitro_vpc_host *host,
				struct sk_buff *skb, struct net_device *dev,
				__be32 *saddr)
{
	struct ip_tunnel_key key;
	struct rtable *rt;

	rt = dst_cache_get_ip4(&host->dst, saddr);
	if (likely(rt))
		return &rt->dst;
	key_of(card, host, &key);
	rt = udp_tunnel_dst_lookup(skb, dev, card->net, 0, saddr, &key, 0,
				   host->port, 0, &host->dst);
	return IS_ERR(rt) ? NULL : &rt->dst;
}

static struct dst_entry *route6(struct nitro_vpc_card *card,
				struct nitro_vpc_host *host,
				struct socket *sock, struct sk_buff *skb,
				struct net_device *dev, struct in6_addr *saddr)
{
	struct ip_tunnel_key key;
	struct dst_entry *dst;

	dst = dst_cache_get_ip6(&host->dst, saddr);
	if (likely(dst))
		return dst;
	key_of(card, host, &key);
	dst = udp_tunnel6_dst_lookup(skb, dev, card->net,
				     NITRO_UDP_TUNNEL_SOCK(sock), 0, saddr,
				     &key, 0, host->port, 0, &host->dst);
	return IS_ERR(dst) ? NULL : dst;
}

static enum nitro_vpc_drop push_header(struct sk_buff *skb, u32 vni,
				       const struct dst_entry *dst, bool v6)
{
	struct genevehdr *geneve;

	if (unlikely(skb_cow_head(skb, LL_RESERVED_SPACE(dst->dev) +
				  dst->header_len + overhead(v6))))
		return NITRO_VPC_DROP_NO_MEMORY;
	/* A checksum is needed over IPv6 only (RFC 8926 section 4.3). */
	if (unlikely(udp_tunnel_handle_offloads(skb, v6)))
		return NITRO_VPC_DROP_NO_MEMORY;
	geneve = __skb_push(skb, sizeof(*geneve));
	memset(geneve, 0, sizeof(*geneve));
	geneve->proto_type = htons(ETH_P_TEB);
	put_unaligned(vni_field(vni), (__be32 *)geneve->vni);
	skb_set_inner_protocol(skb, htons(ETH_P_TEB));
	return NITRO_VPC_PASS;
}

/* The outer UDP and IPv4 headers, and away with it. With DF set the identification has
 * no meaning (RFC 6864 section 4.1) and is left zero: making one is a SipHash.
 */
static void send_ipv4(struct nitro_vpc_eni *eni, struct sock *sk,
		      struct sk_buff *skb, const struct nitro_vpc_packet *pkt,
		      struct dst_entry *dst, __be32 saddr,
		      const struct nitro_vpc_host *host, u8 tos, bool df)
{
	struct net *net = eni->card->net;
	u32 length = pkt->length;
	struct udphdr *udp;
	struct iphdr *ip;
	int err;

	udp = __skb_push(skb, sizeof(*udp));
	skb_reset_transport_header(skb);
	udp->source = source_port(&pkt->key);
	udp->dest = host->port;
	udp->len = htons(skb->len);
	/* RFC 6935: the inner packet has its own */
	udp->check = 0;

	skb_scrub_packet(skb, true);
	skb_clear_hash_if_not_l4(skb);
	skb_dst_set(skb, dst);
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));

	ip = __skb_push(skb, sizeof(*ip));
	skb_reset_network_header(skb);
	ip->version = IPVERSION;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = tos;
	ip->frag_off = df ? htons(IP_DF) : 0;
	ip->ttl = OUTER_TTL;
	ip->protocol = IPPROTO_UDP;
	ip->saddr = saddr;
	ip->daddr = host->addr.s6_addr32[3];
	if (df)
		ip->id = 0;
	else
		__ip_select_ident(net, ip, skb_shinfo(skb)->gso_segs ?: 1);

	err = ip_local_out(net, sk, skb);
	if (likely(!net_xmit_eval(err)))
		dev_sw_netstats_tx_add(eni->dev, 1, length);
	else
		DEV_STATS_INC(eni->dev, tx_dropped);
}

/**
 * nitro_vpc_geneve_send() - send a packet to the ENI's peer on another host
 * @eni: the ENI
 * @host: the other host
 * @vni: the VPC
 * @skb: the packet, data at its MAC header; consumed if this succeeds
 * @pkt: the same
 * @ret_mtu: with NITRO_VPC_DROP_TOO_BIG, the biggest IP packet that fits
 *
 * An IPv4 packet that may be fragmented and is too big is fragmented in the
 * underlay; what fits is not, so that a smaller path MTU is learned.
 *
 * Context: RCU read side, bottom halves off.
 * Return: NITRO_VPC_PASS, or why not.
 */
enum nitro_vpc_drop nitro_vpc_geneve_send(struct nitro_vpc_eni *eni,
					  struct nitro_vpc_host *host, u32 vni,
					  struct sk_buff *skb,
					  const struct nitro_vpc_packet *pkt,
					  u32 *ret_mtu)
{
	struct nitro_vpc_card *card = eni->card;
	enum nitro_vpc_drop reason;
	struct in6_addr saddr6;
	struct dst_entry *dst;
	struct socket *sock;
	__be32 saddr4;
	u8 tos;
	u32 mtu;

	sock = host->v6 ? rcu_dereference(card->socket6) :
			  rcu_dereference(card->socket4);
	if (unlikely(!sock))
		return NITRO_VPC_DROP_UNDERLAY;
	/* The holder's mark has no meaning in the underlay. */
	skb->mark = 0;
	if (host->v6)
		dst = route6(card, host, sock, skb, eni->dev, &saddr6);
	else
		dst = route4(card, host, skb, eni->dev, &saddr4);
	if (unlikely(!dst))
		return NITRO_VPC_DROP_UNDERLAY;
	reason = NITRO_VPC_DROP_LOOP;
	if (unlikely(dst->dev == eni->dev ||
		     dev_recursion_level() > RECURSION_LIMIT))
		goto release;

	mtu = dst_mtu(dst) - overhead(host->v6);
	if (unlikely(pkt->length > mtu && pkt->df &&
		     !(skb_is_gso(skb) &&
		       skb_gso_validate_network_len(skb, mtu)))) {
		*ret_mtu = mtu;
		reason = NITRO_VPC_DROP_TOO_BIG;
		goto release;
	}

	tos = pkt->key.v6 ?
	      ipv6_get_dsfield((struct ipv6hdr *)(skb->data + pkt->nhoff)) :
	      ((struct iphdr *)(skb->data + pkt->nhoff))->tos;
	reason = push_header(skb, vni, dst, host->v6);
	if (unlikely(reason))
		goto release;
	skb->dev = eni->dev;
	/* The ECN field goes out with the packet, the DSCP does not: it means
	 * nothing to the underlay (RFC 6040).
	 */
	tos = INET_ECN_encapsulate(0, tos);
	if (!host->v6) {
		send_ipv4(eni, sock->sk, skb, pkt, dst, saddr4, host, tos,
			  (pkt->df || pkt->length <= mtu) &&
			  !ip_mtu_locked(dst));
		return NITRO_VPC_PASS;
	}
	/* An IPv6 underlay fragments only what was told to. */
	skb->ignore_df = !pkt->df;
	udp_tunnel6_xmit_skb(dst, sock->sk, skb, eni->dev, &saddr6,
			     &host->addr, tos, OUTER_TTL, 0,
			     source_port(&pkt->key), host->port,
			     false NITRO_UDP_TUNNEL_IPCB_FLAGS);
	return NITRO_VPC_PASS;

release:
	dst_release(dst);
	return reason;
}

/* The length of the Geneve header with its options, 0 if it is not to be
 * accepted. RFC 8926 section 3.4: unknown critical options drop the packet;
 * none is known.
 */
static u32 header_length(struct sk_buff *skb, enum nitro_vpc_drop *reason)
{
	const struct geneve_opt *option;
	const struct genevehdr *geneve;
	u32 length, offset, size;

	*reason = NITRO_VPC_DROP_GENEVE;
	if (!pskb_may_pull(skb, sizeof(struct udphdr) + sizeof(*geneve)))
		return 0;
	geneve = (const struct genevehdr *)(udp_hdr(skb) + 1);
	if (geneve->ver != GENEVE_VERSION || geneve->oam ||
	    geneve->proto_type != htons(ETH_P_TEB))
		return 0;
	length = geneve->opt_len * 4;
	if (likely(!length && !geneve->critical))
		return sizeof(*geneve);
	if (geneve->critical) {
		*reason = NITRO_VPC_DROP_GENEVE_OPTION;
		return 0;
	}
	if (!pskb_may_pull(skb, sizeof(struct udphdr) + sizeof(*geneve) + length))
		return 0;
	geneve = (const struct genevehdr *)(udp_hdr(skb) + 1);
	for (offset = 0; offset < length; offset += size) {
		if (length - offset < sizeof(*option))
			return 0;
		option = (const struct geneve_opt *)(geneve->options + offset);
		size = sizeof(*option) + option->length * 4;
		if (size > length - offset)
			return 0;
		if (option->type & GENEVE_TYPE_CRITICAL) {
			*reason = NITRO_VPC_DROP_GENEVE_OPTION;
			return 0;
		}
	}
	return sizeof(*geneve) + length;
}

/* The ENI that a packet of a VPC is for: by MAC address, as the sender's card
 * has put it there, else by the owner of the address.
 */
static struct nitro_vpc_eni *find_eni(struct nitro_vpc_card *card, u32 vni,
				      const struct sk_buff *skb)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;
	struct nitro_vpc_mapping *mapping;
	struct in6_addr addr;
	struct nitro_vpc_eni *eni;
	bool v6 = false;

	eni = nitro_vpc_eni_by_mac(card, vni, eth->h_dest);
	if (likely(eni))
		return eni;

	if (eth->h_proto == htons(ETH_P_IP)) {
		const struct iphdr *ip;
		struct iphdr buf;

		ip = skb_header_pointer(skb, ETH_HLEN, sizeof(buf), &buf);
		if (!ip)
			return NULL;
		ipv6_addr_set_v4mapped(ip->daddr, &addr);
	} else if (eth->h_proto == htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6;
		struct ipv6hdr buf;

		ip6 = skb_header_pointer(skb, ETH_HLEN, sizeof(buf), &buf);
		if (!ip6)
			return NULL;
		addr = ip6->daddr;
		v6 = true;
	} else {
		return NULL;
	}
	mapping = nitro_vpc_mapping_lookup(card, vni, v6, &addr);
	if (!mapping || !rcu_dereference(mapping->host)->local)
		return NULL;
	return nitro_vpc_eni_lookup(card, mapping->eni);
}

/* encap_rcv: from the underlay; skb->data at the UDP header. */
static int receive(struct sock *sk, struct sk_buff *skb)
{
	struct nitro_vpc_card *card;
	struct in6_addr outer_source;
	enum nitro_vpc_drop reason;
	struct nitro_vpc_eni *eni;
	u32 length, outer, vni;
	int err;

	card = rcu_dereference_sk_user_data(sk);
	if (unlikely(!card)) {
		kfree_skb(skb);
		return 0;
	}

	length = header_length(skb, &reason);
	if (unlikely(!length))
		goto drop;
	vni = ntohl(get_unaligned((__be32 *)((struct genevehdr *)
					     (udp_hdr(skb) + 1))->vni)) >> 8;
	if (sk->sk_family == AF_INET6)
		outer_source = ipv6_hdr(skb)->saddr;
	else
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &outer_source);

	reason = NITRO_VPC_DROP_MALFORMED;
	if (unlikely(!pskb_may_pull(skb, sizeof(struct udphdr) + length +
				    ETH_HLEN)))
		goto drop;
	if (unlikely(iptunnel_pull_header(skb, sizeof(struct udphdr) + length,
					  htons(ETH_P_TEB), true)))
		goto drop;

	outer = skb_network_header(skb) - skb->head;
	reason = NITRO_VPC_DROP_UNKNOWN_ENI;
	eni = find_eni(card, vni, skb);
	if (unlikely(!eni))
		goto drop;
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb->protocol = eth_hdr(skb)->h_proto;
	if (skb->protocol == htons(ETH_P_IP) ?
	    !pskb_may_pull(skb, ETH_HLEN + sizeof(struct iphdr)) :
	    !pskb_may_pull(skb, ETH_HLEN + sizeof(struct ipv6hdr))) {
		reason = NITRO_VPC_DROP_MALFORMED;
		goto drop_eni;
	}
	/* RFC 6040 */
	if (sk->sk_family == AF_INET6)
		err = IP6_ECN_decapsulate((void *)skb->head + outer, skb);
	else
		err = IP_ECN_decapsulate((void *)skb->head + outer, skb);
	if (unlikely(err > 1)) {
		reason = NITRO_VPC_DROP_GENEVE;
		goto drop_eni;
	}
	nitro_vpc_ingress(eni, skb, &outer_source);
	return 0;

drop_eni:
	nitro_vpc_drop(eni->drops, skb, reason);
	return 0;
drop:
	nitro_vpc_drop(card->drops, skb, reason);
	return 0;
}

/* An ICMP error of the underlay is ours if it quotes Geneve to one of our
 * hosts' ports; the route then learns the path MTU.
 */
static int error_lookup(struct sock *sk, struct sk_buff *skb)
{
	const struct genevehdr *geneve;

	if (!pskb_may_pull(skb, skb_transport_offset(skb) +
			   sizeof(struct udphdr) + sizeof(*geneve)))
		return -EINVAL;
	geneve = (const struct genevehdr *)(udp_hdr(skb) + 1);
	if (geneve->ver != GENEVE_VERSION ||
	    geneve->proto_type != htons(ETH_P_TEB))
		return -EINVAL;
	return 0;
}

static struct sk_buff *gro_receive(struct sock *sk, struct list_head *head,
				   struct sk_buff *skb)
{
	const struct genevehdr *geneve, *other;
	u32 offset = skb_gro_offset(skb);
	struct sk_buff *result = NULL;
	struct sk_buff *p;
	u32 length;
	int flush = 1;

	geneve = skb_gro_header(skb, offset + sizeof(*geneve), offset);
	if (unlikely(!geneve) || geneve->ver != GENEVE_VERSION ||
	    geneve->oam || geneve->proto_type != htons(ETH_P_TEB))
		goto out;
	length = sizeof(*geneve) + geneve->opt_len * 4;
	if (!skb_gro_may_pull(skb, offset + length)) {
		geneve = skb_gro_header_slow(skb, offset + length, offset);
		if (unlikely(!geneve))
			goto out;
	}

	list_for_each_entry(p, head, list) {
		if (!NAPI_GRO_CB(p)->same_flow)
			continue;
		other = (const struct genevehdr *)(p->data + offset);
		if (geneve->opt_len != other->opt_len ||
		    memcmp(geneve, other, length))
			NAPI_GRO_CB(p)->same_flow = 0;
	}

	skb_gro_pull(skb, length);
	skb_gro_postpull_rcsum(skb, geneve, length);
	return call_gro_receive(eth_gro_receive, head, skb);

out:
	skb_gro_flush_final(skb, result, flush);
	return result;
}

static int gro_complete(struct sock *sk, struct sk_buff *skb, int nhoff)
{
	const struct genevehdr *geneve;

	geneve = (const struct genevehdr *)(skb->data + nhoff);
	return eth_gro_complete(skb, nhoff + sizeof(*geneve) +
				geneve->opt_len * 4);
}

/**
 * nitro_vpc_geneve_open() - open the Geneve port of the local host
 * @card: the card
 * @v6: address family of the underlay
 * @port: UDP port
 * @extack: for errors
 *
 * The sockets that were open before stay if the new one fails, and are closed
 * if it opens. A port that is open already is not touched.
 *
 * Context: RTNL and card->lock held; may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_geneve_open(struct nitro_vpc_card *card, bool v6, __be16 port,
			  struct netlink_ext_ack *extack)
{
	struct udp_tunnel_sock_cfg tunnel = {
		.sk_user_data = card,
		.encap_type = 1,
		.encap_rcv = receive,
		.encap_err_lookup = error_lookup,
		.gro_receive = gro_receive,
		.gro_complete = gro_complete,
	};
	struct udp_port_cfg cfg = {
		.family = v6 ? AF_INET6 : AF_INET,
		.local_udp_port = port,
		.ipv6_v6only = 1,
		.use_udp6_rx_checksums = 1,
	};
	struct socket *sock, *old;
	int err;

	lockdep_assert_held(&card->lock);
	old = v6 ? rcu_dereference_protected(card->socket6,
					     lockdep_is_held(&card->lock)) :
		   rcu_dereference_protected(card->socket4,
					     lockdep_is_held(&card->lock));
	if (old && inet_sk(old->sk)->inet_sport == port)
		return 0;

	err = udp_sock_create(card->net, &cfg, &sock);
	if (err) {
		NL_SET_ERR_MSG_FMT(extack, "cannot open UDP port %u: %pe",
				   ntohs(port), ERR_PTR(err));
		return err;
	}
	udp_allow_gso(sock->sk);
	setup_udp_tunnel_sock(card->net, NITRO_UDP_TUNNEL_SOCK(sock), &tunnel);
	udp_tunnel_notify_add_rx_port(NITRO_UDP_TUNNEL_SOCK(sock),
				      UDP_TUNNEL_TYPE_GENEVE);

	nitro_vpc_geneve_close(card);
	if (v6)
		rcu_assign_pointer(card->socket6, sock);
	else
		rcu_assign_pointer(card->socket4, sock);
	return 0;
}

static void close_socket(struct nitro_vpc_card *card,
			 struct socket __rcu **pointer)
{
	struct socket *sock;

	sock = rcu_replace_pointer(*pointer, NULL,
				   lockdep_is_held(&card->lock));
	if (!sock)
		return;
	/* Senders have left before it goes. */
	synchronize_net();
	udp_tunnel_notify_del_rx_port(NITRO_UDP_TUNNEL_SOCK(sock),
				      UDP_TUNNEL_TYPE_GENEVE);
	udp_tunnel_sock_release(NITRO_UDP_TUNNEL_SOCK(sock));
}

/**
 * nitro_vpc_geneve_close() - close the Geneve port
 * @card: the card
 *
 * Context: RTNL and card->lock held; may sleep.
 */
void nitro_vpc_geneve_close(struct nitro_vpc_card *card)
{
	lockdep_assert_held(&card->lock);
	close_socket(card, &card->socket4);
	close_socket(card, &card->socket6);
}

/**
 * nitro_vpc_geneve_pmtu() - path MTU of the underlay towards a host
 * @card: the card
 * @host: the host
 *
 * Context: any that may turn bottom halves off.
 * Return: bytes, 0 if there is no route or the Geneve port is closed.
 */
u32 nitro_vpc_geneve_pmtu(struct nitro_vpc_card *card,
			  struct nitro_vpc_host *host)
{
	struct dst_entry *dst = NULL;
	struct in6_addr saddr6;
	struct socket *sock;
	struct sk_buff *skb;
	__be32 saddr4;
	u32 mtu = 0;

	/* The kernel's lookup takes the mark from a packet. */
	skb = alloc_skb(0, GFP_ATOMIC);
	if (!skb)
		return 0;

	local_bh_disable();
	rcu_read_lock();
	sock = host->v6 ? rcu_dereference(card->socket6) :
			  rcu_dereference(card->socket4);
	if (sock && host->v6)
		dst = route6(card, host, sock, skb, NULL, &saddr6);
	else if (sock)
		dst = route4(card, host, skb, NULL, &saddr4);
	if (dst) {
		mtu = dst_mtu(dst);
		dst_release(dst);
	}
	rcu_read_unlock();
	local_bh_enable();
	kfree_skb(skb);
	return mtu;
}
