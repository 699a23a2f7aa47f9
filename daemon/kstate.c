// SPDX-License-Identifier: GPL-2.0
/* What the kernel should hold, compiled from the model. */

#include <linux/nitro_vpc.h>

#include "kstate.h"
#include "object.h"

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/**
 * khost_compare - order of hosts: handle
 * @a: a host
 * @b: another
 *
 * Context: any.
 * Return: below, equal to or above zero.
 */
int khost_compare(const void *a, const void *b)
{
	return ORDER(((const struct khost *)a)->id, ((const struct khost *)b)->id);
}

/**
 * ktable_compare - order of route tables: handle
 * @a: a table
 * @b: another
 *
 * Context: any.
 * Return: below, equal to or above zero.
 */
int ktable_compare(const void *a, const void *b)
{
	return ORDER(((const struct kroute_table *)a)->id, ((const struct kroute_table *)b)->id);
}

/**
 * kpolicy_compare - order of policies: handle
 * @a: a policy
 * @b: another
 *
 * Context: any.
 * Return: below, equal to or above zero.
 */
int kpolicy_compare(const void *a, const void *b)
{
	return ORDER(((const struct kpolicy *)a)->id, ((const struct kpolicy *)b)->id);
}

/**
 * kmapping_compare - order of mappings: VNI, prefix
 * @a: a mapping
 * @b: another
 *
 * Context: any.
 * Return: below, equal to or above zero.
 */
int kmapping_compare(const void *a, const void *b)
{
	const struct kmapping *x = a, *y = b;

	return x->vni != y->vni ? ORDER(x->vni, y->vni) : prefix_compare(&x->prefix, &y->prefix);
}

/**
 * keni_compare - order of ENIs: handle
 * @a: an ENI
 * @b: another
 *
 * Context: any.
 * Return: below, equal to or above zero.
 */
int keni_compare(const void *a, const void *b)
{
	return ORDER(((const struct keni *)a)->id, ((const struct keni *)b)->id);
}

static int route_compare(const void *a, const void *b)
{
	return prefix_compare(&((const struct kroute *)a)->prefix,
			      &((const struct kroute *)b)->prefix);
}

static int rule_compare(const void *a, const void *b)
{
	return ORDER(((const struct krule *)a)->id, ((const struct krule *)b)->id);
}

static int tag_compare(const void *a, const void *b)
{
	return ORDER(*(const uint32_t *)a, *(const uint32_t *)b);
}

static void sort(void *v, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	if (n)
		qsort(v, n, size, compare);
}

/**
 * kstate_sort - bring a state into the order that comparing needs
 * @k: the state
 *
 * Context: any.
 */
void kstate_sort(struct kstate *k)
{
	sort(k->hosts, k->n_hosts, sizeof(*k->hosts), khost_compare);
	sort(k->tables, k->n_tables, sizeof(*k->tables), ktable_compare);
	sort(k->policies, k->n_policies, sizeof(*k->policies), kpolicy_compare);
	sort(k->mappings, k->n_mappings, sizeof(*k->mappings), kmapping_compare);
	sort(k->enis, k->n_enis, sizeof(*k->enis), keni_compare);
	for (size_t i = 0; i < k->n_tables; i++)
		sort(k->tables[i].routes, k->tables[i].n, sizeof(struct kroute), route_compare);
	for (size_t i = 0; i < k->n_policies; i++)
		sort(k->policies[i].rules, k->policies[i].n, sizeof(struct krule), rule_compare);
	for (size_t i = 0; i < k->n_mappings; i++)
		sort(k->mappings[i].tags, k->mappings[i].n_tags, sizeof(uint32_t), tag_compare);
}

static bool route_equal(const struct kroute *a, const struct kroute *b)
{
	return prefix_equal(&a->prefix, &b->prefix) && a->type == b->type &&
	       (a->type != NITRO_VPC_ROUTE_TYPE_ENI || !memcmp(a->mac, b->mac, sizeof(a->mac)));
}

/**
 * ktable_equal - do two route tables hold the same?
 * @a: a sorted table
 * @b: another
 *
 * Context: any.
 * Return: true if they do.
 */
