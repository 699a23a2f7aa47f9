/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_CARD_H
#define _NITRO_VPC_CARD_H

#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include "drop.h"
#include "shared.h"

#define NITRO_VPC_ENI_MACS	256

struct nitro_vpc_eni;
struct nitro_vpc_host;
struct nitro_vpc_service;

/**
 * struct nitro_vpc_card - the card of a network namespace
 * @net: the namespace
 * @lock: serialises all configuration; nests inside RTNL. Readers of the data
 *	path use RCU
 * @hosts: struct nitro_vpc_host by handle
 * @local: the local host, NULL until set
 * @vpcs: struct nitro_vpc_mapping_table by VNI
 * @policies: every struct nitro_vpc_policy
 * @route_tables: every struct nitro_vpc_route_table
 * @enis: struct nitro_vpc_eni by handle
 * @eni_list: all ENIs made in this namespace, with a handle or without
 * @services: ENIs by their number at the service port
 * @service: the service port in use, NULL if there is none
 * @service_list: all service ports made in this namespace
 * @advertise: router advertisements, see router.c
 * @eni_macs: ENIs with a VPC by VNI and MAC address; written under @lock
 * @generation: moved by every change that a flow may have to see; never 0
 * @n_hosts: number of hosts
 * @n_mappings: number of mappings
 * @n_enis: number of ENIs
 * @flows: number of flows
 * @drops: packets dropped before they belonged to an ENI
 * @socket4: Geneve socket of the IPv4 underlay, NULL if closed
 * @socket6: likewise, IPv6
 */
struct nitro_vpc_card {
	struct net *net;
	struct mutex lock; /* serialises configuration */
	struct xarray hosts;
	struct nitro_vpc_host __rcu *local;
	struct xarray vpcs;
	struct nitro_vpc_shared_table policies;
	struct nitro_vpc_shared_table route_tables;
	struct xarray enis;
	struct list_head eni_list;
	struct xarray services;
	struct nitro_vpc_service __rcu *service;
	struct list_head service_list;
	struct delayed_work advertise;
	struct hlist_head eni_macs[NITRO_VPC_ENI_MACS];
	u32 generation;
	u32 n_hosts;
	u32 n_mappings;
	u32 n_enis;
	atomic_t flows;
	struct nitro_vpc_drop_counters __percpu *drops;
	struct socket __rcu *socket4;
	struct socket __rcu *socket6;
};

int nitro_vpc_card_init(void);
void nitro_vpc_card_exit(void);
struct nitro_vpc_card *nitro_vpc_card_of(struct net *net);

static inline u32 nitro_vpc_card_generation(const struct nitro_vpc_card *card)
{
	/* pairs with the release in card.c: what changed is seen, too */
	return smp_load_acquire(&card->generation);
}

/**
 * nitro_vpc_card_changed() - make the flows look at their path and policy again
 * @card: the card
 *
 * To be called after a change is visible to RCU readers, and before the old
 * object is handed to RCU for freeing.
 *
 * Context: card->lock held.
 */
void nitro_vpc_card_changed(struct nitro_vpc_card *card);

#endif
