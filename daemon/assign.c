// SPDX-License-Identifier: GPL-2.0
/*
 * What users need not give: the values that nitrod assigns.
 *
 * Every host of a network applies the same stack on its own, so what goes over
 * the wire must come out the same everywhere: VNI and MAC address are hashes
 * of names, addresses are given out in the order of the stack, lowest first.
 * What an existing object has been assigned stays.
 */

#include "change.h"
#include "storage.h"

#define DEFAULT_NAME "default"

#define KEY0 0x6e6974726f2d6173ULL
#define KEY_VNI 1
#define KEY_MAC 2

/* Where the search for free addresses of a subnet's block goes on */
struct cursor {
	struct prefix *used;	/* sorted, of the block's family */
	size_t n, cap, pos;
	struct prefix next;
	bool full;
};

/* Replace a name given as an ID, or as VPC/NAME, by the plain name */
static int resolve(struct change *c, enum object_kind kind, const char *scope, char **name,
		   const char *path, struct error *e)
{
	struct object *o;

	/* a bare name may be that of an object later in the stack */
	if (!strchr(*name, '/') && !model_by_id(c->model, *name))
		return 0;
	o = model_lookup(c->model, kind, scope, *name, e);
	if (!o) {
		error_prefix(e, "%s", path);
		return -ENOENT;
	}
	if (o->vpc && scope && strcmp(o->vpc, scope))
		return fail_at(e, path, "%s '%s' is of VPC '%s', not of '%s'",
			       kind_ops[kind]->label, *name, o->vpc, scope);
	if (strcmp(o->name, *name)) {
		free(*name);
		*name = xstrdup(o->name);
	}
	return 0;
}

static int resolve_rules(struct change *c, struct object *o, struct error *e)
{
	for (enum direction d = INGRESS; d <= EGRESS; d++) {
		const char *key = d == INGRESS ? "ingress" : "egress";
		struct rules *rules = &SECURITY_GROUP(o)->rules[d];

		for (size_t i = 0; i < rules->n; i++) {
			_cleanup_(text_free) struct text text = {};
			_cleanup_(free_ptr) char *path = NULL, *scope = NULL;
			struct rule *rule = &rules->v[i];

			if (rule->peer == PEER_CIDR)
				continue;
			path = xprintf("/%s/%zu", key, i);
			if (resolve(c, rule->peer == PEER_GROUP ? KIND_SECURITY_GROUP :
				    KIND_PREFIX_LIST, o->vpc, &rule->peer_name, path, e) < 0)
				return -ENOENT;
			rule_text(rule, &text);
			scope = xprintf("%s/%s", o->id, key);
			free(rule->id);
			rule->id = object_make_id("sgr", scope, text.s, 0);
		}
	}
	return 0;
}

static int resolve_eni(struct change *c, struct eni *eni, struct error *e)
{
	struct object *subnet, *host;

	subnet = model_lookup(c->model, KIND_SUBNET, eni->vpc, eni->subnet, e);
	if (!subnet) {
		error_prefix(e, "/subnet");
		return -ENOENT;
	}
	free(eni->vpc);
	free(eni->subnet);
	eni->vpc = xstrdup(subnet->vpc);
	eni->subnet = xstrdup(subnet->name);
	if (eni->host) {
		host = model_lookup(c->model, KIND_HOST, NULL, eni->host, e);
		if (!host) {
			error_prefix(e, "/host");
			return -ENOENT;
		}
		free(eni->host);
		eni->host = xstrdup(host->name);
	}
	for (size_t i = 0; i < eni->groups.n; i++) {
		_cleanup_(free_ptr) char *path = xprintf("/security_groups/%zu", i);

		if (resolve(c, KIND_SECURITY_GROUP, eni->vpc, &eni->groups.v[i], path, e) < 0)
			return -ENOENT;
	}
	return 0;
}

