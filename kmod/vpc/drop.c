// SPDX-License-Identifier: GPL-2.0
/* Drops: why, how many, and where a tracer sees them. */

#include <linux/skbuff.h>
#include <net/dropreason.h>

#include "drop.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static const char *const names[] = {
	[NITRO_VPC_PASS] = "pass",
#define X(id, name, core) [NITRO_VPC_DROP_##id] = name,
	NITRO_VPC_DROPS(X)
#undef X
};

/* A module cannot add to the kernel's drop reasons, so the nearest one. */
static const enum skb_drop_reason core_reasons[] = {
	[NITRO_VPC_PASS] = SKB_CONSUMED,
#define X(id, name, core) [NITRO_VPC_DROP_##id] = SKB_DROP_REASON_##core,
	NITRO_VPC_DROPS(X)
#undef X
};

/**
 * nitro_vpc_drop_name() - name of a drop reason
 * @reason: the reason
 *
 * Context: any.
 * Return: a static string, as in the counters.
 */
const char *nitro_vpc_drop_name(enum nitro_vpc_drop reason)
{
	return reason < NITRO_VPC_DROP_MAX ? names[reason] : "unknown";
}

/**
 * nitro_vpc_drop_sum() - packets dropped for a reason, on all CPUs
 * @counters: of an ENI or a card
 * @reason: the reason
 *
 * Context: any.
 * Return: number of packets.
 */
u64 nitro_vpc_drop_sum(struct nitro_vpc_drop_counters __percpu *counters,
		       enum nitro_vpc_drop reason)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(counters, cpu)->count[reason]);
	return sum;
}

/**
 * nitro_vpc_drop() - count and free a packet
 * @counters: of the ENI or the card
 * @skb: the packet, consumed
 * @reason: the reason, not NITRO_VPC_PASS
 *
 * Context: any.
 */
void nitro_vpc_drop(struct nitro_vpc_drop_counters __percpu *counters,
		    struct sk_buff *skb, enum nitro_vpc_drop reason)
{
	this_cpu_inc(counters->count[reason]);
	trace_nitro_vpc_drop(skb, reason);
	kfree_skb_reason(skb, core_reasons[reason]);
}
