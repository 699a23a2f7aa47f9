/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_RESOLVE_H
#define _NITRO_VPC_RESOLVE_H

#include "packet.h"
#include "policy.h"
#include "route.h"

struct nitro_vpc_eni;
struct nitro_vpc_eni_config;
struct nitro_vpc_mapping;

/**
 * struct nitro_vpc_resolution - how a packet without a flow is decided
 * @reason: NITRO_VPC_PASS, or why not
 * @via: mapping to deliver to (egress) or that may send it (ingress)
 * @route: route that decided (egress), NULL if none did
 * @verdict: what the policy says
 * @policy_checked: @verdict is valid
 * @routed: the remote side is not on the ENI's link
 */
struct nitro_vpc_resolution {
	enum nitro_vpc_drop reason;
	struct nitro_vpc_mapping *via;
	const struct nitro_vpc_route *route;
	struct nitro_vpc_verdict verdict;
	bool policy_checked;
	bool routed;
};

/* Under RCU. Also answers a trace. */
void nitro_vpc_resolve(struct nitro_vpc_eni *eni,
		       const struct nitro_vpc_eni_config *config,
		       const struct nitro_vpc_packet *pkt, bool check_policy,
		       struct nitro_vpc_resolution *res);

#endif