bool ktable_equal(const struct kroute_table *a, const struct kroute_table *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!route_equal(&a->routes[i], &b->routes[i]))
			return false;
	return true;
}

static bool rule_equal(const struct krule *a, const struct krule *b)
{
	return a->id == b->id && a->direction == b->direction && a->protocol == b->protocol &&
	       a->port_min == b->port_min && a->port_max == b->port_max && a->peer == b->peer &&
	       (a->peer == KRULE_TAG ? a->tag == b->tag : prefix_equal(&a->prefix, &b->prefix));
}

/**
 * kpolicy_equal - do two policies hold the same?
 * @a: a sorted policy
 * @b: another
 *
 * Context: any.
 * Return: true if they do.
 */
bool kpolicy_equal(const struct kpolicy *a, const struct kpolicy *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!rule_equal(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

/**
 * kmapping_equal - do two mappings of one address say the same?
 * @a: a mapping with sorted tags
 * @b: another
 *
 * Context: any.
 * Return: true if they do.
 */
bool kmapping_equal(const struct kmapping *a, const struct kmapping *b)
{
	return a->host == b->host && a->eni == b->eni && a->forward == b->forward &&
	       !memcmp(a->mac, b->mac, sizeof(a->mac)) && a->n_tags == b->n_tags &&
	       !memcmp(a->tags, b->tags, a->n_tags * sizeof(a->tags[0]));
}

/**
 * khost_equal - are two hosts at the same place?
 * @a: a host
 * @b: another
 *
 * Context: any.
 * Return: true if they are.
 */
bool khost_equal(const struct khost *a, const struct khost *b)
{
	return a->local == b->local && a->port == b->port &&
	       prefix_equal(&a->address, &b->address);
}

/**
 * keni_equal - have two ENIs the same configuration?
 * @a: an ENI
 * @b: another
 *
 * Context: any.
 * Return: true if they have.
 */
bool keni_equal(const struct keni *a, const struct keni *b)
{
	return a->vni == b->vni && a->policy == b->policy &&
	       a->route_table == b->route_table && a->no_check == b->no_check &&
	       a->service == b->service && !memcmp(a->resolver, b->resolver, 4) &&
	       !memcmp(a->limit, b->limit, sizeof(a->limit)) && prefixes_equal(&a->addresses, &b->addresses) &&
	       prefixes_equal(&a->subnets, &b->subnets);
}

/**
 * kstate_eni - find an ENI
 * @k: the sorted state
 * @id: its handle
 *
 * Context: any.
 * Return: the ENI or NULL.
 */
struct keni *kstate_eni(const struct kstate *k, uint32_t id)
{
	struct keni key = { .id = id };

	return k->n_enis ? bsearch(&key, k->enis, k->n_enis, sizeof(key), keni_compare) : NULL;
}

/**
 * keni_release - release what an ENI owns
 * @k: the ENI
 *
 * Context: any.
 */
void keni_release(struct keni *k)
{
	prefixes_free(&k->addresses);
	prefixes_free(&k->subnets);
	free(k->ifname);
	free(k->tap);
	free(k->attached);
	*k = (struct keni){};
}

/**
 * kstate_free - release a state
 * @k: the state
 *
 * Context: any.
 */
void kstate_free(struct kstate *k)
{
	free(k->hosts);
	for (size_t i = 0; i < k->n_tables; i++)
		free(k->tables[i].routes);
	free(k->tables);
	for (size_t i = 0; i < k->n_policies; i++)
		free(k->policies[i].rules);
	free(k->policies);
	free(k->mappings);
	for (size_t i = 0; i < k->n_enis; i++)
		keni_release(&k->enis[i]);
	free(k->enis);
	*k = (struct kstate){};
}

/* RFC 7600: an address for hosts that have none */
static const struct prefix no_address = { .len = 32, .a = { 192, 0, 0, 8 } };

/* The local host has a handle of its own, whichever host object it is, because
 * the kernel takes one local host at a time. Without a host that is marked
 * local this one has no address: its ENIs reach each other, nothing leaves.
 */
static uint32_t compile_hosts(const struct model *m, struct handles *h, struct kstate *k)
{
	uint32_t self = handles_get(h, "host:self");
	struct khost host = { .id = self, .address = no_address, .port = 6081, .local = true };
	struct object *o;

	FOR_EACH_OBJECT(m, KIND_HOST, o) {
		if (HOST(o)->local) {
			host.address = HOST(o)->underlay;
			host.port = HOST(o)->port;
			continue;
		}
		GROW(k->hosts, k->n_hosts, k->cap_hosts);
		k->hosts[k->n_hosts++] = (struct khost){
			.id = o->handle, .address = HOST(o)->underlay,
			.port = HOST(o)->port,
		};
	}
	GROW(k->hosts, k->n_hosts, k->cap_hosts);
	k->hosts[k->n_hosts++] = host;
	return self;
}

static void add_route(struct kroute_table *t, const struct kroute *route)
{
	GROW(t->routes, t->n, t->cap);
	t->routes[t->n++] = *route;
}

/* Every table has the VPC's own blocks, unless it says otherwise itself */
static void add_vpc_routes(const struct vpc *vpc, const struct route_table *from,
			   struct kroute_table *t)
{
	for (size_t i = 0; i < vpc->cidrs.n; i++) {
		struct kroute route = { .prefix = vpc->cidrs.v[i],
					.type = NITRO_VPC_ROUTE_TYPE_LOCAL };
		bool own = false;

		for (size_t j = 0; from && j < from->n_routes; j++)
			own |= prefix_equal(&from->routes[j].cidr, &route.prefix);
		if (!own)
			add_route(t, &route);
	}
}

static struct kroute_table *new_table(struct kstate *k, uint32_t id)
{
	GROW(k->tables, k->n_tables, k->cap_tables);
	k->tables[k->n_tables] = (struct kroute_table){ .id = id };
	return &k->tables[k->n_tables++];
}

static void compile_tables(const struct model *m, struct handles *h, struct kstate *k)
{
	struct kroute_table *t;
	struct object *o;

	FOR_EACH_OBJECT(m, KIND_VPC, o) {
		_cleanup_free_ char *key = xprintf("main:%s", o->id);

		t = new_table(k, handles_get(h, key));
		add_vpc_routes(VPC(o), NULL, t);
	}
	FOR_EACH_OBJECT(m, KIND_ROUTE_TABLE, o) {
		const struct route_table *from = ROUTE_TABLE(o);

		t = new_table(k, o->handle);
		add_vpc_routes(VPC(model_get(m, KIND_VPC, NULL, o->vpc)), from, t);
		for (size_t i = 0; i < from->n_routes; i++) {
			const struct route *r = &from->routes[i];
			struct kroute route = { .prefix = r->cidr };
			struct object *eni;

			route.type = r->kind == ROUTE_LOCAL ? NITRO_VPC_ROUTE_TYPE_LOCAL :
				     r->kind == ROUTE_ENI ? NITRO_VPC_ROUTE_TYPE_ENI :
							    NITRO_VPC_ROUTE_TYPE_BLACKHOLE;
			eni = r->eni ? model_get(m, KIND_ENI, NULL, r->eni) : NULL;
			if (eni)
				memcpy(route.mac, ENI(eni)->mac, sizeof(route.mac));
			add_route(t, &route);
		}
	}
}

static void compile_mappings(const struct model *m, const struct eni *eni, uint32_t vni,
			     uint32_t host, struct kstate *k)
{
	struct kmapping map = {
		.vni = vni, .host = host, .eni = eni->o.handle,
		.forward = !eni->source_dest_check,
	};

	memcpy(map.mac, eni->mac, sizeof(map.mac));
	for (size_t i = 0; i < eni->groups.n; i++) {
		struct object *g = model_get(m, KIND_SECURITY_GROUP, eni->vpc,
					     eni->groups.v[i]);

		if (g)
			map.tags[map.n_tags++] = g->handle;
	}
	for (size_t i = 0; i < eni->ips.n; i++) {
		map.prefix = eni->ips.v[i];
		GROW(k->mappings, k->n_mappings, k->cap_mappings);
		k->mappings[k->n_mappings++] = map;
	}
}

static uint32_t compile_policy(const struct model *m, const struct eni *eni,
			       struct handles *h, struct map *done, struct kstate *k)
{
	_cleanup_free_ char *key = policy_key(m, eni);
	uint32_t id = handles_get(h, key);
	struct kpolicy p = { .id = id };

	if (map_get(done, key))
		return id;
	policy_compile(m, eni, &p, NULL);
	GROW(k->policies, k->n_policies, k->cap_policies);
	k->policies[k->n_policies++] = p;
	map_put(done, key, done);
	return id;
}

/* Seconds; the allowances have no default that would have to be said */
/* Those of the module, so that what it tells is what it was told */
static const uint64_t default_limit[LIMIT_MAX] = {
	[LIMIT_FLOWS] = 262144,
	[LIMIT_TCP_ESTABLISHED] = 350,
	[LIMIT_UDP] = 30,
	[LIMIT_UDP_STREAM] = 180,
};

/* VPC+2: the third address of its first IPv4 block (VPC User Guide, vpc-dns) */
static void resolver_of(const struct vpc *vpc, uint8_t ret[4])
{
	struct prefix p;

	for (size_t i = 0; i < vpc->cidrs.n; i++) {
		if (vpc->cidrs.v[i].v6)
			continue;
		prefix_first(&vpc->cidrs.v[i], 2, &p);
		memcpy(ret, p.a, 4);
		return;
	}
}

static void compile_eni(const struct model *m, const struct eni *eni, uint32_t vni,
			struct handles *h, struct map *policies, struct kstate *k)
{
	struct object *subnet = model_get(m, KIND_SUBNET, eni->vpc, eni->subnet);
	struct object *vpc = model_get(m, KIND_VPC, NULL, eni->vpc);
	struct keni out = { .id = eni->o.handle, .vni = vni, .nsid = -1 };
	_cleanup_free_ char *main_key = xprintf("main:%s", vpc->id);
	const char *table = SUBNET(subnet)->route_table;
	struct object *rtb = table ? model_get(m, KIND_ROUTE_TABLE, eni->vpc, table) : NULL;

	prefixes_copy(&out.addresses, &eni->ips);
	prefixes_copy(&out.subnets, &SUBNET(subnet)->cidrs);
	out.policy = compile_policy(m, eni, h, policies, k);
	out.route_table = rtb ? rtb->handle : handles_get(h, main_key);
	out.no_check = !eni->source_dest_check;
	out.service = keni_service(eni->o.handle);
	resolver_of(VPC(vpc), out.resolver);
	for (enum eni_limit l = 0; l < LIMIT_MAX; l++)
		out.limit[l] = eni->limit[l] ? eni->limit[l] : default_limit[l];
	memcpy(out.mac, eni->mac, sizeof(out.mac));
	GROW(k->enis, k->n_enis, k->cap_enis);
	k->enis[k->n_enis++] = out;
}

/**
 * kstate_compile - what the kernel should hold for a model
 * @m: a valid model whose objects have their handles
 * @h: gives handles to what is derived
 * @ret: the sorted state
 *
 * Context: any.
 */
void kstate_compile(const struct model *m, struct handles *h, struct kstate *ret)
{
	_cleanup_(map_free) struct map policies = {};
	struct kstate k = {};
	struct object *o;
	uint32_t self;

	self = compile_hosts(m, h, &k);
	compile_tables(m, h, &k);
	FOR_EACH_OBJECT(m, KIND_ENI, o) {
		const struct eni *eni = ENI(o);
		uint32_t vni = VPC(model_get(m, KIND_VPC, NULL, eni->vpc))->vni;
		bool local = model_eni_is_local(m, eni);
		struct object *host = eni->host ? model_get(m, KIND_HOST, NULL, eni->host) : NULL;

		compile_mappings(m, eni, vni, local || !host ? self : host->handle, &k);
		if (local)
			compile_eni(m, eni, vni, h, &policies, &k);
	}
	handles_sweep(h, "policy:", &policies);
	kstate_sort(&k);
	*ret = k;
}
