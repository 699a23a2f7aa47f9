// SPDX-License-Identifier: GPL-2.0
/* eni-set and eni-get. */

#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "card.h"
#include "eni.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "policy.h"
#include "route.h"
#include "tap.h"

/* An ENI with all its addresses, subnets and counters takes about 9 KB. */
#define ENI_SIZE_MAX	SKB_WITH_OVERHEAD(16384)

static const struct nitro_vpc_netlink_prefix eni_prefix = {
	.ip4 = NITRO_VPC_A_PREFIX_IP4,
	.ip6 = NITRO_VPC_A_PREFIX_IP6,
	.len = NITRO_VPC_A_PREFIX_PREFIX_LEN,
};

/* RTNL and card->lock held. */
static struct nitro_vpc_eni *find_eni(struct nitro_vpc_card *card,
				      struct genl_info *info)
{
	struct nlattr *ifindex = info->attrs[NITRO_VPC_A_ENI_IFINDEX];
	struct nlattr *id = info->attrs[NITRO_VPC_A_ENI_ID];
	struct nitro_vpc_eni *eni;

	if (ifindex) {
		eni = nitro_vpc_eni_by_ifindex(card, genl_info_net(info),
					       nla_get_u32(ifindex));
		if (eni)
			return eni;
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, ifindex,
					"no ENI with ifindex %u",
					nla_get_u32(ifindex));
		return ERR_PTR(-ENODEV);
	}
	if (id) {
		eni = nitro_vpc_eni_lookup(card, nla_get_u32(id));
		if (eni)
			return eni;
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, id, "no ENI %u",
					nla_get_u32(id));
		return ERR_PTR(-ENODEV);
	}
	NL_SET_ERR_ATTR_MISS(info->extack, NULL, NITRO_VPC_A_ENI_ID);
	NL_SET_ERR_MSG(info->extack, "'id' or 'ifindex' is missing");
	return ERR_PTR(-EINVAL);
}

static int parse_prefixes(struct genl_info *info, int attr,
			  struct nitro_vpc_prefix *prefixes)
{
	struct nlattr *tb[NITRO_VPC_A_PREFIX_PREFIX_LEN + 1], *nest;
	int rem, err;

	nitro_vpc_netlink_for_each(nest, attr, info, rem) {
		err = nla_parse_nested(tb, NITRO_VPC_A_PREFIX_PREFIX_LEN, nest,
				       nitro_vpc_prefix_nl_policy,
				       info->extack) ?:
		      nitro_vpc_netlink_get_prefix(tb, &eni_prefix, nest,
						   prefixes++, info->extack);
		if (err)
			return err;
	}
	return 0;
}

/* The old configuration with the request's addresses and subnets. */
static struct nitro_vpc_eni_config *
new_config(const struct nitro_vpc_eni_config *old, struct genl_info *info)
{
	u32 addresses = nitro_vpc_netlink_count(info, NITRO_VPC_A_ENI_ADDRESS);
	u32 subnets = nitro_vpc_netlink_count(info, NITRO_VPC_A_ENI_SUBNET);
	u32 n_addresses = addresses ?: old->n_addresses;
	u32 n_subnets = subnets ?: old->n_subnets;
	struct nitro_vpc_eni_config *config;
	int err = 0;

	if (addresses > NITRO_VPC_PREFIXES_MAX ||
	    subnets > NITRO_VPC_PREFIXES_MAX) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[addresses > subnets ?
						    NITRO_VPC_A_ENI_ADDRESS :
						    NITRO_VPC_A_ENI_SUBNET],
					"an ENI has %u of them at most",
					NITRO_VPC_PREFIXES_MAX);
		return ERR_PTR(-E2BIG);
	}
	config = nitro_vpc_eni_config_alloc(n_addresses, n_subnets,
					    GFP_KERNEL_ACCOUNT);
	if (!config)
		return ERR_PTR(-ENOMEM);
	*config = *old;
	config->n_addresses = n_addresses;
	config->n_subnets = n_subnets;

	if (addresses)
		err = parse_prefixes(info, NITRO_VPC_A_ENI_ADDRESS,
				     config->prefixes);
	else
		memcpy(config->prefixes, old->prefixes,
		       array_size(n_addresses, sizeof(*old->prefixes)));
	if (!err && subnets)
		err = parse_prefixes(info, NITRO_VPC_A_ENI_SUBNET,
				     config->prefixes + n_addresses);
	else if (!err)
		memcpy(config->prefixes + n_addresses,
		       old->prefixes + old->n_addresses,
		       array_size(n_subnets, sizeof(*old->prefixes)));
	if (err) {
		kfree(config);
		return ERR_PTR(err);
	}
	return config;
}

