// SPDX-License-Identifier: GPL-2.0
/* nitrod: start, serve, stop. A restart is a normal start. */

#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "ebs.h"
#include "instances.h"
#include "kernel.h"
#include "keyring.h"
#include "manager.h"
#include "memory.h"
#include "object.h"
#include "services.h"
#include "storage.h"
#include "varlink.h"

static const char *arg_state = "/var/lib/nitro";
static const char *arg_socket = "/run/nitro/nitro.sock";
static const char *arg_netns;

static void usage(void)
{
	printf("nitrod [OPTIONS...]\n\n"
	       "The daemon of the Nitro System: keeps the desired state and the card in step.\n\n"
	       "  -h --help              show this help\n"
	       "  -V --version           show the version\n"
	       "     --state DIR         where the state lies (default /var/lib/nitro, NITRO_STATE)\n"
	       "     --socket PATH       where to listen (default /run/nitro/nitro.sock, NITRO_SOCKET)\n"
	       "     --netns-name NAME   be the host that this network namespace is\n");
}

/* Return: 1 to go on, 0 to end well, below zero for a mistake */
static int parse_argv(int argc, char *argv[])
{
	enum { OPT_STATE = 256, OPT_SOCKET, OPT_NETNS };
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ "state", required_argument, NULL, OPT_STATE },
		{ "socket", required_argument, NULL, OPT_SOCKET },
		{ "netns-name", required_argument, NULL, OPT_NETNS },
		{}
	};
	int c;

	if (getenv("NITRO_STATE"))
		arg_state = getenv("NITRO_STATE");
	if (getenv("NITRO_SOCKET"))
		arg_socket = getenv("NITRO_SOCKET");
	while ((c = getopt_long(argc, argv, "hV", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			usage();
			return 0;
		case 'V':
			printf("nitrod %s\n", NITRO_VERSION);
			return 0;
		case OPT_STATE:
			arg_state = optarg;
			break;
		case OPT_SOCKET:
			arg_socket = optarg;
			break;
		case OPT_NETNS:
			arg_netns = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nitrod: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	return 1;
}

static int enter_netns(const char *name)
{
	_cleanup_(free_ptr) char *path = *name == '/' ? xstrdup(name) : xprintf("/run/netns/%s", name);
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0) {
		fprintf(stderr, "nitrod: network namespace '%s': %s\n", name, strerror(errno));
		return -errno;
	}
	return 0;
}

/* The store tells of what is committed, whoever has changed it */
static int on_store(const struct store_object *o, void *userdata)
{
	const char *event = !o->body ? "delete" : o->version == 1 ? "create" : "set";
	struct manager *m = userdata;
	sd_json_variant *v;

	if (!m->n_monitors)
		return 0;
	v = event_new(event, o->kind, o->id, o->name);
	if (o->vpc)
		json_set_string(&v, "vpc", o->vpc);
	json_set_uint(&v, "version", o->version);
	manager_event(m, v);
	return 0;
}

static int start_loop(struct manager *m)
{
	struct timespec now;
	sigset_t signals;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	m->started = now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	r = sd_event_default(&m->event);
	if (r >= 0)
		r = sd_event_set_signal_exit(m->event, true);
	if (r >= 0)
		r = sd_event_set_watchdog(m->event, true);
	return r;
}

static int start(struct manager *m, struct error *e)
{
	int r;

	r = start_loop(m);
	if (r < 0)
		return fail(e, ERR_FAILED, "cannot make an event loop: %s", strerror(-r));
	(void)storage_init(m);
	r = store_open(&m->store, m->state_dir, e);
	if (r >= 0)
		r = manager_load(m, e);
	if (r < 0)
		return r;
	keyring_open(m->state_dir);
	r = kernel_start(m);
	if (r < 0)
		return fail(e, ERR_FAILED, "cannot look after the kernel: %s", strerror(-r));
	r = storage_start(m);
	if (r >= 0)
		r = ebs_start(m);
	if (r < 0)
		return fail(e, ERR_FAILED, "cannot look after volumes: %s", strerror(-r));
	r = memory_start(m, e);
	if (r < 0)
		return r;
	r = instances_start(m);
	if (r < 0)
		return fail(e, ERR_FAILED, "cannot look after instances: %s", strerror(-r));
	r = varlink_start(m);
	if (r < 0)
		return fail(e, ERR_FAILED, "cannot listen on '%s': %s", m->socket_path,
			    strerror(-r));
	r = services_start(m);
	if (r < 0)
		return fail(e, ERR_FAILED, "cannot listen for nitro-services: %s", strerror(-r));
	store_watch(m->store, on_store, m);
	return 0;
}

int main(int argc, char *argv[])
{
	_cleanup_(error_clear) struct error e = {};
	struct manager m = {};
	int r;

	r = parse_argv(argc, argv);
	if (r <= 0)
		return r < 0 ? 2 : 0;
	umask(0077);
	if (arg_netns && enter_netns(arg_netns) < 0)
		return EXIT_FAILURE;
	m.state_dir = arg_state;
	m.socket_path = arg_socket;
	r = start(&m, &e);
	if (r < 0) {
		fprintf(stderr, "nitrod: %s\n", e.message);
		manager_free(&m);
		return EXIT_FAILURE;
	}
	(void)sd_notifyf(false, "READY=1\nSTATUS=%s",
			 m.kernel->problem ? m.kernel->problem : "The card holds the desired state.");
	r = sd_event_loop(m.event);
	(void)sd_notify(false, "STOPPING=1");
	manager_free(&m);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
