// SPDX-License-Identifier: GPL-2.0
#include "policy.h"

#include <kunit/visibility.h>
#include <linux/bitops.h>
#include <linux/in.h>
#include <linux/jhash.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "range.h"

#define WORDS_MAX	(NITRO_VPC_RULES_MAX / 64)
#define NO_BIT		U32_MAX

/**
 * struct rule_set - a sparse bitmap of rules
 * @present: which of its words are not zero
 * @first: index of the first of those
 */
struct rule_set {
	u64 present;
	u32 first;
};

/**
 * struct classifier - the rules of one direction and family
 * @service: by protocol << 16 | port, index of a rule set
 * @address: by peer address, likewise
 * @tag: by tag, likewise
 * @n_open: the first bits belong to rules whose peer is all addresses
 * @all_ports: of which protocols all ports are allowed to all addresses;
 *	untracked_bit()
 * @id: the rules' ids by bit
 */
struct classifier {
	struct nitro_vpc_range service;
	struct nitro_vpc_range address;
	struct nitro_vpc_range tag;
	u32 n_open;
	u8 all_ports;
	u32 *id;
};

/**
 * struct nitro_vpc_rules - the rules of a policy
 * @rcu: for freeing
 * @classifier: by direction and family
 * @set: the rule sets; the first one is the empty one
 * @word: their words
 * @count: number of @rule
 * @rule: the rules as they were given
 */
struct nitro_vpc_rules {
	struct rcu_head rcu;
	struct classifier classifier[2][2];
	struct rule_set *set;
	u64 *word;
	u32 count;
	struct nitro_vpc_rule rule[] __counted_by(count);
};

/**
 * struct builder - what is needed to make rules
 * @rules: the rules; their @word and @set have room for more while they are
 *	being made
 * @edges: of the axis that is being swept
 * @bit_rule: rule by bit, of the classifier that is being made
 * @sets: number of rule sets
 * @sets_max: the most that there can be
 * @words: words that the rule sets have
 * @words_max: that there is room for
 * @seed: of @hash
 * @mask: size of @hash - 1
 * @hash: open addressing, index of a rule set or 0
 * @current_word: words of the bitmap at the sweep's position
 * @present: which of them are not zero
 */
struct builder {
	struct nitro_vpc_rules *rules;
	struct nitro_vpc_range_edge *edges;
	u16 *bit_rule;
	u32 sets;
	u32 sets_max;
	u32 words;
	u32 words_max;
	u32 seed;
	u32 mask;
	u16 *hash;
	u64 current_word[WORDS_MAX];
	u64 present;
};

enum axis {
	AXIS_SERVICE,
	AXIS_ADDRESS,
	AXIS_TAG,
};

/* Bit for a protocol whose flows are not always tracked */
static u8 untracked_bit(u16 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return BIT(0);
	case IPPROTO_UDP:
		return BIT(1);
	default:
		return 0;
	}
}

