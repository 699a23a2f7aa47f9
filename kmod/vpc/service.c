// SPDX-License-Identifier: GPL-2.0
/* The service port: a netdev of link kind "nitro_service", which hands what
 * ENIs send to link-local services to ordinary sockets, and their answers back.
 * It is a point-to-point IP device for a network namespace of its own.
 */

#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_arp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/rtnetlink.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"
#include "service.h"

#define SERVICE_MTU	1500

#define IP4_METADATA	0xa9fea9fe	/* 169.254.169.254, DHCP too */
#define IP4_RESOLVER	0xa9fea9fd
#define IP4_TIME	0xa9fea97b
#define IP6_METADATA	0x254		/* fd00:ec2::254, DHCPv6 too */
#define IP6_RESOLVER	0x253
#define IP6_TIME	0x123

#define DHCP4_SERVER	67
#define DHCP4_CLIENT	68
#define DHCP6_SERVER	547
#define DHCP6_CLIENT	546

/**
 * struct nitro_vpc_service - a service port, private data of its netdev
 * @dev: the netdev
 * @card: the card whose ENIs it serves
 * @node: in the card's list; protected by the card's lock
 */
struct nitro_vpc_service {
	struct net_device *dev;
	struct nitro_vpc_card *card;
	struct list_head node;
};

static bool is_service4(__be32 addr)
{
	u32 ip = ntohl(addr);

	return ip == IP4_METADATA || ip == IP4_RESOLVER || ip == IP4_TIME;
}

static bool is_service6(const struct in6_addr *addr)
{
	u32 low = ntohl(addr->s6_addr32[3]);

	return addr->s6_addr32[0] == htonl(0xfd000ec2) &&
	       !addr->s6_addr32[1] && !addr->s6_addr32[2] &&
	       (low == IP6_METADATA || low == IP6_RESOLVER || low == IP6_TIME);
}

/* The checksum that covers the addresses, NULL if there is none */
static __sum16 *pseudo_checksum(struct sk_buff *skb, u32 thoff, u8 protocol)
{
	void *header = skb->data + thoff;
	struct udphdr *uh;

	switch (protocol) {
	case IPPROTO_TCP:
		return &((struct tcphdr *)header)->check;
	case IPPROTO_UDP:
		uh = header;
		return uh->check || skb->ip_summed == CHECKSUM_PARTIAL ?
		       &uh->check : NULL;
	case IPPROTO_ICMPV6:
		return &((struct icmp6hdr *)header)->icmp6_cksum;
	}
	return NULL;
}

static u32 transport_size(u8 protocol, bool v6)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
		return sizeof(struct udphdr);
	case IPPROTO_ICMP:
		return v6 ? 0 : sizeof(struct icmphdr);
	case IPPROTO_ICMPV6:
		return v6 ? sizeof(struct icmp6hdr) : 0;
	}
	return 0;
}

/* Give a packet other addresses. Its headers are linear and writable. */
static void translate(struct sk_buff *skb, u32 nhoff, u32 thoff, u8 protocol,
		      bool v6, const struct in6_addr *source,
		      const struct in6_addr *dest)
{
	__sum16 *check = pseudo_checksum(skb, thoff, protocol);

	if (v6) {
		struct ipv6hdr *ip6 = (void *)(skb->data + nhoff);

		if (check) {
			inet_proto_csum_replace16(check, skb,
						  ip6->saddr.s6_addr32,
						  source->s6_addr32, true);
			inet_proto_csum_replace16(check, skb,
						  ip6->daddr.s6_addr32,
						  dest->s6_addr32, true);
		}
		ip6->saddr = *source;
		ip6->daddr = *dest;
	} else {
		struct iphdr *ip = (void *)(skb->data + nhoff);
		__be32 saddr = source->s6_addr32[3];
		__be32 daddr = dest->s6_addr32[3];

		if (check) {
			inet_proto_csum_replace4(check, skb, ip->saddr, saddr,
						 true);
			inet_proto_csum_replace4(check, skb, ip->daddr, daddr,
						 true);
		}
		csum_replace4(&ip->check, ip->saddr, saddr);
		csum_replace4(&ip->check, ip->daddr, daddr);
		ip->saddr = saddr;
		ip->daddr = daddr;
	}
	if (check && protocol == IPPROTO_UDP && !*check)
		*check = CSUM_MANGLED_0;
}

