// SPDX-License-Identifier: GPL-2.0
/* io.nitro.PrefixList: CIDR blocks under one name. */

#include "varlink.h"

static SD_VARLINK_DEFINE_STRUCT_TYPE(PrefixList,
	VARLINK_COMMON_FIELDS,
	SD_VARLINK_FIELD_COMMENT("The VPC whose rules may name it; null: those of all VPCs."),
	SD_VARLINK_DEFINE_FIELD(vpc, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("CIDR blocks, 1000 at most."),
	SD_VARLINK_DEFINE_FIELD(entries, SD_VARLINK_STRING, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(Create,
	VARLINK_NEW_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC whose rules may name it; null: those of all VPCs."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("CIDR blocks, 1000 at most."),
	SD_VARLINK_DEFINE_INPUT(entries, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(PrefixList));

static SD_VARLINK_DEFINE_METHOD(Set,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC; it cannot be changed."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("CIDR blocks that replace the present ones."),
	SD_VARLINK_DEFINE_INPUT(entries, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(PrefixList));

static SD_VARLINK_DEFINE_METHOD(Show, VARLINK_NAME, VARLINK_OUT_OBJECT(PrefixList));
static SD_VARLINK_DEFINE_METHOD(List, VARLINK_OUT_OBJECTS(PrefixList));
static SD_VARLINK_DEFINE_METHOD(Delete, VARLINK_NAME);

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_PrefixList, "io.nitro.PrefixList",
	SD_VARLINK_INTERFACE_COMMENT("Prefix lists: CIDR blocks that rules name together."),
	SD_VARLINK_SYMBOL_COMMENT("The object."),
	&vl_type_PrefixList,
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

VARLINK_METHOD(create, prefix_list, KIND_PREFIX_LIST)
VARLINK_METHOD(set, prefix_list, KIND_PREFIX_LIST)
VARLINK_METHOD(show, prefix_list, KIND_PREFIX_LIST)
VARLINK_METHOD(list, prefix_list, KIND_PREFIX_LIST)
VARLINK_METHOD(delete, prefix_list, KIND_PREFIX_LIST)

/**
 * varlink_bind_prefix_list - serve io.nitro.PrefixList
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_prefix_list(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_PrefixList);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.PrefixList.Create", prefix_list_create,
		"io.nitro.PrefixList.Set", prefix_list_set,
		"io.nitro.PrefixList.Show", prefix_list_show,
		"io.nitro.PrefixList.List", prefix_list_list,
		"io.nitro.PrefixList.Delete", prefix_list_delete);
}