static bool has_ports(u16 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ||
	       protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static bool all_ports(const struct nitro_vpc_rule *rule)
{
	return !rule->port_min && rule->port_max == U16_MAX;
}

static bool is_open(const struct nitro_vpc_rule *rule)
{
	return (rule->peer == NITRO_VPC_PEER_IP4 && rule->prefix_len == 96) ||
	       (rule->peer == NITRO_VPC_PEER_IP6 && rule->prefix_len == 0);
}

static bool applies(const struct nitro_vpc_rule *rule, u8 direction, bool v6)
{
	if (rule->direction != direction)
		return false;
	return rule->peer == NITRO_VPC_PEER_TAG ||
	       rule->peer == (v6 ? NITRO_VPC_PEER_IP6 : NITRO_VPC_PEER_IP4);
}

static int check_rule(const struct nitro_vpc_rule *rule, u32 n,
		      struct netlink_ext_ack *extack)
{
	struct nitro_vpc_u128 addr = nitro_vpc_u128_from_addr(&rule->prefix);

	if (rule->direction > NITRO_VPC_DIRECTION_EGRESS) {
		NL_SET_ERR_MSG_FMT(extack, "rule %u: unknown direction", n);
		return -EINVAL;
	}
	if (rule->protocol > NITRO_VPC_RULE_ANY_PROTOCOL) {
		NL_SET_ERR_MSG_FMT(extack, "rule %u: unknown protocol", n);
		return -EINVAL;
	}
	if (rule->port_min > rule->port_max) {
		NL_SET_ERR_MSG_FMT(extack, "rule %u: the first port is above the last", n);
		return -EINVAL;
	}
	if (!has_ports(rule->protocol) && !all_ports(rule)) {
		NL_SET_ERR_MSG_FMT(extack, "rule %u: only TCP, UDP and ICMP rules have ports", n);
		return -EINVAL;
	}
	if (rule->peer > NITRO_VPC_PEER_TAG) {
		NL_SET_ERR_MSG_FMT(extack, "rule %u: unknown kind of peer", n);
		return -EINVAL;
	}
	if (rule->peer == NITRO_VPC_PEER_TAG)
		return 0;
	if (rule->prefix_len > 128 ||
	    (rule->peer == NITRO_VPC_PEER_IP4 &&
	     (!ipv6_addr_v4mapped(&rule->prefix) || rule->prefix_len < 96))) {
		NL_SET_ERR_MSG_FMT(extack, "rule %u: the prefix length is out of range", n);
		return -EINVAL;
	}
	if (!nitro_vpc_u128_masked(addr, rule->prefix_len)) {
		NL_SET_ERR_MSG_FMT(extack, "rule %u: the prefix has host bits set", n);
		return -EINVAL;
	}
	return 0;
}

/* Make room for another @more words */
static int reserve(struct builder *b, u32 more)
{
	u32 max = b->words_max;
	u64 *word;

	if (b->words + more <= max)
		return 0;
	max = 2 * max + more;
	word = kvmalloc_array(max, sizeof(*word), GFP_KERNEL_ACCOUNT);
	if (!word)
		return -ENOMEM;
	if (b->words)
		memcpy(word, b->rules->word, b->words * sizeof(*word));
	kvfree(b->rules->word);
	b->rules->word = word;
	b->words_max = max;
	return 0;
}

static void sweep_edge(void *context, u16 item, bool leave)
{
	struct builder *b = context;
	u64 *word = &b->current_word[item / 64];

	*word ^= BIT_ULL(item % 64);
	if (*word)
		b->present |= BIT_ULL(item / 64);
	else
		b->present &= ~BIT_ULL(item / 64);
}

/* Index of the set of rules at the sweep's position */
static int sweep_value(void *context)
{
	struct builder *b = context;
	u64 left, *word;
	u32 n = 0, i;
	int ret;

	if (!b->present)
		return 0;
	ret = reserve(b, hweight64(b->present));
	if (ret)
		return ret;
	word = b->rules->word + b->words;
	for (left = b->present; left; left &= left - 1)
		word[n++] = b->current_word[__ffs64(left)];

	for (i = jhash2((u32 *)word, 2 * n, b->seed); b->hash[i & b->mask]; i++) {
		u16 found = b->hash[i & b->mask];
		const struct rule_set *set = &b->rules->set[found];

		if (set->present == b->present &&
		    !memcmp(b->rules->word + set->first, word, n * sizeof(*word)))
			return found;
	}
	if (WARN_ON_ONCE(b->sets == b->sets_max))
		return -EOVERFLOW;
	b->hash[i & b->mask] = b->sets;
	b->rules->set[b->sets] = (struct rule_set){
		.present = b->present, .first = b->words,
	};
	b->words += n;
	return b->sets++;
}

static const struct nitro_vpc_range_ops sweep_ops = {
	.edge = sweep_edge,
	.value = sweep_value,
};

static u32 rule_edges(const struct nitro_vpc_rule *rule, enum axis axis,
		      bool v6, u16 bit, struct nitro_vpc_range_edge *edges)
{
	struct nitro_vpc_u128 first = {}, last = {};

	switch (axis) {
	case AXIS_SERVICE:
		if (rule->protocol == NITRO_VPC_RULE_ANY_PROTOCOL) {
			last.lo = U32_MAX;
		} else {
			first.lo = (u32)rule->protocol << 16 | rule->port_min;
			last.lo = (u32)rule->protocol << 16 | rule->port_max;
		}
		return nitro_vpc_range_edges(edges, false, first, last, bit);
	case AXIS_ADDRESS:
		if (rule->peer == NITRO_VPC_PEER_TAG)
			return 0;
		first = nitro_vpc_u128_from_addr(&rule->prefix);
		last = nitro_vpc_u128_last(first, rule->prefix_len);
		return nitro_vpc_range_edges(edges, v6, first, last, bit);
	case AXIS_TAG:
		if (rule->peer != NITRO_VPC_PEER_TAG)
			return 0;
		first.lo = rule->tag;
		return nitro_vpc_range_edges(edges, false, first, first, bit);
	}
	return 0;
}

static int build_axis(struct builder *b, struct nitro_vpc_range *range,
		      enum axis axis, bool v6, u32 bits)
{
	u32 bit, n = 0;

	for (bit = 0; bit < bits; bit++)
		n += rule_edges(&b->rules->rule[b->bit_rule[bit]], axis, v6,
				bit, b->edges + n);
	memset(b->current_word, 0, sizeof(b->current_word));
	b->present = 0;
	return nitro_vpc_range_build(range, axis == AXIS_ADDRESS && v6,
				     b->edges, n, &sweep_ops, b);
}

static int build_classifier(struct builder *b, u8 direction, bool v6)
{
	struct nitro_vpc_rules *rules = b->rules;
	struct classifier *c = &rules->classifier[direction][v6];
	u32 i, bits = 0;
	bool open;
	int ret;

	for (open = true; ; open = false) {
		for (i = 0; i < rules->count; i++) {
			const struct nitro_vpc_rule *rule = &rules->rule[i];

			if (applies(rule, direction, v6) && is_open(rule) == open)
				b->bit_rule[bits++] = i;
		}
		if (!open)
			break;
		c->n_open = bits;
	}

	c->id = kvmalloc_array(bits, sizeof(*c->id), GFP_KERNEL_ACCOUNT);
	if (!c->id)
		return -ENOMEM;
	for (i = 0; i < bits; i++) {
		const struct nitro_vpc_rule *rule = &rules->rule[b->bit_rule[i]];

		c->id[i] = rule->id;
		if (i >= c->n_open || !all_ports(rule))
			continue;
		if (rule->protocol == NITRO_VPC_RULE_ANY_PROTOCOL)
			c->all_ports |= untracked_bit(IPPROTO_TCP) |
					untracked_bit(IPPROTO_UDP);
		else
			c->all_ports |= untracked_bit(rule->protocol);
	}

	ret = build_axis(b, &c->service, AXIS_SERVICE, v6, bits);
	if (!ret)
		ret = build_axis(b, &c->address, AXIS_ADDRESS, v6, bits);
	if (!ret)
		ret = build_axis(b, &c->tag, AXIS_TAG, v6, bits);
	return ret;
}

/* Give back the room that the sets and words did not need */
static int trim(struct builder *b)
{
	struct nitro_vpc_rules *rules = b->rules;
	struct rule_set *set;
	u64 *word;

	set = kvmalloc_array(b->sets, sizeof(*set), GFP_KERNEL_ACCOUNT);
	word = kvmalloc_array(b->words, sizeof(*word), GFP_KERNEL_ACCOUNT);
	if (!set || !word) {
		kvfree(set);
		kvfree(word);
		return -ENOMEM;
	}
	memcpy(set, rules->set, b->sets * sizeof(*set));
	if (b->words)
		memcpy(word, rules->word, b->words * sizeof(*word));
	kvfree(rules->set);
	kvfree(rules->word);
	rules->set = set;
	rules->word = word;
	return 0;
}

/* Every rule cuts each axis of each family in two places at most, and a prefix
 * is on one axis only. The most sets come from rules with tags: two of the
 * services and one of the tags, in both families.
 */
static u32 most_sets(u32 count)
{
	BUILD_BUG_ON(6 * NITRO_VPC_RULES_MAX + 1 > U16_MAX);
	return 6 * count + 1;
}

static int build(struct builder *b)
{
	u32 hash_size = roundup_pow_of_two(2 * b->sets_max);
	u32 count = b->rules->count;
	u8 direction;
	int ret;

	b->hash = kvcalloc(hash_size, sizeof(*b->hash), GFP_KERNEL);
	b->edges = kvmalloc_array(count, 2 * sizeof(*b->edges), GFP_KERNEL);
	b->bit_rule = kvmalloc_array(count, sizeof(*b->bit_rule), GFP_KERNEL);
	b->rules->set = kvcalloc(b->sets_max, sizeof(*b->rules->set),
				 GFP_KERNEL_ACCOUNT);
	if (!b->hash || !b->edges || !b->bit_rule || !b->rules->set)
		return -ENOMEM;
	b->mask = hash_size - 1;
	b->seed = get_random_u32();
	b->sets = 1;

	for (direction = 0; direction < 2; direction++) {
		ret = build_classifier(b, direction, false);
		if (ret)
			return ret;
		cond_resched();
		ret = build_classifier(b, direction, true);
		if (ret)
			return ret;
		cond_resched();
	}
	return trim(b);
}

/**
 * nitro_vpc_rules_build() - make the rules of a policy
 * @rules: the rules; copied
 * @count: how many
 * @extack: why they were refused; may be NULL. Names rules by their place,
 *	beginning with 1
 *
 * Context: Process, may sleep.
 * Return: the rules or an ERR_PTR.
 */
struct nitro_vpc_rules *nitro_vpc_rules_build(const struct nitro_vpc_rule *rules,
					      u32 count,
					      struct netlink_ext_ack *extack)
{
	struct nitro_vpc_rules *built;
	struct builder *b;
	int ret;
	u32 i;

	BUILD_BUG_ON(NITRO_VPC_RULES_MAX > 64 * 64);

	if (count > NITRO_VPC_RULES_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "a policy has %u rules at most",
				   NITRO_VPC_RULES_MAX);
		return ERR_PTR(-E2BIG);
	}
	for (i = 0; i < count; i++) {
		ret = check_rule(&rules[i], i + 1, extack);
		if (ret)
			return ERR_PTR(ret);
	}

	built = kvzalloc(struct_size(built, rule, count), GFP_KERNEL_ACCOUNT);
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (built && b) {
		built->count = count;
		memcpy(built->rule, rules, array_size(count, sizeof(*rules)));
		b->rules = built;
		b->sets_max = most_sets(count);
		ret = build(b);
		kvfree(b->hash);
		kvfree(b->edges);
		kvfree(b->bit_rule);
	} else {
		ret = -ENOMEM;
	}
	kfree(b);
	if (ret) {
		NL_SET_ERR_MSG(extack, "out of memory");
		nitro_vpc_rules_free(built);
		return ERR_PTR(ret);
	}
	return built;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_rules_build);

