// SPDX-License-Identifier: GPL-2.0
/* Only the first fragment of a packet has ports. They are remembered for the
 * others, which are dropped if they come before it, or long after.
 *
 * Each ENI has a cache of its own, made when it first needs one: there is
 * nothing that one tenant could fill or guess for another, and the memory is
 * bounded by construction. It is set-associative: if there are more packets
 * under way than it holds, then the oldest of a set goes. What comes in does not
 * push out what goes out, and only what the rules allowed is remembered at all.
 */

#include <linux/random.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <kunit/visibility.h>
#include <net/ipv6.h>

#include "eni.h"
#include "fragment.h"

#define WAYS		4
#define SETS		16	/* of a chunk */
#define CHUNKS		8	/* of a direction */

/* What is known of a packet of which the first fragment has passed. */
struct entry {
	struct in6_addr local;
	struct in6_addr remote;
	u32 id;
	u32 stored;
	__be16 local_port;
	__be16 remote_port;
	u16 service;
	u16 len;
	u8 protocol;
	u8 v6;
	u8 query;
	u8 used;
};

struct chunk {
	struct entry entries[SETS][WAYS];
};

/**
 * struct nitro_vpc_fragments - what an ENI knows of fragmented packets
 * @lock: protects the chunks; nothing nests inside
 * @rcu: for freeing
 * @chunks: by direction; NULL until needed
 */
struct nitro_vpc_fragments {
	spinlock_t lock; /* protects chunks */
	struct rcu_head rcu;
	struct chunk *chunks[2][CHUNKS];
};

/* Jiffies. RFC 791, 3.2: until a host gives up. */
u32 nitro_vpc_fragment_lifetime __read_mostly = 15 * HZ;
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_fragment_lifetime);

static siphash_key_t hash_key __ro_after_init;

/* The protocol is only part of what names a packet in IPv4 (RFC 8200, 4.5).
 * For IPv6 the fragment header may name another extension header.
 */
static bool same_packet(const struct entry *entry,
			const struct nitro_vpc_packet *pkt)
{
	return entry->used && entry->id == pkt->frag_id &&
	       entry->v6 == pkt->key.v6 &&
	       (entry->v6 || entry->protocol == pkt->key.protocol) &&
	       ipv6_addr_equal(&entry->local, &pkt->key.local) &&
	       ipv6_addr_equal(&entry->remote, &pkt->key.remote);
}

static bool too_old(const struct entry *entry)
{
	return (u32)jiffies - entry->stored >= nitro_vpc_fragment_lifetime;
}

/* The set of a packet; the lock is held. NULL if there is no memory, or if it
 * would have to be taken and @alloc is false.
 */
static struct entry *_set_of(struct nitro_vpc_fragments *fragments,
			     const struct nitro_vpc_packet *pkt, bool alloc)
{
	struct {
		struct in6_addr local;
		struct in6_addr remote;
		u64 id;
	} words = {
		.local = pkt->key.local,
		.remote = pkt->key.remote,
		.id = pkt->frag_id | (u64)pkt->key.v6 << 32 |
		      (pkt->key.v6 ? 0 : (u64)pkt->key.protocol << 40),
	};
	u64 hash = siphash(&words, sizeof(words), &hash_key);
	struct chunk **chunk =
		&fragments->chunks[pkt->direction][hash % CHUNKS];

	BUILD_BUG_ON(sizeof(struct chunk) > PAGE_SIZE);

	if (!*chunk && alloc)
		*chunk = kzalloc(sizeof(**chunk), GFP_ATOMIC | __GFP_NOWARN);
	return *chunk ? (*chunk)->entries[hash / CHUNKS % SETS] : NULL;
}

static struct nitro_vpc_fragments *get_fragments(struct nitro_vpc_eni *eni)
{
	struct nitro_vpc_fragments *fragments, *other;

	fragments = rcu_dereference(eni->fragments);
	if (fragments)
		return fragments;
	fragments = kzalloc(sizeof(*fragments), GFP_ATOMIC | __GFP_NOWARN);
	if (!fragments)
		return NULL;
	spin_lock_init(&fragments->lock);
	other = unrcu_pointer(cmpxchg(&eni->fragments, NULL,
				      RCU_INITIALIZER(fragments)));
	if (other) {
		kfree(fragments);
		return other;
	}
	return fragments;
}

/**
 * nitro_vpc_fragment_store() - the first fragment of a packet passes
 * @eni: the ENI
 * @pkt: the fragment
 *
 * Without memory the later fragments will be dropped.
 *
 * Context: any, under RCU.
 */
