// SPDX-License-Identifier: GPL-2.0
/* The control interface: what all operations share. The operations are in
 * netlink-<object>.c, their policies are generated from
 * docs/netlink/specs/nitro_vpc.yaml into netlink-gen.c.
 */

#include <linux/inetdevice.h>
#include <net/ipv6.h>

#include "card.h"
#include "drop.h"
#include "eni.h"
#include "host.h"
#include "mapping.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "route.h"

/* The family is there: ENIs still go when it is not any more. */
static bool registered;

/**
 * nitro_vpc_netlink_init() - open the control interface
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_vpc_netlink_init(void)
{
	int err;

	err = nitro_vpc_netlink_stage_init();
	if (err)
		return err;
	err = genl_register_family(&nitro_vpc_nl_family);
	if (err) {
		nitro_vpc_netlink_stage_exit();
		return err;
	}
	WRITE_ONCE(registered, true);
	return 0;
}

/**
 * nitro_vpc_netlink_exit() - close the control interface
 *
 * Context: module unload; may sleep.
 */
void nitro_vpc_netlink_exit(void)
{
	WRITE_ONCE(registered, false);
	genl_unregister_family(&nitro_vpc_nl_family);
	nitro_vpc_netlink_stage_exit();
}

/**
 * nitro_vpc_netlink_notify() - tell whoever listens that an object changed
 * @card: the card
 * @kind: what it is
 * @id: its handle, or the VNI for mappings
 * @deleted: it is gone
 *
 * Context: may sleep; to be called after the change is visible.
 */
