/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The Varlink skins: they turn calls into changes and objects into replies. A
 * kind of objects is a table of its properties; the definition of its
 * interface and the methods that all kinds have come from there.
 */
#ifndef _NITRO_VARLINK_H
#define _NITRO_VARLINK_H

#include "edit.h"
#include "kernel.h"
#include "manager.h"
#include "object.h"

enum {
	P_ARRAY = SD_VARLINK_ARRAY,
	P_MAP = SD_VARLINK_MAP,
	P_NULLABLE = SD_VARLINK_NULLABLE,	/* an object may not have it */
	P_REQUIRED = 1 << 8,			/* Create, or the method, needs it */
	P_FIXED = 1 << 9,			/* Set cannot change it */
	P_READ_ONLY = 1 << 10,			/* Create and Set do not take it */
	P_WRITE_ONLY = 1 << 11,			/* Show and List do not tell it */
	P_RESULT = 1 << 12,			/* the method answers with it */
};

/**
 * struct varlink_property - a property of an object, a field of a type, or a
 *	parameter of a method
 * @name: on the wire, in the stack file and in JSON
 * @type: one of SD_VARLINK_STRING, …
 * @of: for SD_VARLINK_NAMED_TYPE, the type's name
 * @flags: P_*
 * @text: what it is, one sentence
 * @create_text: the same for Create, if there it means something else
 * @set_text: the same for Set; @create_text if NULL
 */
struct varlink_property {
	const char *name;
	sd_varlink_field_type_t type;
	const char *of;
	unsigned int flags;
	const char *text;
	const char *create_text;
	const char *set_text;
};

#define PROPERTY(_name, _type, _flags, _text, ...) \
	{ .name = (_name), .type = SD_VARLINK_##_type, .flags = (_flags), .text = (_text), \
	  __VA_ARGS__ }
#define PROPERTY_OF(_name, _of, _flags, _text, ...) \
	PROPERTY(_name, NAMED_TYPE, _flags, _text, .of = (_of), __VA_ARGS__)

/* A type that properties and parameters are of; its fields end with an empty one */
struct varlink_type {
	const char *name;
	const char *text;
	const struct varlink_property *fields;
};

/**
 * struct varlink_method - a method that not all kinds have
 * @name: "Attach"; that of a common method replaces it
 * @text: what it does, one sentence
 * @parameters: beside the name of the object; ends with an empty one, or NULL
 * @object: it answers with the object
 * @flags: SD_VARLINK_SUPPORTS_MORE or SD_VARLINK_REQUIRES_MORE
 * @reads: it changes nothing, so who calls it is not recorded
 * @serve: made by VARLINK_METHOD, or a function that answers by itself
 */
struct varlink_method {
	const char *name;
	const char *text;
	const struct varlink_property *parameters;
	bool object;
	bool reads;
	sd_varlink_symbol_flags_t flags;
	sd_varlink_method_t serve;
};

enum varlink_verb {
	VARLINK_CREATE, VARLINK_SET, VARLINK_SHOW, VARLINK_LIST, VARLINK_DELETE,
	VARLINK_VERBS
};

/**
 * struct varlink_interface - an interface; a skin has one
 * @name: "Subnet" for io.nitro.Subnet, and the type of its objects
 * @text: what it is for, one sentence or two
 * @kind: kind of the objects, KIND_MAX if it is about none
 * @properties: of the objects; end with an empty one
 * @state_text: the states that an object may have; NULL: available only
 * @set_creates: Set makes the object if there is none
 * @lacks: common methods that it does not have, 1 << enum varlink_verb
 * @types: types that @properties and @methods use; end with an empty one, or NULL
 * @methods: those of its own; end with an empty one, or NULL
 * @common: the common methods, made by VARLINK_OBJECT
 */
struct varlink_interface {
	const char *name;
	const char *text;
	enum object_kind kind;
	const struct varlink_property *properties;
	const char *state_text;
	bool set_creates;
	unsigned int lacks;
	const struct varlink_type *types;
	const struct varlink_method *methods;
	sd_varlink_method_t common[VARLINK_VERBS];
};

