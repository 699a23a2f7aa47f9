// SPDX-License-Identifier: GPL-2.0
/* What users are shown of keys, pools and volumes beside their configuration. */

#include <stdio.h>

#include "ebs.h"
#include "storage.h"

static void show_key(struct manager *m, const struct object *key, sd_json_variant **v)
{
	struct object *o;
	uint64_t n = 0;

	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o)
		n += streq(VOLUME(o)->key, key->name);
	json_set_uint(v, "volumes", n);
}

static void show_pool(struct manager *m, const struct object *o, sd_json_variant **v)
{
	static const char *const places[] = { "dir", "vg", "device" };
	const struct usage *u = usage_of(m, o->id);
	const struct pool *p = POOL(o);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (!json_get(*v, places[i]))
			json_set(v, places[i], NULL);
	json_set(v, "place", sd_json_variant_ref(json_get(*v, pool_kind_name(p->kind))));
	if (p->kind == POOL_DEVICE)
		json_set(v, "sparse", NULL);
	if (u->known || p->kind == POOL_DIR)
		json_set_uint(v, "size", pool_size(m, o));
	else
		json_set(v, "size", NULL);
	json_set_uint(v, "allocated", pool_allocated(m, o));
	if (u->known)
		json_set_uint(v, "available", pool_available(m, o));
	else
		json_set(v, "available", NULL);
	if (u->known && p->kind != POOL_DEVICE)
		json_set_uint(v, "used", u->used);
	else
		json_set(v, "used", NULL);
	json_set_string(v, "reason", u->reason);
	if (u->reason)
		json_set_string(v, "state", "failed");
}

/* What a volume's bytes lie on, for people who want them without nitrod */
static char *backing_name(const struct pool *p, const struct object *o)
{
	return p->kind == POOL_VG ? xprintf("/dev/%s/%s", p->vg, o->id) :
	       p->kind == POOL_DIR ? xprintf("%s/%s", p->path, o->id) : xstrdup(p->path);
}

/* The body has more than others should see */
static void hide(sd_json_variant **v, const char *key)
{
	char *const keys[] = { (char *)key, NULL };

	if (sd_json_variant_filter(v, (char **)keys) < 0)
		abort();
}

static void show_volume(struct manager *m, const struct object *o, sd_json_variant **v)
{
	struct object *pool = model_get(&m->model, KIND_POOL, NULL, VOLUME(o)->pool);
	_cleanup_free_ char *backing = backing_name(POOL(pool), o), *device = NULL;
	const struct kdevice *d = ebs_device(m, o->id);
	const char *reason = ebs_failure(m, o->id);
	bool held = VOLUME(o)->holder != HOLDER_NONE;

	hide(v, "data_key");
	hide(v, "key_generation");
	if (!json_get(*v, "offset"))
		json_set(v, "offset", NULL);
	if (d && held)
		device = xprintf("/dev/nitro_ebs%u", d->id);
	if (held && !d && !reason)
		reason = m->ebs && m->ebs->problem ? m->ebs->problem : "it is being attached";
	json_set_string(v, "state", !held ? "available" : reason ? "failed" : "attached");
	json_set_string(v, "reason", held ? reason : NULL);
	json_set_string(v, "device", device);
	json_set_string(v, "cipher", d && held ? d->cipher : NULL);
	json_set_string(v, "backing", backing);
}

/**
 * storage_show - complete what users are shown of an object
 * @m: the manager
 * @o: a key, pool or volume
 * @v: its configuration, as JSON
 *
 * Context: method call.
 */
void storage_show(struct manager *m, struct object *o, sd_json_variant **v)
{
	if (o->kind == KIND_KEY)
		show_key(m, o, v);
	else if (o->kind == KIND_POOL)
		show_pool(m, o, v);
	else
		show_volume(m, o, v);
}

/**
 * storage_attached - how many volumes are attached
 * @m: the manager
 *
 * Context: method call.
 * Return: the number of those that work.
 */
size_t storage_attached(struct manager *m)
{
	struct object *o;
	size_t n = 0;

	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o)
		n += VOLUME(o)->holder != HOLDER_NONE && ebs_device(m, o->id) &&
			!ebs_failure(m, o->id);
	return n;
}

/**
 * storage_problems - say what does not work
 * @m: the manager
 * @list: the sentences, appended
 *
 * Context: method call.
 */
void storage_problems(struct manager *m, struct json_list *list)
{
	struct object *o;

	FOR_EACH_OBJECT(&m->model, KIND_POOL, o) {
		const struct usage *u = usage_of(m, o->id);

		if (u->reason)
			json_list_add_string(list, u->reason);
	}
	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o) {
		const char *reason = ebs_failure(m, o->id);
		_cleanup_free_ char *text = NULL;

		if (!reason || VOLUME(o)->holder == HOLDER_NONE)
			continue;
		text = startswith(reason, "volume '") ? xstrdup(reason) :
			xprintf("volume '%s': %s", o->name, reason);
		json_list_add_string(list, text);
	}
	for (size_t i = 0; i < m->storage->intents.cap; i++) {
		const char *id = m->storage->intents.slots[i].key;
		_cleanup_free_ char *text = NULL;

		if (!id || storage_busy(m, id))
			continue;
		text = xprintf("what is left of %s could not be cleaned up yet", id);
		json_list_add_string(list, text);
	}
}
