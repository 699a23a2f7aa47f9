// SPDX-License-Identifier: GPL-2.0
/* flow-get, flow-del and trace. */

#include <linux/ip.h>
#include <net/tcp.h>

#include "card.h"
#include "drop.h"
#include "eni.h"
#include "flow.h"
#include "mapping.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "resolve.h"

static const struct nitro_vpc_netlink_prefix flow_local = {
	.ip4 = NITRO_VPC_A_FLOW_LOCAL_IP4,
	.ip6 = NITRO_VPC_A_FLOW_LOCAL_IP6,
};

static const struct nitro_vpc_netlink_prefix flow_remote = {
	.ip4 = NITRO_VPC_A_FLOW_REMOTE_IP4,
	.ip6 = NITRO_VPC_A_FLOW_REMOTE_IP6,
};

static const struct nitro_vpc_netlink_prefix trace_local = {
	.ip4 = NITRO_VPC_A_TRACE_LOCAL_IP4,
	.ip6 = NITRO_VPC_A_TRACE_LOCAL_IP6,
};

static const struct nitro_vpc_netlink_prefix trace_remote = {
	.ip4 = NITRO_VPC_A_TRACE_REMOTE_IP4,
	.ip6 = NITRO_VPC_A_TRACE_REMOTE_IP6,
};

static bool is_icmp(u8 protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static bool has_ports(u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static u32 flow_flags(const struct nitro_vpc_flow *flow)
{
	u32 flags = 0;

	if (nitro_vpc_flow_tracked(flow))
		flags |= NITRO_VPC_FLOW_FLAGS_TRACKED;
	if (flow->flags & NITRO_VPC_FLOW_F_INGRESS)
		flags |= NITRO_VPC_FLOW_FLAGS_INGRESS_ORIGIN;
	return flags;
}

static int put_counters(struct sk_buff *skb, const struct nitro_vpc_flow *flow)
{
	static const struct {
		u8 direction;
		int packets;
		int bytes;
	} counters[] = {
		{ NITRO_VPC_DIRECTION_INGRESS, NITRO_VPC_A_FLOW_PACKETS_IN,
		  NITRO_VPC_A_FLOW_BYTES_IN },
		{ NITRO_VPC_DIRECTION_EGRESS, NITRO_VPC_A_FLOW_PACKETS_OUT,
		  NITRO_VPC_A_FLOW_BYTES_OUT },
	};
	u64 packets, bytes;
	int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		packets = atomic64_read(&flow->packets[counters[i].direction]);
		bytes = atomic64_read(&flow->bytes[counters[i].direction]);
		if (nla_put(skb, counters[i].packets, sizeof(u64), &packets) ||
		    nla_put(skb, counters[i].bytes, sizeof(u64), &bytes))
			return -EMSGSIZE;
	}
	return 0;
}

static int put_flow(struct sk_buff *skb, const struct nitro_vpc_flow *flow)
{
	const struct nitro_vpc_flow_key *key = &flow->key;
	u16 remote_port = ntohs(key->remote_port);
	int err;

	/* The key of ICMP has the kind of the query there. */
	if (is_icmp(key->protocol))
		remote_port = 0;
	err = nla_put_u32(skb, NITRO_VPC_A_FLOW_ENI, flow->eni->id) ?:
	      nla_put_u32(skb, NITRO_VPC_A_FLOW_PROTOCOL, key->protocol) ?:
	      nitro_vpc_netlink_put_prefix(skb, &flow_local, key->v6,
					   &key->local, 128) ?:
	      nitro_vpc_netlink_put_prefix(skb, &flow_remote, key->v6,
					   &key->remote, 128);
	return err ?:
	       nla_put_u16(skb, NITRO_VPC_A_FLOW_LOCAL_PORT,
			   ntohs(key->local_port)) ?:
	       nla_put_u16(skb, NITRO_VPC_A_FLOW_REMOTE_PORT, remote_port) ?:
	       nla_put_u32(skb, NITRO_VPC_A_FLOW_STATE,
			   READ_ONCE(flow->state)) ?:
	       nla_put_u32(skb, NITRO_VPC_A_FLOW_FLAGS, flow_flags(flow)) ?:
	       put_counters(skb, flow) ?:
	       nla_put_u32(skb, NITRO_VPC_A_FLOW_EXPIRES,
			   nitro_vpc_flow_expires(flow));
}

struct dump_context {
	struct sk_buff *skb;
	struct netlink_callback *cb;
};

static int dump_flow(const struct nitro_vpc_flow *flow, void *data)
{
	struct dump_context *ctx = data;
	void *header;
	int err;

	header = nitro_vpc_netlink_put_dump(ctx->skb, ctx->cb,
					    NITRO_VPC_CMD_FLOW_GET);
	if (!header)
		return -EMSGSIZE;
	err = put_flow(ctx->skb, flow);
	if (err)
		genlmsg_cancel(ctx->skb, header);
	else
		genlmsg_end(ctx->skb, header);
	return err;
}

/**
 * nitro_vpc_nl_flow_get_dumpit() - flow-get
 * @skb: reply
 * @cb: state of the dump: place in the flow table
 *
 * Flows come and go all the time; the dump has those that were there during
 * the whole of it, and is never said to be inconsistent.
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_nl_flow_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct nlattr *eni = genl_dumpit_info(cb)->info.attrs[NITRO_VPC_A_FLOW_ENI];
	struct nitro_vpc_card *card = nitro_vpc_netlink_dump_card(cb);
	struct dump_context ctx = { .skb = skb, .cb = cb };
	struct nitro_vpc_flow_cursor *cursor;
	u32 id = 0;

	if (eni) {
		id = nla_get_u32(eni);
		/* 0 would mean all of them */
		if (!id || !xa_load(&card->enis, id)) {
			NL_SET_ERR_MSG_ATTR(cb->extack, eni, "no such ENI");
			return -ENODEV;
		}
	}
	cursor = nitro_vpc_netlink_dump_state(cb, struct nitro_vpc_flow_cursor);
	return nitro_vpc_flow_walk(card, id, cursor, dump_flow, &ctx);
}

