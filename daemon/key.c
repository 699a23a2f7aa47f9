// SPDX-License-Identifier: GPL-2.0
/* Key: a master key, known by name; the bytes are elsewhere, see seal.c. */

#include "object.h"

static const struct json_key keys[] = {
	{ "generation", T_UINT },
};

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *generation = json_get(v, "generation");

	KEY(o)->generation = json_uint(v, "generation", 0);
	KEY(o)->given = generation;
	if (generation && (!KEY(o)->generation || KEY(o)->generation > INT32_MAX))
		return fail_at(e, "/generation", "generation %llu of key '%s' cannot be",
			       (unsigned long long)KEY(o)->generation, o->name);
	return 0;
}

static sd_json_variant *build(const struct object *o)
{
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair_uint(&v, "generation", KEY(o)->generation);
	return json_object_take(&v);
}

const struct kind_ops key_ops = {
	.name = "key", .verb = "key", .label = "key", .id_prefix = "key",
	.size = sizeof(struct key),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build,
};
