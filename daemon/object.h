/* SPDX-License-Identifier: GPL-2.0 */
/* What the kinds of objects share: reading, writing, naming, referring. */
#ifndef _NITRO_OBJECT_H
#define _NITRO_OBJECT_H

#include "model.h"

enum json_type { T_STRING, T_BOOL, T_UINT, T_TEXT, T_STRINGS, T_OBJECTS, T_OBJECT, T_ANY };

/* A key that a JSON object may have; T_TEXT is a string or a number */
struct json_key {
	const char *name;
	enum json_type type;
};

/**
 * struct reference - one object names another
 * @kind: what is named
 * @vpc: its scope
 * @name: its name
 * @path: JSON pointer of the name within the naming object
 */
struct reference {
	enum object_kind kind;
	const char *vpc;
	const char *name;
	char path[48];
};

typedef int (*reference_fn)(const struct object *from, const struct reference *ref,
			    void *userdata);

/**
 * struct kind_ops - a kind of object
 * @name: in JSON: "security_group"
 * @verb: on the command line: "sg"
 * @label: in sentences: "security group"
 * @id_prefix: "sg"
 * @scoped: its names belong to a VPC
 * @size: of the structure
 * @keys: the configuration's keys besides name and vpc
 * @n_keys: how many
 * @parse: fill the structure from JSON whose keys and types are checked
 * @build: the configuration as JSON
 * @references: call back for each object it names; stops at a non-zero return;
 *	NULL: it names none
 * @free: release what the structure owns; NULL: nothing
 */
struct kind_ops {
	const char *name;
	const char *verb;
	const char *label;
	const char *id_prefix;
	bool scoped;
	size_t size;
	const struct json_key *keys;
	size_t n_keys;
	int (*parse)(struct object *o, sd_json_variant *v, struct error *e);
	sd_json_variant *(*build)(const struct object *o);
	int (*references)(const struct object *o, reference_fn fn, void *userdata);
	void (*free)(struct object *o);
};

extern const struct kind_ops *const kind_ops[KIND_MAX];
extern const struct kind_ops host_ops, vpc_ops, route_table_ops, subnet_ops,
	prefix_list_ops, security_group_ops, eni_ops, key_ops, pool_ops, volume_ops, instance_ops,
	enclave_ops;

enum object_kind kind_from_name(const char *name);
int name_check(const char *name, struct error *e);
char *object_make_id(const char *prefix, const char *scope, const char *name,
		     unsigned int attempt);

int object_parse(enum object_kind kind, sd_json_variant *v, const char *scope,
		 struct object **ret, struct error *e);
void object_finish(struct object *o);
sd_json_variant *object_body(const struct object *o);

int json_check_keys(sd_json_variant *v, const struct json_key *keys, size_t n,
		    const struct json_key *more, size_t n_more, struct error *e);
sd_json_variant *json_get(sd_json_variant *v, const char *key);
const char *json_string(sd_json_variant *v, const char *key);
uint64_t json_uint(sd_json_variant *v, const char *key, uint64_t otherwise);
bool json_flag(sd_json_variant *v, const char *key);
int json_text(sd_json_variant *v, char **ret);
int json_prefixes(sd_json_variant *v, const char *key, size_t max, struct prefixes *ret,
		  struct error *e);
sd_json_variant *json_from_prefixes(const struct prefixes *p, bool short_form);
void json_set(sd_json_variant **object, const char *key, sd_json_variant *value);
void json_set_string(sd_json_variant **object, const char *key, const char *value);
void json_set_uint(sd_json_variant **object, const char *key, uint64_t value);
void json_set_bool(sd_json_variant **object, const char *key, bool value);

/* A JSON array being collected */
struct json_list {
	sd_json_variant **v;
	size_t n, cap;
};

void json_list_add(struct json_list *l, sd_json_variant *element);
void json_list_add_string(struct json_list *l, const char *s);
sd_json_variant *json_list_take(struct json_list *l);

/* A JSON object being collected: a list of keys and values */
void json_pair(struct json_list *l, const char *key, sd_json_variant *value);
void json_pair_string(struct json_list *l, const char *key, const char *value);
void json_pair_uint(struct json_list *l, const char *key, uint64_t value);
void json_pair_bool(struct json_list *l, const char *key, bool value);
sd_json_variant *json_object_take(struct json_list *l);
sd_json_variant *json_from_strings(const struct strings *l);

void prefixes_add(struct prefixes *l, const struct prefix *p);
void prefixes_copy(struct prefixes *to, const struct prefixes *from);
void prefixes_free(struct prefixes *l);
bool prefixes_equal(const struct prefixes *a, const struct prefixes *b);

/* sg.c */
int rule_parse(sd_json_variant *v, const char *group_id, struct rule *ret, struct error *e);
sd_json_variant *rule_build(const struct rule *r);
void rule_free(struct rule *r);
void rule_text(const struct rule *r, struct text *t);
extern const struct json_key rule_keys[5];

/* eni.c */
sd_json_variant *attachment_build(const struct attachment *a);
const char *metadata_name(enum metadata metadata);
const char *attach_kind_name(enum attach_kind kind);
enum attach_kind attach_kind_from_name(const char *name);
extern const char *const eni_limit_names[LIMIT_MAX];

/* pool.c, volume.c */
int json_size(sd_json_variant *v, const char *key, uint64_t *ret, struct error *e);
const char *pool_kind_name(enum pool_kind kind);
const char *holder_kind_name(enum holder_kind kind);
char *size_text(uint64_t size);

/* instance.c */
const char *wish_name(enum wish wish);
const char *instance_kind_name(enum instance_kind kind);
bool instance_has(const struct object *instance, const struct object *o);

/* route-table.c */
int route_parse(sd_json_variant *v, struct route *ret, struct error *e);

/* subnet.c */
bool subnet_reserved(const struct prefix *cidr, const struct prefix *addr);

#endif
