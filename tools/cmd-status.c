// SPDX-License-Identifier: GPL-2.0
/* nitroctl status: is everything working, and if not, why not. */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "client.h"

static const struct print_field fields[] = {
	{ "Version", "version", NULL, PRINT_SHOW },
	{ "Daemon", "daemon.state", NULL, PRINT_SHOW },
	{ "PID", "daemon.pid", NULL, PRINT_SHOW },
	{ "Uptime", "daemon.uptime", format_seconds, PRINT_SHOW },
	{ "Hardening", "hardening.state", NULL, PRINT_SHOW },
	{ "Host", "host.name", NULL, PRINT_SHOW },
	{ "Underlay", "host.underlay", NULL, PRINT_SHOW },
	{}
};

static const struct print_field module_fields[] = {
	{ "Name", "name", NULL, PRINT_LIST },
	{ "Loaded", "loaded", NULL, PRINT_LIST },
	{ "Version", "version", NULL, PRINT_LIST },
	{ "Reason", "reason", NULL, PRINT_LIST },
	{}
};

static const struct print_section sections[] = {
	{ "Modules", "modules", module_fields, NULL },
	{ "Objects", "counts", NULL, NULL },
	{}
};

static void print_problems(sd_json_variant *problems)
{
	size_t n = problems ? sd_json_variant_elements(problems) : 0;

	if (n)
		printf("\nProblems:\n");
	for (size_t i = 0; i < n; i++) {
		char *text;

		text = print_text(sd_json_variant_by_index(problems, i));
		if (text)
			printf("  %s\n", text);
		free(text);
	}
}

static int run_status(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *status;
	int r;

	r = client_call(call->socket, call->object->interface,
			call->verb->method, NULL, &reply);
	if (r)
		return r;
	status = print_lookup(reply, "status");
	if (!status || !sd_json_variant_is_object(status))
		status = reply;
	r = print_object(status, fields, sections, call->style);
	if (r < 0)
		return cli_failed(r, "cannot print the status");
	if (!call->style->json)
		print_problems(print_lookup(status, "problems"));
	return EXIT_OK;
}

static const struct cli_verb status_verb[] = {
	{ .help = "show modules, daemon, host and counts, and what is wrong",
	  .method = "Status", .run = run_status },
	{}
};

const struct cli_object command_status = {
	.name = "status",
	.help = "show whether everything works, and why not",
	.interface = "io.nitro.Network",
	.verbs = status_verb,
	.fields = fields,
	.sections = sections,
};
