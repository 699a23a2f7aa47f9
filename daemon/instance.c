// SPDX-License-Identifier: GPL-2.0
/* Instance: a virtual machine or bare metal, with its ENIs and volumes. */

#include <stdio.h>

#include "object.h"

#define MIB (1ULL << 20)
#define MEMORY_MIN (32 * MIB)
#define MEMORY_MAX (1ULL << 44)

static const struct json_key keys[] = {
	{ "kind", T_STRING },
	{ "vcpus", T_UINT }, { "memory", T_TEXT }, { "kernel", T_STRING },
	{ "initrd", T_STRING }, { "cmdline", T_STRING }, { "boot", T_STRING },
	{ "user_data", T_STRING }, { "public_keys", T_STRINGS }, { "restart", T_STRING },
	{ "enclaves", T_BOOL }, { "wish", T_STRING }, { "launched", T_UINT }, { "ended", T_UINT },
};

static const char *const wish_names[WISH_MAX] = {
	[WISH_RUNNING] = "running", [WISH_STOPPED] = "stopped",
	[WISH_TERMINATED] = "terminated",
};

static const char *const kind_names[INSTANCE_KINDS] = {
	[INSTANCE_VM] = "vm", [INSTANCE_METAL] = "metal", [INSTANCE_HOST] = "host",
	[INSTANCE_ENCLAVE] = "enclave",
};

static const char *const restart_names[RESTART_MAX] = {
	[RESTART_ON_FAILURE] = "on-failure", [RESTART_NO] = "no",
};

/**
 * wish_name - what the user wants of an instance, in JSON
 * @wish: what
 *
 * Context: any.
 * Return: its name.
 */
const char *wish_name(enum wish wish)
{
	return wish_names[wish];
}

/**
 * instance_kind_name - what an instance is, in JSON
 * @kind: which kind
 *
 * Context: any.
 * Return: its name.
 */
const char *instance_kind_name(enum instance_kind kind)
{
	return kind_names[kind];
}

/* Return: the place of @text in @names, @n if it is not there, 0 if it is NULL */
static unsigned int find(const char *text, const char *const *names, unsigned int n)
{
	unsigned int i = 0;

	while (text && i < n && strcmp(names[i], text))
		i++;
	return i;
}

/* Control characters would be the guest kernel's business, and people's terminals' */
static bool printable(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			return false;
	return true;
}

static int parse_size(struct object *o, sd_json_variant *v, struct error *e)
{
	struct instance *i = INSTANCE(o);
	uint64_t most = i->kind == INSTANCE_VM ? VCPUS_MAX : CPUS_MAX;
	int r;

	i->vcpus = json_uint(v, "vcpus", 1);
	if (!i->vcpus || i->vcpus > most)
		return fail_at(e, "/vcpus", "vcpus %llu of instance '%s' is not from 1 to %llu",
			       (unsigned long long)i->vcpus, o->name, (unsigned long long)most);
	i->memory = 512 * MIB;
	r = json_size(v, "memory", &i->memory, e);
	if (r < 0)
		return r;
	if (i->memory < MEMORY_MIN || i->memory > MEMORY_MAX || i->memory % MIB)
		return fail_at(e, "/memory",
			       "memory %llu of instance '%s' is no multiple of 1M from 32M to 16T",
			       (unsigned long long)i->memory, o->name);
	return 0;
}

/* An operating system without a VMM has a kernel already: this host's */
static int check_metal(const struct object *o, struct error *e)
{
	const struct instance *i = INSTANCE(o);
	const char *key = i->kernel ? "kernel" : i->initrd ? "initrd" : i->cmdline ? "cmdline" : NULL;
	_cleanup_free_ char *path = key ? xprintf("/%s", key) : NULL;

	if (i->enclaves)
		return fail_at(e, "/enclaves",
			       "'enclaves' of instance '%s' is for a virtual machine: bare metal finds its enclaves through this host's sockets",
			       o->name);
	if (key)
		return fail_at(e, path,
			       "'%s' of instance '%s' is for a virtual machine: bare metal runs on this host's kernel",
			       key, o->name);
	if (i->kind == INSTANCE_METAL && !i->boot)
		return fail(e, ERR_INVALID, "instance '%s' needs a volume to boot", o->name);
	if (i->kind == INSTANCE_HOST && i->boot)
		return fail_at(e, "/boot", "instance '%s' is this host, which has booted already",
			       o->name);
	return 0;
}

static int parse_boot(struct object *o, sd_json_variant *v, struct error *e)
{
	struct instance *i = INSTANCE(o);

	i->kernel = xstrdup(json_string(v, "kernel"));
	i->initrd = xstrdup(json_string(v, "initrd"));
	i->cmdline = xstrdup(json_string(v, "cmdline"));
	i->boot = xstrdup(json_string(v, "boot"));
	i->enclaves = json_flag(v, "enclaves");
	if (i->kind != INSTANCE_VM)
		return check_metal(o, e);
	if (!i->kernel == !i->boot)
		return fail(e, ERR_INVALID,
			    "instance '%s' needs something to boot: either a kernel or a volume",
			    o->name);
	if (i->initrd && !i->kernel)
		return fail_at(e, "/initrd", "'initrd' of instance '%s' goes with a kernel",
			       o->name);
	if (i->cmdline && !i->kernel)
		return fail_at(e, "/cmdline", "'cmdline' of instance '%s' goes with a kernel",
			       o->name);
	if (i->cmdline && (!printable(i->cmdline) || strlen(i->cmdline) > CMDLINE_MAX_SIZE))
		return fail_at(e, "/cmdline",
			       "the command line of instance '%s' has control characters or more than %d bytes",
			       o->name, CMDLINE_MAX_SIZE);
	return 0;
}

