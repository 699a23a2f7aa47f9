// SPDX-License-Identifier: GPL-2.0
/* nitroctl sg: security groups, stateful and allow-only. */
#include <string.h>

#include "cli.h"

static const struct cli_option create_options[] = {
	{ .name = "vpc", .property = "vpc", .type = &type_text,
	  .metavar = "VPC", .help = "the VPC it belongs to" },
	{}
};

static const char *const create_needs[] = { "vpc", NULL };

static const struct cli_positional allow_positionals[] = {
	{ "SG", "name", &type_text },
	{}
};

static const struct cli_option allow_options[] = {
	{ .name = "ingress", .property = "direction", .constant = "ingress",
	  .help = "allow packets to the members of the group" },
	{ .name = "egress", .property = "direction", .constant = "egress",
	  .help = "allow packets from the members of the group" },
	{ .name = "protocol", .property = "protocol", .type = &type_protocol,
	  .metavar = "P", .help = "tcp, udp, icmp, icmpv6, all or a number" },
	{ .name = "port", .property = "ports", .type = &type_port_range,
	  .metavar = "N[-M]",
	  .help = "destination port or ports (default: all)" },
	{ .name = "icmp-type", .property = "icmp_type",
	  .type = &type_icmp_type, .metavar = "T[/C]",
	  .help = "ICMP type, or type and code (default: all)" },
	{ .name = "peer", .property = "peer", .type = &type_peer,
	  .metavar = "PEER",
	  .help = "the other side: CIDR, sg:NAME or pl:NAME" },
	{}
};

static const char *const allow_needs[] = {
	"direction", "protocol", "peer", NULL
};

static const struct cli_positional revoke_positionals[] = {
	{ "SG", "name", &type_text },
	{ "RULE-ID", "rule_id", &type_text },
	{}
};

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a security group, print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs = create_needs, .method = "Create", .run = cli_run_create },
	{ .name = "list", .help = "list the security groups",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a security group and its rules",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "allow", .help = "add a rule and print its ID",
	  .positionals = allow_positionals, .options = allow_options,
	  .needs = allow_needs, .method = "Allow", .run = cli_run_allow },
	{ .name = "revoke", .help = "remove a rule",
	  .positionals = revoke_positionals,
	  .method = "Revoke", .run = cli_run_change },
	{ .name = "delete", .help = "delete a group that nothing uses",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

/* How many rules; a group that was given none allows all. */
static char *format_egress(sd_json_variant *value)
{
	if (!value || sd_json_variant_is_null(value))
		return strdup("all");
	return format_number_of(value);
}

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "VPC", "vpc", NULL, PRINT_BOTH },
	{ "Ingress", "ingress", format_number_of, PRINT_LIST | PRINT_RIGHT },
	{ "Egress", "egress", format_egress, PRINT_LIST | PRINT_RIGHT },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

static const struct print_field rule_fields[] = {
	{ "Rule ID", "rule_id", NULL, PRINT_LIST },
	{ "Protocol", "protocol", NULL, PRINT_LIST },
	{ "Ports", "ports", NULL, PRINT_LIST },
	{ "ICMP type", "icmp_type", NULL, PRINT_LIST },
	{ "Peer", "peer", NULL, PRINT_LIST },
	{}
};

static const struct print_section sections[] = {
	{ "Ingress", "ingress", rule_fields, NULL },
	{ "Egress", "egress", rule_fields,
	  "none given: everything may go out" },
	{}
};

const struct cli_object object_sg = {
	.name = "sg",
	.help = "security groups: who may talk to their members",
	.interface = "io.nitro.SecurityGroup",
	.verbs = verbs,
	.fields = fields,
	.sections = sections,
};
