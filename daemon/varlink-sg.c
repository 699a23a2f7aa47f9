// SPDX-License-Identifier: GPL-2.0
/* io.nitro.SecurityGroup: who may talk to the members. */

#include "varlink.h"

static SD_VARLINK_DEFINE_STRUCT_TYPE(Rule,
	SD_VARLINK_FIELD_COMMENT("ID of the rule, derived from the group and the rule."),
	SD_VARLINK_DEFINE_FIELD(rule_id, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("tcp, udp, icmp, icmpv6, all or a protocol number."),
	SD_VARLINK_DEFINE_FIELD(protocol, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Destination port or range of ports such as 80-90; null: all."),
	SD_VARLINK_DEFINE_FIELD(ports, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("ICMP type, or type/code; null: all."),
	SD_VARLINK_DEFINE_FIELD(icmp_type, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Who the other side must be: a CIDR, sg:NAME or pl:NAME."),
	SD_VARLINK_DEFINE_FIELD(peer, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(SecurityGroup,
	VARLINK_COMMON_FIELDS,
	SD_VARLINK_FIELD_COMMENT("The VPC."),
	SD_VARLINK_DEFINE_FIELD(vpc, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Who may send to the members."),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(ingress, Rule, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Whom the members may send to. Null: everybody."),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(egress, Rule, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(Create,
	VARLINK_NEW_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Who may send to the members. Null: nobody."),
	SD_VARLINK_DEFINE_INPUT_BY_TYPE(ingress, Rule, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Whom the members may send to. Null: everybody; an empty list: nobody."),
	SD_VARLINK_DEFINE_INPUT_BY_TYPE(egress, Rule, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(SecurityGroup));

static SD_VARLINK_DEFINE_METHOD(Set,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("The VPC; it cannot be changed."),
	SD_VARLINK_DEFINE_INPUT(vpc, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Rules that replace the present ones."),
	SD_VARLINK_DEFINE_INPUT_BY_TYPE(ingress, Rule, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Rules that replace the present ones."),
	SD_VARLINK_DEFINE_INPUT_BY_TYPE(egress, Rule, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(SecurityGroup));

static SD_VARLINK_DEFINE_METHOD(Show, VARLINK_NAME, VARLINK_OUT_OBJECT(SecurityGroup));
static SD_VARLINK_DEFINE_METHOD(List, VARLINK_OUT_OBJECTS(SecurityGroup));
static SD_VARLINK_DEFINE_METHOD(Delete, VARLINK_NAME);

static SD_VARLINK_DEFINE_METHOD(Allow,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("ingress or egress. The first egress rule replaces the default, which allows all."),
	SD_VARLINK_DEFINE_INPUT(direction, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("tcp, udp, icmp, icmpv6, all or a protocol number."),
	SD_VARLINK_DEFINE_INPUT(protocol, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Destination port or range of ports; null: all."),
	SD_VARLINK_DEFINE_INPUT(ports, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("ICMP type, or type/code; null: all."),
	SD_VARLINK_DEFINE_INPUT(icmp_type, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("A CIDR, sg:NAME or pl:NAME."),
	SD_VARLINK_DEFINE_INPUT(peer, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The rule, with its ID."),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(rule, Rule, 0));

static SD_VARLINK_DEFINE_METHOD(Revoke,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("ID of the rule. When the last egress rule goes, nothing may go out."),
	SD_VARLINK_DEFINE_INPUT(rule_id, SD_VARLINK_STRING, 0));

static int security_group_allow(sd_varlink *link, sd_json_variant *p,
				sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *rule = NULL, *v = NULL;

	(void)flags;
	if (edit_allow(userdata, p, &rule, &e) < 0)
		return varlink_fail(link, &e);
	json_set(&v, "rule", sd_json_variant_ref(rule));
	return sd_varlink_reply(link, v);
}

static int security_group_revoke(sd_varlink *link, sd_json_variant *p,
				 sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_(error_clear) struct error e = {};

	(void)flags;
	if (edit_revoke(userdata, p, &e) < 0)
		return varlink_fail(link, &e);
	return sd_varlink_reply(link, NULL);
}

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_SecurityGroup, "io.nitro.SecurityGroup",
	SD_VARLINK_INTERFACE_COMMENT("Security groups: stateful allow rules for the ENIs that are members. The rules of all groups of an ENI count together."),
	SD_VARLINK_SYMBOL_COMMENT("An allow rule."),
	&vl_type_Rule,
	SD_VARLINK_SYMBOL_COMMENT("Add a rule."),
	&vl_method_Allow,
	SD_VARLINK_SYMBOL_COMMENT("Take a rule away. Tracked flows that it allowed live on until they are idle."),
	&vl_method_Revoke,
	SD_VARLINK_SYMBOL_COMMENT("The object."),
	&vl_type_SecurityGroup,
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

VARLINK_METHOD(create, security_group, KIND_SECURITY_GROUP)
VARLINK_METHOD(set, security_group, KIND_SECURITY_GROUP)
VARLINK_METHOD(show, security_group, KIND_SECURITY_GROUP)
VARLINK_METHOD(list, security_group, KIND_SECURITY_GROUP)
VARLINK_METHOD(delete, security_group, KIND_SECURITY_GROUP)

/**
 * varlink_bind_security_group - serve io.nitro.SecurityGroup
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_security_group(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_SecurityGroup);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.SecurityGroup.Create", security_group_create,
		"io.nitro.SecurityGroup.Set", security_group_set,
		"io.nitro.SecurityGroup.Show", security_group_show,
		"io.nitro.SecurityGroup.List", security_group_list,
		"io.nitro.SecurityGroup.Delete", security_group_delete,
		"io.nitro.SecurityGroup.Allow", security_group_allow,
		"io.nitro.SecurityGroup.Revoke", security_group_revoke);
}
