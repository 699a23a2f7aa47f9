// SPDX-License-Identifier: GPL-2.0
/* The table of flows: one for all cards, a flow belongs to an ENI.
 *
 * Lookups are lock-free. Adding and removing takes the lock of the bucket. A
 * flow that was idle for too long is as good as absent, whether the collector
 * has come by already or not.
 */

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/prefetch.h>
#include <linux/rculist.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>
#include <net/tcp.h>

#include "card.h"
#include "eni.h"
#include "flow.h"
#include "fragment.h"
#include "mapping.h"

#define LOCKS		1024	/* power of two */
#define SCAN_BUCKETS	64	/* between two chances to schedule */
#define GC_INTERVAL	(HZ / 10)
#define GC_RUNS		32	/* for the whole table */

#define BYTES_PER_BUCKET	2048	/* of memory */
#define BUCKETS_MIN		1024
#define BUCKETS_MAX		(1 << 22)

/* Seconds. Those of nf_conntrack, which are AWS's too where AWS names any;
 * the ones that are missing here are the ENI's.
 */
static const u16 tcp_timeouts[] = {
	[NITRO_VPC_FLOW_STATE_NONE] = 10,
	[NITRO_VPC_FLOW_STATE_SYN_SENT] = 120,
	[NITRO_VPC_FLOW_STATE_SYN_RECV] = 60,
	[NITRO_VPC_FLOW_STATE_FIN_WAIT] = 120,
	[NITRO_VPC_FLOW_STATE_CLOSE_WAIT] = 60,
	[NITRO_VPC_FLOW_STATE_LAST_ACK] = 30,
	[NITRO_VPC_FLOW_STATE_TIME_WAIT] = 120,
	[NITRO_VPC_FLOW_STATE_CLOSE] = 10,
};

#define TIMEOUT_ICMP	30
#define TIMEOUT_OTHER	600	/* EC2 User Guide, security group connection tracking */
#define TIMEOUT_MIN	(10 * HZ)	/* nothing expires sooner */

static unsigned int flow_buckets __ro_after_init;
module_param(flow_buckets, uint, 0444);
MODULE_PARM_DESC(flow_buckets, "buckets of the flow table, a power of two (default: by memory)");

/* Immutable while the module is loaded, but for the buckets' contents. */
static struct hlist_head *buckets __ro_after_init;
static u32 mask __ro_after_init;
static siphash_key_t hash_key __ro_after_init;

/* Each protects the buckets whose number is its own modulo LOCKS. */
static spinlock_t locks[LOCKS];

static struct kmem_cache *cache __ro_after_init;
static atomic_t n_flows;
static u32 gc_next;

static void gc_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(gc, gc_work);

static u32 now32(void)
{
	return (u32)jiffies;
}

#define SIPROUND SIPHASH_PERMUTATION(v0, v1, v2, v3)

/* SipHash-1-3 of the words that differ between flows, as hsiphash() is on
 * 64-bit machines; inlined, as it is half of a lookup.
 */
static __always_inline u32 hash_flow(const struct nitro_vpc_eni *eni,
				     const struct nitro_vpc_flow_key *key)
{
	u64 v0 = SIPHASH_CONST_0 ^ hash_key.key[0];
	u64 v1 = SIPHASH_CONST_1 ^ hash_key.key[1];
	u64 v2 = SIPHASH_CONST_2 ^ hash_key.key[0];
	u64 v3 = SIPHASH_CONST_3 ^ hash_key.key[1];
	const u64 *words = (const u64 *)key;
	u64 word;

	BUILD_BUG_ON(sizeof(*key) != 5 * sizeof(u64));

	if (likely(!key->v6)) {
		word = (u64)(__force u32)key->local.s6_addr32[3] << 32 |
		       (__force u32)key->remote.s6_addr32[3];
		v3 ^= word;
		SIPROUND;
		v0 ^= word;
	} else {
		v3 ^= words[0];
		SIPROUND;
		v0 ^= words[0];
		v3 ^= words[1];
		SIPROUND;
		v0 ^= words[1];
		v3 ^= words[2];
		SIPROUND;
		v0 ^= words[2];
		v3 ^= words[3];
		SIPROUND;
		v0 ^= words[3];
	}
	v3 ^= words[4];
	SIPROUND;
	v0 ^= words[4];

	word = (u64)(unsigned long)eni;
	v3 ^= word;
	SIPROUND;
	v0 ^= word;

	v2 ^= 0xff;
	SIPROUND;
	SIPROUND;
	SIPROUND;
	return v0 ^ v1 ^ v2 ^ v3;
}

