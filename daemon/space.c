// SPDX-License-Identifier: GPL-2.0
/* How much space pools have, and which extents of a device are free. */

#include <stdio.h>

#include "storage.h"

#define EXTENT_UNIT (1ULL << 20)

static uint64_t round_up(uint64_t size)
{
	return (size + EXTENT_UNIT - 1) / EXTENT_UNIT * EXTENT_UNIT;
}

/**
 * usage_of - what the last look at a pool has found
 * @m: the manager
 * @pool_id: the pool
 *
 * Context: any.
 * Return: borrowed, never NULL.
 */
const struct usage *usage_of(struct manager *m, const char *pool_id)
{
	static const struct usage unknown;
	const struct usage *u = map_get(&m->storage->usage, pool_id);

	return u ? u : &unknown;
}

/**
 * usage_set - a look at a pool has ended
 * @m: the manager
 * @pool_id: the pool
 * @json: what BACKING_USAGE has printed, or NULL
 * @reason: why it cannot be looked at, or NULL
 *
 * Context: event loop.
 */
void usage_set(struct manager *m, const char *pool_id, const char *json, const char *reason)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct usage *u = map_get(&m->storage->usage, pool_id);
	sd_json_variant *list;

	if (!u) {
		u = xcalloc(1, sizeof(*u));
		map_put(&m->storage->usage, pool_id, u);
	}
	free(u->reason);
	u->reason = xstrdup(reason);
	if (!json || sd_json_parse(json, 0, &v, NULL, NULL) < 0)
		return;
	u->known = true;
	u->size = json_uint(v, "size", 0);
	u->used = json_uint(v, "used", 0);
	u->promised = json_uint(v, "promised", 0);
	u->free = json_uint(v, "free", 0);
	u->metadata_percent = json_uint(v, "metadata_percent", 0);
	strings_free(&u->volumes);
	list = json_get(v, "volumes");
	for (size_t i = 0; list && i < sd_json_variant_elements(list); i++)
		strings_add(&u->volumes,
			    sd_json_variant_string(sd_json_variant_by_index(list, i)));
}

static uint64_t volume_space(const struct object *pool, uint64_t size)
{
	return POOL(pool)->kind == POOL_DEVICE ? round_up(size) : size;
}

/* What is taken by intents beside what the model says */
static uint64_t intended(struct manager *m, const struct object *pool)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->storage->intents.cap; i++) {
		const struct intent *in = m->storage->intents.slots[i].value;
		struct object *o;
		uint64_t has;

		if (!m->storage->intents.slots[i].key || !in->pool || in->pool == pool ||
		    strcmp(in->pool->id, pool->id) || streq(in->id, pool->id))
			continue;
		o = model_by_id(&m->model, in->id);
		has = o ? VOLUME(o)->size : 0;
		if (in->size > has)
			sum += volume_space(pool, in->size) - volume_space(pool, has);
	}
	return sum;
}

/**
 * pool_allocated - the sizes of all volumes of a pool together
 * @m: the manager
 * @pool: the pool
 *
 * Context: any.
 * Return: bytes.
 */
uint64_t pool_allocated(struct manager *m, const struct object *pool)
{
	struct object *o;
	uint64_t sum = 0;

	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o)
		if (streq(VOLUME(o)->pool, pool->name))
			sum += volume_space(pool, VOLUME(o)->size);
	return sum;
}

/**
 * pool_size - how much a pool holds
 * @m: the manager
 * @pool: the pool
 *
 * Context: any.
 * Return: bytes, 0 if it is not known.
 */
