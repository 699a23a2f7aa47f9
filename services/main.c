// SPDX-License-Identifier: GPL-2.0
/* nitro-services: start, give up all rights, serve. */

#include <getopt.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "names.h"

static const char *arg_state = "/var/lib/nitro-services";
static const char *arg_socket = "/run/nitro/nitro-services.sock";
static const char *arg_region = "nitro-local-1";
static const char *arg_zone;
static const char *arg_domain = "nitro.internal";
static const char *arg_runtime = "/run/nitro-services";
static const char *arg_resolver = "/run/nitro-resolver/control";
static const char *arg_dns;

static void usage(void)
{
	printf("nitro-services [OPTIONS...]\n\n"
	       "Metadata, DHCP and names for the ENIs of this host.\n\n"
	       "  -h --help              show this help\n"
	       "  -V --version           show the version\n"
	       "     --state DIR         where the identity key lies (default /var/lib/nitro-services)\n"
	       "     --socket PATH       where nitrod listens (default /run/nitro/nitro-services.sock)\n"
	       "     --region NAME       placement/region (default nitro-local-1, NITRO_REGION)\n"
	       "     --zone NAME         placement/availability-zone (default REGIONa, NITRO_ZONE)\n"
	       "     --domain NAME       domain of guests whose VPC has none (default nitro.internal,\n"
	       "                         NITRO_DOMAIN)\n"
	       "     --runtime DIR       where the resolver's names are written (default\n"
	       "                         /run/nitro-services)\n"
	       "     --resolver PATH     control socket of unbound (default\n"
	       "                         /run/nitro-resolver/control)\n"
	       "     --dns ADDRESSES     resolvers of all other names (default those of this host,\n"
	       "                         NITRO_DNS)\n");
}

/* Return: 1 to go on, 0 to end well, below zero for a mistake */
static int parse_argv(int argc, char *argv[])
{
	enum { OPT_STATE = 256, OPT_SOCKET, OPT_REGION, OPT_ZONE, OPT_DOMAIN,
	       OPT_RUNTIME, OPT_RESOLVER, OPT_DNS };
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "state", required_argument, NULL, OPT_STATE },
		{ "socket", required_argument, NULL, OPT_SOCKET },
		{ "region", required_argument, NULL, OPT_REGION },
		{ "zone", required_argument, NULL, OPT_ZONE },
		{ "domain", required_argument, NULL, OPT_DOMAIN },
		{ "runtime", required_argument, NULL, OPT_RUNTIME },
		{ "resolver", required_argument, NULL, OPT_RESOLVER },
		{ "dns", required_argument, NULL, OPT_DNS },
		{}
	};
	static const struct {
		const char *variable;
		const char **arg;
	} environment[] = {
		{ "NITRO_REGION", &arg_region }, { "NITRO_ZONE", &arg_zone },
		{ "NITRO_DOMAIN", &arg_domain }, { "NITRO_DNS", &arg_dns },
	};
	int c;

	for (size_t i = 0; i < ARRAY_SIZE(environment); i++) {
		const char *value = getenv(environment[i].variable);

		if (value && *value)
			*environment[i].arg = value;
	}
	while ((c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			usage();
			return 0;
		case 'V':
			printf("nitro-services %s\n", NITRO_VERSION);
			return 0;
		case OPT_STATE:
			arg_state = optarg;
			break;
		case OPT_SOCKET:
			arg_socket = optarg;
			break;
		case OPT_REGION:
			arg_region = optarg;
			break;
		case OPT_ZONE:
			arg_zone = optarg;
			break;
		case OPT_DOMAIN:
			arg_domain = optarg;
			break;
		case OPT_RUNTIME:
			arg_runtime = optarg;
			break;
		case OPT_RESOLVER:
			arg_resolver = optarg;
			break;
		case OPT_DNS:
			arg_dns = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nitro-services: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	if (!names_domain_valid(arg_domain)) {
		fprintf(stderr, "nitro-services: '%s' is no name of a domain\n", arg_domain);
		return -EINVAL;
	}
	return 1;
}

static int read_upstream(struct strings *ret, struct error *e)
{
	_cleanup_free_ char *text = xstrdup(arg_dns);
	char *rest = text, *word;

	while (rest && (word = strsep(&rest, " \t,"))) {
		struct prefix address;

		if (!*word)
			continue;
		if (address_parse(word, &address, e) < 0)
			return -EINVAL;
		strings_add(ret, word);
	}
	return 0;
}

/* Before the first byte of a guest is read; whatever it does then, it does without
 * rights.
 */
static int drop_capabilities(struct error *e)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = {};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &header, none) < 0)
		return fail(e, ERR_FAILED, "cannot drop capabilities: %s", strerror(errno));
	return 0;
}

/* nitrod may start later */
static int open_port(struct error *e)
{
	const struct timespec pause = { .tv_nsec = 250 * 1000 * 1000 };
	int r;

	for (;;) {
		error_clear(e);
		r = link_open_port(arg_socket, e);
		if (r != -EAGAIN)
			return r;
		nanosleep(&pause, NULL);
	}
}

static int start_loop(struct services *s, struct error *e)
{
	int r = sd_event_default(&s->event);

	if (r >= 0)
		r = sd_event_set_signal_exit(s->event, true);
	if (r >= 0)
		r = sd_event_set_watchdog(s->event, true);
	return r < 0 ? fail(e, ERR_FAILED, "cannot make an event loop: %s", strerror(-r)) : 0;
}

static int start(struct services *s, struct error *e)
{
	int r;

	if (tokens_init(&s->tokens) < 0)
		return fail(e, ERR_FAILED, "cannot make a key for tokens");
	r = identity_open(&s->identity, arg_state, e);
	if (r >= 0)
		r = open_port(e);
	if (r >= 0)
		r = start_loop(s, e);
	if (r >= 0)
		r = dhcp_start(s, e);
	if (r >= 0)
		r = metadata_start(s, e);
	if (r >= 0)
		r = resolver_start(s, e);
	if (r >= 0)
		r = drop_capabilities(e);
	if (r >= 0 && link_start(s) < 0)
		r = fail(e, ERR_FAILED, "cannot watch nitrod");
	return r;
}

static void stop(struct services *s)
{
	link_stop(s);
	metadata_stop(s);
	dhcp_stop(s);
	resolver_stop(s);
	enis_free(&s->enis);
	for (size_t i = 0; i < s->neighbours.cap; i++)
		neighbour_free(s->neighbours.slots[i].value);
	map_free(&s->neighbours);
	strings_free(&s->upstream);
	identity_free(s->identity);
	sd_event_unref(s->event);
}

int main(int argc, char *argv[])
{
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *zone = NULL;
	struct services s = {};
	int r;

	r = parse_argv(argc, argv);
	if (r <= 0)
		return r < 0 ? 2 : 0;
	umask(0077);
	zone = arg_zone ? xstrdup(arg_zone) : xprintf("%sa", arg_region);
	s.socket_path = arg_socket;
	s.region = arg_region;
	s.zone = zone;
	s.domain = arg_domain;
	s.runtime = arg_runtime;
	s.control = arg_resolver;
	r = read_upstream(&s.upstream, &e);
	if (r >= 0)
		r = start(&s, &e);
	if (r < 0) {
		fprintf(stderr, "nitro-services: %s\n", e.message);
		stop(&s);
		return EXIT_FAILURE;
	}
	r = sd_event_loop(s.event);
	(void)sd_notify(false, "STOPPING=1");
	stop(&s);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
