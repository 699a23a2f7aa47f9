// SPDX-License-Identifier: GPL-2.0
/*
 * Is the candidate state one that may be? Looks at what a change can have
 * broken: at the new objects alone when they are few ENIs, else at everything.
 */

#include <stdio.h>

#include "change.h"

/* An address range of an ENI or subnet, to find overlaps by sorting */
struct claim {
	const char *vpc;
	const struct prefix *prefix;
	struct object *owner;
	size_t index;
};

/* Blame the object that this change brought, it has a place in the stack */
static int blame(struct error *e, const struct object *o, const char *path)
{
	free(e->path);
	e->path = xprintf("%s%s", o->origin ? o->origin : "", path);
	return -EINVAL;
}

struct dangling {
	struct change *change;
	struct error *error;
	const struct map *deleted;	/* kind/vpc/name of what this change deletes */
	struct object *target;		/* the deleted object whose users are listed */
};

static struct object *find_target(const struct model *m, const struct reference *ref)
{
	if (ref->kind == KIND_PREFIX_LIST)
		return (struct object *)model_prefix_list(m, ref->vpc, ref->name);
	return model_get(m, ref->kind, ref->vpc, ref->name);
}

static char *reference_key(enum object_kind kind, const char *vpc, const char *name)
{
	return xprintf("%d/%s/%s", kind, vpc ? vpc : "", name);
}

static int check_reference(const struct object *from, const struct reference *ref,
			   void *userdata)
{
	_cleanup_free_ char *key = NULL, *user = NULL;
	struct dangling *d = userdata;
	struct object *deleted;

	if (find_target(d->change->model, ref))
		return 0;
	key = reference_key(ref->kind, ref->vpc, ref->name);
	deleted = map_get(d->deleted, key);
	if (!deleted && ref->kind == KIND_PREFIX_LIST) {
		free(key);
		key = reference_key(ref->kind, NULL, ref->name);
		deleted = map_get(d->deleted, key);
	}
	if (!deleted) {
		d->error->kind = xstrdup(kind_ops[ref->kind]->name);
		d->error->name = xstrdup(ref->name);
		fail(d->error, ERR_NOT_FOUND, "%s '%s' names %s '%s', which does not exist",
		     kind_ops[from->kind]->label, from->name, kind_ops[ref->kind]->label,
		     ref->name);
		return blame(d->error, from, ref->path);
	}
	if (d->target && d->target != deleted)
		return 0;
	d->target = deleted;
	user = xprintf("%s %s", kind_ops[from->kind]->label, from->name);
	if (!strings_has(&d->error->users, user))
		strings_add(&d->error->users, user);
	return 0;
}

static int in_use(struct dangling *d)
{
	_cleanup_text_ struct text users = {};
	struct error *e = d->error;

	for (size_t i = 0; i < e->users.n && i < 5; i++)
		text_add(&users, "%s%s", i ? ", " : "", e->users.v[i]);
	if (e->users.n > 5)
		text_add(&users, " and %zu more", e->users.n - 5);
	return fail(e, ERR_IN_USE, "%s '%s' is in use by %s",
		    kind_ops[d->target->kind]->label, d->target->name, users.s);
}

static int check_names(const struct object *o, struct dangling *d)
{
	const struct kind_ops *ops = kind_ops[o->kind];

	return ops->references ? ops->references(o, check_reference, d) : 0;
}

static int check_references(struct change *c, bool all, struct error *e)
{
	_cleanup_(map_free) struct map deleted = {};
	struct dangling d = { .change = c, .error = e, .deleted = &deleted };
	struct object *o;
	int r;

	for (size_t i = 0; i < c->n; i++) {
		struct object *old = c->edits[i].old;
		_cleanup_free_ char *key = NULL;

		if (c->edits[i].new)
			continue;
		key = reference_key(old->kind, old->vpc, old->name);
		map_put(&deleted, key, old);
	}
	for (size_t i = 0; i < c->n; i++) {
		o = c->edits[i].new;
		r = o ? check_names(o, &d) : 0;
		if (r < 0)
			return r;
	}
	for (enum object_kind k = 0; all && k < KIND_MAX; k++) {
		FOR_EACH_OBJECT(c->model, k, o) {
			r = check_names(o, &d);
			if (r < 0)
				return r;
		}
	}
	return d.target ? in_use(&d) : 0;
}