static void keep_eni(struct eni *eni, const struct eni *old)
{
	if (!eni->ips.n && streq(eni->subnet, old->subnet) && streq(eni->vpc, old->vpc))
		prefixes_copy(&eni->ips, &old->ips);
	if (!eni->has_mac) {
		memcpy(eni->mac, old->mac, sizeof(eni->mac));
		eni->has_mac = true;
	}
	if (!eni->host)
		eni->host = xstrdup(old->host);
	if (eni->attachment.kind == ATTACH_NONE) {
		eni->attachment.kind = old->attachment.kind;
		eni->attachment.netns = xstrdup(old->attachment.netns);
		eni->attachment.ifname = xstrdup(old->attachment.ifname);
		eni->attachment.port = xstrdup(old->attachment.port);
		eni->attachment.instance = xstrdup(old->attachment.instance);
		eni->attachment.index = old->attachment.index;
	}
}

static int complete_volume(struct change *c, struct volume *v, const struct volume *old,
			   enum put_mode mode, struct error *e)
{
	int r = 0;

	if (v->pool)
		r = resolve(c, KIND_POOL, NULL, &v->pool, "/pool", e);
	if (r >= 0 && v->key)
		r = resolve(c, KIND_KEY, NULL, &v->key, "/key", e);
	if (r < 0 || !old || mode == PUT_REPLACE)
		return r;
	/* what a stack says of keys and extents is for volumes that are lost */
	if (!v->key)
		v->key = xstrdup(old->key);
	if (!v->pool)
		v->pool = xstrdup(old->pool);
	free(v->data_key);
	v->data_key = xstrdup(old->data_key);
	v->generation = old->generation;
	v->offset = old->offset;
	if (v->holder == HOLDER_NONE) {
		v->holder = old->holder;
		v->instance = xstrdup(old->instance);
		v->index = old->index;
	}
	return 0;
}

static void complete_pool(struct pool *p, const struct pool *old)
{
	free(p->uuid);
	p->uuid = xstrdup(old->uuid);
}

