// SPDX-License-Identifier: GPL-2.0
/* Mappings: which host and which ENI have a prefix of a VPC.
 *
 * Each VPC has a table. Packets look for the longest prefix: one hash lookup
 * for each prefix length in use, from the longest on, so that a whole address,
 * which most are, takes one. The tree has the same mappings in order; it is for
 * dumps, which have to go on where they stopped whatever happened in between.
 */

#include <linux/jhash.h>
#include <linux/rhashtable.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "card.h"
#include "host.h"
#include "mapping.h"

#include <kunit/visibility.h>

#define FORWARDER_BITS	8

/**
 * struct nitro_vpc_mapping_table - the mappings of a VPC
 * @vni: the VPC
 * @count: number of mappings
 * @prefixes: by prefix
 * @forwarders: those with NITRO_VPC_MAPPING_FLAGS_FORWARD, by MAC address
 * @sorted: all, by family, prefix and length
 * @lengths: prefix lengths in use, by family; read without a lock: a bit is
 *	set before the first mapping comes and cleared after the last is gone
 * @with_length: number of mappings by family and length
 *
 * Changed under the card's lock, or by its maker before it is published.
 */
struct nitro_vpc_mapping_table {
	u32 vni;
	u32 count;
	struct rhashtable prefixes;
	struct hlist_head forwarders[1 << FORWARDER_BITS];
	struct rb_root sorted;
	DECLARE_BITMAP(lengths[2], 129);
	u32 with_length[2][129];
};

struct mapping_key {
	struct in6_addr prefix;
	u8 prefix_len;
	u8 v6;
	u16 zero;
};

static_assert(sizeof(struct mapping_key) ==
	      sizeof_field(struct nitro_vpc_mapping, key));
static_assert(sizeof(struct mapping_key) % sizeof(u32) == 0);

static const struct rhashtable_params prefix_params = {
	.head_offset = offsetof(struct nitro_vpc_mapping, node),
	.key_offset = offsetof(struct nitro_vpc_mapping, key),
	.key_len = sizeof(struct mapping_key),
	.automatic_shrinking = true,
};

static u32 mac_bucket(const u8 *mac)
{
	return jhash(mac, ETH_ALEN, 0) & ((1 << FORWARDER_BITS) - 1);
}

static int compare(const struct nitro_vpc_mapping *a,
		   const struct nitro_vpc_mapping *b)
{
	int diff;

	if (a->v6 != b->v6)
		return a->v6 ? 1 : -1;
	diff = memcmp(&a->prefix, &b->prefix, sizeof(a->prefix));
	return diff ?: (int)a->prefix_len - (int)b->prefix_len;
}

/**
 * nitro_vpc_mapping_alloc() - make an empty mapping
 * @n_tags: tags it is to have
 * @gfp: GFP flags
 *
 * Context: as @gfp says.
 * Return: the mapping, with one reference, or NULL.
 */
struct nitro_vpc_mapping *nitro_vpc_mapping_alloc(u32 n_tags, gfp_t gfp)
{
	struct nitro_vpc_mapping *mapping;

	mapping = kzalloc(struct_size(mapping, tags, n_tags), gfp);
	if (!mapping)
		return NULL;
	mapping->n_tags = n_tags;
	refcount_set(&mapping->refs, 1);
	INIT_HLIST_NODE(&mapping->mac_node);
	RB_CLEAR_NODE(&mapping->sorted);
	return mapping;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_alloc);

/**
 * nitro_vpc_mapping_get() - take a reference
 * @mapping: a mapping found under RCU
 *
 * Context: any, under RCU.
 * Return: false if it is being freed.
 */
bool nitro_vpc_mapping_get(struct nitro_vpc_mapping *mapping)
{
	return refcount_inc_not_zero(&mapping->refs);
}

/**
 * nitro_vpc_mapping_put() - give a reference back
 * @mapping: the mapping, may be NULL
 *
 * Context: any.
 */
void nitro_vpc_mapping_put(struct nitro_vpc_mapping *mapping)
{
	struct nitro_vpc_host *host;

	if (!mapping || !refcount_dec_and_test(&mapping->refs))
		return;
	/* Readers that still see the mapping also still see the host: both
	 * wait for a grace period that begins now.
	 */
	host = rcu_dereference_protected(mapping->host, true);
	if (host)
		nitro_vpc_host_put(host);
	kfree_rcu(mapping, rcu);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_put);

