// SPDX-License-Identifier: GPL-2.0
/* VPC: an address space of its own, 24 bits of VNI on the wire. */

#include <ctype.h>

#include "object.h"

static const struct json_key keys[] = {
	{ "cidrs", T_STRINGS }, { "vni", T_UINT }, { "domain", T_STRING },
	{ "dns_servers", T_STRINGS }, { "ntp_servers", T_STRINGS },
};

static bool domain_valid(const char *s)
{
	size_t label = 0, len = strlen(s);

	if (!len || len > 190)
		return false;
	for (; *s; s++) {
		if (*s == '.' ? !label || !s[1] : !isalnum((unsigned char)*s) && *s != '-')
			return false;
		if (*s == '-' && (!label || s[1] == '.' || !s[1]))
			return false;
		label = *s == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return true;
}

static int parse_servers(struct vpc *vpc, sd_json_variant *v, const char *key,
			 struct prefixes *ret, struct error *e)
{
	int r = json_prefixes(v, key, SERVERS_MAX, ret, e);

	for (size_t i = 0; r >= 0 && i < ret->n; i++) {
		char buf[PREFIX_STRLEN];
		_cleanup_free_ char *path = xprintf("/%s/%zu", key, i);

		if (!prefix_is_host(&ret->v[i]) || !address_is_unicast(&ret->v[i]))
			r = fail_at(e, path, "'%s' of VPC '%s' is not the address of a server",
				    prefix_format_short(&ret->v[i], buf), vpc->o.name);
	}
	return r;
}

/* What DHCP tells the VPC's guests (VPC User Guide, DHCPOptionSet) */
static int parse_dhcp(struct vpc *vpc, sd_json_variant *v, struct error *e)
{
	const char *domain = json_string(v, "domain");
	int r;

	if (domain && !domain_valid(domain))
		return fail_at(e, "/domain", "'%s' is no name of a domain", domain);
	vpc->domain = xstrdup(domain);
	r = parse_servers(vpc, v, "dns_servers", &vpc->dns_servers, e);
	return r < 0 ? r : parse_servers(vpc, v, "ntp_servers", &vpc->ntp_servers, e);
}

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
	return parse_dhcp(vpc, v, e);
}

static sd_json_variant *servers(const struct prefixes *list)
{
	return list->n ? json_from_prefixes(list, true) : NULL;
}

static sd_json_variant *build(const struct object *o)
{
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair(&v, "cidrs", json_from_prefixes(&VPC(o)->cidrs, false));
	json_pair_uint(&v, "vni", VPC(o)->vni);
	json_pair_string(&v, "domain", VPC(o)->domain);
	json_pair(&v, "dns_servers", servers(&VPC(o)->dns_servers));
	json_pair(&v, "ntp_servers", servers(&VPC(o)->ntp_servers));
	return json_object_take(&v);
}

static void release(struct object *o)
{
	prefixes_free(&VPC(o)->cidrs);
	prefixes_free(&VPC(o)->dns_servers);
	prefixes_free(&VPC(o)->ntp_servers);
	free(VPC(o)->domain);
}

const struct kind_ops vpc_ops = {
	.name = "vpc", .verb = "vpc", .label = "VPC", .id_prefix = "vpc",
	.size = sizeof(struct vpc),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .free = release,
};
