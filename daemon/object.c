// SPDX-License-Identifier: GPL-2.0
/* What the kinds of objects share: strict JSON reading, names, IDs. */

#include <stdio.h>

#include "object.h"

const struct kind_ops *const kind_ops[KIND_MAX] = {
	[KIND_HOST] = &host_ops,
	[KIND_VPC] = &vpc_ops,
	[KIND_ROUTE_TABLE] = &route_table_ops,
	[KIND_SUBNET] = &subnet_ops,
	[KIND_PREFIX_LIST] = &prefix_list_ops,
	[KIND_SECURITY_GROUP] = &security_group_ops,
	[KIND_ENI] = &eni_ops,
	[KIND_KEY] = &key_ops,
	[KIND_POOL] = &pool_ops,
	[KIND_VOLUME] = &volume_ops,
	[KIND_INSTANCE] = &instance_ops, [KIND_ENCLAVE] = &enclave_ops,
};

/**
 * kind_from_name - the kind with a JSON name
 * @name: such as "security_group"
 *
 * Context: any.
 * Return: the kind, KIND_MAX if there is none.
 */
enum object_kind kind_from_name(const char *name)
{
	enum object_kind k;

	for (k = 0; k < KIND_MAX; k++)
		if (streq(kind_ops[k]->name, name))
			break;
	return k;
}

/**
 * name_check - is this a name that an object may have?
 * @name: the name
 * @e: says why not
 *
 * Names are file-name and shell safe, and cannot be taken for an ID.
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int name_check(const char *name, struct error *e)
{
	size_t len = strlen(name);
	const char *dash;

	if (!len || len > 63)
		return fail(e, ERR_INVALID, "name '%.64s' must have 1 to 63 characters", name);
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9');

		if (!alnum && (!i || !strchr("._-", c)))
			return fail(e, ERR_INVALID,
				    "name '%s' must start with a letter or digit and hold only letters, digits, '.', '_' and '-'",
				    name);
	}
	dash = strchr(name, '-');
	if (!dash || strlen(dash + 1) != 17 || strspn(dash + 1, "0123456789abcdef") != 17)
		return 0;
	for (enum object_kind k = 0; k < KIND_MAX; k++)
		if (strlen(kind_ops[k]->id_prefix) == (size_t)(dash - name) &&
		    startswith(name, kind_ops[k]->id_prefix))
			return fail(e, ERR_INVALID, "name '%s' looks like an ID", name);
	return 0;
}

/**
 * object_make_id - an ID in the form of EC2's
 * @prefix: such as "vpc"
 * @scope: the scope of the name, or NULL
 * @name: the name
 * @attempt: counts collisions
 *
 * Context: any.
 * Return: "PREFIX-" and 17 hexadecimal digits, the same on every host.
 */
char *object_make_id(const char *prefix, const char *scope, const char *name,
		     unsigned int attempt)
{
	_cleanup_free_ char *text = xprintf("%s/%s/%s/%u", prefix, scope ? scope : "",
					    name, attempt);
	uint64_t a = siphash24(text, strlen(text), 0x6e6974726f2d6964ULL, 1);
	uint64_t b = siphash24(text, strlen(text), 0x6e6974726f2d6964ULL, 2);

	return xprintf("%s-%01x%016llx", prefix, (unsigned int)(b & 0xf),
		       (unsigned long long)a);
}

/**
 * json_get - a value by key, null taken as absent
 * @v: the object
 * @key: the key
 *
 * Context: any.
 * Return: the value (borrowed) or NULL.
 */
sd_json_variant *json_get(sd_json_variant *v, const char *key)
{
	sd_json_variant *value = sd_json_variant_by_key(v, key);

	return value && !sd_json_variant_is_null(value) ? value : NULL;
}

/**
 * json_string - a string by key
 * @v: the object
 * @key: the key
 *
 * Context: any.
 * Return: the string (borrowed), NULL if absent, null or empty.
 */
