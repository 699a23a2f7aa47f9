// SPDX-License-Identifier: GPL-2.0
/* nitroctl attest: who vouches for enclaves, and whether a document is good. */
#define _GNU_SOURCE
#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest.h"
#include "cli.h"
#include "host.h"
#include "image.h"
#include "number.h"
#include "verify.h"

#define MESSAGE_MAX (64UL << 10)
#define YEAR_9999 253402300799

static int failed(const struct why *why)
{
	return cli_error(EXIT_FAILED, "%s", why->text);
}

static const char *text_of(const struct cli_call *call, const char *property)
{
	sd_json_variant *value =
		sd_json_variant_by_key(call->properties, property);

	return value ? sd_json_variant_string(value) : NULL;
}

static bool is_set(const struct cli_call *call, const char *property)
{
	return sd_json_variant_by_key(call->properties, property);
}

static const char *directory(const struct cli_call *call)
{
	return text_of(call, "directory") ?: ATTEST_DIR;
}

static int add_time(sd_json_variant **to, const char *key, const ASN1_TIME *at)
{
	char text[32] = "";
	struct tm tm;

	if (ASN1_TIME_to_tm(at, &tm) != 1 ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return -EINVAL;
	return sd_json_variant_set_field_string(to, key, text);
}

static int add_hex(sd_json_variant **to, const char *key, const void *data, size_t size)
{
	_cleanup_free_ char *hex = malloc(2 * size + 1);

	if (!hex)
		return -ENOMEM;
	hex_write(data, size, hex);
	return sd_json_variant_set_field_string(to, key, hex);
}

/* The root as an object: known by its fingerprint */
static int describe_root(X509 *root, const char *dir, sd_json_variant **ret)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char name[128] = "";
	unsigned int n;
	int r;

	if (X509_digest(root, EVP_sha256(), digest, &n) != 1)
		return -ENOMEM;
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_commonName, name,
					sizeof(name));
	r = add_hex(ret, "id", digest, n);
	if (r >= 0)
		r = sd_json_variant_set_field_string(ret, "name", name);
	if (r >= 0)
		r = sd_json_variant_set_field_string(ret, "state", "available");
	if (r >= 0)
		r = sd_json_variant_set_field_string(ret, "directory", dir);
	if (r >= 0)
		r = add_time(ret, "not_before", X509_get0_notBefore(root));
	return r < 0 ? r : add_time(ret, "not_after", X509_get0_notAfter(root));
}

static const struct print_field root_fields[] = {
	{ "Name", "name", NULL, PRINT_SHOW },
	{ "SHA-256", "id", NULL, PRINT_SHOW },
	{ "Valid from", "not_before", NULL, PRINT_SHOW },
	{ "Valid until", "not_after", NULL, PRINT_SHOW },
	{ "Directory", "directory", NULL, PRINT_SHOW },
	{}
};

static int read_root(const char *dir, X509 **ret, struct why *why)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/root.pem", dir) < 0) {
		path = NULL;
		return refuse_error(why, ENOMEM, "cannot read '%s'", dir);
	}
	r = attest_read_certificate(path, ret, why);
	return r == -ENOENT ?
		refuse(why, "there is no root in '%s'; 'nitroctl attest init' makes one", dir) : r;
}

static int print_root(const struct cli_call *call, X509 *root)
{
	_cleanup_json_ sd_json_variant *object = NULL;
	int r;

	r = describe_root(root, directory(call), &object);
	if (r >= 0)
		r = print_object(object, root_fields, NULL, call->style);
	return r < 0 ? cli_failed(r, "cannot print the root") : EXIT_OK;
}

static int run_init(const struct cli_call *call)
{
	const struct attest_init init = {
		.dir = directory(call),
		.root_key = text_of(call, "root_key"),
		.root_certificate = text_of(call, "root_certificate"),
		.replace = is_set(call, "replace"),
	};
	struct why why;
	X509 *root;
	int r;

	r = attest_init(&init, &why);
	if (r >= 0)
		r = read_root(init.dir, &root, &why);
	if (r < 0)
		return failed(&why);
	r = call->style->quiet && !call->style->json ? EXIT_OK : print_root(call, root);
	X509_free(root);
	return r;
}

