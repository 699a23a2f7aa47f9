// SPDX-License-Identifier: GPL-2.0
/* What an ENI is configured to be: its addresses, its link, its router. */

#include <linux/slab.h>
#include <net/ipv6.h>
#include <net/netlink.h>

#include "eni.h"

/**
 * nitro_vpc_eni_config_alloc() - an empty configuration
 * @n_addresses: room for addresses
 * @n_subnets: room for subnets, behind the addresses
 * @gfp: how to allocate
 *
 * Context: as @gfp says.
 * Return: the configuration with AWS's defaults (timeouts: EC2 API,
 * ConnectionTrackingConfiguration, Nitro v6), or NULL.
 */
struct nitro_vpc_eni_config *
nitro_vpc_eni_config_alloc(u32 n_addresses, u32 n_subnets, gfp_t gfp)
{
	struct nitro_vpc_eni_config *config;

	config = kzalloc(struct_size(config, prefixes,
				     n_addresses + n_subnets), gfp);
	if (!config)
		return NULL;
	config->vni = NITRO_VPC_VNI_NONE;
	config->n_addresses = n_addresses;
	config->n_subnets = n_subnets;
	config->flow_limit = NITRO_VPC_FLOWS_DEFAULT;
	config->timeout_tcp_established = 350 * HZ;
	config->timeout_udp = 30 * HZ;
	config->timeout_udp_stream = 180 * HZ;
	return config;
}

static bool prefix_covers(const struct nitro_vpc_prefix *prefix,
			  const struct in6_addr *addr)
{
	if (prefix->len == 128)
		return ipv6_addr_equal(&prefix->addr, addr);
	/* An IPv6 prefix that is shorter than ::ffff:0:0/96 covers the
	 * IPv4-mapped addresses, which are not its family's.
	 */
	return prefix->v6 == !ipv6_addr_v4mapped(addr) &&
	       ipv6_prefix_equal(&prefix->addr, addr, prefix->len);
}

/**
 * nitro_vpc_eni_owns() - is an address the ENI's own
 * @config: the ENI's configuration
 * @addr: the address
 *
 * Context: RCU read side.
 * Return: true if it is, or is in a prefix delegated to it.
 */
bool nitro_vpc_eni_owns(const struct nitro_vpc_eni_config *config,
			const struct in6_addr *addr)
{
	u32 i;

	for (i = 0; i < config->n_addresses; i++) {
		if (prefix_covers(&config->prefixes[i], addr))
			return true;
	}
	return false;
}

/**
 * nitro_vpc_eni_on_link() - is an address on the ENI's link
 * @config: the ENI's configuration
 * @addr: the address
 *
 * Context: RCU read side.
 * Return: true if it is in one of the ENI's subnets.
 */
bool nitro_vpc_eni_on_link(const struct nitro_vpc_eni_config *config,
			   const struct in6_addr *addr)
{
	u32 i;

	for (i = 0; i < config->n_subnets; i++) {
		if (prefix_covers(&config->prefixes[config->n_addresses + i],
				  addr))
			return true;
	}
	return false;
}

/* The router has the first address of a subnet (VPC User Guide,
 * subnet-sizing).
 */
static void router_of(const struct nitro_vpc_prefix *subnet,
		      struct in6_addr *ret)
{
	ipv6_addr_prefix(ret, &subnet->addr, subnet->len);
	ret->s6_addr[15] |= 1;
}

/**
 * nitro_vpc_eni_is_router() - is an address the virtual router's
 * @config: the ENI's configuration
 * @addr: the address
 *
 * Context: RCU read side.
 * Return: true for the first address of each of the ENI's subnets and for
 * fe80::1.
 */