static bool overlap(const struct nitro_vpc_prefix *a,
		    const struct nitro_vpc_prefix *b)
{
	return a->v6 == b->v6 &&
	       ipv6_prefix_equal(&a->addr, &b->addr, min(a->len, b->len));
}

/* The attribute that the @n'th prefix came from, for error messages. What was
 * there before can only be wrong because of new subnets.
 */
static struct nlattr *prefix_attr(struct genl_info *info, int attr, u32 n)
{
	struct nlattr *nest;
	int rem;

	nitro_vpc_netlink_for_each(nest, attr, info, rem)
		if (!n--)
			return nest;
	return info->attrs[NITRO_VPC_A_ENI_SUBNET];
}

static const char *subnet_problem(const struct nitro_vpc_prefix *subnets, u32 n)
{
	const struct nitro_vpc_prefix *subnet = &subnets[n];
	u32 len = subnet->v6 ? subnet->len : subnet->len - 96;
	u32 i;

	if (len < 8)
		return "the subnet is larger than any VPC";
	if (subnet->len > 126)
		return "the subnet has no room for the router and an ENI";
	if (!nitro_vpc_netlink_unicast(subnet))
		return "not the prefix of a subnet";
	for (i = 0; i < n; i++)
		if (overlap(subnet, &subnets[i]))
			return "the subnets overlap";
	return NULL;
}

static bool is_broadcast(const struct nitro_vpc_prefix *address,
			 const struct nitro_vpc_prefix *subnet)
{
	u32 host = ntohl(address->addr.s6_addr32[3]) &
		   (BIT_ULL(128 - subnet->len) - 1);

	return host == BIT_ULL(128 - subnet->len) - 1;
}

static const char *address_problem(const struct nitro_vpc_eni_config *config,
				   u32 n)
{
	const struct nitro_vpc_prefix *address = &config->prefixes[n];
	const struct nitro_vpc_prefix *subnet = NULL;
	struct in6_addr router;
	bool first = true;
	u32 i;

	if (!nitro_vpc_netlink_unicast(address))
		return "not an address that an ENI can have";
	for (i = 0; i < n; i++) {
		if (overlap(address, &config->prefixes[i]))
			return "the addresses overlap";
		if (config->prefixes[i].v6 == address->v6)
			first = false;
	}
	if (first && address->len != 128)
		return "the first address of a family is the primary one, not a prefix";

	for (i = 0; i < config->n_subnets && !subnet; i++) {
		subnet = &config->prefixes[config->n_addresses + i];
		if (subnet->len > address->len || !overlap(address, subnet))
			subnet = NULL;
	}
	if (!subnet)
		return "the address is in none of the ENI's subnets";
	router = subnet->addr;
	router.s6_addr[15] |= 1;
	if (ipv6_prefix_equal(&router, &address->addr, address->len))
		return "the address is the virtual router's";
	if (ipv6_prefix_equal(&subnet->addr, &address->addr, address->len))
		return "the address is the subnet's own";
	if (!address->v6 && address->len == 128 && is_broadcast(address, subnet))
		return "the address is the subnet's broadcast address";
	return NULL;
}

static int check_prefixes(const struct nitro_vpc_eni_config *config,
			  struct genl_info *info)
{
	const char *problem = NULL;
	int attr = 0;
	u32 n = 0;

	for (n = 0; n < config->n_subnets; n++) {
		problem = subnet_problem(config->prefixes + config->n_addresses,
					 n);
		if (problem) {
			attr = NITRO_VPC_A_ENI_SUBNET;
			goto refuse;
		}
	}
	for (n = 0; n < config->n_addresses; n++) {
		problem = address_problem(config, n);
		if (problem) {
			attr = NITRO_VPC_A_ENI_ADDRESS;
			goto refuse;
		}
	}
	return 0;

refuse:
	NL_SET_ERR_MSG_ATTR_FMT(info->extack, prefix_attr(info, attr, n),
				"%s", problem);
	return -EINVAL;
}

