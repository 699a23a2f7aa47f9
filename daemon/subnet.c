// SPDX-License-Identifier: GPL-2.0
/* Subnet: a part of a VPC's CIDRs with a route table. */

#include "object.h"

static const struct json_key keys[] = {
	{ "cidrs", T_STRINGS }, { "route_table", T_STRING },
};

/**
 * subnet_reserved - is an address kept for the network?
 * @cidr: block of the subnet that holds the address
 * @addr: address or block
 *
 * The first four and the last address of a block are the router, DNS and
 * reserve (EC2: VPC user guide, subnet sizing).
 *
 * Context: any.
 * Return: true if any part of it is.
 */
bool subnet_reserved(const struct prefix *cidr, const struct prefix *addr)
{
	struct prefix p;

	for (unsigned int i = 0; i < 4; i++) {
		prefix_first(cidr, i, &p);
		if (prefix_contains(addr, &p))
			return true;
	}
	prefix_last(cidr, &p);
	return prefix_contains(addr, &p);
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	struct subnet *s = SUBNET(o);
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];

	if (json_prefixes(v, "cidrs", CIDRS_MAX, &s->cidrs, e) < 0)
		return -EINVAL;
	if (!s->cidrs.n)
		return fail(e, ERR_INVALID, "subnet '%s' has no CIDR", o->name);
	for (size_t i = 0; i < s->cidrs.n; i++) {
		_cleanup_free_ char *path = xprintf("/cidrs/%zu", i);
		const struct prefix *p = &s->cidrs.v[i];

		if (p->len > (p->v6 ? 124 : 28))
			return fail_at(e, path, "CIDR '%s' of subnet '%s' is smaller than /%d",
				       prefix_format(p, a), o->name, p->v6 ? 124 : 28);
		for (size_t j = 0; j < i; j++)
			if (prefix_overlap(p, &s->cidrs.v[j]))
				return fail_at(e, path,
					       "CIDRs '%s' and '%s' of subnet '%s' overlap",
					       prefix_format(&s->cidrs.v[j], a),
					       prefix_format(p, b), o->name);
	}
	s->route_table = xstrdup(json_string(v, "route_table"));
	return 0;
}

static sd_json_variant *build(const struct object *o)
{
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "vpc", o->vpc);
	json_pair(&v, "cidrs", json_from_prefixes(&SUBNET(o)->cidrs, false));
	json_pair_string(&v, "route_table", SUBNET(o)->route_table);
	return json_object_take(&v);
}

static int references(const struct object *o, reference_fn fn, void *userdata)
{
	struct reference ref = { .kind = KIND_VPC, .name = o->vpc, .path = "/vpc" };
	int r = fn(o, &ref, userdata);

	if (r || !SUBNET(o)->route_table)
		return r;
	ref = (struct reference){ .kind = KIND_ROUTE_TABLE, .vpc = o->vpc,
				  .name = SUBNET(o)->route_table, .path = "/route_table" };
	return fn(o, &ref, userdata);
}

static void release(struct object *o)
{
	prefixes_free(&SUBNET(o)->cidrs);
	free(SUBNET(o)->route_table);
}

const struct kind_ops subnet_ops = {
	.name = "subnet", .verb = "subnet", .label = "subnet", .id_prefix = "subnet",
	.scoped = true,
	.size = sizeof(struct subnet),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