static int check_hosts(struct model *m, struct error *e)
{
	_cleanup_(map_free) struct map underlays = {};
	struct object *o, *local = NULL;
	char buf[PREFIX_STRLEN];

	FOR_EACH_OBJECT(m, KIND_HOST, o) {
		struct object *other;

		prefix_format(&HOST(o)->underlay, buf);
		other = map_get(&underlays, buf);
		if (other) {
			fail(e, ERR_INVALID, "hosts '%s' and '%s' have the same underlay address",
			     other->name, o->name);
			return blame(e, o->origin ? o : other, "/underlay");
		}
		map_put(&underlays, buf, o);
		if (!HOST(o)->local)
			continue;
		if (local) {
			fail(e, ERR_INVALID, "hosts '%s' and '%s' cannot both be this host",
			     local->name, o->name);
			return blame(e, o->origin ? o : local, "/local");
		}
		local = o;
	}
	return 0;
}

static int check_vnis(struct model *m, struct error *e)
{
	_cleanup_(map_free) struct map vnis = {};
	struct object *o, *other;
	char key[16];

	FOR_EACH_OBJECT(m, KIND_VPC, o) {
		snprintf(key, sizeof(key), "%u", VPC(o)->vni);
		other = map_get(&vnis, key);
		if (other) {
			fail(e, ERR_INVALID, "VPCs '%s' and '%s' have the same VNI %u",
			     other->name, o->name, VPC(o)->vni);
			return blame(e, o->origin ? o : other, "/vni");
		}
		map_put(&vnis, key, o);
	}
	return 0;
}

static int compare_claims(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int c = strcmp(x->vpc, y->vpc);

	return c ? c : prefix_compare(x->prefix, y->prefix);
}

static int overlap(struct claim *a, struct claim *b, struct error *e)
{
	struct claim *later = b->owner->origin || !a->owner->origin ? b : a;
	const char *key = later->owner->kind == KIND_SUBNET ? "cidrs" : "ips";
	_cleanup_free_ char *path = xprintf("/%s/%zu", key, later->index);
	struct claim *first = later == b ? a : b;
	char x[PREFIX_STRLEN], y[PREFIX_STRLEN];

	if (later->owner->kind == KIND_SUBNET)
		fail(e, ERR_INVALID, "CIDR '%s' of subnet '%s' overlaps '%s' of subnet '%s'",
		     prefix_format(later->prefix, x), later->owner->name,
		     prefix_format(first->prefix, y), first->owner->name);
	else
		fail(e, ERR_INVALID, "address '%s' of ENI '%s' is in use by ENI '%s'",
		     prefix_format_short(later->prefix, x), later->owner->name,
		     first->owner->name);
	return blame(e, later->owner, path);
}

/* Blocks are nested or apart: sorted, the first overlap is between neighbours. */
static int check_overlaps(struct model *m, enum object_kind kind, struct error *e)
{
	_cleanup_free_ struct claim *claims = NULL;
	size_t n = 0, cap = 0;
	struct object *o;

	FOR_EACH_OBJECT(m, kind, o) {
		const struct prefixes *l = kind == KIND_SUBNET ? &SUBNET(o)->cidrs : &ENI(o)->ips;

		for (size_t i = 0; i < l->n; i++) {
			GROW(claims, n, cap);
			claims[n++] = (struct claim){
				.vpc = kind == KIND_SUBNET ? o->vpc : ENI(o)->vpc,
				.prefix = &l->v[i], .owner = o, .index = i,
			};
		}
	}
	if (n)
		qsort(claims, n, sizeof(*claims), compare_claims);
	for (size_t i = 1; i < n; i++) {
		if (streq(claims[i - 1].vpc, claims[i].vpc) &&
		    prefix_overlap(claims[i - 1].prefix, claims[i].prefix))
			return overlap(&claims[i - 1], &claims[i], e);
	}
	return 0;
}

static int check_eni_overlap(struct model *m, struct object *o, struct error *e)
{
	struct eni *eni = ENI(o);
	struct object *other;

	FOR_EACH_OBJECT(m, KIND_ENI, other) {
		struct eni *peer = ENI(other);

		if (strcmp(peer->vpc, eni->vpc))
			continue;
		for (size_t i = 0; i < eni->ips.n; i++) {
			for (size_t j = 0; j < peer->ips.n; j++) {
				struct claim a = { .owner = other, .prefix = &peer->ips.v[j],
						   .index = j };
				struct claim b = { .owner = o, .prefix = &eni->ips.v[i],
						   .index = i };

				if (other == o && i <= j)
					continue;
				if (prefix_overlap(a.prefix, b.prefix))
					return overlap(&a, &b, e);
			}
		}
		if (other != o && !memcmp(peer->mac, eni->mac, 6)) {
			fail(e, ERR_INVALID, "ENIs '%s' and '%s' have the same MAC address",
			     other->name, o->name);
			return blame(e, o, "/mac");
		}
	}
	return 0;
}