/**
 * nitro_vpc_rules_free() - free the rules of a policy at once
 * @rules: rules that no reader has any more, or NULL
 *
 * Context: Any but NMI.
 */
void nitro_vpc_rules_free(struct nitro_vpc_rules *rules)
{
	u32 i;

	if (!rules)
		return;
	for (i = 0; i < 4; i++) {
		struct classifier *c = &rules->classifier[i / 2][i % 2];

		nitro_vpc_range_destroy(&c->service);
		nitro_vpc_range_destroy(&c->address);
		nitro_vpc_range_destroy(&c->tag);
		kvfree(c->id);
	}
	kvfree(rules->set);
	kvfree(rules->word);
	kvfree(rules);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_rules_free);

static void free_rcu(struct rcu_head *rcu)
{
	nitro_vpc_rules_free(container_of(rcu, struct nitro_vpc_rules, rcu));
}

/**
 * nitro_vpc_rules_free_rcu() - free the rules of a policy after a grace period
 * @rules: rules that no new reader finds any more, or NULL
 *
 * Context: Any but NMI.
 */
void nitro_vpc_rules_free_rcu(struct nitro_vpc_rules *rules)
{
	if (rules)
		call_rcu(&rules->rcu, free_rcu);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_rules_free_rcu);

static void free_content(void *content)
{
	nitro_vpc_rules_free(content);
}

