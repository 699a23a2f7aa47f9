// SPDX-License-Identifier: GPL-2.0
/* nitroctl prefix-list: named lists of ranges for security group rules. */
#include "cli.h"

#define PREFIX_LIST_ENTRY \
	{ .name = "entry", .property = "entries", .type = &type_cidr, \
	  .metavar = "CIDR", .list = true, \
	  .help = "a range; may be repeated" }

static const struct cli_option create_options[] = {
	PREFIX_LIST_ENTRY,
	{ .name = "vpc", .property = "vpc", .type = &type_text,
	  .metavar = "VPC", .help = "the VPC it belongs to (default: none)" },
	{}
};

static const struct cli_option set_options[] = { PREFIX_LIST_ENTRY, {} };

static const char *const create_needs[] = { "entries", NULL };

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a prefix list and print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs = create_needs, .method = "Create", .run = cli_run_create },
	{ .name = "set", .help = "replace the entries of a prefix list",
	  .positionals = cli_name_positional, .options = set_options,
	  .needs_any = true, .method = "Set", .run = cli_run_change },
	{ .name = "list", .help = "list the prefix lists",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a prefix list",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "delete", .help = "delete a prefix list no rule uses",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "VPC", "vpc", NULL, PRINT_BOTH },
	{ "Entries", "entries", format_number_of, PRINT_LIST | PRINT_RIGHT },
	{ "Entries", "entries", NULL, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

const struct cli_object object_prefix_list = {
	.name = "prefix-list",
	.help = "named lists of ranges that rules can name as peer",
	.interface = "io.nitro.PrefixList",
	.verbs = verbs,
	.fields = fields,
};
