// SPDX-License-Identifier: GPL-2.0
/* nitroctl enclave: images of enclaves. They are made and read without nitrod. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "bootstrap.h"
#include "describe.h"
#include "eif.h"
#include "enclave-rootfs.h"
#include "image.h"
#include "number.h"

#define KERNEL_MAX (512UL << 20)
#define RAMDISK_MAX (64UL << 30)
#define IMAGE_MAX (128UL << 30)
#define PEM_MAX (1UL << 20)
/* As nitro-cli has it */
#define METADATA_MAX 4096
#define DEFAULT_MEMORY (1UL << 30)
#define DEFAULT_CPUS 2
#define YEAR_9999 253402300799

/* What an image is made of, and what has to be freed after it */
struct build {
	const struct cli_call *call;
	struct eif eif;
	struct image files[EIF_RAMDISKS_MAX + 1];
	unsigned int n_files;
	char *metadata;
	uint8_t *signature;
	char release[128];
	time_t time;
};

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

/* SOURCE_DATE_EPOCH is the time of everything that is built reproducibly. */
static int build_time(time_t *ret, struct why *why)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t seconds;

	*ret = time(NULL);
	if (!text)
		return 0;
	if (number_parse(text, YEAR_9999, &seconds) < 0)
		return refuse(why, "SOURCE_DATE_EPOCH: '%s' is no time in seconds", text);
	*ret = seconds;
	return 0;
}

static int add_file(struct build *b, enum eif_type type, const char *path,
		    size_t most, struct why *why)
{
	struct image *file = &b->files[b->n_files];
	int r;

	r = image_open(path, most, file, why);
	if (r < 0)
		return r;
	b->n_files++;
	r = eif_add(&b->eif, type, file->data, file->size, why);
	if (r < 0)
		why_prefix(why, "'%s'", path);
	return r;
}

static int add_kernel(struct build *b, struct why *why)
{
	const char *path = text_of(b->call, "kernel");
	_cleanup_free_ char *found = NULL;
	int r;

	if (!path) {
		found = enclave_rootfs_kernel(why);
		if (!found)
			return -ENOENT;
		path = found;
	}
	r = add_file(b, EIF_KERNEL, path, KERNEL_MAX, why);
	if (r < 0)
		return r;
	if (eif_kernel(b->files[0].data, b->files[0].size, &b->eif.flags,
		       b->release, sizeof(b->release)) < 0)
		return refuse(why, "'%s' is no Linux kernel of x86-64 or arm64", path);
	return 0;
}

/* What the builder says of the image itself, if anything. */
static int custom_metadata(const struct build *b, sd_json_variant **ret,
			   struct why *why)
{
	const char *path = text_of(b->call, "metadata");
	_cleanup_free_ char *text = NULL;
	struct image file;
	int r;

	if (!path)
		return sd_json_variant_new_null(ret);
	r = image_open(path, METADATA_MAX, &file, why);
	if (r < 0)
		return r;
	text = strndup((const char *)file.data, file.size);
	image_close(&file);
	if (!text)
		return -ENOMEM;
	r = sd_json_parse(text, 0, ret, NULL, NULL);
	return r < 0 ? refuse(why, "'%s' is no JSON", path) : 0;
}

