// SPDX-License-Identifier: GPL-2.0
/* What users are shown: objects with their state, and the whole at a glance. */

#include <stdio.h>
#include <time.h>

#include "ebs.h"
#include "enclaves.h"
#include "harden.h"
#include "instances.h"
#include "kernel.h"
#include "memory.h"
#include "nl.h"
#include "object.h"
#include "storage.h"

static const char *eni_state(struct manager *m, struct object *o, const char **reason)
{
	const struct eni *eni = ENI(o);

	*reason = NULL;
	if (!model_eni_is_local(&m->model, eni))
		return "remote";
	*reason = kernel_failure(m, o->id);
	if (!*reason && m->kernel->problem)
		*reason = m->kernel->problem;
	if (*reason)
		return "failed";
	return eni->attachment.kind == ATTACH_NONE ? "available" : "attached";
}

static void show_eni(struct manager *m, struct object *o, sd_json_variant **v)
{
	struct keni *k = kstate_eni(&m->kernel->actual, o->handle);
	const char *reason;

	json_set_string(v, "state", eni_state(m, o, &reason));
	json_set_string(v, "reason", reason);
	json_set_uint(v, "eni_id", o->handle);
	json_set_string(v, "ifname", k ? k->ifname : NULL);
	if (k && k->tap) {
		_cleanup_free_ char *path = xprintf("/dev/%s", k->tap);

		json_set_string(v, "device", path);
	}
}

/**
 * object_show - an object as users see it
 * @m: the manager
 * @o: the object
 *
 * Context: method call.
 * Return: its configuration with id, name, state and what else is known.
 */
sd_json_variant *object_show(struct manager *m, struct object *o)
{
	_cleanup_json_ sd_json_variant *body = object_body(o);
	sd_json_variant *v = NULL;

	json_set_string(&v, "id", o->id);
	json_set_string(&v, "name", o->name);
	json_set_string(&v, "state", "available");
	if (sd_json_variant_merge_object(&v, body) < 0)
		abort();
	json_set_uint(&v, "version", o->version);
	json_set_uint(&v, "handle", o->handle);
	if (o->kind == KIND_ENI)
		show_eni(m, o, &v);
	else if (o->kind == KIND_INSTANCE)
		instances_show(m, o, &v);
	else if (o->kind == KIND_ENCLAVE)
		enclaves_show(m, o, &v);
	else if (kind_is_storage(o->kind))
		storage_show(m, o, &v);
	return v;
}

/**
 * eni_show_extra - add what the kernel counts for an ENI
 * @m: the manager
 * @o: the ENI
 * @flows: with its flow table
 * @drops: with its drops by reason
 * @v: the object as JSON
 * @e: says why the kernel cannot be asked
 *
 * Context: method call; asks the kernel.
 * Return: 0 or a negative errno.
 */
int eni_show_extra(struct manager *m, struct object *o, bool flows, bool drops,
		   sd_json_variant **v, struct error *e)
{
	sd_json_variant *stats = NULL, *dropped = NULL, *table = NULL;
	uint32_t count = 0;
	int r;

	if (!m->kernel->nl || !kstate_eni(&m->kernel->actual, o->handle)) {
		if (!flows && !drops)
			return 0;
		if (!model_eni_is_local(&m->model, ENI(o)))
			return fail(e, ERR_INVALID, "ENI '%s' is of host '%s', which counts it",
				    o->name, ENI(o)->host);
		return fail(e, ERR_FAILED, "the kernel does not have ENI '%s': %s", o->name,
			    m->kernel->problem ? m->kernel->problem : "see its reason");
	}
	r = card_eni_counters(m->kernel->nl, o->handle, &stats, &dropped, &count, e);
	if (r < 0)
		return r;
	json_set(v, "stats", stats);
	json_set_uint(v, "flow_count", count);
	if (drops)
		json_set(v, "drops", dropped);
	else
		sd_json_variant_unref(dropped);
	if (!flows)
		return 0;
	r = card_flows(m->kernel->nl, o->handle, &table, e);
	if (r >= 0)
		json_set(v, "flow_table", table);
	return r;
}

static sd_json_variant *show_module(const char *name, bool answers)
{
	_cleanup_free_ char *problem = module_problem(name);
	_cleanup_free_ char *version = module_version(name);
	sd_json_variant *v = NULL;
	bool loaded = answers || module_loaded(name);

	json_set_string(&v, "name", name);
	json_set_bool(&v, "loaded", loaded);
	json_set_string(&v, "version", version);
	json_set_string(&v, "reason", loaded ? NULL : problem);
	return v;
}

