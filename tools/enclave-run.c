// SPDX-License-Identifier: GPL-2.0
/* nitroctl enclave run, and how people see what runs. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"

const struct cli_option enclave_run_options[] = {
	{ .name = "image", .property = "image", .type = &type_text,
	  .metavar = "EIF", .help = "the image; it is copied and measured" },
	{ .name = "cpus", .property = "cpus", .type = &type_count,
	  .metavar = "N", .help = "CPUs, as whole cores for itself (default 1)" },
	{ .name = "memory", .property = "memory", .type = &type_size,
	  .metavar = "SIZE",
	  .help = "memory, a multiple of 2M (default 512M)" },
	{ .name = "cid", .property = "cid", .type = &type_count,
	  .metavar = "N",
	  .help = "vsock address (default: the first free one from 16 on)" },
	{ .name = "parent", .property = "parent", .type = &type_text,
	  .metavar = "INSTANCE",
	  .help = "instance that it is counted against and ends with" },
	{ .name = "debug", .property = "debug",
	  .help = "show its console; its documents have zeros, then" },
	{ .name = "no-wait", .property = "no_wait",
	  .help = "do not wait for its heartbeat" },
	{}
};

const char *const enclave_run_needs[] = { "image", NULL };

static char *format_pool(sd_json_variant *value)
{
	return strdup(sd_json_variant_boolean(value) ?
		      "of the pool" : "ordinary, in reach of the host");
}

const struct print_field enclave_fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "CID", "cid", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "CPUs", "cpus", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "Memory", "memory", format_size, PRINT_BOTH | PRINT_RIGHT },
	{ "Kind of memory", "pool", format_pool, PRINT_SHOW },
	{ "Image", "image", NULL, PRINT_SHOW },
	{ "Image name", "image_name", NULL, PRINT_BOTH | PRINT_IF_SET },
	{ "Image version", "image_version", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "PCR0", "measurements.PCR0", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "PCR1", "measurements.PCR1", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "PCR2", "measurements.PCR2", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "PCR8", "measurements.PCR8", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Parent", "parent", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Debug mode", "debug", format_on_off, PRINT_SHOW },
	{ "CPUs of the host", "cpu_list", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Vsock", "vsock", NULL, PRINT_SHOW },
	{ "Unit", "unit", NULL, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_BOTH },
	{ "Reason", "reason", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

/* Said aloud: whoever relies on the pool should not believe that it is there */
static void warn_of_memory(sd_json_variant *enclave)
{
	sd_json_variant *pool = print_lookup(enclave, "pool");

	if (pool && !sd_json_variant_boolean(pool))
		(void)fprintf(stderr,
			"nitroctl: no memory pool is set: the host can read this enclave's memory; 'nitroctl memory set --pool SIZE' sets one\n");
}

/**
 * enclave_run() - Run "run"
 * @call: the command
 *
 * The image is opened here, so that nobody gets to run what he cannot read.
 *
 * Context: Calls nitrod.
 * Return: the exit status.
 */
int enclave_run(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL, *properties = NULL;
	const char *path = sd_json_variant_string(print_lookup(call->properties,
							       "image"));
	sd_json_variant *enclave;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return cli_error(EXIT_FAILED, "cannot open '%s': %s", path,
				 strerror(errno));
	properties = sd_json_variant_ref(call->properties);
	r = sd_json_variant_set_field_unsigned(&properties, "image_fd", 0);
	if (r < 0)
		r = cli_failed(r, "cannot build the request");
	else
		r = client_call_fds(call->socket, call->object->interface,
				    call->verb->method, properties, &fd, 1,
				    &reply);
	(void)close(fd);
	if (r)
		return r;
	enclave = print_lookup(reply, "object");
	if (!call->style->quiet)
		warn_of_memory(enclave);
	return cli_print_object(call, enclave, "id");
}
