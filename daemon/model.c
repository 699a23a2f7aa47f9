// SPDX-License-Identifier: GPL-2.0
/* Tables of objects and how to find them by ID, by name, by scope. */

#include <stdio.h>

#include "model.h"
#include "object.h"

/**
 * object_ref - hold an object
 * @o: the object
 *
 * Context: any.
 * Return: @o.
 */
struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

/**
 * object_unref - let an object go
 * @o: the object, may be NULL
 *
 * Context: any.
 * Return: NULL.
 */
struct object *object_unref(struct object *o)
{
	if (!o || --o->refs)
		return NULL;
	if (kind_ops[o->kind]->free)
		kind_ops[o->kind]->free(o);
	free(o->id);
	free(o->name);
	free(o->vpc);
	free(o->origin);
	free(o->body);
	free(o);
	return NULL;
}

static char *name_key(enum object_kind kind, const char *vpc, const char *name)
{
	return xprintf("%d/%s/%s", kind, vpc ? vpc : "", name);
}

static char *bare_key(enum object_kind kind, const char *name)
{
	return xprintf("%d/%s", kind, name);
}

static void count_bare(struct model *m, const struct object *o, intptr_t step)
{
	_cleanup_free_ char *key = bare_key(o->kind, o->name);
	intptr_t n = (intptr_t)map_get(&m->by_bare, key) + step;

	if (n)
		map_put(&m->by_bare, key, (void *)n);
	else
		map_del(&m->by_bare, key);
}

static void index_names(struct model *m, struct object *o)
{
	_cleanup_free_ char *key = name_key(o->kind, o->vpc, o->name);

	map_put(&m->by_id, o->id, o);
	map_put(&m->by_name, key, o);
}

/**
 * model_put - add an object, or replace the one with its ID
 * @m: the model
 * @o: the object; the model takes a reference of its own
 *
 * Context: any.
 */
void model_put(struct model *m, struct object *o)
{
	struct table *t = &m->tables[o->kind];
	struct object *old = map_get(&m->by_id, o->id);

	object_ref(o);
	if (old) {
		o->index = old->index;
		t->v[o->index] = o;
		object_unref(old);
	} else {
		GROW(t->v, t->n, t->cap);
		o->index = t->n++;
		t->v[o->index] = o;
		t->live++;
		count_bare(m, o, 1);
	}
	index_names(m, o);
}

/**
 * model_remove - take an object out
 * @m: the model
 * @o: the object
 *
 * Context: any.
 */
void model_remove(struct model *m, struct object *o)
{
	_cleanup_free_ char *key = name_key(o->kind, o->vpc, o->name);
	struct table *t = &m->tables[o->kind];

	map_del(&m->by_id, o->id);
	map_del(&m->by_name, key);
	count_bare(m, o, -1);
	t->v[o->index] = NULL;
	t->live--;
	object_unref(o);
}

/**
 * model_restore - put a removed object back in its place
 * @m: the model, not compacted since
 * @o: the object; the model takes a reference of its own
 *
 * Context: any.
 */
void model_restore(struct model *m, struct object *o)
{
	struct table *t = &m->tables[o->kind];

	t->v[o->index] = object_ref(o);
	t->live++;
	count_bare(m, o, 1);
	index_names(m, o);
}

/**
 * model_compact - close the gaps that removed objects left
 * @m: the model; no removal can be undone afterwards
 *
 * Context: any.
 */
void model_compact(struct model *m)
{
	for (enum object_kind k = 0; k < KIND_MAX; k++) {
		struct table *t = &m->tables[k];
		size_t n = 0;

		if (t->n == t->live)
			continue;
		for (size_t i = 0; i < t->n; i++) {
			if (!t->v[i])
				continue;
			t->v[n] = t->v[i];
			t->v[n]->index = n;
			n++;
		}
		t->n = n;
	}
}

/**
 * model_free - drop every object
 * @m: the model
 *
 * Context: any.
 */
void model_free(struct model *m)
{
	for (enum object_kind k = 0; k < KIND_MAX; k++) {
		for (size_t i = 0; i < m->tables[k].n; i++)
			object_unref(m->tables[k].v[i]);
		free(m->tables[k].v);
	}
	map_free(&m->by_id);
	map_free(&m->by_name);
	map_free(&m->by_bare);
	*m = (struct model){};
}

/**
 * model_get - find an object by its exact name
 * @m: the model
 * @kind: its kind
 * @vpc: its scope, NULL for none
 * @name: its name
 *
 * Context: any.
 * Return: the object (borrowed) or NULL.
 */
struct object *model_get(const struct model *m, enum object_kind kind, const char *vpc,
			 const char *name)
{
	_cleanup_free_ char *key = name_key(kind, vpc, name);

	return map_get(&m->by_name, key);
}

