// SPDX-License-Identifier: GPL-2.0
/* nitroctl apply, nitroctl export: the whole state as one stack file. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "stack.h"

/* A pipe may deliver for ever: the size is bounded while reading. */
static int read_all(int fd, char **ret, size_t *ret_size)
{
	size_t size = 0, n = 0;
	char *text = NULL;

	for (;;) {
		ssize_t got;

		if (n + 1 >= size) {
			char *grown;

			size = size ? size * 2 : 65536;
			grown = realloc(text, size);
			if (!grown) {
				free(text);
				return -ENOMEM;
			}
			text = grown;
		}
		got = read(fd, text + n, size - n - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || n + got > STACK_FILE_MAX) {
			free(text);
			return got < 0 ? -errno : -EFBIG;
		}
		if (!got)
			break;
		n += got;
	}
	text[n] = '\0';
	*ret = text;
	*ret_size = n;
	return 0;
}

static int read_file(const char *path, char **ret, size_t *ret_size)
{
	bool is_stdin = !strcmp(path, "-");
	int fd = STDIN_FILENO;
	int r;

	if (!is_stdin) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	r = read_all(fd, ret, ret_size);
	if (!is_stdin)
		(void)close(fd);
	return r;
}

static int load(const char *path, sd_json_variant **ret_stack,
		sd_json_variant **ret_lines)
{
	char *text = NULL, *message = NULL, *clean;
	size_t size = 0;
	int r;

	r = read_file(path, &text, &size);
	if (r == -EFBIG)
		return cli_error(EXIT_FAILED, "'%s' is greater than %u MiB",
				 path, STACK_FILE_MAX >> 20);
	if (r < 0)
		return cli_error(EXIT_FAILED, "cannot read '%s': %s", path,
				 strerror(-r));
	r = stack_read(text, size, ret_stack, ret_lines, &message);
	free(text);
	if (r == 0)
		return 0;
	clean = message ? print_sanitized(message) : NULL;
	if (clean)
		r = cli_error(EXIT_FAILED, "%s", clean);
	else
		r = cli_failed(r, "cannot read the stack");
	free(clean);
	free(message);
	return r;
}

static int build_request(const struct cli_call *call, sd_json_variant *stack,
			 sd_json_variant *lines, sd_json_variant *files,
			 sd_json_variant **ret)
{
	static const char *const flags[] = { "dry_run", "prune" };
	int r;

	r = sd_json_variant_set_field(ret, "stack", stack);
	for (size_t i = 0; i < 2 && r >= 0; i++)
		r = sd_json_variant_set_field_boolean(ret, flags[i],
			!!sd_json_variant_by_key(call->properties, flags[i]));
	if (r >= 0)
		r = sd_json_variant_set_field(ret, "lines", lines);
	if (r >= 0 && files)
		r = sd_json_variant_set_field(ret, "files", files);
	if (r < 0)
		return cli_failed(r, "cannot build the request");
	return 0;
}

static const char *text_in(sd_json_variant *object, const char *key)
{
	sd_json_variant *value = print_lookup(object, key);

	return value && sd_json_variant_is_string(value) ?
		sd_json_variant_string(value) : "";
}

/*
 * The kernels that instances boot, and images of enclaves: opened by whoever asks, as with
 * instance run
 */
#define FILES_MAX 128

struct files {
	sd_json_variant *index;
	int fds[FILES_MAX];
	size_t n;
};

static void files_done(struct files *files)
{
	for (size_t i = 0; i < files->n; i++)
		(void)close(files->fds[i]);
	sd_json_variant_unref(files->index);
}

/*
 * What cannot be opened is not sent along: nitrod needs only the files of
 * instances and enclaves that are to be made, and here.
 */