static struct nitro_vpc_eni *find_eni(struct nitro_vpc_card *card,
				      struct genl_info *info, int attr)
{
	struct nitro_vpc_eni *eni;
	int err;

	err = nitro_vpc_netlink_require(info, attr, "eni");
	if (err)
		return ERR_PTR(err);
	eni = nitro_vpc_eni_lookup(card, nla_get_u32(info->attrs[attr]));
	if (eni)
		return eni;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[attr], "no ENI %u",
				nla_get_u32(info->attrs[attr]));
	return ERR_PTR(-ENODEV);
}

/**
 * nitro_vpc_nl_flow_del_doit() - flow-del
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_flow_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_eni *eni;
	int err = 0;

	mutex_lock(&card->lock);
	eni = find_eni(card, info, NITRO_VPC_A_FLOW_ENI);
	if (IS_ERR(eni))
		err = PTR_ERR(eni);
	else
		nitro_vpc_flow_flush(eni);
	mutex_unlock(&card->lock);
	return err;
}

/* The ENI's own address of a family, if the request names none */
static int default_local(const struct nitro_vpc_eni_config *config, bool v6,
			 struct in6_addr *ret_addr,
			 struct netlink_ext_ack *extack)
{
	u32 i;

	for (i = 0; i < config->n_addresses; i++) {
		if (config->prefixes[i].v6 == v6) {
			*ret_addr = config->prefixes[i].addr;
			return 0;
		}
	}
	NL_SET_ERR_MSG(extack, "the ENI has no address of that family");
	return -EADDRNOTAVAIL;
}

static int trace_addresses(const struct nitro_vpc_eni_config *config,
			   struct genl_info *info,
			   struct nitro_vpc_packet *pkt)
{
	struct nlattr **tb = info->attrs;
	struct nitro_vpc_prefix local, remote;
	int err;

	if (!tb[NITRO_VPC_A_TRACE_REMOTE_IP4] &&
	    !tb[NITRO_VPC_A_TRACE_REMOTE_IP6])
		return nitro_vpc_netlink_require(info,
						 NITRO_VPC_A_TRACE_REMOTE_IP4,
						 "remote-ip4");
	err = nitro_vpc_netlink_get_prefix(tb, &trace_remote, NULL, &remote,
					   info->extack);
	if (err)
		return err;
	if (tb[NITRO_VPC_A_TRACE_LOCAL_IP4] || tb[NITRO_VPC_A_TRACE_LOCAL_IP6]) {
		err = nitro_vpc_netlink_get_prefix(tb, &trace_local, NULL,
						   &local, info->extack);
		if (!err && local.v6 != remote.v6) {
			NL_SET_ERR_MSG_ATTR(info->extack,
					    tb[NITRO_VPC_A_TRACE_LOCAL_IP4] ?:
					    tb[NITRO_VPC_A_TRACE_LOCAL_IP6],
					    "the addresses are of two families");
			err = -EINVAL;
		}
	} else {
		err = default_local(config, remote.v6, &local.addr,
				    info->extack);
	}
	if (err)
		return err;
	pkt->key.v6 = remote.v6;
	pkt->key.local = local.addr;
	pkt->key.remote = remote.addr;
	return 0;
}

static u16 port(const struct nlattr *attr)
{
	return attr ? nla_get_u16(attr) : 0;
}

