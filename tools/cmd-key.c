// SPDX-License-Identifier: GPL-2.0
/* nitroctl key: the master keys that wrap the data keys of volumes. */
#include "cli.h"

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a master key and print its ID",
	  .positionals = cli_name_positional,
	  .method = "Create", .run = cli_run_create },
	{ .name = "list", .help = "list the keys",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a key",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "rotate",
	  .help = "replace a key and wrap all data keys anew",
	  .positionals = cli_name_positional,
	  .method = "Rotate", .run = cli_run_change },
	{ .name = "delete", .help = "erase a key that no volume uses",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "Generation", "generation", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "Volumes", "volumes", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

const struct cli_object object_key = {
	.name = "key",
	.help = "master keys of volumes, sealed to this host",
	.interface = "io.nitro.Key",
	.verbs = verbs,
	.fields = fields,
};
