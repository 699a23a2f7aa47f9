// SPDX-License-Identifier: GPL-2.0
/* The long way of a packet: what its flow does not know yet. */

#include <linux/icmp.h>
#include <net/ipv6.h>

#include "card.h"
#include "eni.h"
#include "mapping.h"
#include "resolve.h"

/* fd00:ec2::/32 and 169.254.0.0/16: resolver, metadata, time */
static bool is_service(const struct in6_addr *addr)
{
	if (ipv6_addr_v4mapped(addr))
		return ipv4_is_linklocal_169(addr->s6_addr32[3]);
	return addr->s6_addr32[0] == htonl(0xfd000ec2);
}

static bool is_unicast(const struct in6_addr *addr)
{
	__be32 ip4 = addr->s6_addr32[3];

	if (ipv6_addr_v4mapped(addr))
		return !ipv4_is_multicast(ip4) && !ipv4_is_loopback(ip4) &&
		       !ipv4_is_lbcast(ip4) && !ipv4_is_zeronet(ip4);
	return !ipv6_addr_is_multicast(addr) && !ipv6_addr_loopback(addr) &&
	       !ipv6_addr_any(addr);
}

/* Route and mapping of an egress packet. */
static enum nitro_vpc_drop
resolve_egress(struct nitro_vpc_eni *eni,
	       const struct nitro_vpc_eni_config *config, bool v6,
	       const struct in6_addr *dest, struct nitro_vpc_resolution *res,
	       struct nitro_vpc_mapping **ret_peer)
{
	struct nitro_vpc_card *card = eni->card;
	const struct nitro_vpc_route *route = NULL;
	struct nitro_vpc_mapping *via;

	if (config->route_table)
		route = nitro_vpc_routes_lookup(
			nitro_vpc_route_table_routes(config->route_table),
			v6, dest);
	res->route = route;
	res->routed = !nitro_vpc_eni_on_link(config, dest);

	if (!route && res->routed)
		return NITRO_VPC_DROP_NO_ROUTE;
	if (route && route->type == NITRO_VPC_ROUTE_TYPE_BLACKHOLE)
		return NITRO_VPC_DROP_BLACKHOLE;

	if (route && route->type == NITRO_VPC_ROUTE_TYPE_ENI) {
		/* A group reference does not match through a middlebox (VPC
		 * User Guide, security-group-rules), so there is no peer.
		 */
		res->routed = true;
		via = nitro_vpc_mapping_lookup_forwarder(card, config->vni,
							 route->mac);
		if (!via)
			return NITRO_VPC_DROP_BLACKHOLE;
		*ret_peer = NULL;
	} else {
		via = nitro_vpc_mapping_lookup(card, config->vni, v6, dest);
		if (!via)
			return NITRO_VPC_DROP_NO_MAPPING;
		*ret_peer = via;
	}
	if (eni->id && via->eni == eni->id)
		return NITRO_VPC_DROP_LOOP;
	res->via = via;
	return NITRO_VPC_PASS;
}

/* Who may have sent an ingress packet. */
static enum nitro_vpc_drop
resolve_ingress(struct nitro_vpc_eni *eni,
		const struct nitro_vpc_eni_config *config, bool v6,
		const struct in6_addr *source, const u8 *source_mac,
		struct nitro_vpc_resolution *res,
		struct nitro_vpc_mapping **ret_peer)
{
	struct nitro_vpc_card *card = eni->card;
	struct nitro_vpc_mapping *via;

	res->routed = !nitro_vpc_eni_on_link(config, source);
	via = nitro_vpc_mapping_lookup(card, config->vni, v6, source);
	*ret_peer = via;
	if (source_mac && (!via || !ether_addr_equal(via->mac, source_mac))) {
		/* Not from the owner of the address: from a forwarder? */
		via = nitro_vpc_mapping_lookup_forwarder(card, config->vni,
							 source_mac);
		if (via) {
			*ret_peer = NULL;
			res->routed = true;
		}
	}
	if (!via)
		return source_mac ? NITRO_VPC_DROP_HOST :
				    NITRO_VPC_DROP_NO_MAPPING;
	res->via = via;
	return NITRO_VPC_PASS;
}

/**
 * nitro_vpc_resolve() - decide a packet without looking at flows
 * @eni: the ENI
 * @config: its configuration
 * @pkt: the packet
 * @check_policy: ask the policy too; a tracked flow's packets do not
 * @res: filled in
 *
 * The order is source/dest check, route, mapping, policy; the first that says
 * no decides.
 *
 * Context: RCU read side.
 */
void nitro_vpc_resolve(struct nitro_vpc_eni *eni,
		       const struct nitro_vpc_eni_config *config,
		       const struct nitro_vpc_packet *pkt, bool check_policy,
		       struct nitro_vpc_resolution *res)
{
	bool egress = pkt->direction == NITRO_VPC_DIRECTION_EGRESS;
	const struct in6_addr *local, *remote;
	struct nitro_vpc_mapping *peer = NULL;
	u8 protocol = pkt->key.protocol;
	bool v6 = pkt->key.v6;

	memset(res, 0, sizeof(*res));
	/* An ICMP error is judged by its own addresses; its key is the one of
	 * the flow that it is about.
	 */
	if (pkt->error) {
		local = egress ? &pkt->addr_source : &pkt->addr_dest;
		remote = egress ? &pkt->addr_dest : &pkt->addr_source;
		protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	} else {
		local = &pkt->key.local;
		remote = &pkt->key.remote;
	}

	if (config->vni == NITRO_VPC_VNI_NONE) {
		res->reason = NITRO_VPC_DROP_NO_ROUTE;
		return;
	}
	if (!(config->flags & NITRO_VPC_ENI_FLAGS_NO_SOURCE_DEST_CHECK) &&
	    !nitro_vpc_eni_owns(config, local)) {
		res->reason = egress ? NITRO_VPC_DROP_SOURCE_ADDRESS :
				       NITRO_VPC_DROP_DEST_ADDRESS;
		return;
	}
	if (!is_unicast(local) || !is_unicast(remote)) {
		res->reason = NITRO_VPC_DROP_MULTICAST;
		return;
	}
	if (is_service(remote) ||
	    (config->resolver && !v6 &&
	     remote->s6_addr32[3] == config->resolver)) {
		res->reason = NITRO_VPC_DROP_NO_SERVICE;
		return;
	}

	if (egress)
		res->reason = resolve_egress(eni, config, v6, remote, res,
					     &peer);
	else
		res->reason = resolve_ingress(eni, config, v6, remote,
					      pkt->source_mac, res, &peer);
	if (res->reason || !check_policy)
		return;

	res->policy_checked = true;
	if (config->policy)
		res->verdict = nitro_vpc_rules_check(
			nitro_vpc_policy_rules(config->policy), pkt->direction,
			v6, protocol, pkt->service, remote,
			peer ? peer->tags : NULL, peer ? peer->n_tags : 0);
	if (!res->verdict.allowed)
		res->reason = egress ? NITRO_VPC_DROP_EGRESS_RULE :
				       NITRO_VPC_DROP_INGRESS_RULE;
}