/* The keys and their order are those that nitro-cli writes and needs. */
static int format_metadata(struct build *b, sd_json_variant *custom)
{
	_cleanup_json_ sd_json_variant *metadata = NULL;
	char when[32];
	struct tm tm;
	int r;

	if (!gmtime_r(&b->time, &tm) ||
	    !strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S+00:00", &tm))
		return -EINVAL;
	r = sd_json_buildo(&metadata,
		SD_JSON_BUILD_PAIR("ImageName", SD_JSON_BUILD_STRING(
			text_of(b->call, "name") ?: "enclave")),
		SD_JSON_BUILD_PAIR("ImageVersion", SD_JSON_BUILD_STRING(
			text_of(b->call, "version") ?: "1.0")),
		SD_JSON_BUILD_PAIR("BuildMetadata", SD_JSON_BUILD_OBJECT(
			SD_JSON_BUILD_PAIR("BuildTime", SD_JSON_BUILD_STRING(when)),
			SD_JSON_BUILD_PAIR("BuildTool", SD_JSON_BUILD_STRING("nitroctl")),
			SD_JSON_BUILD_PAIR("BuildToolVersion",
					   SD_JSON_BUILD_STRING(NITRO_VERSION)),
			SD_JSON_BUILD_PAIR("OperatingSystem", SD_JSON_BUILD_STRING("Linux")),
			SD_JSON_BUILD_PAIR("KernelVersion", SD_JSON_BUILD_STRING(b->release)))),
		SD_JSON_BUILD_PAIR("DockerInfo", SD_JSON_BUILD_NULL),
		SD_JSON_BUILD_PAIR("CustomMetadata", SD_JSON_BUILD_VARIANT(custom)));
	return r < 0 ? r : sd_json_variant_format(metadata, 0, &b->metadata);
}

static int add_metadata(struct build *b, struct why *why)
{
	_cleanup_json_ sd_json_variant *custom = NULL;
	int r;

	*why = (struct why){ "no memory for the metadata" };
	r = custom_metadata(b, &custom, why);
	if (r >= 0)
		r = format_metadata(b, custom);
	if (r < 0)
		return r;
	return eif_add(&b->eif, EIF_METADATA, b->metadata, strlen(b->metadata), why);
}

static int add_ramdisks(struct build *b, struct why *why)
{
	sd_json_variant *ramdisks =
		sd_json_variant_by_key(b->call->properties, "ramdisks");
	size_t n = sd_json_variant_elements(ramdisks);
	int r = 0;

	if (n > EIF_RAMDISKS_MAX)
		return refuse(why, "there are %zu ramdisks, more than %d", n,
			      EIF_RAMDISKS_MAX);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = add_file(b, EIF_RAMDISK,
			     sd_json_variant_string(sd_json_variant_by_index(ramdisks, i)),
			     RAMDISK_MAX, why);
	return r;
}

static int add_rootfs(struct build *b, struct why *why)
{
	struct image *ramdisks = &b->files[b->n_files];
	int r;

	r = enclave_rootfs_pack(b->call, b->release, ramdisks, why);
	if (r < 0)
		return r;
	b->n_files += 2;
	for (int i = 0; r >= 0 && i < 2; i++)
		r = eif_add(&b->eif, EIF_RAMDISK, ramdisks[i].data,
			    ramdisks[i].size, why);
	return r;
}

/* No passphrase is asked for: builds have nobody to type it. */
static int no_passphrase(char *to, int size, int writing, void *data)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

static int read_key(const char *path, EVP_PKEY **ret, struct why *why)
{
	struct image file;
	BIO *bio;
	int r;

	r = image_open(path, PEM_MAX, &file, why);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(file.data, file.size);
	*ret = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	image_close(&file);
	ERR_clear_error();
	return *ret ? 0 : refuse(why, "'%s' is no PEM private key without a passphrase", path);
}

static int add_signature(struct build *b, struct why *why)
{
	const char *certificate = text_of(b->call, "signing_certificate");
	const char *key_path = text_of(b->call, "private_key");
	struct image pem;
	EVP_PKEY *key;
	size_t size;
	int r;

	if (!certificate && !key_path)
		return 0;
	if (!certificate || !key_path)
		return refuse(why, "--signing-certificate and --private-key belong together");
	r = read_key(key_path, &key, why);
	if (r < 0)
		return r;
	r = image_open(certificate, PEM_MAX, &pem, why);
	if (r >= 0) {
		r = eif_sign(&b->eif, pem.data, pem.size, key, time(NULL),
			     &b->signature, &size, why);
		image_close(&pem);
	}
	EVP_PKEY_free(key);
	return r < 0 ? r : eif_add(&b->eif, EIF_SIGNATURE, b->signature, size, why);
}

static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	return 0666 & ~mask;
}

