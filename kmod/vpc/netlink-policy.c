// SPDX-License-Identifier: GPL-2.0
/* policy-set, policy-del and policy-get. */

#include "card.h"
#include "eni.h"
#include "netlink-gen.h"
#include "netlink-shared.h"
#include "netlink.h"
#include "policy.h"

static const struct nitro_vpc_netlink_prefix rule_prefix = {
	.ip4 = NITRO_VPC_A_RULE_IP4,
	.ip6 = NITRO_VPC_A_RULE_IP6,
	.len = NITRO_VPC_A_RULE_PREFIX_LEN,
};

static int parse_peer(struct nlattr **tb, struct nlattr *nest,
		      struct nitro_vpc_rule *rule,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tag = tb[NITRO_VPC_A_RULE_TAG];
	struct nitro_vpc_prefix prefix;
	int err;

	if (tag) {
		if (tb[NITRO_VPC_A_RULE_IP4] || tb[NITRO_VPC_A_RULE_IP6] ||
		    tb[NITRO_VPC_A_RULE_PREFIX_LEN]) {
			NL_SET_ERR_MSG_ATTR(extack, tag,
					    "'tag' excludes an address");
			return -EINVAL;
		}
		rule->peer = NITRO_VPC_PEER_TAG;
		rule->tag = nla_get_u32(tag);
		return 0;
	}
	if (!tb[NITRO_VPC_A_RULE_IP4] && !tb[NITRO_VPC_A_RULE_IP6]) {
		NL_SET_ERR_ATTR_MISS(extack, nest, NITRO_VPC_A_RULE_IP4);
		NL_SET_ERR_MSG(extack, "'ip4', 'ip6' or 'tag' is missing");
		return -EINVAL;
	}
	err = nitro_vpc_netlink_get_prefix(tb, &rule_prefix, nest, &prefix,
					   extack);
	if (err)
		return err;
	rule->peer = prefix.v6 ? NITRO_VPC_PEER_IP6 : NITRO_VPC_PEER_IP4;
	rule->prefix = prefix.addr;
	rule->prefix_len = prefix.len;
	return 0;
}

static int parse_ports(struct nlattr **tb, struct nlattr *nest,
		       struct nitro_vpc_rule *rule,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *min = tb[NITRO_VPC_A_RULE_PORT_MIN];
	struct nlattr *max = tb[NITRO_VPC_A_RULE_PORT_MAX];

	rule->port_max = U16_MAX;
	if (!min && !max)
		return 0;
	if (!min || !max) {
		NL_SET_ERR_ATTR_MISS(extack, nest,
				     min ? NITRO_VPC_A_RULE_PORT_MAX
					 : NITRO_VPC_A_RULE_PORT_MIN);
		NL_SET_ERR_MSG(extack,
			       "'port-min' and 'port-max' need each other");
		return -EINVAL;
	}
	rule->port_min = nla_get_u16(min);
	rule->port_max = nla_get_u16(max);
	if (rule->port_min > rule->port_max) {
		NL_SET_ERR_MSG_ATTR(extack, max,
				    "'port-max' is below 'port-min'");
		return -EINVAL;
	}
	if (rule->protocol != IPPROTO_TCP && rule->protocol != IPPROTO_UDP &&
	    rule->protocol != IPPROTO_ICMP &&
	    rule->protocol != IPPROTO_ICMPV6 &&
	    (rule->port_min || rule->port_max != U16_MAX)) {
		NL_SET_ERR_MSG_ATTR(extack, min,
				    "only TCP, UDP, ICMP and ICMPv6 have ports");
		return -EINVAL;
	}
	return 0;
}

