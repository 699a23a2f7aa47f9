// SPDX-License-Identifier: GPL-2.0
/* What must hold for keys, pools and volumes. */

#include <stdio.h>

#include "change.h"
#include "storage.h"

static int blame(struct error *e, const struct object *o, const char *path)
{
	free(e->path);
	e->path = xprintf("%s%s", o->origin ? o->origin : "", path);
	return -EINVAL;
}

static int check_volume_edit(const struct volume *old, const struct volume *new, struct error *e)
{
	_cleanup_free_ char *from = size_text(old->size), *to = size_text(new->size);
	const char *what = NULL;

	if (new->size < old->size) {
		fail(e, ERR_INVALID, "volume '%s' has %s and cannot be shrunk to %s", new->o.name,
		     from, to);
		return blame(e, &new->o, "/size");
	}
	if (!streq(new->pool, old->pool))
		what = "pool";
	else if (new->sector_size != old->sector_size)
		what = "sector_size";
	else if (new->instance_store != old->instance_store)
		what = "instance_store";
	else if (!streq(new->key, old->key))
		what = "key";
	if (what) {
		_cleanup_free_ char *path = xprintf("/%s", what);

		fail(e, ERR_INVALID, "the %s of volume '%s' cannot be changed", what, new->o.name);
		return blame(e, &new->o, path);
	}
	return 0;
}

static int check_pool_edit(const struct pool *old, const struct pool *new, struct error *e)
{
	if (new->kind == old->kind && streq(new->path, old->path) && streq(new->vg, old->vg) &&
	    streq(new->thin, old->thin))
		return 0;
	fail(e, ERR_INVALID, "pool '%s' cannot be moved", new->o.name);
	return blame(e, &new->o, "");
}

/* A pool of files never has promised more than its size */
static int check_pool(const struct model *m, const struct object *pool, struct error *e)
{
	_cleanup_free_ char *has = size_text(POOL(pool)->size), *want = NULL;
	struct object *o, *last = NULL;
	uint64_t sum = 0;

	if (POOL(pool)->kind != POOL_DIR)
		return 0;
	FOR_EACH_OBJECT(m, KIND_VOLUME, o) {
		if (!streq(VOLUME(o)->pool, pool->name))
			continue;
		sum += VOLUME(o)->size;
		last = o->origin || !last ? o : last;
	}
	if (sum <= POOL(pool)->size)
		return 0;
	want = size_text(sum);
	fail(e, ERR_FAILED, "pool '%s' is full: it has %s, its volumes would have %s", pool->name,
	     has, want);
	(void)blame(e, pool->origin ? pool : last, "/size");
	return -EIO;
}

static int check_places(const struct model *m, struct error *e)
{
	_cleanup_(map_free) struct map places = {};
	struct object *o, *other;

	FOR_EACH_OBJECT(m, KIND_POOL, o) {
		const struct pool *p = POOL(o);
		_cleanup_free_ char *place = p->path ? xstrdup(p->path) :
						       xprintf("%s/%s", p->vg, p->thin);

		other = map_get(&places, place);
		if (other) {
			fail(e, ERR_INVALID, "'%s' is pool '%s' already", place, other->name);
			return blame(e, o->origin ? o : other, "");
		}
		map_put(&places, place, o);
	}
	return 0;
}

/* Extents come from stacks, too */
static int check_extent(const struct model *m, const struct object *o, struct error *e)
{
	const struct volume *v = VOLUME(o);
	struct object *pool = model_get(m, KIND_POOL, NULL, v->pool), *other;

	if (v->offset == OFFSET_NONE)
		return 0;
	if (POOL(pool)->kind != POOL_DEVICE || v->offset < LABEL_SIZE ||
	    v->offset % LABEL_SIZE || v->offset > INT64_MAX - v->size) {
		fail(e, ERR_INVALID, "the offset of volume '%s' cannot be", o->name);
		return blame(e, o, "/offset");
	}
	FOR_EACH_OBJECT(m, KIND_VOLUME, other) {
		const struct volume *w = VOLUME(other);

		if (other == o || !streq(w->pool, v->pool) || w->offset == OFFSET_NONE ||
		    w->offset >= v->offset + v->size || v->offset >= w->offset + w->size)
			continue;
		fail(e, ERR_INVALID, "volumes '%s' and '%s' overlap in pool '%s'", o->name,
		     other->name, v->pool);
		return blame(e, o, "/offset");
	}
	return 0;
}

static int check_volume(struct change *c, const struct edit *edit, struct error *e)
{
	const struct volume *v = VOLUME(edit->new);
	struct object *pool = model_get(c->model, KIND_POOL, NULL, v->pool);

	if (edit->old && check_volume_edit(VOLUME(edit->old), v, e) < 0)
		return -EINVAL;
	if (v->data_key && POOL(pool)->kind == POOL_DEVICE && v->offset == OFFSET_NONE) {
		fail(e, ERR_INVALID, "volume '%s' has a data key but no offset", v->o.name);
		return blame(e, &v->o, "/data_key");
	}
	/* whether a volume can grow is looked at when its space is reserved */
	return edit->old ? 0 : check_extent(c->model, edit->new, e);
}

/**
 * validate_storage - check keys, pools and volumes of the candidate state
 * @c: the change; its references are checked
 * @e: says what is wrong and where
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int validate_storage(struct change *c, struct error *e)
{
	struct object *o;
	bool any = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		struct object *new = edit->new;

		if (!new || !kind_is_storage(new->kind))
			continue;
		any = true;
		if (new->kind == KIND_VOLUME)
			r = check_volume(c, edit, e);
		if (new->kind == KIND_POOL && edit->old)
			r = check_pool_edit(POOL(edit->old), POOL(new), e);
	}
	if (r < 0 || !any)
		return r;
	r = check_places(c->model, e);
	FOR_EACH_OBJECT(c->model, KIND_POOL, o)
		r = r < 0 ? r : check_pool(c->model, o, e);
	return r;
}