/* Nobody sees half of an image: it gets its name when it is whole. */
static int write_output(const struct build *b, struct why *why)
{
	const char *path = text_of(b->call, "output");
	_cleanup_free_ char *new = NULL;
	struct stat st;
	int fd, r;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return refuse(why, "'%s' is no file", path);
	if (asprintf(&new, "%s.XXXXXX", path) < 0) {
		new = NULL;
		return refuse_error(why, ENOMEM, "cannot write '%s'", path);
	}
	fd = mkostemp(new, O_CLOEXEC);
	if (fd < 0)
		return refuse_error(why, errno, "cannot write '%s'", path);
	r = eif_write(&b->eif, fd, why);
	if (r >= 0 && (fchmod(fd, usual_mode()) < 0 || fsync(fd) < 0 ||
		       rename(new, path) < 0))
		r = refuse_error(why, errno, "cannot write '%s'", path);
	if (r < 0)
		(void)unlink(new);
	close(fd);
	return r;
}

static int build(struct build *b, sd_json_variant **ret, struct why *why)
{
	const char *cmdline = text_of(b->call, "cmdline") ?: BOOTSTRAP_CMDLINE;
	int r;

	r = build_time(&b->time, why);
	if (r >= 0)
		r = add_kernel(b, why);
	if (r >= 0)
		r = eif_add(&b->eif, EIF_CMDLINE, cmdline, strlen(cmdline), why);
	if (r >= 0)
		r = add_metadata(b, why);
	if (r >= 0)
		r = text_of(b->call, "rootfs") ? add_rootfs(b, why) :
						 add_ramdisks(b, why);
	if (r >= 0)
		r = add_signature(b, why);
	if (r >= 0)
		r = describe_measurements(&b->eif, ret, why);
	return r < 0 ? r : write_output(b, why);
}

