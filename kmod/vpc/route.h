/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_ROUTE_H
#define _NITRO_VPC_ROUTE_H

#include <linux/etherdevice.h>
#include <linux/in6.h>
#include <linux/refcount.h>
#include <uapi/linux/nitro_vpc.h>

#include "shared.h"

struct netlink_ext_ack;

/**
 * struct nitro_vpc_route - one route
 * @prefix: masked; IPv4 as IPv4-mapped IPv6
 * @prefix_len: 0..128, in IPv6 terms
 * @v6: the prefix is an IPv6 one
 * @type: NITRO_VPC_ROUTE_TYPE_*
 * @mac: of the ENI, for NITRO_VPC_ROUTE_TYPE_ENI
 */
struct nitro_vpc_route {
	struct in6_addr prefix;
	u8 prefix_len;
	u8 v6;
	u8 type;
	u8 mac[ETH_ALEN];
};

struct nitro_vpc_routes;

/**
 * struct nitro_vpc_route_table - a route table as ENIs refer to it
 * @shared: its content is struct nitro_vpc_routes
 */
struct nitro_vpc_route_table {
	struct nitro_vpc_shared shared;
};

extern const struct nitro_vpc_shared_ops nitro_vpc_route_table_ops;

/* Context: RCU read-side critical section. */
static inline const struct nitro_vpc_routes *
nitro_vpc_route_table_routes(const struct nitro_vpc_route_table *table)
{
	return rcu_dereference(table->shared.content);
}

/* struct nitro_vpc_routes is immutable: an array of routes for dumps, and for
 * each family the boundaries of the elementary address ranges (range.h) with
 * the index of the route that wins in each (or none).
 */
struct nitro_vpc_routes *nitro_vpc_routes_build(const struct nitro_vpc_route *routes,
						u32 count,
						struct netlink_ext_ack *extack);
void nitro_vpc_routes_free(struct nitro_vpc_routes *routes);
void nitro_vpc_routes_free_rcu(struct nitro_vpc_routes *routes);
const struct nitro_vpc_route *
nitro_vpc_routes_lookup(const struct nitro_vpc_routes *routes, bool v6,
			const struct in6_addr *addr);
const struct nitro_vpc_route *
nitro_vpc_routes_array(const struct nitro_vpc_routes *routes, u32 *count);

#endif
