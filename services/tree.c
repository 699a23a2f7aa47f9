// SPDX-License-Identifier: GPL-2.0
/*
 * The tree of metadata, in EC2's words (EC2 User Guide, instancedata-data-
 * categories). It is written down for each request, as paths and values in the
 * order in which directories list them: there is nothing to keep in step.
 */

#include <stdio.h>

#include "tree.h"

#define META "meta-data/"
#define IDENTITY "dynamic/instance-identity/"

/* What clients ask for; all have the same content */
static const char *const versions[] = {
	"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15",
	"2008-02-01", "2008-09-01", "2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12",
	"2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19", "2016-06-30", "2016-09-02",
	"2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03",
	"2021-03-23", "2021-07-15", "2022-09-24", "latest",
};

struct node {
	char *path;
	char *value;
};

struct tree {
	struct node *v;
	size_t n, cap;
};

static void add(struct tree *t, char *path, char *value)
{
	GROW(t->v, t->n, t->cap);
	t->v[t->n++] = (struct node){ .path = path, .value = value };
}

static void leaf(struct tree *t, const char *directory, const char *name, const char *value)
{
	if (value && *value)
		add(t, xprintf("%s%s", directory, name), xstrdup(value));
}

static void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].path);
		free(t->v[i].value);
	}
	free(t->v);
}

static void add_line(struct text *t, const char *line)
{
	text_add(t, "%s%s", t->n ? "\n" : "", line);
}

static void leaf_strings(struct tree *t, const char *directory, const char *name,
			 const struct strings *list)
{
	_cleanup_text_ struct text text = {};

	for (size_t i = 0; i < list->n; i++)
		add_line(&text, list->v[i]);
	leaf(t, directory, name, text.s);
}

enum which { ALL, ADDRESSES, DELEGATED };

static void leaf_prefixes(struct tree *t, const char *directory, const char *name,
			  const struct addresses *list, bool v6, enum which which)
{
	_cleanup_text_ struct text text = {};
	char buf[PREFIX_STRLEN];

	for (size_t i = 0; i < list->n; i++) {
		const struct prefix *p = &list->v[i];

		if (p->v6 != v6 || (which == ADDRESSES && !prefix_is_host(p)) ||
		    (which == DELEGATED && prefix_is_host(p)))
			continue;
		add_line(&text, which == ADDRESSES ? prefix_format_short(p, buf) :
						     prefix_format(p, buf));
	}
	leaf(t, directory, name, text.s);
}

static void leaf_address(struct tree *t, const char *directory, const char *name,
			 const struct eni *eni, bool v6)
{
	const struct prefix *p = eni_primary(eni, v6);
	char buf[PREFIX_STRLEN];

	leaf(t, directory, name, p ? prefix_format_short(p, buf) : NULL);
}

static void leaf_cidr(struct tree *t, const char *directory, const char *name,
		      const struct prefix *cidr)
{
	char buf[PREFIX_STRLEN];

	leaf(t, directory, name, cidr ? prefix_format(cidr, buf) : NULL);
}

static const struct prefix *first_cidr(const struct addresses *list, bool v6)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].v6 == v6)
			return &list->v[i];
	return NULL;
}

static void add_interface(struct tree *t, const struct services *s, const struct eni *eni,
			  unsigned int number)
{
	_cleanup_free_ char *dir = xprintf(META "network/interfaces/macs/%s/", eni->mac_text);
	_cleanup_free_ char *host = eni_hostname(eni, s->domain);
	_cleanup_free_ char *device = xprintf("%u", number);

	leaf(t, dir, "device-number", device);
	leaf(t, dir, "interface-id", eni->id);
	leaf_prefixes(t, dir, "ipv4-prefix", &eni->ips, false, DELEGATED);
	leaf_prefixes(t, dir, "ipv6-prefix", &eni->ips, true, DELEGATED);
	leaf_prefixes(t, dir, "ipv6s", &eni->ips, true, ADDRESSES);
	leaf(t, dir, "local-hostname", host);
	leaf_prefixes(t, dir, "local-ipv4s", &eni->ips, false, ADDRESSES);
	leaf(t, dir, "mac", eni->mac_text);
	leaf_strings(t, dir, "security-group-ids", &eni->group_ids);
	leaf_strings(t, dir, "security-groups", &eni->group_names);
	leaf(t, dir, "subnet-id", eni->subnet_id);
	leaf_cidr(t, dir, "subnet-ipv4-cidr-block", eni_cidr(eni, false));
	leaf_prefixes(t, dir, "subnet-ipv6-cidr-blocks", &eni->subnet_cidrs, true, ALL);
	leaf(t, dir, "vpc-id", eni->vpc_id);
	leaf_cidr(t, dir, "vpc-ipv4-cidr-block", first_cidr(&eni->vpc_cidrs, false));
	leaf_prefixes(t, dir, "vpc-ipv4-cidr-blocks", &eni->vpc_cidrs, false, ALL);
	leaf_prefixes(t, dir, "vpc-ipv6-cidr-blocks", &eni->vpc_cidrs, true, ALL);
}

