// SPDX-License-Identifier: GPL-2.0
/*
 * Enclaves of a stack: those that are not there are run. One that runs stays as it is: a
 * stack that says something else of it is refused, as what was measured does not change.
 */

#include <stdio.h>
#include <time.h>

#include "carrier.h"
#include "change.h"
#include "enclaves.h"
#include "kernel.h"
#include "memory.h"

static const struct json_key entry_keys[] = {
	{ "name", T_STRING }, { "host", T_STRING }, { "image", T_STRING }, { "cpus", T_UINT },
	{ "memory", T_TEXT }, { "cid", T_UINT }, { "parent", T_STRING }, { "debug", T_BOOL },
};

/* What the object has that is not said, but found */
static const char *const found_keys[] = {
	"measurements", "image_name", "image_version", "pool", "wish", "launched"
};

/**
 * struct entry - one of them
 * @m: the manager
 * @c: the change
 * @v: what the stack says
 * @old: the enclave of this name that is there, or NULL
 * @measured: what its image was measured to be, or NULL
 */
struct entry {
	struct manager *m;
	struct change *c;
	sd_json_variant *v;
	struct object *old;
	sd_json_variant *measured;
};

static void take_over(sd_json_variant **p, sd_json_variant *from, const char *key)
{
	sd_json_variant *value = from ? json_get(from, key) : NULL;

	if (value)
		json_set(p, key, sd_json_variant_ref(value));
}

static sd_json_variant *properties_of(const struct entry *n)
{
	_cleanup_json_ sd_json_variant *was = n->old ? enclave_ops.build(n->old) : NULL;
	static const char *const own[] = { "host", NULL };
	sd_json_variant *p = sd_json_variant_ref(n->v);
	struct timespec now;

	if (sd_json_variant_filter(&p, (char **)own) < 0)
		abort();
	if (was && !json_get(p, "cid"))
		take_over(&p, was, "cid");
	else if (!json_get(p, "cid"))
		json_set_uint(&p, "cid", enclave_free_cid(n->c->model));
	for (size_t i = 0; i < ARRAY_SIZE(found_keys); i++)
		take_over(&p, was ? was : n->measured, found_keys[i]);
	if (was)
		return p;
	clock_gettime(CLOCK_REALTIME, &now);
	json_set_bool(&p, "pool", memory_is_set(n->m));
	json_set_string(&p, "wish", wish_name(WISH_RUNNING));
	json_set_uint(&p, "launched", now.tv_sec);
	return p;
}

static int check_fixed(const struct object *old, const struct object *new, struct error *e)
{
	_cleanup_json_ sd_json_variant *was = enclave_ops.build(old);
	_cleanup_json_ sd_json_variant *is = enclave_ops.build(new);

	for (size_t i = 0; i < ARRAY_SIZE(entry_keys); i++) {
		const char *key = entry_keys[i].name;
		sd_json_variant *a = json_get(was, key), *b = json_get(is, key);
		_cleanup_free_ char *path = xprintf("/%s", key);

		if (a == b || (a && b && sd_json_variant_equal(a, b)))
			continue;
		return fail_at(e, path,
			       "'%s' of enclave '%s' cannot be changed; 'enclave terminate %s' first",
			       key, new->name, new->name);
	}
	return 0;
}

static int check_start(const struct entry *n, const struct object *o, struct error *e)
{
	uint64_t least = n->measured ? json_uint(n->measured, "memory_min", 0) : 0;
	struct instances *all = n->m->instances;
	int r;

	r = enclave_check_size(o, least, e);
	if (r < 0 || !all)
		return r;
	r = enclave_check_start(n->m, n->c->model, o, true, e);
	if (r < 0)
		return r;
	return all->problem ? fail(e, ERR_FAILED, "%s", all->problem) : carrier_enclave.check(e);
}

static int put_entry(struct entry *n, const struct stack_request *rq, const char *origin,
		     struct error *e)
{
	_cleanup_json_ sd_json_variant *p = NULL;
	const char *name = json_string(n->v, "name");
	struct object *o;

	if (!json_get(n->v, "image"))
		return fail(e, ERR_INVALID, "enclave '%s' needs an image", name ? name : "");
	n->old = name ? model_get(n->c->model, KIND_ENCLAVE, NULL, name) : NULL;
	if (n->old && INSTANCE(n->old)->ended)
		n->old = NULL;
	if (n->old && INSTANCE(n->old)->wish == WISH_TERMINATED)
		return fail(e, ERR_IN_USE, "enclave '%s' is being terminated", name);
	if (name && rq->measured) {
		_cleanup_free_ char *id = object_make_id(enclave_ops.id_prefix, NULL, name, 0);

		n->measured = json_get(rq->measured, id);
	}
	p = properties_of(n);
	if (change_put(n->c, KIND_ENCLAVE, p, NULL, PUT_REPLACE, NULL, e) < 0)
		return -EINVAL;
	o = model_get(n->c->model, KIND_ENCLAVE, NULL, name);
	o->origin = xstrdup(origin);
	return n->old ? check_fixed(n->old, o, e) : check_start(n, o, e);
}

/**
 * stack_put_enclaves - the enclaves of a stack
 * @m: the manager
 * @c: the change; it has the instances already
 * @rq: the stack
 * @e: says what is wrong, and where
 *
 * Those of other hosts are none of ours.
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int stack_put_enclaves(struct manager *m, struct change *c, const struct stack_request *rq,
		       struct error *e)
{
	sd_json_variant *list = json_get(rq->stack, "enclaves");
	size_t n = list ? sd_json_variant_elements(list) : 0;
	struct host *local = model_local_host(c->model);

	/* those that ask for a CID come first, so that no other one takes it */
	for (size_t i = 0; i < 2 * n; i++) {
		struct entry entry = { .m = m, .c = c, .v = sd_json_variant_by_index(list, i % n) };
		_cleanup_free_ char *at = xprintf("/enclaves/%zu", i % n);
		const char *host;
		int r = json_check_keys(entry.v, entry_keys, ARRAY_SIZE(entry_keys), NULL, 0, e);

		if (r >= 0 && !json_get(entry.v, "cid") != (i >= n))
			continue;
		host = r < 0 ? NULL : json_string(entry.v, "host");
		if (host && local && strcmp(host, local->o.name))
			continue;
		c->names_enclaves = true;
		if (r >= 0)
			r = put_entry(&entry, rq, at, e);
		if (r < 0) {
			error_prefix(e, "%s", at);
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * stack_export_enclave - an enclave as a stack has it
 * @m: the model
 * @o: the enclave
 *
 * Context: method call.
 * Return: the entry, NULL if it is terminated.
 */
sd_json_variant *stack_export_enclave(const struct model *m, const struct object *o)
{
	_cleanup_json_ sd_json_variant *body = object_body(o);
	_cleanup_free_ char *memory = size_text(INSTANCE(o)->memory);
	struct host *local = model_local_host(m);
	sd_json_variant *v = NULL;

	if (INSTANCE(o)->wish == WISH_TERMINATED)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(entry_keys); i++) {
		const char *key = entry_keys[i].name;

		if (streq(key, "memory"))
			json_set_string(&v, key, memory);
		else if (strcmp(key, "debug") || ENCLAVE(o)->debug)
			take_over(&v, body, key);
	}
	if (local)
		json_set_string(&v, "host", local->o.name);
	return v;
}