static int set_timeout(struct genl_info *info, int attr, u32 min, u32 max,
		       u32 *timeout)
{
	u32 seconds;

	if (!info->attrs[attr])
		return 0;
	seconds = nla_get_u32(info->attrs[attr]);
	if (seconds < min || seconds > max) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[attr],
					"the timeout has to be %u to %u seconds",
					min, max);
		return -ERANGE;
	}
	*timeout = seconds * HZ;
	return 0;
}

/* AWS's ranges: EC2 API reference, ConnectionTrackingConfiguration. */
static int set_timeouts(struct nitro_vpc_eni_config *config,
			struct genl_info *info)
{
	return set_timeout(info, NITRO_VPC_A_ENI_TCP_ESTABLISHED_TIMEOUT,
			   60, 432000, &config->timeout_tcp_established) ?:
	       set_timeout(info, NITRO_VPC_A_ENI_UDP_TIMEOUT, 30, 60,
			   &config->timeout_udp) ?:
	       set_timeout(info, NITRO_VPC_A_ENI_UDP_STREAM_TIMEOUT, 60, 180,
			   &config->timeout_udp_stream);
}

static int set_users(struct nitro_vpc_card *card,
		     struct nitro_vpc_eni_config *config,
		     struct genl_info *info)
{
	struct nlattr *table = info->attrs[NITRO_VPC_A_ENI_ROUTE_TABLE];
	struct nlattr *policy = info->attrs[NITRO_VPC_A_ENI_POLICY];

	if (policy) {
		config->policy = xa_load(&card->policies.objects,
					 nla_get_u32(policy));
		if (!config->policy && nla_get_u32(policy)) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, policy,
						"no policy %u",
						nla_get_u32(policy));
			return -ENOENT;
		}
	}
	if (table) {
		config->route_table = xa_load(&card->route_tables.objects,
					      nla_get_u32(table));
		if (!config->route_table && nla_get_u32(table)) {
			NL_SET_ERR_MSG_ATTR_FMT(info->extack, table,
						"no route table %u",
						nla_get_u32(table));
			return -ENOENT;
		}
	}
	return 0;
}

static void set_numbers(struct nitro_vpc_eni_config *config, struct nlattr **tb)
{
	if (tb[NITRO_VPC_A_ENI_VNI])
		config->vni = nla_get_u32(tb[NITRO_VPC_A_ENI_VNI]);
	if (tb[NITRO_VPC_A_ENI_FLAGS])
		config->flags = nla_get_u32(tb[NITRO_VPC_A_ENI_FLAGS]);
	if (tb[NITRO_VPC_A_ENI_BANDWIDTH_IN])
		config->bandwidth_in =
			nla_get_u64(tb[NITRO_VPC_A_ENI_BANDWIDTH_IN]);
	if (tb[NITRO_VPC_A_ENI_BANDWIDTH_OUT])
		config->bandwidth_out =
			nla_get_u64(tb[NITRO_VPC_A_ENI_BANDWIDTH_OUT]);
	if (tb[NITRO_VPC_A_ENI_PPS])
		config->pps = nla_get_u32(tb[NITRO_VPC_A_ENI_PPS]);
	if (tb[NITRO_VPC_A_ENI_CONNECTION_RATE])
		config->connection_rate =
			nla_get_u32(tb[NITRO_VPC_A_ENI_CONNECTION_RATE]);
	if (tb[NITRO_VPC_A_ENI_FLOW_LIMIT])
		config->flow_limit =
			nla_get_u32(tb[NITRO_VPC_A_ENI_FLOW_LIMIT]) ?:
			NITRO_VPC_FLOWS_DEFAULT;
	if (tb[NITRO_VPC_A_ENI_SERVICE])
		config->service = nla_get_u32(tb[NITRO_VPC_A_ENI_SERVICE]);
	if (tb[NITRO_VPC_A_ENI_RESOLVER])
		config->resolver =
			nla_get_in_addr(tb[NITRO_VPC_A_ENI_RESOLVER]);
}

static void count_users(struct nitro_vpc_policy *policy,
			struct nitro_vpc_route_table *table, int by)
{
	if (policy)
		policy->shared.users += by;
	if (table)
		table->shared.users += by;
}

/* RTNL and card->lock held. */
static int set_eni(struct nitro_vpc_card *card, struct nitro_vpc_eni *eni,
		   struct genl_info *info)
{
	struct nlattr *id = info->attrs[NITRO_VPC_A_ENI_ID];
	struct nitro_vpc_route_table *old_table;
	struct nitro_vpc_eni_config *old, *config;
	struct nitro_vpc_policy *old_policy;
	int err;

