// SPDX-License-Identifier: GPL-2.0
/* nitro-kms: take the master key that systemd has unsealed, then serve its sockets. */

#include <errno.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "http.h"
#include "image.h"
#include "kms.h"
#include "limit.h"
#include "manage.h"

#define FILE_SIZE_MAX (64UL << 10)
#define ROOTS_MAX 64

static const char *arg_credentials;
static const char *arg_state = "/var/lib/nitro-kms";
static const char *arg_region = "nitro-local-1";
static bool arg_plain;
static unsigned int arg_rate = LIMIT_RATE_DEFAULT;

static void usage(void)
{
	printf("nitro-kms [OPTIONS...]\n\n"
	       "Release keys to enclaves that prove what they are.\n\n"
	       "  -h --help              show this help\n"
	       "  -V --version           show the version\n"
	       "     --credentials DIR   where the master key and the roots are\n"
	       "                         (default $CREDENTIALS_DIRECTORY)\n"
	       "     --state DIR         where the wrapped keys are (default /var/lib/nitro-kms)\n"
	       "     --region NAME       part of keys' ARNs (default nitro-local-1, NITRO_REGION)\n"
	       "     --plain             serve TCP without TLS to other hosts\n"
	       "     --rate N            requests of a caller in a minute (default %d, NITRO_KMS_RATE)\n",
	       LIMIT_RATE_DEFAULT);
}

static int parse_rate(const char *text)
{
	char *end;
	unsigned long rate = strtoul(text, &end, 10);

	if (strspn(text, "0123456789") == strlen(text) && rate && rate <= LIMIT_RATE_MAX) {
		arg_rate = (unsigned int)rate;
		return 0;
	}
	fprintf(stderr, "nitro-kms: '%s' is no rate of 1 to %d\n", text, LIMIT_RATE_MAX);
	return -EINVAL;
}

static int parse_environment(void)
{
	const char *region = getenv("NITRO_REGION"), *rate = getenv("NITRO_KMS_RATE");

	if (region && *region)
		arg_region = region;
	return rate && *rate ? parse_rate(rate) : 0;
}

/* Return: 1 to go on, 0 to end well, below zero for a mistake */
static int parse_argv(int argc, char *argv[])
{
	enum { OPT_CREDENTIALS = 256, OPT_STATE, OPT_REGION, OPT_PLAIN, OPT_RATE };
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "credentials", required_argument, NULL, OPT_CREDENTIALS },
		{ "state", required_argument, NULL, OPT_STATE },
		{ "region", required_argument, NULL, OPT_REGION },
		{ "plain", no_argument, NULL, OPT_PLAIN },
		{ "rate", required_argument, NULL, OPT_RATE },
		{}
	};
	int c;

	if (parse_environment() < 0)
		return -EINVAL;
	while ((c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			usage();
			return 0;
		case 'V':
			printf("nitro-kms %s\n", NITRO_VERSION);
			return 0;
		case OPT_CREDENTIALS:
			arg_credentials = optarg;
			break;
		case OPT_STATE:
			arg_state = optarg;
			break;
		case OPT_REGION:
			arg_region = optarg;
			break;
		case OPT_PLAIN:
			arg_plain = true;
			break;
		case OPT_RATE:
			if (parse_rate(optarg) < 0)
				return -EINVAL;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nitro-kms: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	return 1;
}

static int load(const char *name, struct image *file, struct why *why)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", arg_credentials, name);
	return image_open(path, FILE_SIZE_MAX, file, why);
}

static int load_master(struct kms *kms, struct why *why)
{
	struct image file;
	int r = load("master.key", &file, why);

	if (r)
		return r;
	if (file.size == sizeof(kms->master))
		memcpy(kms->master, file.data, sizeof(kms->master));
	else
		r = refuse(why, "'master.key' has %zu bytes, not %zu", file.size,
			   sizeof(kms->master));
	image_close(&file);
	return r;
}

