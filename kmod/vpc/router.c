// SPDX-License-Identifier: GPL-2.0
/* The virtual router advertises itself to ENIs with services (RFC 4861): who
 * the router is, what is on the link, and that addresses come by DHCPv6.
 */

#include <linux/etherdevice.h>
#include <linux/icmpv6.h>
#include <net/addrconf.h>
#include <net/ip6_checksum.h>
#include <net/ipv6.h>
#include <net/ndisc.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"
#include "router.h"

#define INTERVAL	(600 * HZ)	/* MaxRtrAdvInterval */
#define LIFETIME	1800		/* AdvDefaultLifetime, seconds */
#define OPT_RDNSS	25		/* RFC 8106 */

static const struct in6_addr link_local = {
	.s6_addr = { 0xfe, 0x80, [15] = 1 },
};

/* fd00:ec2::253 */
static const struct in6_addr resolver = {
	.s6_addr = { 0xfd, 0, 0x0e, 0xc2, [14] = 2, [15] = 0x53 },
};

struct opt_lladdr {
	u8 type;
	u8 length;
	u8 mac[ETH_ALEN];
};

struct opt_mtu {
	u8 type;
	u8 length;
	__be16 reserved;
	__be32 mtu;
};

struct opt_rdnss {
	u8 type;
	u8 length;
	__be16 reserved;
	__be32 lifetime;
	struct in6_addr addr;
};

static void put_prefix(struct sk_buff *skb,
		       const struct nitro_vpc_prefix *subnet)
{
	struct prefix_info *option = skb_put_zero(skb, sizeof(*option));

	option->type = ND_OPT_PREFIX_INFO;
	option->length = sizeof(*option) / 8;
	option->prefix_len = subnet->len;
	option->onlink = 1;
	option->valid = htonl(U32_MAX);
	option->prefered = htonl(U32_MAX);
	ipv6_addr_prefix(&option->prefix, &subnet->addr, subnet->len);
}

static void put_options(struct sk_buff *skb, struct nitro_vpc_eni *eni,
			const struct nitro_vpc_eni_config *config)
{
	struct opt_lladdr *lladdr = skb_put_zero(skb, sizeof(*lladdr));
	struct opt_mtu *mtu = skb_put_zero(skb, sizeof(*mtu));
	struct opt_rdnss *rdnss = skb_put_zero(skb, sizeof(*rdnss));
	const struct nitro_vpc_prefix *subnet;
	u32 i;

	lladdr->type = ND_OPT_SOURCE_LL_ADDR;
	lladdr->length = sizeof(*lladdr) / 8;
	ether_addr_copy(lladdr->mac, nitro_vpc_router_mac);
	mtu->type = ND_OPT_MTU;
	mtu->length = sizeof(*mtu) / 8;
	mtu->mtu = htonl(READ_ONCE(eni->dev->mtu));
	rdnss->type = OPT_RDNSS;
	rdnss->length = sizeof(*rdnss) / 8;
	rdnss->lifetime = htonl(LIFETIME);
	rdnss->addr = resolver;
	for (i = 0; i < config->n_subnets; i++) {
		subnet = &config->prefixes[config->n_addresses + i];
		if (subnet->v6)
			put_prefix(skb, subnet);
	}
}

static void finish(struct sk_buff *skb, const struct in6_addr *to)
{
	struct ipv6hdr *ip6 = ipv6_hdr(skb);
	struct icmp6hdr *icmp6 = (struct icmp6hdr *)(ip6 + 1);
	u32 length = skb->len - ETH_HLEN - sizeof(*ip6);

	ip6->version = 6;
	ip6->payload_len = htons(length);
	ip6->nexthdr = IPPROTO_ICMPV6;
	ip6->hop_limit = 255;
	ip6->saddr = link_local;
	ip6->daddr = *to;
	icmp6->icmp6_cksum = csum_ipv6_magic(&ip6->saddr, &ip6->daddr, length,
					     IPPROTO_ICMPV6,
					     csum_partial(icmp6, length, 0));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
}

