// SPDX-License-Identifier: GPL-2.0
/* What ENIs share: policies and route tables, replaced as a whole. */

#include <linux/slab.h>

#include "card.h"
#include "shared.h"

/**
 * nitro_vpc_shared_init() - begin with no objects
 * @table: of a new card
 * @ops: of its kind
 *
 * Context: any.
 */
void nitro_vpc_shared_init(struct nitro_vpc_shared_table *table,
			   const struct nitro_vpc_shared_ops *ops)
{
	table->ops = ops;
	xa_init(&table->objects);
}

/**
 * nitro_vpc_shared_exit() - free all objects
 * @table: of a card that no packet reaches any more
 *
 * Context: process; the ENIs are gone.
 */
void nitro_vpc_shared_exit(struct nitro_vpc_shared_table *table)
{
	struct nitro_vpc_shared *shared;
	unsigned long index;

	xa_for_each(&table->objects, index, shared) {
		table->ops->free(rcu_dereference_protected(shared->content, 1));
		kfree(shared);
	}
	xa_destroy(&table->objects);
}

/**
 * nitro_vpc_shared_set() - make an object, or replace its content
 * @card: the card
 * @table: the card's objects of the kind
 * @id: handle
 * @content: what it has from now on; taken over unless this fails
 *
 * All that use the object go from the old content to the new one with one
 * pointer: a packet sees the one or the other.
 *
 * Context: card->lock held; may sleep.
 * Return: 0 or -ENOMEM.
 */
int nitro_vpc_shared_set(struct nitro_vpc_card *card,
			 struct nitro_vpc_shared_table *table, u32 id,
			 void *content)
{
	struct nitro_vpc_shared *shared = xa_load(&table->objects, id);
	void *old;
	int err;

	lockdep_assert_held(&card->lock);
	if (shared) {
		old = rcu_replace_pointer(shared->content, content,
					  lockdep_is_held(&card->lock));
		nitro_vpc_card_changed(card);
		table->ops->free_rcu(old);
		return 0;
	}
	shared = kzalloc(sizeof(*shared), GFP_KERNEL_ACCOUNT);
	if (!shared)
		return -ENOMEM;
	shared->id = id;
	RCU_INIT_POINTER(shared->content, content);
	err = xa_err(xa_store(&table->objects, id, shared,
			      GFP_KERNEL_ACCOUNT));
	if (err) {
		kfree(shared);
		return err;
	}
	table->count++;
	nitro_vpc_card_changed(card);
	return 0;
}

/**
 * nitro_vpc_shared_del() - take an object away
 * @card: the card
 * @table: the card's objects of the kind
 * @shared: the object, without users
 *
 * Context: card->lock held.
 */
void nitro_vpc_shared_del(struct nitro_vpc_card *card,
			  struct nitro_vpc_shared_table *table,
			  struct nitro_vpc_shared *shared)
{
	lockdep_assert_held(&card->lock);
	xa_erase(&table->objects, shared->id);
	table->count--;
	nitro_vpc_card_changed(card);
	table->ops->free_rcu(rcu_dereference_protected(shared->content,
						       lockdep_is_held(&card->lock)));
	kfree_rcu(shared, rcu);
}