static const struct print_field measurements[] = {
	{ "PCR0", "Measurements.PCR0", NULL, PRINT_SHOW },
	{ "PCR1", "Measurements.PCR1", NULL, PRINT_SHOW },
	{ "PCR2", "Measurements.PCR2", NULL, PRINT_SHOW },
	{ "PCR8", "Measurements.PCR8", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

static int run_build(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *pcrs = NULL, *built = NULL;
	struct build b = {
		.call = call,
		.eif = { .version = EIF_VERSION, .memory = DEFAULT_MEMORY,
			 .cpus = DEFAULT_CPUS },
	};
	struct why why;
	int r;

	r = enclave_rootfs_check(call);
	if (r)
		return r;
	r = build(&b, &pcrs, &why);
	for (unsigned int i = 0; i < b.n_files; i++)
		image_close(&b.files[i]);
	free(b.metadata);
	free(b.signature);
	if (r < 0)
		return failed(&why);
	if (call->style->quiet && !call->style->json)
		return EXIT_OK;
	r = sd_json_variant_set_field(&built, "Measurements", pcrs);
	if (r >= 0)
		r = print_object(built, measurements, NULL, call->style);
	return r < 0 ? cli_failed(r, "cannot print the measurements") : EXIT_OK;
}

static const struct print_field image_fields[] = {
	{ "Name", "ImageName", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Version", "ImageVersion", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Format", "EifVersion", NULL, PRINT_SHOW },
	{ "Kernel", "Metadata.KernelVersion", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Built", "Metadata.BuildTime", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "PCR0", "Measurements.PCR0", NULL, PRINT_SHOW },
	{ "PCR1", "Measurements.PCR1", NULL, PRINT_SHOW },
	{ "PCR2", "Measurements.PCR2", NULL, PRINT_SHOW },
	{ "PCR8", "Measurements.PCR8", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Signed", "IsSigned", NULL, PRINT_SHOW },
	{ "Signer", "SigningCertificate.IssuerName.commonName", NULL,
	  PRINT_SHOW | PRINT_IF_SET },
	{ "Valid from", "SigningCertificate.NotBefore", NULL,
	  PRINT_SHOW | PRINT_IF_SET },
	{ "Valid until", "SigningCertificate.NotAfter", NULL,
	  PRINT_SHOW | PRINT_IF_SET },
	{ "Problem", "Problem", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

static int run_describe(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *described = NULL;
	const char *path = text_of(call, "image");
	struct image file;
	struct eif eif;
	struct why why;
	int r;

	r = image_open(path, IMAGE_MAX, &file, &why);
	if (r < 0)
		return failed(&why);
	r = eif_read(file.data, file.size, &eif, &why);
	if (r >= 0)
		r = describe_image(&eif, time(NULL), &described, &why);
	image_close(&file);
	if (r < 0)
		return cli_error(EXIT_FAILED, "'%s': %s", path, why.text);
	r = print_object(described, image_fields, NULL, call->style);
	return r < 0 ? cli_failed(r, "cannot print the image") : EXIT_OK;
}

static const struct cli_positional image_positional[] = {
	{ "EIF", "image", &type_text },
	{}
};

static const struct cli_option build_options[] = {
	{ .name = "output", .letter = 'o', .property = "output", .type = &type_text,
	  .metavar = "EIF", .help = "the image to be written" },
	{ .name = "kernel", .property = "kernel", .type = &type_text,
	  .metavar = "FILE", .help = "a bzImage, an Image of arm64, or an ELF kernel" },
	{ .name = "rootfs", .property = "rootfs", .type = &type_text,
	  .metavar = "DIR", .help = "make the ramdisks: one that starts the enclave, one of DIR" },
	{ .name = "command", .property = "command", .type = &type_text,
	  .metavar = "STRING", .help = "of --rootfs: what runs in it (default /init)" },
	{ .name = "modules", .property = "modules", .type = &type_text,
	  .metavar = "DIR", .help = "of --rootfs: modules of the kernel (default those of this host)" },
	{ .name = "init", .property = "init", .type = &type_text,
	  .metavar = "FILE", .help = "of --rootfs: what starts it (default " BOOTSTRAP_INIT ")" },
	{ .name = "cmdline", .property = "cmdline", .type = &type_text,
	  .metavar = "STRING", .help = "its command line" },
	{ .name = "ramdisk", .property = "ramdisks", .type = &type_text,
	  .metavar = "FILE", .help = "an initial ramdisk; may be repeated", .list = true },
	{ .name = "name", .property = "name", .type = &type_text,
	  .metavar = "NAME", .help = "name of the image (default enclave)" },
	{ .name = "version", .property = "version", .type = &type_text,
	  .metavar = "VERSION", .help = "version of the image (default 1.0)" },
	{ .name = "metadata", .property = "metadata", .type = &type_text,
	  .metavar = "FILE", .help = "JSON, of 4096 bytes at most, to go with it" },
	{ .name = "signing-certificate", .property = "signing_certificate",
	  .type = &type_text, .metavar = "PEM", .help = "certificate of who signs it" },
	{ .name = "private-key", .property = "private_key", .type = &type_text,
	  .metavar = "PEM", .help = "private key of the signing certificate" },
	{}
};

static const char *const build_needs[] = { "output", NULL };

static const struct cli_option console_options[] = {
	{ .name = "follow", .property = "follow", .help = "go on; Ctrl-] ends" },
	{}
};

static const struct cli_option terminate_options[] = {
	{ .name = "no-wait", .property = "no_wait",
	  .help = "do not wait until it is done" },
	{}
};

static const struct cli_verb verbs[] = {
	{ .name = "build", .help = "make an image and print its measurements",
	  .options = build_options, .needs = build_needs, .run = run_build },
	{ .name = "run", .help = "measure an image, start it, print its ID",
	  .positionals = cli_name_positional, .options = enclave_run_options,
	  .needs = enclave_run_needs, .method = "Run", .run = enclave_run },
	{ .name = "list", .help = "list the enclaves",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show an enclave",
	  .positionals = cli_name_positional,
	  .method = "Show", .run = cli_run_show },
	{ .name = "console", .help = "show what an enclave in debug mode has written",
	  .positionals = cli_name_positional, .options = console_options,
	  .method = "Console", .run = cli_run_console },
	{ .name = "terminate", .help = "end an enclave",
	  .positionals = cli_name_positional, .options = terminate_options,
	  .method = "Terminate", .run = cli_run_change },
	{ .name = "delete", .help = "forget an enclave that is terminated",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{ .name = "describe-image", .help = "show what an image is and measures",
	  .positionals = image_positional, .run = run_describe },
	{}
};

const struct cli_object object_enclave = {
	.name = "enclave",
	.help = "isolated machines with signed measurements",
	.interface = "io.nitro.Enclave",
	.verbs = verbs,
	.fields = enclave_fields,
};
