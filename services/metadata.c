// SPDX-License-Identifier: GPL-2.0
/*
 * The metadata service, IMDSv2: HTTP by libmicrohttpd in our event loop. A guest
 * has a few connections, each with a little memory and a few seconds.
 */

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "services.h"
#include "tree.h"

#define CONNECTIONS_MAX 4096
#define CONNECTIONS_PER_ENI 16
#define CONNECTION_MEMORY 8192
#define IDLE_SECONDS 10
#define BODY_MAX 4096
#define HOPS_DEFAULT 64
#define TOKEN_PATH "/latest/api/token"
#define TTL_HEADER "X-aws-ec2-metadata-token-ttl-seconds"
#define TOKEN_HEADER "X-aws-ec2-metadata-token"

struct metadata_server {
	struct services *s;
	struct MHD_Daemon *daemon[2];
	sd_event_source *io[2];
	sd_event_source *timer;
};

/* Of a request: how much of a body came, which nobody wants */
struct request {
	size_t body;
};

static const struct sockaddr *peer_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info ? info->client_addr : NULL;
}

static enum MHD_Result on_accept(void *userdata, const struct sockaddr *addr, socklen_t len)
{
	struct metadata_server *m = userdata;
	struct eni_slot *slot = enis_slot(&m->s->enis, client_service(addr));

	(void)len;
	return slot && slot->eni && slot->connections < CONNECTIONS_PER_ENI ? MHD_YES : MHD_NO;
}

static void on_connection(void *userdata, struct MHD_Connection *c, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct metadata_server *m = userdata;
	const struct sockaddr *peer = peer_of(c);
	struct eni_slot *slot = peer ? enis_slot(&m->s->enis, client_service(peer)) : NULL;

	(void)context;
	if (!slot)
		return;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		slot->connections++;
	else if (slot->connections)
		slot->connections--;
}

static void set_hops(struct MHD_Connection *c, int hops)
{
	const struct sockaddr *peer = peer_of(c);
	/* the next call may reuse what this one points to */
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? info->connect_fd : -1;

	if (!peer || fd < 0)
		return;
	if (peer->sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops));
	else
		(void)setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof(hops));
}

static enum MHD_Result respond(struct MHD_Connection *c, unsigned int status,
			       struct MHD_Response *response, const char *type)
{
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, "EC2ws");
	r = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result respond_status(struct MHD_Connection *c, unsigned int status)
{
	const char *text = MHD_get_reason_phrase_for(status);
	_cleanup_free_ char *page = xprintf("%u - %s\n", status, text ? text : "");
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(page), page, MHD_RESPMEM_MUST_COPY);

	if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD, PUT");
	return respond(c, status, response, "text/plain");
}

