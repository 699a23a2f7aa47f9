// SPDX-License-Identifier: GPL-2.0
/*
 * Export: the present state as a stack. It carries the assigned VNIs, MAC and
 * IP addresses, so that another host that applies it has the same ones; what
 * belongs to one host only (which host is local, attachments) stays out. Keys,
 * pools and volumes say whose they are; volumes carry their wrapped data keys.
 */

#include "kernel.h"
#include "object.h"

/* A copy without nulls and the keys that a stack does not have */
static sd_json_variant *strip(sd_json_variant *v, const char *const *drop)
{
	sd_json_variant *out = NULL;

	for (size_t i = 0; i < sd_json_variant_elements(v); i += 2) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(v, i));
		sd_json_variant *value = sd_json_variant_by_index(v, i + 1);
		bool skip = sd_json_variant_is_null(value);

		for (const char *const *d = drop; *d; d++)
			skip |= streq(*d, key);
		if (!skip)
			json_set(&out, key, sd_json_variant_ref(value));
	}
	return out;
}

static sd_json_variant *strip_rules(sd_json_variant *rules)
{
	static const char *const drop[] = { "rule_id", NULL };
	struct json_list list = {};

	for (size_t i = 0; i < sd_json_variant_elements(rules); i++)
		json_list_add(&list, strip(sd_json_variant_by_index(rules, i), drop));
	return json_list_take(&list);
}

/* A stack is short where it can be */
static sd_json_variant *strip_defaults(sd_json_variant *v, const struct eni *eni)
{
	const char *drop[5] = {};
	sd_json_variant *shorter;
	size_t n = 0;

	if (eni->source_dest_check)
		drop[n++] = "source_dest_check";
	if (eni->metadata == METADATA_ON)
		drop[n++] = "metadata";
	if (eni->hop_limit == 1)
		drop[n++] = "metadata_hop_limit";
	shorter = strip(v, drop);
	sd_json_variant_unref(v);
	return shorter;
}

static sd_json_variant *export_object(const struct model *m, const struct object *o)
{
	_cleanup_json_ sd_json_variant *body = object_body(o);
	static const char *const drop[] = { "vpc", "local", "attachment", NULL };
	sd_json_variant *v = strip(body, drop);

	if (o->kind == KIND_SECURITY_GROUP) {
		sd_json_variant *egress = json_get(body, "egress");

		json_set(&v, "ingress", strip_rules(json_get(body, "ingress")));
		if (egress)
			json_set(&v, "egress", strip_rules(egress));
	}
	if (o->kind == KIND_ENI) {
		_cleanup_error_ struct error e = {};
		const struct eni *eni = ENI(o);

		/* a bare name where it is enough */
		if (!model_lookup(m, KIND_SUBNET, NULL, eni->subnet, &e)) {
			_cleanup_free_ char *full = xprintf("%s/%s", eni->vpc, eni->subnet);

			json_set_string(&v, "subnet", full);
		}
		v = strip_defaults(v, eni);
	}
	return v;
}

/* Sizes as people write them; which host it is of, for the others that read it */
static sd_json_variant *export_storage(const struct model *m, const struct object *o)
{
	static const char *const drop[] = { "attachment", NULL };
	_cleanup_json_ sd_json_variant *body = object_body(o);
	sd_json_variant *v = strip(body, drop), *size = json_get(v, "size");
	struct host *local = model_local_host(m);

	if (size) {
		_cleanup_free_ char *text = size_text(sd_json_variant_unsigned(size));

		json_set_string(&v, "size", text);
	}
	if (local)
		json_set_string(&v, "host", local->o.name);
	return v;
}

/* Without those that are terminated */
static sd_json_variant *export_instance(const struct model *m, const struct object *o)
{
	_cleanup_json_ sd_json_variant *v = stack_export_instance(m, o);
	const char *drop[5] = {};
	size_t n = 0;

	if (!v)
		return NULL;
	if (INSTANCE(o)->kind == INSTANCE_VM)
		drop[n++] = "kind";
	if (!sd_json_variant_elements(json_get(v, "public_keys")))
		drop[n++] = "public_keys";
	if (!INSTANCE(o)->enclaves)
		drop[n++] = "enclaves";
	if (INSTANCE(o)->restart == RESTART_ON_FAILURE)
		drop[n++] = "restart";
	return strip(v, drop);
}

static sd_json_variant *export_list(const struct model *m, enum object_kind kind, const char *vpc)
{
	struct json_list list = {};
	struct object *o;

	FOR_EACH_OBJECT(m, kind, o) {
		sd_json_variant *v;

		if (!streq(o->vpc, vpc))
			continue;
		v = kind_is_storage(kind) ? export_storage(m, o) :
			kind == KIND_INSTANCE ? export_instance(m, o) :
			kind == KIND_ENCLAVE ? stack_export_enclave(m, o) : export_object(m, o);
		if (v)
			json_list_add(&list, v);
	}
	if (list.n)
		return json_list_take(&list);
	return NULL;
}

static void add_list(const struct model *m, sd_json_variant **v, const char *key,
		     enum object_kind kind, const char *vpc)
{
	sd_json_variant *list = export_list(m, kind, vpc);

	if (list)
		json_set(v, key, list);
}

/**
 * stack_export - the present state as a stack
 * @m: the manager
 *
 * Context: method call.
 * Return: the stack.
 */
sd_json_variant *stack_export(struct manager *m)
{
	struct json_list vpcs = {};
	sd_json_variant *v = NULL;
	struct object *o;

	json_set_uint(&v, "version", 1);
	add_list(&m->model, &v, "hosts", KIND_HOST, NULL);
	add_list(&m->model, &v, "prefix_lists", KIND_PREFIX_LIST, NULL);
	FOR_EACH_OBJECT(&m->model, KIND_VPC, o) {
		sd_json_variant *vpc = export_object(&m->model, o);

		add_list(&m->model, &vpc, "route_tables", KIND_ROUTE_TABLE, o->name);
		add_list(&m->model, &vpc, "subnets", KIND_SUBNET, o->name);
		add_list(&m->model, &vpc, "prefix_lists", KIND_PREFIX_LIST, o->name);
		add_list(&m->model, &vpc, "security_groups", KIND_SECURITY_GROUP, o->name);
		json_list_add(&vpcs, vpc);
	}
	if (vpcs.n)
		json_set(&v, "vpcs", json_list_take(&vpcs));
	add_list(&m->model, &v, "enis", KIND_ENI, NULL);
	add_list(&m->model, &v, "keys", KIND_KEY, NULL);
	add_list(&m->model, &v, "pools", KIND_POOL, NULL);
	add_list(&m->model, &v, "volumes", KIND_VOLUME, NULL);
	add_list(&m->model, &v, "instances", KIND_INSTANCE, NULL);
	add_list(&m->model, &v, "enclaves", KIND_ENCLAVE, NULL);
	return v;
}