static void free_content_rcu(void *content)
{
	nitro_vpc_rules_free_rcu(content);
}

const struct nitro_vpc_shared_ops nitro_vpc_policy_ops = {
	.free = free_content,
	.free_rcu = free_content_rcu,
};

/* The first bit that two rule sets have in common */
static u32 first_common(const u64 *word, const struct rule_set *a,
			const struct rule_set *b)
{
	u64 both = a->present & b->present;

	while (both) {
		u64 below = (both & -both) - 1;
		u64 bits = word[a->first + hweight64(a->present & below)] &
			   word[b->first + hweight64(b->present & below)];

		if (bits)
			return hweight64(below) * 64 + __ffs64(bits);
		both &= both - 1;
	}
	return NO_BIT;
}

/**
 * nitro_vpc_rules_check() - ask the rules about a packet
 * @rules: the rules
 * @direction: NITRO_VPC_DIRECTION_*
 * @v6: it is an IPv6 packet
 * @protocol: IP protocol
 * @service: see struct nitro_vpc_packet
 * @peer: address of the other side; IPv4 as IPv4-mapped IPv6
 * @tags: tags of the peer's mapping, in any order; may be NULL if there are none
 * @n_tags: how many
 *
 * Context: Under RCU, if that is what protects @rules.
 * Return: the verdict.
 */