static int add_pem(X509 *root, sd_json_variant **object)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int r = -ENOMEM;
	char *text;
	long n;

	if (bio && PEM_write_bio_X509(bio, root) == 1) {
		n = BIO_get_mem_data(bio, &text);
		r = BIO_write(bio, "", 1) == 1 ? 0 : -ENOMEM;
		if (r >= 0 && n > 0) {
			(void)BIO_get_mem_data(bio, &text);
			r = sd_json_variant_set_field_string(object, "certificate", text);
		}
	}
	BIO_free(bio);
	return r;
}

/* For people it is what goes into a file. */
static int run_root(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *object = NULL;
	struct why why;
	X509 *root;
	int r;

	r = read_root(directory(call), &root, &why);
	if (r < 0)
		return failed(&why);
	if (call->style->json) {
		r = describe_root(root, directory(call), &object);
		if (r >= 0)
			r = add_pem(root, &object);
		if (r >= 0)
			r = print_json(object, call->style);
	} else {
		r = PEM_write_X509(stdout, root) == 1 ? 0 : -EIO;
	}
	X509_free(root);
	return r < 0 ? cli_failed(r, "cannot print the root") : EXIT_OK;
}

static const struct print_field host_fields[] = {
	{ "PCR5", "pcrs.5", NULL, PRINT_SHOW },
	{ "PCR6", "pcrs.6", NULL, PRINT_SHOW },
	{ "PCR7", "pcrs.7", NULL, PRINT_SHOW },
	{}
};

/* The lines as they are hashed, so that they can be looked at. */
static void print_lines(const char *title, const char *text,
			const struct print_style *style)
{
	printf("\n%s%s:%s\n", print_bold(style), title, print_normal(style));
	if (!*text)
		printf("  none\n");
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("  %.*s\n", (int)n, text);
		text += n + !!text[n];
	}
}

static int add_lines(sd_json_variant **to, const char *key, const char *text)
{
	_cleanup_json_ sd_json_variant *lines = NULL;
	int r = sd_json_variant_new_array(&lines, NULL, 0);

	while (r >= 0 && *text) {
		_cleanup_json_ sd_json_variant *line = NULL;
		size_t n = strcspn(text, "\n");

		r = sd_json_variant_new_stringn(&line, text, n);
		if (r >= 0)
			r = sd_json_variant_append_array(&lines, line);
		text += n + !!text[n];
	}
	return r < 0 ? r : sd_json_variant_set_field(to, key, lines);
}

static int describe_host(const struct host *host, sd_json_variant **ret)
{
	static const char *const names[] = { "5", "6", "7" };
	_cleanup_json_ sd_json_variant *pcrs = NULL;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(names); i++)
		r = add_hex(&pcrs, names[i], host->pcrs[i].value, PCR_SIZE);
	if (r >= 0)
		r = sd_json_variant_set_field(ret, "pcrs", pcrs);
	if (r >= 0)
		r = add_lines(ret, "modules", host->modules);
	if (r >= 0)
		r = add_lines(ret, "kernel", host->kernel);
	return r < 0 ? r : add_lines(ret, "cpu", host->cpu);
}

static int run_host(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *object = NULL;
	struct host host;
	struct why why;
	int r;

	r = host_measure("/sys", "/proc", &host, &why);
	if (r < 0)
		return failed(&why);
	r = describe_host(&host, &object);
	if (r >= 0)
		r = print_object(object, host_fields, NULL, call->style);
	if (r >= 0 && !call->style->json) {
		print_lines("Modules (PCR5)", host.modules, call->style);
		print_lines("Kernel (PCR6)", host.kernel, call->style);
		print_lines("Processor (PCR7)", host.cpu, call->style);
	}
	host_clear(&host);
	return r < 0 ? cli_failed(r, "cannot print the host") : EXIT_OK;
}

