// SPDX-License-Identifier: GPL-2.0
/* Staged mappings.
 *
 * A replacement of a VPC's mappings that does not fit one message is staged:
 * the entries wait in a table of their own, which belongs to the socket that
 * sent them, until it commits them or closes.
 */

#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "card.h"
#include "host.h"
#include "mapping.h"
#include "netlink.h"

#define STAGED_MAX	2000000
#define STAGE_COST	64

/**
 * struct stage - mappings that wait for their commit
 * @node: in stages
 * @card: the card
 * @portid: the socket
 * @vni: the VPC
 * @table: the mappings; their hosts are looked up again by the commit
 */
struct stage {
	struct list_head node;
	struct nitro_vpc_card *card;
	u32 portid;
	u32 vni;
	struct nitro_vpc_mapping_table *table;
};

/* Protects stages and the tables in it. Nests inside the cards' locks. */
static DEFINE_MUTEX(stages_lock);
static LIST_HEAD(stages);

static struct stage *find_stage(struct nitro_vpc_card *card, u32 portid,
				u32 vni)
{
	struct stage *stage;

	lockdep_assert_held(&stages_lock);
	list_for_each_entry(stage, &stages, node) {
		if (stage->card == card && stage->portid == portid &&
		    stage->vni == vni)
			return stage;
	}
	return NULL;
}

static struct stage *get_stage(struct nitro_vpc_card *card, u32 portid,
			       u32 vni)
{
	struct stage *stage = find_stage(card, portid, vni);

	if (stage)
		return stage;
	stage = kzalloc(sizeof(*stage), GFP_KERNEL_ACCOUNT);
	if (!stage)
		return ERR_PTR(-ENOMEM);
	stage->table = nitro_vpc_mapping_table_new(vni);
	if (IS_ERR(stage->table)) {
		int err = PTR_ERR(stage->table);

		kfree(stage);
		return ERR_PTR(err);
	}
	stage->card = card;
	stage->portid = portid;
	stage->vni = vni;
	list_add(&stage->node, &stages);
	return stage;
}

static u64 count_staged(const struct nitro_vpc_card *card)
{
	struct stage *stage;
	u64 count = 0;

	lockdep_assert_held(&stages_lock);
	/* A stage without mappings is not free either */
	list_for_each_entry(stage, &stages, node)
		if (stage->card == card)
			count += STAGE_COST + nitro_vpc_mapping_table_count(stage->table);
	return count;
}

static void free_stage(struct stage *stage)
{
	nitro_vpc_mapping_table_free(stage->table);
	kfree(stage);
}

static int sk_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct netlink_notify *notify = data;
	struct stage *stage, *next;
	LIST_HEAD(gone);

	if (event != NETLINK_URELEASE || notify->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	mutex_lock(&stages_lock);
	list_for_each_entry_safe(stage, next, &stages, node) {
		if (stage->card->net == notify->net &&
		    stage->portid == notify->portid)
			list_move(&stage->node, &gone);
	}
	mutex_unlock(&stages_lock);
	list_for_each_entry_safe(stage, next, &gone, node)
		free_stage(stage);
	return NOTIFY_DONE;
}

static struct notifier_block sk_notifier = {
	.notifier_call = sk_event,
};

/**
 * nitro_vpc_netlink_stage_init() - begin to watch for sockets that close
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_vpc_netlink_stage_init(void)
{
	return netlink_register_notifier(&sk_notifier);
}

/**
 * nitro_vpc_netlink_stage_exit() - drop everything that is staged
 *
 * Context: module load or unload, without operations under way; may sleep.
 */
void nitro_vpc_netlink_stage_exit(void)
{
	struct stage *stage, *next;

	netlink_unregister_notifier(&sk_notifier);
	list_for_each_entry_safe(stage, next, &stages, node)
		free_stage(stage);
	INIT_LIST_HEAD(&stages);
}

