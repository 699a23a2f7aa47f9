// SPDX-License-Identifier: GPL-2.0
/* Enclave: an isolated machine that is started once, from an image that was measured. */

#include <stdio.h>

#include "object.h"

#define MIB (1ULL << 20)
#define MEMORY_MIN (64 * MIB)
#define MEMORY_MAX (1ULL << 40)	/* of nitro-hypervisor */

static const struct json_key keys[] = {
	{ "image", T_STRING }, { "image_name", T_STRING }, { "image_version", T_STRING },
	{ "cpus", T_UINT }, { "memory", T_TEXT }, { "cid", T_UINT }, { "parent", T_STRING },
	{ "debug", T_BOOL }, { "pool", T_BOOL }, { "measurements", T_OBJECT },
	{ "wish", T_STRING }, { "launched", T_UINT }, { "ended", T_UINT },
	{ "ending", T_STRING },
};

static int parse_size(struct object *o, sd_json_variant *v, struct error *e)
{
	struct instance *i = INSTANCE(o);
	uint64_t cid = json_uint(v, "cid", ENCLAVE_CID_FIRST);
	int r;

	i->vcpus = json_uint(v, "cpus", 1);
	if (!i->vcpus || i->vcpus > ENCLAVE_CPUS_MAX)
		return fail_at(e, "/cpus", "cpus %llu of enclave '%s' is not from 1 to %d",
			       (unsigned long long)i->vcpus, o->name, ENCLAVE_CPUS_MAX);
	i->memory = 512 * MIB;
	r = json_size(v, "memory", &i->memory, e);
	if (r < 0)
		return r;
	if (i->memory < MEMORY_MIN || i->memory > MEMORY_MAX || i->memory % ENCLAVE_GRAIN)
		return fail_at(e, "/memory",
			       "memory %llu of enclave '%s' is no multiple of 2M from 64M to 1T",
			       (unsigned long long)i->memory, o->name);
	if (cid < ENCLAVE_CID_MIN || cid >= UINT32_MAX)
		return fail_at(e, "/cid", "cid %llu of enclave '%s' is not from %d to %u",
			       (unsigned long long)cid, o->name, ENCLAVE_CID_MIN, UINT32_MAX - 1);
	ENCLAVE(o)->cid = cid;
	return 0;
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *measurements = json_get(v, "measurements");
	const char *wish = json_string(v, "wish");
	struct enclave *x = ENCLAVE(o);

	x->i.kind = INSTANCE_ENCLAVE;
	x->i.restart = RESTART_NO;
	x->i.wish = streq(wish, wish_name(WISH_TERMINATED)) ? WISH_TERMINATED : WISH_RUNNING;
	if (wish && !streq(wish, wish_name(x->i.wish)))
		return fail_at(e, "/wish", "wish '%s' of enclave '%s' cannot be", wish, o->name);
	x->i.launched = json_uint(v, "launched", 0);
	x->i.ended = json_uint(v, "ended", 0);
	x->i.ending = xstrdup(json_string(v, "ending"));
	x->image = xstrdup(json_string(v, "image"));
	x->image_name = xstrdup(json_string(v, "image_name"));
	x->image_version = xstrdup(json_string(v, "image_version"));
	x->parent = xstrdup(json_string(v, "parent"));
	x->debug = json_flag(v, "debug");
	x->pool = json_flag(v, "pool");
	if (measurements && sd_json_variant_format(measurements, 0, &x->measurements) < 0)
		abort();
	return parse_size(o, v, e);
}

static sd_json_variant *build(const struct object *o)
{
	const struct enclave *x = ENCLAVE(o);
	sd_json_variant *measurements = NULL;
	struct json_list v = {};

	if (x->measurements &&
	    sd_json_parse(x->measurements, 0, &measurements, NULL, NULL) < 0)
		abort();
	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "image", x->image);
	json_pair_string(&v, "image_name", x->image_name);
	json_pair_string(&v, "image_version", x->image_version);
	json_pair_uint(&v, "cpus", x->i.vcpus);
	json_pair_uint(&v, "memory", x->i.memory);
	json_pair_uint(&v, "cid", x->cid);
	json_pair_string(&v, "parent", x->parent);
	json_pair_bool(&v, "debug", x->debug);
	json_pair_bool(&v, "pool", x->pool);
	json_pair(&v, "measurements", measurements);
	json_pair_string(&v, "wish", wish_name(x->i.wish));
	json_pair_uint(&v, "launched", x->i.launched);
	json_pair_uint(&v, "ended", x->i.ended);
	json_pair_string(&v, "ending", x->i.ending);
	return json_object_take(&v);
}

/* A parent stays for as long as it may have enclaves */
static int references(const struct object *o, reference_fn fn, void *userdata)
{
	const struct enclave *x = ENCLAVE(o);
	struct reference parent = { .kind = KIND_INSTANCE, .name = x->parent, .path = "/parent" };

	return x->parent && !x->i.ended ? fn(o, &parent, userdata) : 0;
}

static void release(struct object *o)
{
	struct enclave *x = ENCLAVE(o);

	free(x->image);
	free(x->image_name);
	free(x->image_version);
	free(x->parent);
	free(x->measurements);
	free(x->i.ending);
}

const struct kind_ops enclave_ops = {
	.name = "enclave", .verb = "enclave", .label = "enclave", .id_prefix = "enc",
	.size = sizeof(struct enclave),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
