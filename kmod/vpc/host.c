// SPDX-License-Identifier: GPL-2.0
/* Hosts of the network, as mappings refer to them. */

#include <linux/slab.h>

#include "card.h"
#include "host.h"
#include "mapping.h"

/**
 * nitro_vpc_host_lookup() - find a host
 * @card: the card
 * @id: handle
 *
 * Context: under RCU or with card->lock held.
 * Return: the host, without a reference, or NULL.
 */
struct nitro_vpc_host *nitro_vpc_host_lookup(struct nitro_vpc_card *card, u32 id)
{
	return xa_load(&card->hosts, id);
}

/**
 * nitro_vpc_host_new() - make a host
 * @id: handle
 * @local: it is this one
 * @v6: the address is an IPv6 one
 * @addr: underlay address; IPv4 as IPv4-mapped IPv6
 * @port: Geneve port
 *
 * Context: may sleep.
 * Return: the host, with one reference and not in any card, or NULL.
 */
struct nitro_vpc_host *nitro_vpc_host_new(u32 id, bool local, bool v6,
					  const struct in6_addr *addr,
					  __be16 port)
{
	struct nitro_vpc_host *host;

	host = kzalloc(sizeof(*host), GFP_KERNEL_ACCOUNT);
	if (!host)
		return NULL;
	if (dst_cache_init(&host->dst, GFP_KERNEL_ACCOUNT)) {
		kfree(host);
		return NULL;
	}
	host->id = id;
	host->local = local;
	host->v6 = v6;
	host->addr = *addr;
	host->port = port;
	refcount_set(&host->refs, 1);
	return host;
}

/**
 * nitro_vpc_host_get() - take a reference
 * @host: a host that the caller has a reference of, or finds in the card with
 *	the card's lock held
 *
 * Context: any.
 */
void nitro_vpc_host_get(struct nitro_vpc_host *host)
{
	refcount_inc(&host->refs);
}

static void host_free(struct rcu_head *rcu)
{
	struct nitro_vpc_host *host;

	host = container_of(rcu, struct nitro_vpc_host, rcu);
	dst_cache_destroy(&host->dst);
	kfree(host);
}

/**
 * nitro_vpc_host_put() - give a reference back
 * @host: the host
 *
 * Context: any.
 */
void nitro_vpc_host_put(struct nitro_vpc_host *host)
{
	if (refcount_dec_and_test(&host->refs))
		call_rcu(&host->rcu, host_free);
}

/**
 * nitro_vpc_host_publish() - put a host into a card, or replace it there
 * @card: the card
 * @host: the host; its reference is taken over unless this fails
 *
 * Mappings that lead to a host with the same handle lead to @host then.
 *
 * Context: may sleep; card->lock held.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_host_publish(struct nitro_vpc_card *card,
			   struct nitro_vpc_host *host)
{
	struct nitro_vpc_host *old, *local;

	lockdep_assert_held(&card->lock);
	local = rcu_dereference_protected(card->local,
					  lockdep_is_held(&card->lock));
	old = xa_store(&card->hosts, host->id, host, GFP_KERNEL_ACCOUNT);
	if (xa_is_err(old))
		return xa_err(old);

	if (host->local)
		rcu_assign_pointer(card->local, host);
	else if (old && old == local)
		rcu_assign_pointer(card->local, NULL);
	if (old)
		nitro_vpc_mapping_move(card, old, host);
	else
		card->n_hosts++;
	nitro_vpc_card_changed(card);
	if (old)
		nitro_vpc_host_put(old);
	return 0;
}

/**
 * nitro_vpc_host_remove() - take a host out of its card
 * @card: the card
 * @host: a host in it that no mapping leads to
 *
 * Context: may sleep; card->lock held.
 */
void nitro_vpc_host_remove(struct nitro_vpc_card *card,
			   struct nitro_vpc_host *host)
{
	lockdep_assert_held(&card->lock);
	WARN_ON_ONCE(host->mappings);
	if (rcu_access_pointer(card->local) == host)
		rcu_assign_pointer(card->local, NULL);
	xa_erase(&card->hosts, host->id);
	card->n_hosts--;
	nitro_vpc_card_changed(card);
	nitro_vpc_host_put(host);
}