static int trace_packet(const struct nitro_vpc_eni_config *config,
			struct genl_info *info, struct nitro_vpc_packet *pkt)
{
	struct nlattr **tb = info->attrs;
	u16 local = port(tb[NITRO_VPC_A_TRACE_LOCAL_PORT]);
	u16 remote = port(tb[NITRO_VPC_A_TRACE_REMOTE_PORT]);
	bool egress;
	int err;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_TRACE_DIRECTION,
					"direction") ?:
	      nitro_vpc_netlink_require(info, NITRO_VPC_A_TRACE_PROTOCOL,
					"protocol") ?:
	      trace_addresses(config, info, pkt);
	if (err)
		return err;

	pkt->direction = nla_get_u32(tb[NITRO_VPC_A_TRACE_DIRECTION]);
	egress = pkt->direction == NITRO_VPC_DIRECTION_EGRESS;
	pkt->key.protocol = nla_get_u32(tb[NITRO_VPC_A_TRACE_PROTOCOL]);
	pkt->addr_source = egress ? pkt->key.local : pkt->key.remote;
	pkt->addr_dest = egress ? pkt->key.remote : pkt->key.local;
	pkt->ttl = IPDEFTTL;
	pkt->query = 1;
	pkt->tcp_flags = TCPHDR_SYN;
	pkt->wscale = 0xff;

	if (has_ports(pkt->key.protocol)) {
		pkt->key.local_port = htons(local);
		pkt->key.remote_port = htons(remote);
		pkt->service = egress ? remote : local;
	} else if (is_icmp(pkt->key.protocol)) {
		pkt->service = local;
	}
	return 0;
}

static int put_trace(struct sk_buff *skb, struct nitro_vpc_eni *eni,
		     const struct nitro_vpc_eni_config *config,
		     const struct nitro_vpc_packet *pkt)
{
	struct nitro_vpc_resolution res = {};
	struct nitro_vpc_flow *flow = NULL;
	struct nitro_vpc_mapping *mapping;
	bool tracked;
	int err = 0;

	/* A query of ICMP is known by its identifier, which a trace has not. */
	if (!is_icmp(pkt->key.protocol))
		flow = nitro_vpc_flow_find(eni, &pkt->key);
	nitro_vpc_resolve(eni, config, pkt,
			  !flow || !nitro_vpc_flow_tracked(flow), &res);
	tracked = flow ? nitro_vpc_flow_tracked(flow) : res.verdict.tracked;

	if (res.reason == NITRO_VPC_PASS)
		err = nla_put_flag(skb, NITRO_VPC_A_TRACE_ALLOWED);
	else
		err = nla_put_string(skb, NITRO_VPC_A_TRACE_REASON,
				     nitro_vpc_drop_name(res.reason));
	if (!err && res.policy_checked && res.verdict.allowed)
		err = nla_put_u32(skb, NITRO_VPC_A_TRACE_RULE,
				  res.verdict.rule);
	if (!err && flow)
		err = nla_put_u32(skb, NITRO_VPC_A_TRACE_FLOW_STATE,
				  READ_ONCE(flow->state));
	if (!err && tracked && res.reason == NITRO_VPC_PASS)
		err = nla_put_flag(skb, NITRO_VPC_A_TRACE_TRACKED);
	if (!err && res.route)
		err = nitro_vpc_netlink_put_route(skb, NITRO_VPC_A_TRACE_ROUTE,
						  res.route);
	mapping = res.via ?: nitro_vpc_mapping_lookup(eni->card, config->vni,
						      pkt->key.v6,
						      &pkt->key.remote);
	if (!err && mapping)
		err = nitro_vpc_netlink_put_mapping(skb,
						    NITRO_VPC_A_TRACE_MAPPING,
						    mapping);
	return err;
}

/**
 * nitro_vpc_nl_trace_doit() - trace
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_trace_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	const struct nitro_vpc_eni_config *config;
	struct nitro_vpc_packet pkt = {};
	struct nitro_vpc_eni *eni;
	struct sk_buff *reply;
	void *header;
	int err;

	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_iput(reply, info);
	if (!header) {
		err = -EMSGSIZE;
		goto err_reply;
	}

	mutex_lock(&card->lock);
	eni = find_eni(card, info, NITRO_VPC_A_TRACE_ENI);
	if (IS_ERR(eni)) {
		err = PTR_ERR(eni);
	} else {
		rcu_read_lock();
		config = rcu_dereference(eni->config);
		err = trace_packet(config, info, &pkt) ?:
		      put_trace(reply, eni, config, &pkt);
		rcu_read_unlock();
	}
	mutex_unlock(&card->lock);
	if (err)
		goto err_reply;

	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);

err_reply:
	nlmsg_free(reply);
	return err;
}