void nitro_vpc_fragment_store(struct nitro_vpc_eni *eni,
			      const struct nitro_vpc_packet *pkt)
{
	struct nitro_vpc_fragments *fragments = get_fragments(eni);
	struct entry *set, *victim;
	int i;

	if (!fragments)
		return;
	spin_lock_bh(&fragments->lock);
	set = _set_of(fragments, pkt, true);
	if (!set)
		goto unlock;
	victim = set;
	for (i = 0; i < WAYS; i++) {
		if (same_packet(&set[i], pkt)) {
			victim = &set[i];
			break;
		}
		if (!victim->used)
			continue;
		if (!set[i].used ||
		    (s32)(set[i].stored - victim->stored) < 0)
			victim = &set[i];
	}
	victim->local = pkt->key.local;
	victim->remote = pkt->key.remote;
	victim->id = pkt->frag_id;
	victim->stored = (u32)jiffies;
	victim->local_port = pkt->key.local_port;
	victim->remote_port = pkt->key.remote_port;
	victim->service = pkt->service;
	victim->len = pkt->length - (pkt->thoff - pkt->nhoff);
	victim->protocol = pkt->key.protocol;
	victim->v6 = pkt->key.v6;
	victim->query = pkt->query;
	victim->used = 1;
unlock:
	spin_unlock_bh(&fragments->lock);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_fragment_store);

/**
 * nitro_vpc_fragment_check() - complete the key of a fragment
 * @eni: the ENI
 * @pkt: the fragment, gets what the first fragment had
 *
 * The first fragment passes; nitro_vpc_flow_update() stores it once it is
 * allowed.
 *
 * Context: any, under RCU.
 * Return: NITRO_VPC_PASS, or NITRO_VPC_DROP_FRAGMENT for a later fragment of an
 * unknown packet, or one that overlaps the first.
 */
enum nitro_vpc_drop nitro_vpc_fragment_check(struct nitro_vpc_eni *eni,
					     struct nitro_vpc_packet *pkt)
{
	enum nitro_vpc_drop reason = NITRO_VPC_DROP_FRAGMENT;
	struct nitro_vpc_fragments *fragments;
	struct entry *set;
	int i;

	if (!pkt->later)
		return NITRO_VPC_PASS;
	fragments = rcu_dereference(eni->fragments);
	if (!fragments)
		return reason;

	spin_lock_bh(&fragments->lock);
	set = _set_of(fragments, pkt, false);
	for (i = 0; set && i < WAYS; i++) {
		if (!same_packet(&set[i], pkt))
			continue;
		/* What overlaps the first fragment could change its ports
		 * behind the rules' back.
		 */
		if (too_old(&set[i]) || pkt->frag_off < set[i].len)
			break;
		pkt->key.protocol = set[i].protocol;
		pkt->key.local_port = set[i].local_port;
		pkt->key.remote_port = set[i].remote_port;
		pkt->service = set[i].service;
		pkt->query = set[i].query;
		reason = NITRO_VPC_PASS;
		break;
	}
	spin_unlock_bh(&fragments->lock);
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_fragment_check);

static void free_rcu(struct rcu_head *rcu)
{
	struct nitro_vpc_fragments *fragments =
		container_of(rcu, struct nitro_vpc_fragments, rcu);
	int i;

	for (i = 0; i < 2 * CHUNKS; i++)
		kfree(fragments->chunks[i / CHUNKS][i % CHUNKS]);
	kfree(fragments);
}

/**
 * nitro_vpc_fragment_flush() - forget all fragments of an ENI
 * @eni: the ENI
 *
 * Context: any. When the ENI goes: no packet of it is under way.
 */
void nitro_vpc_fragment_flush(struct nitro_vpc_eni *eni)
{
	struct nitro_vpc_fragments *fragments =
		unrcu_pointer(xchg(&eni->fragments, NULL));

	if (fragments)
		call_rcu(&fragments->rcu, free_rcu);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_fragment_flush);

/**
 * nitro_vpc_fragment_init() - prepare for fragments
 *
 * Context: module load.
 * Return: 0
 */
int __init nitro_vpc_fragment_init(void)
{
	get_random_bytes(&hash_key, sizeof(hash_key));
	return 0;
}

/**
 * nitro_vpc_fragment_exit() - the end of nitro_vpc_fragment_init()
 *
 * Context: module load or unload; may sleep. There are no ENIs.
 */
void nitro_vpc_fragment_exit(void)
{
	/* The last caches are freed by a callback of this module. */
	rcu_barrier();
}
