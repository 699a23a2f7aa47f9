// SPDX-License-Identifier: GPL-2.0
/* nitroctl pool: where volumes get their space. */
#include "cli.h"

#define SIZE_OPTION \
	{ .name = "size", .property = "size", .type = &type_size, \
	  .metavar = "SIZE", \
	  .help = "of a directory: most of all its volumes together" }

static const struct cli_option create_options[] = {
	{ .name = "dir", .property = "dir", .type = &type_text,
	  .metavar = "PATH", .help = "a directory: a file for each volume" },
	{ .name = "vg", .property = "vg", .type = &type_text,
	  .metavar = "VG/THINPOOL",
	  .help = "an LVM thin pool: a logical volume for each" },
	{ .name = "device", .property = "device", .type = &type_text,
	  .metavar = "DEV", .help = "a partition or disk: an extent for each" },
	SIZE_OPTION,
	{ .name = "sparse", .property = "sparse",
	  .help = "take space when it is written to, not before" },
	{}
};

static const struct cli_option set_options[] = {
	SIZE_OPTION,
	{}
};

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a pool and print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs_any = true, .method = "Create", .run = cli_run_create },
	{ .name = "set", .help = "change how much a directory may hold",
	  .positionals = cli_name_positional, .options = set_options,
	  .needs_any = true, .method = "Set", .run = cli_run_change },
	{ .name = "list", .help = "list the pools",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a pool",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "delete", .help = "delete a pool that has no volumes",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "Place", "place", NULL, PRINT_BOTH },
	{ "Size", "size", format_size, PRINT_BOTH | PRINT_RIGHT },
	{ "Allocated", "allocated", format_size, PRINT_BOTH | PRINT_RIGHT },
	{ "Available", "available", format_size, PRINT_BOTH | PRINT_RIGHT },
	{ "Used", "used", format_size, PRINT_SHOW | PRINT_IF_SET },
	{ "Sparse", "sparse", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "UUID", "uuid", NULL, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_BOTH },
	{ "Reason", "reason", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

const struct cli_object object_pool = {
	.name = "pool",
	.help = "space for volumes: directories, LVM, devices",
	.interface = "io.nitro.Pool",
	.verbs = verbs,
	.fields = fields,
};