static int parse_hex(const char *text, sd_json_variant **ret)
{
	uint8_t bytes[NONCE_MAX];
	size_t n;

	if (hex_read(text, bytes, sizeof(bytes), &n))
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

static const struct cli_type type_nonce = {
	.what = "hexadecimal digits, two for each of up to 512 bytes",
	.parse = parse_hex,
};

static int read_pcr(const char *text, unsigned int *index, struct pcr *pcr)
{
	const char *equals = strchr(text, '=');
	char number[4] = "";
	uint64_t value;
	size_t n;

	if (!equals || (size_t)(equals - text) >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, equals - text);
	if (number_parse(number, PCR_COUNT - 1, &value) < 0 ||
	    hex_read(equals + 1, pcr->value, PCR_SIZE, &n) || n != PCR_SIZE)
		return -EINVAL;
	*index = value;
	return 0;
}

static int parse_pcr(const char *text, sd_json_variant **ret)
{
	unsigned int index;
	struct pcr pcr;

	if (read_pcr(text, &index, &pcr) < 0)
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

static const struct cli_type type_pcr = {
	.what = "a register from 0 to 31, '=', and its 96 hexadecimal digits",
	.parse = parse_pcr,
};

static int read_time(const char *text, time_t *ret)
{
	struct tm tm = {};
	uint64_t seconds;
	const char *end;

	if (number_parse(text, YEAR_9999, &seconds) == 0) {
		*ret = seconds;
		return 0;
	}
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (!end || *end)
		return -EINVAL;
	*ret = timegm(&tm);
	return 0;
}

static int parse_time(const char *text, sd_json_variant **ret)
{
	time_t at;

	return read_time(text, &at) < 0 ? -EINVAL : sd_json_variant_new_string(ret, text);
}

static const struct cli_type type_time = {
	.what = "a time such as 2026-11-28T18:00:00Z, or in seconds since 1970",
	.parse = parse_time,
};

/* All of it was checked when the command line was read. */
static void read_expectation(const struct cli_call *call, struct expectation *e,
			     uint8_t nonce[static NONCE_MAX])
{
	sd_json_variant *pcrs = sd_json_variant_by_key(call->properties, "pcrs");
	const char *hex = text_of(call, "nonce"), *at = text_of(call, "at");

	e->at = time(NULL);
	if (at)
		(void)read_time(at, &e->at);
	e->debug = is_set(call, "debug");
	if (hex) {
		e->nonce.present = !hex_read(hex, nonce, NONCE_MAX, &e->nonce.size);
		e->nonce.data = nonce;
	}
	for (size_t i = 0; pcrs && i < sd_json_variant_elements(pcrs); i++) {
		unsigned int index = 0;
		struct pcr pcr;

		if (read_pcr(sd_json_variant_string(sd_json_variant_by_index(pcrs, i)), &index,
			     &pcr) < 0)
			continue;
		e->present |= 1U << index;
		e->pcrs[index] = pcr;
	}
}

static const struct print_field document_fields[] = {
	{ "Module", "id", NULL, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_SHOW },
	{ "Made", "time", NULL, PRINT_SHOW },
	{ "Debug", "debug", NULL, PRINT_SHOW },
	{ "User data", "user_data", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Nonce", "nonce", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Public key", "public_key", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

static const struct print_field pcr_fields[] = {
	{ "PCR", "index", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Value", "value", NULL, PRINT_LIST },
	{}
};

static const struct print_section document_sections[] = {
	{ "Registers", "pcrs", pcr_fields, NULL },
	{}
};

static int add_blob(sd_json_variant **to, const char *key, const struct blob *blob)
{
	_cleanup_json_ sd_json_variant *null = NULL;

	if (blob->present)
		return add_hex(to, key, blob->data, blob->size);
	if (sd_json_variant_new_null(&null) < 0)
		return -ENOMEM;
	return sd_json_variant_set_field(to, key, null);
}

static int add_pcrs(sd_json_variant **to, const struct document *d)
{
	_cleanup_json_ sd_json_variant *list = NULL;
	int r = 0;

	for (unsigned int i = 0; r >= 0 && i < PCR_COUNT; i++) {
		_cleanup_json_ sd_json_variant *row = NULL;

		if (!(d->present & 1U << i))
			continue;
		r = sd_json_variant_set_field_unsigned(&row, "index", i);
		if (r >= 0)
			r = add_hex(&row, "value", d->pcrs[i].value, PCR_SIZE);
		if (r >= 0)
			r = sd_json_variant_append_array(&list, row);
	}
	return r < 0 ? r : sd_json_variant_set_field(to, "pcrs", list);
}

static int describe_document(const struct document *d, sd_json_variant **ret)
{
	time_t made = d->timestamp / 1000;
	_cleanup_free_ char *id = strndup((const char *)d->module_id.data, d->module_id.size);
	char text[32] = "";
	struct tm tm;
	int r;

	if (!id || !gmtime_r(&made, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return -ENOMEM;
	r = sd_json_buildo(ret,
		SD_JSON_BUILD_PAIR("id", SD_JSON_BUILD_STRING(id)),
		SD_JSON_BUILD_PAIR("name", SD_JSON_BUILD_STRING(id)),
		SD_JSON_BUILD_PAIR("state", SD_JSON_BUILD_STRING("valid")),
		SD_JSON_BUILD_PAIR("timestamp", SD_JSON_BUILD_UNSIGNED(d->timestamp)),
		SD_JSON_BUILD_PAIR("time", SD_JSON_BUILD_STRING(text)),
		SD_JSON_BUILD_PAIR("debug", SD_JSON_BUILD_BOOLEAN(pcr_is_zero(&d->pcrs[0]))));
	if (r >= 0)
		r = add_blob(ret, "user_data", &d->what.user_data);
	if (r >= 0)
		r = add_blob(ret, "nonce", &d->what.nonce);
	if (r >= 0)
		r = add_blob(ret, "public_key", &d->what.public_key);
	return r < 0 ? r : add_pcrs(ret, d);
}

static int verify(const struct cli_call *call, sd_json_variant **ret, struct why *why)
{
	const char *path = text_of(call, "document");
	uint8_t nonce[NONCE_MAX];
	struct expectation e = {};
	struct document document;
	struct image file;
	int r;

	r = attest_read_certificate(text_of(call, "root"), &e.root, why);
	if (r < 0)
		return r;
	read_expectation(call, &e, nonce);
	r = image_open(path, MESSAGE_MAX, &file, why);
	if (r >= 0) {
		r = document_verify(file.data, file.size, &e, &document, why);
		if (r < 0)
			why_prefix(why, "'%s'", path);
		else if (describe_document(&document, ret) < 0)
			r = refuse_error(why, ENOMEM, "cannot describe the document");
		image_close(&file);
	}
	X509_free(e.root);
	return r;
}

static int run_verify(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *object = NULL;
	struct why why;
	int r;

	r = verify(call, &object, &why);
	if (r < 0)
		return failed(&why);
	if (call->style->quiet && !call->style->json)
		return EXIT_OK;
	r = print_object(object, document_fields, document_sections, call->style);
	return r < 0 ? cli_failed(r, "cannot print the document") : EXIT_OK;
}

#define DIRECTORY_OPTION \
	{ .name = "directory", .property = "directory", .type = &type_text, \
	  .metavar = "DIR", .help = "where the keys are (default " ATTEST_DIR ")" }

static const struct cli_option init_options[] = {
	{ .name = "root-key", .property = "root_key", .type = &type_text,
	  .metavar = "FILE", .help = "private key of a root of your own; it is not kept" },
	{ .name = "root-certificate", .property = "root_certificate", .type = &type_text,
	  .metavar = "FILE", .help = "its certificate" },
	DIRECTORY_OPTION,
	{ .name = "replace", .property = "replace", .help = "although there are keys already" },
	{}
};

static const struct cli_option root_options[] = {
	DIRECTORY_OPTION,
	{}
};

static const struct cli_positional document_positional[] = {
	{ "DOCUMENT", "document", &type_text },
	{}
};

static const struct cli_option verify_options[] = {
	{ .name = "root", .property = "root", .type = &type_text,
	  .metavar = "PEM", .help = "certificate of the root that is trusted" },
	{ .name = "nonce", .property = "nonce", .type = &type_nonce,
	  .metavar = "HEX", .help = "the nonce that has to be in it" },
	{ .name = "pcr", .property = "pcrs", .type = &type_pcr,
	  .metavar = "N=HEX", .help = "what a register has to be; may be repeated", .list = true },
	{ .name = "at", .property = "at", .type = &type_time,
	  .metavar = "TIME", .help = "when it has to be good (default now)" },
	{ .name = "debug", .property = "debug", .help = "an enclave in debug mode will do" },
	{}
};

static const char *const verify_needs[] = { "root", NULL };

static const struct cli_verb verbs[] = {
	{ .name = "init", .help = "make the keys of this host",
	  .options = init_options, .run = run_init },
	{ .name = "root", .help = "print the certificate of the root",
	  .options = root_options, .run = run_root },
	{ .name = "host", .help = "show what documents say of this host",
	  .run = run_host },
	{ .name = "verify", .help = "check a document, and show it if it is good",
	  .positionals = document_positional, .options = verify_options,
	  .needs = verify_needs, .run = run_verify },
	{}
};

const struct cli_object object_attest = {
	.name = "attest",
	.help = "documents that say what runs in an enclave",
	.verbs = verbs,
	.fields = root_fields,
};
