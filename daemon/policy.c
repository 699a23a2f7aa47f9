// SPDX-License-Identifier: GPL-2.0
/*
 * The union of an ENI's security groups as one list of kernel rules.
 *
 * ENIs with the same set of groups share one policy object, whose handle
 * depends on the set and not on the rules: editing a group replaces each
 * policy once, however many ENIs use it. A prefix list is written out, a
 * group reference stays one rule: a tag that the peer's mapping has to carry.
 */

#include <linux/nitro_vpc.h>
#include <netinet/in.h>

#include "kstate.h"

static int compare_groups(const void *a, const void *b)
{
	const struct object *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

/* The groups in the order of their IDs, so that the union has one spelling */
static size_t sorted_groups(const struct model *m, const struct eni *eni,
			    struct object *ret[GROUPS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < eni->groups.n; i++) {
		ret[n] = model_get(m, KIND_SECURITY_GROUP, eni->vpc, eni->groups.v[i]);
		if (ret[n])
			n++;
	}
	if (n)
		qsort(ret, n, sizeof(ret[0]), compare_groups);
	return n;
}

/**
 * policy_key - what the policy of an ENI is known by
 * @m: the model
 * @eni: the ENI
 *
 * Context: any.
 * Return: a key for handles_get().
 */
char *policy_key(const struct model *m, const struct eni *eni)
{
	struct object *groups[GROUPS_MAX];
	size_t n = sorted_groups(m, eni, groups);
	struct text t = {};

	text_add(&t, "policy:");
	for (size_t i = 0; i < n; i++)
		text_add(&t, "%s%s", i ? "," : "", groups[i]->id);
	return t.s;
}

static void emit(struct kpolicy *p, struct rule_sources *sources, const struct krule *rule,
		 struct security_group *group, const struct rule *source)
{
	GROW(p->rules, p->n, p->cap);
	p->rules[p->n] = *rule;
	p->rules[p->n].id = p->n + 1;
	p->n++;
	if (!sources)
		return;
	GROW(sources->v, sources->n, sources->cap);
	sources->v[sources->n++] = (struct rule_source){ .group = group, .rule = source };
}

static void match(const struct rule *r, struct krule *k)
{
	k->protocol = r->protocol;
	k->port_min = 0;
	k->port_max = 65535;
	if (r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP) {
		k->port_min = r->port_lo;
		k->port_max = r->port_hi;
	} else if (r->icmp_type >= 0) {
		k->port_min = r->icmp_type * 256 + (r->icmp_code >= 0 ? r->icmp_code : 0);
		k->port_max = r->icmp_type * 256 + (r->icmp_code >= 0 ? r->icmp_code : 255);
	}
}

/* ICMP and ICMPv6 stay in their families, whatever a list or group holds */
static bool family_fits(const struct rule *r, bool v6)
{
	return !(r->protocol == IPPROTO_ICMP && v6) && !(r->protocol == IPPROTO_ICMPV6 && !v6);
}

static void compile_rule(const struct model *m, struct security_group *g,
			 const struct rule *r, enum direction d, struct kpolicy *ret,
			 struct rule_sources *sources)
{
	struct krule k = {
		.direction = d == INGRESS ? NITRO_VPC_DIRECTION_INGRESS :
					    NITRO_VPC_DIRECTION_EGRESS,
	};
	const struct prefix_list *list;
	struct object *peer;

	match(r, &k);
	switch (r->peer) {
	case PEER_CIDR:
		k.prefix = r->cidr;
		emit(ret, sources, &k, g, r);
		break;
	case PEER_GROUP:
		peer = model_get(m, KIND_SECURITY_GROUP, g->o.vpc, r->peer_name);
		if (!peer)
			break;
		k.peer = KRULE_TAG;
		k.tag = peer->handle;
		emit(ret, sources, &k, g, r);
		break;
	case PEER_PREFIX_LIST:
		list = model_prefix_list(m, g->o.vpc, r->peer_name);
		for (size_t i = 0; list && i < list->entries.n; i++) {
			if (!family_fits(r, list->entries.v[i].v6))
				continue;
			k.prefix = list->entries.v[i];
			emit(ret, sources, &k, g, r);
		}
		break;
	}
}

/**
 * policy_compile - compile the union of an ENI's groups
 * @m: the model; its groups have their handles
 * @eni: the ENI
 * @ret: the rules, numbered from 1
 * @sources: for each rule, in the same order, where it comes from; or NULL
 *
 * Context: any.
 */
void policy_compile(const struct model *m, const struct eni *eni, struct kpolicy *ret,
		    struct rule_sources *sources)
{
	struct object *groups[GROUPS_MAX];
	size_t n = sorted_groups(m, eni, groups);

	for (size_t i = 0; i < n; i++) {
		struct security_group *g = SECURITY_GROUP(groups[i]);

		for (enum direction d = INGRESS; d <= EGRESS; d++)
			for (size_t j = 0; j < g->rules[d].n; j++)
				compile_rule(m, g, &g->rules[d].v[j], d, ret, sources);
		for (int v6 = 0; g->egress_default && v6 < 2; v6++) {
			struct krule all = {
				.direction = NITRO_VPC_DIRECTION_EGRESS,
				.protocol = PROTO_ALL, .port_max = 65535,
				.prefix = { .v6 = v6 },
			};

			emit(ret, sources, &all, g, NULL);
		}
	}
}
