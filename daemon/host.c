// SPDX-License-Identifier: GPL-2.0
/* Host: a machine of the network, reached at its underlay address. */

#include "object.h"

#define GENEVE_PORT 6081	/* RFC 8926 section 3.3 */

static const struct json_key keys[] = {
	{ "underlay", T_STRING }, { "local", T_BOOL }, { "port", T_UINT },
};

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	const char *underlay = json_string(v, "underlay");
	sd_json_variant *local = json_get(v, "local");
	sd_json_variant *port = json_get(v, "port");
	struct host *h = HOST(o);

	if (!underlay)
		return fail(e, ERR_INVALID, "host '%s' has no underlay address", o->name);
	if (address_parse(underlay, &h->underlay, e) < 0) {
		error_prefix(e, "/underlay");
		return -EINVAL;
	}
	if (!address_is_unicast(&h->underlay))
		return fail_at(e, "/underlay", "'%s' is no address that a host can have",
			       underlay);
	h->port = GENEVE_PORT;
	if (port) {
		if (!sd_json_variant_unsigned(port) || sd_json_variant_unsigned(port) > 65535)
			return fail_at(e, "/port", "port %llu is not from 1 to 65535",
				       (unsigned long long)sd_json_variant_unsigned(port));
		h->port = sd_json_variant_unsigned(port);
	}
	h->local_given = local;
	h->local = json_flag(v, "local");
	return 0;
}

static sd_json_variant *build(const struct object *o)
{
	struct host *h = HOST(o);
	char buf[PREFIX_STRLEN];
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "underlay", prefix_format_short(&h->underlay, buf));
	json_pair_bool(&v, "local", h->local);
	json_pair_uint(&v, "port", h->port);
	return json_object_take(&v);
}

const struct kind_ops host_ops = {
	.name = "host", .verb = "host", .label = "host", .id_prefix = "host",
	.size = sizeof(struct host),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build,
};
