/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_HOST_H
#define _NITRO_VPC_HOST_H

#include <linux/in6.h>
#include <linux/refcount.h>
#include <net/dst_cache.h>

struct nitro_vpc_card;

/**
 * struct nitro_vpc_host - a host of the network
 * @id: handle
 * @local: this one
 * @v6: the underlay address is an IPv6 one
 * @addr: underlay address; IPv4 as IPv4-mapped IPv6
 * @port: Geneve port
 * @mappings: mappings in the card's tables that lead here; protected by the
 *	card's lock
 * @dst: cached route of the underlay
 * @refs: one of the card, one of each mapping
 * @rcu: for freeing
 *
 * Immutable but for @mappings, @dst and @refs; a change makes a new one and
 * moves the mappings to it.
 */
struct nitro_vpc_host {
	u32 id;
	bool local;
	bool v6;
	struct in6_addr addr;
	__be16 port;
	u32 mappings;
	struct dst_cache dst;
	refcount_t refs;
	struct rcu_head rcu;
};

struct nitro_vpc_host *nitro_vpc_host_lookup(struct nitro_vpc_card *card, u32 id);
struct nitro_vpc_host *nitro_vpc_host_new(u32 id, bool local, bool v6,
					  const struct in6_addr *addr,
					  __be16 port);
void nitro_vpc_host_get(struct nitro_vpc_host *host);
void nitro_vpc_host_put(struct nitro_vpc_host *host);
int nitro_vpc_host_publish(struct nitro_vpc_card *card,
			   struct nitro_vpc_host *host);
void nitro_vpc_host_remove(struct nitro_vpc_card *card,
			   struct nitro_vpc_host *host);

#endif
