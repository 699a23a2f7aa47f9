// SPDX-License-Identifier: GPL-2.0
/* route-table-set, route-table-del and route-table-get. */

#include "card.h"
#include "eni.h"
#include "netlink-gen.h"
#include "netlink-shared.h"
#include "netlink.h"
#include "route.h"

static const struct nitro_vpc_netlink_prefix route_prefix = {
	.ip4 = NITRO_VPC_A_ROUTE_IP4,
	.ip6 = NITRO_VPC_A_ROUTE_IP6,
	.len = NITRO_VPC_A_ROUTE_PREFIX_LEN,
};

static int parse_route(struct nlattr *nest, void *part,
		       struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NITRO_VPC_A_ROUTE_MAC + 1];
	struct nitro_vpc_route *route = part;
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

static void *build_routes(const void *routes, u32 count,
			  struct netlink_ext_ack *extack)
{
	return nitro_vpc_routes_build(routes, count, extack);
}

static const void *routes_array(const void *routes, u32 *count)
{
	return nitro_vpc_routes_array(routes, count);
}

static int put_route(struct sk_buff *skb, const void *part)
{
	return nitro_vpc_netlink_put_route(skb, NITRO_VPC_A_ROUTE_TABLE_ROUTE,
					   part);
}

static const struct nitro_vpc_netlink_shared route_tables = {
	.name = "route table",
	.part_names = "routes",
	.object = NITRO_VPC_OBJECT_KIND_ROUTE_TABLE,
	.get = NITRO_VPC_CMD_ROUTE_TABLE_GET,
	.id = NITRO_VPC_A_ROUTE_TABLE_ID,
	.part = NITRO_VPC_A_ROUTE_TABLE_ROUTE,
	.table = offsetof(struct nitro_vpc_card, route_tables),
	.parts_max = NITRO_VPC_ROUTES_MAX,
	.part_size = sizeof(struct nitro_vpc_route),
	.parse = parse_route,
	.build = build_routes,
	.parts = routes_array,
	.put = put_route,
};

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
	return nitro_vpc_netlink_shared_set(&route_tables, info);
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
	return nitro_vpc_netlink_shared_del(&route_tables, info);
}

/**
 * nitro_vpc_nl_route_table_get_dumpit() - route-table-get
 * @skb: reply
 * @cb: state of the dump
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_nl_route_table_get_dumpit(struct sk_buff *skb,
					struct netlink_callback *cb)
{
	return nitro_vpc_netlink_shared_dump(&route_tables, skb, cb);
}
