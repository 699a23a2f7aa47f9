// SPDX-License-Identifier: GPL-2.0
/* nitroctl vpc: private networks. */
#include "cli.h"

static const struct cli_option create_options[] = {
	{ .name = "cidr", .property = "cidrs", .type = &type_cidr,
	  .metavar = "CIDR", .list = true,
	  .help = "IPv4 or IPv6 range; may be repeated" },
	{ .name = "domain", .property = "domain", .type = &type_text,
	  .metavar = "DOMAIN", .help = "domain of the guests' names" },
	{ .name = "dns-server", .property = "dns_servers",
	  .type = &type_address, .metavar = "IP", .list = true,
	  .help = "resolver for the guests; may be repeated (default: VPC+2)" },
	{ .name = "ntp-server", .property = "ntp_servers",
	  .type = &type_address, .metavar = "IP", .list = true,
	  .help = "time server for the guests; may be repeated" },
	{}
};

static const char *const create_needs[] = { "cidrs", NULL };

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a VPC and print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs = create_needs, .method = "Create", .run = cli_run_create },
	{ .name = "set", .help = "change a VPC; a list replaces the old one",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs_any = true, .method = "Set", .run = cli_run_change },
	{ .name = "list", .help = "list the VPCs",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a VPC",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "delete", .help = "delete a VPC that nothing uses",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "CIDRs", "cidrs", NULL, PRINT_BOTH },
	{ "VNI", "vni", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "Domain", "domain", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "DNS servers", "dns_servers", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "NTP servers", "ntp_servers", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

const struct cli_object object_vpc = {
	.name = "vpc",
	.help = "virtual private clouds: isolated networks",
	.interface = "io.nitro.Vpc",
	.verbs = verbs,
	.fields = fields,
};