/* What a method does: the answer goes to @ret, NULL for an empty one */
typedef int (*varlink_run_fn)(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
			      struct error *e);

/* libsystemd tells a method neither its name nor that of its interface, so each
 * needs a function of its own.
 */
#define VARLINK_FUNCTION(_function, _call) \
	static int _function(sd_varlink *link, sd_json_variant *p, \
			     sd_varlink_method_flags_t flags, void *m) \
	{ \
		(void)p; \
		(void)flags; \
		audit_call(link, p, _function); \
		return _call; \
	}

/* _function answers with what _run returns, as _result or, if NULL, as a whole */
#define VARLINK_METHOD(_function, _run, _result) \
	VARLINK_FUNCTION(_function, varlink_run(link, p, m, _run, _result))

#define VARLINK_OBJECT(_object, ...) \
	VARLINK_FUNCTION(_object##_create, varlink_create(link, p, m, &varlink_##_object)) \
	VARLINK_FUNCTION(_object##_set, varlink_set(link, p, m, &varlink_##_object)) \
	VARLINK_FUNCTION(_object##_show, varlink_show(link, p, m, &varlink_##_object)) \
	VARLINK_FUNCTION(_object##_list, varlink_list(link, flags, m, &varlink_##_object)) \
	VARLINK_FUNCTION(_object##_delete, varlink_delete(link, p, m, &varlink_##_object)) \
	const struct varlink_interface varlink_##_object = { \
		.common = { _object##_create, _object##_set, _object##_show, \
			    _object##_list, _object##_delete }, \
		__VA_ARGS__ \
	}

/* One row of varlink.c's table each */
extern const struct varlink_interface varlink_host, varlink_vpc, varlink_subnet,
	varlink_route_table, varlink_prefix_list, varlink_security_group, varlink_eni,
	varlink_network, varlink_key, varlink_pool, varlink_volume, varlink_instance,
	varlink_hardening, varlink_memory, varlink_enclave;

/* varlink.c */
int varlink_start(struct manager *m);
int varlink_add_errors(sd_varlink_server *server);
int varlink_reply(sd_varlink *link, sd_json_variant *v);
int varlink_fail(sd_varlink *link, struct error *e);

/* varlink-idl.c */
int varlink_add_interface(sd_varlink_server *server, const struct varlink_interface *i,
			  const sd_varlink_interface **ret);

/* audit.c */
void audit_add(sd_varlink_method_t serve, const char *name);
void audit_call(sd_varlink *link, sd_json_variant *p, sd_varlink_method_t serve);

/* varlink-operation.c */
int varlink_put_later(sd_varlink *link, sd_json_variant *p, struct manager *m,
		      enum object_kind kind, enum put_mode mode);
int varlink_delete_later(sd_varlink *link, sd_json_variant *p, struct manager *m,
			 enum object_kind kind);
int varlink_attach_volume(sd_varlink *link, sd_json_variant *p, struct manager *m);
int varlink_detach_volume(sd_varlink *link, sd_json_variant *p, struct manager *m);
int varlink_rotate_key(sd_varlink *link, sd_json_variant *p, struct manager *m);

/* varlink-apply.c */
int varlink_apply(sd_varlink *link, struct manager *m, const struct stack_request *rq,
		  sd_json_variant *files);

/* varlink-object.c */
int varlink_run(sd_varlink *link, sd_json_variant *p, struct manager *m, varlink_run_fn run,
		const char *result);
int varlink_create(sd_varlink *link, sd_json_variant *p, struct manager *m,
		   const struct varlink_interface *i);
int varlink_set(sd_varlink *link, sd_json_variant *p, struct manager *m,
		const struct varlink_interface *i);
int varlink_show(sd_varlink *link, sd_json_variant *p, struct manager *m,
		 const struct varlink_interface *i);
int varlink_delete(sd_varlink *link, sd_json_variant *p, struct manager *m,
		   const struct varlink_interface *i);

/* varlink-list.c */
int varlink_list(sd_varlink *link, sd_varlink_method_flags_t flags, struct manager *m,
		 const struct varlink_interface *i);
void varlink_list_stop(struct manager *m, const sd_varlink *link);

#endif