/* To the sockets behind the port. @client is who it comes from. */
static enum nitro_vpc_drop to_service(struct nitro_vpc_eni *eni,
				      struct sk_buff *skb, u32 thoff,
				      u8 protocol, bool v6,
				      const struct nitro_vpc_client *client,
				      const struct in6_addr *dest)
{
	struct nitro_vpc_service *port = rcu_dereference(eni->card->service);
	u32 size = transport_size(protocol, v6);
	struct in6_addr source;
	u32 len;

	if (!port || !(READ_ONCE(port->dev->flags) & IFF_UP) || !size)
		return NITRO_VPC_DROP_NO_SERVICE;
	if (!pskb_may_pull(skb, thoff + size))
		return NITRO_VPC_DROP_MALFORMED;
	if (skb_ensure_writable(skb, thoff + size) ||
	    skb_orphan_frags_rx(skb, GFP_ATOMIC))
		return NITRO_VPC_DROP_NO_MEMORY;

	nitro_vpc_client_encode(client, v6, &source);
	translate(skb, ETH_HLEN, thoff, protocol, v6, &source, dest);
	dev_sw_netstats_tx_add(eni->dev, 1, skb->len - ETH_HLEN);

	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb_pull_rcsum(skb, ETH_HLEN);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, thoff - ETH_HLEN);
	skb->protocol = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	skb->pkt_type = PACKET_HOST;
	skb->dev = port->dev;
	len = skb->len;
	if (netif_rx(skb) == NET_RX_SUCCESS)
		dev_sw_netstats_rx_add(port->dev, len);
	else
		this_cpu_inc(eni->drops->count[NITRO_VPC_DROP_HOLDER]);
	return NITRO_VPC_PASS;
}

/**
 * nitro_vpc_service_send() - take a packet for a service from the holder
 * @eni: the ENI
 * @config: its configuration
 * @skb: the packet, consumed if it passes; data at the MAC header
 * @pkt: the same; its source was checked
 *
 * Context: RCU read side, bottom halves off.
 * Return: NITRO_VPC_PASS, or why it is not for a service.
 */
enum nitro_vpc_drop
nitro_vpc_service_send(struct nitro_vpc_eni *eni,
		       const struct nitro_vpc_eni_config *config,
		       struct sk_buff *skb, const struct nitro_vpc_packet *pkt)
{
	struct in6_addr dest = pkt->addr_dest;
	struct nitro_vpc_client client;

	if (!nitro_vpc_bucket_take(&eni->bucket_linklocal,
				   nitro_vpc_packets(skb), ktime_get_ns()))
		return NITRO_VPC_DROP_LINKLOCAL;
	if (pkt->error || pkt->fragment)
		return NITRO_VPC_DROP_NO_SERVICE;
	if (!nitro_vpc_client_make(config, &pkt->addr_source, pkt->key.v6,
				   &client))
		return NITRO_VPC_DROP_NO_SERVICE;
	if (pkt->key.v6) {
		if (!is_service6(&dest))
			return NITRO_VPC_DROP_NO_SERVICE;
	} else if (config->resolver &&
		   dest.s6_addr32[3] == config->resolver) {
		client.resolver = 1;
		dest.s6_addr32[3] = htonl(IP4_RESOLVER);
	} else if (!is_service4(dest.s6_addr32[3])) {
		return NITRO_VPC_DROP_NO_SERVICE;
	}
	return to_service(eni, skb, pkt->thoff, pkt->key.protocol, pkt->key.v6,
			  &client, &dest);
}

static bool udp_ports(struct sk_buff *skb, u32 thoff, u16 source, u16 dest)
{
	const struct udphdr *uh;

	if (!pskb_may_pull(skb, thoff + sizeof(*uh)))
		return false;
	uh = (const struct udphdr *)(skb->data + thoff);
	return uh->source == htons(source) && uh->dest == htons(dest) &&
	       ntohs(uh->len) >= sizeof(*uh) &&
	       ntohs(uh->len) <= skb->len - thoff;
}

/* A client without an address, or that looks for any server. */
static enum nitro_vpc_drop dhcp4(struct nitro_vpc_eni *eni,
				 const struct nitro_vpc_eni_config *config,
				 struct sk_buff *skb)
{
	struct nitro_vpc_client client;
	struct in6_addr source, dest;
	const struct iphdr *ip;
	u32 thoff;

