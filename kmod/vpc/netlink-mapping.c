// SPDX-License-Identifier: GPL-2.0
/* mapping-set, mapping-del and mapping-get. */

#include <linux/slab.h>
#include <linux/sort.h>

#include "card.h"
#include "eni.h"
#include "host.h"
#include "mapping.h"
#include "netlink-gen.h"
#include "netlink.h"

#define ENTRIES_MAX	65536

static const struct nitro_vpc_netlink_prefix mapping_prefix = {
	.ip4 = NITRO_VPC_A_MAPPING_IP4,
	.ip6 = NITRO_VPC_A_MAPPING_IP6,
	.len = NITRO_VPC_A_MAPPING_PREFIX_LEN,
};

static int compare_tags(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static int parse_tags(struct nlattr *nest, struct nitro_vpc_mapping *mapping,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	u32 i, n = 0;
	int rem;

	nla_for_each_nested(attr, nest, rem)
		if (nla_type(attr) == NITRO_VPC_A_MAPPING_TAG)
			mapping->tags[n++] = nla_get_u32(attr);
	sort(mapping->tags, n, sizeof(u32), compare_tags, NULL);
	for (i = 1; i < n; i++) {
		if (mapping->tags[i] == mapping->tags[i - 1]) {
			NL_SET_ERR_MSG_ATTR_FMT(extack, nest,
						"'tag' %u is there twice",
						mapping->tags[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static int count_tags(struct nlattr *nest, struct netlink_ext_ack *extack)
{
	struct nlattr *attr;
	int rem, n = 0;

	nla_for_each_nested(attr, nest, rem) {
		if (nla_type(attr) == NITRO_VPC_A_MAPPING_TAG &&
		    ++n > NITRO_VPC_TAGS_MAX) {
			NL_SET_ERR_MSG_ATTR_FMT(extack, attr,
						"a mapping has %u tags at most",
						NITRO_VPC_TAGS_MAX);
			return -E2BIG;
		}
	}
	return n;
}

/* The part of an entry that names a mapping. @vni: the one of the message */
static int parse_key(struct nlattr **tb, struct nlattr *nest,
		     const struct nlattr *vni, u32 *ret_vni,
		     struct nitro_vpc_prefix *ret_prefix,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *own = tb[NITRO_VPC_A_MAPPING_VNI];

	if (!own && !vni) {
		NL_SET_ERR_ATTR_MISS(extack, nest, NITRO_VPC_A_MAPPING_VNI);
		NL_SET_ERR_MSG(extack, "'vni' is missing");
		return -EINVAL;
	}
	if (own && vni && nla_get_u32(own) != nla_get_u32(vni)) {
		NL_SET_ERR_MSG_ATTR(extack, own,
				    "the entry is of another VPC than the message");
		return -EINVAL;
	}
	*ret_vni = nla_get_u32(own ?: vni);
	return nitro_vpc_netlink_get_prefix(tb, &mapping_prefix, nest,
					    ret_prefix, extack);
}

static int parse_host(struct nitro_vpc_card *card, struct nlattr **tb,
		      struct nlattr *nest, struct nitro_vpc_host **ret_host,
		      struct netlink_ext_ack *extack)
{
	struct nlattr *attr = tb[NITRO_VPC_A_MAPPING_HOST];

	if (!attr) {
		NL_SET_ERR_ATTR_MISS(extack, nest, NITRO_VPC_A_MAPPING_HOST);
		NL_SET_ERR_MSG(extack, "'host' is missing");
		return -EINVAL;
	}
	*ret_host = nitro_vpc_host_lookup(card, nla_get_u32(attr));
	if (!*ret_host) {
		NL_SET_ERR_MSG_ATTR_FMT(extack, attr, "no host %u",
					nla_get_u32(attr));
		return -ENOENT;
	}
	return 0;
}

static int parse_mac(struct nlattr **tb, struct nlattr *nest,
		     struct netlink_ext_ack *extack)
{
	struct nlattr *mac = tb[NITRO_VPC_A_MAPPING_MAC];

	if (!mac) {
		NL_SET_ERR_ATTR_MISS(extack, nest, NITRO_VPC_A_MAPPING_MAC);
		NL_SET_ERR_MSG(extack, "'mac' is missing");
		return -EINVAL;
	}
	if (!is_valid_ether_addr(nla_data(mac))) {
		NL_SET_ERR_MSG_ATTR(extack, mac,
				    "not the MAC address of an ENI");
		return -EINVAL;
	}
	return 0;
}

static struct nitro_vpc_mapping *parse_entry(struct nitro_vpc_card *card,
					     struct nlattr *nest,
					     const struct nlattr *list_vni,
					     struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NITRO_VPC_A_MAPPING_FLAGS + 1];
	struct nitro_vpc_mapping *mapping;
	struct nitro_vpc_prefix prefix;
	struct nitro_vpc_host *host;
	int err, n_tags;
	u32 vni;

	err = nla_parse_nested(tb, NITRO_VPC_A_MAPPING_FLAGS, nest,
			       nitro_vpc_mapping_nl_policy, extack) ?:
	      parse_key(tb, nest, list_vni, &vni, &prefix, extack) ?:
	      parse_host(card, tb, nest, &host, extack) ?:
	      parse_mac(tb, nest, extack);
	if (err)
		return ERR_PTR(err);
	n_tags = count_tags(nest, extack);
	if (n_tags < 0)
		return ERR_PTR(n_tags);

	mapping = nitro_vpc_mapping_alloc(n_tags, GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	err = parse_tags(nest, mapping, extack);
	if (err) {
		nitro_vpc_mapping_put(mapping);
		return ERR_PTR(err);
	}
	mapping->prefix = prefix.addr;
	mapping->prefix_len = prefix.len;
	mapping->v6 = prefix.v6;
	mapping->vni = vni;
	nitro_vpc_host_get(host);
	RCU_INIT_POINTER(mapping->host, host);
	nla_memcpy(mapping->mac, tb[NITRO_VPC_A_MAPPING_MAC], ETH_ALEN);
	if (tb[NITRO_VPC_A_MAPPING_ENI])
		mapping->eni = nla_get_u32(tb[NITRO_VPC_A_MAPPING_ENI]);
	if (tb[NITRO_VPC_A_MAPPING_FLAGS])
		mapping->flags = nla_get_u32(tb[NITRO_VPC_A_MAPPING_FLAGS]);
	return mapping;
}

static void put_all(struct nitro_vpc_mapping **mappings, u32 count)
{
	while (count--)
		nitro_vpc_mapping_put(mappings[count]);
	kvfree(mappings);
}

/* Mappings of all entries of a request, with a reference each. */
static struct nitro_vpc_mapping **parse_entries(struct nitro_vpc_card *card,
						struct genl_info *info,
						u32 count)
{
	struct nlattr *vni = info->attrs[NITRO_VPC_A_MAPPING_LIST_VNI], *nest;
	struct nitro_vpc_mapping **mappings, *mapping;
	u32 n = 0;
	int rem;

	mappings = kvcalloc(count ?: 1, sizeof(*mappings), GFP_KERNEL_ACCOUNT);
	if (!mappings)
		return ERR_PTR(-ENOMEM);
	nitro_vpc_netlink_for_each(nest, NITRO_VPC_A_MAPPING_LIST_ENTRY, info,
				   rem) {
		mapping = parse_entry(card, nest, vni, info->extack);
		if (IS_ERR(mapping)) {
			put_all(mappings, n);
			return ERR_CAST(mapping);
		}
		mappings[n++] = mapping;
		cond_resched();
	}
	return mappings;
}

static int check_list(struct genl_info *info, u32 count)
{
	struct nlattr *stage = info->attrs[NITRO_VPC_A_MAPPING_LIST_STAGE];
	struct nlattr *commit = info->attrs[NITRO_VPC_A_MAPPING_LIST_COMMIT];

	if (stage && commit) {
		NL_SET_ERR_MSG_ATTR(info->extack, commit,
				    "'stage' and 'commit' exclude each other");
		return -EINVAL;
	}
	if (stage || commit)
		return nitro_vpc_netlink_require(info,
						 NITRO_VPC_A_MAPPING_LIST_VNI,
						 "vni");
	if (!count)
		return nitro_vpc_netlink_require(info,
						 NITRO_VPC_A_MAPPING_LIST_ENTRY,
						 "entry");
	return 0;
}

static int count_entries(struct genl_info *info)
{
	u32 count = nitro_vpc_netlink_count(info,
					    NITRO_VPC_A_MAPPING_LIST_ENTRY);

	if (count <= ENTRIES_MAX)
		return count;
	NL_SET_ERR_MSG_ATTR_FMT(info->extack,
				info->attrs[NITRO_VPC_A_MAPPING_LIST_ENTRY],
				"a message has %u entries at most",
				ENTRIES_MAX);
	return -E2BIG;
}

/* One notification for each VPC of a request, in the entries' order. */
static void notify_vpcs(struct nitro_vpc_card *card, struct genl_info *info,
			bool deleted)
{
	struct nlattr *vni = info->attrs[NITRO_VPC_A_MAPPING_LIST_VNI], *nest;
	u32 id, before = U32_MAX;
	int rem;

	if (vni) {
		nitro_vpc_netlink_notify(card, NITRO_VPC_OBJECT_KIND_MAPPING,
					 nla_get_u32(vni), deleted);
		return;
	}
	nitro_vpc_netlink_for_each(nest, NITRO_VPC_A_MAPPING_LIST_ENTRY, info,
				   rem) {
		vni = nla_find_nested(nest, NITRO_VPC_A_MAPPING_VNI);
		id = nla_get_u32(vni);
		if (id != before)
			nitro_vpc_netlink_notify(card,
						 NITRO_VPC_OBJECT_KIND_MAPPING,
						 id, deleted);
		before = id;
	}
}

/**
 * nitro_vpc_nl_mapping_set_doit() - mapping-set
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_mapping_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	bool committed = info->attrs[NITRO_VPC_A_MAPPING_LIST_COMMIT];
	struct nlattr *vni = info->attrs[NITRO_VPC_A_MAPPING_LIST_VNI];
	bool staged = info->attrs[NITRO_VPC_A_MAPPING_LIST_STAGE];
	struct nitro_vpc_mapping **mappings;
	int count, err;

	count = count_entries(info);
	if (count < 0)
		return count;
	err = check_list(info, count);
	if (err)
		return err;

	mutex_lock(&card->lock);
	mappings = parse_entries(card, info, count);
	if (IS_ERR(mappings)) {
		err = PTR_ERR(mappings);
		goto unlock;
	}
	if (staged || committed)
		err = nitro_vpc_netlink_stage(card, info->snd_portid,
					      nla_get_u32(vni), mappings, count,
					      committed, info->extack);
	else
		err = nitro_vpc_mapping_set(card, mappings, count);
	if (err)
		put_all(mappings, count);
	else
		kvfree(mappings);
unlock:
	mutex_unlock(&card->lock);

	if (err == -ENOMEM)
		NL_SET_ERR_MSG(info->extack, "no memory for the mappings");
	if (!err && !staged)
		notify_vpcs(card, info, false);
	return err;
}

static struct nitro_vpc_mapping *find_entry(struct nitro_vpc_card *card,
					    struct nlattr *nest,
					    const struct nlattr *list_vni,
					    struct netlink_ext_ack *extack)
{
	struct nlattr *tb[NITRO_VPC_A_MAPPING_FLAGS + 1];
	struct nitro_vpc_mapping_table *table;
	struct nitro_vpc_mapping *mapping;
	struct nitro_vpc_prefix prefix;
	u32 vni;
	int err;

	err = nla_parse_nested(tb, NITRO_VPC_A_MAPPING_FLAGS, nest,
			       nitro_vpc_mapping_nl_policy, extack) ?:
	      parse_key(tb, nest, list_vni, &vni, &prefix, extack);
	if (err)
		return ERR_PTR(err);
	table = xa_load(&card->vpcs, vni);
	mapping = table ? nitro_vpc_mapping_table_find(table, prefix.v6,
						       &prefix.addr,
						       prefix.len) : NULL;
	if (!mapping) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "no such mapping");
		return ERR_PTR(-ENOENT);
	}
	if (mapping->doomed) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "the mapping is there twice");
		return ERR_PTR(-EINVAL);
	}
	return mapping;
}

static int delete_entries(struct nitro_vpc_card *card, struct genl_info *info,
			  u32 count)
{
	struct nlattr *vni = info->attrs[NITRO_VPC_A_MAPPING_LIST_VNI], *nest;
	struct nitro_vpc_mapping **mappings, *mapping;
	int rem, err = 0;
	u32 n = 0;

	mappings = kvcalloc(count, sizeof(*mappings), GFP_KERNEL_ACCOUNT);
	if (!mappings)
		return -ENOMEM;
	nitro_vpc_netlink_for_each(nest, NITRO_VPC_A_MAPPING_LIST_ENTRY, info,
				   rem) {
		mapping = find_entry(card, nest, vni, info->extack);
		if (IS_ERR(mapping)) {
			err = PTR_ERR(mapping);
			break;
		}
		mapping->doomed = true;
		mappings[n++] = mapping;
	}
	if (!err)
		nitro_vpc_mapping_del(card, mappings, n);
	else
		while (n--)
			mappings[n]->doomed = false;
	kvfree(mappings);
	return err;
}

static int delete_vpc(struct nitro_vpc_card *card, struct genl_info *info)
{
	struct nlattr *vni = info->attrs[NITRO_VPC_A_MAPPING_LIST_VNI];

	if (!xa_load(&card->vpcs, nla_get_u32(vni))) {
		NL_SET_ERR_MSG_ATTR_FMT(info->extack, vni,
					"no mappings of VNI %u",
					nla_get_u32(vni));
		return -ENOENT;
	}
	return nitro_vpc_mapping_replace(card, nla_get_u32(vni), NULL);
}

/**
 * nitro_vpc_nl_mapping_del_doit() - mapping-del
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_nl_mapping_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(genl_info_net(info));
	int count, err;

	count = count_entries(info);
	if (count < 0)
		return count;
	if (!count) {
		err = nitro_vpc_netlink_require(info,
						NITRO_VPC_A_MAPPING_LIST_VNI,
						"vni");
		if (err)
			return err;
	}

	mutex_lock(&card->lock);
	err = count ? delete_entries(card, info, count)
		    : delete_vpc(card, info);
	mutex_unlock(&card->lock);

	if (err == -ENOMEM)
		NL_SET_ERR_MSG(info->extack, "no memory for the deletion");
	if (!err)
		notify_vpcs(card, info, true);
	return err;
}

/**
 * nitro_vpc_netlink_put_mapping() - write a mapping
 * @skb: message
 * @attr: type of the nest
 * @mapping: the mapping
 *
 * Context: RCU read side, or card->lock.
 * Return: 0 or -EMSGSIZE with nothing written.
 */
int nitro_vpc_netlink_put_mapping(struct sk_buff *skb, int attr,
				  const struct nitro_vpc_mapping *mapping)
{
	struct nlattr *nest = nla_nest_start(skb, attr);
	u32 i, host;
	int err;

	if (!nest)
		return -EMSGSIZE;
	rcu_read_lock();
	host = rcu_dereference(mapping->host)->id;
	rcu_read_unlock();
	err = nla_put_u32(skb, NITRO_VPC_A_MAPPING_VNI, mapping->vni) ?:
	      nitro_vpc_netlink_put_prefix(skb, &mapping_prefix, mapping->v6,
					   &mapping->prefix,
					   mapping->prefix_len) ?:
	      nla_put_u32(skb, NITRO_VPC_A_MAPPING_HOST, host) ?:
	      nla_put(skb, NITRO_VPC_A_MAPPING_MAC, ETH_ALEN, mapping->mac);
	if (!err && mapping->eni)
		err = nla_put_u32(skb, NITRO_VPC_A_MAPPING_ENI, mapping->eni);
	for (i = 0; i < mapping->n_tags && !err; i++)
		err = nla_put_u32(skb, NITRO_VPC_A_MAPPING_TAG,
				  mapping->tags[i]);
	if (!err && mapping->flags)
		err = nla_put_u32(skb, NITRO_VPC_A_MAPPING_FLAGS,
				  mapping->flags);
	if (err) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/**
 * struct dump_state - where a dump of the mappings goes on
 * @vni: VPC
 * @started: there were mappings of that VPC, the last of them was:
 * @v6: family
 * @prefix_len: length
 * @prefix: address
 */
struct dump_state {
	u32 vni;
	u8 started;
	u8 v6;
	u8 prefix_len;
	struct in6_addr prefix;
};

/* The first mapping to write. A copy of its key may be of one that is gone. */
static struct nitro_vpc_mapping *dump_first(struct nitro_vpc_mapping_table *table,
					    const struct dump_state *at)
{
	struct nitro_vpc_mapping after = {
		.prefix = at->prefix,
		.prefix_len = at->prefix_len,
		.v6 = at->v6,
	};

	if (!at->started)
		return nitro_vpc_mapping_table_next(table, NULL);
	RB_CLEAR_NODE(&after.sorted);
	return nitro_vpc_mapping_table_next(table, &after);
}

static int dump_vpc(struct sk_buff *skb, struct netlink_callback *cb,
		    struct nitro_vpc_mapping_table *table,
		    struct dump_state *at)
{
	struct nitro_vpc_mapping *mapping = dump_first(table, at);
	bool any = false;
	void *header;
	int err = 0;

	if (!mapping)
		return 0;
	header = nitro_vpc_netlink_put_dump(skb, cb, NITRO_VPC_CMD_MAPPING_GET);
	if (!header)
		return -EMSGSIZE;
	while (mapping) {
		err = nitro_vpc_netlink_put_mapping(skb,
						    NITRO_VPC_A_MAPPING_LIST_ENTRY,
						    mapping);
		if (err)
			break;
		any = true;
		at->started = 1;
		at->v6 = mapping->v6;
		at->prefix_len = mapping->prefix_len;
		at->prefix = mapping->prefix;
		mapping = nitro_vpc_mapping_table_next(table, mapping);
	}
	if (any)
		genlmsg_end(skb, header);
	else
		genlmsg_cancel(skb, header);
	return err;
}

/**
 * nitro_vpc_nl_mapping_get_dumpit() - mapping-get
 * @skb: reply
 * @cb: state of the dump: VPC and prefix to go on behind
 *
 * Context: may sleep.
 * Return: 0 when there are no more or a negative errno, -EMSGSIZE if @skb is
 * full.
 */
int nitro_vpc_nl_mapping_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb)
{
	struct nlattr *only = genl_dumpit_info(cb)->info.attrs[NITRO_VPC_A_MAPPING_LIST_VNI];
	struct nitro_vpc_card *card = nitro_vpc_netlink_dump_card(cb);
	struct dump_state *at = nitro_vpc_netlink_dump_state(cb,
							     struct dump_state);
	struct nitro_vpc_mapping_table *table;
	unsigned long vni, last = U32_MAX;
	int err = 0;

	if (only) {
		at->vni = nla_get_u32(only);
		last = at->vni;
	}
	mutex_lock(&card->lock);
	cb->seq = nitro_vpc_card_generation(card);
	xa_for_each_range(&card->vpcs, vni, table, at->vni, last) {
		if (vni != at->vni)
			at->started = 0;
		at->vni = vni;
		err = dump_vpc(skb, cb, table, at);
		if (err)
			break;
	}
	mutex_unlock(&card->lock);
	return err;
}
