// SPDX-License-Identifier: GPL-2.0
/* What a change needs done before it can be committed, and in which order. */

#include <stdio.h>

#include "ebs.h"
#include "operation.h"

/**
 * plan_add - one more work
 * @op: the operation
 * @kind: what
 * @o: to which object, or NULL
 *
 * Context: event loop.
 * Return: the work, valid until the next is added.
 */
struct work *plan_add(struct operation *op, enum work_kind kind, struct object *o)
{
	GROW(op->works, op->n, op->cap);
	op->works[op->n] = (struct work){ .kind = kind, .o = o ? object_ref(o) : NULL };
	return &op->works[op->n++];
}

/**
 * plan_assigned - where to keep what is found for an object
 * @op: the operation
 * @id: the object
 *
 * Context: event loop.
 * Return: its place, made if there was none.
 */
struct assigned *plan_assigned(struct operation *op, const char *id)
{
	struct assigned *a = map_get(&op->assigned, id);

	if (a)
		return a;
	a = xcalloc(1, sizeof(*a));
	a->offset = OFFSET_NONE;
	map_put(&op->assigned, id, a);
	return a;
}

static bool planned(const struct operation *op, enum work_kind kind, const char *id)
{
	for (size_t i = op->next; i < op->n; i++)
		if (op->works[i].kind == kind && op->works[i].o && streq(op->works[i].o->id, id))
			return true;
	return false;
}

/**
 * plan_usage - look how full a pool is
 * @op: the operation
 * @pool: the pool
 *
 * Context: event loop.
 */
void plan_usage(struct operation *op, struct object *pool)
{
	if (pool && !planned(op, WORK_USAGE, pool->id))
		plan_add(op, WORK_USAGE, pool)->pool = object_ref(pool);
}

/**
 * plan_settle - do what an intent asks for
 * @op: the operation
 * @id: what it is about
 * @wait: wait for helpers of an earlier nitrod
 *
 * Context: event loop.
 */
void plan_settle(struct operation *op, const char *id, bool wait)
{
	struct work *w = plan_add(op, WORK_SETTLE, NULL);

	w->id = xstrdup(id);
	w->wait = wait;
}

static struct object *pool_of(const struct change *c, const struct object *volume)
{
	return model_get(c->model, KIND_POOL, NULL, VOLUME(volume)->pool);
}

static struct object *key_of(const struct change *c, const struct object *volume)
{
	return VOLUME(volume)->key ?
		model_get(c->model, KIND_KEY, NULL, VOLUME(volume)->key) : NULL;
}

static void need_key(struct operation *op, const struct change *c, const struct object *volume)
{
	struct object *key = key_of(c, volume);

	if (key && !planned(op, WORK_KEY_MAKE, key->id) && !planned(op, WORK_KEY_OPEN, key->id))
		plan_add(op, WORK_KEY_OPEN, key);
}

static struct work *plan_space(struct operation *op, const struct change *c,
			       const struct edit *edit, enum backing_action action)
{
	struct work *w = plan_add(op, WORK_SPACE, edit->new);
	const struct volume *v = VOLUME(edit->new);

	w->pool = object_ref(pool_of(c, edit->new));
	w->old = edit->old ? object_ref(edit->old) : NULL;
	w->job = (struct backing_job){
		.action = action, .id = w->o->id, .pool = POOL(w->pool), .size = v->size,
		.sector_size = v->sector_size, .offset = v->offset,
		.old_size = edit->old ? VOLUME(edit->old)->size : 0,
	};
	return w;
}

static bool created(const struct edit *edit)
{
	return edit->new && !edit->old;
}

static bool grown(const struct edit *edit)
{
	return edit->new && edit->old && VOLUME(edit->new)->size > VOLUME(edit->old)->size;
}

static bool attached(const struct edit *edit)
{
	return edit->new && VOLUME(edit->new)->holder != HOLDER_NONE &&
		(!edit->old || VOLUME(edit->old)->holder == HOLDER_NONE);
}