const char *json_string(sd_json_variant *v, const char *key)
{
	sd_json_variant *value = json_get(v, key);
	const char *s = value && sd_json_variant_is_string(value) ?
			sd_json_variant_string(value) : NULL;

	return s && *s ? s : NULL;
}

/**
 * json_uint - a number by key
 * @v: the object
 * @key: the key
 * @otherwise: what it is if there is none
 *
 * Context: any.
 * Return: the number, @otherwise if absent, null or no unsigned number.
 */
uint64_t json_uint(sd_json_variant *v, const char *key, uint64_t otherwise)
{
	sd_json_variant *value = json_get(v, key);

	return value && sd_json_variant_is_unsigned(value) ? sd_json_variant_unsigned(value) :
							     otherwise;
}

/**
 * json_flag - a boolean by key
 * @v: the object
 * @key: the key
 *
 * Context: any.
 * Return: the value, false if absent, null or no boolean.
 */
bool json_flag(sd_json_variant *v, const char *key)
{
	sd_json_variant *value = json_get(v, key);

	return value && sd_json_variant_is_boolean(value) && sd_json_variant_boolean(value);
}

/**
 * json_text - a string, or a number as a string (YAML users write both)
 * @v: the value
 * @ret: the text
 *
 * Context: any.
 * Return: 0, -EINVAL if it is neither.
 */
int json_text(sd_json_variant *v, char **ret)
{
	if (sd_json_variant_is_string(v))
		*ret = xstrdup(sd_json_variant_string(v));
	else if (sd_json_variant_is_unsigned(v))
		*ret = xprintf("%llu", (unsigned long long)sd_json_variant_unsigned(v));
	else
		return -EINVAL;
	return 0;
}

static const char *type_error(sd_json_variant *v, enum json_type type)
{
	switch (type) {
	case T_STRING:
		return sd_json_variant_is_string(v) ? NULL : "a string";
	case T_BOOL:
		return sd_json_variant_is_boolean(v) ? NULL : "true or false";
	case T_UINT:
		return sd_json_variant_is_unsigned(v) ? NULL : "a whole number";
	case T_TEXT:
		return sd_json_variant_is_string(v) || sd_json_variant_is_unsigned(v) ?
			NULL : "a string or a whole number";
	case T_OBJECT:
		return sd_json_variant_is_object(v) ? NULL : "an object";
	case T_STRINGS:
	case T_OBJECTS:
		return sd_json_variant_is_array(v) ? NULL : "a list";
	case T_ANY:
		break;
	}
	return NULL;
}

static int check_elements(sd_json_variant *list, const struct json_key *key, struct error *e)
{
	enum json_type type = key->type == T_STRINGS ? T_STRING : T_OBJECT;

	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		const char *want = type_error(sd_json_variant_by_index(list, i), type);

		if (want) {
			_cleanup_free_ char *path = xprintf("/%s/%zu", key->name, i);

			return fail_at(e, path, "'%s' must be a list of %s", key->name,
				       type == T_STRING ? "strings" : "objects");
		}
	}
	return 0;
}

static const struct json_key *find_key(const char *name, const struct json_key *keys,
				       size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(keys[i].name, name))
			return &keys[i];
	return NULL;
}