struct nitro_vpc_verdict
nitro_vpc_rules_check(const struct nitro_vpc_rules *rules, u8 direction,
		      bool v6, u8 protocol, u16 service,
		      const struct in6_addr *peer,
		      const u32 *tags, u32 n_tags)
{
	const struct classifier *c = &rules->classifier[direction][v6];
	const struct rule_set *set = rules->set, *services;
	struct nitro_vpc_verdict verdict = {};
	u8 untracked;
	u32 i, bit;

	services = &set[nitro_vpc_range_find32(&c->service,
					       (u32)protocol << 16 | service)];
	if (!services->present)
		return verdict;

	bit = first_common(rules->word, services,
			   &set[nitro_vpc_range_find_addr(&c->address, peer)]);
	/* Open rules have the first bits and no tags */
	for (i = 0; i < n_tags && bit >= c->n_open; i++)
		bit = min(bit, first_common(rules->word, services,
					    &set[nitro_vpc_range_find32(&c->tag, tags[i])]));
	if (bit == NO_BIT)
		return verdict;

	untracked = untracked_bit(protocol) &
		    rules->classifier[!direction][v6].all_ports;
	verdict.allowed = true;
	verdict.tracked = bit >= c->n_open || !untracked;
	verdict.rule = c->id[bit];
	return verdict;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_rules_check);

/**
 * nitro_vpc_rules_array() - the rules as they were given
 * @rules: the rules
 * @count: where to put their number
 *
 * Context: Under RCU, if that is what protects @rules.
 * Return: the first of them.
 */
const struct nitro_vpc_rule *
nitro_vpc_rules_array(const struct nitro_vpc_rules *rules, u32 *count)
{
	*count = rules->count;
	return rules->rule;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_rules_array);
