// SPDX-License-Identifier: GPL-2.0
/* host-set, host-del and host-get. */

#include <linux/rtnetlink.h>
#include <net/geneve.h>

#include "card.h"
#include "eni.h"
#include "geneve.h"
#include "host.h"
#include "netlink-gen.h"
#include "netlink.h"

static const struct nitro_vpc_netlink_prefix host_address = {
	.ip4 = NITRO_VPC_A_HOST_IP4,
	.ip6 = NITRO_VPC_A_HOST_IP6,
};

static struct nitro_vpc_host *local_host(struct nitro_vpc_card *card)
{
	return rcu_dereference_protected(card->local,
					 lockdep_is_held(&card->lock));
}

/* Opens what the new local host needs before it is published: a failure leaves
 * everything as it was.
 */
static int set_host(struct nitro_vpc_card *card, struct nitro_vpc_host *host,
		    struct genl_info *info)
{
	struct nitro_vpc_host *local = local_host(card);
	bool was_local = local && local->id == host->id;
	int err;

	if (host->local && local && !was_local) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[NITRO_VPC_A_HOST_LOCAL],
					"host %u is the local one already",
					local->id);
		return -EEXIST;
	}
	if (host->local) {
		err = nitro_vpc_geneve_open(card, host->v6, host->port,
					    info->extack);
		if (err)
			return err;
	}
	err = nitro_vpc_host_publish(card, host);
	if (err) {
		NL_SET_ERR_MSG(info->extack, "no memory for the host");
		/* What was opened for it goes back to what it was. */
		if (host->local && !was_local)
			nitro_vpc_geneve_close(card);
		else if (host->local)
			nitro_vpc_geneve_open(card, local->v6, local->port,
					      NULL);
		return err;
	}
	if (was_local && !host->local)
		nitro_vpc_geneve_close(card);
	return 0;
}

/**
 * nitro_vpc_nl_host_set_doit() - host-set
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_host_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nlattr **tb = info->attrs;
	struct nitro_vpc_prefix address;
	struct nitro_vpc_host *host;
	u16 port;
	int err;
	u32 id;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_HOST_ID, "id") ?:
	      nitro_vpc_netlink_get_prefix(tb, &host_address, NULL, &address,
					   info->extack);
	if (err)
		return err;
	if (!nitro_vpc_netlink_unicast(&address)) {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    tb[address.v6 ? NITRO_VPC_A_HOST_IP6
						  : NITRO_VPC_A_HOST_IP4],
				    "not the address of a host");
		return -EINVAL;
	}

	id = nla_get_u32(tb[NITRO_VPC_A_HOST_ID]);
	port = tb[NITRO_VPC_A_HOST_PORT] ?
	       nla_get_u16(tb[NITRO_VPC_A_HOST_PORT]) : GENEVE_UDP_PORT;
	host = nitro_vpc_host_new(id, !!tb[NITRO_VPC_A_HOST_LOCAL], address.v6,
				  &address.addr, htons(port));
	if (!host) {
		NL_SET_ERR_MSG(info->extack, "no memory for the host");
		return -ENOMEM;
	}

	/* The Geneve port is told to the NICs, which takes RTNL. */
	rtnl_lock();
	mutex_lock(&card->lock);
	err = set_host(card, host, info);
	mutex_unlock(&card->lock);
	rtnl_unlock();
	if (err) {
		nitro_vpc_host_put(host);
		return err;
	}
	nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_HOST, id, false);
	return 0;
}

static struct nitro_vpc_host *find_host(struct nitro_vpc_card *card,
					struct genl_info *info)
{
	struct nlattr *id = info->attrs[NITRO_VPC_A_HOST_ID];
	struct nitro_vpc_host *host;

	host = nitro_vpc_host_lookup(card, nla_get_u32(id));
	if (!host)
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, id, "no host %u",
					nla_get_u32(id));
	return host;
}

/**
 * nitro_vpc_nl_host_del_doit() - host-del
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_host_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_host *host;
	int err;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_HOST_ID, "id");
	if (err)
		return err;

	rtnl_lock();
	mutex_lock(&card->lock);
	host = find_host(card, info);
	if (!host) {
		err = -ENOENT;
	} else if (host->mappings) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[NITRO_VPC_A_HOST_ID],
					"%u mappings lead to host %u",
					host->mappings, host->id);
		err = -EBUSY;
	} else {
		if (host->local)
			nitro_vpc_geneve_close(card);
		nitro_vpc_host_remove(card, host);
	}
	mutex_unlock(&card->lock);
	rtnl_unlock();
	if (err)
		return err;
	nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_HOST,
				 nla_get_u32(info->attrs[NITRO_VPC_A_HOST_ID]),
				 true);
	return 0;
}

static int put_host(struct sk_buff *skb, struct nitro_vpc_card *card,
		    struct nitro_vpc_host *host)
{
	u32 pmtu = host->local ? 0 : nitro_vpc_geneve_pmtu(card, host);

	if (nla_put_u32(skb, NITRO_VPC_A_HOST_ID, host->id) ||
	    (host->local && nla_put_flag(skb, NITRO_VPC_A_HOST_LOCAL)) ||
	    nitro_vpc_netlink_put_prefix(skb, &host_address, host->v6,
					 &host->addr, 128) ||
	    nla_put_u16(skb, NITRO_VPC_A_HOST_PORT, ntohs(host->port)) ||
	    (pmtu && nla_put_u32(skb, NITRO_VPC_A_HOST_PMTU, pmtu)))
		return -EMSGSIZE;
	return 0;
}

/**
 * nitro_vpc_nl_host_get_doit() - host-get for one host
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_host *host;
	struct sk_buff *reply;
	void *header;
	int err;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_HOST_ID, "id");
	if (err)
		return err;
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_iput(reply, info);

	mutex_lock(&card->lock);
	host = find_host(card, info);
	if (!host)
		err = -ENOENT;
	else
		err = header ? put_host(reply, card, host) : -EMSGSIZE;
	mutex_unlock(&card->lock);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);
}

/**
 * nitro_vpc_nl_host_get_dumpit() - host-get for all hosts
 * @skb: reply
 * @cb: state of the dump: handle to go on with
 *
 * Context: may sleep.
 * Return: 0 when there are no more, the length of @skb if there may be, or a
 * negative errno.
 */
int nitro_vpc_nl_host_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	struct nitro_vpc_card *card = nitro_vpc_netlink_dump_card(cb);
	unsigned long *id = nitro_vpc_netlink_dump_state(cb, unsigned long);
	struct nitro_vpc_host *host;
	void *header;
	int err = 0;

	mutex_lock(&card->lock);
	cb->seq = nitro_vpc_card_generation(card);
	xa_for_each_start(&card->hosts, *id, host, *id) {
		header = nitro_vpc_netlink_put_dump(skb, cb,
						    NITRO_VPC_CMD_HOST_GET);
		if (!header) {
			err = -EMSGSIZE;
			break;
		}
		err = put_host(skb, card, host);
		if (err) {
			genlmsg_cancel(skb, header);
			break;
		}
		genlmsg_end(skb, header);
	}
	mutex_unlock(&card->lock);
	return err;
}