	if (!pskb_may_pull(skb, ETH_HLEN + sizeof(*ip)))
		return NITRO_VPC_DROP_MALFORMED;
	ip = (const struct iphdr *)(skb->data + ETH_HLEN);
	if (ip->version != 4 || ip->ihl < 5 ||
	    ntohs(ip->tot_len) < ip->ihl * 4 + sizeof(struct udphdr) ||
	    ntohs(ip->tot_len) > skb->len - ETH_HLEN)
		return NITRO_VPC_DROP_MALFORMED;
	if (ip->daddr != htonl(INADDR_BROADCAST) ||
	    ip->protocol != IPPROTO_UDP || ip_is_fragment(ip))
		return NITRO_VPC_DROP_MULTICAST;
	ipv6_addr_set_v4mapped(ip->saddr, &source);
	thoff = ETH_HLEN + ip->ihl * 4;
	if (!udp_ports(skb, thoff, DHCP4_CLIENT, DHCP4_SERVER))
		return NITRO_VPC_DROP_MULTICAST;
	if (!nitro_vpc_client_make(config, &source, false, &client))
		return config->service ? NITRO_VPC_DROP_SOURCE_ADDRESS :
					 NITRO_VPC_DROP_MULTICAST;
	if (!nitro_vpc_bucket_take(&eni->bucket_linklocal, 1, ktime_get_ns()))
		return NITRO_VPC_DROP_LINKLOCAL;
	ipv6_addr_set_v4mapped(htonl(IP4_METADATA), &dest);
	return to_service(eni, skb, thoff, IPPROTO_UDP, false, &client, &dest);
}

static enum nitro_vpc_drop dhcp6(struct nitro_vpc_eni *eni,
				 const struct nitro_vpc_eni_config *config,
				 struct sk_buff *skb)
{
	/* All_DHCP_Relay_Agents_and_Servers */
	static const struct in6_addr servers = {
		.s6_addr = { 0xff, 2, [13] = 1, [15] = 2 },
	};
	static const struct in6_addr metadata = {
		.s6_addr = { 0xfd, 0, 0x0e, 0xc2, [14] = 2, [15] = 0x54 },
	};
	u32 thoff = ETH_HLEN + sizeof(struct ipv6hdr);
	struct nitro_vpc_client client;
	const struct ipv6hdr *ip6;

	if (!pskb_may_pull(skb, thoff))
		return NITRO_VPC_DROP_MALFORMED;
	ip6 = (const struct ipv6hdr *)(skb->data + ETH_HLEN);
	if (ip6->version != 6 || ntohs(ip6->payload_len) > skb->len - thoff)
		return NITRO_VPC_DROP_MALFORMED;
	if (!config->service || ip6->nexthdr != IPPROTO_UDP ||
	    !ipv6_addr_equal(&ip6->daddr, &servers) ||
	    !udp_ports(skb, thoff, DHCP6_CLIENT, DHCP6_SERVER))
		return NITRO_VPC_DROP_MULTICAST;
	ip6 = (const struct ipv6hdr *)(skb->data + ETH_HLEN);
	if (!(ipv6_addr_type(&ip6->saddr) & IPV6_ADDR_LINKLOCAL) ||
	    !nitro_vpc_client_make(config, &ip6->saddr, true, &client))
		return NITRO_VPC_DROP_SOURCE_ADDRESS;
	if (!nitro_vpc_bucket_take(&eni->bucket_linklocal, 1, ktime_get_ns()))
		return NITRO_VPC_DROP_LINKLOCAL;
	return to_service(eni, skb, thoff, IPPROTO_UDP, true, &client,
			  &metadata);
}

/**
 * nitro_vpc_service_multicast() - what a holder may send to more than one
 * @eni: the ENI
 * @config: its configuration
 * @skb: an IP packet, consumed if it passes; data at the MAC header
 *
 * That is DHCP and DHCPv6; the service port gets it.
 *
 * Context: RCU read side, bottom halves off.
 * Return: NITRO_VPC_PASS, or why not.
 */
enum nitro_vpc_drop
nitro_vpc_service_multicast(struct nitro_vpc_eni *eni,
			    const struct nitro_vpc_eni_config *config,
			    struct sk_buff *skb)
{
	const struct ethhdr *eth = (const struct ethhdr *)skb->data;

