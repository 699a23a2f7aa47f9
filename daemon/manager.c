// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a change: the candidate state is checked as a whole in memory,
 * committed to the store, carried to the kernel, acknowledged. If the kernel
 * is there and refuses, the change is taken back on the same path.
 */

#include <stdio.h>
#include <time.h>

#include "ebs.h"
#include "harden.h"
#include "instances.h"
#include "kernel.h"
#include "manager.h"
#include "memory.h"
#include "object.h"
#include "services.h"
#include "storage.h"
#include "varlink.h"

struct loading {
	struct manager *m;
	struct error *e;
};

static int load_handle(const char *key, uint32_t handle, void *userdata)
{
	struct loading *l = userdata;

	handles_load(&l->m->handles, key, handle);
	return 0;
}

static int load_object(const struct store_object *so, void *userdata)
{
	_cleanup_json_ sd_json_variant *body = NULL;
	struct loading *l = userdata;
	enum object_kind kind = kind_from_name(so->kind);
	struct object *o;
	int r;

	if (kind == KIND_MAX)
		return fail(l->e, ERR_FAILED, "the store has a '%s', which this nitrod does not know",
			    so->kind);
	r = sd_json_parse(so->body, 0, &body, NULL, NULL);
	if (r < 0)
		return fail(l->e, ERR_FAILED, "%s '%s' in the store is damaged",
			    kind_ops[kind]->label, so->name);
	r = object_parse(kind, body, so->vpc, &o, l->e);
	if (r < 0)
		return r;
	o->version = so->version;
	o->handle = handles_get(&l->m->handles, o->id);
	object_finish(o);
	model_put(&l->m->model, o);
	object_unref(o);
	return 0;
}

/**
 * manager_load - read the desired state
 * @m: the manager, its store open
 * @e: says why it cannot be read
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int manager_load(struct manager *m, struct error *e)
{
	struct loading l = { .m = m, .e = e };

	return store_load(m->store, load_handle, load_object, &l, e);
}

static int write_object(struct manager *m, const struct object *o, struct error *e)
{
	return store_put(m->store, &(struct store_object){
		.kind = kind_ops[o->kind]->name, .id = o->id, .name = o->name, .vpc = o->vpc,
		.version = o->version, .body = o->body,
	}, e);
}

static int write_edit(struct manager *m, const struct object *old, struct object *new,
		      struct error *e)
{
	if (new)
		return write_object(m, new, e);
	return store_delete(m->store, &(struct store_object){
		.kind = kind_ops[old->kind]->name, .id = old->id, .name = old->name,
		.vpc = old->vpc, .version = old->version,
	}, e);
}

static int write_edits(struct manager *m, struct change *c, bool backwards, struct error *e)
{
	int r = store_begin(m->store, e);

	/* deletions first: a name may move from one object to another */
	for (int deletions = 1; deletions >= 0; deletions--) {
		for (size_t i = 0; r >= 0 && i < c->n; i++) {
			struct object *old = backwards ? c->edits[i].new : c->edits[i].old;
			struct object *new = backwards ? c->edits[i].old : c->edits[i].new;

			if (deletions == !new)
				r = write_edit(m, old, new, e);
		}
	}
	if (r >= 0)
		r = handles_flush(&m->handles, m->store, e);
	if (r >= 0)
		r = storage_write(m, c, backwards, e);
	if (r >= 0)
		r = store_commit(m->store, e);
	if (r < 0)
		store_rollback(m->store);
	else
		storage_written(m, c, backwards);
	return r;
}

/**
 * manager_keep_handles - write handles that were given outside of a change
 * @m: the manager
 * @e: says why not
 *
 * Context: event loop, before the kernel learns of them.
 * Return: 0 or a negative errno.
 */
int manager_keep_handles(struct manager *m, struct error *e)
{
	int r;

	if (!m->handles.added.n && !m->handles.dropped.n)
		return 0;
	r = store_begin(m->store, e);
	if (r >= 0)
		r = handles_flush(&m->handles, m->store, e);
	if (r >= 0)
		r = store_commit(m->store, e);
	if (r < 0)
		store_rollback(m->store);
	return r;
}

static void give_handles(struct manager *m, struct change *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->edits[i].new)
			c->edits[i].new->handle = handles_get(&m->handles, c->edits[i].new->id);
}

static void drop_handles(struct manager *m, struct change *c, bool backwards)
{
	for (size_t i = 0; i < c->n; i++) {
		struct object *gone = backwards ? c->edits[i].new : c->edits[i].old;
		struct object *there = backwards ? c->edits[i].old : c->edits[i].new;

		if (!gone || there)
			continue;
		handles_drop(&m->handles, gone->id);
		if (gone->kind == KIND_VPC) {
			_cleanup_free_ char *key = xprintf("main:%s", gone->id);

			handles_drop(&m->handles, key);
		}
	}
}

/* The model and the handles as they were before the change */
static void undo(struct manager *m, struct change *c)
{
	change_undo(c);
	drop_handles(m, c, true);
	for (size_t i = 0; i < c->n; i++)
		if (c->edits[i].old && !c->edits[i].new)
			handles_restore(&m->handles, c->edits[i].old->id,
					c->edits[i].old->handle);
}

