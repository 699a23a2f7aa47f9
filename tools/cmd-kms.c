// SPDX-License-Identifier: GPL-2.0
/* nitroctl kms: keys that are released to enclaves. nitro-kms has them, not nitrod. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-varlink.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "image.h"

#define INTERFACE "io.nitro.Kms."
#define SOCKET "/run/nitro-kms/manage.sock"
#define POLICY_MAX 32768
#define PLAINTEXT_MAX 4096

static const char *text_of(sd_json_variant *object, const char *property)
{
	sd_json_variant *value = sd_json_variant_by_key(object, property);

	return value && sd_json_variant_is_string(value) ? sd_json_variant_string(value) : NULL;
}

static const char *socket_path(void)
{
	const char *path = secure_getenv("NITRO_KMS_SOCKET");

	return path && *path ? path : SOCKET;
}

static int unreachable(int error)
{
	const char *path = socket_path();

	if (error == -EACCES || error == -EPERM)
		return cli_error(EXIT_FAILED, "permission denied at '%s'; run as root", path);
	return cli_error(EXIT_FAILED,
			 "cannot reach nitro-kms at '%s': %s; see 'systemctl status nitro-kms.socket nitro-kms'",
			 path, strerror(-error));
}

static int refused(const char *error_id, sd_json_variant *reply)
{
	if (!strncmp(error_id, "io.nitro.", 9))
		return client_error(error_id, reply);
	if (!strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED))
		return cli_error(EXIT_FAILED,
				 "nitro-kms closed the connection; see 'journalctl -u nitro-kms'");
	return cli_error(EXIT_FAILED, "nitro-kms says '%s'", error_id);
}

static int call_kms(const char *method, sd_json_variant *parameters, sd_json_variant **ret)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *link = NULL;
	_cleanup_free_ char *name = NULL;
	const char *error_id = NULL;
	sd_json_variant *reply;
	int r;

	if (asprintf(&name, INTERFACE "%s", method) < 0) {
		name = NULL;
		return cli_failed(-ENOMEM, "cannot ask nitro-kms");
	}
	r = sd_varlink_connect_address(&link, socket_path());
	if (r < 0)
		return unreachable(r);
	r = sd_varlink_call(link, name, parameters, &reply, &error_id);
	if (r == -EACCES || r == -EPERM)
		return unreachable(r);
	if (r < 0)
		return cli_failed(r, "no answer from nitro-kms");
	if (error_id)
		return refused(error_id, reply);
	*ret = sd_json_variant_ref(reply);
	return 0;
}

static int name_only(const struct cli_call *call, sd_json_variant **ret)
{
	const char *name = text_of(call->properties, "name");
	int r = sd_json_variant_set_field_string(ret, "name", name);

	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

/* What is in a file, or comes from stdin; never in an argument */
static int open_input(const char *path, size_t most, struct image *file)
{
	struct why why;

	if (image_open(strcmp(path, "-") ? path : "/dev/stdin", most, file, &why) < 0)
		return cli_error(EXIT_FAILED, "%s", why.text);
	return 0;
}

static int add_policy(const char *path, sd_json_variant **parameters)
{
	_cleanup_free_ char *text = NULL;
	struct image file;
	int r = open_input(path, POLICY_MAX, &file);

	if (r)
		return r;
	text = file.size && memchr(file.data, '\0', file.size) ? NULL :
		strndup((const char *)file.data ?: "", file.size);
	image_close(&file);
	if (!text)
		return cli_error(EXIT_FAILED, "'%s' is no text", path);
	r = sd_json_variant_set_field_string(parameters, "policy", text);
	return r < 0 ? cli_error(EXIT_FAILED, "'%s' is no text", path) : 0;
}

static int run_create_key(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *parameters = NULL, *reply = NULL;
	int r = name_only(call, &parameters);

	if (!r)
		r = add_policy(text_of(call->properties, "policy"), &parameters);
	if (!r)
		r = call_kms("CreateKey", parameters, &reply);
	return r ?: cli_print_object(call, sd_json_variant_by_key(reply, "key"), "id");
}

