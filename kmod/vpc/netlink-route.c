// SPDX-License-Identifier: GPL-2.0
/* route-table-set, route-table-del and route-table-get. */

#include <linux/slab.h>

#include "card.h"
#include "eni.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "route.h"

static const struct nitro_vpc_netlink_prefix route_prefix = {
	.ip4 = NITRO_VPC_A_ROUTE_IP4,
	.ip6 = NITRO_VPC_A_ROUTE_IP6,
	.len = NITRO_VPC_A_ROUTE_PREFIX_LEN,
};

static int parse_route(struct nlattr *nest, struct nitro_vpc_route *route,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NITRO_VPC_A_ROUTE_MAC + 1];
	struct nitro_vpc_prefix prefix;
	int err;

	err = nla_parse_nested(tb, NITRO_VPC_A_ROUTE_MAC, nest,
			       nitro_vpc_route_nl_policy, extack) ?:
	      nitro_vpc_netlink_get_prefix(tb, &route_prefix, nest, &prefix,
					   extack);
	if (err)
		return err;
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, NITRO_VPC_A_ROUTE_TYPE)) {
		NL_SET_ERR_MSG(extack, "'type' is missing");
		return -EINVAL;
	}

	route->prefix = prefix.addr;
	route->prefix_len = prefix.len;
	route->v6 = prefix.v6;
	route->type = nla_get_u32(tb[NITRO_VPC_A_ROUTE_TYPE]);
	if (route->type != NITRO_VPC_ROUTE_TYPE_ENI) {
		if (tb[NITRO_VPC_A_ROUTE_MAC]) {
			NL_SET_ERR_MSG_ATTR(extack, tb[NITRO_VPC_A_ROUTE_MAC],
					    "only a route to an ENI has a 'mac'");
			return -EINVAL;
		}
		return 0;
	}
	if (NL_REQ_ATTR_CHECK(extack, nest, tb, NITRO_VPC_A_ROUTE_MAC)) {
		NL_SET_ERR_MSG(extack, "a route to an ENI needs its 'mac'");
		return -EINVAL;
	}
	nla_memcpy(route->mac, tb[NITRO_VPC_A_ROUTE_MAC], ETH_ALEN);
	if (!is_valid_ether_addr(route->mac)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[NITRO_VPC_A_ROUTE_MAC],
				    "not the MAC address of an ENI");
		return -EINVAL;
	}
	return 0;
}

static struct nitro_vpc_routes *parse_routes(struct genl_info *info)
{
	u32 n = 0, count = nitro_vpc_netlink_count(info,
						   NITRO_VPC_A_ROUTE_TABLE_ROUTE);
	struct nitro_vpc_routes *built;
	struct nitro_vpc_route *routes;
	struct nlattr *nest;
	int err = 0, rem;

	if (count > NITRO_VPC_ROUTES_MAX) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack,
					info->attrs[NITRO_VPC_A_ROUTE_TABLE_ROUTE],
					"a route table has %u routes at most",
					NITRO_VPC_ROUTES_MAX);
		return ERR_PTR(-E2BIG);
	}
	routes = kvcalloc(count ?: 1, sizeof(*routes), GFP_KERNEL_ACCOUNT);
	if (!routes)
		return ERR_PTR(-ENOMEM);
	nitro_vpc_netlink_for_each(nest, NITRO_VPC_A_ROUTE_TABLE_ROUTE, info,
				   rem) {
		err = parse_route(nest, &routes[n++], info->extack);
		if (err)
			break;
	}
	built = err ? ERR_PTR(err)
		    : nitro_vpc_routes_build(routes, count, info->extack);
	kvfree(routes);
	return built;
}

/* Takes over @routes unless it fails. */
static int set_table(struct nitro_vpc_card *card, u32 id,
		     struct nitro_vpc_routes *routes)
{
	struct nitro_vpc_route_table *table = xa_load(&card->route_tables, id);
	struct nitro_vpc_routes *old;
	int err;

	if (table) {
		old = rcu_replace_pointer(table->routes, routes,
					  lockdep_is_held(&card->lock));
		nitro_vpc_card_changed(card);
		nitro_vpc_routes_free_rcu(old);
		return 0;
	}
	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;
	table->id = id;
	RCU_INIT_POINTER(table->routes, routes);
	err = xa_err(xa_store(&card->route_tables, id, table,
			      GFP_KERNEL_ACCOUNT));
	if (err) {
		kfree(table);
		return err;
	}
	card->n_route_tables++;
	nitro_vpc_card_changed(card);
	return 0;
}