static const char *header_of(struct MHD_Connection *c, const char *name)
{
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

/* PUT /latest/api/token. A proxy that is open to the world would forward it with
 * this header (EC2 User Guide, IMDSv2).
 */
static enum MHD_Result put_token(struct metadata_server *m, struct eni *eni,
				 struct MHD_Connection *c)
{
	const char *ttl = header_of(c, TTL_HEADER);
	struct MHD_Response *response;
	char token[TOKEN_STRLEN];
	uint64_t seconds;

	if (header_of(c, "X-Forwarded-For"))
		return respond_status(c, MHD_HTTP_FORBIDDEN);
	if (!ttl || parse_uint(ttl, 1, TOKEN_TTL_MAX, &seconds) < 0)
		return respond_status(c, MHD_HTTP_BAD_REQUEST);
	if (token_make(&m->s->tokens, eni->id, token_clock() + seconds, token) < 0)
		return respond_status(c, MHD_HTTP_INTERNAL_SERVER_ERROR);
	response = MHD_create_response_from_buffer(strlen(token), token, MHD_RESPMEM_MUST_COPY);
	if (response)
		(void)MHD_add_response_header(response, TTL_HEADER, ttl);
	set_hops(c, eni->hop_limit);
	return respond(c, MHD_HTTP_OK, response, "text/plain");
}

static enum MHD_Result get_content(struct metadata_server *m, struct eni *eni,
				   struct MHD_Connection *c, const char *url)
{
	const char *token = header_of(c, TOKEN_HEADER);
	struct MHD_Response *response;
	struct content content;

	if (token ? !token_check(&m->s->tokens, eni->id, token_clock(), token) :
		    eni->metadata != METADATA_V1)
		return respond_status(c, MHD_HTTP_UNAUTHORIZED);
	if (!tree_lookup(m->s, eni, url, &content))
		return respond_status(c, MHD_HTTP_NOT_FOUND);
	response = MHD_create_response_from_buffer(content.size, content.data,
						   MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(content.data);
	return respond(c, MHD_HTTP_OK, response,
		       content.json ? "application/json" :
		       content.binary ? "application/octet-stream" : "text/plain");
}

static enum MHD_Result answer(struct metadata_server *m, struct MHD_Connection *c,
			      const char *url, const char *method)
{
	const struct sockaddr *peer = peer_of(c);
	struct eni *eni = peer ? enis_get(&m->s->enis, client_service(peer)) : NULL;
	bool token = streq(url, TOKEN_PATH);
	bool get = streq(method, MHD_HTTP_METHOD_GET) || streq(method, MHD_HTTP_METHOD_HEAD);

	if (!eni)
		return MHD_NO;
	set_hops(c, HOPS_DEFAULT);
	if (eni->metadata == METADATA_OFF)
		return respond_status(c, MHD_HTTP_FORBIDDEN);
	if (streq(method, MHD_HTTP_METHOD_PUT) && token)
		return put_token(m, eni, c);
	if (!get || token)
		return respond_status(c, MHD_HTTP_METHOD_NOT_ALLOWED);
	return get_content(m, eni, c, url);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **context)
{
	struct request *request = *context;

	(void)version;
	(void)data;
	if (!request) {
		*context = xcalloc(1, sizeof(*request));
		return MHD_YES;
	}
	request->body += *size;
	if (request->body > BODY_MAX)
		return MHD_NO;
	if (*size) {
		*size = 0;
		return MHD_YES;
	}
	return answer(userdata, c, url, method);
}

static void on_completed(void *userdata, struct MHD_Connection *c, void **context,
			 enum MHD_RequestTerminationCode code)
{
	(void)userdata;
	(void)c;
	(void)code;
	free(*context);
	*context = NULL;
}

/* What guests do wrong is theirs to know, not the journal's */
static void on_log(void *userdata, const char *format, va_list ap)
{
	(void)userdata;
	(void)format;
	(void)ap;
}

static void set_timer(struct metadata_server *m)
{
	uint64_t soonest = UINT64_MAX;

	for (int i = 0; i < 2; i++) {
		MHD_UNSIGNED_LONG_LONG ms;

		if (m->daemon[i] && MHD_get_timeout(m->daemon[i], &ms) == MHD_YES && ms < soonest)
			soonest = ms;
	}
	(void)sd_event_source_set_enabled(m->timer, soonest == UINT64_MAX ? SD_EVENT_OFF :
							SD_EVENT_ONESHOT);
	if (soonest != UINT64_MAX)
		(void)sd_event_source_set_time_relative(m->timer, soonest * 1000);
}

static int run(struct metadata_server *m)
{
	for (int i = 0; i < 2; i++)
		(void)MHD_run(m->daemon[i]);
	set_timer(m);
	return 0;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	(void)s;
	(void)fd;
	(void)revents;
	return run(userdata);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	(void)s;
	(void)usec;
	return run(userdata);
}

static int start_one(struct metadata_server *m, int i, const char *address, struct error *e)
{
	int fd = socket_bind(address, 80, SOCK_STREAM, e);
	const union MHD_DaemonInfo *info;
	int r;

	if (fd < 0)
		return fd;
	m->daemon[i] = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_ERROR_LOG | (i ? MHD_USE_IPv6 : 0), 0, on_accept, m,
		on_request, m, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd,
		/* what RFC 9112 forbids is refused */
		MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_SECONDS,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, m,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, m, MHD_OPTION_END);
	if (!m->daemon[i]) {
		close(fd);
		return fail(e, ERR_FAILED, "cannot serve HTTP on '%s'", address);
	}
	info = MHD_get_daemon_info(m->daemon[i], MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return fail(e, ERR_FAILED, "libmicrohttpd has no epoll");
	r = sd_event_add_io(m->s->event, &m->io[i], info->epoll_fd, EPOLLIN, on_io, m);
	return r < 0 ? fail(e, ERR_FAILED, "cannot listen for HTTP: %s", strerror(-r)) : 0;
}

/**
 * metadata_start - serve the metadata
 * @s: the services
 * @e: says why not
 *
 * Context: at start; binds ports below 1024.
 * Return: 0 or a negative errno.
 */
int metadata_start(struct services *s, struct error *e)
{
	static const char *const addresses[] = { "169.254.169.254", "fd00:ec2::254" };
	struct metadata_server *m = xcalloc(1, sizeof(*m));
	int r;

	s->metadata = m;
	m->s = s;
	r = sd_event_add_time_relative(s->event, &m->timer, CLOCK_MONOTONIC, 0, 1000, on_timer, m);
	if (r < 0)
		return fail(e, ERR_FAILED, "cannot set a timer: %s", strerror(-r));
	for (int i = 0; i < 2; i++) {
		r = start_one(m, i, addresses[i], e);
		if (r < 0)
			return r;
	}
	return 0;
}

/**
 * metadata_stop - serve no more
 * @s: the services
 *
 * Context: at the end.
 */
void metadata_stop(struct services *s)
{
	struct metadata_server *m = s->metadata;

	if (!m)
		return;
	for (int i = 0; i < 2; i++) {
		sd_event_source_disable_unref(m->io[i]);
		if (m->daemon[i])
			MHD_stop_daemon(m->daemon[i]);
	}
	sd_event_source_disable_unref(m->timer);
	free(m);
	s->metadata = NULL;
}
