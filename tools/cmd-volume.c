// SPDX-License-Identifier: GPL-2.0
/* nitroctl volume: encrypted block devices. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"

#define DATA_KEY_SIZE 64

#define LIMIT_OPTIONS \
	{ .name = "iops", .property = "iops", .type = &type_count, \
	  .metavar = "N", \
	  .help = "limit of operations per second; 0 for none" }, \
	{ .name = "throughput", .property = "throughput", \
	  .type = &type_count, .metavar = "MIB/S", \
	  .help = "limit of MiB per second; 0 for none" }

static const struct cli_option create_options[] = {
	{ .name = "size", .property = "size", .type = &type_size,
	  .metavar = "SIZE", .help = "size, such as 512M, 10G or 1T" },
	{ .name = "pool", .property = "pool", .type = &type_text,
	  .metavar = "POOL",
	  .help = "where its space comes from (default: the only pool)" },
	{ .name = "sector-size", .property = "sector_size",
	  .type = &type_count, .metavar = "512|1024|2048|4096",
	  .help = "unit of encryption in bytes (default 512)" },
	LIMIT_OPTIONS,
	{ .name = "key", .property = "key", .type = &type_text,
	  .metavar = "KEY",
	  .help = "master key for its data key (default: default)" },
	{ .name = "key-file", .property = "key_file", .type = &type_text,
	  .metavar = "FILE",
	  .help = "bring 64 bytes as its data key; - is stdin" },
	{ .name = "instance-store", .property = "instance_store",
	  .help = "key and data last from attach to detach" },
	{}
};

static const char *const create_needs[] = { "size", NULL };

static const struct cli_option set_options[] = {
	{ .name = "size", .property = "size", .type = &type_size,
	  .metavar = "SIZE", .help = "new size; it can only grow" },
	LIMIT_OPTIONS,
	{}
};

static const struct cli_option attach_options[] = {
	{ .name = "local", .kind = "local", .help = "to this host itself" },
	{ .name = "instance", .property = "instance", .type = &type_text,
	  .kind = "instance", .metavar = "INSTANCE",
	  .help = "to an instance" },
	{}
};

static const char *const attach_needs[] = { "kind", NULL };

static const struct cli_option detach_options[] = {
	{ .name = "force", .property = "force",
	  .help = "although it is open; I/O under way fails" },
	{}
};

/* Locked, because a key must not reach a swap device */
static int read_key(const char *path, unsigned char *key, size_t *ret_size)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n = 1;

	if (fd < 0)
		return cli_error(EXIT_FAILED, "cannot open '%s': %s", path,
				 strerror(errno));
	while (size <= DATA_KEY_SIZE && n > 0) {
		n = read(fd, key + size, DATA_KEY_SIZE + 1 - size);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			size += n;
	}
	if (n < 0)
		cli_error(EXIT_FAILED, "cannot read '%s': %s", path,
			  strerror(errno));
	if (!is_stdin)
		(void)close(fd);
	*ret_size = size;
	return n < 0 ? EXIT_FAILED : 0;
}

/* A pipe that holds the key; nothing else has it. */
static int fill_pipe(const char *path, int *ret_fd)
{
	unsigned char *key = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fds[2] = { -1, -1 };
	size_t size = 0;
	int r;

	if (key == MAP_FAILED)
		return cli_failed(-errno, "cannot read the key");
	(void)mlock(key, 4096);
	(void)madvise(key, 4096, MADV_DONTDUMP);
	r = read_key(path, key, &size);
	if (!r && size != DATA_KEY_SIZE)
		r = cli_error(EXIT_FAILED,
			      size > DATA_KEY_SIZE ?
			      "the key in '%s' has more than %zu bytes, a volume needs %d" :
			      "the key in '%s' has %zu bytes, a volume needs %d",
			      path, size > DATA_KEY_SIZE ? size - 1 : size,
			      DATA_KEY_SIZE);
	if (!r && (pipe2(fds, O_CLOEXEC) < 0 ||
		   write(fds[1], key, size) != (ssize_t)size))
		r = cli_failed(-errno, "cannot hand over the key");
	explicit_bzero(key, 4096);
	(void)munmap(key, 4096);
	if (fds[1] >= 0)
		(void)close(fds[1]);
	if (r && fds[0] >= 0)
		(void)close(fds[0]);
	*ret_fd = fds[0];
	return r;
}