	if (skb_is_gso(skb))
		return NITRO_VPC_DROP_MULTICAST;
	return eth->h_proto == htons(ETH_P_IPV6) ? dhcp6(eni, config, skb) :
						   dhcp4(eni, config, skb);
}

/* What of an answer the way back needs */
struct answer {
	struct in6_addr source;
	struct in6_addr dest;
	u32 thoff;
	u32 length;
	u8 protocol;
	bool v6;
};

/* The services are ours, but a socket may send anywhere. */
static bool parse_answer(struct sk_buff *skb, struct answer *a)
{
	if (skb->protocol == htons(ETH_P_IP)) {
		const struct iphdr *ip;

		if (!pskb_may_pull(skb, sizeof(*ip)))
			return false;
		ip = (const struct iphdr *)skb->data;
		if (ip->version != 4 || ip->ihl < 5 || ip_is_fragment(ip) ||
		    !is_service4(ip->saddr))
			return false;
		ipv6_addr_set_v4mapped(ip->saddr, &a->source);
		ipv6_addr_set_v4mapped(ip->daddr, &a->dest);
		a->thoff = ip->ihl * 4;
		a->length = ntohs(ip->tot_len);
		a->protocol = ip->protocol;
		a->v6 = false;
	} else if (skb->protocol == htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6;

		if (!pskb_may_pull(skb, sizeof(*ip6)))
			return false;
		ip6 = (const struct ipv6hdr *)skb->data;
		if (ip6->version != 6 || !is_service6(&ip6->saddr))
			return false;
		a->source = ip6->saddr;
		a->dest = ip6->daddr;
		a->thoff = sizeof(*ip6);
		a->length = sizeof(*ip6) + ntohs(ip6->payload_len);
		a->protocol = ip6->nexthdr;
		a->v6 = true;
	} else {
		return false;
	}
	return a->length <= skb->len && transport_size(a->protocol, a->v6);
}

/* From whom and to whom it is for the holder */
static bool translate_answer(const struct nitro_vpc_eni_config *config,
			     const struct nitro_vpc_client *client,
			     struct answer *a)
{
	static const struct in6_addr router = {
		.s6_addr = { 0xfe, 0x80, [15] = 1 },
	};

	if (!nitro_vpc_client_addr(config, client, a->v6, &a->dest))
		return false;
	/* A link-local address hears of link-local ones */
	if (a->v6 && client->prefix == NITRO_VPC_CLIENT_NONE)
		a->source = router;
	if (client->resolver) {
		if (a->source.s6_addr32[3] != htonl(IP4_RESOLVER) ||
		    !config->resolver)
			return false;
		a->source.s6_addr32[3] = config->resolver;
	}
	return true;
}

static enum nitro_vpc_drop from_service(struct nitro_vpc_card *card,
					struct sk_buff *skb)
{
	const struct nitro_vpc_eni_config *config;
	struct nitro_vpc_client client;
	struct nitro_vpc_eni *eni;
	struct answer a;
	struct ethhdr *eth;
	u32 size;

	if (!parse_answer(skb, &a) ||
	    !nitro_vpc_client_decode(&a.dest, &client))
		return NITRO_VPC_DROP_DEST_ADDRESS;
	eni = xa_load(&card->services, client.service);
	config = eni ? rcu_dereference(eni->config) : NULL;
	if (!config || config->service != client.service)
		return NITRO_VPC_DROP_UNKNOWN_ENI;
	if (!translate_answer(config, &client, &a))
		return NITRO_VPC_DROP_DEST_ADDRESS;
	if (a.length > READ_ONCE(eni->dev->mtu))
		return NITRO_VPC_DROP_TOO_BIG;

	size = a.thoff + transport_size(a.protocol, a.v6);
	if (!pskb_may_pull(skb, size))
		return NITRO_VPC_DROP_MALFORMED;
	if (skb_cow_head(skb, ETH_HLEN) || skb_ensure_writable(skb, size))
		return NITRO_VPC_DROP_NO_MEMORY;
	translate(skb, 0, a.thoff, a.protocol, a.v6, &a.source, &a.dest);