static int read_roots(struct kms *kms, BIO *bio, struct why *why)
{
	X509 *root;

	while ((root = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (sk_X509_num(kms->roots) < ROOTS_MAX && sk_X509_push(kms->roots, root))
			continue;
		X509_free(root);
		return refuse(why, "'roots.pem' has more than %d certificates", ROOTS_MAX);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE ||
	    !sk_X509_num(kms->roots))
		return refuse(why, "'roots.pem' has not only certificates, or none");
	ERR_clear_error();
	return 0;
}

static int load_roots(struct kms *kms, struct why *why)
{
	struct image file;
	int r = load("roots.pem", &file, why);
	BIO *bio;

	if (r)
		return r;
	kms->roots = sk_X509_new_null();
	bio = BIO_new_mem_buf(file.data ?: (const void *)"", (int)file.size);
	r = kms->roots && bio ? read_roots(kms, bio, why) :
		refuse_error(why, ENOMEM, "cannot read the roots");
	BIO_free(bio);
	image_close(&file);
	return r;
}

/* Without the file nobody may come over TCP */
static int load_callers(struct kms *kms, struct why *why)
{
	static const char name[] = "nitro-kms.callers";
	char path[512], *text;
	struct image file;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", arg_credentials, name);
	if (access(path, F_OK) < 0)
		return 0;
	r = load(name, &file, why);
	if (r)
		return r;
	text = strndup((const char *)file.data, file.size);
	r = text ? callers_read(text, &kms->callers, why) : -ENOMEM;
	if (r)
		why_prefix(why, "'%s'", name);
	if (text)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
	image_close(&file);
	return r;
}

static int load_all(struct kms *kms, struct why *why)
{
	char path[512];
	int r;

	if (!arg_credentials)
		arg_credentials = getenv("CREDENTIALS_DIRECTORY");
	if (!arg_credentials)
		return refuse(why, "there are no credentials; start nitro-kms.socket");
	r = load_master(kms, why);
	if (!r)
		r = load_roots(kms, why);
	if (!r)
		r = load_callers(kms, why);
	if (!r)
		r = tls_load(arg_credentials, &kms->tls, why);
	(void)snprintf(path, sizeof(path), "%s/keys.db", arg_state);
	return r ?: store_open(path, &kms->store, why);
}

static int start_loop(struct kms *kms)
{
	int r = sd_event_default(&kms->event);

	if (r >= 0)
		r = sd_event_set_signal_exit(kms->event, true);
	return r < 0 ? r : sd_event_set_watchdog(kms->event, true);
}

/* All sockets but that of Varlink, which has a name */
static int listen_all(struct kms *kms, struct why *why)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(false, &names), r = 0;

	for (int i = 0; i < n; i++) {
		if (!r && strcmp(names[i], "varlink"))
			r = http_listen(kms, SD_LISTEN_FDS_START + i, why);
		free(names[i]);
	}
	free(names);
	if (r < 0)
		return r;
	/* libmicrohttpd has it now */
	tls_clear(&kms->tls);
	r = manage_start(kms);
	return r < 0 ? refuse_error(why, -r, "cannot listen; start nitro-kms.socket") : 0;
}

static int start(struct kms *kms, struct why *why)
{
	int r;

	/* Keys are in its memory: no core dump, no debugger of the same user */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return refuse_error(why, errno, "cannot keep others out");
	kms->region = arg_region;
	kms->plain = arg_plain;
	r = load_all(kms, why);
	if (r < 0)
		return r;
	r = limit_new(arg_rate, &kms->limit);
	if (r < 0)
		return refuse_error(why, -r, "cannot count requests");
	r = start_loop(kms);
	if (r < 0)
		return refuse_error(why, -r, "cannot make an event loop");
	return listen_all(kms, why);
}

static void stop(struct kms *kms)
{
	http_stop(kms);
	manage_stop(kms);
	store_close(kms->store);
	callers_clear(&kms->callers);
	tls_clear(&kms->tls);
	limit_free(kms->limit);
	sk_X509_pop_free(kms->roots, X509_free);
	OPENSSL_cleanse(kms->master, sizeof(kms->master));
	sd_event_unref(kms->event);
}

int main(int argc, char *argv[])
{
	struct kms kms = {};
	struct why why;
	int r;

	r = parse_argv(argc, argv);
	if (r <= 0)
		return r < 0 ? 2 : 0;
	r = start(&kms, &why);
	if (r < 0) {
		fprintf(stderr, "nitro-kms: %s\n", why.text);
		stop(&kms);
		return EXIT_FAILURE;
	}
	(void)sd_notify(false, "READY=1");
	r = sd_event_loop(kms.event);
	(void)sd_notify(false, "STOPPING=1");
	stop(&kms);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