static __always_inline bool key_equal(const struct nitro_vpc_flow *flow,
				      const struct nitro_vpc_eni *eni,
				      const struct nitro_vpc_flow_key *key)
{
	const u64 *a = (const u64 *)&flow->key;
	const u64 *b = (const u64 *)key;

	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) |
		 (a[3] ^ b[3]) | (a[4] ^ b[4])) && flow->eni == eni;
}

/* Jiffies that the flow may be idle. Under RCU, or of an ENI that stays. */
static u32 timeout_of(const struct nitro_vpc_flow *flow)
{
	const struct nitro_vpc_eni_config *config;
	u8 state = READ_ONCE(flow->state);

	switch (flow->key.protocol) {
	case IPPROTO_TCP:
		if (state != NITRO_VPC_FLOW_STATE_ESTABLISHED)
			return tcp_timeouts[state] * HZ;
		break;
	case IPPROTO_UDP:
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return TIMEOUT_ICMP * HZ;
	default:
		return TIMEOUT_OTHER * HZ;
	}

	config = rcu_dereference(flow->eni->config);
	if (!config)
		return 0;
	if (flow->key.protocol == IPPROTO_TCP)
		return config->timeout_tcp_established;
	return state == NITRO_VPC_FLOW_STATE_STREAM ?
	       config->timeout_udp_stream : config->timeout_udp;
}

static bool expired(const struct nitro_vpc_flow *flow)
{
	u32 idle = now32() - READ_ONCE(flow->used);

	/* A packet may have come between the two readings. */
	return (s32)idle >= TIMEOUT_MIN && idle >= timeout_of(flow);
}

/**
 * nitro_vpc_flow_find() - the flow with a key
 * @eni: the ENI
 * @key: the key
 *
 * Context: any, under RCU.
 * Return: the flow, or NULL if there is none that is alive.
 */
struct nitro_vpc_flow *nitro_vpc_flow_find(const struct nitro_vpc_eni *eni,
					   const struct nitro_vpc_flow_key *key)
{
	struct hlist_head *head = &buckets[hash_flow(eni, key) & mask];
	struct nitro_vpc_flow *flow;

	hlist_for_each_entry_rcu(flow, head, node) {
		/* What follows a hit; three cache lines in the time of one. */
		prefetch(&flow->path);
		prefetchw(&flow->used);
		if (likely(key_equal(flow, eni, key)))
			return unlikely(expired(flow)) ? NULL : flow;
	}
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_find);

/**
 * nitro_vpc_flow_match() - the flow that a packet belongs to
 * @eni: the ENI
 * @pkt: the packet
 *
 * Differs from nitro_vpc_flow_find() for a SYN after the end of a connection:
 * what it begins is another flow, for which the rules are asked again. The old
 * one is removed.
 *
 * Context: any, under RCU.
 * Return: the flow, or NULL if there is none.
 */
struct nitro_vpc_flow *nitro_vpc_flow_match(const struct nitro_vpc_eni *eni,
					    const struct nitro_vpc_packet *pkt)
{
	struct nitro_vpc_flow *flow = nitro_vpc_flow_find(eni, &pkt->key);
	u8 state;

	if (likely(!(pkt->tcp_flags & TCPHDR_SYN)) || !flow ||
	    pkt->tcp_flags & TCPHDR_ACK)
		return flow;
	state = READ_ONCE(flow->state);
	if (state != NITRO_VPC_FLOW_STATE_TIME_WAIT &&
	    state != NITRO_VPC_FLOW_STATE_CLOSE)
		return flow;
	nitro_vpc_flow_kill(flow);
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_match);

static void free_rcu(struct rcu_head *rcu)
{
	struct nitro_vpc_flow *flow =
		container_of(rcu, struct nitro_vpc_flow, rcu);
	int i;

	for (i = 0; i < 2; i++)
		nitro_vpc_mapping_put(rcu_dereference_protected(flow->path[i].via,
								true));
	kmem_cache_free(cache, flow);
}

/* The bucket's lock is held. */
static void _unlink(struct nitro_vpc_flow *flow)
{
	hlist_del_init_rcu(&flow->node);
	atomic_dec(&flow->eni->flows);
	atomic_dec(&flow->eni->card->flows);
	atomic_dec(&n_flows);
	call_rcu(&flow->rcu, free_rcu);
}

