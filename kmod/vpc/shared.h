/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_SHARED_H
#define _NITRO_VPC_SHARED_H

#include <linux/rcupdate.h>
#include <linux/xarray.h>

struct nitro_vpc_card;

/**
 * struct nitro_vpc_shared - what ENIs refer to by a handle and share
 * @id: handle
 * @users: ENIs that use it; protected by the card's lock
 * @content: immutable, replaced as a whole; never NULL
 * @rcu: for freeing
 */
struct nitro_vpc_shared {
	u32 id;
	u32 users;
	void __rcu *content;
	struct rcu_head rcu;
};

/**
 * struct nitro_vpc_shared_ops - what kinds of shared objects differ in
 * @free: free a content that no reader has seen or sees any more
 * @free_rcu: free a content after a grace period
 */
struct nitro_vpc_shared_ops {
	void (*free)(void *content);
	void (*free_rcu)(void *content);
};

/**
 * struct nitro_vpc_shared_table - all objects of a kind that a card has
 * @ops: of the kind
 * @objects: struct nitro_vpc_shared by handle; protected by the card's lock
 * @count: number of them
 */
struct nitro_vpc_shared_table {
	const struct nitro_vpc_shared_ops *ops;
	struct xarray objects;
	u32 count;
};

void nitro_vpc_shared_init(struct nitro_vpc_shared_table *table,
			   const struct nitro_vpc_shared_ops *ops);
void nitro_vpc_shared_exit(struct nitro_vpc_shared_table *table);
int nitro_vpc_shared_set(struct nitro_vpc_card *card,
			 struct nitro_vpc_shared_table *table, u32 id,
			 void *content);
void nitro_vpc_shared_del(struct nitro_vpc_card *card,
			  struct nitro_vpc_shared_table *table,
			  struct nitro_vpc_shared *shared);

#endif
