// SPDX-License-Identifier: GPL-2.0
/* ENI: an elastic network interface, the only way into a VPC. */

#include <net/if.h>
#include <stdio.h>

#include "object.h"

static const struct json_key keys[] = {
	{ "subnet", T_STRING }, { "host", T_STRING }, { "ips", T_STRINGS },
	{ "security_groups", T_STRINGS }, { "mac", T_STRING },
	{ "source_dest_check", T_BOOL }, { "bandwidth", T_UINT }, { "pps", T_UINT },
	{ "flows", T_UINT }, { "tcp_established_timeout", T_UINT },
	{ "udp_timeout", T_UINT }, { "udp_stream_timeout", T_UINT },
	{ "metadata", T_STRING }, { "metadata_hop_limit", T_UINT },
	{ "attachment", T_OBJECT },
};

static const struct json_key attachment_keys[] = {
	{ "kind", T_STRING }, { "netns", T_STRING }, { "ifname", T_STRING },
	{ "port", T_STRING }, { "instance", T_STRING }, { "index", T_UINT },
};

const char *const eni_limit_names[LIMIT_MAX] = {
	[LIMIT_BANDWIDTH] = "bandwidth",
	[LIMIT_PPS] = "pps",
	[LIMIT_FLOWS] = "flows",
	[LIMIT_TCP_ESTABLISHED] = "tcp_established_timeout",
	[LIMIT_UDP] = "udp_timeout",
	[LIMIT_UDP_STREAM] = "udp_stream_timeout",
};

/* Timeouts as EC2's ConnectionTrackingConfiguration takes them; 0 = default */
static const struct {
	uint64_t min, max;
} limit_range[LIMIT_MAX] = {
	[LIMIT_BANDWIDTH] = { 8, 1ULL << 50 },
	[LIMIT_PPS] = { 1, UINT32_MAX },
	[LIMIT_FLOWS] = { 1, UINT32_MAX },
	[LIMIT_TCP_ESTABLISHED] = { 60, 432000 },
	[LIMIT_UDP] = { 30, 60 },
	[LIMIT_UDP_STREAM] = { 60, 180 },
};

static const char *const attach_names[] = {
	[ATTACH_NONE] = "none",
	[ATTACH_NETNS] = "netns",
	[ATTACH_PORT] = "port",
	[ATTACH_LOCAL] = "local",
	[ATTACH_INSTANCE] = "instance",
};

static const char *const metadata_names[METADATA_MAX] = {
	[METADATA_ON] = "on",
	[METADATA_V1] = "v1",
	[METADATA_OFF] = "off",
};

/**
 * metadata_name - how much of the metadata service an ENI gets, in JSON
 * @metadata: how much
 *
 * Context: any.
 * Return: the name.
 */
const char *metadata_name(enum metadata metadata)
{
	return metadata_names[metadata];
}

/**
 * attach_kind_name - how an ENI is attached, in JSON
 * @kind: the kind
 *
 * Context: any.
 * Return: the name.
 */
const char *attach_kind_name(enum attach_kind kind)
{
	return attach_names[kind];
}

/**
 * attach_kind_from_name - the kind of attachment with a JSON name
 * @name: the name
 *
 * Context: any.
 * Return: the kind, ATTACH_NONE if there is none.
 */
enum attach_kind attach_kind_from_name(const char *name)
{
	for (enum attach_kind k = ATTACH_NETNS; k < ARRAY_SIZE(attach_names); k++)
		if (streq(attach_names[k], name))
			return k;
	return ATTACH_NONE;
}

static bool ifname_valid(const char *s)
{
	size_t len = strlen(s);

	if (!len || len >= IFNAMSIZ || streq(s, ".") || streq(s, ".."))
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s == '/' || *s == ':' || *s == '%' || *s > '~')
			return false;
	return true;
}

/* A name below /run/netns, or an absolute path such as /proc/PID/ns/net */
static bool netns_valid(const char *s)
{
	if (*s == '/')
		return strlen(s) < 256 && !strstr(s, "/../");
	return strlen(s) < 256 && !strchr(s, '/') && *s != '.';
}