/**
 * model_by_id - find an object by its ID
 * @m: the model
 * @id: its ID
 *
 * Context: any.
 * Return: the object (borrowed) or NULL.
 */
struct object *model_by_id(const struct model *m, const char *id)
{
	return map_get(&m->by_id, id);
}

static int not_found(struct error *e, enum object_kind kind, const char *name)
{
	int r = fail(e, ERR_NOT_FOUND, "%s '%s' does not exist; '%s list' shows what does",
		     kind_ops[kind]->label, name, kind_ops[kind]->verb);

	if (!e->kind) {
		e->kind = xstrdup(kind_ops[kind]->name);
		e->name = xstrdup(name);
	}
	return r;
}

/**
 * model_lookup - find the object that a user names
 * @m: the model
 * @kind: its kind
 * @scope: the VPC in which a bare name is looked up first, or NULL
 * @name: an ID, a name, or VPC/NAME
 * @e: says why there is none, or that there are several
 *
 * Context: any.
 * Return: the object (borrowed), NULL with @e set.
 */
struct object *model_lookup(const struct model *m, enum object_kind kind, const char *scope,
			    const char *name, struct error *e)
{
	struct object *o = model_by_id(m, name), *found = NULL;
	const char *slash = strchr(name, '/');

	if (o && o->kind == kind)
		return o;
	if (slash) {
		_cleanup_free_ char *vpc = xstrndup(name, slash - name);

		o = model_get(m, kind, vpc, slash + 1);
		if (!o)
			not_found(e, kind, name);
		return o;
	}
	if (scope) {
		o = model_get(m, kind, scope, name);
		if (o)
			return o;
	}
	o = model_get(m, kind, NULL, name);
	if (o)
		return o;
	if (!scope && kind_ops[kind]->scoped) {
		_cleanup_text_ struct text in = {};
		_cleanup_free_ char *key = bare_key(kind, name);
		size_t n = 0;

		if (!map_get(&m->by_bare, key)) {
			not_found(e, kind, name);
			return NULL;
		}
		FOR_EACH_OBJECT(m, kind, o) {
			if (strcmp(o->name, name))
				continue;
			found = o;
			if (n++ < 5)
				text_add(&in, "%s'%s/%s'", n > 1 ? ", " : "", o->vpc, name);
		}
		if (n > 1) {
			fail(e, ERR_AMBIGUOUS, "%s '%s' exists in %zu VPCs; name one of %s",
			     kind_ops[kind]->label, name, n, in.s);
			return NULL;
		}
		return found;
	}
	if (scope && kind_ops[kind]->scoped) {
		_cleanup_free_ char *full = xprintf("%s/%s", scope, name);

		not_found(e, kind, full);
	} else {
		not_found(e, kind, name);
	}
	return NULL;
}

/**
 * model_local_host - the host that this nitrod runs on
 * @m: the model
 *
 * Context: any.
 * Return: the host, NULL if none is marked local.
 */
struct host *model_local_host(const struct model *m)
{
	struct object *o;

	FOR_EACH_OBJECT(m, KIND_HOST, o)
		if (HOST(o)->local)
			return HOST(o);
	return NULL;
}

/**
 * model_eni_is_local - does an ENI live on this host?
 * @m: the model
 * @eni: the ENI
 *
 * Context: any.
 * Return: true if it does.
 */
bool model_eni_is_local(const struct model *m, const struct eni *eni)
{
	struct object *host;

	if (!eni->host)
		return true;
	host = model_get(m, KIND_HOST, NULL, eni->host);
	return host && HOST(host)->local;
}

/**
 * model_eni_is_held - does an instance have an ENI?
 * @eni: the ENI
 * @instance: the instance's name
 *
 * Context: any.
 * Return: true if it does.
 */
bool model_eni_is_held(const struct object *eni, const char *instance)
{
	const struct attachment *a = &ENI(eni)->attachment;

	return a->kind == ATTACH_INSTANCE && streq(a->instance, instance);
}

/**
 * model_volume_is_held - does an instance have a volume?
 * @volume: the volume
 * @instance: the instance's name
 *
 * Context: any.
 * Return: true if it does.
 */
bool model_volume_is_held(const struct object *volume, const char *instance)
{
	return VOLUME(volume)->holder == HOLDER_INSTANCE &&
		streq(VOLUME(volume)->instance, instance);
}

/**
 * model_prefix_list - the prefix list that a rule names
 * @m: the model
 * @vpc: the VPC of the rule's group
 * @name: the list
 *
 * Context: any.
 * Return: the VPC's list, else the network's, else NULL.
 */
struct prefix_list *model_prefix_list(const struct model *m, const char *vpc,
				      const char *name)
{
	struct object *o = model_get(m, KIND_PREFIX_LIST, vpc, name);

	return PREFIX_LIST(o ? o : model_get(m, KIND_PREFIX_LIST, NULL, name));
}