/* The properties with the file replaced by the place of its descriptor. */
static int replace_file(sd_json_variant **properties)
{
	char name[] = "key_file";
	char *const file[] = { name, NULL };
	int r = sd_json_variant_filter(properties, (char **)file);

	if (r >= 0)
		r = sd_json_variant_set_field_unsigned(properties, "key_fd", 0);
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

static int run_create(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *properties = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *file = print_lookup(call->properties, "key_file");
	int fd = -1, r;

	if (!file)
		return cli_run_create(call);
	if (print_lookup(call->properties, "key"))
		return cli_error(EXIT_USAGE,
				 "--key and --key-file exclude each other; see 'nitroctl volume create --help'");
	r = fill_pipe(sd_json_variant_string(file), &fd);
	if (r)
		return r;
	properties = sd_json_variant_ref(call->properties);
	r = replace_file(&properties);
	if (!r)
		r = client_call_fds(call->socket, call->object->interface,
				    call->verb->method, properties, &fd, 1,
				    &reply);
	(void)close(fd);
	if (r)
		return r;
	return cli_print_object(call, print_lookup(reply, "object"), "id");
}

static const struct print_field side_fields[] = {
	{ "", "side", NULL, PRINT_LIST },
	{ "IOPS", "iops", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Throughput", "throughput", format_byte_rate,
	  PRINT_LIST | PRINT_RIGHT },
	{ "Ops", "ops", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Bytes", "bytes", format_size, PRINT_LIST | PRINT_RIGHT },
	{ "P50 us", "p50", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "P90 us", "p90", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "P99 us", "p99", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "P99.9 us", "p99_9", NULL, PRINT_LIST | PRINT_RIGHT },
	{}
};

static const struct print_field stats_fields[] = {
	{ "Name", "name", NULL, PRINT_SHOW },
	{ "ID", "id", NULL, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_SHOW },
	{ "Queue length", "queue_length", NULL, PRINT_SHOW },
	{ "IOPS limit exceeded", "iops_exceeded", format_microseconds,
	  PRINT_SHOW },
	{ "Throughput limit exceeded", "throughput_exceeded",
	  format_microseconds, PRINT_SHOW },
	{ "Flushes", "flushes", NULL, PRINT_SHOW },
	{ "Discards", "discards", NULL, PRINT_SHOW },
	{ "Errors", "errors", NULL, PRINT_SHOW },
	{ "Stalled", "stalled", NULL, PRINT_SHOW },
	{}
};

static const struct print_section stats_sections[] = {
	{ "I/O", "sides", side_fields, NULL },
	{}
};

/* Reads and writes as the rows of a table. */
static int add_sides(sd_json_variant **stats)
{
	static const char *const sides[] = { "read", "write" };
	_cleanup_json_ sd_json_variant *rows = NULL;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sides) && r >= 0; i++) {
		_cleanup_json_ sd_json_variant *row = NULL;

		row = sd_json_variant_ref(print_lookup(*stats, sides[i]));
		r = sd_json_variant_set_field_string(&row, "side", sides[i]);
		if (r >= 0)
			r = sd_json_variant_append_array(&rows, row);
	}
	return r < 0 ? r : sd_json_variant_set_field(stats, "sides", rows);
}

static int run_stats(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL, *stats = NULL;
	int r;

	r = client_call(call->socket, call->object->interface,
			call->verb->method, call->properties, &reply);
	if (r)
		return r;
	stats = sd_json_variant_ref(print_lookup(reply, "stats"));
	r = call->style->json ? 0 : add_sides(&stats);
	if (r >= 0)
		r = print_object(stats, stats_fields, stats_sections,
				 call->style);
	return r < 0 ? cli_failed(r, "cannot print the answer") : EXIT_OK;
}

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create a volume and print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs = create_needs, .method = "Create", .run = run_create },
	{ .name = "set", .help = "grow a volume, or change its limits",
	  .positionals = cli_name_positional, .options = set_options,
	  .needs_any = true, .method = "Set", .run = cli_run_change },
	{ .name = "list", .help = "list the volumes",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show a volume",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "attach", .help = "attach a volume and print its device",
	  .positionals = cli_name_positional, .options = attach_options,
	  .needs = attach_needs, .method = "Attach",
	  .run = cli_run_attach_volume },
	{ .name = "detach", .help = "detach a volume",
	  .positionals = cli_name_positional, .options = detach_options,
	  .method = "Detach", .run = cli_run_change },
	{ .name = "stats", .help = "show the counters of a volume",
	  .positionals = cli_name_positional,
	  .method = "Stats", .run = run_stats },
	{ .name = "delete", .help = "erase a volume that is not attached",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

/* "local", "instance web-1" */
static char *format_holder(sd_json_variant *value)
{
	sd_json_variant *kind, *instance;
	char *text, *clean;

	if (!value || !sd_json_variant_is_object(value))
		return strdup("-");
	kind = print_lookup(value, "kind");
	instance = print_lookup(value, "instance");
	if (!kind || !sd_json_variant_is_string(kind))
		return strdup("-");
	if (!instance || !sd_json_variant_is_string(instance))
		return print_sanitized(sd_json_variant_string(kind));
	if (asprintf(&text, "%s %s", sd_json_variant_string(kind),
		     sd_json_variant_string(instance)) < 0)
		return NULL;
	clean = print_sanitized(text);
	free(text);
	return clean;
}

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "Pool", "pool", NULL, PRINT_BOTH },
	{ "Size", "size", format_size, PRINT_BOTH | PRINT_RIGHT },
	{ "Sector size", "sector_size", NULL, PRINT_SHOW },
	{ "IOPS limit", "iops", format_limit, PRINT_SHOW },
	{ "Throughput limit, MiB/s", "throughput", format_limit, PRINT_SHOW },
	{ "Instance store", "instance_store", NULL, PRINT_SHOW },
	{ "Key", "key", NULL, PRINT_SHOW },
	{ "Attachment", "attachment", format_holder, PRINT_BOTH },
	{ "Device", "device", NULL, PRINT_BOTH },
	{ "Cipher", "cipher", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Backing", "backing", NULL, PRINT_SHOW },
	{ "Offset", "offset", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "State", "state", NULL, PRINT_BOTH },
	{ "Reason", "reason", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

const struct cli_object object_volume = {
	.name = "volume",
	.help = "encrypted block devices",
	.interface = "io.nitro.Volume",
	.verbs = verbs,
	.fields = fields,
};