static bool detached(const struct edit *edit)
{
	return edit->old && VOLUME(edit->old)->holder != HOLDER_NONE &&
		edit->new && VOLUME(edit->new)->holder == HOLDER_NONE;
}

/* Keys and pools come before the volumes that need them */
static void plan_bases(struct operation *op, const struct change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		struct object *o = edit->new;

		if (!o)
			continue;
		if (o->kind == KIND_POOL && !edit->old) {
			plan_add(op, WORK_POOL_CHECK, o)->pool = object_ref(o);
		} else if (o->kind == KIND_KEY && edit->old &&
			   KEY(o)->generation != KEY(edit->old)->generation) {
			plan_add(op, WORK_KEY_OPEN, edit->old);
			plan_add(op, WORK_KEY_MAKE, o);
			plan_add(op, WORK_REWRAP, o)->old = object_ref(edit->old);
		} else if (o->kind == KIND_KEY && !edit->old) {
			plan_add(op, KEY(o)->given ? WORK_KEY_OPEN : WORK_KEY_MAKE, o);
		}
	}
}

static void plan_volumes(struct operation *op, const struct change *c)
{
	bool reserve = false;

	for (size_t i = 0; i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		struct object *o = edit->new;

		if (!o || o->kind != KIND_VOLUME)
			continue;
		if (created(edit) || attached(edit))
			need_key(op, c, o);
		if (created(edit) || grown(edit)) {
			struct object *pool = pool_of(c, o);

			/* a new pool is looked at when it has its label */
			if (!planned(op, WORK_POOL_CHECK, pool->id))
				plan_usage(op, pool);
			reserve = true;
		}
		if (detached(edit))
			plan_add(op, WORK_DETACH, o);
	}
	for (size_t i = 0; i < c->n; i++)
		reserve |= c->edits[i].new && c->edits[i].new->kind != KIND_VOLUME &&
			kind_is_storage(c->edits[i].new->kind);
	if (reserve && op->n)
		plan_add(op, WORK_RESERVE, NULL);
}

static void plan_spaces(struct operation *op, const struct change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		struct object *o = edit->new;

		if (o && o->kind == KIND_POOL && !edit->old) {
			plan_add(op, WORK_POOL_LABEL, o)->pool = object_ref(o);
			plan_usage(op, o);
		}
	}
	for (size_t i = 0; i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		struct work *w;

		if (!edit->new || edit->new->kind != KIND_VOLUME)
			continue;
		if (created(edit))
			plan_space(op, c, edit, VOLUME(edit->new)->data_key ? BACKING_ADOPT :
				   BACKING_CREATE);
		else if (grown(edit))
			plan_space(op, c, edit, BACKING_GROW);
		if (!attached(edit))
			continue;
		w = plan_add(op, WORK_ACTIVATE, edit->new);
		w->pool = object_ref(pool_of(c, edit->new));
	}
}

/**
 * plan_change - find what has to be done before a change can be committed
 * @op: the operation; gets the works
 * @c: the change, checked and not yet undone
 *
 * Context: event loop.
 */
void plan_change(struct operation *op, const struct change *c)
{
	/* intents have to be written before the first work that leaves something:
	 * a sealed key is one
	 */
	plan_bases(op, c);
	plan_volumes(op, c);
	plan_spaces(op, c);
}

static void lock(struct strings *l, const char *id)
{
	if (id && !strings_has(l, id))
		strings_add(l, id);
}

/**
 * plan_locks - what a change must not share with other operations
 * @op: the operation
 * @c: the change, checked and not yet undone
 *
 * Context: event loop.
 */
void plan_locks(struct operation *op, const struct change *c)
{
	strings_free(&op->own);
	strings_free(&op->shared);
	for (size_t i = 0; i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		struct object *o = edit->new ? edit->new : edit->old;
		struct object *key, *pool;

		if (!kind_is_storage(o->kind))
			continue;
		lock(&op->own, o->id);
		if (o->kind != KIND_VOLUME)
			continue;
		key = key_of(c, o);
		pool = pool_of(c, o);
		lock(&op->shared, key ? key->id : NULL);
		lock(&op->shared, pool ? pool->id : NULL);
	}
}
