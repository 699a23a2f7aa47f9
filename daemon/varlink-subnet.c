// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Subnet: parts of VPCs. */

#include "varlink.h"

static SD_VARLINK_DEFINE_STRUCT_TYPE(Subnet,
	VARLINK_COMMON_FIELDS,
	SD_VARLINK_FIELD_COMMENT("The VPC."),
	SD_VARLINK_DEFINE_FIELD(vpc, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("CIDR blocks within those of the VPC."),
	SD_VARLINK_DEFINE_FIELD(cidrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Route table; null: only the blocks of the VPC are reached."),
	SD_VARLINK_DEFINE_FIELD(route_table, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(Create,
	VARLINK_NEW_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("CIDR blocks within those of the VPC."),
	SD_VARLINK_DEFINE_INPUT(cidrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Route table of the same VPC."),
	SD_VARLINK_DEFINE_INPUT(route_table, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Subnet));

static SD_VARLINK_DEFINE_METHOD(Set,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC; it cannot be changed."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("CIDR blocks within those of the VPC."),
	SD_VARLINK_DEFINE_INPUT(cidrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Route table of the same VPC; the empty string takes it away."),
	SD_VARLINK_DEFINE_INPUT(route_table, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Subnet));

static SD_VARLINK_DEFINE_METHOD(Show, VARLINK_NAME, VARLINK_OUT_OBJECT(Subnet));
static SD_VARLINK_DEFINE_METHOD(List, VARLINK_OUT_OBJECTS(Subnet));
static SD_VARLINK_DEFINE_METHOD(Delete, VARLINK_NAME);

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_Subnet, "io.nitro.Subnet",
	SD_VARLINK_INTERFACE_COMMENT("Subnets: parts of the CIDRs of a VPC. The first four and the last address of each block are reserved."),
	SD_VARLINK_SYMBOL_COMMENT("The object."),
	&vl_type_Subnet,
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

VARLINK_METHOD(create, subnet, KIND_SUBNET)
VARLINK_METHOD(set, subnet, KIND_SUBNET)
VARLINK_METHOD(show, subnet, KIND_SUBNET)
VARLINK_METHOD(list, subnet, KIND_SUBNET)
VARLINK_METHOD(delete, subnet, KIND_SUBNET)

/**
 * varlink_bind_subnet - serve io.nitro.Subnet
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_subnet(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_Subnet);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.Subnet.Create", subnet_create,
		"io.nitro.Subnet.Set", subnet_set,
		"io.nitro.Subnet.Show", subnet_show,
		"io.nitro.Subnet.List", subnet_list,
		"io.nitro.Subnet.Delete", subnet_delete);
}