/**
 * nitro_vpc_mapping_table_new() - make an empty table
 * @vni: the VPC
 *
 * Context: may sleep.
 * Return: the table or an error pointer.
 */
struct nitro_vpc_mapping_table *nitro_vpc_mapping_table_new(u32 vni)
{
	struct nitro_vpc_mapping_table *table;
	int err;

	table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return ERR_PTR(-ENOMEM);
	table->vni = vni;
	table->sorted = RB_ROOT;
	err = rhashtable_init(&table->prefixes, &prefix_params);
	if (err) {
		kfree(table);
		return ERR_PTR(err);
	}
	return table;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_new);

static void drop(void *ptr, void *arg)
{
	struct nitro_vpc_mapping *mapping = ptr;

	WRITE_ONCE(mapping->dead, true);
	nitro_vpc_mapping_put(mapping);
}

/**
 * nitro_vpc_mapping_table_free() - free a table that no reader can find
 * @table: the table; it and its mappings may still be in use by readers that
 *	found it before
 *
 * Context: may sleep; waits for a grace period.
 */
void nitro_vpc_mapping_table_free(struct nitro_vpc_mapping_table *table)
{
	synchronize_rcu();
	/* Stops the worker that resizes the hash table before it frees. */
	rhashtable_free_and_destroy(&table->prefixes, drop, NULL);
	kfree(table);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_free);

/**
 * nitro_vpc_mapping_table_count() - number of mappings in a table
 * @table: the table
 *
 * Context: card->lock held if the table is published.
 * Return: the number.
 */
u32 nitro_vpc_mapping_table_count(const struct nitro_vpc_mapping_table *table)
{
	return table->count;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_count);

static void length_get(struct nitro_vpc_mapping_table *table,
		       const struct nitro_vpc_mapping *mapping)
{
	if (!table->with_length[mapping->v6][mapping->prefix_len]++)
		set_bit(mapping->prefix_len, table->lengths[mapping->v6]);
}

static void length_put(struct nitro_vpc_mapping_table *table,
		       const struct nitro_vpc_mapping *mapping)
{
	if (!--table->with_length[mapping->v6][mapping->prefix_len])
		clear_bit(mapping->prefix_len, table->lengths[mapping->v6]);
}

static void sort(struct nitro_vpc_mapping_table *table,
		 struct nitro_vpc_mapping *mapping)
{
	struct rb_node **link = &table->sorted.rb_node, *parent = NULL;

	while (*link) {
		struct nitro_vpc_mapping *at;

		parent = *link;
		at = rb_entry(parent, struct nitro_vpc_mapping, sorted);
		link = compare(mapping, at) < 0 ? &parent->rb_left
						: &parent->rb_right;
	}
	rb_link_node(&mapping->sorted, parent, link);
	rb_insert_color(&mapping->sorted, &table->sorted);
}

static void forwarder_add(struct nitro_vpc_mapping_table *table,
			  struct nitro_vpc_mapping *mapping)
{
	if (mapping->flags & NITRO_VPC_MAPPING_FLAGS_FORWARD)
		hlist_add_head_rcu(&mapping->mac_node,
				   &table->forwarders[mac_bucket(mapping->mac)]);
}

static void unlinked(struct nitro_vpc_mapping *mapping)
{
	if (mapping->flags & NITRO_VPC_MAPPING_FLAGS_FORWARD)
		hlist_del_rcu(&mapping->mac_node);
	WRITE_ONCE(mapping->dead, true);
}

/**
 * nitro_vpc_mapping_table_set() - put a mapping into a table
 * @table: the table
 * @mapping: the mapping; the table takes over the caller's reference
 * @ret_old: the one it replaces, or NULL; the caller gets the table's
 *	reference
 *
 * A lookup finds the old mapping or the new one. Cannot fail when there is an
 * old one.
 *
 * Context: card->lock held if the table is published.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_mapping_table_set(struct nitro_vpc_mapping_table *table,
				struct nitro_vpc_mapping *mapping,
				struct nitro_vpc_mapping **ret_old)
{
	struct nitro_vpc_mapping *old;
	int err;

	old = rhashtable_lookup_fast(&table->prefixes, &mapping->key,
				     prefix_params);
	if (old) {
		err = rhashtable_replace_fast(&table->prefixes, &old->node,
					      &mapping->node, prefix_params);
		if (err)
			return err;
		rb_replace_node(&old->sorted, &mapping->sorted, &table->sorted);
		forwarder_add(table, mapping);
		unlinked(old);
	} else {
		length_get(table, mapping);
		err = rhashtable_insert_fast(&table->prefixes, &mapping->node,
					     prefix_params);
		if (err) {
			length_put(table, mapping);
			return err;
		}
		sort(table, mapping);
		forwarder_add(table, mapping);
		table->count++;
	}
	mapping->dead = false;
	*ret_old = old;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_set);

/**
 * nitro_vpc_mapping_table_del() - take a mapping out of a table
 * @table: the table
 * @mapping: a mapping in it; the caller gets the table's reference
 *
 * Context: card->lock held if the table is published.
 */
