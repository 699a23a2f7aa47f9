// SPDX-License-Identifier: GPL-2.0
/* nitroctl host: the hosts of the network. */
#include "cli.h"

static const struct cli_option set_options[] = {
	{ .name = "underlay", .property = "underlay", .type = &type_address,
	  .metavar = "IP", .help = "address of the host in the underlay" },
	{ .name = "local", .property = "local", .help = "it is this host" },
	{ .name = "port", .property = "port", .type = &type_port,
	  .metavar = "PORT", .help = "UDP port of Geneve (default 6081)" },
	{}
};

static const struct cli_verb verbs[] = {
	{ .name = "set", .help = "add a host, or change one",
	  .positionals = cli_name_positional, .options = set_options,
	  .needs_any = true, .method = "Set", .run = cli_run_change },
	{ .name = "list", .help = "list the hosts",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a host",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "delete", .help = "delete a host that holds no ENI",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "Underlay", "underlay", NULL, PRINT_BOTH },
	{ "Port", "port", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "Local", "local", NULL, PRINT_BOTH },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

const struct cli_object object_host = {
	.name = "host",
	.help = "hosts of the network and their underlay addresses",
	.interface = "io.nitro.Host",
	.verbs = verbs,
	.fields = fields,
};