/**
 * nitro_vpc_nl_route_table_set_doit() - route-table-set
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_route_table_set_doit(struct sk_buff *skb,
				      struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_routes *routes;
	int err;
	u32 id;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_ROUTE_TABLE_ID, "id");
	if (err)
		return err;
	id = nla_get_u32(info->attrs[NITRO_VPC_A_ROUTE_TABLE_ID]);
	routes = parse_routes(info);
	if (IS_ERR(routes))
		return PTR_ERR(routes);

	mutex_lock(&card->lock);
	err = set_table(card, id, routes);
	mutex_unlock(&card->lock);
	if (err) {
		NL_SET_ERR_MSG(info->extack, "no memory for the route table");
		nitro_vpc_routes_free(routes);
		return err;
	}
	nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_ROUTE_TABLE, id,
				 false);
	return 0;
}

/**
 * nitro_vpc_nl_route_table_del_doit() - route-table-del
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_route_table_del_doit(struct sk_buff *skb,
				      struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_route_table *table;
	struct nlattr *attr;
	int err;
	u32 id;

	err = nitro_vpc_netlink_require(info, NITRO_VPC_A_ROUTE_TABLE_ID, "id");
	if (err)
		return err;
	attr = info->attrs[NITRO_VPC_A_ROUTE_TABLE_ID];
	id = nla_get_u32(attr);

	mutex_lock(&card->lock);
	table = xa_load(&card->route_tables, id);
	if (!table) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
					"no route table %u", id);
		err = -ENOENT;
	} else if (table->users) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
					"%u ENIs use route table %u",
					table->users, id);
		err = -EBUSY;
	} else {
		xa_erase(&card->route_tables, id);
		card->n_route_tables--;
		nitro_vpc_card_changed(card);
		nitro_vpc_routes_free_rcu(rcu_dereference_protected(table->routes,
								    true));
		kfree_rcu(table, rcu);
	}
	mutex_unlock(&card->lock);
	if (err)
		return err;
	nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_ROUTE_TABLE, id,
				 true);
	return 0;
}

/**
 * nitro_vpc_netlink_put_route() - write a route
 * @skb: message
 * @attr: type of the nest
 * @route: the route
 *
 * Context: any.
 * Return: 0 or -EMSGSIZE with nothing written.
 */
int nitro_vpc_netlink_put_route(struct sk_buff *skb, int attr,
				const struct nitro_vpc_route *route)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;
	if (nitro_vpc_netlink_put_prefix(skb, &route_prefix, route->v6,
					 &route->prefix, route->prefix_len) ||
	    nla_put_u32(skb, NITRO_VPC_A_ROUTE_TYPE, route->type) ||
	    (route->type == NITRO_VPC_ROUTE_TYPE_ENI &&
	     nla_put(skb, NITRO_VPC_A_ROUTE_MAC, ETH_ALEN, route->mac))) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* Writes what fits; *@next is the first route that did not. */
static int dump_table(struct sk_buff *skb, struct netlink_callback *cb,
		      struct nitro_vpc_card *card,
		      struct nitro_vpc_route_table *table, u32 *next)
{
	const struct nitro_vpc_routes *routes;
	const struct nitro_vpc_route *array;
	u32 count, first = *next;
	void *header;
	int err = 0;

	routes = rcu_dereference_protected(table->routes,
					   lockdep_is_held(&card->lock));
	array = nitro_vpc_routes_array(routes, &count);
	header = nitro_vpc_netlink_put_dump(skb, cb,
					    NITRO_VPC_CMD_ROUTE_TABLE_GET);
	if (!header)
		return -EMSGSIZE;
	if (nla_put_u32(skb, NITRO_VPC_A_ROUTE_TABLE_ID, table->id)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	for (; *next < count && !err; *next += !err)
		err = nitro_vpc_netlink_put_route(skb,
						  NITRO_VPC_A_ROUTE_TABLE_ROUTE,
						  &array[*next]);
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
 * nitro_vpc_nl_route_table_get_dumpit() - route-table-get
 * @skb: reply
 * @cb: state of the dump: the table and the route to go on with
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_nl_route_table_get_dumpit(struct sk_buff *skb,
					struct netlink_callback *cb)
{
	struct nitro_vpc_card *card = nitro_vpc_netlink_dump_card(cb);
	struct dump_state *at = nitro_vpc_netlink_dump_state(cb,
							     struct dump_state);
	struct nitro_vpc_route_table *table;
	unsigned long id = at->id;
	int err = 0;

	mutex_lock(&card->lock);
	cb->seq = nitro_vpc_card_generation(card);
	xa_for_each_start(&card->route_tables, id, table, at->id) {
		if (id != at->id)
			at->next = 0;
		at->id = id;
		err = dump_table(skb, cb, card, table, &at->next);
		if (err)
			break;
		at->id = id + 1;
		at->next = 0;
	}
	mutex_unlock(&card->lock);
	return err;
}