/**
 * complete_object - resolve names and keep what was assigned before
 * @c: the change
 * @edit: the edit with the new object
 * @mode: how the properties relate to the old object
 * @e: says what is wrong
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int complete_object(struct change *c, struct edit *edit, enum put_mode mode,
		    struct error *e)
{
	struct object *o = edit->new, *old = edit->old;
	int r;

	switch (o->kind) {
	case KIND_HOST:
		if (old && !HOST(o)->local_given)
			HOST(o)->local = HOST(old)->local;
		return 0;
	case KIND_VPC:
		if (old && !VPC(o)->vni)
			VPC(o)->vni = VPC(old)->vni;
		return 0;
	case KIND_SUBNET:
		return SUBNET(o)->route_table ?
			resolve(c, KIND_ROUTE_TABLE, o->vpc, &SUBNET(o)->route_table,
				"/route_table", e) : 0;
	case KIND_ROUTE_TABLE:
		for (size_t i = 0; i < ROUTE_TABLE(o)->n_routes; i++) {
			_cleanup_(free_ptr) char *path = xprintf("/routes/%zu/to", i);
			struct route *route = &ROUTE_TABLE(o)->routes[i];

			if (route->eni && resolve(c, KIND_ENI, NULL, &route->eni, path, e) < 0)
				return -ENOENT;
		}
		return 0;
	case KIND_SECURITY_GROUP:
		return resolve_rules(c, o, e);
	case KIND_ENI:
		r = resolve_eni(c, ENI(o), e);
		if (r >= 0 && old && mode == PUT_APPLY)
			keep_eni(ENI(o), ENI(old));
		return r;
	case KIND_KEY:
		if (old && mode != PUT_REPLACE)
			KEY(o)->generation = KEY(old)->generation;
		return 0;
	case KIND_POOL:
		if (old && mode != PUT_REPLACE)
			complete_pool(POOL(o), POOL(old));
		return 0;
	case KIND_INSTANCE:
		return INSTANCE(o)->boot ?
			resolve(c, KIND_VOLUME, NULL, &INSTANCE(o)->boot, "/boot", e) : 0;
	case KIND_VOLUME:
		return complete_volume(c, VOLUME(o), old ? VOLUME(old) : NULL, mode, e);
	default:
		return 0;
	}
}

static int assign_vni(struct change *c, struct vpc *vpc, struct error *e)
{
	uint64_t hash = siphash24(vpc->o.name, strlen(vpc->o.name), KEY0, KEY_VNI);
	uint32_t vni = hash % VNI_MAX + 1;
	struct object *other;
	bool taken;

	if (vpc->vni)
		return 0;
	if (c->model->tables[KIND_VPC].live >= VNI_MAX)
		return fail(e, ERR_FAILED, "no VNI is left for VPC '%s'", vpc->o.name);
	do {
		taken = false;
		FOR_EACH_OBJECT(c->model, KIND_VPC, other)
			taken |= VPC(other)->vni == vni;
		if (taken)
			vni = vni % VNI_MAX + 1;
	} while (taken);
	vpc->vni = vni;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static struct cursor *subnet_cursor(struct change *c, struct subnet *s, size_t block)
{
	_cleanup_(free_ptr) char *key = xprintf("%s/%zu", s->o.id, block);
	const struct prefix *cidr = &s->cidrs.v[block];
	struct cursor *cursor = map_get(&c->cursors, key);
	struct object *o;

	if (cursor)
		return cursor;
	cursor = xcalloc(1, sizeof(*cursor));
	prefix_first(cidr, 4, &cursor->next);
	FOR_EACH_OBJECT(c->model, KIND_ENI, o) {
		const struct eni *eni = ENI(o);

		if (!streq(eni->vpc, s->o.vpc))
			continue;
		for (size_t i = 0; i < eni->ips.n; i++) {
			if (!prefix_contains(cidr, &eni->ips.v[i]))
				continue;
			GROW(cursor->used, cursor->n, cursor->cap);
			cursor->used[cursor->n++] = eni->ips.v[i];
		}
	}
	if (cursor->n)
		qsort(cursor->used, cursor->n, sizeof(*cursor->used), compare);
	map_put(&c->cursors, key, cursor);
	return cursor;
}

/* The lowest free address at or behind the cursor */
static bool take_address(struct cursor *cursor, const struct prefix *cidr, struct prefix *ret)
{
	struct prefix last;

	prefix_last(cidr, &last);
	while (!cursor->full) {
		const struct prefix *used = cursor->pos < cursor->n ?
			&cursor->used[cursor->pos] : NULL;

		if (prefix_compare(&cursor->next, &last) >= 0) {
			cursor->full = true;
		} else if (used && prefix_contains(used, &cursor->next)) {
			prefix_last(used, &cursor->next);
			cursor->full = !address_next(&cursor->next);
			cursor->pos++;
		} else if (used && prefix_compare(used, &cursor->next) < 0) {
			cursor->pos++;
		} else {
			*ret = cursor->next;
			cursor->full = !address_next(&cursor->next);
			return true;
		}
	}
	return false;
}

static int assign_addresses(struct change *c, struct eni *eni, struct error *e)
{
	struct subnet *s = SUBNET(model_get(c->model, KIND_SUBNET, eni->vpc, eni->subnet));
	bool have[2] = {}, want[2] = {};
	struct prefix addr;

	if (eni->ips.n || !s)
		return 0;
	for (size_t i = 0; i < s->cidrs.n; i++) {
		const struct prefix *cidr = &s->cidrs.v[i];

		want[cidr->v6] = true;
		if (have[cidr->v6] || !take_address(subnet_cursor(c, s, i), cidr, &addr))
			continue;
		prefixes_add(&eni->ips, &addr);
		have[cidr->v6] = true;
	}
	if (want[0] != have[0] || want[1] != have[1])
		return fail(e, ERR_FAILED, "subnet '%s' has no free address for ENI '%s'",
			    s->o.name, eni->o.name);
	return 0;
}

