// SPDX-License-Identifier: GPL-2.0
/* Apply: the objects of a stack file as one change. */

#include <stdio.h>

#include "kernel.h"
#include "object.h"

static const struct json_key stack_keys[] = {
	{ "version", T_UINT }, { "hosts", T_OBJECTS }, { "prefix_lists", T_OBJECTS },
	{ "vpcs", T_OBJECTS }, { "enis", T_OBJECTS }, { "keys", T_OBJECTS },
	{ "pools", T_OBJECTS }, { "volumes", T_OBJECTS }, { "instances", T_OBJECTS },
	{ "enclaves", T_OBJECTS },
};

/* What belongs to one host, in the order of its making */
static const struct {
	enum object_kind kind;
	const char *list;
} storage_lists[] = {
	{ KIND_KEY, "keys" }, { KIND_POOL, "pools" }, { KIND_VOLUME, "volumes" },
};

/* What stands within a VPC; the order is that of their making */
static const struct {
	enum object_kind kind;
	const char *list;
} vpc_lists[] = {
	{ KIND_ROUTE_TABLE, "route_tables" },
	{ KIND_SUBNET, "subnets" },
	{ KIND_PREFIX_LIST, "prefix_lists" },
	{ KIND_SECURITY_GROUP, "security_groups" },
};

static const struct json_key vpc_keys[] = {
	{ "name", T_STRING }, { "cidrs", T_STRINGS }, { "vni", T_UINT },
	{ "domain", T_STRING }, { "dns_servers", T_STRINGS }, { "ntp_servers", T_STRINGS },
	{ "route_tables", T_OBJECTS }, { "subnets", T_OBJECTS },
	{ "prefix_lists", T_OBJECTS }, { "security_groups", T_OBJECTS },
};

static int put_list(struct change *c, enum object_kind kind, sd_json_variant *list,
		    const char *scope, const char *origin, struct error *e)
{
	size_t n = list ? sd_json_variant_elements(list) : 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		_cleanup_free_ char *at = xprintf("%s/%zu", origin, i);
		sd_json_variant *v = sd_json_variant_by_index(list, i);

		if ((kind == KIND_ENI || kind == KIND_VOLUME) && json_get(v, "attachment")) {
			_cleanup_free_ char *path = xprintf("%s/attachment", at);

			return fail_at(e, path, "unknown key 'attachment'");
		}
		r = change_put(c, kind, v, scope, PUT_APPLY, at, e);
	}
	return r;
}

/* The VPC's own keys, without the lists of what is in it */
static int put_vpc(struct change *c, sd_json_variant *v, const char *origin, struct error *e)
{
	_cleanup_json_ sd_json_variant *own = NULL;

	for (size_t i = 0; i < 3; i++) {
		sd_json_variant *value = json_get(v, vpc_keys[i].name);

		if (value)
			json_set(&own, vpc_keys[i].name, sd_json_variant_ref(value));
	}
	if (!own)
		return fail_at(e, origin, "the VPC has no name");
	return change_put(c, KIND_VPC, own, NULL, PUT_APPLY, origin, e);
}

static int put_vpcs(struct change *c, sd_json_variant *list, struct error *e)
{
	size_t n = list ? sd_json_variant_elements(list) : 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		sd_json_variant *v = sd_json_variant_by_index(list, i);
		_cleanup_free_ char *at = xprintf("/vpcs/%zu", i);

		r = json_check_keys(v, vpc_keys, ARRAY_SIZE(vpc_keys), NULL, 0, e);
		if (r < 0)
			error_prefix(e, "%s", at);
		else
			r = put_vpc(c, v, at, e);
	}
	/* one kind after the other, so that references find their objects */
	for (size_t k = 0; r >= 0 && k < ARRAY_SIZE(vpc_lists); k++) {
		for (size_t i = 0; r >= 0 && i < n; i++) {
			sd_json_variant *v = sd_json_variant_by_index(list, i);
			_cleanup_free_ char *at = xprintf("/vpcs/%zu/%s", i, vpc_lists[k].list);

			r = put_list(c, vpc_lists[k].kind, json_get(v, vpc_lists[k].list),
				     json_string(v, "name"), at, e);
		}
	}
	return r;
}

