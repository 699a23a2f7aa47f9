// SPDX-License-Identifier: GPL-2.0
/* nitroctl instance: virtual machines and bare metal, with ENIs and volumes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"

#define USER_DATA_MAX 16384
#define PUBLIC_KEY_MAX 16384
#define FILES_MAX 2

#define NO_WAIT_OPTION \
	{ .name = "no-wait", .property = "no_wait", \
	  .help = "do not wait until it is done" }

#define METADATA_OPTIONS \
	{ .name = "user-data", .property = "user_data", .type = &type_text, \
	  .metavar = "FILE", \
	  .help = "user data for its metadata, 16 KiB at most; - is stdin" }, \
	{ .name = "public-key", .property = "public_keys", \
	  .type = &type_text, .metavar = "FILE", .list = true, \
	  .help = "SSH public key for its metadata; may be repeated" }

static const struct cli_option run_options[] = {
	{ .name = "metal", .property = "metal",
	  .help = "boot the volume on this host's CPUs, without a VMM" },
	{ .name = "vcpus", .property = "vcpus", .type = &type_count,
	  .metavar = "N",
	  .help = "CPUs, for itself (default 1; with --metal all)" },
	{ .name = "memory", .property = "memory", .type = &type_size,
	  .metavar = "SIZE", .help = "memory, such as 2G (default 512M)" },
	{ .name = "kernel", .property = "kernel", .type = &type_text,
	  .metavar = "FILE", .help = "kernel to boot; a copy is kept" },
	{ .name = "initrd", .property = "initrd", .type = &type_text,
	  .metavar = "FILE", .help = "its initial ramdisk" },
	{ .name = "cmdline", .property = "cmdline", .type = &type_text,
	  .metavar = "STRING",
	  .help = "its command line (default: console=ttyS0 console=hvc0)" },
	{ .name = "boot", .property = "boot", .type = &type_text,
	  .metavar = "VOLUME", .help = "volume to boot, by UEFI or with --metal" },
	{ .name = "volume", .property = "volumes", .type = &type_text,
	  .metavar = "VOLUME", .list = true,
	  .help = "another volume; may be repeated" },
	{ .name = "eni", .property = "enis", .type = &type_text,
	  .metavar = "ENI", .list = true,
	  .help = "network interface; may be repeated" },
	METADATA_OPTIONS,
	{ .name = "enclaves", .property = "enclaves",
	  .help = "it may have enclaves: a vsock device reaches them" },
	{ .name = "restart", .property = "restart", .type = &type_text,
	  .metavar = "on-failure|no",
	  .help = "what to do if its VMM or carrier fails (default: on-failure)" },
	NO_WAIT_OPTION,
	{}
};

static const struct cli_option adopt_options[] = {
	{ .name = "metal", .property = "metal",
	  .help = "this host itself, as bare metal" },
	METADATA_OPTIONS,
	{}
};

static const char *const adopt_needs[] = { "metal", NULL };

static const struct cli_option start_options[] = {
	NO_WAIT_OPTION,
	{}
};

static const struct cli_option end_options[] = {
	{ .name = "force", .property = "force",
	  .help = "do not wait for the guest to shut down" },
	NO_WAIT_OPTION,
	{}
};

static const struct cli_option console_options[] = {
	{ .name = "follow", .property = "follow",
	  .help = "go on, and send what is typed; Ctrl-] ends" },
	{}
};

/* Opened by whoever asks, so that nobody gets to boot what he cannot read */
static int open_file(sd_json_variant **properties, const char *key, int *fds,
		     size_t *n)
{
	sd_json_variant *path = print_lookup(*properties, key);
	char index[32];
	int r;

	if (!path)
		return 0;
	fds[*n] = open(sd_json_variant_string(path), O_RDONLY | O_CLOEXEC);
	if (fds[*n] < 0)
		return cli_error(EXIT_FAILED, "cannot open '%s': %s",
				 sd_json_variant_string(path),
				 strerror(errno));
	(void)snprintf(index, sizeof(index), "%s_fd", key);
	r = sd_json_variant_set_field_unsigned(properties, index, (*n)++);
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

static int read_file(const char *path, char *buf, size_t size, size_t *ret)
{
	int fd = !strcmp(path, "-") ? dup(STDIN_FILENO) :
				      open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;
	ssize_t r = 1;

	if (fd < 0)
		return cli_error(EXIT_FAILED, "cannot open '%s': %s", path,
				 strerror(errno));
	while (n < size && r > 0) {
		r = read(fd, buf + n, size - n);
		if (r > 0)
			n += r;
		else if (r < 0 && errno == EINTR)
			r = 1;
	}
	if (r < 0)
		cli_error(EXIT_FAILED, "cannot read '%s': %s", path,
			  strerror(errno));
	(void)close(fd);
	*ret = n;
	return r < 0 ? EXIT_FAILED : 0;
}

static int read_user_data(sd_json_variant **properties)
{
	sd_json_variant *path = print_lookup(*properties, "user_data");
	_cleanup_json_ sd_json_variant *data = NULL;
	char buf[USER_DATA_MAX + 1];
	size_t n;
	int r;

	if (!path)
		return 0;
	r = read_file(sd_json_variant_string(path), buf, sizeof(buf), &n);
	if (r)
		return r;
	if (n > USER_DATA_MAX)
		return cli_error(EXIT_FAILED,
				 "'%s' has more than the %d bytes that user data may have",
				 sd_json_variant_string(path), USER_DATA_MAX);
	r = sd_json_variant_new_base64(&data, buf, n);
	if (r >= 0)
		r = sd_json_variant_set_field(properties, "user_data", data);
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

/* A file may have several, one a line */
static int add_keys(sd_json_variant **keys, char *text)
{
	char *state = NULL;

	for (char *line = strtok_r(text, "\r\n", &state); line;
	     line = strtok_r(NULL, "\r\n", &state)) {
		_cleanup_json_ sd_json_variant *key = NULL;
		int r;

		if (!*line || *line == '#')
			continue;
		r = sd_json_variant_new_string(&key, line);
		if (r >= 0)
			r = sd_json_variant_append_array(keys, key);
		if (r < 0)
			return cli_failed(r, "cannot build the request");
	}
	return 0;
}

static int read_public_keys(sd_json_variant **properties)
{
	sd_json_variant *paths = print_lookup(*properties, "public_keys");
	_cleanup_json_ sd_json_variant *keys = NULL;
	size_t n = paths ? sd_json_variant_elements(paths) : 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		const char *path = sd_json_variant_string(
			sd_json_variant_by_index(paths, i));
		char buf[PUBLIC_KEY_MAX + 1];
		size_t size;

		r = read_file(path, buf, sizeof(buf) - 1, &size);
		if (r)
			return r;
		buf[size] = '\0';
		r = add_keys(&keys, buf);
		if (r)
			return r;
	}
	if (!n)
		return 0;
	r = sd_json_variant_set_field(properties, "public_keys", keys);
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

static int run_run(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *properties = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	int fds[FILES_MAX], r;
	size_t n = 0;

	properties = sd_json_variant_ref(call->properties);
	r = open_file(&properties, "kernel", fds, &n);
	if (!r)
		r = open_file(&properties, "initrd", fds, &n);
	if (!r)
		r = read_user_data(&properties);
	if (!r)
		r = read_public_keys(&properties);
	if (!r)
		r = client_call_fds(call->socket, call->object->interface,
				    call->verb->method, properties, fds, n,
				    &reply);
	while (n)
		(void)close(fds[--n]);
	if (r)
		return r;
	return cli_print_object(call, print_lookup(reply, "object"), "id");
}

static const struct print_field stats_fields[] = {
	{ "Name", "name", NULL, PRINT_SHOW },
	{ "ID", "id", NULL, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_SHOW },
	{ "CPU time", "cpu_time", format_microseconds, PRINT_SHOW },
	{ "In the guest", "guest_time", format_microseconds, PRINT_SHOW },
	{ "Outside", "host_time", format_microseconds, PRINT_SHOW },
	{ "Steal", "steal", format_microseconds, PRINT_SHOW },
	{ "Exits", "exits", NULL, PRINT_SHOW },
	{ "Because of nothing to do", "halt_exits", NULL, PRINT_SHOW },
	{ "Memory", "memory.current", format_size, PRINT_SHOW },
	{ "Memory at most", "memory.peak", format_size, PRINT_SHOW | PRINT_IF_SET },
	{ "Memory limit", "memory.limit", format_size, PRINT_SHOW },
	{}
};

static const struct print_field vcpu_fields[] = {
	{ "vCPU", "index", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Time", "time", format_microseconds, PRINT_LIST | PRINT_RIGHT },
	{ "In the guest", "guest_time", format_microseconds,
	  PRINT_LIST | PRINT_RIGHT },
	{ "Steal", "steal", format_microseconds, PRINT_LIST | PRINT_RIGHT },
	{}
};

static const struct print_field eni_fields[] = {
	{ "ENI", "name", NULL, PRINT_LIST },
	{ "Packets in", "packets_in", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "out", "packets_out", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Bytes in", "bytes_in", format_size, PRINT_LIST | PRINT_RIGHT },
	{ "out", "bytes_out", format_size, PRINT_LIST | PRINT_RIGHT },
	{ "Flows", "flow_count", NULL, PRINT_LIST | PRINT_RIGHT },
	{}
};

static const struct print_field volume_fields[] = {
	{ "Volume", "name", NULL, PRINT_LIST },
	{ "Reads", "read.ops", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Bytes", "read.bytes", format_size, PRINT_LIST | PRINT_RIGHT },
	{ "P99 us", "read.p99", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Writes", "write.ops", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Bytes", "write.bytes", format_size, PRINT_LIST | PRINT_RIGHT },
	{ "P99 us", "write.p99", NULL, PRINT_LIST | PRINT_RIGHT },
	{}
};

static const struct print_section stats_sections[] = {
	{ "vCPUs", "vcpus", vcpu_fields, NULL },
	{ "ENIs", "enis", eni_fields, NULL },
	{ "Volumes", "volumes", volume_fields, NULL },
	{}
};

static int run_stats(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	int r;

	r = client_call(call->socket, call->object->interface,
			call->verb->method, call->properties, &reply);
	if (r)
		return r;
	r = print_object(print_lookup(reply, "stats"), stats_fields,
			 stats_sections, call->style);
	return r < 0 ? cli_failed(r, "cannot print the answer") : EXIT_OK;
}

static const struct cli_verb verbs[] = {
	{ .name = "run", .help = "make an instance, start it, print its ID",
	  .positionals = cli_name_positional, .options = run_options,
	  .method = "Run", .run = run_run },
	{ .name = "adopt", .help = "make this host itself an instance",
	  .positionals = cli_name_positional, .options = adopt_options,
	  .needs = adopt_needs, .method = "Adopt", .run = run_run },
	{ .name = "list", .help = "list the instances",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show an instance",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "start", .help = "start an instance that is stopped",
	  .positionals = cli_name_positional, .options = start_options,
	  .method = "Start", .run = cli_run_change },
	{ .name = "stop", .help = "shut an instance down",
	  .positionals = cli_name_positional, .options = end_options,
	  .method = "Stop", .run = cli_run_change },
	{ .name = "reboot", .help = "shut an instance down and start it",
	  .positionals = cli_name_positional, .options = end_options,
	  .method = "Reboot", .run = cli_run_change },
	{ .name = "terminate",
	  .help = "shut down for good; detach ENIs and volumes",
	  .positionals = cli_name_positional, .options = end_options,
	  .method = "Terminate", .run = cli_run_change },
	{ .name = "console", .help = "show what the guest has written",
	  .positionals = cli_name_positional, .options = console_options,
	  .method = "Console", .run = cli_run_console },
	{ .name = "stats", .help = "show what an instance has used",
	  .positionals = cli_name_positional,
	  .method = "Stats", .run = run_stats },
	{ .name = "delete", .help = "forget an instance that is terminated",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "Kind", "kind", NULL, PRINT_BOTH },
	{ "vCPUs", "vcpus", NULL, PRINT_BOTH | PRINT_RIGHT },
	{ "Memory", "memory", format_size, PRINT_BOTH | PRINT_RIGHT },
	{ "Kernel", "kernel", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Initial ramdisk", "initrd", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Command line", "cmdline", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Boot volume", "boot", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "ENIs", "enis", NULL, PRINT_BOTH },
	{ "Volumes", "volumes", NULL, PRINT_BOTH },
	{ "Enclaves", "enclaves", NULL, PRINT_SHOW },
	{ "Restart", "restart", NULL, PRINT_SHOW },
	{ "CPUs", "cpus", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Unit", "unit", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "State", "state", NULL, PRINT_BOTH },
	{ "Reason", "reason", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

const struct cli_object object_instance = {
	.name = "instance",
	.help = "virtual machines and bare metal",
	.interface = "io.nitro.Instance",
	.verbs = verbs,
	.fields = fields,
};
