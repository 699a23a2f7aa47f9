/* SPDX-License-Identifier: GPL-2.0 */
/* The Varlink skins: they turn calls into changes and objects into replies. */
#ifndef _NITRO_VARLINK_H
#define _NITRO_VARLINK_H

#include "edit.h"
#include "kernel.h"
#include "manager.h"
#include "object.h"

int varlink_start(struct manager *m);
int varlink_fail(sd_varlink *link, struct error *e);
int varlink_reply_object(sd_varlink *link, struct manager *m, const char *id);

int varlink_create(sd_varlink *link, sd_json_variant *p, struct manager *m, enum object_kind kind);
int varlink_set(sd_varlink *link, sd_json_variant *p, struct manager *m, enum object_kind kind);
int varlink_show(sd_varlink *link, sd_json_variant *p, struct manager *m, enum object_kind kind);
int varlink_list(sd_varlink *link, sd_json_variant *p, struct manager *m, enum object_kind kind);
int varlink_delete(sd_varlink *link, sd_json_variant *p, struct manager *m, enum object_kind kind);

/* Methods of one interface that are the same for every kind */
#define VARLINK_METHOD(verb, prefix, kind) \
	static int prefix##_##verb(sd_varlink *link, sd_json_variant *p, \
				   sd_varlink_method_flags_t flags, void *userdata) \
	{ \
		(void)flags; \
		return varlink_##verb(link, p, userdata, kind); \
	}

#define VARLINK_NAME \
	SD_VARLINK_FIELD_COMMENT("Name or ID of the object. Where a bare name exists in several VPCs, VPC/NAME."), \
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0)

#define VARLINK_NEW_NAME \
	SD_VARLINK_FIELD_COMMENT("Name of the object: letters, digits, '.', '_' and '-', 63 at most."), \
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0)

#define VARLINK_COMMON_FIELDS \
	SD_VARLINK_FIELD_COMMENT("ID, the same on every host that has an object of this name."), \
	SD_VARLINK_DEFINE_FIELD(id, SD_VARLINK_STRING, 0), \
	SD_VARLINK_FIELD_COMMENT("Name."), \
	SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, 0), \
	SD_VARLINK_FIELD_COMMENT("State: available; for an ENI also attached, remote or failed."), \
	SD_VARLINK_DEFINE_FIELD(state, SD_VARLINK_STRING, 0), \
	SD_VARLINK_FIELD_COMMENT("Counts the changes of this object."), \
	SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_INT, 0), \
	SD_VARLINK_FIELD_COMMENT("The integer that the kernel knows this object by on this host."), \
	SD_VARLINK_DEFINE_FIELD(handle, SD_VARLINK_INT, 0)

#define VARLINK_OUT_OBJECT(type) \
	SD_VARLINK_FIELD_COMMENT("The object as it is now."), \
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(object, type, 0)

#define VARLINK_OUT_OBJECTS(type) \
	SD_VARLINK_FIELD_COMMENT("All of them, in the order in which they were made."), \
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(objects, type, SD_VARLINK_ARRAY)

/* Each binds its methods to the server */
int varlink_bind_host(sd_varlink_server *s);
int varlink_bind_vpc(sd_varlink_server *s);
int varlink_bind_subnet(sd_varlink_server *s);
int varlink_bind_route_table(sd_varlink_server *s);
int varlink_bind_prefix_list(sd_varlink_server *s);
int varlink_bind_security_group(sd_varlink_server *s);
int varlink_bind_eni(sd_varlink_server *s);
int varlink_bind_network(sd_varlink_server *s);

#endif