bool nitro_vpc_eni_is_router(const struct nitro_vpc_eni_config *config,
			     const struct in6_addr *addr)
{
	static const struct in6_addr link_local = {
		.s6_addr = { 0xfe, 0x80, [15] = 1 },
	};
	struct in6_addr router;
	u32 i;

	for (i = 0; i < config->n_subnets; i++) {
		router_of(&config->prefixes[config->n_addresses + i], &router);
		if (ipv6_addr_equal(&router, addr))
			return true;
	}
	return ipv6_addr_equal(&link_local, addr);
}

/**
 * nitro_vpc_eni_router_addr() - the address that the virtual router speaks from
 * @config: the ENI's configuration
 * @v6: address family
 * @ret: set to it
 *
 * Context: RCU read side.
 * Return: false if the ENI has no subnet of the family.
 */
bool nitro_vpc_eni_router_addr(const struct nitro_vpc_eni_config *config,
			       bool v6, struct in6_addr *ret)
{
	const struct nitro_vpc_prefix *subnet;
	u32 i;

	for (i = 0; i < config->n_subnets; i++) {
		subnet = &config->prefixes[config->n_addresses + i];
		if (subnet->v6 == v6) {
			router_of(subnet, ret);
			return true;
		}
	}
	return false;
}

static int fill_prefix(struct sk_buff *skb, int attr,
		       const struct nitro_vpc_prefix *prefix)
{
	struct nlattr *nest = nla_nest_start(skb, attr);

	if (!nest)
		return -EMSGSIZE;
	if (prefix->v6) {
		if (nla_put_in6_addr(skb, NITRO_VPC_A_PREFIX_IP6,
				     &prefix->addr) ||
		    nla_put_u32(skb, NITRO_VPC_A_PREFIX_PREFIX_LEN,
				prefix->len))
			goto cancel;
	} else {
		if (nla_put_in_addr(skb, NITRO_VPC_A_PREFIX_IP4,
				    prefix->addr.s6_addr32[3]) ||
		    nla_put_u32(skb, NITRO_VPC_A_PREFIX_PREFIX_LEN,
				prefix->len - 96))
			goto cancel;
	}
	nla_nest_end(skb, nest);
	return 0;

cancel:
	nla_nest_cancel(skb, nest);
	return -EMSGSIZE;
}

/**
 * nitro_vpc_eni_config_fill() - write VPC, addresses, subnets, policy, routes
 * @skb: message
 * @config: the configuration, NULL for nothing
 *
 * The attributes are the ones of eni-get; IFLA_INFO_DATA has them too.
 *
 * Context: RCU read side or card->lock.
 * Return: 0 or -EMSGSIZE.
 */
int nitro_vpc_eni_config_fill(struct sk_buff *skb,
			      const struct nitro_vpc_eni_config *config)
{
	u32 i;

	if (!config)
		return 0;
	if (config->vni != NITRO_VPC_VNI_NONE &&
	    nla_put_u32(skb, NITRO_VPC_A_ENI_VNI, config->vni))
		return -EMSGSIZE;
	for (i = 0; i < config->n_addresses + config->n_subnets; i++) {
		if (fill_prefix(skb, i < config->n_addresses ?
				NITRO_VPC_A_ENI_ADDRESS : NITRO_VPC_A_ENI_SUBNET,
				&config->prefixes[i]))
			return -EMSGSIZE;
	}
	if (config->policy &&
	    nla_put_u32(skb, NITRO_VPC_A_ENI_POLICY, config->policy->shared.id))
		return -EMSGSIZE;
	if (config->route_table &&
	    nla_put_u32(skb, NITRO_VPC_A_ENI_ROUTE_TABLE,
			config->route_table->shared.id))
		return -EMSGSIZE;
	if (nla_put_u32(skb, NITRO_VPC_A_ENI_FLAGS, config->flags))
		return -EMSGSIZE;
	if (config->service &&
	    nla_put_u32(skb, NITRO_VPC_A_ENI_SERVICE, config->service))
		return -EMSGSIZE;
	if (config->resolver &&
	    nla_put_in_addr(skb, NITRO_VPC_A_ENI_RESOLVER, config->resolver))
		return -EMSGSIZE;
	return 0;
}
