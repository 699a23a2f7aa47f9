// SPDX-License-Identifier: GPL-2.0
/* nitroctl route-table: where a subnet's packets go. */
#include "cli.h"

static const struct cli_option create_options[] = {
	{ .name = "vpc", .property = "vpc", .type = &type_text,
	  .metavar = "VPC", .help = "the VPC it belongs to" },
	{}
};

static const char *const create_needs[] = { "vpc", NULL };

static const struct cli_positional route_positionals[] = {
	{ "RTB", "name", &type_text },
	{ "CIDR", "cidr", &type_cidr },
	{}
};

static const struct cli_option route_options[] = {
	{ .name = "to", .property = "to", .type = &type_route_target,
	  .metavar = "eni:NAME|local|blackhole",
	  .help = "where packets to CIDR go" },
	{}
};

static const char *const route_needs[] = { "to", NULL };

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a route table and print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs = create_needs, .method = "Create", .run = cli_run_create },
	{ .name = "list", .help = "list the route tables",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a route table",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "add-route", .help = "add a route",
	  .positionals = route_positionals, .options = route_options,
	  .needs = route_needs, .method = "AddRoute", .run = cli_run_change },
	{ .name = "delete-route", .help = "delete a route",
	  .positionals = route_positionals,
	  .method = "DeleteRoute", .run = cli_run_change },
	{ .name = "delete", .help = "delete a route table no subnet uses",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "VPC", "vpc", NULL, PRINT_BOTH },
	{ "Routes", "routes", format_number_of, PRINT_LIST | PRINT_RIGHT },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

static const struct print_field route_fields[] = {
	{ "CIDR", "cidr", NULL, PRINT_LIST },
	{ "To", "to", NULL, PRINT_LIST },
	{}
};

static const struct print_section sections[] = {
	{ "Routes", "routes", route_fields, NULL },
	{}
};

const struct cli_object object_route_table = {
	.name = "route-table",
	.help = "routes of subnets: to an ENI, local or into a black hole",
	.interface = "io.nitro.RouteTable",
	.verbs = verbs,
	.fields = fields,
	.sections = sections,
};
