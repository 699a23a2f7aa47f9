// SPDX-License-Identifier: GPL-2.0
#include "route.h"

#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "range.h"

#define NO_ROUTE	U16_MAX

/**
 * struct nitro_vpc_routes - the routes of a table
 * @rcu: for freeing
 * @axis: by family, index of the route that wins in each range of addresses
 * @count: number of @route
 * @route: the routes as they were given
 */
struct nitro_vpc_routes {
	struct rcu_head rcu;
	struct nitro_vpc_range axis[2];
	u32 count;
	struct nitro_vpc_route route[] __counted_by(count);
};

/* The sweep over one axis. Of two different prefixes of one length only one can
 * be open, so what is open has one slot for each length.
 */
struct sweep {
	const struct nitro_vpc_route *route;
	DECLARE_BITMAP(open, 129);
	u16 by_len[129];
	int twice;
	int twice_of;
};

static void sweep_edge(void *context, u16 item, bool leave)
{
	struct sweep *sweep = context;
	u8 len = sweep->route[item].prefix_len;

	if (leave) {
		__clear_bit(len, sweep->open);
		return;
	}
	if (__test_and_set_bit(len, sweep->open) && sweep->twice < 0) {
		sweep->twice = max(item, sweep->by_len[len]);
		sweep->twice_of = min(item, sweep->by_len[len]);
	}
	sweep->by_len[len] = item;
}

static int sweep_value(void *context)
{
	struct sweep *sweep = context;
	unsigned long len = find_last_bit(sweep->open, 129);

	return len < 129 ? sweep->by_len[len] : NO_ROUTE;
}

static const struct nitro_vpc_range_ops sweep_ops = {
	.edge = sweep_edge,
	.value = sweep_value,
};

static int check_route(const struct nitro_vpc_route *route, u32 n,
		       struct netlink_ext_ack *extack)
{
	struct nitro_vpc_u128 addr = nitro_vpc_u128_from_addr(&route->prefix);

	if (route->v6 > 1 || route->prefix_len > 128 ||
	    (!route->v6 && (!ipv6_addr_v4mapped(&route->prefix) ||
			    route->prefix_len < 96))) {
		NL_SET_ERR_MSG_FMT(extack, "route %u: the prefix length is out of range", n);
		return -EINVAL;
	}
	if (!nitro_vpc_u128_masked(addr, route->prefix_len)) {
		NL_SET_ERR_MSG_FMT(extack, "route %u: the prefix has host bits set", n);
		return -EINVAL;
	}
	switch (route->type) {
	case NITRO_VPC_ROUTE_TYPE_LOCAL:
	case NITRO_VPC_ROUTE_TYPE_BLACKHOLE:
		return 0;
	case NITRO_VPC_ROUTE_TYPE_ENI:
		if (is_valid_ether_addr(route->mac))
			return 0;
		NL_SET_ERR_MSG_FMT(extack, "route %u: no valid MAC address of an ENI", n);
		return -EINVAL;
	default:
		NL_SET_ERR_MSG_FMT(extack, "route %u: unknown type", n);
		return -EINVAL;
	}
}

static int build_axis(struct nitro_vpc_routes *routes, bool v6,
		      struct nitro_vpc_range_edge *edges,
		      struct netlink_ext_ack *extack)
{
	struct sweep sweep = { .route = routes->route, .twice = -1 };
	u32 i, n = 0;
	int ret;

	for (i = 0; i < routes->count; i++) {
		const struct nitro_vpc_route *route = &routes->route[i];
		struct nitro_vpc_u128 first;

		if (route->v6 != v6)
			continue;
		first = nitro_vpc_u128_from_addr(&route->prefix);
		n += nitro_vpc_range_edges(edges + n, v6, first,
					   nitro_vpc_u128_last(first, route->prefix_len),
					   i);
	}
	ret = nitro_vpc_range_build(&routes->axis[v6], v6, edges, n, &sweep_ops,
				    &sweep);
	if (ret) {
		NL_SET_ERR_MSG(extack, "out of memory");
		return ret;
	}
	if (sweep.twice >= 0) {
		NL_SET_ERR_MSG_FMT(extack, "route %d: same prefix as route %d",
				   sweep.twice + 1, sweep.twice_of + 1);
		return -EEXIST;
	}
	return 0;
}

