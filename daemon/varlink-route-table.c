// SPDX-License-Identifier: GPL-2.0
/* io.nitro.RouteTable: where packets of a subnet go. */

#include "varlink.h"

static SD_VARLINK_DEFINE_STRUCT_TYPE(Route,
	SD_VARLINK_FIELD_COMMENT("Destination."),
	SD_VARLINK_DEFINE_FIELD(cidr, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("eni:NAME, local or blackhole."),
	SD_VARLINK_DEFINE_FIELD(to, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(RouteTable,
	VARLINK_COMMON_FIELDS,
	SD_VARLINK_FIELD_COMMENT("The VPC."),
	SD_VARLINK_DEFINE_FIELD(vpc, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Routes beside those of the VPC itself."),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(routes, Route, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(Create,
	VARLINK_NEW_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Routes beside those of the VPC itself."),
	SD_VARLINK_DEFINE_INPUT_BY_TYPE(routes, Route, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(RouteTable));

static SD_VARLINK_DEFINE_METHOD(Set,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC; it cannot be changed."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Routes that replace the present ones."),
	SD_VARLINK_DEFINE_INPUT_BY_TYPE(routes, Route, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(RouteTable));

static SD_VARLINK_DEFINE_METHOD(Show, VARLINK_NAME, VARLINK_OUT_OBJECT(RouteTable));
static SD_VARLINK_DEFINE_METHOD(List, VARLINK_OUT_OBJECTS(RouteTable));
static SD_VARLINK_DEFINE_METHOD(Delete, VARLINK_NAME);

static SD_VARLINK_DEFINE_METHOD(AddRoute,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("Destination."),
	SD_VARLINK_DEFINE_INPUT(cidr, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("eni:NAME, local or blackhole."),
	SD_VARLINK_DEFINE_INPUT(to, SD_VARLINK_STRING, 0),
	VARLINK_OUT_OBJECT(RouteTable));

static SD_VARLINK_DEFINE_METHOD(DeleteRoute,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("Destination."),
	SD_VARLINK_DEFINE_INPUT(cidr, SD_VARLINK_STRING, 0),
	VARLINK_OUT_OBJECT(RouteTable));

static int edit(sd_varlink *link, sd_json_variant *p, struct manager *m, bool add)
{
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *id = NULL;
	int r = edit_route(m, p, add, &id, &e);

	return r < 0 ? varlink_fail(link, &e) : varlink_reply_object(link, m, id);
}

static int route_table_add_route(sd_varlink *link, sd_json_variant *p,
				 sd_varlink_method_flags_t flags, void *userdata)
{
	(void)flags;
	return edit(link, p, userdata, true);
}

static int route_table_delete_route(sd_varlink *link, sd_json_variant *p,
				    sd_varlink_method_flags_t flags, void *userdata)
{
	(void)flags;
	return edit(link, p, userdata, false);
}

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_RouteTable, "io.nitro.RouteTable",
	SD_VARLINK_INTERFACE_COMMENT("Route tables of VPCs. The longest prefix decides. The blocks of the VPC are always there, as local."),
	SD_VARLINK_SYMBOL_COMMENT("A route."),
	&vl_type_Route,
	SD_VARLINK_SYMBOL_COMMENT("Add a route, or lead the one for this destination elsewhere."),
	&vl_method_AddRoute,
	SD_VARLINK_SYMBOL_COMMENT("Take the route for a destination away."),
	&vl_method_DeleteRoute,
	SD_VARLINK_SYMBOL_COMMENT("The object."),
	&vl_type_RouteTable,
	SD_VARLINK_SYMBOL_COMMENT("Make a new object; io.nitro.Exists if there is one of this name."),
	&vl_method_Create,
	SD_VARLINK_SYMBOL_COMMENT("Change an object; what is null stays as it is."),
	&vl_method_Set,
	SD_VARLINK_SYMBOL_COMMENT("Show one object."),
	&vl_method_Show,
	SD_VARLINK_SYMBOL_COMMENT("List the objects."),
	&vl_method_List,
	SD_VARLINK_SYMBOL_COMMENT("Delete an object that nothing uses."),
	&vl_method_Delete);

VARLINK_METHOD(create, route_table, KIND_ROUTE_TABLE)
VARLINK_METHOD(set, route_table, KIND_ROUTE_TABLE)
VARLINK_METHOD(show, route_table, KIND_ROUTE_TABLE)
VARLINK_METHOD(list, route_table, KIND_ROUTE_TABLE)
VARLINK_METHOD(delete, route_table, KIND_ROUTE_TABLE)

/**
 * varlink_bind_route_table - serve io.nitro.RouteTable
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_route_table(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_RouteTable);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.RouteTable.Create", route_table_create,
		"io.nitro.RouteTable.Set", route_table_set,
		"io.nitro.RouteTable.Show", route_table_show,
		"io.nitro.RouteTable.List", route_table_list,
		"io.nitro.RouteTable.Delete", route_table_delete,
		"io.nitro.RouteTable.AddRoute", route_table_add_route,
		"io.nitro.RouteTable.DeleteRoute", route_table_delete_route);
}
