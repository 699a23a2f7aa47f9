// SPDX-License-Identifier: GPL-2.0
/* nitro-nsm: take the keys that systemd has unsealed, then sign what is asked for. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "image.h"
#include "service.h"

#define FILE_SIZE_MAX (64UL << 10)

static const char *arg_credentials;
static const char *arg_socket;

static void usage(void)
{
	printf("nitro-nsm [OPTIONS...]\n\n"
	       "Sign the attestation documents of the enclaves of this host.\n\n"
	       "  -h --help              show this help\n"
	       "  -V --version           show the version\n"
	       "     --credentials DIR   where the keys are (default $CREDENTIALS_DIRECTORY)\n"
	       "     --socket PATH       where to listen (default the socket that systemd hands over)\n");
}

/* Return: 1 to go on, 0 to end well, below zero for a mistake */
static int parse_argv(int argc, char *argv[])
{
	enum { OPT_CREDENTIALS = 256, OPT_SOCKET };
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "credentials", required_argument, NULL, OPT_CREDENTIALS },
		{ "socket", required_argument, NULL, OPT_SOCKET },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			usage();
			return 0;
		case 'V':
			printf("nitro-nsm %s\n", NITRO_VERSION);
			return 0;
		case OPT_CREDENTIALS:
			arg_credentials = optarg;
			break;
		case OPT_SOCKET:
			arg_socket = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nitro-nsm: '%s' is no option\n", argv[optind]);
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

/* NAME.pem and NAME.key, below the root */
static int load_authority(const char *name, const struct image *root, struct authority *a,
			  struct why *why)
{
	struct image pem, key;
	char file[64];
	int err;

	(void)snprintf(file, sizeof(file), "%s.pem", name);
	err = load(file, &pem, why);
	if (err)
		return err;
	(void)snprintf(file, sizeof(file), "%s.key", name);
	err = load(file, &key, why);
	if (!err) {
		err = authority_load(a, root->data, root->size, pem.data, pem.size, key.data,
				     key.size, time(NULL), why);
		image_close(&key);
	}
	image_close(&pem);
	if (err)
		why_prefix(why, "authority '%s'", name);
	return err;
}

static int load_authorities(struct service *s, struct why *why)
{
	struct image root;
	int err;

	if (!arg_credentials)
		arg_credentials = getenv("CREDENTIALS_DIRECTORY");
	if (!arg_credentials)
		return refuse(why, "there are no credentials; start nitro-nsm.service");
	err = load("root.pem", &root, why);
	if (err)
		return err;
	err = load_authority("host", &root, &s->authority, why);
	if (!err)
		err = load_authority("debug", &root, &s->debug, why);
	image_close(&root);
	return err;
}

static int start_loop(struct service *s)
{
	int r = sd_event_default(&s->event);

	if (r >= 0)
		r = sd_event_set_signal_exit(s->event, true);
	return r < 0 ? r : sd_event_set_watchdog(s->event, true);
}

static int start(struct service *s, struct why *why)
{
	int r;

	/* Keys are in its memory: no core dump, no debugger of the same user */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return refuse_error(why, errno, "cannot keep others out");
	r = load_authorities(s, why);
	if (r >= 0)
		r = host_measure("/sys", "/proc", &s->host, why);
	if (r < 0)
		return r;
	r = start_loop(s);
	if (r < 0)
		return refuse_error(why, -r, "cannot make an event loop");
	r = enclaves_find(s);
	if (r < 0)
		return refuse_error(why, -r, "cannot find the enclaves that run");
	if (r)
		printf("goes on with the enclaves that run, %d in all\n", r);
	r = enrol_start(s, arg_socket);
	return r < 0 ? refuse_error(why, -r, "cannot listen") : 0;
}

static void stop(struct service *s)
{
	enclaves_clear(s);
	enrol_stop(s);
	authority_clear(&s->authority);
	authority_clear(&s->debug);
	host_clear(&s->host);
	sd_event_unref(s->event);
}

int main(int argc, char *argv[])
{
	struct service s = {};
	struct why why;
	int r;

	r = parse_argv(argc, argv);
	if (r <= 0)
		return r < 0 ? 2 : 0;
	r = start(&s, &why);
	if (r < 0) {
		fprintf(stderr, "nitro-nsm: %s\n", why.text);
		stop(&s);
		return EXIT_FAILURE;
	}
	(void)fflush(stdout);
	(void)sd_notify(false, "READY=1");
	r = sd_event_loop(s.event);
	(void)sd_notify(false, "STOPPING=1");
	stop(&s);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