/**
 * nitro_vpc_routes_build() - make the routes of a table
 * @routes: the routes, in any order; copied
 * @count: how many
 * @extack: why they were refused; may be NULL. Names routes by their place,
 *	beginning with 1
 *
 * Context: Process, may sleep.
 * Return: the routes or an ERR_PTR.
 */
struct nitro_vpc_routes *nitro_vpc_routes_build(const struct nitro_vpc_route *routes,
						u32 count,
						struct netlink_ext_ack *extack)
{
	struct nitro_vpc_range_edge *edges;
	struct nitro_vpc_routes *built;
	int ret = -ENOMEM;
	u32 i;

	BUILD_BUG_ON(NITRO_VPC_ROUTES_MAX >= NO_ROUTE);

	if (count > NITRO_VPC_ROUTES_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "a route table has %u routes at most",
				   NITRO_VPC_ROUTES_MAX);
		return ERR_PTR(-E2BIG);
	}
	for (i = 0; i < count; i++) {
		ret = check_route(&routes[i], i + 1, extack);
		if (ret)
			return ERR_PTR(ret);
	}

	built = kvzalloc(struct_size(built, route, count), GFP_KERNEL_ACCOUNT);
	edges = kvmalloc_array(count, 2 * sizeof(*edges), GFP_KERNEL);
	if (!built || !edges) {
		NL_SET_ERR_MSG(extack, "out of memory");
		ret = -ENOMEM;
		goto err_alloc;
	}
	built->count = count;
	memcpy(built->route, routes, array_size(count, sizeof(*routes)));

	ret = build_axis(built, false, edges, extack);
	if (ret)
		goto err_axis;
	ret = build_axis(built, true, edges, extack);
	if (ret)
		goto err_axis;
	kvfree(edges);
	return built;

err_axis:
	nitro_vpc_range_destroy(&built->axis[0]);
	nitro_vpc_range_destroy(&built->axis[1]);
err_alloc:
	kvfree(edges);
	kvfree(built);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_routes_build);

/**
 * nitro_vpc_routes_free() - free the routes of a table at once
 * @routes: routes that no reader has any more, or NULL
 *
 * Context: Any but NMI.
 */
void nitro_vpc_routes_free(struct nitro_vpc_routes *routes)
{
	if (!routes)
		return;
	nitro_vpc_range_destroy(&routes->axis[0]);
	nitro_vpc_range_destroy(&routes->axis[1]);
	kvfree(routes);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_routes_free);

static void free_rcu(struct rcu_head *rcu)
{
	nitro_vpc_routes_free(container_of(rcu, struct nitro_vpc_routes, rcu));
}

/**
 * nitro_vpc_routes_free_rcu() - free the routes of a table after a grace period
 * @routes: routes that no new reader finds any more, or NULL
 *
 * Context: Any but NMI.
 */
void nitro_vpc_routes_free_rcu(struct nitro_vpc_routes *routes)
{
	if (routes)
		call_rcu(&routes->rcu, free_rcu);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_routes_free_rcu);

static void free_content(void *content)
{
	nitro_vpc_routes_free(content);
}

static void free_content_rcu(void *content)
{
	nitro_vpc_routes_free_rcu(content);
}

const struct nitro_vpc_shared_ops nitro_vpc_route_table_ops = {
	.free = free_content,
	.free_rcu = free_content_rcu,
};

/**
 * nitro_vpc_routes_lookup() - find the route of an address
 * @routes: the routes
 * @v6: the address is an IPv6 one
 * @addr: the address; IPv4 as IPv4-mapped IPv6
 *
 * Context: Under RCU, if that is what protects @routes.
 * Return: the route with the longest prefix, NULL if there is none.
 */
const struct nitro_vpc_route *
nitro_vpc_routes_lookup(const struct nitro_vpc_routes *routes, bool v6,
			const struct in6_addr *addr)
{
	u16 i = nitro_vpc_range_find_addr(&routes->axis[v6], addr);

	return i != NO_ROUTE ? &routes->route[i] : NULL;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_routes_lookup);

/**
 * nitro_vpc_routes_array() - the routes as they were given
 * @routes: the routes
 * @count: where to put their number
 *
 * Context: Under RCU, if that is what protects @routes.
 * Return: the first of them.
 */
const struct nitro_vpc_route *
nitro_vpc_routes_array(const struct nitro_vpc_routes *routes, u32 *count)
{
	*count = routes->count;
	return routes->route;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_routes_array);
