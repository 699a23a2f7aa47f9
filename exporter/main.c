// SPDX-License-Identifier: GPL-2.0
/*
 * nitro-exporter: serves GET /metrics on the socket that systemd hands over. It asks
 * nitrod at each scrape and keeps nothing.
 */

#include <getopt.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "exporter.h"

#define CONNECTIONS_MAX 16
#define CONNECTION_MEMORY 8192
#define IDLE_SECONDS 15
#define TYPE_METRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

static const char *arg_socket = "/run/nitro/nitro.sock";

static void usage(void)
{
	printf("nitro-exporter [OPTIONS...]\n\n"
	       "Metrics of hosts, instances, ENIs, pools and volumes for Prometheus, on the\n"
	       "socket that systemd hands over (nitro-exporter.socket).\n\n"
	       "  -h --help              show this help\n"
	       "  -V --version           show the version\n"
	       "     --socket PATH       where nitrod listens (default /run/nitro/nitro.sock)\n");
}

/* Return: 1 to go on, 0 to end well, below zero for a mistake */
static int parse_argv(int argc, char *argv[])
{
	enum { OPT_SOCKET = 256 };
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
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
			printf("nitro-exporter %s\n", NITRO_VERSION);
			return 0;
		case OPT_SOCKET:
			arg_socket = optarg;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nitro-exporter: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	return 1;
}

/* Takes the response */
static enum MHD_Result respond(struct MHD_Connection *c, unsigned int status, const char *type,
			       struct MHD_Response *response)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	r = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result respond_text(struct MHD_Connection *c, unsigned int status,
				    const char *text)
{
	return respond(c, status, "text/plain; charset=utf-8",
		       MHD_create_response_from_buffer_static(strlen(text), text));
}

static enum MHD_Result respond_metrics(struct MHD_Connection *c)
{
	struct metrics m = {};
	struct text t = {};

	collect(arg_socket, &m);
	metrics_text(&m, &t);
	metrics_free(&m);
	return respond(c, MHD_HTTP_OK, TYPE_METRICS,
		       MHD_create_response_from_buffer(t.n, t.s, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *body,
				  size_t *size, void **context)
{
	(void)userdata;
	(void)version;
	(void)body;
	/* Called with the head alone first; nobody wants a body */
	if (!*context) {
		*context = c;
		return MHD_YES;
	}
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	if (!streq(method, MHD_HTTP_METHOD_GET) && !streq(method, MHD_HTTP_METHOD_HEAD))
		return respond_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD only\n");
	if (streq(url, "/metrics"))
		return respond_metrics(c);
	if (streq(url, "/"))
		return respond_text(c, MHD_HTTP_OK, "The metrics are at /metrics\n");
	return respond_text(c, MHD_HTTP_NOT_FOUND, "There is only /metrics\n");
}

static int listen_fd(void)
{
	int n = sd_listen_fds(true);

	if (n == 1 && sd_is_socket(SD_LISTEN_FDS_START, AF_UNSPEC, SOCK_STREAM, 1) > 0)
		return SD_LISTEN_FDS_START;
	fprintf(stderr, "nitro-exporter: there is no listening socket; start nitro-exporter.socket\n");
	return -ENOTCONN;
}

int main(int argc, char *argv[])
{
	struct MHD_Daemon *daemon;
	sigset_t signals;
	int fd, r, number;

	r = parse_argv(argc, argv);
	if (r <= 0)
		return r < 0 ? 2 : 0;
	fd = listen_fd();
	if (fd < 0)
		return EXIT_FAILURE;
	/* Before there is another thread, so that it has them blocked as well */
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL |
				  MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, NULL,
				  MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
				  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
				  MHD_OPTION_END);
	if (!daemon) {
		fprintf(stderr, "nitro-exporter: cannot serve HTTP\n");
		return EXIT_FAILURE;
	}
	(void)sd_notify(false, "READY=1");
	(void)sigwait(&signals, &number);
	(void)sd_notify(false, "STOPPING=1");
	MHD_stop_daemon(daemon);
	return EXIT_SUCCESS;
}
