// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Host: the machines of the network. */

#include "varlink.h"

static SD_VARLINK_DEFINE_STRUCT_TYPE(Host,
	VARLINK_COMMON_FIELDS,
	SD_VARLINK_FIELD_COMMENT("IPv4 or IPv6 address that the other hosts reach it at."),
	SD_VARLINK_DEFINE_FIELD(underlay, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("This nitrod runs on it. One host at most is local."),
	SD_VARLINK_DEFINE_FIELD(local, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("UDP port of its Geneve endpoint, 6081 by default."),
	SD_VARLINK_DEFINE_FIELD(port, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_METHOD(Set,
	VARLINK_NEW_NAME,
	SD_VARLINK_FIELD_COMMENT("IPv4 or IPv6 address that the other hosts reach it at."),
	SD_VARLINK_DEFINE_INPUT(underlay, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("This nitrod runs on it. One host at most is local."),
	SD_VARLINK_DEFINE_INPUT(local, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("UDP port of its Geneve endpoint, 6081 by default."),
	SD_VARLINK_DEFINE_INPUT(port, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Host));

static SD_VARLINK_DEFINE_METHOD(Show, VARLINK_NAME, VARLINK_OUT_OBJECT(Host));
static SD_VARLINK_DEFINE_METHOD(List, VARLINK_OUT_OBJECTS(Host));
static SD_VARLINK_DEFINE_METHOD(Delete, VARLINK_NAME);

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_Host, "io.nitro.Host",
	SD_VARLINK_INTERFACE_COMMENT("The machines of the network and where they are reached."),
	SD_VARLINK_SYMBOL_COMMENT("The object."),
	&vl_type_Host,
	SD_VARLINK_SYMBOL_COMMENT("Make a host, or change it; what is null stays as it is."),
	&vl_method_Set,
	SD_VARLINK_SYMBOL_COMMENT("Show one object."),
	&vl_method_Show,
	SD_VARLINK_SYMBOL_COMMENT("List the objects."),
	&vl_method_List,
	SD_VARLINK_SYMBOL_COMMENT("Delete an object that nothing uses."),
	&vl_method_Delete);

VARLINK_METHOD(set, host, KIND_HOST)
VARLINK_METHOD(show, host, KIND_HOST)
VARLINK_METHOD(list, host, KIND_HOST)
VARLINK_METHOD(delete, host, KIND_HOST)

/**
 * varlink_bind_host - serve io.nitro.Host
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_host(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_Host);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.Host.Set", host_set,
		"io.nitro.Host.Show", host_show,
		"io.nitro.Host.List", host_list,
		"io.nitro.Host.Delete", host_delete);
}
