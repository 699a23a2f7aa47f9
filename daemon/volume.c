// SPDX-License-Identifier: GPL-2.0
/* Volume: an encrypted block device with space in a pool. */

#include <stdio.h>

#include "object.h"
#include "secret.h"

#define SIZE_MIN (1ULL << 20)
#define SIZE_UNIT 4096ULL
#define SIZE_MAX_BYTES (1ULL << 50)
#define LIMIT_MAX_IOPS 100000000ULL
#define LIMIT_MAX_THROUGHPUT 1000000ULL

static const struct json_key keys[] = {
	{ "pool", T_STRING }, { "size", T_TEXT }, { "sector_size", T_UINT },
	{ "iops", T_UINT }, { "throughput", T_UINT }, { "instance_store", T_BOOL },
	{ "key", T_STRING }, { "key_generation", T_UINT }, { "data_key", T_STRING },
	{ "offset", T_UINT }, { "attachment", T_OBJECT },
};

static const struct json_key attachment_keys[] = {
	{ "kind", T_STRING }, { "instance", T_STRING }, { "index", T_UINT },
};

static const char *const holder_names[] = {
	[HOLDER_NONE] = "none", [HOLDER_LOCAL] = "local", [HOLDER_INSTANCE] = "instance",
};

/**
 * holder_kind_name - a kind of holder in JSON
 * @kind: the kind
 *
 * Context: any.
 * Return: its name.
 */
const char *holder_kind_name(enum holder_kind kind)
{
	return holder_names[kind];
}

static int parse_attachment(struct object *o, sd_json_variant *v, struct error *e)
{
	struct volume *vol = VOLUME(o);
	const char *kind, *instance;

	if (!v)
		return 0;
	if (json_check_keys(v, attachment_keys, ARRAY_SIZE(attachment_keys), NULL, 0, e) < 0) {
		error_prefix(e, "/attachment");
		return -EINVAL;
	}
	kind = json_string(v, "kind");
	instance = json_string(v, "instance");
	if (streq(kind, "local") && !instance)
		vol->holder = HOLDER_LOCAL;
	else if (streq(kind, "instance") && instance)
		vol->holder = HOLDER_INSTANCE;
	else
		return fail_at(e, "/attachment",
			       "volume '%s' can be attached to this host or to an instance", o->name);
	if (instance && name_check(instance, e) < 0 && strncmp(instance, "i-", 2))
		return -EINVAL;
	error_clear(e);
	vol->instance = xstrdup(instance);
	vol->index = json_uint(v, "index", 0);
	if (json_get(v, "index") && (!instance || vol->index >= INSTANCE_VOLUMES_MAX))
		return fail_at(e, "/attachment/index", "index %u cannot be", vol->index);
	return 0;
}

static int parse_size(struct object *o, sd_json_variant *v, struct error *e)
{
	struct volume *vol = VOLUME(o);
	int r = json_size(v, "size", &vol->size, e);

	if (r < 0)
		return r;
	if (!json_get(v, "size"))
		return fail(e, ERR_INVALID, "volume '%s' needs a size", o->name);
	if (vol->size % SIZE_UNIT)
		return fail_at(e, "/size", "size %llu of volume '%s' is no multiple of 4096 bytes",
			       (unsigned long long)vol->size, o->name);
	if (vol->size < SIZE_MIN || vol->size > SIZE_MAX_BYTES)
		return fail_at(e, "/size", "size %llu of volume '%s' is not from 1M to 1024T",
			       (unsigned long long)vol->size, o->name);
	vol->sector_size = json_uint(v, "sector_size", 512);
	if (vol->sector_size != 512 && vol->sector_size != 1024 && vol->sector_size != 2048 &&
	    vol->sector_size != 4096)
		return fail_at(e, "/sector_size",
			       "sector size of volume '%s' must be 512, 1024, 2048 or 4096",
			       o->name);
	return 0;
}

static int parse_key(struct object *o, sd_json_variant *v, struct error *e)
{
	struct volume *vol = VOLUME(o);

	vol->key = xstrdup(json_string(v, "key"));
	vol->data_key = xstrdup(json_string(v, "data_key"));
	vol->generation = json_uint(v, "key_generation", 0);
	if (vol->instance_store && (vol->key || vol->data_key))
		return fail_at(e, "/key",
			       "volume '%s' is an instance store: the kernel makes its key",
			       o->name);
	if (vol->data_key && (!secret_wrapped_check(vol->data_key) || !vol->key ||
			      !vol->generation))
		return fail_at(e, "/data_key", "the wrapped data key of volume '%s' is damaged",
			       o->name);
	return 0;
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	struct volume *vol = VOLUME(o);
	int r;

	vol->pool = xstrdup(json_string(v, "pool"));
	vol->instance_store = json_flag(v, "instance_store");
	vol->iops = json_uint(v, "iops", 0);
	vol->throughput = json_uint(v, "throughput", 0);
	vol->offset = json_uint(v, "offset", OFFSET_NONE);
	if (vol->iops > LIMIT_MAX_IOPS)
		return fail_at(e, "/iops", "limit of volume '%s' is above %llu operations a second",
			       o->name, LIMIT_MAX_IOPS);
	if (vol->throughput > LIMIT_MAX_THROUGHPUT)
		return fail_at(e, "/throughput", "limit of volume '%s' is above %llu MiB a second",
			       o->name, LIMIT_MAX_THROUGHPUT);
	r = parse_size(o, v, e);
	if (r >= 0)
		r = parse_key(o, v, e);
	return r < 0 ? r : parse_attachment(o, json_get(v, "attachment"), e);
}

static sd_json_variant *build_attachment(const struct volume *vol)
{
	struct json_list v = {};

	if (vol->holder == HOLDER_NONE)
		return NULL;
	json_pair_string(&v, "kind", holder_names[vol->holder]);
	json_pair_string(&v, "instance", vol->instance);
	if (vol->holder == HOLDER_INSTANCE)
		json_pair_uint(&v, "index", vol->index);
	return json_object_take(&v);
}

static sd_json_variant *build(const struct object *o)
{
	const struct volume *vol = VOLUME(o);
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "pool", vol->pool);
	json_pair_uint(&v, "size", vol->size);
	json_pair_uint(&v, "sector_size", vol->sector_size);
	json_pair_uint(&v, "iops", vol->iops);
	json_pair_uint(&v, "throughput", vol->throughput);
	json_pair_bool(&v, "instance_store", vol->instance_store);
	json_pair_string(&v, "key", vol->key);
	if (vol->data_key) {
		json_pair_uint(&v, "key_generation", vol->generation);
		json_pair_string(&v, "data_key", vol->data_key);
	}
	if (vol->offset != OFFSET_NONE)
		json_pair_uint(&v, "offset", vol->offset);
	json_pair(&v, "attachment", build_attachment(vol));
	return json_object_take(&v);
}

static int references(const struct object *o, reference_fn fn, void *userdata)
{
	const struct volume *vol = VOLUME(o);
	struct reference pool = { .kind = KIND_POOL, .name = vol->pool, .path = "/pool" };
	struct reference key = { .kind = KIND_KEY, .name = vol->key, .path = "/key" };
	int r = vol->pool ? fn(o, &pool, userdata) : 0;

	return r || !vol->key ? r : fn(o, &key, userdata);
}

static void release(struct object *o)
{
	struct volume *vol = VOLUME(o);

	free(vol->pool);
	free(vol->key);
	free(vol->data_key);
	free(vol->instance);
}

const struct kind_ops volume_ops = {
	.name = "volume", .verb = "volume", .label = "volume", .id_prefix = "vol",
	.size = sizeof(struct volume),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