/**
 * json_check_keys - refuse unknown keys, double keys and wrong types
 * @v: the object
 * @keys: keys it may have
 * @n: how many
 * @more: further keys it may have
 * @n_more: how many
 * @e: says what is wrong and where
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int json_check_keys(sd_json_variant *v, const struct json_key *keys, size_t n,
		    const struct json_key *more, size_t n_more, struct error *e)
{
	uint64_t seen = 0;

	if (!sd_json_variant_is_object(v))
		return fail(e, ERR_INVALID, "this must be an object with keys and values");
	for (size_t i = 0; i < sd_json_variant_elements(v); i += 2) {
		const char *name = sd_json_variant_string(sd_json_variant_by_index(v, i));
		sd_json_variant *value = sd_json_variant_by_index(v, i + 1);
		const struct json_key *key = find_key(name, keys, n);
		_cleanup_free_ char *path = xprintf("/%.64s", name);
		const char *want;
		size_t bit;
		int r;

		bit = key ? (size_t)(key - keys) : 0;
		if (!key) {
			key = find_key(name, more, n_more);
			if (!key)
				return fail_at(e, path, "unknown key '%.64s'", name);
			bit = n + (key - more);
		}
		if (seen & 1ULL << bit)
			return fail_at(e, path, "key '%s' is given twice", name);
		seen |= 1ULL << bit;
		if (sd_json_variant_is_null(value))
			continue;
		want = type_error(value, key->type);
		if (want)
			return fail_at(e, path, "'%s' must be %s", name, want);
		if (key->type == T_STRINGS || key->type == T_OBJECTS) {
			r = check_elements(value, key, e);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/**
 * json_prefixes - read a list of CIDR blocks or addresses
 * @v: the object that holds the list
 * @key: the list's key
 * @max: most elements taken
 * @ret: the blocks, appended
 * @e: says what is wrong and where
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int json_prefixes(sd_json_variant *v, const char *key, size_t max, struct prefixes *ret,
		  struct error *e)
{
	sd_json_variant *list = json_get(v, key);
	size_t n = list ? sd_json_variant_elements(list) : 0;
	struct prefix p;
	int r;

	if (n > max)
		return fail(e, ERR_INVALID, "%zu %s are more than the %zu allowed", n, key, max);
	for (size_t i = 0; i < n; i++) {
		r = prefix_parse(sd_json_variant_string(sd_json_variant_by_index(list, i)),
				 &p, e);
		if (r < 0) {
			error_prefix(e, "/%s/%zu", key, i);
			return r;
		}
		prefixes_add(ret, &p);
	}
	return 0;
}

/**
 * json_from_prefixes - write a list of CIDR blocks or addresses
 * @p: the blocks
 * @short_form: single addresses without a length
 *
 * Context: any.
 * Return: the JSON array.
 */
sd_json_variant *json_from_prefixes(const struct prefixes *p, bool short_form)
{
	struct json_list list = {};
	char buf[PREFIX_STRLEN];

	for (size_t i = 0; i < p->n; i++) {
		if (short_form)
			prefix_format_short(&p->v[i], buf);
		else
			prefix_format(&p->v[i], buf);
		json_list_add_string(&list, buf);
	}
	return json_list_take(&list);
}

/**
 * json_set - set a key, taking over the value
 * @object: the JSON object, may point to NULL
 * @key: the key
 * @value: the value, NULL for null; its reference is consumed
 *
 * Context: any.
 */
void json_set(sd_json_variant **object, const char *key, sd_json_variant *value)
{
	if (!value && sd_json_variant_new_null(&value) < 0)
		abort();
	if (sd_json_variant_set_field(object, key, value) < 0)
		abort();
	sd_json_variant_unref(value);
}

/**
 * json_set_string - set a key to a string
 * @object: the JSON object
 * @key: the key
 * @value: the string, NULL for null
 *
 * Context: any.
 */
void json_set_string(sd_json_variant **object, const char *key, const char *value)
{
	sd_json_variant *v = NULL;

	if (value && sd_json_variant_new_string(&v, value) < 0)
		abort();
	json_set(object, key, v);
}

/**
 * json_set_uint - set a key to a number
 * @object: the JSON object
 * @key: the key
 * @value: the number
 *
 * Context: any.
 */
void json_set_uint(sd_json_variant **object, const char *key, uint64_t value)
{
	if (sd_json_variant_set_field_unsigned(object, key, value) < 0)
		abort();
}

/**
 * json_set_bool - set a key to true or false
 * @object: the JSON object
 * @key: the key
 * @value: the value
 *
 * Context: any.
 */