static int add_plaintext(const char *path, sd_json_variant **parameters)
{
	_cleanup_json_ sd_json_variant *plaintext = NULL;
	struct image file;
	int r = open_input(path, PLAINTEXT_MAX, &file);

	if (r)
		return r;
	r = sd_json_variant_new_base64(&plaintext, file.data, file.size);
	image_close(&file);
	if (r >= 0) {
		sd_json_variant_sensitive(plaintext);
		r = sd_json_variant_set_field(parameters, "plaintext", plaintext);
	}
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

static int parse_pair(const char *text, sd_json_variant **ret)
{
	const char *equals = strchr(text, '=');

	return equals && equals != text ? sd_json_variant_new_string(ret, text) : -EINVAL;
}

static const struct cli_type type_pair = {
	.what = "a pair 'KEY=VALUE'",
	.parse = parse_pair,
};

/* Pairs of one command line become an object */
static int add_context(sd_json_variant *pairs, sd_json_variant **parameters)
{
	_cleanup_json_ sd_json_variant *context = NULL;
	int r = 0;

	for (size_t i = 0; r >= 0 && pairs && i < sd_json_variant_elements(pairs); i++) {
		const char *pair = sd_json_variant_string(sd_json_variant_by_index(pairs, i));
		const char *equals = strchr(pair, '=');
		_cleanup_free_ char *key = strndup(pair, equals - pair);

		if (key && context && sd_json_variant_by_key(context, key))
			return cli_error(EXIT_USAGE, "--context has '%s' twice", key);
		r = key ? sd_json_variant_set_field_string(&context, key, equals + 1) : -ENOMEM;
	}
	if (r >= 0 && context)
		r = sd_json_variant_set_field(parameters, "context", context);
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n) {
		ssize_t written = write(fd, data, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		data += written;
		n -= written;
	}
	return 0;
}

static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

/* It gets its name when it is whole. */
static int write_output(const char *path, const void *data, size_t size)
{
	_cleanup_free_ char *new = NULL;
	struct stat st;
	int fd, r;

	if (!strcmp(path, "-"))
		return write_all(STDOUT_FILENO, data, size);
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return -EEXIST;
	if (asprintf(&new, "%s.XXXXXX", path) < 0) {
		new = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, size);
	if (!r && (fchmod(fd, usual_mode()) < 0 || fsync(fd) < 0 || rename(new, path) < 0))
		r = -errno;
	if (r)
		(void)unlink(new);
	close(fd);
	return r;
}

static int run_encrypt(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *parameters = NULL, *reply = NULL;
	const char *output = text_of(call->properties, "out");
	_cleanup_free_ void *data = NULL;
	sd_json_variant *ciphertext;
	size_t size;
	int r = name_only(call, &parameters);

	if (!r)
		r = add_context(sd_json_variant_by_key(call->properties, "context"), &parameters);
	if (!r)
		r = add_plaintext(text_of(call->properties, "in"), &parameters);
	if (!r)
		r = call_kms("Encrypt", parameters, &reply);
	if (r)
		return r;
	ciphertext = sd_json_variant_by_key(reply, "ciphertext");
	r = ciphertext ? sd_json_variant_unbase64(ciphertext, &data, &size) : -EBADMSG;
	if (r < 0)
		return cli_failed(r, "cannot read the answer");
	r = write_output(output, data, size);
	return r < 0 ? cli_error(EXIT_FAILED, "cannot write '%s': %s", output, strerror(-r)) :
		       EXIT_OK;
}

static int run_list(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	int r = call_kms("List", NULL, &reply);

	if (r)
		return r;
	r = print_list(sd_json_variant_by_key(reply, "keys"), call->object->fields, call->style);
	return r < 0 ? cli_failed(r, "cannot print the keys") : EXIT_OK;
}

/* The policy is JSON in JSON: for programs an object, for people as it was written */
static int show_policy(const struct cli_call *call, sd_json_variant *reply, sd_json_variant **key)
{
	_cleanup_json_ sd_json_variant *policy = NULL;
	const char *text = text_of(reply, "policy");
	int r;

	if (!text)
		return -EBADMSG;
	if (call->style->json) {
		r = sd_json_parse(text, 0, &policy, NULL, NULL);
		if (r >= 0)
			r = sd_json_variant_set_field(key, "policy", policy);
		return r < 0 ? r : print_object(*key, call->object->fields, NULL, call->style);
	}
	r = print_object(*key, call->object->fields, NULL, call->style);
	if (r >= 0)
		printf("\n%sPolicy:%s\n%s%s", print_bold(call->style), print_normal(call->style),
		       text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
	return r;
}

static int run_show(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *parameters = NULL, *reply = NULL, *key = NULL;
	int r = name_only(call, &parameters);

	if (!r)
		r = call_kms("Show", parameters, &reply);
	if (r)
		return r;
	key = sd_json_variant_ref(sd_json_variant_by_key(reply, "key"));
	r = show_policy(call, reply, &key);
	return r < 0 ? cli_failed(r, "cannot print the key") : EXIT_OK;
}

static int run_rotate(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *parameters = NULL, *reply = NULL;
	int r = name_only(call, &parameters);

	if (!r)
		r = call_kms("Rotate", parameters, &reply);
	return r ?: cli_print_object(call, sd_json_variant_by_key(reply, "key"), NULL);
}

static int run_delete(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *parameters = NULL, *reply = NULL;
	int r = name_only(call, &parameters);

	return r ?: call_kms("Delete", parameters, &reply);
}

static char *format_time(sd_json_variant *value)
{
	time_t at = sd_json_variant_integer(value);
	char text[32];
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return NULL;
	return strdup(text);
}

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "Created", "created", format_time, PRINT_BOTH },
	{ "Version", "version", NULL, PRINT_BOTH },
	{ "Rotated", "rotated", format_time, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_BOTH },
	{}
};

