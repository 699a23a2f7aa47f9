// SPDX-License-Identifier: GPL-2.0
/* Prefix list: CIDR blocks under one name, of a VPC or of the whole network. */

#include "object.h"

static const struct json_key keys[] = {
	{ "entries", T_STRINGS },
};

static int compare(const void *a, const void *b)
{
	return prefix_compare(*(const struct prefix *const *)a,
			      *(const struct prefix *const *)b);
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	_cleanup_free_ const struct prefix **sorted = NULL;
	struct prefixes *l = &PREFIX_LIST(o)->entries;
	char buf[PREFIX_STRLEN];

	if (json_prefixes(v, "entries", ENTRIES_MAX, l, e) < 0)
		return -EINVAL;
	sorted = xcalloc(l->n, sizeof(*sorted));
	for (size_t i = 0; i < l->n; i++)
		sorted[i] = &l->v[i];
	qsort(sorted, l->n, sizeof(*sorted), compare);
	for (size_t i = 1; i < l->n; i++) {
		const struct prefix *later = sorted[i] > sorted[i - 1] ? sorted[i] : sorted[i - 1];
		_cleanup_free_ char *path = NULL;

		if (!prefix_equal(sorted[i - 1], sorted[i]))
			continue;
		path = xprintf("/entries/%zu", (size_t)(later - l->v));
		return fail_at(e, path, "prefix list '%s' has the entry '%s' twice", o->name,
			       prefix_format(later, buf));
	}
	return 0;
}

static sd_json_variant *build(const struct object *o)
{
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "vpc", o->vpc);
	json_pair(&v, "entries", json_from_prefixes(&PREFIX_LIST(o)->entries, false));
	return json_object_take(&v);
}

static int references(const struct object *o, reference_fn fn, void *userdata)
{
	struct reference ref = { .kind = KIND_VPC, .name = o->vpc, .path = "/vpc" };

	return o->vpc ? fn(o, &ref, userdata) : 0;
}

static void release(struct object *o)
{
	prefixes_free(&PREFIX_LIST(o)->entries);
}

const struct kind_ops prefix_list_ops = {
	.name = "prefix_list", .verb = "prefix-list", .label = "prefix list",
	.id_prefix = "pl", .scoped = true,
	.size = sizeof(struct prefix_list),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