static int check_macs(struct model *m, struct error *e)
{
	_cleanup_(map_free) struct map macs = {};
	struct object *o, *other;

	FOR_EACH_OBJECT(m, KIND_ENI, o) {
		char mac[MAC_STRLEN];
		_cleanup_free_ char *key = xprintf("%s/%s", ENI(o)->vpc,
						   mac_format(ENI(o)->mac, mac));

		other = map_get(&macs, key);
		if (other) {
			fail(e, ERR_INVALID, "ENIs '%s' and '%s' have the same MAC address",
			     other->name, o->name);
			return blame(e, o->origin ? o : other, "/mac");
		}
		map_put(&macs, key, o);
	}
	return 0;
}

static int check_subnet(struct model *m, struct object *o, struct error *e)
{
	struct object *vpc = model_get(m, KIND_VPC, NULL, o->vpc);
	const struct prefixes *l = &SUBNET(o)->cidrs;
	char buf[PREFIX_STRLEN];

	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *path = NULL;
		bool inside = false;

		for (size_t j = 0; j < VPC(vpc)->cidrs.n; j++)
			inside |= prefix_contains(&VPC(vpc)->cidrs.v[j], &l->v[i]);
		if (inside)
			continue;
		path = xprintf("/cidrs/%zu", i);
		fail(e, ERR_INVALID, "CIDR '%s' of subnet '%s' is outside the CIDRs of VPC '%s'",
		     prefix_format(&l->v[i], buf), o->name, o->vpc);
		return blame(e, o, path);
	}
	return 0;
}

static int check_eni_address(struct model *m, struct object *o, size_t i, struct error *e)
{
	struct eni *eni = ENI(o);
	struct object *subnet = model_get(m, KIND_SUBNET, eni->vpc, eni->subnet);
	_cleanup_free_ char *path = xprintf("/ips/%zu", i);
	const struct prefix *p = &eni->ips.v[i];
	char buf[PREFIX_STRLEN];

	for (size_t j = 0; j < SUBNET(subnet)->cidrs.n; j++) {
		const struct prefix *cidr = &SUBNET(subnet)->cidrs.v[j];

		if (!prefix_contains(cidr, p))
			continue;
		if (!subnet_reserved(cidr, p))
			return 0;
		fail(e, ERR_INVALID,
		     "address '%s' of ENI '%s' is reserved: the first four and the last of a subnet are",
		     prefix_format_short(p, buf), o->name);
		return blame(e, o, path);
	}
	fail(e, ERR_INVALID, "address '%s' of ENI '%s' is outside subnet '%s'",
	     prefix_format_short(p, buf), o->name, eni->subnet);
	return blame(e, o, path);
}

/**
 * rules_count - how many rules an ENI has, as EC2 counts them
 * @m: the model
 * @eni: the ENI
 * @d: direction
 * @v6: family
 *
 * A prefix list counts as its entries, a group as one.
 *
 * Context: any.
 * Return: the number.
 */
size_t rules_count(const struct model *m, const struct eni *eni, enum direction d, bool v6)
{
	size_t n = 0;

	for (size_t g = 0; g < eni->groups.n; g++) {
		struct object *o = model_get(m, KIND_SECURITY_GROUP, eni->vpc,
					     eni->groups.v[g]);
		const struct rules *rules = &SECURITY_GROUP(o)->rules[d];

		if (d == EGRESS && SECURITY_GROUP(o)->egress_default)
			n++;
		for (size_t i = 0; i < rules->n; i++) {
			const struct rule *r = &rules->v[i];

			if (r->peer == PEER_GROUP) {
				n++;
			} else if (r->peer == PEER_CIDR) {
				n += r->cidr.v6 == v6;
			} else {
				const struct prefix_list *l = model_prefix_list(m, o->vpc,
										r->peer_name);

				for (size_t j = 0; j < l->entries.n; j++)
					n += l->entries.v[j].v6 == v6;
			}
		}
	}
	return n;
}

