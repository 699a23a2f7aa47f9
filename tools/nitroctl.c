// SPDX-License-Identifier: GPL-2.0
/* nitroctl: control the Nitro System of this host through nitrod. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"

const struct cli_object *const cli_objects[] = {
	&object_host,
	&object_vpc,
	&object_subnet,
	&object_route_table,
	&object_prefix_list,
	&object_sg,
	&object_eni,
	&object_pool,
	&object_volume,
	&object_key,
	&object_instance,
	&object_enclave,
	&object_attest,
	&object_kms,
	&object_memory,
	&command_status,
	&command_apply,
	&command_export,
	&command_monitor,
	&command_trace,
	NULL
};

const struct cli_option cli_global_options[] = {
	{ .name = "json", .letter = 'j', .help = "print JSON" },
	{ .name = "pretty", .letter = 'p', .help = "print indented JSON" },
	{ .name = "quiet", .letter = 'q',
	  .help = "print names only in lists, nothing on success" },
	{ .name = "no-legend", .help = "leave out headers and footers" },
	{ .name = "help", .letter = 'h', .help = "print this help" },
	{ .name = "version", .letter = 'V', .help = "print the version" },
	{ .name = "socket", .type = &type_text },
	{}
};

/**
 * cli_error() - Say why a command failed
 * @status: the exit status
 * @format: one sentence without a full stop
 *
 * Context: Writes to stderr.
 * Return: @status.
 */
int cli_error(int status, const char *format, ...)
{
	va_list args;

	fputs("nitroctl: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

/**
 * cli_failed() - Say which step failed and why
 * @error: negative error
 * @what: the step
 *
 * Context: Writes to stderr.
 * Return: EXIT_FAILED.
 */
int cli_failed(int error, const char *what)
{
	return cli_error(EXIT_FAILED, "%s: %s", what, strerror(-error));
}

static bool wants_color(void)
{
	const char *term = getenv("TERM");
	const char *off = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") &&
	       !(off && *off);
}

static int run(const struct cli_globals *globals, struct cli_call *call)
{
	if (globals->version) {
		puts("nitroctl " NITRO_VERSION);
		return EXIT_OK;
	}
	if (globals->help && call->verb)
		return help_print_verb(call->object, call->verb,
				       &globals->style);
	if (globals->help && call->object)
		return help_print_object(call->object, &globals->style);
	if (globals->help)
		return help_print_all(&globals->style);
	call->style = &globals->style;
	call->socket = client_socket(globals->socket);
	return call->verb->run(call);
}

int main(int argc, char **argv)
{
	struct cli_globals globals = {};
	struct cli_call call = {};
	int status;

	globals.style.color = wants_color();
	status = cli_parse(argc, argv, &globals, &call);
	if (!status)
		status = run(&globals, &call);
	sd_json_variant_unref(call.properties);
	if ((fflush(stdout) || ferror(stdout)) && !status)
		status = cli_failed(-errno, "cannot write the output");
	return status;
}