/* Of expired flows, or also of all that belong to an ENI. The lock is held. */
static void _sweep(struct hlist_head *head, const struct nitro_vpc_eni *eni)
{
	struct nitro_vpc_flow *flow;
	struct hlist_node *next;

	hlist_for_each_entry_safe(flow, next, head, node)
		if (flow->eni == eni || expired(flow))
			_unlink(flow);
}

/**
 * nitro_vpc_flow_create() - begin a flow
 * @eni: its ENI
 * @pkt: its first packet, which nitro_vpc_flow_update() has still to see
 * @tracked: it survives the rule that allows it
 * @reason: set if there is no flow
 *
 * Context: any, under RCU.
 * Return: the flow; one that another packet made in the meantime if there is
 * such; or NULL.
 */
struct nitro_vpc_flow *nitro_vpc_flow_create(struct nitro_vpc_eni *eni,
					     const struct nitro_vpc_packet *pkt,
					     bool tracked,
					     enum nitro_vpc_drop *reason)
{
	u32 bucket = hash_flow(eni, &pkt->key) & mask;
	spinlock_t *lock = &locks[bucket & (LOCKS - 1)];
	struct nitro_vpc_flow *flow, *other;
	const struct nitro_vpc_eni_config *config;

	/* A reply to nothing, or an error about nothing. */
	if (!pkt->query) {
		*reason = NITRO_VPC_DROP_FLOW_STATE;
		return NULL;
	}
	flow = kmem_cache_zalloc(cache, GFP_ATOMIC | __GFP_NOWARN);
	if (!flow) {
		*reason = NITRO_VPC_DROP_NO_MEMORY;
		return NULL;
	}
	flow->key = pkt->key;
	flow->eni = eni;
	flow->used = now32();
	spin_lock_init(&flow->lock);
	if (tracked)
		flow->flags |= NITRO_VPC_FLOW_F_TRACKED;
	if (pkt->direction == NITRO_VPC_DIRECTION_INGRESS)
		flow->flags |= NITRO_VPC_FLOW_F_INGRESS;
	flow->state = pkt->key.protocol == IPPROTO_TCP ?
		      NITRO_VPC_FLOW_STATE_NONE : NITRO_VPC_FLOW_STATE_SINGLE;

	spin_lock_bh(lock);
	_sweep(&buckets[bucket], NULL);
	hlist_for_each_entry(other, &buckets[bucket], node)
		if (key_equal(other, eni, &pkt->key))
			goto unlock_free;

	/* nitro_vpc_flow_flush() is not to miss what is added behind it: the
	 * device is unregistered first, then packets are waited for.
	 */
	other = NULL;
	config = rcu_dereference(eni->config);
	if (unlikely(!config || eni->dev->reg_state != NETREG_REGISTERED)) {
		*reason = NITRO_VPC_DROP_UNKNOWN_ENI;
		goto unlock_free;
	}
	if (unlikely(atomic_inc_return(&eni->flows) > config->flow_limit)) {
		atomic_dec(&eni->flows);
		*reason = NITRO_VPC_DROP_FLOW_LIMIT;
		goto unlock_free;
	}
	atomic_inc(&eni->card->flows);
	hlist_add_head_rcu(&flow->node, &buckets[bucket]);
	spin_unlock_bh(lock);

	if (unlikely(atomic_inc_return(&n_flows) == 1))
		queue_delayed_work(system_dfl_wq, &gc, GC_INTERVAL);
	return flow;

unlock_free:
	spin_unlock_bh(lock);
	kmem_cache_free(cache, flow);
	return other;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_create);

/**
 * nitro_vpc_flow_update() - a packet of a flow passes
 * @flow: the flow
 * @pkt: the packet
 *
 * Context: any, under RCU.
 * Return: NITRO_VPC_PASS, or NITRO_VPC_DROP_FLOW_STATE if the packet cannot
 * belong to the flow; then nothing of the flow has changed.
 */
enum nitro_vpc_drop nitro_vpc_flow_update(struct nitro_vpc_flow *flow,
					  const struct nitro_vpc_packet *pkt)
{
	bool direction = pkt->direction;
	enum nitro_vpc_drop reason;
	u32 now = now32();

	/* An error tells of a packet that went the other way. It does not show
	 * that anyone still uses the flow.
	 */
	if (unlikely(pkt->error))
		return atomic64_read(&flow->packets[!direction]) ?
		       NITRO_VPC_PASS : NITRO_VPC_DROP_FLOW_STATE;

	if (flow->key.protocol == IPPROTO_TCP) {
		reason = nitro_vpc_flow_tcp(flow, pkt);
		if (unlikely(reason))
			return reason;
	} else if (unlikely(READ_ONCE(flow->state) ==
			    NITRO_VPC_FLOW_STATE_SINGLE) &&
		   atomic64_read(&flow->packets[!direction])) {
		WRITE_ONCE(flow->state, NITRO_VPC_FLOW_STATE_STREAM);
	}

	if (unlikely(pkt->fragment) && !pkt->later)
		nitro_vpc_fragment_store(flow->eni, pkt);
	if (READ_ONCE(flow->used) != now)
		WRITE_ONCE(flow->used, now);
	atomic64_inc(&flow->packets[direction]);
	atomic64_add(pkt->length, &flow->bytes[direction]);
	return NITRO_VPC_PASS;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_update);

