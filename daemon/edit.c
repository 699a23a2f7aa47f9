// SPDX-License-Identifier: GPL-2.0
/* Verbs that change a part of an object: routes, rules, attachment. */

#include <stdio.h>

#include "edit.h"
#include "instances.h"
#include "kernel.h"
#include "object.h"

static struct object *named(struct manager *m, sd_json_variant *p, enum object_kind kind,
			    struct error *e)
{
	const char *name = json_string(p, "name");

	return model_lookup(&m->model, kind, NULL, name ? name : "", e);
}

/* Carry one object through with its body replaced; @ret gets what it is then */
static int commit_body(struct manager *m, struct object *o, sd_json_variant *body,
		       sd_json_variant **ret, struct error *e)
{
	_cleanup_free_ char *id = NULL;
	int r = manager_put(m, o->kind, body, o->vpc, PUT_REPLACE, &id, e);

	if (r >= 0 && ret)
		*ret = object_show(m, model_by_id(&m->model, id));
	return r;
}

static int edit_route(struct manager *m, sd_json_variant *p, bool add, sd_json_variant **ret,
		      struct error *e)
{
	_cleanup_json_ sd_json_variant *body = NULL;
	struct object *o = named(m, p, KIND_ROUTE_TABLE, e);
	const char *cidr = json_string(p, "cidr");
	struct json_list routes = {};
	sd_json_variant *list, *route = NULL;
	char buf[PREFIX_STRLEN];
	struct prefix prefix;
	bool found = false;

	if (!o)
		return -ENOENT;
	if (prefix_parse(cidr ? cidr : "", &prefix, e) < 0)
		return -EINVAL;
	prefix_format(&prefix, buf);
	body = object_body(o);
	list = sd_json_variant_by_key(body, "routes");
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		sd_json_variant *old = sd_json_variant_by_index(list, i);

		if (streq(json_string(old, "cidr"), buf))
			found = true;
		else
			json_list_add(&routes, sd_json_variant_ref(old));
	}
	if (add) {
		json_set_string(&route, "cidr", buf);
		json_set_string(&route, "to", json_string(p, "to"));
		json_list_add(&routes, route);
	}
	json_set(&body, "routes", json_list_take(&routes));
	if (!add && !found) {
		e->kind = xstrdup("route");
		e->name = xstrdup(buf);
		return fail(e, ERR_NOT_FOUND, "route table '%s' has no route for '%s'", o->name,
			    buf);
	}
	return commit_body(m, o, body, ret, e);
}

/**
 * edit_add_route - add a route, or replace the one for its destination
 * @m: the manager
 * @p: {name, cidr, to}
 * @ret: the table
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int edit_add_route(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		   struct error *e)
{
	return edit_route(m, p, true, ret, e);
}

/**
 * edit_delete_route - delete the route for a destination
 * @m: the manager
 * @p: {name, cidr}
 * @ret: the table
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int edit_delete_route(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		      struct error *e)
{
	return edit_route(m, p, false, ret, e);
}

/**
 * edit_allow - add a rule to a security group
 * @m: the manager
 * @p: {name, direction, protocol, ports, icmp_type, peer}
 * @ret_rule: the rule as JSON
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int edit_allow(struct manager *m, sd_json_variant *p, sd_json_variant **ret_rule,
	       struct error *e)
{
	_cleanup_free_ char *id = NULL;
	struct object *o = named(m, p, KIND_SECURITY_GROUP, e);
	_cleanup_json_ sd_json_variant *body = NULL;
	const char *dir = json_string(p, "direction");
	sd_json_variant *old, *rule = NULL;
	struct json_list rules = {};
	enum direction d;
	int r;

	if (!o)
		return -ENOENT;
	if (!streq(dir, "ingress") && !streq(dir, "egress"))
		return fail(e, ERR_INVALID, "direction must be ingress or egress");
	d = streq(dir, "ingress") ? INGRESS : EGRESS;
	body = object_body(o);
	old = json_get(body, dir);
	for (size_t i = 0; old && i < sd_json_variant_elements(old); i++)
		json_list_add(&rules, sd_json_variant_ref(sd_json_variant_by_index(old, i)));
	for (size_t i = 1; i < ARRAY_SIZE(rule_keys); i++) {
		sd_json_variant *v = json_get(p, rule_keys[i].name);

		if (v)
			json_set(&rule, rule_keys[i].name, sd_json_variant_ref(v));
	}
	json_list_add(&rules, rule);
	json_set(&body, dir, json_list_take(&rules));
	id = xstrdup(o->id);
	r = commit_body(m, o, body, NULL, e);
	if (r < 0)
		return r;
	o = model_by_id(&m->model, id);
	*ret_rule = rule_build(&SECURITY_GROUP(o)->rules[d].v[SECURITY_GROUP(o)->rules[d].n - 1]);
	return 0;
}

/**
 * edit_revoke - take a rule from a security group
 * @m: the manager
 * @p: {name, rule_id}
 * @ret: left alone
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int edit_revoke(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		struct error *e)
{
	struct object *o = named(m, p, KIND_SECURITY_GROUP, e);
	_cleanup_json_ sd_json_variant *body = NULL;
	const char *id = json_string(p, "rule_id");
	bool found = false;

	(void)ret;
	if (!o)
		return -ENOENT;
	body = object_body(o);
	for (enum direction d = INGRESS; id && d <= EGRESS; d++) {
		const char *key = d == INGRESS ? "ingress" : "egress";
		sd_json_variant *old = json_get(body, key);
		struct json_list rules = {};

		for (size_t i = 0; old && i < sd_json_variant_elements(old); i++) {
			sd_json_variant *rule = sd_json_variant_by_index(old, i);

			if (streq(json_string(rule, "rule_id"), id))
				found = true;
			else
				json_list_add(&rules, sd_json_variant_ref(rule));
		}
		if (old)
			json_set(&body, key, json_list_take(&rules));
	}
	if (!found) {
		e->kind = xstrdup("rule");
		e->name = xstrdup(id);
		return fail(e, ERR_NOT_FOUND, "security group '%s' has no rule '%s'", o->name,
			    id ? id : "");
	}
	return commit_body(m, o, body, NULL, e);
}

/* An instance of nitrod's has its ENIs in an order */
static int to_instance(struct manager *m, const char *name, sd_json_variant **v, struct error *e)
{
	struct object *o = instances_find(&m->model, name), *other;
	bool taken[INSTANCE_ENIS_MAX] = {};
	size_t i = 0;

	if (!o)
		return 0;
	if (INSTANCE(o)->kind == INSTANCE_HOST)
		return fail(e, ERR_INVALID, "instance '%s' is this host; attach it with --local",
			    o->name);
	if (instances_refuse_change(m, o->name, e) < 0)
		return -EBUSY;
	FOR_EACH_OBJECT(&m->model, KIND_ENI, other)
		if (model_eni_is_held(other, o->name))
			taken[ENI(other)->attachment.index] = true;
	while (i < INSTANCE_ENIS_MAX && taken[i])
		i++;
	if (i == INSTANCE_ENIS_MAX)
		return fail(e, ERR_INVALID, "instance '%s' has %d ENIs, more are not allowed", o->name,
			    INSTANCE_ENIS_MAX);
	json_set_string(v, "instance", o->name);
	json_set_uint(v, "index", i);
	return 0;
}