/* The kernel has refused: the same way back, store and kernel */
static void take_back(struct manager *m, struct change *c)
{
	_cleanup_(kstate_free) struct kstate desired = {};
	_cleanup_error_ struct error ignored = {};

	undo(m, c);
	kstate_compile(&m->model, &m->handles, &desired);
	if (write_edits(m, c, true, &ignored) < 0) {
		/* the store is the truth: start again from it */
		fprintf(stderr, "nitrod: %s\n", ignored.message);
		abort();
	}
	(void)kernel_apply(m, &desired, &ignored);
}

/**
 * manager_commit - carry a change through, or undo it
 * @m: the manager
 * @c: the change; kept or undone when this returns, to be freed by the caller
 * @e: says why it is refused
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int manager_commit(struct manager *m, struct change *c, struct error *e)
{
	int r;

	r = change_check(c, e);
	if (r < 0) {
		change_undo(c);
		return r;
	}
	return manager_commit_checked(m, c, e);
}

/**
 * manager_commit_checked - manager_commit() without the check, which has been
 * @m: the manager
 * @c: the change; kept or undone when this returns
 * @e: says why it is refused
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int manager_commit_checked(struct manager *m, struct change *c, struct error *e)
{
	_cleanup_(kstate_free) struct kstate desired = {};
	int r;

	if (!c->n) {
		change_undo(c);
		return 0;
	}
	give_handles(m, c);
	kstate_compile(&m->model, &m->handles, &desired);
	drop_handles(m, c, false);
	r = write_edits(m, c, false, e);
	if (r < 0) {
		undo(m, c);
		return r;
	}
	r = kernel_apply(m, &desired, e);
	if (r >= 0)
		r = ebs_apply(m, c, e);
	if (r < 0) {
		take_back(m, c);
		return r;
	}
	for (size_t i = 0; i < c->n; i++)
		journal_change(&c->edits[i]);
	instances_committed(m, c);
	change_keep(c);
	services_changed(m);
	return 0;
}

/**
 * manager_put - carry through a change of one object
 * @m: the manager
 * @kind: what the object is
 * @props: its properties
 * @scope: the VPC that its name belongs to, or NULL
 * @mode: how @props relate to the object that exists
 * @ret_id: where its ID goes, to be freed by the caller, or NULL
 * @e: says why it is refused
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int manager_put(struct manager *m, enum object_kind kind, sd_json_variant *props,
		const char *scope, enum put_mode mode, char **ret_id, struct error *e)
{
	_cleanup_free_ char *id = NULL;
	struct change c;
	int r;

	change_begin(&c, &m->model);
	r = change_put(&c, kind, props, scope, mode, NULL, e);
	if (r >= 0) {
		id = xstrdup(c.edits[0].new->id);
		r = manager_commit(m, &c, e);
	} else {
		change_undo(&c);
	}
	change_free(&c);
	if (r < 0)
		return r;
	if (ret_id) {
		*ret_id = id;
		id = NULL;
	}
	return 0;
}

/**
 * manager_delete - carry through the end of one object
 * @m: the manager
 * @o: the object, gone when this has succeeded
 * @e: says why it is refused
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int manager_delete(struct manager *m, struct object *o, struct error *e)
{
	struct change c;
	int r;

	change_begin(&c, &m->model);
	r = change_delete(&c, o, e);
	if (r >= 0)
		r = manager_commit(m, &c, e);
	else
		change_undo(&c);
	change_free(&c);
	return r;
}

/**
 * manager_free - let everything go
 * @m: the manager
 *
 * Context: at the end.
 */
void manager_free(struct manager *m)
{
	hardening_stop(m);
	instances_stop(m);
	memory_stop(m);
	ebs_stop(m);
	storage_stop(m);
	kernel_stop(m);
	varlink_list_stop(m, NULL);
	for (size_t i = 0; i < m->n_monitors; i++)
		sd_varlink_unref(m->monitors[i]);
	free(m->monitors);
	services_unwatch(m, NULL);
	sd_varlink_server_unref(m->services);
	sd_varlink_server_unref(m->server);
	store_close(m->store);
	model_free(&m->model);
	handles_free(&m->handles);
	sd_event_unref(m->event);
}

/**
 * event_new - what a monitor prints
 * @event: what happened: "create", "set", "delete", …
 * @kind: kind of the object, or NULL
 * @id: its ID, or NULL
 * @name: its name, or NULL
 *
 * Context: any.
 * Return: the event, with the time.
 */
sd_json_variant *event_new(const char *event, const char *kind, const char *id,
			   const char *name)
{
	sd_json_variant *v = NULL;
	struct timespec now;
	char date[40], stamp[64];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp, sizeof(stamp), "%s.%06ldZ", date, now.tv_nsec / 1000);
	json_set_string(&v, "time", stamp);
	json_set_string(&v, "event", event);
	json_set_string(&v, "kind", kind);
	json_set_string(&v, "id", id);
	json_set_string(&v, "name", name);
	return v;
}

/**
 * manager_event - tell all monitors
 * @m: the manager
 * @event: the event; its reference is consumed
 *
 * Context: event loop.
 */
void manager_event(struct manager *m, sd_json_variant *event)
{
	_cleanup_json_ sd_json_variant *params = NULL;

	json_set(&params, "event", event);
	for (size_t i = 0; i < m->n_monitors; i++)
		(void)sd_varlink_notify(m->monitors[i], params);
}