/**
 * nitro_vpc_flow_set_path() - where the packets of a direction come from or go
 * @flow: the flow
 * @direction: NITRO_VPC_DIRECTION_*
 * @via: mapping, found under RCU; NULL for none
 * @generation: the card's generation before @via was looked up
 *
 * What was found out in an older generation does not replace what is there.
 *
 * Context: any, under RCU.
 */
void nitro_vpc_flow_set_path(struct nitro_vpc_flow *flow, u8 direction,
			     struct nitro_vpc_mapping *via, u32 generation)
{
	struct nitro_vpc_flow_path *path = &flow->path[direction];
	struct nitro_vpc_mapping *old = via;

	/* If it is being freed, then the generation is about to move: the next
	 * packet asks again.
	 */
	if (via && !nitro_vpc_mapping_get(via))
		return;

	spin_lock_bh(&flow->lock);
	if (!path->generation || (s32)(generation - path->generation) > 0) {
		old = rcu_replace_pointer(path->via, via,
					  lockdep_is_held(&flow->lock));
		/* Who sees the generation sees the mapping, too. */
		smp_store_release(&path->generation, generation);
	}
	spin_unlock_bh(&flow->lock);
	nitro_vpc_mapping_put(old);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_set_path);

/**
 * nitro_vpc_flow_kill() - forget a flow
 * @flow: the flow; nothing happens if it is gone already
 *
 * Context: any, under RCU.
 */
void nitro_vpc_flow_kill(struct nitro_vpc_flow *flow)
{
	u32 bucket = hash_flow(flow->eni, &flow->key) & mask;
	spinlock_t *lock = &locks[bucket & (LOCKS - 1)];

	spin_lock_bh(lock);
	if (!hlist_unhashed(&flow->node))
		_unlink(flow);
	spin_unlock_bh(lock);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_kill);

/* Sweeps @count buckets from @bucket on. */
static void sweep(u32 bucket, u32 count, const struct nitro_vpc_eni *eni)
{
	struct nitro_vpc_flow *flow;
	spinlock_t *lock;

	rcu_read_lock();
	for (; count; count--, bucket++) {
		hlist_for_each_entry_rcu(flow, &buckets[bucket], node)
			if (flow->eni == eni || expired(flow))
				break;
		if (!flow)
			continue;
		lock = &locks[bucket & (LOCKS - 1)];
		spin_lock_bh(lock);
		_sweep(&buckets[bucket], eni);
		spin_unlock_bh(lock);
	}
	rcu_read_unlock();
}

/**
 * nitro_vpc_flow_flush() - forget all flows of an ENI
 * @eni: the ENI
 *
 * Flows that packets begin at the same time may stay, unless the ENI's device
 * is being unregistered.
 *
 * Context: may sleep.
 */
void nitro_vpc_flow_flush(struct nitro_vpc_eni *eni)
{
	u32 bucket;

	for (bucket = 0; bucket <= mask; bucket += SCAN_BUCKETS) {
		if (!atomic_read(&eni->flows))
			break;
		sweep(bucket, SCAN_BUCKETS, eni);
		cond_resched();
	}
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_flush);

/**
 * nitro_vpc_flow_collect() - remove what is expired from the next part of the
 * table
 *
 * Context: may sleep; one caller at a time.
 */
void nitro_vpc_flow_collect(void)
{
	u32 count = max_t(u32, (mask + 1) / GC_RUNS, SCAN_BUCKETS);

	for (; count >= SCAN_BUCKETS; count -= SCAN_BUCKETS) {
		sweep(gc_next, SCAN_BUCKETS, NULL);
		gc_next = (gc_next + SCAN_BUCKETS) & mask;
		cond_resched();
	}
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_collect);

static void gc_work(struct work_struct *work)
{
	nitro_vpc_flow_collect();
	if (atomic_read(&n_flows))
		queue_delayed_work(system_dfl_wq, &gc, GC_INTERVAL);
}

