// SPDX-License-Identifier: GPL-2.0
/* May this packet pass, and where does it go: one look at its flow, or the
 * long way and a flow for the next ones.
 */

#include <net/ipv6.h>

#include "card.h"
#include "eni.h"
#include "flow.h"
#include "fragment.h"
#include "host.h"
#include "mapping.h"
#include "resolve.h"
#include "verdict.h"

/**
 * nitro_vpc_limits_take() - take a packet from the allowances that are set
 * @eni: the ENI
 * @skb: the packet; a GSO packet counts as what it will be cut into
 * @pkt: the same
 *
 * Context: any.
 * Return: NITRO_VPC_PASS, or which allowance is used up.
 */
enum nitro_vpc_drop nitro_vpc_limits_take(struct nitro_vpc_eni *eni,
					  const struct sk_buff *skb,
					  const struct nitro_vpc_packet *pkt)
{
	bool egress = pkt->direction == NITRO_VPC_DIRECTION_EGRESS;
	struct nitro_vpc_bucket *bandwidth = egress ? &eni->bucket_out :
						      &eni->bucket_in;
	u32 packets = nitro_vpc_packets(skb);
	u64 now = ktime_get_ns();

	if (nitro_vpc_bucket_limited(&eni->bucket_pps) &&
	    !nitro_vpc_bucket_take(&eni->bucket_pps, packets, now))
		return NITRO_VPC_DROP_PPS;
	if (nitro_vpc_bucket_limited(bandwidth) &&
	    !nitro_vpc_bucket_take(bandwidth, pkt->length, now))
		return egress ? NITRO_VPC_DROP_BANDWIDTH_OUT :
				NITRO_VPC_DROP_BANDWIDTH_IN;
	return NITRO_VPC_PASS;
}

/* A packet from the underlay has to come from the host of @via, one of this
 * host's other ENIs (no outer source) from an ENI of this host.
 */
static bool from_host_of(struct nitro_vpc_mapping *via,
			 const struct in6_addr *outer_source)
{
	const struct nitro_vpc_host *host = rcu_dereference(via->host);

	if (!outer_source)
		return host->local;
	return !host->local && ipv6_addr_equal(&host->addr, outer_source);
}

static enum nitro_vpc_drop
verdict_slow(struct nitro_vpc_eni *eni,
	     const struct nitro_vpc_eni_config *config,
	     struct nitro_vpc_packet *pkt, struct nitro_vpc_flow *flow,
	     const struct in6_addr *outer_source,
	     struct nitro_vpc_mapping **ret_via, bool *ret_routed)
{
	bool tracked = flow && READ_ONCE(flow->flags) & NITRO_VPC_FLOW_F_TRACKED;
	u32 generation = nitro_vpc_card_generation(eni->card);
	struct nitro_vpc_resolution res;
	enum nitro_vpc_drop reason;

	/* The generation is read before what is resolved in it. An error that
	 * belongs to a flow passes with it, whatever the rules say.
	 */
	nitro_vpc_resolve(eni, config, pkt,
			  pkt->error ? !flow : !tracked, &res);
	if (!res.reason && pkt->direction == NITRO_VPC_DIRECTION_INGRESS &&
	    !from_host_of(res.via, outer_source))
		res.reason = NITRO_VPC_DROP_HOST;
	if (res.reason) {
		/* Untracked flows end with their rule. */
		if (flow && !pkt->error &&
		    (res.reason == NITRO_VPC_DROP_EGRESS_RULE ||
		     res.reason == NITRO_VPC_DROP_INGRESS_RULE))
			nitro_vpc_flow_kill(flow);
		return res.reason;
	}
	*ret_via = res.via;
	*ret_routed = res.routed;
	if (pkt->error)
		return flow ? nitro_vpc_flow_update(flow, pkt) : NITRO_VPC_PASS;

	/* The rules have become narrower: from now on it is tracked. Which of
	 * them allows the flow is asked in the direction that it began in; a
	 * reply has only to be allowed.
	 */
	if (flow && res.policy_checked && res.verdict.tracked &&
	    pkt->direction == nitro_vpc_flow_origin(flow))
		nitro_vpc_flow_set_tracked(flow);
	if (!flow) {
		if (nitro_vpc_bucket_limited(&eni->bucket_connections) &&
		    !nitro_vpc_bucket_take(&eni->bucket_connections, 1,
					   ktime_get_ns()))
			return NITRO_VPC_DROP_CONNECTION_RATE;
		flow = nitro_vpc_flow_create(eni, pkt, res.verdict.tracked,
					     &reason);
		/* Rules that need no tracking need no room either. */
		if (!flow)
			return res.verdict.tracked ? reason : NITRO_VPC_PASS;
	}
	WRITE_ONCE(flow->routed[pkt->direction], res.routed);
	nitro_vpc_flow_set_path(flow, pkt->direction, res.via, generation);
	return nitro_vpc_flow_update(flow, pkt);
}

/**
 * nitro_vpc_verdict() - decide a packet by its flow or, failing that, the rules
 * @eni: the ENI
 * @config: its configuration
 * @pkt: the packet; a later fragment gets its ports
 * @outer_source: underlay address of the host it came from; NULL if from here
 * @ret_via: for egress where to deliver it
 * @ret_routed: the virtual router is between the holder and the other side
 *
 * Context: RCU read side, bottom halves off.
 * Return: NITRO_VPC_PASS, or why not.
 */
enum nitro_vpc_drop nitro_vpc_verdict(struct nitro_vpc_eni *eni,
				      const struct nitro_vpc_eni_config *config,
				      struct nitro_vpc_packet *pkt,
				      const struct in6_addr *outer_source,
				      struct nitro_vpc_mapping **ret_via,
				      bool *ret_routed)
{
	struct nitro_vpc_flow_path *path;
	struct nitro_vpc_mapping *via;
	struct nitro_vpc_flow *flow;
	enum nitro_vpc_drop reason;

	if (unlikely(pkt->fragment)) {
		reason = nitro_vpc_fragment_check(eni, pkt);
		if (reason)
			return reason;
	}

	flow = nitro_vpc_flow_match(eni, pkt);
	if (unlikely(!flow || pkt->error))
		goto slow;
	path = &flow->path[pkt->direction];
	/* Pairs with the release in nitro_vpc_flow_set_path(). */
	if (unlikely(smp_load_acquire(&path->generation) !=
		     nitro_vpc_card_generation(eni->card)))
		goto slow;
	via = rcu_dereference(path->via);
	if (pkt->direction == NITRO_VPC_DIRECTION_INGRESS &&
	    unlikely(!from_host_of(via, outer_source)))
		goto slow;

	*ret_via = via;
	*ret_routed = READ_ONCE(flow->routed[pkt->direction]);
	return nitro_vpc_flow_update(flow, pkt);

slow:
	return verdict_slow(eni, config, pkt, flow, outer_source, ret_via,
			    ret_routed);
}
