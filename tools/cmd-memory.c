// SPDX-License-Identifier: GPL-2.0
/* nitroctl memory: where instances have their memory. */
#include <stdio.h>

#include "cli.h"
#include "client.h"

static const struct cli_option set_options[] = {
	{ .name = "pool", .property = "pool", .type = &type_size,
	  .metavar = "SIZE",
	  .help = "memory that the host gives up for instances; 0: none" },
	{}
};

static const struct print_field fields[] = {
	{ "State", "state", NULL, PRINT_SHOW },
	{ "Pool", "pool", format_size, PRINT_SHOW },
	{ "Size", "size", format_size, PRINT_SHOW },
	{ "Used", "used", format_size, PRINT_SHOW },
	{ "Free", "free", format_size, PRINT_SHOW },
	{ "Largest", "largest", format_size, PRINT_SHOW },
	{ "Block", "block_size", format_size, PRINT_SHOW },
	{ "Reason", "reason", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

static const struct print_field guest_fields[] = {
	{ "Instance", "name", NULL, PRINT_LIST },
	{ "ID", "id", NULL, PRINT_LIST },
	{ "Size", "size", format_size, PRINT_LIST | PRINT_RIGHT },
	{ "Huge", "huge", format_size, PRINT_LIST | PRINT_RIGHT },
	{ "Ranges", "ranges", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "State", "state", NULL, PRINT_LIST },
	{}
};

static const struct print_section sections[] = {
	{ "Instances", "guests", guest_fields, NULL },
	{}
};

static int call_memory(const struct cli_call *call, sd_json_variant **ret)
{
	return client_call(call->socket, call->object->interface,
			   call->verb->method, call->properties, ret);
}

/* The pool may be smaller than it should be: that is said, and is no failure */
static int run_set(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *memory, *reason;
	int r;

	r = call_memory(call, &reply);
	if (r)
		return r;
	memory = print_lookup(reply, "memory");
	reason = print_lookup(memory, "reason");
	if (reason && sd_json_variant_is_string(reason) && !call->style->quiet)
		fprintf(stderr, "nitroctl: %s\n",
			sd_json_variant_string(reason));
	return cli_print_object(call, memory, NULL);
}

static int run_show(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	int r;

	r = call_memory(call, &reply);
	if (r)
		return r;
	r = print_object(print_lookup(reply, "memory"), fields, sections,
			 call->style);
	return r < 0 ? cli_failed(r, "cannot print the answer") : EXIT_OK;
}

static const struct cli_verb verbs[] = {
	{ .name = "set", .help = "say how much memory is for instances only",
	  .options = set_options, .needs_any = true,
	  .method = "Set", .run = run_set },
	{ .name = "show", .help = "show the pool and who has memory of it",
	  .method = "Show", .run = run_show },
	{}
};

const struct cli_object object_memory = {
	.name = "memory",
	.help = "memory of instances, out of the host's reach",
	.interface = "io.nitro.Memory",
	.verbs = verbs,
	.fields = fields,
	.sections = sections,
};
