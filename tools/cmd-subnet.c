// SPDX-License-Identifier: GPL-2.0
/* nitroctl subnet: ranges of a VPC that ENIs live in. */
#include "cli.h"

#define SUBNET_CIDR \
	{ .name = "cidr", .property = "cidrs", .type = &type_cidr, \
	  .metavar = "CIDR", .list = true, \
	  .help = "IPv4 or IPv6 range inside the VPC's; may be repeated" }
#define SUBNET_ROUTE_TABLE \
	{ .name = "route-table", .property = "route_table", \
	  .type = &type_text, .metavar = "RTB", \
	  .help = "its route table (default: only local routes)" }

static const struct cli_option create_options[] = {
	{ .name = "vpc", .property = "vpc", .type = &type_text,
	  .metavar = "VPC", .help = "the VPC it belongs to" },
	SUBNET_CIDR, SUBNET_ROUTE_TABLE, {}
};

static const struct cli_option set_options[] = {
	SUBNET_CIDR, SUBNET_ROUTE_TABLE, {}
};

static const char *const create_needs[] = { "vpc", "cidrs", NULL };

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a subnet and print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs = create_needs, .method = "Create", .run = cli_run_create },
	{ .name = "set", .help = "change a subnet; ranges replace the old ones",
	  .positionals = cli_name_positional, .options = set_options,
	  .needs_any = true, .method = "Set", .run = cli_run_change },
	{ .name = "list", .help = "list the subnets",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a subnet",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "delete", .help = "delete a subnet that holds no ENI",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "VPC", "vpc", NULL, PRINT_BOTH },
	{ "CIDRs", "cidrs", NULL, PRINT_BOTH },
	{ "Route table", "route_table", NULL, PRINT_BOTH },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

const struct cli_object object_subnet = {
	.name = "subnet",
	.help = "ranges of a VPC that ENIs take addresses from",
	.interface = "io.nitro.Subnet",
	.verbs = verbs,
	.fields = fields,
};
