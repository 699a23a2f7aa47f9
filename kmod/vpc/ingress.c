// SPDX-License-Identifier: GPL-2.0
/* A packet for the holder: check, flow, limits, and into its hands. */

#include <linux/etherdevice.h>
#include <net/gro_cells.h>

#include "card.h"
#include "datapath.h"
#include "eni.h"
#include "verdict.h"

/* @wire: it comes from another host. What comes from this one is as big as its
 * sender wants it, GRO would look at it in vain.
 */
static void deliver(struct nitro_vpc_eni *eni, struct sk_buff *skb, bool wire)
{
	struct net_device *dev = eni->dev;
	struct net_device *port;
	u32 len = skb->len;

	if (unlikely(!(READ_ONCE(dev->flags) & IFF_UP))) {
		nitro_vpc_drop(eni->drops, skb, NITRO_VPC_DROP_HOLDER);
		return;
	}

	port = rcu_dereference(eni->port);
	if (port) {
		skb->dev = port;
		dev_sw_netstats_rx_add(dev, len - ETH_HLEN);
		dev_queue_xmit(skb);
		return;
	}

	skb->dev = dev;
	skb->protocol = eth_type_trans(skb, dev);
	skb_reset_network_header(skb);
	if (READ_ONCE(eni->tap.numvtaps) &&
	    tap_handle_frame(&skb) == RX_HANDLER_CONSUMED) {
		dev_sw_netstats_rx_add(dev, len - ETH_HLEN);
		return;
	}
	if (likely((wire ? gro_cells_receive(&eni->gro_cells, skb) :
			   netif_rx(skb)) == NET_RX_SUCCESS))
		dev_sw_netstats_rx_add(dev, len - ETH_HLEN);
	else
		this_cpu_inc(eni->drops->count[NITRO_VPC_DROP_HOLDER]);
}

/**
 * nitro_vpc_deliver() - hand a packet of the card to the ENI's holder
 * @eni: the ENI
 * @skb: the packet, consumed; data at the MAC header
 *
 * The holder is the enslaved port, else the VMM that has the tap device open,
 * else whoever has the netdev.
 *
 * Context: RCU read side, bottom halves off.
 */
void nitro_vpc_deliver(struct nitro_vpc_eni *eni, struct sk_buff *skb)
{
	deliver(eni, skb, false);
}

/**
 * nitro_vpc_ingress() - take a packet for the ENI's holder
 * @eni: the ENI
 * @skb: the packet, consumed; data at the MAC header
 * @outer_source: underlay address of the host that sent it, NULL if it comes
 *	from an ENI of this host
 *
 * Context: RCU read side, bottom halves off.
 */
void nitro_vpc_ingress(struct nitro_vpc_eni *eni, struct sk_buff *skb,
		       const struct in6_addr *outer_source)
{
	const struct nitro_vpc_eni_config *config;
	struct nitro_vpc_mapping *via;
	u8 source_mac[ETH_ALEN];
	struct nitro_vpc_packet pkt;
	enum nitro_vpc_drop reason;
	struct ethhdr *eth;
	bool routed;

	config = rcu_dereference(eni->config);
	reason = NITRO_VPC_DROP_MALFORMED;
	if (unlikely(!config || !pskb_may_pull(skb, ETH_HLEN)))
		goto drop;
	skb_reset_mac_header(skb);
	eth = (struct ethhdr *)skb->data;
	reason = NITRO_VPC_DROP_ETHERTYPE;
	if (unlikely(eth->h_proto != htons(ETH_P_IP) &&
		     eth->h_proto != htons(ETH_P_IPV6)))
		goto drop;
	ether_addr_copy(source_mac, eth->h_source);

	reason = nitro_vpc_packet_parse(skb, ETH_HLEN,
					NITRO_VPC_DIRECTION_INGRESS, &pkt);
	if (unlikely(reason))
		goto drop;
	pkt.source_mac = source_mac;
	skb_set_network_header(skb, ETH_HLEN);
	/* It may point to the outer header still, which a device that segments
	 * does not survive.
	 */
	skb_set_transport_header(skb, pkt.thoff);

	reason = nitro_vpc_verdict(eni, config, &pkt, outer_source, &via,
				   &routed);
	if (unlikely(reason))
		goto drop;
	reason = nitro_vpc_limits_check(eni, skb, &pkt);
	if (unlikely(reason))
		goto drop;

	if (unlikely(skb_ensure_writable(skb, ETH_HLEN))) {
		reason = NITRO_VPC_DROP_NO_MEMORY;
		goto drop;
	}
	eth = (struct ethhdr *)skb->data;
	ether_addr_copy(eth->h_dest, eni->dev->dev_addr);
	/* What is not on the link comes from the router. */
	if (routed)
		ether_addr_copy(eth->h_source, nitro_vpc_router_mac);
	deliver(eni, skb, outer_source);
	return;

drop:
	nitro_vpc_drop(eni->drops, skb, reason);
}