void nitro_vpc_mapping_table_del(struct nitro_vpc_mapping_table *table,
				 struct nitro_vpc_mapping *mapping)
{
	rhashtable_remove_fast(&table->prefixes, &mapping->node, prefix_params);
	rb_erase(&mapping->sorted, &table->sorted);
	unlinked(mapping);
	length_put(table, mapping);
	table->count--;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_del);

/**
 * nitro_vpc_mapping_table_find() - the mapping of exactly this prefix
 * @table: the table
 * @v6: the prefix is an IPv6 one
 * @prefix: its address, masked
 * @prefix_len: its length
 *
 * Context: under RCU or with card->lock held.
 * Return: the mapping or NULL.
 */
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_find(struct nitro_vpc_mapping_table *table, bool v6,
			     const struct in6_addr *prefix, u8 prefix_len)
{
	struct mapping_key key = {
		.prefix = *prefix,
		.prefix_len = prefix_len,
		.v6 = v6,
	};

	return rhashtable_lookup_fast(&table->prefixes, &key, prefix_params);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_find);

/**
 * nitro_vpc_mapping_table_lookup() - the mapping with the longest prefix
 * @table: the table
 * @v6: the address is an IPv6 one
 * @addr: the address
 *
 * Context: under RCU.
 * Return: the mapping, without a reference, or NULL.
 */
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_lookup(struct nitro_vpc_mapping_table *table, bool v6,
			       const struct in6_addr *addr)
{
	struct mapping_key key = { .v6 = v6 };
	const unsigned long *lengths = table->lengths[v6];
	struct nitro_vpc_mapping *mapping;
	int word;

	for (word = BITS_TO_LONGS(129) - 1; word >= 0; word--) {
		unsigned long bits = READ_ONCE(lengths[word]);

		while (bits) {
			int bit = __fls(bits);

			bits &= ~BIT(bit);
			key.prefix_len = word * BITS_PER_LONG + bit;
			ipv6_addr_prefix(&key.prefix, addr, key.prefix_len);
			mapping = rhashtable_lookup(&table->prefixes, &key,
						    prefix_params);
			if (mapping)
				return mapping;
		}
	}
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_lookup);

/**
 * nitro_vpc_mapping_table_forwarder() - a mapping of the forwarder with a MAC
 * @table: the table
 * @mac: MAC address of the ENI
 *
 * Context: under RCU.
 * Return: one of its mappings, without a reference, or NULL.
 */
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_forwarder(struct nitro_vpc_mapping_table *table,
				  const u8 *mac)
{
	struct nitro_vpc_mapping *mapping;

	hlist_for_each_entry_rcu(mapping, &table->forwarders[mac_bucket(mac)],
				 mac_node)
		if (ether_addr_equal(mapping->mac, mac))
			return mapping;
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_forwarder);

/**
 * nitro_vpc_mapping_table_next() - walk a table in order
 * @table: the table
 * @after: where to go on; only the key is looked at, it need not be in the
 *	table. NULL to begin
 *
 * Context: card->lock held if the table is published.
 * Return: the first mapping behind @after, or NULL.
 */