/* The one pool there is, or the one that is named like what is not named */
static int assign_pool(struct change *c, struct volume *v, struct error *e)
{
	const struct table *pools = &c->model->tables[KIND_POOL];
	struct object *only, *o = model_get(c->model, KIND_POOL, NULL, DEFAULT_NAME);
	size_t i = 0;

	if (v->pool)
		return 0;
	only = table_next(pools, &i);
	if (!only)
		return fail(e, ERR_INVALID,
			    "there is no pool for volume '%s'; 'nitroctl pool create' makes one",
			    v->o.name);
	if (!o && pools->live > 1)
		return fail(e, ERR_INVALID,
			    "volume '%s' names no pool, and none of the %zu is called 'default'",
			    v->o.name, pools->live);
	v->pool = xstrdup((o ? o : only)->name);
	return 0;
}

static int assign_storage(struct change *c, struct object *o, struct error *e)
{
	const struct assigned *a = c->assigned ? map_get(c->assigned, o->id) : NULL;
	struct volume *v = VOLUME(o);
	int r;

	if (o->kind == KIND_KEY && !KEY(o)->generation)
		KEY(o)->generation = 1;
	if (o->kind == KIND_POOL && a && a->uuid && !POOL(o)->uuid)
		POOL(o)->uuid = xstrdup(a->uuid);
	if (o->kind != KIND_VOLUME)
		return 0;
	r = assign_pool(c, v, e);
	if (r < 0)
		return r;
	if (!v->key && !v->instance_store)
		v->key = xstrdup(DEFAULT_NAME);
	if (!a)
		return 0;
	if (a->data_key) {
		free(v->data_key);
		v->data_key = xstrdup(a->data_key);
		v->generation = a->generation;
	}
	if (a->offset != OFFSET_NONE)
		v->offset = a->offset;
	return 0;
}

/**
 * assign_default_key - make the key that volumes get which name none
 * @c: the change, all of whose objects stand in the model
 * @e: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int assign_default_key(struct change *c, struct error *e)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	bool needed = false;

	for (size_t i = 0; i < c->n; i++) {
		const struct object *o = c->edits[i].new;

		needed |= o && o->kind == KIND_VOLUME && !VOLUME(o)->key &&
			!VOLUME(o)->instance_store;
	}
	if (!needed || model_get(c->model, KIND_KEY, NULL, DEFAULT_NAME))
		return 0;
	json_set_string(&v, "name", DEFAULT_NAME);
	return change_put(c, KIND_KEY, v, NULL, PUT_CREATE, NULL, e);
}

/**
 * assign_object - give an object what it lacks
 * @c: the change, all of whose objects stand in the model
 * @o: the new object
 * @e: says what has run out
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int assign_object(struct change *c, struct object *o, struct error *e)
{
	struct host *local;
	struct eni *eni;
	uint64_t hash;

	if (o->kind == KIND_VPC)
		return assign_vni(c, VPC(o), e);
	if (kind_is_storage(o->kind))
		return assign_storage(c, o, e);
	if (o->kind != KIND_ENI)
		return 0;
	eni = ENI(o);
	if (!eni->has_mac) {
		hash = siphash24(o->id, strlen(o->id), KEY0, KEY_MAC);
		for (int i = 0; i < 6; i++)
			eni->mac[i] = hash >> (8 * i);
		/* unicast, locally administered */
		eni->mac[0] = (eni->mac[0] & 0xfc) | 0x02;
		eni->has_mac = true;
	}
	local = eni->host ? NULL : model_local_host(c->model);
	if (local)
		eni->host = xstrdup(local->o.name);
	return assign_addresses(c, eni, e);
}

/**
 * assign_free - release what assigning has gathered
 * @c: the change
 *
 * Context: any.
 */
void assign_free(struct change *c)
{
	for (size_t i = 0; i < c->cursors.cap; i++) {
		struct cursor *cursor = c->cursors.slots[i].value;

		if (!c->cursors.slots[i].key)
			continue;
		free(cursor->used);
		free(cursor);
	}
	map_free(&c->cursors);
}