static int check_eni(struct model *m, struct object *o, struct error *e)
{
	static const struct {
		enum direction d;
		bool v6;
		const char *text;
	} sides[] = {
		{ INGRESS, false, "IPv4 ingress" }, { INGRESS, true, "IPv6 ingress" },
		{ EGRESS, false, "IPv4 egress" }, { EGRESS, true, "IPv6 egress" },
	};
	struct eni *eni = ENI(o);
	bool primary[2] = {}, any = false;
	int r;

	for (size_t i = 0; i < eni->ips.n; i++) {
		const struct prefix *p = &eni->ips.v[i];

		r = check_eni_address(m, o, i, e);
		if (r < 0)
			return r;
		if (!primary[p->v6] && !prefix_is_host(p)) {
			fail(e, ERR_INVALID,
			     "ENI '%s' needs a single %s address before its prefixes", o->name,
			     p->v6 ? "IPv6" : "IPv4");
			return blame(e, o, "/ips");
		}
		primary[p->v6] = true;
		any = true;
	}
	if (!any) {
		fail(e, ERR_INVALID, "ENI '%s' has no address", o->name);
		return blame(e, o, "/ips");
	}
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		size_t n = rules_count(m, eni, sides[i].d, sides[i].v6);

		if (n <= RULES_MAX)
			continue;
		fail(e, ERR_INVALID, "ENI '%s' would have %zu %s rules, %d are allowed",
		     o->name, n, sides[i].text, RULES_MAX);
		return blame(e, o, "/security_groups");
	}
	if (eni->attachment.kind != ATTACH_NONE && !model_eni_is_local(m, eni)) {
		fail(e, ERR_INVALID,
		     "ENI '%s' is attached here and cannot be of host '%s'; 'eni detach %s' first",
		     o->name, eni->host, o->name);
		return blame(e, o, "/host");
	}
	return 0;
}

static int check_routes(struct model *m, struct object *o, struct error *e)
{
	struct route_table *t = ROUTE_TABLE(o);

	for (size_t i = 0; i < t->n_routes; i++) {
		_cleanup_free_ char *path = NULL;
		struct object *eni;

		if (t->routes[i].kind != ROUTE_ENI)
			continue;
		path = xprintf("/routes/%zu/to", i);
		eni = model_get(m, KIND_ENI, NULL, t->routes[i].eni);
		if (streq(ENI(eni)->vpc, o->vpc))
			continue;
		fail(e, ERR_INVALID,
		     "route table '%s' of VPC '%s' leads to ENI '%s' of VPC '%s'",
		     o->name, o->vpc, eni->name, ENI(eni)->vpc);
		return blame(e, o, path);
	}
	return 0;
}

static int check_ports(struct model *m, struct error *e)
{
	_cleanup_(map_free) struct map ports = {};
	struct object *o, *other;

	FOR_EACH_OBJECT(m, KIND_ENI, o) {
		const char *port = ENI(o)->attachment.port;

		if (!port)
			continue;
		other = map_get(&ports, port);
		if (other)
			return fail(e, ERR_IN_USE, "port '%s' belongs to ENI '%s' already", port,
				    other->name);
		map_put(&ports, port, o);
	}
	return 0;
}

static int validate_enis(struct change *c, struct error *e)
{
	int r = check_references(c, false, e);

	for (size_t i = 0; !r && i < c->n; i++) {
		r = check_eni(c->model, c->edits[i].new, e);
		if (!r)
			r = check_eni_overlap(c->model, c->edits[i].new, e);
	}
	return r ? r : check_ports(c->model, e);
}

static int validate_all(struct change *c, struct error *e)
{
	struct model *m = c->model;
	struct object *o;
	int r;

	r = check_references(c, true, e);
	r = r ? r : check_hosts(m, e);
	r = r ? r : check_vnis(m, e);
	r = r ? r : check_overlaps(m, KIND_SUBNET, e);
	if (r)
		return r;
	FOR_EACH_OBJECT(m, KIND_SUBNET, o) {
		r = check_subnet(m, o, e);
		if (r)
			return r;
	}
	FOR_EACH_OBJECT(m, KIND_ROUTE_TABLE, o) {
		r = check_routes(m, o, e);
		if (r)
			return r;
	}
	FOR_EACH_OBJECT(m, KIND_ENI, o) {
		r = check_eni(m, o, e);
		if (r)
			return r;
	}
	r = check_overlaps(m, KIND_ENI, e);
	r = r ? r : check_macs(m, e);
	return r ? r : check_ports(m, e);
}

/**
 * validate_change - check the state that a change leads to
 * @c: the change, its objects complete
 * @e: says what is wrong and where
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int validate_change(struct change *c, struct error *e)
{
	bool few_enis = c->n <= 4, network = !c->n;
	int r;

	for (size_t i = 0; i < c->n; i++)
		few_enis &= c->edits[i].new && c->edits[i].new->kind == KIND_ENI &&
			    (!c->edits[i].old ||
			     streq(ENI(c->edits[i].old)->vpc, ENI(c->edits[i].new)->vpc));
	for (size_t i = 0; i < c->n; i++)
		network |= !kind_is_storage((c->edits[i].new ? c->edits[i].new :
						  c->edits[i].old)->kind);
	/* storage and network do not refer to each other */
	r = !network ? check_references(c, true, e) :
		few_enis ? validate_enis(c, e) : validate_all(c, e);
	return r ? r : validate_storage(c, e);
}
