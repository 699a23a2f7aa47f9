// SPDX-License-Identifier: GPL-2.0
/* policy-set, policy-del and policy-get. */

#include <linux/slab.h>

#include "card.h"
#include "eni.h"
#include "netlink-gen.h"
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

static int parse_rule(struct nlattr *nest, struct nitro_vpc_rule *rule,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NITRO_VPC_A_RULE_TAG + 1];
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

static struct nitro_vpc_rules *parse_rules(struct genl_info *info)
{
	u32 n = 0, count = nitro_vpc_netlink_count(info,
						   NITRO_VPC_A_POLICY_RULE);
	struct nitro_vpc_rules *built;
	struct nitro_vpc_rule *rules;
	struct nlattr *nest;
	int err = 0, rem;

	if (count > NITRO_VPC_RULES_MAX) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[NITRO_VPC_A_POLICY_RULE],
					"a policy has %u rules at most",
					NITRO_VPC_RULES_MAX);
		return ERR_PTR(-E2BIG);
	}
	rules = kvcalloc(count ?: 1, sizeof(*rules), GFP_KERNEL_ACCOUNT);
	if (!rules)
		return ERR_PTR(-ENOMEM);
	nitro_vpc_netlink_for_each(nest, NITRO_VPC_A_POLICY_RULE, info,
				   rem) {
		err = parse_rule(nest, &rules[n++], info->extack);
		if (err)
			break;
	}
	built = err ? ERR_PTR(err)
		    : nitro_vpc_rules_build(rules, count, info->extack);
	kvfree(rules);
	return built;
}

/* Takes over @rules unless it fails. */
static int set_policy(struct nitro_vpc_card *card, u32 id,
		      struct nitro_vpc_rules *rules)
{
	struct nitro_vpc_policy *policy = xa_load(&card->policies, id);
	struct nitro_vpc_rules *old;
	int err;

	if (policy) {
		old = rcu_replace_pointer(policy->rules, rules,
					  lockdep_is_held(&card->lock));
		nitro_vpc_card_changed(card);
		nitro_vpc_rules_free_rcu(old);
		return 0;
	}
	policy = kzalloc(sizeof(*policy), GFP_KERNEL_ACCOUNT);
	if (!policy)
		return -ENOMEM;
	policy->id = id;
	RCU_INIT_POINTER(policy->rules, rules);
	err = xa_err(xa_store(&card->policies, id, policy,
			      GFP_KERNEL_ACCOUNT));
	if (err) {
		kfree(policy);
		return err;
	}
	card->n_policies++;
	nitro_vpc_card_changed(card);
	return 0;
}

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
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_rules *rules;
	int err;
	u32 id;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_POLICY_ID, "id");
	if (err)
		return err;
	id = nla_get_u32(info->attrs[NITRO_VPC_A_POLICY_ID]);
	rules = parse_rules(info);
	if (IS_ERR(rules))
		return PTR_ERR(rules);

	mutex_lock(&card->lock);
	err = set_policy(card, id, rules);
	mutex_unlock(&card->lock);
	if (err) {
		NL_SET_ERR_MSG(info->extack, "no memory for the policy");
		nitro_vpc_rules_free(rules);
		return err;
	}
	nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_POLICY, id,
				 false);
	return 0;
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
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_policy *policy;
	struct nitro_vpc_rules *rules;
	struct nlattr *attr;
	int err;
	u32 id;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_POLICY_ID, "id");
	if (err)
		return err;
	attr = info->attrs[NITRO_VPC_A_POLICY_ID];
	id = nla_get_u32(attr);

	mutex_lock(&card->lock);
	policy = xa_load(&card->policies, id);
	if (!policy) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
					"no policy %u", id);
		err = -ENOENT;
	} else if (policy->users) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
					"%u ENIs use policy %u",
					policy->users, id);
		err = -EBUSY;
	} else {
		xa_erase(&card->policies, id);
		card->n_policies--;
		nitro_vpc_card_changed(card);
		rules = rcu_dereference_protected(policy->rules, true);
		nitro_vpc_rules_free_rcu(rules);
		kfree_rcu(policy, rcu);
	}
	mutex_unlock(&card->lock);
	if (err)
		return err;
	nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_POLICY, id,
				 true);
	return 0;
}

static int put_rule(struct sk_buff *skb, const struct nitro_vpc_rule *rule)
{
	struct nlattr *nest = nla_nest_start(skb, NITRO_VPC_A_POLICY_RULE);
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

/* Writes what fits; *@next is the first rule that did not. */
static int dump_policy(struct sk_buff *skb, struct netlink_callback *cb,
		       struct nitro_vpc_card *card,
		      struct nitro_vpc_policy *policy, u32 *next)
{
	const struct nitro_vpc_rules *rules;
	const struct nitro_vpc_rule *array;
	u32 count, first = *next;
	void *header;
	int err = 0;

	rules = rcu_dereference_protected(policy->rules,
					  lockdep_is_held(&card->lock));
	array = nitro_vpc_rules_array(rules, &count);
	header = nitro_vpc_netlink_put_dump(skb, cb,
					    NITRO_VPC_CMD_POLICY_GET);
	if (!header)
		return -EMSGSIZE;
	if (nla_put_u32(skb, NITRO_VPC_A_POLICY_ID, policy->id)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	for (; *next < count && !err; *next += !err)
		err = put_rule(skb, &array[*next]);
	if (err && *next == first)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

/* What a dump of objects with parts remembers */
struct dump_state {
	unsigned long id;
	u32 next;
};

/**
 * nitro_vpc_nl_policy_get_dumpit() - policy-get
 * @skb: reply
 * @cb: state of the dump: the policy and the rule to go on with
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_nl_policy_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb)
{
	struct nitro_vpc_card *card = nitro_vpc_netlink_dump_card(cb);
	struct dump_state *at = nitro_vpc_netlink_dump_state(cb,
							     struct dump_state);
	struct nitro_vpc_policy *policy;
	unsigned long id = at->id;
	int err = 0;

	mutex_lock(&card->lock);
	cb->seq = nitro_vpc_card_generation(card);
	xa_for_each_start(&card->policies, id, policy, at->id) {
		if (id != at->id)
			at->next = 0;
		at->id = id;
		err = dump_policy(skb, cb, card, policy, &at->next);
		if (err)
			break;
		at->id = id + 1;
		at->next = 0;
	}
	mutex_unlock(&card->lock);
	return err;
}
