/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_POLICY_H
#define _NITRO_VPC_POLICY_H

#include <linux/in6.h>
#include <linux/types.h>
#include <uapi/linux/nitro_vpc.h>

#include "shared.h"

struct netlink_ext_ack;

#define NITRO_VPC_RULE_ANY_PROTOCOL	256

enum nitro_vpc_peer {
	NITRO_VPC_PEER_IP4,
	NITRO_VPC_PEER_IP6,
	NITRO_VPC_PEER_TAG,
};

/**
 * struct nitro_vpc_rule - one allow rule
 * @id: what a trace calls it
 * @direction: NITRO_VPC_DIRECTION_*
 * @protocol: IP protocol, or NITRO_VPC_RULE_ANY_PROTOCOL
 * @port_min: first service (see struct nitro_vpc_packet), 0 if all
 * @port_max: last service, 0xffff if all
 * @peer: which of the following holds
 * @prefix: masked; IPv4 as IPv4-mapped IPv6
 * @prefix_len: 0..128, in IPv6 terms
 * @tag: security group
 */
struct nitro_vpc_rule {
	u32 id;
	u8 direction;
	u16 protocol;
	u16 port_min;
	u16 port_max;
	u8 peer;
	struct in6_addr prefix;
	u8 prefix_len;
	u32 tag;
};

/**
 * struct nitro_vpc_verdict - what a rule set says of a packet
 * @allowed: a rule allows it; the other members are 0 if none does
 * @tracked: the flow has to be tracked; false if the rules are so open that
 *	AWS does not track it (EC2 User Guide, security group connection tracking):
 *	TCP or UDP, a matching rule whose peer is all addresses of the family,
 *	and a rule of the other direction that allows the protocol to all
 *	addresses and ports
 * @rule: id of the first rule that allows it, in the order they were given,
 *	an open one (peer is all addresses) preferred
 */
struct nitro_vpc_verdict {
	bool allowed;
	bool tracked;
	u32 rule;
};

struct nitro_vpc_rules;

/**
 * struct nitro_vpc_policy - a rule set as ENIs refer to it
 * @shared: its content is struct nitro_vpc_rules
 */
struct nitro_vpc_policy {
	struct nitro_vpc_shared shared;
};

extern const struct nitro_vpc_shared_ops nitro_vpc_policy_ops;

/* Context: RCU read-side critical section. */
static inline const struct nitro_vpc_rules *
nitro_vpc_policy_rules(const struct nitro_vpc_policy *policy)
{
	return rcu_dereference(policy->shared.content);
}

/* struct nitro_vpc_rules is immutable. For each direction and family it has a
 * classifier of three axes (range.h), each cut into ranges at the rules' ends:
 * the service (protocol << 16 | port), the peer's address and the peer's tags.
 * A range has a bit for every rule that covers it. A packet is allowed if
 * service & (address | tag...) has a bit.
 *
 * Open rules have the first bits, so the first common bit names the rule that a
 * verdict prefers and whether it is an open one. Bitmaps are sparse: a word of
 * bits says which of the up to 64 words of a bitmap are not zero, and only those
 * are kept; equal bitmaps are kept once. So the cost is two binary searches and
 * a few words, whatever the rules are.
 */
struct nitro_vpc_rules *nitro_vpc_rules_build(const struct nitro_vpc_rule *rules,
					      u32 count,
					      struct netlink_ext_ack *extack);
void nitro_vpc_rules_free(struct nitro_vpc_rules *rules);
void nitro_vpc_rules_free_rcu(struct nitro_vpc_rules *rules);
struct nitro_vpc_verdict
nitro_vpc_rules_check(const struct nitro_vpc_rules *rules, u8 direction,
		      bool v6, u8 protocol, u16 service,
		      const struct in6_addr *peer,
		      const u32 *tags, u32 n_tags);
const struct nitro_vpc_rule *
nitro_vpc_rules_array(const struct nitro_vpc_rules *rules, u32 *count);

#endif
