// SPDX-License-Identifier: GPL-2.0
/*
 * HTTP by libmicrohttpd in our event loop, on the sockets that systemd hands over. Who comes
 * over a socket of this host is known from it; who comes over TCP has to sign.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "http.h"
#include "limit.h"
#include "request.h"
#include "signature.h"

#define LISTENERS_MAX 8
#define CONNECTIONS_MAX 256
#define CALLER_CONNECTIONS_MAX 64
#define CONNECTION_MEMORY 16384
#define IDLE_SECONDS 30
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* A connection, as far as it is known before anything comes */
struct peer {
	struct peer *next;
	char name[PRINCIPAL_SIZE];
};

struct http {
	struct peer *peers;
	struct listener {
		struct kms *kms;
		struct MHD_Daemon *daemon;
		sd_event_source *io;
	} listeners[LISTENERS_MAX];
	size_t n;
	sd_event_source *timer;
};

/* The body as it comes; a byte more than may be is enough to know */
struct body {
	size_t size;
	char data[BODY_MAX + 1];
};

static enum MHD_Result respond(struct MHD_Connection *c, unsigned int status, char *text)
{
	size_t n = text ? strlen(text) : 0;
	struct MHD_Response *response;
	enum MHD_Result r;

	response = text ? MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_COPY) : NULL;
	if (text)
		OPENSSL_cleanse(text, n);
	free(text);
	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				      "application/x-amz-json-1.1");
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	r = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

struct once {
	const char *name;
	const char *value;
	unsigned int n;
};

static enum MHD_Result look(void *userdata, enum MHD_ValueKind kind, const char *name,
			    const char *value)
{
	struct once *once = userdata;

	(void)kind;
	if (!strcasecmp(name, once->name)) {
		once->value = value;
		once->n++;
	}
	return MHD_YES;
}

/* A header that is there twice means one thing to one reader and another to the next */
static const char *header_of(void *userdata, const char *name)
{
	struct once once = { .name = name };

	(void)MHD_get_connection_values(userdata, MHD_HEADER_KIND, look, &once);
	return once.n == 1 ? once.value ?: "" : NULL;
}

static int family_of(int fd)
{
	int family = AF_UNSPEC;
	socklen_t n = sizeof(family);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &n);
	return family;
}

static int local_principal(int fd, int family, char to[static PRINCIPAL_SIZE])
{
	struct sockaddr_vm vm = {};
	struct ucred peer;
	socklen_t n;

	if (family == AF_UNIX) {
		n = sizeof(peer);
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
			return -errno;
		(void)snprintf(to, PRINCIPAL_SIZE, "uid/%u", peer.uid);
		return 0;
	}
	n = sizeof(vm);
	if (getpeername(fd, (struct sockaddr *)&vm, &n) < 0)
		return -errno;
	(void)snprintf(to, PRINCIPAL_SIZE, "vsock/%u", vm.svm_cid);
	return 0;
}

static int peer_name(int fd, char to[static PRINCIPAL_SIZE])
{
	struct sockaddr_storage from = {};
	socklen_t n = sizeof(from);

	if (getpeername(fd, (struct sockaddr *)&from, &n) < 0)
		return -errno;
	switch (from.ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &((struct sockaddr_in *)&from)->sin_addr, to, PRINCIPAL_SIZE);
		return 0;
	case AF_INET6:
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&from)->sin6_addr, to, PRINCIPAL_SIZE);
		return 0;
	default:
		return local_principal(fd, from.ss_family, to);
	}
}

static void peer_remove(struct http *http, struct peer *peer)
{
	struct peer **p = &http->peers;

	while (*p && *p != peer)
		p = &(*p)->next;
	if (*p)
		*p = peer->next;
	free(peer);
}

/* Who has enough connections finds another one closed, and leaves room to others */
static void peer_add(struct http *http, int fd, void **context)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	unsigned int n = 0;

	*context = peer;
	if (!peer || peer_name(fd, peer->name) < 0) {
		(void)shutdown(fd, SHUT_RDWR);
		free(peer);
		*context = NULL;
		return;
	}
	for (const struct peer *p = http->peers; p; p = p->next)
		n += !strcmp(p->name, peer->name);
	peer->next = http->peers;
	http->peers = peer;
	if (n >= CALLER_CONNECTIONS_MAX)
		(void)shutdown(fd, SHUT_RDWR);
}

static void on_connection(void *userdata, struct MHD_Connection *c, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct listener *l = userdata;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		peer_add(l->kms->http, info ? info->connect_fd : -1, context);
	else if (*context)
		peer_remove(l->kms->http, *context);
}

static const char *signed_by(struct kms *kms, struct MHD_Connection *c, const struct body *body,
			     char to[static PRINCIPAL_SIZE], struct why *why)
{
	const struct signed_request request = {
		.header = header_of, .userdata = c, .body = body->data, .size = body->size,
	};
	const struct caller_secret *caller;
	const char *error = NULL;

	caller = signature_check(&request, &kms->callers, time(NULL), &error, why);
	(void)snprintf(to, PRINCIPAL_SIZE, "user/%s", caller ? caller->name : "?");
	return caller ? NULL : error;
}

/* Return: AWS's name of what is wrong, NULL for nothing */
static const char *identify(struct kms *kms, struct MHD_Connection *c, const struct body *body,
			    char to[static PRINCIPAL_SIZE], struct why *why)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? info->connect_fd : -1, family = family_of(fd);

	*to = '\0';
	if (family == AF_INET || family == AF_INET6)
		return signed_by(kms, c, body, to, why);
	if ((family == AF_UNIX || family == AF_VSOCK) && !local_principal(fd, family, to))
		return NULL;
	(void)refuse(why, "it is not known who asks");
	return ACCESS_DENIED;
}