/* All ENIs of the instance, the one that was asked by first */
static void add_interfaces(struct tree *t, const struct services *s, const struct eni *eni)
{
	unsigned int number = 0;
	struct eni *other;
	uint32_t at = 0;

	add_interface(t, s, eni, number++);
	while (eni->instance.id && (other = enis_next(&s->enis, &at)))
		if (other != eni && streq(other->instance.id, eni->instance.id))
			add_interface(t, s, other, number++);
}

static void add_keys(struct tree *t, const struct instance *i)
{
	for (size_t k = 0; k < i->keys.n; k++) {
		_cleanup_free_ char *dir = xprintf(META "public-keys/%zu/", k);

		leaf(t, dir, "openssh-key", i->keys.v[k]);
	}
}

static void add_metadata(struct tree *t, const struct services *s, const struct eni *eni)
{
	_cleanup_free_ char *host = eni_hostname(eni, s->domain);
	const struct instance *i = &eni->instance;

	leaf(t, META, "ami-launch-index", i->id ? "0" : NULL);
	leaf(t, META, "hostname", host);
	leaf(t, META, "instance-action", i->id ? "none" : NULL);
	leaf(t, META, "instance-id", i->id);
	leaf(t, META, "instance-life-cycle", i->id ? "on-demand" : NULL);
	leaf(t, META, "instance-type", i->type);
	leaf_address(t, META, "ipv6", eni, true);
	leaf(t, META, "local-hostname", host);
	leaf_address(t, META, "local-ipv4", eni, false);
	leaf(t, META, "mac", eni->mac_text);
	add_interfaces(t, s, eni);
	leaf(t, META "placement/", "availability-zone", s->zone);
	leaf(t, META "placement/", "region", s->region);
	add_keys(t, i);
	leaf_strings(t, META, "security-groups", &eni->group_names);
	leaf(t, META "services/", "domain", s->domain);
	leaf(t, META "services/", "partition", "aws");
}

static char *make_document(const struct services *s, const struct eni *eni)
{
	const struct prefix *ip = eni_primary(eni, false);
	_cleanup_json_ sd_json_variant *v = NULL;
	char buf[PREFIX_STRLEN];
	char *text = NULL;

	if (!ip)
		ip = eni_primary(eni, true);
	if (sd_json_buildo(&v,
		SD_JSON_BUILD_PAIR_STRING("architecture", "x86_64"),
		SD_JSON_BUILD_PAIR_STRING("availabilityZone", s->zone),
		SD_JSON_BUILD_PAIR_STRING("instanceId", eni->instance.id),
		SD_JSON_BUILD_PAIR_CONDITION(!!eni->instance.type, "instanceType",
					     SD_JSON_BUILD_STRING(eni->instance.type)),
		SD_JSON_BUILD_PAIR_CONDITION(!!eni->instance.launched, "pendingTime",
					     SD_JSON_BUILD_STRING(eni->instance.launched)),
		SD_JSON_BUILD_PAIR_CONDITION(!!ip, "privateIp",
			SD_JSON_BUILD_STRING(ip ? prefix_format_short(ip, buf) : "")),
		SD_JSON_BUILD_PAIR_STRING("region", s->region),
		SD_JSON_BUILD_PAIR_STRING("version", "2017-09-30")) < 0 ||
	    sd_json_variant_format(v, SD_JSON_FORMAT_PRETTY, &text) < 0)
		abort();
	return text;
}