static int new_attachment(struct manager *m, const struct object *o, sd_json_variant *p,
			  sd_json_variant **ret, struct error *e)
{
	static const char *const keys[] = { "kind", "netns", "ifname", "port", "instance" };
	const struct attachment *was = &ENI(o)->attachment;
	sd_json_variant *v = NULL;

	if (was->kind != ATTACH_NONE)
		return fail(e, ERR_IN_USE, "ENI '%s' is attached already; 'eni detach %s' first",
			    o->name, o->name);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_set_string(&v, keys[i], json_string(p, keys[i]));
	*ret = v;
	if (!streq(json_string(p, "kind"), "instance") || !json_string(p, "instance"))
		return 0;
	return to_instance(m, json_string(p, "instance"), ret, e);
}

static int change_attachment(struct manager *m, sd_json_variant *p, bool attach,
			     sd_json_variant **ret, struct error *e)
{
	_cleanup_json_ sd_json_variant *body = NULL;
	struct object *o = named(m, p, KIND_ENI, e);
	_cleanup_json_ sd_json_variant *attachment = NULL;

	if (!o)
		return -ENOENT;
	if (!model_eni_is_local(&m->model, ENI(o)))
		return fail(e, ERR_INVALID, "ENI '%s' is of host '%s', not of this one", o->name,
			    ENI(o)->host);
	if (!attach && ENI(o)->attachment.kind == ATTACH_NONE)
		return fail(e, ERR_INVALID, "ENI '%s' is not attached", o->name);
	if (attach ? new_attachment(m, o, p, &attachment, e) < 0 :
	    instances_refuse_change(m, ENI(o)->attachment.instance, e) < 0)
		return -EBUSY;
	body = object_body(o);
	json_set(&body, "attachment", sd_json_variant_ref(attachment));
	return commit_body(m, o, body, ret, e);
}

/**
 * edit_attach - attach an ENI
 * @m: the manager
 * @p: {name, kind, netns, ifname, port, instance}
 * @ret: the ENI
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int edit_attach(struct manager *m, sd_json_variant *p, sd_json_variant **ret, struct error *e)
{
	return change_attachment(m, p, true, ret, e);
}

/**
 * edit_detach - detach an ENI
 * @m: the manager
 * @p: {name}
 * @ret: the ENI
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int edit_detach(struct manager *m, sd_json_variant *p, sd_json_variant **ret, struct error *e)
{
	return change_attachment(m, p, false, ret, e);
}

/**
 * edit_show_eni - show an ENI with what the kernel counts
 * @m: the manager
 * @p: {name, flows, drops}
 * @ret: the object
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int edit_show_eni(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		  struct error *e)
{
	struct object *o = named(m, p, KIND_ENI, e);
	sd_json_variant *v;
	int r;

	if (!o)
		return -ENOENT;
	v = object_show(m, o);
	r = eni_show_extra(m, o, json_flag(p, "flows"), json_flag(p, "drops"), &v, e);
	if (r < 0) {
		sd_json_variant_unref(v);
		return r;
	}
	*ret = v;
	return 0;
}