	skb_orphan(skb);
	skb_scrub_packet(skb, true);
	skb_set_network_header(skb, 0);
	skb_set_transport_header(skb, a.thoff);
	eth = skb_push(skb, ETH_HLEN);
	ether_addr_copy(eth->h_dest, eni->dev->dev_addr);
	ether_addr_copy(eth->h_source, nitro_vpc_router_mac);
	eth->h_proto = skb->protocol;
	skb_reset_mac_header(skb);
	nitro_vpc_deliver(eni, skb);
	return NITRO_VPC_PASS;
}

static netdev_tx_t service_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct nitro_vpc_service *port = netdev_priv(dev);
	enum nitro_vpc_drop reason;
	u32 len = skb->len;

	rcu_read_lock();
	reason = from_service(port->card, skb);
	rcu_read_unlock();
	if (reason)
		nitro_vpc_drop(port->card->drops, skb, reason);
	else
		dev_sw_netstats_tx_add(dev, 1, len);
	return NETDEV_TX_OK;
}

static const struct net_device_ops service_netdev_ops = {
	.ndo_start_xmit = service_xmit,
};

static const struct device_type service_type = {
	.name = "nitro_service",
};

static void service_setup(struct net_device *dev)
{
	SET_NETDEV_DEVTYPE(dev, &service_type);
	dev->netdev_ops = &service_netdev_ops;
	dev->needs_free_netdev = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->lltx = true;
	dev->priv_flags |= IFF_NO_QUEUE;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP;
	dev->needed_headroom = ETH_HLEN;
	dev->mtu = SERVICE_MTU;
	dev->min_mtu = IPV6_MIN_MTU;
	dev->max_mtu = SERVICE_MTU;
}

/* The last one that is made is the card's: a service that starts anew need not
 * wait for the namespace of its predecessor to end.
 */
static int service_newlink(struct net_device *dev,
			   struct rtnl_newlink_params *params,
			   struct netlink_ext_ack *extack)
{
	struct nitro_vpc_service *port = netdev_priv(dev);
	struct nitro_vpc_card *card = nitro_vpc_card_of(params->src_net);
	int err;

	port->dev = dev;
	port->card = card;
	err = register_netdevice(dev);
	if (err)
		return err;
	mutex_lock(&card->lock);
	list_add_tail(&port->node, &card->service_list);
	rcu_assign_pointer(card->service, port);
	mutex_unlock(&card->lock);
	return 0;
}

/**
 * nitro_vpc_service_dellink() - delete a service port
 * @dev: its netdev
 * @head: list to put it on, as for unregister_netdevice_queue()
 *
 * Context: RTNL.
 */
void nitro_vpc_service_dellink(struct net_device *dev, struct list_head *head)
{
	struct nitro_vpc_service *port = netdev_priv(dev);
	struct nitro_vpc_card *card = port->card;

	mutex_lock(&card->lock);
	list_del_init(&port->node);
	if (rcu_access_pointer(card->service) == port)
		rcu_assign_pointer(card->service, NULL);
	mutex_unlock(&card->lock);
	/* Unregistering waits for the packets that had found it. */
	unregister_netdevice_queue(dev, head);
}

/**
 * nitro_vpc_service_flush() - delete the service ports of a card
 * @card: the card
 * @head: list to put them on
 *
 * Context: RTNL.
 */
void nitro_vpc_service_flush(struct nitro_vpc_card *card,
			     struct list_head *head)
{
	struct nitro_vpc_service *port, *next;

	list_for_each_entry_safe(port, next, &card->service_list, node)
		nitro_vpc_service_dellink(port->dev, head);
}

static struct net *service_get_link_net(const struct net_device *dev)
{
	const struct nitro_vpc_service *port = netdev_priv(dev);

	return port->card->net;
}

NITRO_RTNL_NEWLINK(service_newlink);

static struct rtnl_link_ops service_link_ops __read_mostly = {
	.kind = "nitro_service",
	.priv_size = sizeof(struct nitro_vpc_service),
	.setup = service_setup,
	.newlink = NITRO_RTNL_NEWLINK_OP(service_newlink),
	.dellink = nitro_vpc_service_dellink,
	.get_link_net = service_get_link_net,
};

/**
 * nitro_vpc_service_init() - register the link kind "nitro_service"
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_vpc_service_init(void)
{
	return rtnl_link_register(&service_link_ops);
}

/**
 * nitro_vpc_service_exit() - delete all service ports and the link kind
 *
 * Context: module load or unload; may sleep.
 */
void nitro_vpc_service_exit(void)
{
	rtnl_link_unregister(&service_link_ops);
}