void json_set_bool(sd_json_variant **object, const char *key, bool value)
{
	if (sd_json_variant_set_field_boolean(object, key, value) < 0)
		abort();
}

/**
 * json_list_add - collect an element
 * @l: the list
 * @element: the element; its reference is consumed
 *
 * Context: any.
 */
void json_list_add(struct json_list *l, sd_json_variant *element)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = element;
}

/**
 * json_list_add_string - collect a string
 * @l: the list
 * @s: the string
 *
 * Context: any.
 */
void json_list_add_string(struct json_list *l, const char *s)
{
	sd_json_variant *v = NULL;

	if (sd_json_variant_new_string(&v, s) < 0)
		abort();
	json_list_add(l, v);
}

/**
 * json_list_take - make the array of what was collected
 * @l: the list; empty afterwards
 *
 * Context: any.
 * Return: the array.
 */
sd_json_variant *json_list_take(struct json_list *l)
{
	sd_json_variant *array = NULL;

	if (sd_json_variant_new_array(&array, l->v, l->n) < 0)
		abort();
	for (size_t i = 0; i < l->n; i++)
		sd_json_variant_unref(l->v[i]);
	free(l->v);
	*l = (struct json_list){};
	return array;
}

/**
 * json_pair - collect a key and its value
 * @l: the object
 * @key: the key, not used before
 * @value: the value, NULL for null; its reference is consumed
 *
 * Context: any.
 */
void json_pair(struct json_list *l, const char *key, sd_json_variant *value)
{
	json_list_add_string(l, key);
	if (!value && sd_json_variant_new_null(&value) < 0)
		abort();
	json_list_add(l, value);
}

/**
 * json_pair_string - collect a key and a string
 * @l: the object
 * @key: the key
 * @value: the string, NULL for null
 *
 * Context: any.
 */
void json_pair_string(struct json_list *l, const char *key, const char *value)
{
	sd_json_variant *v = NULL;

	if (value && sd_json_variant_new_string(&v, value) < 0)
		abort();
	json_pair(l, key, v);
}

/**
 * json_pair_uint - collect a key and a number
 * @l: the object
 * @key: the key
 * @value: the number
 *
 * Context: any.
 */
void json_pair_uint(struct json_list *l, const char *key, uint64_t value)
{
	sd_json_variant *v = NULL;

	if (sd_json_variant_new_unsigned(&v, value) < 0)
		abort();
	json_pair(l, key, v);
}

/**
 * json_pair_bool - collect a key and true or false
 * @l: the object
 * @key: the key
 * @value: the value
 *
 * Context: any.
 */
void json_pair_bool(struct json_list *l, const char *key, bool value)
{
	sd_json_variant *v = NULL;

	if (sd_json_variant_new_boolean(&v, value) < 0)
		abort();
	json_pair(l, key, v);
}

/**
 * json_object_take - make the object of what was collected
 * @l: the keys and values; empty afterwards
 *
 * Context: any.
 * Return: the object.
 */
sd_json_variant *json_object_take(struct json_list *l)
{
	sd_json_variant *object = NULL;

	if (sd_json_variant_new_object(&object, l->v, l->n) < 0)
		abort();
	for (size_t i = 0; i < l->n; i++)
		sd_json_variant_unref(l->v[i]);
	free(l->v);
	*l = (struct json_list){};
	return object;
}

/**
 * json_from_strings - write a list of strings
 * @l: the strings
 *
 * Context: any.
 * Return: the JSON array.
 */
sd_json_variant *json_from_strings(const struct strings *l)
{
	struct json_list list = {};

	for (size_t i = 0; i < l->n; i++)
		json_list_add_string(&list, l->v[i]);
	return json_list_take(&list);
}

static const struct json_key common_keys[] = {
	{ "name", T_STRING }, { "vpc", T_STRING },
};