/* The host that reads the stack: the one that is marked, or that will be */
static const char *local_name(const struct model *m)
{
	struct host *local = model_local_host(m);

	return local ? local->o.name : NULL;
}

/*
 * Keys, pools and volumes are of the host that they name; those of other hosts
 * are none of ours. An entry that names none is of the host that reads it.
 */
static int put_storage(struct change *c, sd_json_variant *stack, struct error *e)
{
	const char *here = local_name(c->model);
	int r = 0;

	for (size_t k = 0; r >= 0 && k < ARRAY_SIZE(storage_lists); k++) {
		sd_json_variant *list = json_get(stack, storage_lists[k].list);
		size_t n = list ? sd_json_variant_elements(list) : 0;

		for (size_t i = 0; r >= 0 && i < n; i++) {
			_cleanup_free_ char *at = xprintf("/%s/%zu", storage_lists[k].list, i);
			sd_json_variant *v = sd_json_variant_by_index(list, i);
			_cleanup_json_ sd_json_variant *own = NULL;
			const char *host = json_string(v, "host");

			if (host && here && strcmp(host, here))
				continue;
			if (json_get(v, "attachment")) {
				error_prefix(e, "%s/attachment", at);
				return fail(e, ERR_INVALID, "unknown key 'attachment'");
			}
			for (size_t j = 0; j < sd_json_variant_elements(v); j += 2) {
				const char *key = sd_json_variant_string(
					sd_json_variant_by_index(v, j));

				if (strcmp(key, "host"))
					json_set(&own, key, sd_json_variant_ref(
						sd_json_variant_by_index(v, j + 1)));
			}
			r = change_put(c, storage_lists[k].kind, own ? own : v, NULL, PUT_APPLY, at,
				       e);
			c->names_storage = true;
		}
	}
	return r;
}

static int put_stack(struct change *c, sd_json_variant *stack, struct error *e)
{
	sd_json_variant *version;
	int r;

	r = json_check_keys(stack, stack_keys, ARRAY_SIZE(stack_keys), NULL, 0, e);
	if (r < 0)
		return r;
	version = json_get(stack, "version");
	if (!version)
		return fail(e, ERR_INVALID, "the stack has no version; this is version 1");
	if (sd_json_variant_unsigned(version) != 1)
		return fail_at(e, "/version", "stack version %llu is not known, 1 is",
			       (unsigned long long)sd_json_variant_unsigned(version));
	r = put_list(c, KIND_HOST, json_get(stack, "hosts"), NULL, "/hosts", e);
	if (r >= 0)
		r = put_vpcs(c, json_get(stack, "vpcs"), e);
	if (r >= 0)
		r = put_list(c, KIND_PREFIX_LIST, json_get(stack, "prefix_lists"), NULL,
			     "/prefix_lists", e);
	if (r >= 0)
		r = put_list(c, KIND_ENI, json_get(stack, "enis"), NULL, "/enis", e);
	return r;
}

/* A stack names the hosts but not which of them reads it: that is the one whose
 * underlay address is an address of this machine, unless the user has said.
 */
static void find_local_host(struct change *c)
{
	if (model_local_host(c->model))
		return;
	for (size_t i = 0; i < c->n; i++) {
		struct object *o = c->edits[i].new;

		if (!o || o->kind != KIND_HOST || HOST(o)->local_given ||
		    !kernel_has_address(&HOST(o)->underlay))
			continue;
		HOST(o)->local = true;
		return;
	}
}