static const struct cli_option create_options[] = {
	{ .name = "policy", .property = "policy", .type = &type_text,
	  .metavar = "FILE", .help = "who may use it, in AWS's policy language" },
	{}
};

static const char *const create_needs[] = { "policy", NULL };

static const struct cli_option encrypt_options[] = {
	{ .name = "in", .property = "in", .type = &type_text,
	  .metavar = "FILE", .help = "what is encrypted, 4096 bytes at most; - is stdin" },
	{ .name = "out", .property = "out", .type = &type_text,
	  .metavar = "FILE", .help = "where the ciphertext goes; - is stdout" },
	{ .name = "context", .property = "context", .type = &type_pair, .list = true,
	  .metavar = "KEY=VALUE", .help = "what has to be said again to decrypt it; may be repeated" },
	{}
};

static const char *const encrypt_needs[] = { "in", "out", NULL };

static const struct cli_verb verbs[] = {
	{ .name = "create-key", .help = "create a key and print its ID",
	  .positionals = cli_name_positional, .options = create_options,
	  .needs = create_needs, .run = run_create_key },
	{ .name = "encrypt", .help = "encrypt a file for those whom the key's policy allows to decrypt",
	  .positionals = cli_name_positional, .options = encrypt_options,
	  .needs = encrypt_needs, .run = run_encrypt },
	{ .name = "list", .help = "list the keys", .run = run_list },
	{ .name = "show", .help = "show a key and its policy",
	  .positionals = cli_name_positional, .run = run_show },
	{ .name = "rotate", .help = "encrypt with a new version of a key; each decrypts what is its own",
	  .positionals = cli_name_positional, .run = run_rotate },
	{ .name = "delete", .help = "erase a key, and with it what was encrypted with it",
	  .positionals = cli_name_positional, .run = run_delete },
	{}
};

const struct cli_object object_kms = {
	.name = "kms",
	.help = "keys that are released to enclaves",
	.verbs = verbs,
	.fields = fields,
};