/**
 * object_parse - make an object from its configuration
 * @kind: what it is
 * @v: the configuration
 * @scope: the VPC around it, or NULL to take the key "vpc"
 * @ret: the object, with one reference; assigned values are not there yet
 * @e: says what is wrong and where
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int object_parse(enum object_kind kind, sd_json_variant *v, const char *scope,
		 struct object **ret, struct error *e)
{
	const struct kind_ops *ops = kind_ops[kind];
	const char *name, *vpc;
	struct object *o;
	int r;

	r = json_check_keys(v, common_keys, ARRAY_SIZE(common_keys), ops->keys, ops->n_keys, e);
	if (r < 0)
		return r;
	name = json_string(v, "name");
	if (!name)
		return fail(e, ERR_INVALID, "the %s has no name", ops->label);
	r = name_check(name, e);
	if (r < 0) {
		error_prefix(e, "/name");
		return r;
	}
	vpc = json_string(v, "vpc");
	if (vpc && scope && strcmp(vpc, scope))
		return fail_at(e, "/vpc", "%s '%s' stands in VPC '%s' and names VPC '%s'",
			       ops->label, name, scope, vpc);
	vpc = vpc ? vpc : scope;
	if (vpc && !ops->scoped && kind != KIND_ENI)
		return fail_at(e, "/vpc", "unknown key 'vpc'");
	if (!vpc && ops->scoped && kind != KIND_PREFIX_LIST)
		return fail(e, ERR_INVALID, "%s '%s' names no VPC", ops->label, name);
	o = xcalloc(1, ops->size);
	o->refs = 1;
	o->kind = kind;
	o->name = xstrdup(name);
	if (ops->scoped)
		o->vpc = xstrdup(vpc);
	else if (kind == KIND_ENI)
		ENI(o)->vpc = xstrdup(vpc);
	o->id = object_make_id(ops->id_prefix, o->vpc, name, 0);
	r = ops->parse(o, v, e);
	if (r < 0) {
		object_unref(o);
		return r;
	}
	*ret = o;
	return 0;
}

/**
 * object_finish - fix the configuration of a complete object
 * @o: the object; it does not change after this
 *
 * Context: any.
 */
void object_finish(struct object *o)
{
	_cleanup_json_ sd_json_variant *v = kind_ops[o->kind]->build(o);

	free(o->body);
	if (sd_json_variant_format(v, 0, &o->body) < 0)
		abort();
}

/**
 * object_body - the configuration of an object
 * @o: the object
 *
 * Context: any.
 * Return: the JSON object, the caller's.
 */
sd_json_variant *object_body(const struct object *o)
{
	sd_json_variant *v = NULL;

	if (sd_json_parse(o->body, 0, &v, NULL, NULL) < 0)
		abort();
	return v;
}

/**
 * prefixes_add - append a block
 * @l: the list
 * @p: the block
 *
 * Context: any.
 */
void prefixes_add(struct prefixes *l, const struct prefix *p)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = *p;
}

/**
 * prefixes_copy - make one list equal to another
 * @to: the list that is replaced
 * @from: the list that is copied
 *
 * Context: any.
 */
void prefixes_copy(struct prefixes *to, const struct prefixes *from)
{
	prefixes_free(to);
	for (size_t i = 0; i < from->n; i++)
		prefixes_add(to, &from->v[i]);
}

/**
 * prefixes_free - empty a list
 * @l: the list
 *
 * Context: any.
 */
void prefixes_free(struct prefixes *l)
{
	free(l->v);
	*l = (struct prefixes){};
}

/**
 * prefixes_equal - are two lists the same, in the same order?
 * @a: a list
 * @b: another
 *
 * Context: any.
 * Return: true if they are.
 */
bool prefixes_equal(const struct prefixes *a, const struct prefixes *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!prefix_equal(&a->v[i], &b->v[i]))
			return false;
	return true;
}