static int prune(struct change *c, struct error *e)
{
	struct model *m = c->model;
	int r = 0;

	for (int k = KIND_MAX - 1; k >= 0; k--) {
		struct object *o;

		/* a stack that says nothing of storage does not mean that there is none */
		if (kind_is_storage(k) && !c->names_storage)
			continue;
		if ((k == KIND_INSTANCE && !c->names_instances) ||
		    (k == KIND_ENCLAVE && !c->names_enclaves))
			continue;
		FOR_EACH_OBJECT(m, k, o) {
			if (map_get(&c->by_id, o->id))
				continue;
			r = k == KIND_INSTANCE || k == KIND_ENCLAVE ?
				stack_prune_instance(c, o, e) : change_delete(c, o, e);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* The line of the deepest part of the path that has one */
static unsigned int find_line(sd_json_variant *lines, const char *path)
{
	_cleanup_free_ char *p = xstrdup(path);
	sd_json_variant *line;
	char *slash;

	while (p && *p) {
		line = sd_json_variant_by_key(lines, p);
		if (line && sd_json_variant_is_unsigned(line))
			return sd_json_variant_unsigned(line);
		slash = strrchr(p, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return 0;
}

static void format_value(sd_json_variant *v, struct text *t)
{
	_cleanup_free_ char *s = NULL;

	if (!v || sd_json_variant_is_null(v)) {
		text_add(t, "none");
	} else if (sd_json_variant_is_string(v)) {
		text_add(t, "%s", sd_json_variant_string(v));
	} else if (sd_json_variant_is_object(v) && json_get(v, "instance")) {
		text_add(t, "instance %s", json_string(v, "instance"));
	} else {
		if (sd_json_variant_format(v, 0, &s) < 0)
			abort();
		text_add(t, "%s", s);
	}
}

static void format_element(sd_json_variant *v, struct text *t)
{
	_cleanup_error_ struct error ignored = {};
	struct rule rule = {};

	if (sd_json_variant_is_object(v) && json_get(v, "to")) {
		text_add(t, "%s to %s", json_string(v, "cidr"), json_string(v, "to"));
	} else if (sd_json_variant_is_object(v) && !rule_parse(v, "", &rule, &ignored)) {
		rule_text(&rule, t);
		rule_free(&rule);
	} else {
		format_value(v, t);
	}
}

static bool has_element(sd_json_variant *list, sd_json_variant *element)
{
	for (size_t i = 0; list && i < sd_json_variant_elements(list); i++)
		if (sd_json_variant_equal(sd_json_variant_by_index(list, i), element))
			return true;
	return false;
}

static void diff_list(const char *key, char sign, sd_json_variant *list,
		      sd_json_variant *other, struct text *t)
{
	for (size_t i = 0; list && i < sd_json_variant_elements(list); i++) {
		sd_json_variant *element = sd_json_variant_by_index(list, i);

		if (has_element(other, element))
			continue;
		text_add(t, "%s%c %s: ", t->n ? "\n" : "", sign, key);
		format_element(element, t);
	}
}

static void diff_key(const char *key, sd_json_variant *old, sd_json_variant *new,
		     struct text *t)
{
	size_t before = t->n;

	if (old && new && sd_json_variant_equal(old, new))
		return;
	if ((!old || sd_json_variant_is_array(old) || sd_json_variant_is_null(old)) &&
	    (!new || sd_json_variant_is_array(new) || sd_json_variant_is_null(new))) {
		if (old && sd_json_variant_is_null(old))
			old = NULL;
		if (new && sd_json_variant_is_null(new))
			new = NULL;
		diff_list(key, '-', old, new, t);
		diff_list(key, '+', new, old, t);
		if (t->n == before && old && new)
			text_add(t, "%s~ %s: new order", t->n ? "\n" : "", key);
		return;
	}
	if (!old) {
		if (new && !sd_json_variant_is_null(new)) {
			text_add(t, "%s+ %s: ", t->n ? "\n" : "", key);
			format_value(new, t);
		}
		return;
	}
	text_add(t, "%s~ %s: ", t->n ? "\n" : "", key);
	format_value(old, t);
	text_add(t, " -> ");
	format_value(new, t);
}

/* Of an instance and of an enclave: when it was run, and what it turned out to be */
static bool is_of_interest(const char *key)
{
	static const char *const not[] = {
		"launched", "ended", "ending", "measurements", "pool"
	};

	for (size_t i = 0; i < ARRAY_SIZE(not); i++)
		if (streq(key, not[i]))
			return false;
	return true;
}

/* What is wanted of an instance is its state; what its user data are is not everybody's
 * business
 */
static void diff_property(const struct object *o, const char *key, sd_json_variant *old,
			  sd_json_variant *new, struct text *t)
{
	if (streq(key, "name") || streq(key, "data_key"))
		return;
	if (o->kind != KIND_INSTANCE && o->kind != KIND_ENCLAVE)
		diff_key(key, old, new, t);
	else if (streq(key, "user_data") && !streq(old ? sd_json_variant_string(old) : NULL,
						   sd_json_variant_string(new)))
		text_add(t, "%s%c %s", t->n ? "\n" : "", old ? '~' : '+', key);
	else if (strcmp(key, "user_data") && is_of_interest(key))
		diff_key(streq(key, "wish") ? "state" : key, old, new, t);
}

/* One line per property that changes, one per element of a list */
static char *diff_text(const struct edit *edit)
{
	_cleanup_json_ sd_json_variant *old = edit->old ? object_body(edit->old) : NULL;
	_cleanup_json_ sd_json_variant *new = edit->new ? object_body(edit->new) : NULL;
	struct text t = {};

	if (!new || stack_is_terminated(edit))
		return xstrdup("");
	for (size_t i = 0; i < sd_json_variant_elements(new); i += 2) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(new, i));

		diff_property(edit->new, key, old ? sd_json_variant_by_key(old, key) : NULL,
			      sd_json_variant_by_index(new, i + 1), &t);
	}
	return t.s ? t.s : xstrdup("");
}

/* A reply has to fit a Varlink message of 16 MiB */
#define DIFF_MAX (4 << 20)

/**
 * stack_describe - what a change does, for people and programs
 * @c: the change, checked
 *
 * Context: method call.
 * Return: a JSON array.
 */
sd_json_variant *stack_describe(const struct change *c)
{
	struct json_list list = {};
	size_t size = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		const struct object *o = edit->new ? edit->new : edit->old;
		_cleanup_free_ char *diff = size < DIFF_MAX ? diff_text(edit) : xstrdup("");
		sd_json_variant *v = NULL;

		size += strlen(diff);
		json_set_string(&v, "action", !edit->old ? "create" :
				!edit->new || stack_is_terminated(edit) ? "delete" : "set");
		json_set_string(&v, "kind", kind_ops[o->kind]->name);
		json_set_string(&v, "name", o->name);
		json_set_string(&v, "diff", diff);
		json_list_add(&list, v);
	}
	return json_list_take(&list);
}

/**
 * stack_build - put a stack into a change
 * @m: the manager
 * @c: the change
 * @rq: the stack
 * @e: says what is wrong, and where
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int stack_build(struct manager *m, struct change *c, const struct stack_request *rq,
		struct error *e)
{
	int r = put_stack(c, rq->stack, e);

	if (r >= 0)
		find_local_host(c);
	if (r >= 0)
		r = put_storage(c, rq->stack, e);
	if (r >= 0)
		r = stack_put_instances(m, c, json_get(rq->stack, "instances"), e);
	if (r >= 0)
		r = stack_put_enclaves(m, c, rq, e);
	if (r >= 0 && rq->prune)
		r = prune(c, e);
	return r;
}

/**
 * stack_locate - find the line of an error
 * @rq: the stack
 * @e: the error
 *
 * Context: method call.
 */
void stack_locate(const struct stack_request *rq, struct error *e)
{
	if (e->path && rq->lines)
		e->line = find_line(rq->lines, e->path);
}

/**
 * stack_try - what would a stack change?
 * @m: the manager
 * @rq: the stack
 * @ret: what changes, as a JSON array
 * @e: says what is wrong, with its line
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int stack_try(struct manager *m, const struct stack_request *rq, sd_json_variant **ret,
	      struct error *e)
{
	struct change c;
	int r;

	change_begin(&c, &m->model);
	r = stack_build(m, &c, rq, e);
	if (r >= 0)
		r = change_check(&c, e);
	if (r >= 0)
		*ret = stack_describe(&c);
	else
		stack_locate(rq, e);
	change_undo(&c);
	change_free(&c);
	return r;
}
