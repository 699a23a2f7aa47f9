/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_MAPPING_H
#define _NITRO_VPC_MAPPING_H

#include <linux/etherdevice.h>
#include <linux/in6.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/rhashtable-types.h>
#include <uapi/linux/nitro_vpc.h>

struct nitro_vpc_card;
struct nitro_vpc_host;
struct nitro_vpc_mapping_table;

/**
 * struct nitro_vpc_mapping - who has a prefix of a VPC
 * @node: in the VPC's table of prefixes
 * @mac_node: in the VPC's table of forwarders, if NITRO_VPC_MAPPING_FLAGS_FORWARD
 * @sorted: in the VPC's tree; protected by the card's lock
 * @key: what a table looks for, the four that follow
 * @prefix: masked; IPv4 as IPv4-mapped IPv6
 * @prefix_len: 0..128, in IPv6 terms (an IPv4 /24 is 120)
 * @v6: the prefix is an IPv6 one
 * @zero: padding, always 0, as the key is hashed and compared as words
 * @vni: the VPC
 * @host: the host that has the ENI, with a reference; changed under the card's
 *	lock while the mapping is in a table
 * @eni: handle of the ENI, 0 if not known
 * @mac: MAC address of the ENI
 * @dead: it is not in the table any more
 * @doomed: a deletion in the works names it; protected by the card's lock
 * @flags: NITRO_VPC_MAPPING_FLAGS_*
 * @refs: one of the table, one of each flow that leads here
 * @rcu: for freeing
 * @n_tags: number of @tags
 * @tags: handles of the security groups that the ENI is a member of, ascending
 *
 * All but @host, @dead, @doomed, @refs and the nodes is immutable: a change
 * makes a new one.
 */
struct nitro_vpc_mapping {
	struct rhash_head node;
	struct hlist_node mac_node;
	struct rb_node sorted;

	struct_group(key,
		struct in6_addr prefix;
		u8 prefix_len;
		u8 v6;
		u16 zero;
	);
	u32 vni;
	struct nitro_vpc_host __rcu *host;
	u32 eni;
	u8 mac[ETH_ALEN];
	bool dead;
	bool doomed;
	u32 flags;
	refcount_t refs;
	struct rcu_head rcu;
	u32 n_tags;
	u32 tags[] __counted_by(n_tags);
};

/* The data path. */
struct nitro_vpc_mapping *
nitro_vpc_mapping_lookup(struct nitro_vpc_card *card, u32 vni, bool v6,
			 const struct in6_addr *addr);
struct nitro_vpc_mapping *
nitro_vpc_mapping_lookup_forwarder(struct nitro_vpc_card *card, u32 vni,
				   const u8 *mac);
bool nitro_vpc_mapping_get(struct nitro_vpc_mapping *mapping);
void nitro_vpc_mapping_put(struct nitro_vpc_mapping *mapping);

/* A VPC's table. */
struct nitro_vpc_mapping *nitro_vpc_mapping_alloc(u32 n_tags, gfp_t gfp);
struct nitro_vpc_mapping_table *nitro_vpc_mapping_table_new(u32 vni);
void nitro_vpc_mapping_table_free(struct nitro_vpc_mapping_table *table);
u32 nitro_vpc_mapping_table_count(const struct nitro_vpc_mapping_table *table);
int nitro_vpc_mapping_table_set(struct nitro_vpc_mapping_table *table,
				struct nitro_vpc_mapping *mapping,
				struct nitro_vpc_mapping **ret_old);
void nitro_vpc_mapping_table_del(struct nitro_vpc_mapping_table *table,
				 struct nitro_vpc_mapping *mapping);
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_find(struct nitro_vpc_mapping_table *table, bool v6,
			     const struct in6_addr *prefix, u8 prefix_len);
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_lookup(struct nitro_vpc_mapping_table *table, bool v6,
			       const struct in6_addr *addr);
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_forwarder(struct nitro_vpc_mapping_table *table,
				  const u8 *mac);
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_next(struct nitro_vpc_mapping_table *table,
			     const struct nitro_vpc_mapping *after);

/* A card's tables. */
int nitro_vpc_mapping_set(struct nitro_vpc_card *card,
			  struct nitro_vpc_mapping **mappings, u32 count);
void nitro_vpc_mapping_del(struct nitro_vpc_card *card,
			   struct nitro_vpc_mapping **mappings, u32 count);
int nitro_vpc_mapping_replace(struct nitro_vpc_card *card, u32 vni,
			      struct nitro_vpc_mapping_table *table);
void nitro_vpc_mapping_move(struct nitro_vpc_card *card,
			    struct nitro_vpc_host *from,
			    struct nitro_vpc_host *to);
void nitro_vpc_mapping_flush(struct nitro_vpc_card *card);

#endif