static int add_file(struct files *files, sd_json_variant *owner,
		    const char *key)
{
	const char *path = text_in(owner, key);
	int fd, r;

	if (!*path || sd_json_variant_by_key(files->index, path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (files->n == FILES_MAX) {
		(void)close(fd);
		return cli_error(EXIT_FAILED,
				 "the stack has more than %d kernels, initial ramdisks and images",
				 FILES_MAX);
	}
	files->fds[files->n] = fd;
	r = sd_json_variant_set_field_unsigned(&files->index, path, files->n++);
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

static int open_files(struct files *files, sd_json_variant *stack)
{
	static const struct {
		const char *list, *key;
	} places[] = {
		{ "instances", "kernel" },
		{ "instances", "initrd" },
		{ "enclaves", "image" },
	};
	int r = 0;

	for (size_t p = 0; p < ARRAY_SIZE(places); p++) {
		sd_json_variant *list = print_lookup(stack, places[p].list);
		size_t n = list && sd_json_variant_is_array(list) ?
			sd_json_variant_elements(list) : 0;

		for (size_t i = 0; i < n && !r; i++) {
			sd_json_variant *one = sd_json_variant_by_index(list, i);

			if (sd_json_variant_is_object(one))
				r = add_file(files, one, places[p].key);
		}
	}
	return r;
}

static int too_great(sd_json_variant *request)
{
	char *text = NULL;
	int n = sd_json_variant_format(request, 0, &text);

	free(text);
	if (n < 0)
		return n;
	/* Some room for the name of the method and the like. */
	return (size_t)n > CLIENT_MESSAGE_MAX - 4096;
}

/* The lines only serve error messages: without them rather than not at all. */
static int make_fit(sd_json_variant **request)
{
	_cleanup_json_ sd_json_variant *none = NULL;
	int r;

	r = too_great(*request);
	if (r > 0) {
		r = sd_json_variant_new_object(&none, NULL, 0);
		if (r >= 0)
			r = sd_json_variant_set_field(request, "lines", none);
		if (r >= 0)
			r = too_great(*request);
	}
	if (r < 0)
		return cli_failed(r, "cannot build the request");
	if (r > 0)
		return cli_error(EXIT_FAILED,
				 "the stack is greater than the %u MiB that nitrod takes at once; apply it in parts",
				 CLIENT_MESSAGE_MAX >> 20);
	return 0;
}

struct counts {
	size_t created;
	size_t changed;
	size_t deleted;
};

static char symbol(const char *action, struct counts *counts)
{
	if (!strcmp(action, "create")) {
		counts->created++;
		return '+';
	}
	if (!strcmp(action, "delete")) {
		counts->deleted++;
		return '-';
	}
	counts->changed++;
	return '~';
}

static const char *symbol_color(char sign, const struct print_style *style)
{
	if (!style->color)
		return "";
	return sign == '+' ? "\033[32m" : sign == '-' ? "\033[31m" :
							"\033[33m";
}

/* "route_table" is "route-table" on the command line. */
static char *object_name(const char *kind)
{
	char *name = print_sanitized(strcmp(kind, "security_group") ? kind :
								      "sg");

	for (char *p = name; p && *p; p++)
		if (*p == '_')
			*p = '-';
	return name;
}

static void print_change(sd_json_variant *change, struct counts *counts,
			const struct print_style *style)
{
	char sign = symbol(text_in(change, "action"), counts);
	char *name = print_sanitized(text_in(change, "name"));
	char *kind = object_name(text_in(change, "kind"));
	const char *diff = text_in(change, "diff");

	if (name && kind)
		printf("%s%c%s %s %s\n", symbol_color(sign, style), sign,
		       print_normal(style), kind, name);
	while (name && kind && *diff) {
		size_t n = strcspn(diff, "\n");
		char *line = strndup(diff, n);
		char *clean = line ? print_sanitized(line) : NULL;

		if (clean)
			printf("    %s\n", clean);
		free(clean);
		free(line);
		diff += n + (diff[n] == '\n');
	}
	free(kind);
	free(name);
}

static void print_changes(sd_json_variant *changes, bool dry_run,
			  const struct print_style *style)
{
	size_t n = sd_json_variant_elements(changes);
	struct counts counts = {};

	for (size_t i = 0; i < n; i++)
		print_change(sd_json_variant_by_index(changes, i), &counts,
			     style);
	if (style->no_legend)
		return;
	if (!n)
		printf("Nothing to change.\n");
	else
		printf("\n%zu created, %zu changed, %zu deleted%s.\n",
		       counts.created, counts.changed, counts.deleted,
		       dry_run ? " (dry run)" : "");
}

static int run_apply(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *request = NULL;
	_cleanup_json_ sd_json_variant *stack = NULL;
	_cleanup_json_ sd_json_variant *lines = NULL;
	_cleanup_json_ sd_json_variant *reply = NULL;
	_cleanup_(files_done) struct files files = {};
	sd_json_variant *changes;
	int r;

	r = load(text_in(call->properties, "file"), &stack, &lines);
	if (!r)
		r = open_files(&files, stack);
	if (!r)
		r = build_request(call, stack, lines, files.index, &request);
	if (!r)
		r = make_fit(&request);
	if (!r)
		r = client_call_fds(call->socket, call->object->interface,
				    call->verb->method, request, files.fds,
				    files.n, &reply);
	if (r)
		return r;
	if (call->style->json) {
		r = print_json(reply, call->style);
		return r < 0 ? cli_failed(r, "cannot print the changes") : 0;
	}
	changes = print_lookup(reply, "changes");
	if (!call->style->quiet)
		print_changes(changes,
			      sd_json_variant_by_key(call->properties,
						     "dry_run"),
			      call->style);
	return EXIT_OK;
}

static int run_export(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *stack;
	int r;

	r = client_call(call->socket, call->object->interface,
			call->verb->method, NULL, &reply);
	if (r)
		return r;
	stack = print_lookup(reply, "stack");
	if (!stack)
		return cli_error(EXIT_FAILED, "nitrod's answer has no stack");
	r = call->style->json ? print_json(stack, call->style) :
				stack_write_yaml(stack, stdout);
	return r < 0 ? cli_failed(r, "cannot write the stack") : EXIT_OK;
}

static const struct cli_option apply_options[] = {
	{ .name = "file", .letter = 'f', .property = "file",
	  .type = &type_text, .metavar = "FILE",
	  .help = "the stack in YAML or JSON; - is stdin" },
	{ .name = "dry-run", .property = "dry_run",
	  .help = "only print what would change" },
	{ .name = "prune", .property = "prune",
	  .help = "delete what the stack does not name" },
	{}
};

static const char *const apply_needs[] = { "file", NULL };

static const struct cli_verb apply_verb[] = {
	{ .help = "make the state what a stack file says, all or nothing",
	  .options = apply_options, .needs = apply_needs, .method = "Apply",
	  .run = run_apply },
	{}
};

const struct cli_object command_apply = {
	.name = "apply",
	.help = "make the state what a stack file says",
	.interface = "io.nitro.Network",
	.verbs = apply_verb,
};

static const struct cli_verb export_verb[] = {
	{ .help = "print the present state as a stack file",
	  .method = "Export", .run = run_export },
	{}
};

const struct cli_object command_export = {
	.name = "export",
	.help = "print the present state as a stack file",
	.interface = "io.nitro.Network",
	.verbs = export_verb,
};