struct nitro_vpc_mapping *
nitro_vpc_mapping_table_next(struct nitro_vpc_mapping_table *table,
			     const struct nitro_vpc_mapping *after)
{
	struct nitro_vpc_mapping *at, *best = NULL;
	struct rb_node *node;

	/* In the table: the quick way */
	if (after && !RB_EMPTY_NODE(&after->sorted))
		return rb_entry_safe(rb_next(&after->sorted),
				     struct nitro_vpc_mapping, sorted);

	node = table->sorted.rb_node;
	while (node) {
		at = rb_entry(node, struct nitro_vpc_mapping, sorted);
		if (!after || compare(after, at) < 0) {
			best = at;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return best;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_mapping_table_next);

/**
 * nitro_vpc_mapping_lookup() - who has an address
 * @card: the card
 * @vni: the VPC
 * @v6: the address is an IPv6 one
 * @addr: the address; IPv4 as IPv4-mapped IPv6
 *
 * Context: any, under RCU.
 * Return: the mapping with the longest prefix, without a reference, or NULL.
 */
struct nitro_vpc_mapping *
nitro_vpc_mapping_lookup(struct nitro_vpc_card *card, u32 vni, bool v6,
			 const struct in6_addr *addr)
{
	struct nitro_vpc_mapping_table *table = xa_load(&card->vpcs, vni);

	return table ? nitro_vpc_mapping_table_lookup(table, v6, addr) : NULL;
}

/**
 * nitro_vpc_mapping_lookup_forwarder() - which ENI that may forward has a MAC
 * @card: the card
 * @vni: the VPC
 * @mac: MAC address of the ENI
 *
 * Context: any, under RCU.
 * Return: one of the ENI's mappings, without a reference, or NULL.
 */
struct nitro_vpc_mapping *
nitro_vpc_mapping_lookup_forwarder(struct nitro_vpc_card *card, u32 vni,
				   const u8 *mac)
{
	struct nitro_vpc_mapping_table *table = xa_load(&card->vpcs, vni);

	return table ? nitro_vpc_mapping_table_forwarder(table, mac) : NULL;
}

static struct nitro_vpc_host *host_of(struct nitro_vpc_card *card,
				      const struct nitro_vpc_mapping *mapping)
{
	return rcu_dereference_protected(mapping->host,
					 lockdep_is_held(&card->lock));
}

static void count_in(struct nitro_vpc_card *card,
		     const struct nitro_vpc_mapping *mapping)
{
	host_of(card, mapping)->mappings++;
	card->n_mappings++;
}

static void count_out(struct nitro_vpc_card *card,
		      const struct nitro_vpc_mapping *mapping)
{
	host_of(card, mapping)->mappings--;
	card->n_mappings--;
}

static void remove_if_empty(struct nitro_vpc_card *card, u32 vni)
{
	struct nitro_vpc_mapping_table *table = xa_load(&card->vpcs, vni);

	if (table && !table->count) {
		xa_erase(&card->vpcs, vni);
		nitro_vpc_mapping_table_free(table);
	}
}

static struct nitro_vpc_mapping_table *
table_get(struct nitro_vpc_card *card, u32 vni)
{
	struct nitro_vpc_mapping_table *table = xa_load(&card->vpcs, vni);
	int err;

	if (table)
		return table;
	table = nitro_vpc_mapping_table_new(vni);
	if (IS_ERR(table))
		return table;
	err = xa_err(xa_store(&card->vpcs, vni, table, GFP_KERNEL_ACCOUNT));
	if (err) {
		nitro_vpc_mapping_table_free(table);
		return ERR_PTR(err);
	}
	return table;
}

/* Puts back what @mappings[i] replaced, @old[i], from the last to the first. */
static void undo(struct nitro_vpc_card *card,
		 struct nitro_vpc_mapping **mappings,
		 struct nitro_vpc_mapping **old, u32 count)
{
	while (count--) {
		struct nitro_vpc_mapping_table *table;
		struct nitro_vpc_mapping *mapping = mappings[count], *replaced;

		table = xa_load(&card->vpcs, mapping->vni);
		count_out(card, mapping);
		if (old[count]) {
			nitro_vpc_mapping_table_set(table, old[count],
						    &replaced);
			count_in(card, old[count]);
		} else {
			nitro_vpc_mapping_table_del(table, mapping);
		}
	}
}

/**
 * nitro_vpc_mapping_set() - make or replace mappings, all or none
 * @card: the card
 * @mappings: the mappings, of any VPC; the last wins where a prefix is there
 *	twice. Their references are taken over unless this fails
 * @count: number of mappings
 *
 * Context: may sleep; card->lock held.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_mapping_set(struct nitro_vpc_card *card,
			  struct nitro_vpc_mapping **mappings, u32 count)
{
	struct nitro_vpc_mapping_table *table;
	struct nitro_vpc_mapping **old;
	u32 done, i;
	int err = 0;

	lockdep_assert_held(&card->lock);
	old = kvcalloc(count, sizeof(*old), GFP_KERNEL_ACCOUNT);
	if (!old)
		return -ENOMEM;

	for (done = 0; done < count; done++) {
		table = table_get(card, mappings[done]->vni);
		if (IS_ERR(table)) {
			err = PTR_ERR(table);
			break;
		}
		err = nitro_vpc_mapping_table_set(table, mappings[done],
						  &old[done]);
		if (err)
			break;
		count_in(card, mappings[done]);
		if (old[done])
			count_out(card, old[done]);
		cond_resched();
	}
	if (err)
		undo(card, mappings, old, done);
	nitro_vpc_card_changed(card);

	if (err)
		for (i = 0; i < count; i++)
			remove_if_empty(card, mappings[i]->vni);
	else
		for (i = 0; i < count; i++)
			nitro_vpc_mapping_put(old[i]);
	kvfree(old);
	return err;
}

/**
 * nitro_vpc_mapping_del() - delete mappings
 * @card: the card
 * @mappings: mappings in the card's tables, each of them once
 * @count: number of mappings
 *
 * Context: may sleep; card->lock held.
 */
void nitro_vpc_mapping_del(struct nitro_vpc_card *card,
			   struct nitro_vpc_mapping **mappings, u32 count)
{
	u32 i, vni, before = U32_MAX;

	lockdep_assert_held(&card->lock);
	for (i = 0; i < count; i++) {
		nitro_vpc_mapping_table_del(xa_load(&card->vpcs,
						    mappings[i]->vni),
					    mappings[i]);
		count_out(card, mappings[i]);
	}
	nitro_vpc_card_changed(card);
	for (i = 0; i < count; i++) {
		vni = mappings[i]->vni;
		nitro_vpc_mapping_put(mappings[i]);
		if (vni != before)
			remove_if_empty(card, vni);
		before = vni;
	}
}

/**
 * nitro_vpc_mapping_replace() - replace the whole table of a VPC at once
 * @card: the card
 * @vni: the VPC
 * @table: the new table; its mappings lead to hosts of the card. Taken over
 *	unless this fails. NULL or an empty one deletes the VPC's mappings
 *
 * Context: may sleep; card->lock held.
 * Return: 0 or a negative errno; 0 if the VPC has a table or its place in
 * card->vpcs is reserved.
 */
int nitro_vpc_mapping_replace(struct nitro_vpc_card *card, u32 vni,
			      struct nitro_vpc_mapping_table *table)
{
	struct nitro_vpc_mapping_table *old = xa_load(&card->vpcs, vni);
	struct nitro_vpc_mapping *mapping = NULL;
	int err = 0;

	lockdep_assert_held(&card->lock);
	if (table && table->count)
		err = xa_err(xa_store(&card->vpcs, vni, table,
				      GFP_KERNEL_ACCOUNT));
	else
		xa_erase(&card->vpcs, vni);
	if (err)
		return err;
	nitro_vpc_card_changed(card);

	if (table && table->count)
		while ((mapping = nitro_vpc_mapping_table_next(table, mapping)))
			count_in(card, mapping);
	else if (table)
		nitro_vpc_mapping_table_free(table);
	if (old) {
		mapping = NULL;
		while ((mapping = nitro_vpc_mapping_table_next(old, mapping)))
			count_out(card, mapping);
		nitro_vpc_mapping_table_free(old);
	}
	return 0;
}

/**
 * nitro_vpc_mapping_move() - make the mappings of a host lead to another
 * @card: the card
 * @from: the old host
 * @to: the new host
 *
 * Context: may sleep; card->lock held.
 */
void nitro_vpc_mapping_move(struct nitro_vpc_card *card,
			    struct nitro_vpc_host *from,
			    struct nitro_vpc_host *to)
{
	struct nitro_vpc_mapping_table *table;
	unsigned long vni;

	lockdep_assert_held(&card->lock);
	xa_for_each(&card->vpcs, vni, table) {
		struct nitro_vpc_mapping *mapping = NULL;

		if (!from->mappings)
			break;
		while ((mapping = nitro_vpc_mapping_table_next(table, mapping))) {
			if (host_of(card, mapping) != from)
				continue;
			nitro_vpc_host_get(to);
			rcu_assign_pointer(mapping->host, to);
			to->mappings++;
			from->mappings--;
			nitro_vpc_host_put(from);
		}
		cond_resched();
	}
}

/**
 * nitro_vpc_mapping_flush() - delete all mappings of a card
 * @card: the card
 *
 * Context: may sleep; card->lock held.
 */
void nitro_vpc_mapping_flush(struct nitro_vpc_card *card)
{
	struct nitro_vpc_mapping_table *table;
	unsigned long vni;

	xa_for_each(&card->vpcs, vni, table)
		nitro_vpc_mapping_replace(card, vni, NULL);
}