/* The flows of a bucket, behind those that were given already. */
static int walk_bucket(const struct nitro_vpc_card *card, u32 eni,
		       struct nitro_vpc_flow_cursor *cursor,
		       int (*fn)(const struct nitro_vpc_flow *flow, void *ctx),
		       void *ctx)
{
	struct nitro_vpc_flow *flow;
	u32 skip = cursor->skip;
	int ret;

	hlist_for_each_entry_rcu(flow, &buckets[cursor->bucket], node) {
		if (skip) {
			skip--;
			continue;
		}
		if (flow->eni->card == card && !expired(flow) &&
		    (!eni || READ_ONCE(flow->eni->id) == eni)) {
			ret = fn(flow, ctx);
			if (ret)
				return ret;
		}
		cursor->skip++;
	}
	cursor->skip = 0;
	cursor->bucket++;
	return 0;
}

/**
 * nitro_vpc_flow_walk() - look at flows
 * @card: those of its ENIs
 * @eni: handle of the only ENI whose flows are wanted; 0 for all
 * @cursor: where to begin, zeroed for the start; where to go on afterwards
 * @fn: called for each flow under RCU; something else than 0 ends the walk
 * @ctx: for @fn
 *
 * A flow that is there from beginning to end is seen. Where a walk was
 * interrupted inside a bucket that changes meanwhile, flows of that bucket may
 * be seen twice or not at all.
 *
 * Context: may sleep; not under RCU.
 * Return: 0 when there are no more, or what @fn returned; @cursor then is at
 * the flow that @fn refused.
 */
int nitro_vpc_flow_walk(const struct nitro_vpc_card *card, u32 eni,
			struct nitro_vpc_flow_cursor *cursor,
			int (*fn)(const struct nitro_vpc_flow *flow, void *ctx),
			void *ctx)
{
	int i, ret = 0;

	while (!ret && cursor->bucket <= mask) {
		rcu_read_lock();
		for (i = 0; i < SCAN_BUCKETS && !ret; i++) {
			if (cursor->bucket > mask)
				break;
			ret = walk_bucket(card, eni, cursor, fn, ctx);
		}
		rcu_read_unlock();
		cond_resched();
	}
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_walk);

/**
 * nitro_vpc_flow_expires() - how long a flow will stay if nothing comes
 * @flow: the flow
 *
 * Context: any, under RCU.
 * Return: seconds.
 */
u32 nitro_vpc_flow_expires(const struct nitro_vpc_flow *flow)
{
	u32 timeout = timeout_of(flow);
	u32 idle = now32() - READ_ONCE(flow->used);

	return idle < timeout ? (timeout - idle) / HZ : 0;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_flow_expires);

static u32 __init default_buckets(void)
{
	u64 count = ((u64)totalram_pages() << PAGE_SHIFT) / BYTES_PER_BUCKET;

	return clamp_t(u64, count, BUCKETS_MIN, BUCKETS_MAX);
}

/**
 * nitro_vpc_flow_init() - make the table
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_vpc_flow_init(void)
{
	int i;

#if !IS_ENABLED(CONFIG_DEBUG_SPINLOCK) && !IS_ENABLED(CONFIG_LOCKDEP)
	BUILD_BUG_ON(sizeof(struct nitro_vpc_flow) != 192);
#endif
	if (!flow_buckets)
		flow_buckets = default_buckets();
	flow_buckets = clamp_t(u32, flow_buckets, BUCKETS_MIN, BUCKETS_MAX);
	flow_buckets = roundup_pow_of_two(flow_buckets);

	buckets = kvcalloc(flow_buckets, sizeof(*buckets), GFP_KERNEL);
	if (!buckets)
		return -ENOMEM;
	cache = kmem_cache_create("nitro_vpc_flow",
				  sizeof(struct nitro_vpc_flow), 0,
				  SLAB_HWCACHE_ALIGN, NULL);
	if (!cache) {
		kvfree(buckets);
		return -ENOMEM;
	}
	mask = flow_buckets - 1;
	for (i = 0; i < LOCKS; i++)
		spin_lock_init(&locks[i]);
	get_random_bytes(&hash_key, sizeof(hash_key));
	return 0;
}

/**
 * nitro_vpc_flow_exit() - free the table
 *
 * Context: module load or unload; may sleep. There are no ENIs, so no flows.
 */
void nitro_vpc_flow_exit(void)
{
	cancel_delayed_work_sync(&gc);
	rcu_barrier();
	kmem_cache_destroy(cache);
	kvfree(buckets);
}