static void make_signatures(struct services *s, struct eni *eni)
{
	struct signatures *sig = &eni->signatures;

	if (sig->document)
		return;
	sig->document = make_document(s, eni);
	sig->signature = identity_signature(s->identity, sig->document);
	sig->pkcs7 = identity_pkcs7(s->identity, sig->document);
}

/* @sign: their content is wanted, not only their names */
static void add_identity(struct tree *t, struct services *s, struct eni *eni, bool sign)
{
	static const char *const names[] = { "document", "pkcs7", "rsa2048", "signature" };
	const char *values[4];

	if (!eni->instance.id)
		return;
	if (sign)
		make_signatures(s, eni);
	values[0] = eni->signatures.document;
	values[1] = values[2] = eni->signatures.pkcs7;
	values[3] = eni->signatures.signature;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		leaf(t, IDENTITY, names[i], sign ? values[i] : "-");
}

/* The names in a directory: what of the paths below it is up to the next slash */
static char *list(const struct tree *t, const struct eni *eni, const char *directory, size_t len)
{
	const struct strings *keys = &eni->instance.key_names;
	size_t last_len = 0;
	const char *last = "";
	struct text text = {};

	if (len == strlen(META "public-keys/") && !strncmp(directory, META "public-keys/", len)) {
		for (size_t i = 0; i < keys->n; i++)
			text_add(&text, "%s%zu=%s", i ? "\n" : "", i, keys->v[i]);
		return text.s;
	}
	for (size_t i = 0; i < t->n; i++) {
		const char *name = t->v[i].path + len;
		size_t n;

		if (strncmp(t->v[i].path, directory, len))
			continue;
		n = strcspn(name, "/");
		n += name[n] == '/';
		if (n == last_len && !strncmp(name, last, n))
			continue;
		text_add(&text, "%s%.*s", text.n ? "\n" : "", (int)n, name);
		last = name;
		last_len = n;
	}
	return text.s;
}

static char *find(const struct tree *t, const struct eni *eni, const char *path)
{
	size_t len = strlen(path);
	_cleanup_free_ char *directory = NULL;

	while (len && path[len - 1] == '/')
		len--;
	for (size_t i = 0; i < t->n; i++)
		if (strlen(t->v[i].path) == len && !strncmp(t->v[i].path, path, len))
			return xstrdup(t->v[i].value);
	directory = len ? xprintf("%.*s/", (int)len, path) : xstrdup("");
	return list(t, eni, directory, strlen(directory));
}

/* Below the version */
static bool lookup(struct services *s, struct eni *eni, const char *path, struct content *ret)
{
	const struct instance *instance = &eni->instance;
	struct tree t = {};

	if (streq(path, "user-data") && instance->user_data) {
		ret->data = xcalloc(1, instance->user_data_size + 1);
		memcpy(ret->data, instance->user_data, instance->user_data_size);
		ret->size = instance->user_data_size;
		ret->binary = true;
		return true;
	}
	add_identity(&t, s, eni, startswith(path, IDENTITY) && path[strlen(IDENTITY)]);
	add_metadata(&t, s, eni);
	if (instance->user_data)
		leaf(&t, "", "user-data", "-");
	ret->data = find(&t, eni, path);
	ret->json = streq(path, IDENTITY "document");
	tree_free(&t);
	if (!ret->data)
		return false;
	ret->size = strlen(ret->data);
	return true;
}

/**
 * tree_lookup - what is at a path
 * @s: the services
 * @eni: the ENI that asks
 * @path: the path, as a guest wrote it
 * @ret: set to the content, to be freed by the caller
 *
 * Context: any.
 * Return: false if there is nothing.
 */
bool tree_lookup(struct services *s, struct eni *eni, const char *path, struct content *ret)
{
	_cleanup_text_ struct text text = {};

	*ret = (struct content){};
	while (*path == '/')
		path++;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		size_t len = strlen(versions[i]);

		if (*path) {
			if (!strncmp(path, versions[i], len) && (!path[len] || path[len] == '/'))
				return lookup(s, eni, path + len + strspn(path + len, "/"), ret);
			continue;
		}
		add_line(&text, versions[i]);
	}
	if (!text.s)
		return false;
	ret->data = text.s;
	ret->size = text.n;
	text.s = NULL;
	return true;
}