static const char *check(struct MHD_Connection *c, const char *url, const char *method,
			 const struct body *body, struct why *why)
{
	bool query = MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, NULL, NULL);

	if (strcmp(method, MHD_HTTP_METHOD_POST) || strcmp(url, "/") || query) {
		(void)refuse(why, "it is not POST of '/'");
		return UNKNOWN_OPERATION;
	}
	if (body->size > BODY_MAX) {
		(void)refuse(why, "the body has more than %d bytes", BODY_MAX);
		return SERIALIZATION;
	}
	return NULL;
}

static uint64_t microseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
}

static enum MHD_Result answer(struct kms *kms, struct MHD_Connection *c, const char *url,
			      const char *method, const struct body *body)
{
	char principal[PRINCIPAL_SIZE];
	enum limit_verdict verdict;
	unsigned int status;
	const char *error;
	struct why why;
	char *text;

	error = identify(kms, c, body, principal, &why);
	verdict = limit_take(kms->limit, principal, microseconds());
	if (verdict != LIMIT_PASS) {
		text = request_throttle(kms, principal, verdict == LIMIT_REFUSE, &status);
		return respond(c, status, text);
	}
	if (!error)
		error = check(c, url, method, body, &why);
	text = error ? request_refuse(kms, principal, error, &why, &status) :
		       request_serve(kms, principal, header_of(c, "x-amz-target"), body->data,
				     body->size, &status);
	return respond(c, status, text);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **context)
{
	struct listener *l = userdata;
	struct body *body = *context;

	(void)version;
	if (!body) {
		*context = calloc(1, sizeof(*body));
		return *context ? MHD_YES : MHD_NO;
	}
	if (*size) {
		size_t room = sizeof(body->data) - body->size, n = *size < room ? *size : room;

		memcpy(body->data + body->size, data, n);
		body->size += n;
		*size = 0;
		return MHD_YES;
	}
	return answer(l->kms, c, url, method, body);
}

static void on_completed(void *userdata, struct MHD_Connection *c, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct body *body = *context;

	(void)userdata;
	(void)c;
	(void)code;
	if (body)
		OPENSSL_cleanse(body->data, body->size);
	free(body);
	*context = NULL;
}

/* What callers do wrong in HTTP is theirs to know, not the journal's */
static void on_log(void *userdata, const char *format, va_list ap)
{
	(void)userdata;
	(void)format;
	(void)ap;
}

static int run(struct http *http)
{
	uint64_t soonest = UINT64_MAX;

	for (size_t i = 0; i < http->n; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		(void)MHD_run(http->listeners[i].daemon);
		if (MHD_get_timeout(http->listeners[i].daemon, &ms) == MHD_YES && ms < soonest)
			soonest = ms;
	}
	if (soonest == UINT64_MAX)
		return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	(void)sd_event_source_set_time_relative(http->timer, soonest * 1000);
	return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct listener *l = userdata;

	(void)source;
	(void)fd;
	(void)revents;
	return run(l->kms->http);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	return run(userdata);
}

static int make_http(struct kms *kms, struct why *why)
{
	int r;

	if (kms->http)
		return 0;
	kms->http = calloc(1, sizeof(*kms->http));
	if (!kms->http)
		return refuse_error(why, ENOMEM, "cannot serve HTTP");
	r = sd_event_add_time_relative(kms->event, &kms->http->timer, CLOCK_MONOTONIC, 0, 1000,
				       on_timer, kms->http);
	return r < 0 ? refuse_error(why, -r, "cannot set a timer") : 0;
}

/**
 * http_listen - serve on a socket; TCP by TLS if there is a certificate
 * @kms: the service
 * @fd: the socket, which listens
 * @why: says why not
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int http_listen(struct kms *kms, int fd, struct why *why)
{
	const struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };
	const struct MHD_OptionItem secure[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, kms->tls.certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, kms->tls.key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	int family = family_of(fd);
	bool tls = (family == AF_INET || family == AF_INET6) && kms->tls.key;
	const union MHD_DaemonInfo *info;
	struct listener *l;
	int r = make_http(kms, why);

	if (r < 0)
		return r;
	if (!tls && !kms->plain && tls_is_due(fd))
		return refuse(why, "TCP for other hosts needs credentials '" TLS_CERTIFICATE "' and '"
			      TLS_KEY "', or --plain");
	if (kms->http->n == LISTENERS_MAX)
		return refuse(why, "there are more than %d sockets", LISTENERS_MAX);
	l = &kms->http->listeners[kms->http->n];
	l->kms = kms;
	l->daemon = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
		on_request, l,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd,
		/* what RFC 9112 forbids is refused */
		MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, l,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
		MHD_OPTION_ARRAY, tls ? secure : plain, MHD_OPTION_END);
	if (!l->daemon)
		return refuse(why, "cannot serve HTTP");
	kms->http->n++;
	info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return refuse(why, "libmicrohttpd has no epoll");
	r = sd_event_add_io(kms->event, &l->io, info->epoll_fd, EPOLLIN, on_io, l);
	return r < 0 ? refuse_error(why, -r, "cannot listen for HTTP") : 0;
}

/**
 * http_stop - serve no more
 * @kms: the service
 *
 * Context: at the end.
 */
void http_stop(struct kms *kms)
{
	struct http *http = kms->http;

	if (!http)
		return;
	for (size_t i = 0; i < http->n; i++) {
		sd_event_source_disable_unref(http->listeners[i].io);
		MHD_stop_daemon(http->listeners[i].daemon);
	}
	sd_event_source_disable_unref(http->timer);
	free(http);
	kms->http = NULL;
}
