// SPDX-License-Identifier: GPL-2.0
/* io.nitro.SecurityGroup: who may talk to the members. */

#include "varlink.h"

#define MATCH \
	PROPERTY("protocol", STRING, P_REQUIRED, \
		 "tcp, udp, icmp, icmpv6, all or a protocol number."), \
	PROPERTY("ports", STRING, P_NULLABLE, \
		 "Destination port or range of ports such as 80-90; null: all."), \
	PROPERTY("icmp_type", STRING, P_NULLABLE, "ICMP type, or type/code; null: all."), \
	PROPERTY("peer", STRING, P_REQUIRED, \
		 "Who the other side must be: a CIDR, sg:NAME or pl:NAME.")

static const struct varlink_property rule[] = {
	PROPERTY("rule_id", STRING, P_NULLABLE,
		 "ID of the rule, derived from the group and the rule."),
	MATCH,
	{}
};

static const struct varlink_property allow_parameters[] = {
	PROPERTY("direction", STRING, P_REQUIRED,
		 "ingress or egress. The first egress rule replaces the default, which allows all."),
	MATCH,
	PROPERTY_OF("rule", "Rule", P_RESULT, "The rule, with its ID."),
	{}
};

static const struct varlink_property revoke_parameters[] = {
	PROPERTY("rule_id", STRING, P_REQUIRED,
		 "ID of the rule. When the last egress rule goes, nothing may go out."),
	{}
};

static const struct varlink_property properties[] = {
	PROPERTY("vpc", STRING, P_REQUIRED | P_FIXED, "The VPC."),
	PROPERTY_OF("ingress", "Rule", P_ARRAY, "Who may send to the members.",
		    .create_text = "Who may send to the members. Null: nobody.",
		    .set_text = "Rules that replace the present ones."),
	PROPERTY_OF("egress", "Rule", P_ARRAY | P_NULLABLE,
		    "Whom the members may send to. Null: everybody; an empty list: nobody.",
		    .set_text = "Rules that replace the present ones."),
	{}
};

static const struct varlink_type types[] = {
	{ "Rule", "An allow rule.", rule },
	{}
};

VARLINK_METHOD(allow_rule, edit_allow, "rule")
VARLINK_METHOD(revoke_rule, edit_revoke, NULL)

static const struct varlink_method methods[] = {
	{ .name = "Allow", .parameters = allow_parameters, .serve = allow_rule, .text = "Add a rule." },
	{ .name = "Revoke", .parameters = revoke_parameters, .serve = revoke_rule,
	  .text = "Take a rule away. Tracked flows that it allowed live on until they are idle." },
	{}
};

VARLINK_OBJECT(security_group,
	.name = "SecurityGroup", .kind = KIND_SECURITY_GROUP,
	.text = "Security groups: stateful allow rules for the ENIs that are members. The rules of all groups of an ENI count together.",
	.properties = properties, .types = types, .methods = methods,
);