uint64_t pool_size(struct manager *m, const struct object *pool)
{
	const struct usage *u = usage_of(m, pool->id);

	if (POOL(pool)->kind == POOL_DIR)
		return POOL(pool)->size;
	if (POOL(pool)->kind == POOL_DEVICE)
		return u->size > LABEL_SIZE ? (u->size - LABEL_SIZE) / EXTENT_UNIT * EXTENT_UNIT : 0;
	return u->size;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/**
 * pool_available - how much a pool can promise to new volumes
 * @m: the manager
 * @pool: the pool
 *
 * A pool that is not sparse never promises what it does not have. A sparse
 * directory counts what it has promised and not yet given; a sparse thin pool
 * is overcommitted on purpose and tells what is not in use.
 *
 * Context: any.
 * Return: bytes, 0 if it is not known.
 */
uint64_t pool_available(struct manager *m, const struct object *pool)
{
	uint64_t taken = pool_allocated(m, pool) + intended(m, pool);
	const struct usage *u = usage_of(m, pool->id);
	uint64_t room = minus(pool_size(m, pool), taken), fs;

	if (!u->known || u->reason)
		return 0;
	switch (POOL(pool)->kind) {
	case POOL_DIR:
		fs = POOL(pool)->sparse ? minus(u->free, u->promised) : u->free;
		return fs < room ? fs : room;
	case POOL_VG:
		/* other volumes of the thin pool have been promised space, too */
		return POOL(pool)->sparse ? minus(u->size, u->used) :
			minus(u->size, (u->promised > taken ? u->promised : taken));
	default:
		return room;
	}
}

/**
 * space_check - does a pool have so much?
 * @m: the manager
 * @pool: the pool, just looked at
 * @volume: who wants it
 * @more: how many bytes
 * @e: says that it does not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int space_check(struct manager *m, const struct object *pool, const struct object *volume,
		uint64_t more, struct error *e)
{
	uint64_t available = pool_available(m, pool);
	_cleanup_free_ char *want = size_text(more), *have = NULL;

	if (more <= available)
		return 0;
	have = size_text(available / EXTENT_UNIT * EXTENT_UNIT);
	return fail(e, ERR_FAILED, "pool '%s' is full: volume '%s' needs %s, %s is available",
		    pool->name, volume->name, want, have);
}

struct extent {
	uint64_t start, end;
};

static int compare_extents(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

struct extents {
	struct extent *v;
	size_t n, cap;
};

static void extent_add(struct extents *l, uint64_t offset, uint64_t size)
{
	if (offset == OFFSET_NONE)
		return;
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = (struct extent){ offset, offset + round_up(size) };
}

/* Those of all volumes but one, in order, with one behind the end */
static void extents_of(struct manager *m, const struct object *pool, const char *but,
		       struct extents *ret)
{
	struct object *o;

	*ret = (struct extents){};
	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o)
		if (streq(VOLUME(o)->pool, pool->name) && strcmp(o->id, but))
			extent_add(ret, VOLUME(o)->offset, VOLUME(o)->size);
	for (size_t i = 0; i < m->storage->intents.cap; i++) {
		const struct intent *in = m->storage->intents.slots[i].value;

		if (m->storage->intents.slots[i].key && in->pool &&
		    streq(in->pool->id, pool->id) && strcmp(in->id, but))
			extent_add(ret, in->offset, in->size);
	}
	extent_add(ret, LABEL_SIZE + pool_size(m, pool), 0);
	qsort(ret->v, ret->n, sizeof(*ret->v), compare_extents);
}

/**
 * extent_find - the first free extent that is long enough
 * @m: the manager
 * @pool: a device
 * @volume: the volume that wants it
 * @ret: where it begins
 * @e: says that there is none
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int extent_find(struct manager *m, const struct object *pool, const struct object *volume,
		uint64_t *ret, struct error *e)
{
	uint64_t at = LABEL_SIZE, size = round_up(VOLUME(volume)->size), largest = 0;
	_cleanup_free_ char *text = NULL;
	struct extents l;

	extents_of(m, pool, volume->id, &l);
	for (size_t i = 0; i < l.n; i++) {
		uint64_t gap = minus(l.v[i].start, at);

		if (gap >= size) {
			*ret = at;
			free(l.v);
			return 0;
		}
		largest = gap > largest ? gap : largest;
		at = l.v[i].end > at ? l.v[i].end : at;
	}
	free(l.v);
	text = size_text(largest);
	return fail(e, ERR_FAILED, "pool '%s' is full: its largest free extent has %s",
		    pool->name, text);
}

/**
 * extent_grow - is there room behind a volume?
 * @m: the manager
 * @pool: a device
 * @volume: the volume
 * @size: how long it is to be
 * @e: says that there is not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int extent_grow(struct manager *m, const struct object *pool, const struct object *volume,
		uint64_t size, struct error *e)
{
	uint64_t start = VOLUME(volume)->offset, end = start + round_up(size);
	bool clash = false;
	struct extents l;

	extents_of(m, pool, volume->id, &l);
	for (size_t i = 0; i < l.n; i++)
		clash |= l.v[i].start >= start && l.v[i].start < end;
	free(l.v);
	return clash ? fail(e, ERR_FAILED,
			    "pool '%s' is full: not enough of it is free behind volume '%s'",
			    pool->name, volume->name) : 0;
}

/**
 * clean_of - where the part of a device ends that only volumes have written to
 * @m: the manager
 * @pool_id: the pool
 *
 * Context: any.
 * Return: bytes from the beginning of the device.
 */
uint64_t clean_of(struct manager *m, const char *pool_id)
{
	uint64_t *to = map_get(&m->storage->clean, pool_id);

	return to ? *to : 0;
}

/**
 * clean_set - note where that part ends
 * @m: the manager
 * @pool_id: the pool
 * @to: bytes from the beginning of the device
 *
 * Context: event loop.
 */
void clean_set(struct manager *m, const char *pool_id, uint64_t to)
{
	uint64_t *p = map_get(&m->storage->clean, pool_id);

	if (!p) {
		p = xcalloc(1, sizeof(*p));
		map_put(&m->storage->clean, pool_id, p);
	}
	*p = to;
}