/**
 * nitro_vpc_router_advertise() - tell the holder of the router
 * @eni: the ENI
 * @config: its configuration
 * @to: who asked; NULL, or the unspecified address, for all nodes
 *
 * Context: RCU read side, bottom halves off.
 * Return: false if there is no router for IPv6, or no memory.
 */
bool nitro_vpc_router_advertise(struct nitro_vpc_eni *eni,
				const struct nitro_vpc_eni_config *config,
				const struct in6_addr *to)
{
	static const struct in6_addr all_nodes = IN6ADDR_LINKLOCAL_ALLNODES_INIT;
	struct in6_addr router;
	struct sk_buff *skb;
	struct ethhdr *eth;
	struct ra_msg *ra;

	if (!config->service || !nitro_vpc_eni_router_addr(config, true, &router))
		return false;
	skb = alloc_skb(NET_SKB_PAD + NET_IP_ALIGN + ETH_HLEN +
			sizeof(struct ipv6hdr) + sizeof(*ra) +
			sizeof(struct opt_lladdr) + sizeof(struct opt_mtu) +
			sizeof(struct opt_rdnss) +
			config->n_subnets * sizeof(struct prefix_info),
			GFP_ATOMIC);
	if (!skb)
		return false;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb->dev = eni->dev;
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);

	eth = skb_put(skb, ETH_HLEN);
	ether_addr_copy(eth->h_source, nitro_vpc_router_mac);
	eth->h_proto = htons(ETH_P_IPV6);
	if (!to || ipv6_addr_any(to)) {
		to = &all_nodes;
		ipv6_eth_mc_map(to, eth->h_dest);
	} else {
		ether_addr_copy(eth->h_dest, eni->dev->dev_addr);
	}
	skb_put_zero(skb, sizeof(struct ipv6hdr));
	ra = skb_put_zero(skb, sizeof(*ra));
	ra->icmph.icmp6_type = NDISC_ROUTER_ADVERTISEMENT;
	ra->icmph.icmp6_hop_limit = 64;
	ra->icmph.icmp6_addrconf_managed = 1;
	ra->icmph.icmp6_addrconf_other = 1;
	ra->icmph.icmp6_rt_lifetime = htons(LIFETIME);
	put_options(skb, eni, config);
	finish(skb, to);
	nitro_vpc_deliver(eni, skb);
	return true;
}

static void advertise(struct nitro_vpc_eni *eni)
{
	const struct nitro_vpc_eni_config *config;

	local_bh_disable();
	config = rcu_dereference(eni->config);
	if (config)
		nitro_vpc_router_advertise(eni, config, NULL);
	local_bh_enable();
}

static void advertise_work(struct work_struct *work)
{
	struct nitro_vpc_card *card =
		container_of(to_delayed_work(work), struct nitro_vpc_card,
			     advertise);
	struct nitro_vpc_eni *eni;
	unsigned long index = 0;

	rcu_read_lock();
	eni = xa_find(&card->services, &index, ULONG_MAX, XA_PRESENT);
	if (eni)
		schedule_delayed_work(&card->advertise, INTERVAL);
	while (eni) {
		advertise(eni);
		rcu_read_unlock();
		cond_resched();
		rcu_read_lock();
		eni = xa_find_after(&card->services, &index, ULONG_MAX,
				    XA_PRESENT);
	}
	rcu_read_unlock();
}

/**
 * nitro_vpc_router_init() - before the first ENI
 * @card: the card
 *
 * Context: may sleep.
 */
void nitro_vpc_router_init(struct nitro_vpc_card *card)
{
	INIT_DELAYED_WORK(&card->advertise, advertise_work);
}

/**
 * nitro_vpc_router_exit() - after the last ENI
 * @card: the card
 *
 * Context: may sleep.
 */
void nitro_vpc_router_exit(struct nitro_vpc_card *card)
{
	cancel_delayed_work_sync(&card->advertise);
}

/**
 * nitro_vpc_router_start() - an ENI has services now
 * @card: the card
 *
 * It is told at once if it asks, and every ten minutes from now on.
 *
 * Context: any.
 */
void nitro_vpc_router_start(struct nitro_vpc_card *card)
{
	schedule_delayed_work(&card->advertise, INTERVAL);
}
