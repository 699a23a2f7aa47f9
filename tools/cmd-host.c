// SPDX-License-Identifier: GPL-2.0
/* nitroctl host: the hosts of the network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"

static const struct cli_option set_options[] = {
	{ .name = "underlay", .property = "underlay", .type = &type_address,
	  .metavar = "IP", .help = "address of the host in the underlay" },
	{ .name = "local", .property = "local", .help = "it is this host" },
	{ .name = "port", .property = "port", .type = &type_port,
	  .metavar = "PORT", .help = "UDP port of Geneve (default 6081)" },
	{}
};

static const struct cli_option harden_options[] = {
	{ .name = "check", .property = "action", .constant = "Check",
	  .help = "say what there is of production mode" },
	{ .name = "apply", .property = "action", .constant = "Apply",
	  .help = "bring it about, until the host reboots and then again" },
	{}
};

static const char *const harden_needs[] = { "action", NULL };

static const struct print_field harden_fields[] = {
	{ "State", "state", NULL, PRINT_SHOW },
	{}
};

static const struct print_field check_fields[] = {
	{ "Name", "name", NULL, PRINT_LIST },
	{ "State", "state", NULL, PRINT_LIST },
	{ "Current", "current", NULL, PRINT_LIST },
	{ "Wanted", "wanted", NULL, PRINT_LIST },
	{}
};

static const struct print_section harden_sections[] = {
	{ "Checks", "checks", check_fields, NULL },
	{}
};

/* What each missing one is good for, and how to get it */
static void print_missing(sd_json_variant *checks)
{
	size_t n = checks ? sd_json_variant_elements(checks) : 0;

	for (size_t i = 0; i < n; i++) {
		sd_json_variant *check = sd_json_variant_by_index(checks, i);
		char *state = print_text(print_lookup(check, "state"));
		char *name = print_text(print_lookup(check, "name"));
		char *why = print_text(print_lookup(check, "why"));
		sd_json_variant *remedy = print_lookup(check, "remedy");
		char *what = remedy && !sd_json_variant_is_null(remedy) ?
				     print_text(remedy) : NULL;

		if (state && name && why && !strcmp(state, "missing"))
			printf("\n%s: %s%s%s\n", name, why, what ? " " : "",
			       what ? what : "");
		free(state);
		free(name);
		free(why);
		free(what);
	}
}

static int run_harden(const struct cli_call *call)
{
	sd_json_variant *action = print_lookup(call->properties, "action");
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *hardening;
	int r;

	r = client_call(call->socket, "io.nitro.Hardening",
			sd_json_variant_string(action), NULL, &reply);
	if (r)
		return r;
	hardening = print_lookup(reply, "hardening");
	r = print_object(hardening, harden_fields, harden_sections,
			 call->style);
	if (r < 0)
		return cli_failed(r, "cannot print the answer");
	if (!call->style->json && !call->style->quiet)
		print_missing(print_lookup(hardening, "checks"));
	return EXIT_OK;
}

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
	{ .name = "harden",
	  .help = "keep root of this host out of guests' memory",
	  .options = harden_options, .needs = harden_needs,
	  .method = "Check", .run = run_harden },
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