static int parse_user_data(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *text = json_get(v, "user_data");
	_cleanup_free_ void *data = NULL;
	size_t size = 0;

	if (!text)
		return 0;
	if (sd_json_variant_unbase64(text, &data, &size) < 0)
		return fail_at(e, "/user_data", "user data of instance '%s' are not in base64",
			       o->name);
	if (size > USER_DATA_MAX)
		return fail_at(e, "/user_data",
			       "user data of instance '%s' have %zu bytes, %d are allowed", o->name,
			       size, USER_DATA_MAX);
	INSTANCE(o)->user_data = xstrdup(json_string(v, "user_data"));
	return 0;
}

static int parse_public_keys(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *list = json_get(v, "public_keys");
	size_t n = list ? sd_json_variant_elements(list) : 0;

	if (n > PUBLIC_KEYS_MAX)
		return fail_at(e, "/public_keys", "instance '%s' has %zu public keys, %d are allowed",
			       o->name, n, PUBLIC_KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(list, i));
		size_t type = strcspn(key, " ");

		if (!type || !key[type] || !printable(key) || strlen(key) > 8192 ||
		    (!startswith(key, "ssh-") && !startswith(key, "ecdsa-") &&
		     !startswith(key, "sk-")))
			return fail_at(e, "/public_keys",
				       "a public key of instance '%s' is not as OpenSSH writes it",
				       o->name);
		strings_add(&INSTANCE(o)->public_keys, key);
	}
	return 0;
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	const char *restart = json_string(v, "restart"), *wish = json_string(v, "wish");
	const char *kind = json_string(v, "kind");
	struct instance *i = INSTANCE(o);
	int r;

	i->kind = find(kind, kind_names, INSTANCE_KINDS);
	/* an enclave is none of them */
	if (i->kind >= INSTANCE_ENCLAVE)
		return fail_at(e, "/kind", "kind '%s' of instance '%s' is none of vm, metal, host",
			       kind, o->name);
	i->restart = find(restart, restart_names, RESTART_MAX);
	if (i->restart == RESTART_MAX)
		return fail_at(e, "/restart", "restart '%s' of instance '%s' is none of on-failure, no",
			       restart, o->name);
	i->wish = find(wish, wish_names, WISH_MAX);
	if (i->wish == WISH_MAX)
		return fail_at(e, "/wish", "wish '%s' of instance '%s' cannot be", wish, o->name);
	i->launched = json_uint(v, "launched", 0);
	i->ended = json_uint(v, "ended", 0);
	r = parse_size(o, v, e);
	if (r >= 0)
		r = parse_boot(o, v, e);
	if (r >= 0)
		r = parse_user_data(o, v, e);
	return r < 0 ? r : parse_public_keys(o, v, e);
}

static sd_json_variant *build(const struct object *o)
{
	const struct instance *i = INSTANCE(o);
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "kind", kind_names[i->kind]);
	json_pair_uint(&v, "vcpus", i->vcpus);
	json_pair_uint(&v, "memory", i->memory);
	json_pair_string(&v, "kernel", i->kernel);
	json_pair_string(&v, "initrd", i->initrd);
	json_pair_string(&v, "cmdline", i->cmdline);
	json_pair_string(&v, "boot", i->boot);
	json_pair_string(&v, "user_data", i->user_data);
	json_pair(&v, "public_keys", json_from_strings(&i->public_keys));
	json_pair_bool(&v, "enclaves", i->enclaves);
	json_pair_string(&v, "restart", restart_names[i->restart]);
	json_pair_string(&v, "wish", wish_names[i->wish]);
	json_pair_uint(&v, "launched", i->launched);
	json_pair_uint(&v, "ended", i->ended);
	return json_object_take(&v);
}

/**
 * instance_has - is an ENI or a volume an instance's?
 * @instance: the instance
 * @o: the ENI or volume
 *
 * Context: any.
 * Return: true if it is: attached to it, or to this host, which is the instance.
 */
bool instance_has(const struct object *instance, const struct object *o)
{
	bool host;

	if (instance->kind != KIND_INSTANCE)
		return false;
	host = INSTANCE(instance)->kind == INSTANCE_HOST &&
		INSTANCE(instance)->wish != WISH_TERMINATED;

	if (o->kind == KIND_ENI)
		return model_eni_is_held(o, instance->name) ||
			(host && ENI(o)->attachment.kind == ATTACH_LOCAL);
	return model_volume_is_held(o, instance->name) ||
		(host && VOLUME(o)->holder == HOLDER_LOCAL);
}

/* What it has boots it until it is terminated */
static int references(const struct object *o, reference_fn fn, void *userdata)
{
	const struct instance *i = INSTANCE(o);
	struct reference boot = { .kind = KIND_VOLUME, .name = i->boot, .path = "/boot" };

	return i->boot && i->wish != WISH_TERMINATED ? fn(o, &boot, userdata) : 0;
}

static void release(struct object *o)
{
	struct instance *i = INSTANCE(o);

	free(i->kernel);
	free(i->initrd);
	free(i->cmdline);
	free(i->boot);
	free(i->user_data);
	strings_free(&i->public_keys);
}

const struct kind_ops instance_ops = {
	.name = "instance", .verb = "instance", .label = "instance", .id_prefix = "i",
	.size = sizeof(struct instance),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