void nitro_vpc_netlink_notify(const struct nitro_vpc_card *card,
			      enum nitro_vpc_object_kind kind, u32 id,
			      bool deleted)
{
	struct genl_info info;
	struct sk_buff *skb;
	void *header;

	if (!READ_ONCE(registered) ||
	    !genl_has_listeners(&nitro_vpc_nl_family, card->net,
				NITRO_VPC_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(3 * nla_total_size(sizeof(u32)), GFP_KERNEL);
	if (!skb)
		goto err_lost;

	genl_info_init_ntf(&info, &nitro_vpc_nl_family,
			   NITRO_VPC_CMD_CHANGE_NTF);
	header = genlmsg_iput(skb, &info);
	if (!header ||
	    nla_put_u32(skb, NITRO_VPC_A_CHANGE_KIND, kind) ||
	    nla_put_u32(skb, NITRO_VPC_A_CHANGE_ID, id) ||
	    (deleted && nla_put_flag(skb, NITRO_VPC_A_CHANGE_DELETED))) {
		nlmsg_free(skb);
		goto err_lost;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&nitro_vpc_nl_family, card->net, skb, 0,
				NITRO_VPC_NLGRP_EVENTS, GFP_KERNEL);
	return;

err_lost:
	/* The listeners' next read says ENOBUFS, as for any lost message */
	genl_set_err(&nitro_vpc_nl_family, card->net, 0,
		     NITRO_VPC_NLGRP_EVENTS, -ENOBUFS);
}

/**
 * nitro_vpc_netlink_require() - refuse a request that lacks an attribute
 * @info: the request
 * @attr: type of the attribute
 * @name: its name in the specification
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int nitro_vpc_netlink_require(const struct genl_info *info, int attr,
			      const char *name)
{
	if (!GENL_REQ_ATTR_CHECK(info, attr))
		return 0;
	NL_SET_ERR_MSG_FMT(info->extack, "'%s' is missing", name);
	return -EINVAL;
}

static bool has_host_bits(const struct nitro_vpc_prefix *prefix)
{
	struct in6_addr masked;

	ipv6_addr_prefix(&masked, &prefix->addr, prefix->len);
	return !ipv6_addr_equal(&masked, &prefix->addr);
}

/**
 * nitro_vpc_netlink_get_prefix() - parse a prefix, or an address
 * @tb: attributes of the nest
 * @where: which of them
 * @nest: the nest, for error messages; NULL if they are the request's own
 * @ret_prefix: the prefix, masked
 * @extack: error message
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int nitro_vpc_netlink_get_prefix(struct nlattr **tb,
				 const struct nitro_vpc_netlink_prefix *where,
				 struct nlattr *nest,
				 struct nitro_vpc_prefix *ret_prefix,
				 struct netlink_ext_ack *extack)
{
	struct nlattr *ip4 = tb[where->ip4], *ip6 = tb[where->ip6];
	struct nlattr *len = where->len ? tb[where->len] : NULL;
	struct nitro_vpc_prefix prefix = {};

	if (ip4 && ip6) {
		NL_SET_ERR_MSG_ATTR(extack, ip6,
				    "'ip4' and 'ip6' exclude each other");
		return -EINVAL;
	}
	if (!ip4 && !ip6) {
		NL_SET_ERR_ATTR_MISS(extack, nest, where->ip4);
		NL_SET_ERR_MSG(extack, "'ip4' or 'ip6' is missing");
		return -EINVAL;
	}
	if (ip4) {
		ipv6_addr_set_v4mapped(nla_get_in_addr(ip4), &prefix.addr);
	} else {
		prefix.v6 = 1;
		prefix.addr = nla_get_in6_addr(ip6);
		if (ipv6_addr_v4mapped(&prefix.addr)) {
			NL_SET_ERR_MSG_ATTR(extack, ip6,
					    "'ip6' is an IPv4-mapped address");
			return -EINVAL;
		}
	}

	prefix.len = 128;
	if (len) {
		u32 bits = nla_get_u32(len);

		if (bits > (ip4 ? 32 : 128)) {
			NL_SET_ERR_MSG_ATTR(extack, len,
					    "'prefix-len' is longer than the address");
			return -EINVAL;
		}
		prefix.len = ip4 ? 96 + bits : bits;
	}
	if (has_host_bits(&prefix)) {
		NL_SET_ERR_MSG_ATTR(extack, ip4 ?: ip6,
				    "the address has bits set behind 'prefix-len'");
		return -EINVAL;
	}
	*ret_prefix = prefix;
	return 0;
}

/**
 * nitro_vpc_netlink_put_prefix() - write a prefix, or an address
 * @skb: message
 * @where: types of the attributes; no length is written if that is 0
 * @v6: it is an IPv6 one
 * @addr: address; IPv4 as IPv4-mapped IPv6
 * @len: length in IPv6 terms
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int nitro_vpc_netlink_put_prefix(struct sk_buff *skb,
				 const struct nitro_vpc_netlink_prefix *where,
				 bool v6, const struct in6_addr *addr, u8 len)
{
	int err;

	if (v6)
		err = nla_put_in6_addr(skb, where->ip6, addr);
	else
		err = nla_put_in_addr(skb, where->ip4, addr->s6_addr32[3]);
	if (!err && where->len)
		err = nla_put_u32(skb, where->len, v6 ? len : len - 96);
	return err;
}

/**
 * nitro_vpc_netlink_unicast() - can one machine have these addresses?
 * @prefix: a prefix, or an address
 *
 * Context: any.
 * Return: false for unspecified, loopback, multicast and broadcast addresses.
 */
bool nitro_vpc_netlink_unicast(const struct nitro_vpc_prefix *prefix)
{
	__be32 ip4 = prefix->addr.s6_addr32[3];

	if (prefix->v6)
		return !ipv6_addr_any(&prefix->addr) &&
		       !ipv6_addr_loopback(&prefix->addr) &&
		       !ipv6_addr_is_multicast(&prefix->addr);
	return !ipv4_is_zeronet(ip4) && !ipv4_is_loopback(ip4) &&
	       !ipv4_is_multicast(ip4) && !ipv4_is_lbcast(ip4);
}

/**
 * nitro_vpc_netlink_count() - how many attributes of one type a request has
 * @info: the request
 * @attr: the type
 *
 * Context: any.
 * Return: the number.
 */
u32 nitro_vpc_netlink_count(const struct genl_info *info, int attr)
{
	struct nlattr *pos;
	u32 count = 0;
	int rem;

	nitro_vpc_netlink_for_each(pos, attr, info, rem)
		count++;
	return count;
}

/**
 * nitro_vpc_netlink_put_counter() - write one counter
 * @skb: message
 * @attr: type of the nest
 * @name: name of the counter
 * @value: its value
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int nitro_vpc_netlink_put_counter(struct sk_buff *skb, int attr,
				  const char *name, u64 value)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest ||
	    nla_put_string(skb, NITRO_VPC_A_COUNTER_NAME, name) ||
	    nla_put(skb, NITRO_VPC_A_COUNTER_VALUE, sizeof(value), &value))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * nitro_vpc_netlink_put_drops() - write the drop counters that are not zero
 * @skb: message
 * @attr: type of their nests
 * @drops: the counters
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE.
 */
int nitro_vpc_netlink_put_drops(struct sk_buff *skb, int attr,
				struct nitro_vpc_drop_counters __percpu *drops)
{
	enum nitro_vpc_drop reason;
	int err;

	for (reason = NITRO_VPC_PASS + 1; reason < NITRO_VPC_DROP_MAX;
	     reason++) {
		u64 count = nitro_vpc_drop_sum(drops, reason);

		if (!count)
			continue;
		err = nitro_vpc_netlink_put_counter(skb, attr,
						    nitro_vpc_drop_name(reason),
						    count);
		if (err)
			return err;
	}
	return 0;
}

/**
 * nitro_vpc_netlink_put_dump() - begin a message of a dump
 * @skb: what recvmsg() gives
 * @cb: state of the dump
 * @cmd: NITRO_VPC_CMD_*
 *
 * cb->seq has to hold the card's generation: if it moves between two messages,
 * the rest of the dump carries NLM_F_DUMP_INTR.
 *
 * Context: any.
 * Return: the header, for genlmsg_end() and genlmsg_cancel(), or NULL if @skb
 * is full.
 */
void *nitro_vpc_netlink_put_dump(struct sk_buff *skb,
				 struct netlink_callback *cb, u8 cmd)
{
	void *header;

	header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
			     cb->nlh->nlmsg_seq, &nitro_vpc_nl_family,
			     NLM_F_MULTI, cmd);
	if (header)
		genl_dump_check_consistent(cb, header);
	return header;
}

/**
 * nitro_vpc_nl_card_get_doit() - card-get
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_card_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct sk_buff *reply;
	void *header;
	int err = 0;

	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_iput(reply, info);
	if (!header) {
		err = -EMSGSIZE;
		goto err_reply;
	}

	mutex_lock(&card->lock);
	if (nla_put_string(reply, NITRO_VPC_A_CARD_VERSION,
			   THIS_MODULE->version ?: "") ||
	    nla_put_u32(reply, NITRO_VPC_A_CARD_ENIS, card->n_enis) ||
	    nla_put_u32(reply, NITRO_VPC_A_CARD_HOSTS, card->n_hosts) ||
	    nla_put_u32(reply, NITRO_VPC_A_CARD_POLICIES, card->policies.count) ||
	    nla_put_u32(reply, NITRO_VPC_A_CARD_ROUTE_TABLES,
			card->route_tables.count) ||
	    nla_put_u32(reply, NITRO_VPC_A_CARD_MAPPINGS, card->n_mappings) ||
	    nla_put_u32(reply, NITRO_VPC_A_CARD_FLOWS,
			atomic_read(&card->flows)) ||
	    nla_put_u32(reply, NITRO_VPC_A_CARD_GENERATION,
			nitro_vpc_card_generation(card)) ||
	    nitro_vpc_netlink_put_drops(reply, NITRO_VPC_A_CARD_DROP,
					card->drops))
		err = -EMSGSIZE;
	mutex_unlock(&card->lock);
	if (err)
		goto err_reply;

	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);

err_reply:
	nlmsg_free(reply);
	return err;
}