static int parse_attachment(sd_json_variant *v, struct attachment *a, struct error *e)
{
	sd_json_variant *index;
	const char *kind;

	if (json_check_keys(v, attachment_keys, ARRAY_SIZE(attachment_keys), NULL, 0, e) < 0)
		return -EINVAL;
	kind = json_string(v, "kind");
	a->kind = attach_kind_from_name(kind);
	if (a->kind == ATTACH_NONE)
		return fail_at(e, "/kind",
			       "attachment kind '%s' is none of netns, port, local, instance",
			       kind ? kind : "");
	a->netns = xstrdup(json_string(v, "netns"));
	a->ifname = xstrdup(json_string(v, "ifname"));
	a->port = xstrdup(json_string(v, "port"));
	a->instance = xstrdup(json_string(v, "instance"));
	index = json_get(v, "index");
	a->index = json_uint(v, "index", 0);
	if ((a->kind == ATTACH_NETNS) != !!a->netns)
		return fail_at(e, "/netns", "'netns' goes with kind netns, and only with it");
	if ((a->kind == ATTACH_PORT) != !!a->port)
		return fail_at(e, "/port", "'port' goes with kind port, and only with it");
	if ((a->kind == ATTACH_INSTANCE) != !!a->instance)
		return fail_at(e, "/instance",
			       "'instance' goes with kind instance, and only with it");
	if (index && (a->kind != ATTACH_INSTANCE || a->index >= INSTANCE_ENIS_MAX))
		return fail_at(e, "/index", "index %u cannot be", a->index);
	if (a->ifname && a->kind != ATTACH_NETNS && a->kind != ATTACH_LOCAL)
		return fail_at(e, "/ifname", "'ifname' goes with kinds netns and local");
	if (a->ifname && !ifname_valid(a->ifname))
		return fail_at(e, "/ifname", "'%s' is no name for an interface", a->ifname);
	if (a->port && !ifname_valid(a->port))
		return fail_at(e, "/port", "'%s' is no name of an interface", a->port);
	if (a->netns && !netns_valid(a->netns))
		return fail_at(e, "/netns", "'%s' is no name of a network namespace", a->netns);
	if (a->instance && name_check(a->instance, e) < 0) {
		error_prefix(e, "/instance");
		return -EINVAL;
	}
	return 0;
}

static int parse_limits(sd_json_variant *v, struct eni *eni, struct error *e)
{
	for (enum eni_limit l = 0; l < LIMIT_MAX; l++) {
		sd_json_variant *field = json_get(v, eni_limit_names[l]);
		uint64_t n = field ? sd_json_variant_unsigned(field) : 0;

		if (n && (n < limit_range[l].min || n > limit_range[l].max)) {
			_cleanup_free_ char *path = xprintf("/%s", eni_limit_names[l]);

			return fail_at(e, path,
				       "%s %llu of ENI '%s' is not from %llu to %llu",
				       eni_limit_names[l], (unsigned long long)n, eni->o.name,
				       (unsigned long long)limit_range[l].min,
				       (unsigned long long)limit_range[l].max);
		}
		eni->limit[l] = n;
	}
	return 0;
}

static int parse_metadata(sd_json_variant *v, struct eni *eni, struct error *e)
{
	sd_json_variant *hops = json_get(v, "metadata_hop_limit");
	const char *name = json_string(v, "metadata");
	uint64_t n = hops ? sd_json_variant_unsigned(hops) : 1;

	eni->metadata = METADATA_ON;
	while (name && eni->metadata < METADATA_MAX && strcmp(metadata_names[eni->metadata], name))
		eni->metadata++;
	if (eni->metadata == METADATA_MAX)
		return fail_at(e, "/metadata", "metadata '%s' of ENI '%s' is none of on, v1, off",
			       name, eni->o.name);
	if (!n || n > HOP_LIMIT_MAX)
		return fail_at(e, "/metadata_hop_limit",
			       "metadata_hop_limit %llu of ENI '%s' is not from 1 to %d",
			       (unsigned long long)n, eni->o.name, HOP_LIMIT_MAX);
	eni->hop_limit = n;
	return 0;
}

