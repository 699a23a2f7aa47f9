// SPDX-License-Identifier: GPL-2.0
/* VPC: an address space of its own, 24 bits of VNI on the wire. */

#include "object.h"

static const struct json_key keys[] = {
	{ "cidrs", T_STRINGS }, { "vni", T_UINT },
};

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *vni = json_get(v, "vni");
	char a[PREFIX_STRLEN], b[PREFIX_STRLEN];
	struct vpc *vpc = VPC(o);
	int r;

	r = json_prefixes(v, "cidrs", CIDRS_MAX, &vpc->cidrs, e);
	if (r < 0)
		return r;
	if (!vpc->cidrs.n)
		return fail(e, ERR_INVALID, "VPC '%s' has no CIDR", o->name);
	for (size_t i = 0; i < vpc->cidrs.n; i++) {
		_cleanup_free_ char *path = xprintf("/cidrs/%zu", i);
		const struct prefix *p = &vpc->cidrs.v[i];
		struct prefix first;

		prefix_first(p, 0, &first);
		if (p->len > (p->v6 ? 64 : 28) || p->len < 8 || !address_is_unicast(&first))
			return fail_at(e, path,
				       "CIDR '%s' of VPC '%s' must be a unicast block from /8 to /%d",
				       prefix_format(p, a), o->name, p->v6 ? 64 : 28);
		for (size_t j = 0; j < i; j++)
			if (prefix_overlap(p, &vpc->cidrs.v[j]))
				return fail_at(e, path, "CIDRs '%s' and '%s' of VPC '%s' overlap",
					       prefix_format(&vpc->cidrs.v[j], a),
					       prefix_format(p, b), o->name);
	}
	if (vni) {
		if (!sd_json_variant_unsigned(vni) || sd_json_variant_unsigned(vni) > VNI_MAX)
			return fail_at(e, "/vni", "VNI %llu is not from 1 to %d",
				       (unsigned long long)sd_json_variant_unsigned(vni),
				       VNI_MAX);
		vpc->vni = sd_json_variant_unsigned(vni);
	}
	return 0;
}

static sd_json_variant *build(const struct object *o)
{
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair(&v, "cidrs", json_from_prefixes(&VPC(o)->cidrs, false));
	json_pair_uint(&v, "vni", VPC(o)->vni);
	return json_object_take(&v);
}

static int references(const struct object *o, reference_fn fn, void *userdata)
{
	(void)o;
	(void)fn;
	(void)userdata;
	return 0;
}

static void release(struct object *o)
{
	prefixes_free(&VPC(o)->cidrs);
}

const struct kind_ops vpc_ops = {
	.name = "vpc", .verb = "vpc", .label = "VPC", .id_prefix = "vpc",
	.size = sizeof(struct vpc),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
