// SPDX-License-Identifier: GPL-2.0
/* Pool: a directory, an LVM thin pool or a device that volumes get space from. */

#include <ctype.h>
#include <limits.h>

#include "object.h"

#define SIZE_UNIT (1ULL << 20)

static const struct json_key keys[] = {
	{ "dir", T_STRING }, { "vg", T_STRING }, { "device", T_STRING },
	{ "size", T_TEXT }, { "sparse", T_BOOL }, { "uuid", T_STRING },
};

static const char *const kind_names[POOL_KIND_MAX] = {
	[POOL_DIR] = "dir", [POOL_VG] = "vg", [POOL_DEVICE] = "device",
};

/**
 * pool_kind_name - the JSON key that names a pool's place
 * @kind: what lies there
 *
 * Context: any.
 * Return: its name.
 */
const char *pool_kind_name(enum pool_kind kind)
{
	return kind_names[kind];
}

/**
 * size_text - a size with the greatest suffix that is exact
 * @size: bytes
 *
 * Context: any.
 * Return: such as "10G", to be freed.
 */
char *size_text(uint64_t size)
{
	static const char suffixes[] = "KMGT";
	int n = 0;

	while (n < 4 && size && size % 1024 == 0) {
		size /= 1024;
		n++;
	}
	return n ? xprintf("%llu%c", (unsigned long long)size, suffixes[n - 1]) :
		   xprintf("%llu", (unsigned long long)size);
}

/**
 * json_size - read a size: bytes, or text with a suffix
 * @v: the object
 * @key: its key
 * @ret: the bytes; untouched if the key is absent
 * @e: says what is wrong
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int json_size(sd_json_variant *v, const char *key, uint64_t *ret, struct error *e)
{
	static const char suffixes[] = "KMGT";
	sd_json_variant *value = json_get(v, key);
	_cleanup_free_ char *path = xprintf("/%s", key), *text = NULL;
	const char *suffix;
	uint64_t size;
	size_t len;

	if (!value)
		return 0;
	if (json_text(value, &text) < 0)
		return fail_at(e, path, "'%s' must be a size", key);
	len = strlen(text);
	suffix = len ? strchr(suffixes, text[len - 1]) : NULL;
	if (suffix) {
		_cleanup_free_ char *digits = xstrndup(text, len - 1);

		if (parse_uint(digits, 0, INT64_MAX >> 10 * (suffix - suffixes + 1), &size) < 0)
			suffix = NULL;
		else
			size <<= 10 * (suffix - suffixes + 1);
	} else if (!parse_uint(text, 0, INT64_MAX, &size)) {
		suffix = suffixes;
	}
	if (!suffix)
		return fail_at(e, path, "'%.32s' is no size such as 512M, 10G or 1T", text);
	*ret = size;
	return 0;
}

/* How many characters there are before one that is no letter, no digit and not of @others */
static size_t span(const char *s, const char *others)
{
	size_t n = 0;

	while (s[n] && (isalnum((unsigned char)s[n]) || strchr(others, s[n])))
		n++;
	return n;
}

/* What LVM takes for a name, and what cannot be taken for an option */
static bool lvm_name(const char *name)
{
	size_t n = span(name, "+_.-");

	return n && n < 128 && !name[n] && *name != '-' && strcmp(name, ".") &&
		strcmp(name, "..");
}

static int parse_vg(struct object *o, const char *vg, struct error *e)
{
	const char *slash = strchr(vg, '/');
	struct pool *p = POOL(o);

	if (slash) {
		p->vg = xstrndup(vg, slash - vg);
		p->thin = xstrdup(slash + 1);
	}
	if (!slash || !lvm_name(p->vg) || !lvm_name(p->thin))
		return fail_at(e, "/vg", "'%.128s' is no VG/THINPOOL of LVM", vg);
	return 0;
}

/* As it is used: from the root, with no way back and no doubt */
static int check_path(const struct object *o, const char *key, const char *path, struct error *e)
{
	_cleanup_free_ char *at = xprintf("/%s", key), *copy = xstrdup(path);
	bool good = *path == '/' && path[1] && strlen(path) < PATH_MAX - 64;
	char *rest = copy, *part;

	for (const char *c = path; *c; c++)
		good &= *c >= ' ' && *c != 0x7f;
	good &= path[strlen(path) - 1] != '/' && !strstr(path, "//");
	while (good && (part = strsep(&rest, "/")))
		good = strcmp(part, ".") && strcmp(part, "..");
	if (good)
		return 0;
	return fail_at(e, at, "'%.128s' of pool '%s' is no absolute path without '.', '..' and '//'",
		       path, o->name);
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	const char *dir = json_string(v, "dir"), *vg = json_string(v, "vg");
	const char *device = json_string(v, "device"), *uuid = json_string(v, "uuid");
	struct pool *p = POOL(o);
	int r;

	if (!!dir + !!vg + !!device != 1)
		return fail(e, ERR_INVALID,
			    "pool '%s' must be one of a directory, a volume group and a device",
			    o->name);
	p->kind = dir ? POOL_DIR : vg ? POOL_VG : POOL_DEVICE;
	p->path = xstrdup(dir ? dir : device);
	p->uuid = xstrdup(uuid);
	if (uuid && (strlen(uuid) > 64 || uuid[span(uuid, "-")]))
		return fail_at(e, "/uuid", "the UUID of pool '%s' is damaged", o->name);
	r = vg ? parse_vg(o, vg, e) : check_path(o, kind_names[p->kind], p->path, e);
	if (r < 0)
		return r;
	p->sparse = json_flag(v, "sparse");
	if (p->sparse && device)
		return fail_at(e, "/sparse", "pool '%s' is a device and cannot be sparse", o->name);
	r = json_size(v, "size", &p->size, e);
	if (r < 0)
		return r;
	if (dir && (!p->size || p->size % SIZE_UNIT))
		return fail_at(e, "/size",
			       "pool '%s' needs a size, a multiple of 1M, that its volumes may take",
			       o->name);
	if (!dir && json_get(v, "size"))
		return fail_at(e, "/size", "the size of pool '%s' is that of its %s", o->name,
			       vg ? "thin pool" : "device");
	return 0;
}

static sd_json_variant *build(const struct object *o)
{
	const struct pool *p = POOL(o);
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	if (p->kind == POOL_VG) {
		_cleanup_free_ char *vg = xprintf("%s/%s", p->vg, p->thin);

		json_pair_string(&v, "vg", vg);
	} else {
		json_pair_string(&v, kind_names[p->kind], p->path);
	}
	if (p->kind == POOL_DIR)
		json_pair_uint(&v, "size", p->size);
	if (p->kind != POOL_DEVICE)
		json_pair_bool(&v, "sparse", p->sparse);
	json_pair_string(&v, "uuid", p->uuid);
	return json_object_take(&v);
}

static void release(struct object *o)
{
	struct pool *p = POOL(o);

	free(p->path);
	free(p->vg);
	free(p->thin);
	free(p->uuid);
}

const struct kind_ops pool_ops = {
	.name = "pool", .verb = "pool", .label = "pool", .id_prefix = "pool",
	.size = sizeof(struct pool),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .free = release,
};
