// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Vpc: address spaces. */

#include "varlink.h"

static SD_VARLINK_DEFINE_STRUCT_TYPE(Vpc,
	VARLINK_COMMON_FIELDS,
	SD_VARLINK_FIELD_COMMENT("CIDR blocks, IPv4 and IPv6."),
	SD_VARLINK_DEFINE_FIELD(cidrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Number of the VPC on the wire, derived from the name unless it was given."),
	SD_VARLINK_DEFINE_FIELD(vni, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_METHOD(Create,
	VARLINK_NEW_NAME,
	SD_VARLINK_FIELD_COMMENT("CIDR blocks, IPv4 and IPv6."),
	SD_VARLINK_DEFINE_INPUT(cidrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Number on the wire, 1 to 16777214. Derived from the name if null."),
	SD_VARLINK_DEFINE_INPUT(vni, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Vpc));

static SD_VARLINK_DEFINE_METHOD(Set,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("CIDR blocks, IPv4 and IPv6."),
	SD_VARLINK_DEFINE_INPUT(cidrs, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Number on the wire, 1 to 16777214."),
	SD_VARLINK_DEFINE_INPUT(vni, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Vpc));

static SD_VARLINK_DEFINE_METHOD(Show, VARLINK_NAME, VARLINK_OUT_OBJECT(Vpc));
static SD_VARLINK_DEFINE_METHOD(List, VARLINK_OUT_OBJECTS(Vpc));
static SD_VARLINK_DEFINE_METHOD(Delete, VARLINK_NAME);

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_Vpc, "io.nitro.Vpc",
	SD_VARLINK_INTERFACE_COMMENT("VPCs: address spaces of their own. CIDRs of different VPCs may overlap."),
	SD_VARLINK_SYMBOL_COMMENT("The object."),
	&vl_type_Vpc,
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

VARLINK_METHOD(create, vpc, KIND_VPC)
VARLINK_METHOD(set, vpc, KIND_VPC)
VARLINK_METHOD(show, vpc, KIND_VPC)
VARLINK_METHOD(list, vpc, KIND_VPC)
VARLINK_METHOD(delete, vpc, KIND_VPC)

/**
 * varlink_bind_vpc - serve io.nitro.Vpc
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_vpc(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_Vpc);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.Vpc.Create", vpc_create,
		"io.nitro.Vpc.Set", vpc_set,
		"io.nitro.Vpc.Show", vpc_show,
		"io.nitro.Vpc.List", vpc_list,
		"io.nitro.Vpc.Delete", vpc_delete);
}
