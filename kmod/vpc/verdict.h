/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_VERDICT_H
#define _NITRO_VPC_VERDICT_H

#include <linux/skbuff.h>
#include <linux/timekeeping.h>

#include "eni.h"
#include "packet.h"

struct nitro_vpc_mapping;

enum nitro_vpc_drop nitro_vpc_verdict(struct nitro_vpc_eni *eni,
				      const struct nitro_vpc_eni_config *config,
				      struct nitro_vpc_packet *pkt,
				      const struct in6_addr *outer_source,
				      struct nitro_vpc_mapping **ret_via,
				      bool *ret_routed);
enum nitro_vpc_drop nitro_vpc_limits_take(struct nitro_vpc_eni *eni,
					  const struct sk_buff *skb,
					  const struct nitro_vpc_packet *pkt);

/**
 * nitro_vpc_limits_check() - take a packet from the ENI's allowances
 * @eni: the ENI
 * @skb: the packet
 * @pkt: the same
 *
 * Context: any. Costs three loads if the ENI has no limits.
 * Return: NITRO_VPC_PASS, or which allowance is used up.
 */
static inline enum nitro_vpc_drop
nitro_vpc_limits_check(struct nitro_vpc_eni *eni, const struct sk_buff *skb,
		       const struct nitro_vpc_packet *pkt)
{
	if (likely(!nitro_vpc_bucket_limited(&eni->bucket_pps) &&
		   !nitro_vpc_bucket_limited(&eni->bucket_in) &&
		   !nitro_vpc_bucket_limited(&eni->bucket_out)))
		return NITRO_VPC_PASS;
	return nitro_vpc_limits_take(eni, skb, pkt);
}

#endif
