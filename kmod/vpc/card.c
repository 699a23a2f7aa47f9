// SPDX-License-Identifier: GPL-2.0
/* A card per network namespace: two namespaces are two hosts. */

#include <linux/rtnetlink.h>
#include <net/netns/generic.h>

#include "card.h"
#include "eni.h"
#include "geneve.h"
#include "host.h"
#include "mapping.h"
#include "policy.h"
#include "route.h"
#include "router.h"
#include "service.h"

static unsigned int net_id __read_mostly;

/**
 * nitro_vpc_card_of() - the card of a network namespace
 * @net: the namespace
 *
 * Context: any; the card lives as long as the namespace.
 * Return: the card, never NULL while the module is loaded.
 */
struct nitro_vpc_card *nitro_vpc_card_of(struct net *net)
{
	return net_generic(net, net_id);
}

void nitro_vpc_card_changed(struct nitro_vpc_card *card)
{
	u32 next = card->generation + 1;

	lockdep_assert_held(&card->lock);
	/* 0 is what a flow without a path has. Pairs with the acquire in
	 * nitro_vpc_card_generation().
	 */
	smp_store_release(&card->generation, next ?: 1);
}

static int __net_init card_net_init(struct net *net)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(net);
	int i;

	card->drops = alloc_percpu(struct nitro_vpc_drop_counters);
	if (!card->drops)
		return -ENOMEM;

	card->net = net;
	card->generation = 1;
	mutex_init(&card->lock);
	xa_init(&card->hosts);
	xa_init(&card->vpcs);
	nitro_vpc_shared_init(&card->policies, &nitro_vpc_policy_ops);
	nitro_vpc_shared_init(&card->route_tables, &nitro_vpc_route_table_ops);
	xa_init(&card->enis);
	xa_init(&card->services);
	INIT_LIST_HEAD(&card->eni_list);
	INIT_LIST_HEAD(&card->service_list);
	nitro_vpc_router_init(card);
	for (i = 0; i < NITRO_VPC_ENI_MACS; i++)
		INIT_HLIST_HEAD(&card->eni_macs[i]);
	return 0;
}

/* ENIs and service ports go with their card, wherever their netdevs are. */
static void __net_exit card_net_exit_rtnl(struct net *net,
					  struct list_head *dev_kill_list)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(net);
	struct nitro_vpc_eni *eni, *next;

	list_for_each_entry_safe(eni, next, &card->eni_list, node)
		nitro_vpc_eni_dellink(eni->dev, dev_kill_list);
	nitro_vpc_service_flush(card, dev_kill_list);
}

static void __net_exit card_net_exit(struct net *net)
{
	struct nitro_vpc_card *card = nitro_vpc_card_of(net);
	struct nitro_vpc_host *host;
	unsigned long index;

	nitro_vpc_router_exit(card);
	rtnl_lock();
	mutex_lock(&card->lock);
	nitro_vpc_geneve_close(card);
	/* No packet comes from the underlay or from an ENI any more once the
	 * ones under way have left.
	 */
	synchronize_net();

	nitro_vpc_mapping_flush(card);
	rcu_assign_pointer(card->local, NULL);
	xa_for_each(&card->hosts, index, host) {
		xa_erase(&card->hosts, index);
		nitro_vpc_host_put(host);
	}
	nitro_vpc_shared_exit(&card->policies);
	nitro_vpc_shared_exit(&card->route_tables);
	mutex_unlock(&card->lock);
	rtnl_unlock();

	xa_destroy(&card->hosts);
	xa_destroy(&card->vpcs);
	xa_destroy(&card->enis);
	xa_destroy(&card->services);
	mutex_destroy(&card->lock);
	free_percpu(card->drops);
}

static struct pernet_operations card_net_ops = {
	.init = card_net_init,
	.exit_rtnl = card_net_exit_rtnl,
	.exit = card_net_exit,
	.id = &net_id,
	.size = sizeof(struct nitro_vpc_card),
};

/**
 * nitro_vpc_card_init() - give every network namespace a card
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_vpc_card_init(void)
{
	return register_pernet_subsys(&card_net_ops);
}

/**
 * nitro_vpc_card_exit() - take the cards away
 *
 * Context: module load or unload; may sleep. The ENIs are gone.
 */
void nitro_vpc_card_exit(void)
{
	unregister_pernet_subsys(&card_net_ops);
}
