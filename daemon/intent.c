// SPDX-License-Identifier: GPL-2.0
/* Intents: what nitrod has begun, or has to finish, outside of its store. */

#include <stdio.h>

#include "storage.h"

/**
 * intent_new - an intent to look after something
 * @id: a volume, pool or key
 * @pool: where it lies, NULL for a key
 *
 * Context: any; fill the rest, then intent_finish().
 * Return: the intent.
 */
struct intent *intent_new(const char *id, const struct object *pool)
{
	struct intent *i = xcalloc(1, sizeof(*i));

	i->id = xstrdup(id);
	i->pool = pool ? object_ref((struct object *)pool) : NULL;
	i->offset = OFFSET_NONE;
	return i;
}

/**
 * intent_free - release an intent
 * @i: the intent, may be NULL
 *
 * Context: any.
 * Return: NULL.
 */
struct intent *intent_free(struct intent *i)
{
	if (!i)
		return NULL;
	free(i->id);
	object_unref(i->pool);
	free(i->uuid);
	free(i->body);
	free(i);
	return NULL;
}

/**
 * intent_finish - write an intent as JSON
 * @i: the intent, complete
 *
 * Context: any.
 */
void intent_finish(struct intent *i)
{
	_cleanup_json_ sd_json_variant *v = NULL;

	json_set_string(&v, "id", i->id);
	if (i->pool) {
		json_set(&v, "pool", object_body(i->pool));
		json_set_uint(&v, "size", i->size);
	}
	if (i->offset != OFFSET_NONE)
		json_set_uint(&v, "offset", i->offset);
	if (i->generation)
		json_set_uint(&v, "generation", i->generation);
	if (i->uuid)
		json_set_string(&v, "uuid", i->uuid);
	free(i->body);
	if (sd_json_variant_format(v, 0, &i->body) < 0)
		abort();
}

/**
 * intent_load - take over an intent from the store
 * @m: the manager
 * @id: what it is about
 * @body: its JSON
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int intent_load(struct manager *m, const char *id, const char *body)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	_cleanup_error_ struct error e = {};
	struct intent *i;
	sd_json_variant *pool;

	if (sd_json_parse(body, 0, &v, NULL, NULL) < 0)
		return -EBADMSG;
	i = intent_new(id, NULL);
	pool = json_get(v, "pool");
	if (pool && object_parse(KIND_POOL, pool, NULL, &i->pool, &e) < 0) {
		intent_free(i);
		return -EBADMSG;
	}
	if (i->pool)
		object_finish(i->pool);
	i->size = json_uint(v, "size", 0);
	i->offset = json_uint(v, "offset", OFFSET_NONE);
	i->generation = json_uint(v, "generation", 0);
	i->uuid = xstrdup(json_string(v, "uuid"));
	intent_finish(i);
	map_put(&m->storage->intents, id, i);
	return 0;
}

static char *note_key(const char *id)
{
	return xprintf("intent:%s", id);
}

static void remember(struct manager *m, struct intent *i)
{
	intent_free(map_get(&m->storage->intents, i->id));
	map_put(&m->storage->intents, i->id, i);
}

/**
 * intents_keep - write intents before their work begins
 * @m: the manager
 * @v: the intents, taken over; on failure, too
 * @n: how many
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int intents_keep(struct manager *m, struct intent **v, size_t n, struct error *e)
{
	int r = n ? store_begin(m->store, e) : 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		_cleanup_free_ char *key = note_key(v[i]->id);

		r = store_put_note(m->store, key, v[i]->body, e);
	}
	if (r >= 0 && n)
		r = store_commit(m->store, e);
	if (r < 0)
		store_rollback(m->store);
	for (size_t i = 0; i < n; i++) {
		if (r < 0)
			intent_free(v[i]);
		else
			remember(m, v[i]);
	}
	return r;
}

/**
 * intent_drop - an intent is settled
 * @m: the manager
 * @id: what it was about
 * @e: says why that cannot be written
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int intent_drop(struct manager *m, const char *id, struct error *e)
{
	_cleanup_free_ char *key = note_key(id);
	int r = store_begin(m->store, e);

	if (r >= 0)
		r = store_delete_note(m->store, key, e);
	if (r >= 0)
		r = store_commit(m->store, e);
	if (r < 0) {
		store_rollback(m->store);
		return r;
	}
	intent_free(map_del(&m->storage->intents, id));
	return 0;
}

static struct object *pool_of(struct manager *m, const struct object *volume)
{
	return model_get(&m->model, KIND_POOL, NULL, VOLUME(volume)->pool);
}

/* Where the clean part of a device ends when this volume is in it */
static uint64_t clean_end(struct manager *m, const struct object *o)
{
	struct object *pool = o && o->kind == KIND_VOLUME ? pool_of(m, o) : NULL;
	uint64_t end;

	if (!pool || POOL(pool)->kind != POOL_DEVICE || VOLUME(o)->offset == OFFSET_NONE)
		return 0;
	end = VOLUME(o)->offset + VOLUME(o)->size;
	return end > clean_of(m, pool->id) ? end : 0;
}