static int parse_groups(sd_json_variant *list, struct eni *eni, struct error *e)
{
	size_t n = sd_json_variant_elements(list);

	if (n > GROUPS_MAX)
		return fail_at(e, "/security_groups",
			       "ENI '%s' has %zu security groups, %d are allowed", eni->o.name,
			       n, GROUPS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *name = sd_json_variant_string(sd_json_variant_by_index(list, i));

		if (strings_has(&eni->groups, name)) {
			_cleanup_free_ char *path = xprintf("/security_groups/%zu", i);

			return fail_at(e, path, "ENI '%s' names security group '%s' twice",
				       eni->o.name, name);
		}
		strings_add(&eni->groups, name);
	}
	return 0;
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *groups = json_get(v, "security_groups");
	sd_json_variant *check = json_get(v, "source_dest_check");
	sd_json_variant *attachment = json_get(v, "attachment");
	const char *subnet = json_string(v, "subnet");
	const char *mac = json_string(v, "mac");
	struct eni *eni = ENI(o);
	const char *slash;
	int r;

	if (!subnet)
		return fail(e, ERR_INVALID, "ENI '%s' names no subnet", o->name);
	slash = strchr(subnet, '/');
	if (slash) {
		free(eni->vpc);
		eni->vpc = xstrndup(subnet, slash - subnet);
		subnet = slash + 1;
	}
	eni->subnet = xstrdup(subnet);
	eni->host = xstrdup(json_string(v, "host"));
	r = json_prefixes(v, "ips", ADDRESSES_MAX, &eni->ips, e);
	if (r < 0)
		return r;
	if (mac) {
		if (mac_parse(mac, eni->mac, e) < 0) {
			error_prefix(e, "/mac");
			return -EINVAL;
		}
		eni->has_mac = true;
	}
	eni->source_dest_check = !check || sd_json_variant_boolean(check);
	r = groups ? parse_groups(groups, eni, e) : 0;
	if (r >= 0)
		r = parse_limits(v, eni, e);
	if (r >= 0)
		r = parse_metadata(v, eni, e);
	if (r >= 0 && attachment) {
		r = parse_attachment(attachment, &eni->attachment, e);
		if (r < 0)
			error_prefix(e, "/attachment");
	}
	return r;
}

/**
 * attachment_build - write an attachment
 * @a: the attachment
 *
 * Context: any.
 * Return: the JSON object, NULL (for null) if there is none.
 */
sd_json_variant *attachment_build(const struct attachment *a)
{
	struct json_list v = {};

	if (a->kind == ATTACH_NONE)
		return NULL;
	json_pair_string(&v, "kind", attach_names[a->kind]);
	json_pair_string(&v, "netns", a->netns);
	json_pair_string(&v, "ifname", a->ifname);
	json_pair_string(&v, "port", a->port);
	json_pair_string(&v, "instance", a->instance);
	if (a->kind == ATTACH_INSTANCE)
		json_pair_uint(&v, "index", a->index);
	return json_object_take(&v);
}

static sd_json_variant *build(const struct object *o)
{
	struct eni *eni = ENI(o);
	struct json_list v = {};
	char mac[MAC_STRLEN];

	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "vpc", eni->vpc);
	json_pair_string(&v, "subnet", eni->subnet);
	json_pair_string(&v, "host", eni->host);
	json_pair(&v, "ips", json_from_prefixes(&eni->ips, true));
	json_pair(&v, "security_groups", json_from_strings(&eni->groups));
	json_pair_string(&v, "mac", mac_format(eni->mac, mac));
	json_pair_bool(&v, "source_dest_check", eni->source_dest_check);
	for (enum eni_limit l = 0; l < LIMIT_MAX; l++) {
		if (eni->limit[l])
			json_pair_uint(&v, eni_limit_names[l], eni->limit[l]);
		else
			json_pair(&v, eni_limit_names[l], NULL);
	}
	json_pair_string(&v, "metadata", metadata_names[eni->metadata]);
	json_pair_uint(&v, "metadata_hop_limit", eni->hop_limit);
	json_pair(&v, "attachment", attachment_build(&eni->attachment));
	return json_object_take(&v);
}

static int references(const struct object *o, reference_fn fn, void *userdata)
{
	struct eni *eni = ENI(o);
	struct reference ref = { .kind = KIND_SUBNET, .vpc = eni->vpc, .name = eni->subnet,
				 .path = "/subnet" };
	int r = fn(o, &ref, userdata);

	if (!r && eni->host) {
		ref = (struct reference){ .kind = KIND_HOST, .name = eni->host,
					  .path = "/host" };
		r = fn(o, &ref, userdata);
	}
	for (size_t i = 0; !r && i < eni->groups.n; i++) {
		ref = (struct reference){ .kind = KIND_SECURITY_GROUP, .vpc = eni->vpc,
					  .name = eni->groups.v[i] };
		snprintf(ref.path, sizeof(ref.path), "/security_groups/%zu", i);
		r = fn(o, &ref, userdata);
	}
	return r;
}

static void release(struct object *o)
{
	struct eni *eni = ENI(o);

	free(eni->vpc);
	free(eni->subnet);
	free(eni->host);
	prefixes_free(&eni->ips);
	strings_free(&eni->groups);
	free(eni->attachment.netns);
	free(eni->attachment.ifname);
	free(eni->attachment.port);
	free(eni->attachment.instance);
}

const struct kind_ops eni_ops = {
	.name = "eni", .verb = "eni", .label = "ENI", .id_prefix = "eni",
	.size = sizeof(struct eni),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