	old = rcu_dereference_protected(eni->config,
					lockdep_is_held(&card->lock));
	old_policy = old->policy;
	old_table = old->route_table;

	config = new_config(old, info);
	if (IS_ERR(config))
		return PTR_ERR(config);
	set_numbers(config, info->attrs);
	err = check_prefixes(config, info) ?:
	      set_timeouts(config, info) ?:
	      set_users(card, config, info);
	if (err)
		goto err_config;

	count_users(config->policy, config->route_table, 1);
	err = nitro_vpc_eni_configure(eni, id ? nla_get_u32(id) : 0, config,
				      info->extack);
	if (err)
		goto err_users;
	/* @old itself belongs to RCU now */
	count_users(old_policy, old_table, -1);
	return 0;

err_users:
	count_users(config->policy, config->route_table, -1);
err_config:
	kfree(config);
	return err;
}

/**
 * nitro_vpc_nl_eni_set_doit() - eni-set
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_eni_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_eni *eni;
	int err = 0;
	u32 id = 0;

	rtnl_lock();
	mutex_lock(&card->lock);
	eni = find_eni(card, info);
	if (IS_ERR(eni)) {
		err = PTR_ERR(eni);
	} else {
		err = set_eni(card, eni, info);
		id = eni->id;
	}
	mutex_unlock(&card->lock);
	rtnl_unlock();

	if (err == -ENOMEM)
		NL_SET_ERR_MSG(info->extack, "no memory for the ENI");
	if (!err)
		nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_ENI, id,
					 false);
	return err;
}

static int put_netdev(struct sk_buff *skb, struct net *net,
		      struct nitro_vpc_eni *eni)
{
	struct net_device *dev = eni->dev, *port;
	char tap[IFNAMSIZ + 16];
	int err;

	if (net_eq(dev_net(dev), net))
		err = nla_put_u32(skb, NITRO_VPC_A_ENI_IFINDEX, dev->ifindex);
	else
		err = nla_put_s32(skb, NITRO_VPC_A_ENI_NETNS_ID,
				  peernet2id_alloc(net, dev_net(dev),
						   GFP_KERNEL));
	port = rtnl_dereference(eni->port);
	if (!err && port)
		err = nla_put_u32(skb, NITRO_VPC_A_ENI_PORT_IFINDEX,
				  port->ifindex);
	if (err)
		return err;
	nitro_vpc_tap_name(eni, tap, sizeof(tap));
	return nla_put_string(skb, NITRO_VPC_A_ENI_IFNAME, dev->name) ?:
	       nla_put(skb, NITRO_VPC_A_ENI_MAC, ETH_ALEN, dev->dev_addr) ?:
	       nla_put_string(skb, NITRO_VPC_A_ENI_TAP, tap);
}

static int put_limits(struct sk_buff *skb,
		      const struct nitro_vpc_eni_config *config)
{
	return nla_put(skb, NITRO_VPC_A_ENI_BANDWIDTH_IN, sizeof(u64),
		       &config->bandwidth_in) ?:
	       nla_put(skb, NITRO_VPC_A_ENI_BANDWIDTH_OUT, sizeof(u64),
		       &config->bandwidth_out) ?:
	       nla_put_u32(skb, NITRO_VPC_A_ENI_PPS, config->pps) ?:
	       nla_put_u32(skb, NITRO_VPC_A_ENI_CONNECTION_RATE,
			   config->connection_rate) ?:
	       nla_put_u32(skb, NITRO_VPC_A_ENI_FLOW_LIMIT,
			   config->flow_limit) ?:
	       nla_put_u32(skb, NITRO_VPC_A_ENI_TCP_ESTABLISHED_TIMEOUT,
			   config->timeout_tcp_established / HZ) ?:
	       nla_put_u32(skb, NITRO_VPC_A_ENI_UDP_TIMEOUT,
			   config->timeout_udp / HZ) ?:
	       nla_put_u32(skb, NITRO_VPC_A_ENI_UDP_STREAM_TIMEOUT,
			   config->timeout_udp_stream / HZ);
}

static int put_counters(struct sk_buff *skb, struct nitro_vpc_eni *eni)
{
	const char *const *names;
	int i, count, err = 0;
	u64 *values;

	count = nitro_vpc_eni_counter_names(&names);
	values = kcalloc(count, sizeof(*values), GFP_KERNEL);
	if (!values)
		return -ENOMEM;
	nitro_vpc_eni_counters(eni, values);
	for (i = 0; i < count && !err; i++)
		err = nitro_vpc_netlink_put_counter(skb, NITRO_VPC_A_ENI_STAT,
						    names[i], values[i]);
	kfree(values);
	return err ?: nitro_vpc_netlink_put_drops(skb, NITRO_VPC_A_ENI_DROP,
						  eni->drops);
}

/* RTNL and card->lock held. */
static int put_eni(struct sk_buff *skb, struct net *net,
		   struct nitro_vpc_eni *eni)
{
	struct nitro_vpc_eni_config *config;
	int err;