static int parse_rule(struct nlattr *nest, void *part,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NITRO_VPC_A_RULE_TAG + 1];
	struct nitro_vpc_rule *rule = part;
	int err;

	err = nla_parse_nested(tb, NITRO_VPC_A_RULE_TAG, nest,
			       nitro_vpc_rule_nl_policy, extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, NITRO_VPC_A_RULE_DIRECTION)) {
		NL_SET_ERR_MSG(extack, "'direction' is missing");
		return -EINVAL;
	}
	if (tb[NITRO_VPC_A_RULE_ID])
		rule->id = nla_get_u32(tb[NITRO_VPC_A_RULE_ID]);
	rule->direction = nla_get_u32(tb[NITRO_VPC_A_RULE_DIRECTION]);
	rule->protocol = tb[NITRO_VPC_A_RULE_PROTOCOL] ?
			 nla_get_u32(tb[NITRO_VPC_A_RULE_PROTOCOL]) :
			 NITRO_VPC_RULE_ANY_PROTOCOL;
	return parse_ports(tb, nest, rule, extack) ?:
	       parse_peer(tb, nest, rule, extack);
}

static int put_rule(struct sk_buff *skb, const void *part)
{
	struct nlattr *nest = nla_nest_start(skb, NITRO_VPC_A_POLICY_RULE);
	const struct nitro_vpc_rule *rule = part;
	int err;

	if (!nest)
		return -EMSGSIZE;
	err = nla_put_u32(skb, NITRO_VPC_A_RULE_ID, rule->id) ?:
	      nla_put_u32(skb, NITRO_VPC_A_RULE_DIRECTION, rule->direction);
	if (!err && rule->protocol != NITRO_VPC_RULE_ANY_PROTOCOL)
		err = nla_put_u32(skb, NITRO_VPC_A_RULE_PROTOCOL,
				  rule->protocol);
	if (!err && (rule->port_min || rule->port_max != U16_MAX))
		err = nla_put_u16(skb, NITRO_VPC_A_RULE_PORT_MIN,
				  rule->port_min) ?:
		      nla_put_u16(skb, NITRO_VPC_A_RULE_PORT_MAX,
				  rule->port_max);
	if (!err && rule->peer == NITRO_VPC_PEER_TAG)
		err = nla_put_u32(skb, NITRO_VPC_A_RULE_TAG, rule->tag);
	else if (!err)
		err = nitro_vpc_netlink_put_prefix(skb, &rule_prefix,
						   rule->peer ==
						   NITRO_VPC_PEER_IP6,
						   &rule->prefix,
						   rule->prefix_len);
	if (err) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static void *build_rules(const void *rules, u32 count,
			 struct netlink_ext_ack *extack)
{
	return nitro_vpc_rules_build(rules, count, extack);
}

static const void *rules_array(const void *rules, u32 *count)
{
	return nitro_vpc_rules_array(rules, count);
}

static const struct nitro_vpc_netlink_shared policies = {
	.name = "policy",
	.part_names = "rules",
	.object = NITRO_VPC_OBJECT_KIND_POLICY,
	.get = NITRO_VPC_CMD_POLICY_GET,
	.id = NITRO_VPC_A_POLICY_ID,
	.part = NITRO_VPC_A_POLICY_RULE,
	.table = offsetof(struct nitro_vpc_card, policies),
	.parts_max = NITRO_VPC_RULES_MAX,
	.part_size = sizeof(struct nitro_vpc_rule),
	.parse = parse_rule,
	.build = build_rules,
	.parts = rules_array,
	.put = put_rule,
};

/**
 * nitro_vpc_nl_policy_set_doit() - policy-set
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_policy_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return nitro_vpc_netlink_shared_set(&policies, info);
}

/**
 * nitro_vpc_nl_policy_del_doit() - policy-del
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_policy_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return nitro_vpc_netlink_shared_del(&policies, info);
}

/**
 * nitro_vpc_nl_policy_get_dumpit() - policy-get
 * @skb: reply
 * @cb: state of the dump
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_nl_policy_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb)
{
	return nitro_vpc_netlink_shared_dump(&policies, skb, cb);
}
