// SPDX-License-Identifier: GPL-2.0
/* Route table: routes beside the VPC's own, which are always there. */

#include "object.h"

static const struct json_key keys[] = {
	{ "routes", T_OBJECTS },
};

static const struct json_key route_keys[] = {
	{ "cidr", T_STRING }, { "to", T_STRING },
};

/**
 * route_parse - read a route
 * @v: {cidr, to}
 * @ret: the route; its strings are owned
 * @e: says what is wrong and where
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int route_parse(sd_json_variant *v, struct route *ret, struct error *e)
{
	const char *cidr, *to;
	struct route r = {};

	if (json_check_keys(v, route_keys, ARRAY_SIZE(route_keys), NULL, 0, e) < 0)
		return -EINVAL;
	cidr = json_string(v, "cidr");
	to = json_string(v, "to");
	if (!cidr || !to)
		return fail(e, ERR_INVALID, "a route needs 'cidr' and 'to'");
	if (prefix_parse(cidr, &r.cidr, e) < 0) {
		error_prefix(e, "/cidr");
		return -EINVAL;
	}
	if (streq(to, "local"))
		r.kind = ROUTE_LOCAL;
	else if (streq(to, "blackhole"))
		r.kind = ROUTE_BLACKHOLE;
	else if (startswith(to, "eni:") && to[4]) {
		r.kind = ROUTE_ENI;
		r.eni = xstrdup(to + 4);
	} else {
		return fail_at(e, "/to", "route target '%s' is none of eni:NAME, local, blackhole",
			       to);
	}
	*ret = r;
	return 0;
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *list = json_get(v, "routes");
	size_t n = list ? sd_json_variant_elements(list) : 0;
	struct route_table *t = ROUTE_TABLE(o);
	char buf[PREFIX_STRLEN];

	if (n > ROUTES_MAX)
		return fail_at(e, "/routes", "route table '%s' has %zu routes, %d are allowed",
			       o->name, n, ROUTES_MAX);
	for (size_t i = 0; i < n; i++) {
		struct route r;

		if (route_parse(sd_json_variant_by_index(list, i), &r, e) < 0) {
			error_prefix(e, "/routes/%zu", i);
			return -EINVAL;
		}
		GROW(t->routes, t->n_routes, t->cap);
		t->routes[t->n_routes++] = r;
		for (size_t j = 0; j < i; j++) {
			_cleanup_free_ char *path = NULL;

			if (!prefix_equal(&t->routes[j].cidr, &r.cidr))
				continue;
			path = xprintf("/routes/%zu", i);
			return fail_at(e, path, "route table '%s' has two routes for '%s'",
				       o->name, prefix_format(&r.cidr, buf));
		}
	}
	return 0;
}

static sd_json_variant *build(const struct object *o)
{
	struct route_table *t = ROUTE_TABLE(o);
	struct json_list routes = {};
	struct json_list v = {};
	char buf[PREFIX_STRLEN];

	for (size_t i = 0; i < t->n_routes; i++) {
		const struct route *r = &t->routes[i];
		_cleanup_free_ char *to = r->kind == ROUTE_ENI ? xprintf("eni:%s", r->eni) :
			xstrdup(r->kind == ROUTE_LOCAL ? "local" : "blackhole");
		sd_json_variant *route = NULL;

		json_set_string(&route, "cidr", prefix_format(&r->cidr, buf));
		json_set_string(&route, "to", to);
		json_list_add(&routes, route);
	}
	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "vpc", o->vpc);
	json_pair(&v, "routes", json_list_take(&routes));
	return json_object_take(&v);
}

static int references(const struct object *o, reference_fn fn, void *userdata)
{
	struct reference ref = { .kind = KIND_VPC, .name = o->vpc, .path = "/vpc" };
	struct route_table *t = ROUTE_TABLE(o);
	int r = fn(o, &ref, userdata);

	for (size_t i = 0; !r && i < t->n_routes; i++) {
		if (t->routes[i].kind != ROUTE_ENI)
			continue;
		ref = (struct reference){ .kind = KIND_ENI, .name = t->routes[i].eni };
		snprintf(ref.path, sizeof(ref.path), "/routes/%zu", i);
		r = fn(o, &ref, userdata);
	}
	return r;
}

static void release(struct object *o)
{
	struct route_table *t = ROUTE_TABLE(o);

	for (size_t i = 0; i < t->n_routes; i++)
		free(t->routes[i].eni);
	free(t->routes);
}

const struct kind_ops route_table_ops = {
	.name = "route_table", .verb = "route-table", .label = "route table",
	.id_prefix = "rtb", .scoped = true,
	.size = sizeof(struct route_table),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