	config = rcu_dereference_protected(eni->config,
					   lockdep_is_held(&eni->card->lock));
	err = eni->id ? nla_put_u32(skb, NITRO_VPC_A_ENI_ID, eni->id) : 0;
	return err ?: put_netdev(skb, net, eni) ?:
	       nitro_vpc_eni_config_fill(skb, config) ?:
	       put_limits(skb, config) ?:
	       nla_put_u32(skb, NITRO_VPC_A_ENI_FLOWS,
			   atomic_read(&eni->flows)) ?:
	       put_counters(skb, eni);
}

/**
 * nitro_vpc_nl_eni_get_doit() - eni-get for one ENI
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_eni_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct nitro_vpc_card *card = nitro_vpc_card_of(net);
	struct nitro_vpc_eni *eni;
	struct sk_buff *reply;
	void *header;
	int err;

	reply = genlmsg_new(ENI_SIZE_MAX, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	header = genlmsg_iput(reply, info);
	if (!header) {
		err = -EMSGSIZE;
		goto err_reply;
	}

	rtnl_lock();
	mutex_lock(&card->lock);
	eni = find_eni(card, info);
	err = IS_ERR(eni) ? PTR_ERR(eni) : put_eni(reply, net, eni);
	mutex_unlock(&card->lock);
	rtnl_unlock();
	if (err)
		goto err_reply;

	genlmsg_end(reply, header);
	return genlmsg_reply(reply, info);

err_reply:
	nlmsg_free(reply);
	return err;
}

/**
 * nitro_vpc_nl_eni_get_start() - begin a dump of the ENIs
 * @cb: state of the dump
 *
 * Context: any.
 * Return: 0.
 */
int nitro_vpc_nl_eni_get_start(struct netlink_callback *cb)
{
	/* An ENI has to fit one message. */
	cb->min_dump_alloc = ENI_SIZE_MAX;
	return 0;
}

/* First the ENIs that have a handle, by handle; then those that do not, in the
 * order they were made.
 */
struct dump_state {
	unsigned long id;
	bool no_id;
	u32 done;
};

static int dump_eni(struct sk_buff *skb, struct netlink_callback *cb,
		    struct nitro_vpc_eni *eni)
{
	void *header;
	int err;

	header = nitro_vpc_netlink_put_dump(skb, cb, NITRO_VPC_CMD_ENI_GET);
	if (!header)
		return -EMSGSIZE;
	err = put_eni(skb, sock_net(cb->skb->sk), eni);
	if (err)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

static int dump_enis(struct sk_buff *skb, struct netlink_callback *cb,
		     struct nitro_vpc_card *card, struct dump_state *at)
{
	struct nitro_vpc_eni *eni;
	u32 n = 0;
	int err;

	if (!at->no_id) {
		xa_for_each_start(&card->enis, at->id, eni, at->id) {
			err = dump_eni(skb, cb, eni);
			if (err)
				return err;
		}
		at->no_id = true;
	}
	list_for_each_entry(eni, &card->eni_list, node) {
		if (eni->id || n++ < at->done)
			continue;
		err = dump_eni(skb, cb, eni);
		if (err)
			return err;
		at->done++;
	}
	return 0;
}

/**
 * nitro_vpc_nl_eni_get_dumpit() - eni-get for all ENIs
 * @skb: reply
 * @cb: state of the dump: ENI to go on with
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_nl_eni_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	struct nitro_vpc_card *card = nitro_vpc_netlink_dump_card(cb);
	struct dump_state *at = nitro_vpc_netlink_dump_state(cb,
							     struct dump_state);
	int err;

	rtnl_lock();
	mutex_lock(&card->lock);
	cb->seq = nitro_vpc_card_generation(card);
	err = dump_enis(skb, cb, card, at);
	mutex_unlock(&card->lock);
	rtnl_unlock();
	return err;
}