/* Takes over the mappings unless it fails; then the stage is as it was. */
static int stage_entries(struct stage *stage,
			 struct nitro_vpc_mapping **mappings, u32 count,
			 struct netlink_ext_ack *extack)
{
	struct nitro_vpc_mapping **old, *undone;
	int err = 0;
	u32 n, i;

	if (count_staged(stage->card) + count > STAGED_MAX) {
		NL_SET_ERR_MSG(extack, "too many mappings are staged");
		return -ENOSPC;
	}
	old = kvcalloc(count ?: 1, sizeof(*old), GFP_KERNEL_ACCOUNT);
	if (!old)
		return -ENOMEM;
	for (n = 0; n < count && !err; n += !err)
		err = nitro_vpc_mapping_table_set(stage->table, mappings[n],
						  &old[n]);
	if (err) {
		while (n--) {
			if (old[n])
				nitro_vpc_mapping_table_set(stage->table,
							    old[n], &undone);
			else
				nitro_vpc_mapping_table_del(stage->table,
							    mappings[n]);
		}
	} else {
		for (i = 0; i < count; i++)
			nitro_vpc_mapping_put(old[i]);
	}
	kvfree(old);
	return err;
}

/* Hosts may have been changed or deleted since the mappings were staged. */
static int refresh_hosts(struct nitro_vpc_card *card,
			 struct nitro_vpc_mapping_table *table,
			 struct netlink_ext_ack *extack)
{
	struct nitro_vpc_mapping *mapping = NULL;
	struct nitro_vpc_host *host, *old;

	while ((mapping = nitro_vpc_mapping_table_next(table, mapping))) {
		old = rcu_dereference_protected(mapping->host,
						lockdep_is_held(&card->lock));
		host = nitro_vpc_host_lookup(card, old->id);
		if (!host) {
			NL_SET_ERR_MSG_FMT(extack,
					   "host %u, which a staged mapping leads to, is gone",
					   old->id);
			return -ENOENT;
		}
		if (host != old) {
			nitro_vpc_host_get(host);
			rcu_assign_pointer(mapping->host, host);
			nitro_vpc_host_put(old);
		}
		cond_resched();
	}
	return 0;
}

/* Takes over the mappings unless it fails. What can fail comes first. */
static int commit(struct stage *stage, struct nitro_vpc_mapping **mappings,
		  u32 count, struct netlink_ext_ack *extack)
{
	struct nitro_vpc_card *card = stage->card;
	int err;

	err = refresh_hosts(card, stage->table, extack) ?:
	      xa_reserve(&card->vpcs, stage->vni, GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	err = stage_entries(stage, mappings, count, extack);
	if (err) {
		xa_release(&card->vpcs, stage->vni);
		return err;
	}
	WARN_ON_ONCE(nitro_vpc_mapping_replace(card, stage->vni, stage->table));
	list_del(&stage->node);
	kfree(stage);
	return 0;
}

/**
 * nitro_vpc_netlink_stage() - stage mappings of a VPC, or commit them
 * @card: the card
 * @portid: socket that they come from
 * @vni: the VPC
 * @mappings: the mappings; taken over unless this fails
 * @count: number of mappings
 * @and_commit: replace all mappings of the VPC by these and by what the socket
 *	has staged before
 * @extack: for errors
 *
 * What was staged before stays staged if this fails.
 *
 * Context: may sleep; card->lock held.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_netlink_stage(struct nitro_vpc_card *card, u32 portid, u32 vni,
			    struct nitro_vpc_mapping **mappings, u32 count,
			    bool and_commit, struct netlink_ext_ack *extack)
{
	struct stage *stage;
	int err;

	lockdep_assert_held(&card->lock);
	mutex_lock(&stages_lock);
	stage = get_stage(card, portid, vni);
	if (IS_ERR(stage))
		err = PTR_ERR(stage);
	else if (and_commit)
		err = commit(stage, mappings, count, extack);
	else
		err = stage_entries(stage, mappings, count, extack);
	mutex_unlock(&stages_lock);
	return err;
}