/* It is loaded when it is needed */
static sd_json_variant *show_memory_module(struct manager *m)
{
	sd_json_variant *v = show_module("nitro_mem", m->memory->genl);

	if (!memory_is_set(m) && !module_loaded("nitro_mem"))
		json_set_string(&v, "reason", "no memory pool is set");
	return v;
}

static sd_json_variant *show_daemon(struct manager *m)
{
	sd_json_variant *v = NULL;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	json_set_string(&v, "state", m->kernel->problem ? "degraded" : "running");
	json_set_uint(&v, "pid", getpid());
	json_set_uint(&v, "uptime", now.tv_sec - m->started / 1000000);
	json_set_string(&v, "version", NITRO_VERSION);
	return v;
}

static sd_json_variant *show_counts(struct manager *m)
{
	static const char *const names[KIND_MAX] = {
		[KIND_HOST] = "hosts", [KIND_VPC] = "vpcs",
		[KIND_ROUTE_TABLE] = "route_tables", [KIND_SUBNET] = "subnets",
		[KIND_PREFIX_LIST] = "prefix_lists",
		[KIND_SECURITY_GROUP] = "security_groups", [KIND_ENI] = "enis",
		[KIND_KEY] = "keys", [KIND_POOL] = "pools", [KIND_VOLUME] = "volumes",
		[KIND_INSTANCE] = "instances", [KIND_ENCLAVE] = "enclaves",
	};
	const struct kstate *k = &m->kernel->actual;
	sd_json_variant *v = NULL;

	for (enum object_kind kind = 0; kind < KIND_MAX; kind++)
		json_set_uint(&v, names[kind], m->model.tables[kind].live);
	json_set_uint(&v, "attached_volumes", storage_attached(m));
	json_set_uint(&v, "local_enis", k->n_enis);
	json_set_uint(&v, "mappings", k->n_mappings);
	json_set_uint(&v, "policies", k->n_policies);
	return v;
}

static sd_json_variant *show_problems(struct manager *m)
{
	struct json_list list = {};
	struct object *o;

	if (m->kernel->problem)
		json_list_add_string(&list, m->kernel->problem);
	if (m->model.tables[KIND_ENI].live && !model_local_host(&m->model))
		json_list_add_string(&list,
			"no host is marked as this one, so nothing leaves this host; 'nitroctl host set NAME --underlay IP --local' says which");
	FOR_EACH_OBJECT(&m->model, KIND_ENI, o) {
		const char *reason = kernel_failure(m, o->id);
		_cleanup_free_ char *text = NULL;

		if (!reason)
			continue;
		text = xprintf("ENI '%s': %s", o->name, reason);
		json_list_add_string(&list, text);
	}
	storage_problems(m, &list);
	instances_problems(m, &list);
	memory_problems(m, &list);
	return json_list_take(&list);
}

/* The checks as names of what is missing: all about them is for Check */
static sd_json_variant *show_hardening(void)
{
	_cleanup_json_ sd_json_variant *all = hardening_show();
	sd_json_variant *checks = json_get(all, "checks"), *v = NULL;
	struct json_list missing = {};

	for (size_t i = 0; i < sd_json_variant_elements(checks); i++) {
		sd_json_variant *check = sd_json_variant_by_index(checks, i);

		if (!strcmp(json_string(check, "state"), "missing"))
			json_list_add_string(&missing, json_string(check, "name"));
	}
	json_set_string(&v, "state", json_string(all, "state"));
	json_set(&v, "missing", json_list_take(&missing));
	return v;
}

/**
 * status_build - everything at a glance
 * @m: the manager
 *
 * Context: method call.
 * Return: the status.
 */
sd_json_variant *status_build(struct manager *m)
{
	struct host *local = model_local_host(&m->model);
	struct json_list modules = {};
	sd_json_variant *v = NULL;

	json_list_add(&modules, show_module("nitro_vpc", m->kernel->nl));
	json_list_add(&modules, show_module("nitro_ebs", m->ebs && m->ebs->genl));
	json_list_add(&modules, show_memory_module(m));
	json_set_string(&v, "version", NITRO_VERSION);
	json_set(&v, "daemon", show_daemon(m));
	json_set(&v, "modules", json_list_take(&modules));
	json_set(&v, "hardening", show_hardening());
	json_set(&v, "host", local ? object_show(m, &local->o) : NULL);
	json_set(&v, "counts", show_counts(m));
	json_set(&v, "problems", show_problems(m));
	return v;
}
