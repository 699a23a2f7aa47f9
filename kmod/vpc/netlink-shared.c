// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that ENIs share, as netlink sees them: a handle and a list of parts.
 * A request has all parts; a dump spreads them over as many messages as needed.
 */

#include <linux/slab.h>

#include "card.h"
#include "netlink-shared.h"
#include "netlink.h"
#include "shared.h"

static struct nitro_vpc_shared_table *
table_of(struct nitro_vpc_card *card,
	 const struct nitro_vpc_netlink_shared *kind)
{
	return (void *)card + kind->table;
}

static void *parse_parts(const struct nitro_vpc_netlink_shared *kind,
			 struct genl_info *info)
{
	u32 n = 0, count = nitro_vpc_netlink_count(info, kind->part);
	struct nlattr *nest;
	void *content, *parts;
	int err = 0, rem;

	if (count > kind->parts_max) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, info->attrs[kind->part],
					"a %s has %u %s at most", kind->name,
					kind->parts_max, kind->part_names);
		return ERR_PTR(-E2BIG);
	}
	parts = kvcalloc(count ?: 1, kind->part_size, GFP_KERNEL_ACCOUNT);
	if (!parts)
		return ERR_PTR(-ENOMEM);
	nitro_vpc_netlink_for_each(nest, kind->part, info, rem) {
		err = kind->parse(nest, parts + n++ * kind->part_size,
				  info->extack);
		if (err)
			break;
	}
	content = err ? ERR_PTR(err) : kind->build(parts, count, info->extack);
	kvfree(parts);
	return content;
}

/**
 * nitro_vpc_netlink_shared_set() - make an object, or replace its parts
 * @kind: its kind
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_netlink_shared_set(const struct nitro_vpc_netlink_shared *kind,
				 struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_shared_table *table = table_of(card, kind);
	void *content;
	int err;
	u32 id;

	err = nitro_vpc_netlink_require(info, kind->id, "id");
	if (err)
		return err;
	id = nla_get_u32(info->attrs[kind->id]);
	content = parse_parts(kind, info);
	if (IS_ERR(content))
		return PTR_ERR(content);

	mutex_lock(&card->lock);
	err = nitro_vpc_shared_set(card, table, id, content);
	mutex_unlock(&card->lock);
	if (err) {
		NL_SET_ERR_MSG_FMT(info->extack, "no memory for the %s",
				   kind->name);
		table->ops->free(content);
		return err;
	}
	nitro_vpc_netlink_notify(card, kind->object, id, false);
	return 0;
}

/**
 * nitro_vpc_netlink_shared_del() - take an object away that nothing uses
 * @kind: its kind
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_netlink_shared_del(const struct nitro_vpc_netlink_shared *kind,
				 struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	struct nitro_vpc_shared_table *table = table_of(card, kind);
	struct nitro_vpc_shared *shared;
	struct nlattr *attr;
	int err;
	u32 id;

	err = nitro_vpc_netlink_require(info, kind->id, "id");
	if (err)
		return err;
	attr = info->attrs[kind->id];
	id = nla_get_u32(attr);

	mutex_lock(&card->lock);
	shared = xa_load(&table->objects, id);
	if (!shared) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr, "no %s %u",
					kind->name, id);
		err = -ENOENT;
	} else if (shared->users) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, attr,
					"%u ENIs use %s %u", shared->users,
					kind->name, id);
		err = -EBUSY;
	} else {
		nitro_vpc_shared_del(card, table, shared);
	}
	mutex_unlock(&card->lock);
	if (err)
		return err;
	nitro_vpc_netlink_notify(card, kind->object, id, true);
	return 0;
}

/* What a dump remembers: the object and the part to go on with. */
struct dump_state {
	unsigned long id;
	u32 next;
};

/* Writes what fits; *@next is the first part that did not. */
static int dump_one(const struct nitro_vpc_netlink_shared *kind,
		    struct sk_buff *skb, struct netlink_callback *cb,
		    struct nitro_vpc_card *card,
		    const struct nitro_vpc_shared *shared, u32 *next)
{
	const void *content, *parts;
	u32 count, first = *next;
	void *header;
	int err = 0;

	content = rcu_dereference_protected(shared->content,
					    lockdep_is_held(&card->lock));
	parts = kind->parts(content, &count);
	header = nitro_vpc_netlink_put_dump(skb, cb, kind->get);
	if (!header)
		return -EMSGSIZE;
	if (nla_put_u32(skb, kind->id, shared->id)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	for (; *next < count && !err; *next += !err)
		err = kind->put(skb, parts + *next * kind->part_size);
	if (err && *next == first)
		genlmsg_cancel(skb, header);
	else
		genlmsg_end(skb, header);
	return err;
}

/**
 * nitro_vpc_netlink_shared_dump() - tell all objects of a kind
 * @kind: the kind
 * @skb: reply
 * @cb: state of the dump
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_netlink_shared_dump(const struct nitro_vpc_netlink_shared *kind,
				  struct sk_buff *skb,
				  struct netlink_callback *cb)
{
	struct nitro_vpc_card *card = nitro_vpc_netlink_dump_card(cb);
	struct dump_state *at = nitro_vpc_netlink_dump_state(cb,
							     struct dump_state);
	struct nitro_vpc_shared *shared;
	unsigned long id = at->id;
	int err = 0;

	mutex_lock(&card->lock);
	cb->seq = nitro_vpc_card_generation(card);
	xa_for_each_start(&table_of(card, kind)->objects, id, shared, at->id) {
		if (id != at->id)
			at->next = 0;
		at->id = id;
		err = dump_one(kind, skb, cb, card, shared, &at->next);
		if (err)
			break;
		at->id = id + 1;
		at->next = 0;
	}
	mutex_unlock(&card->lock);
	return err;
}