static int write_clean(struct manager *m, const struct object *o, struct error *e)
{
	uint64_t end = clean_end(m, o);
	_cleanup_free_ char *key = NULL, *value = NULL;

	if (!end)
		return 0;
	key = xprintf("clean:%s", pool_of(m, o)->id);
	value = xprintf("%llu", (unsigned long long)end);
	return store_put_note(m->store, key, value, e);
}

/* What a deletion leaves to do */
static struct intent *intent_of_deleted(struct manager *m, const struct change *c,
					struct object *o)
{
	struct object *pool = NULL;
	struct intent *i;

	if (o->kind != KIND_VOLUME && o->kind != KIND_POOL && o->kind != KIND_KEY)
		return NULL;
	if (o->kind == KIND_POOL)
		pool = o;
	if (o->kind == KIND_VOLUME)
		pool = pool_of(m, o);
	/* the pool may go with the same change */
	for (size_t n = 0; o->kind == KIND_VOLUME && !pool && n < c->n; n++)
		if (c->edits[n].old && c->edits[n].old->kind == KIND_POOL &&
		    streq(c->edits[n].old->name, VOLUME(o)->pool))
			pool = c->edits[n].old;
	i = intent_new(o->id, pool);
	if (o->kind == KIND_VOLUME) {
		i->size = VOLUME(o)->size;
		i->offset = VOLUME(o)->offset;
	}
	if (o->kind == KIND_KEY)
		i->generation = KEY(o)->generation;
	if (o->kind == KIND_POOL)
		i->uuid = xstrdup(POOL(o)->uuid);
	intent_finish(i);
	return i;
}

/* Old generations of a rotated key are deleted afterwards: its intent stays */
static bool settled_by_commit(const struct edit *edit)
{
	return edit->new->kind != KIND_KEY || !edit->old;
}

/**
 * storage_write - write with a change what it leaves to do, and what it settles
 * @m: the manager, its store in the transaction of the change
 * @c: the change
 * @backwards: it is being taken back
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int storage_write(struct manager *m, const struct change *c, bool backwards, struct error *e)
{
	int r = 0;

	for (size_t n = 0; r >= 0 && n < c->n; n++) {
		const struct edit *edit = &c->edits[n];
		struct object *o = edit->new ? edit->new : edit->old;
		_cleanup_free_ char *key = note_key(o->id);
		struct intent *i = map_get(&m->storage->intents, o->id);

		if (!edit->new == !backwards) {
			/* gone: deleted, or created and taken back */
			struct intent *todo = intent_of_deleted(m, c, o);

			if (todo)
				r = store_put_note(m->store, key, i ? i->body : todo->body, e);
			intent_free(todo);
		} else if (!backwards && i && settled_by_commit(edit)) {
			r = store_delete_note(m->store, key, e);
		}
		if (r >= 0 && !backwards)
			r = write_clean(m, edit->new, e);
	}
	return r;
}

/**
 * storage_written - the transaction of storage_write() is on disk
 * @m: the manager
 * @c: the change
 * @backwards: it was taken back
 *
 * Context: event loop.
 */
void storage_written(struct manager *m, const struct change *c, bool backwards)
{
	for (size_t n = 0; n < c->n; n++) {
		const struct edit *edit = &c->edits[n];
		struct object *o = edit->new ? edit->new : edit->old;
		uint64_t end = backwards ? 0 : clean_end(m, edit->new);

		if (!edit->new == !backwards) {
			struct intent *todo = intent_of_deleted(m, c, o);

			if (todo)
				remember(m, todo);
		} else if (!backwards && settled_by_commit(edit)) {
			intent_free(map_del(&m->storage->intents, o->id));
		}
		if (end)
			clean_set(m, pool_of(m, o)->id, end);
	}
}
