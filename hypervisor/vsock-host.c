// SPDX-License-Identifier: GPL-2.0
/*
 * The vsock device, the host's side: stream sockets, all without waiting.
 *
 * The host connects to our listening socket, writes "CONNECT PORT\n" and reads "OK
 * PORT\n" when the guest has accepted; from then on it is a stream (Firecracker's
 * convention). For a guest that connects, the broker is asked: we may not connect to
 * anything ourselves, and what it answers with may be any stream socket.
 *
 * Between a parent that is a virtual machine and its enclave both ends are such devices:
 * the broker of who connects writes the line, which has the CID of an enclave behind the
 * port, as several enclaves connect to the same socket.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "complain.h"
#include "vsock.h"

#define SHUT_BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)
#define GREETING "CONNECT "
#define PROMISE "OK "
#define GREETING_MAX 32
#define CREDIT_STEP (BUFFER_SIZE / 2)

/* Both edges of everything: it is added once and never changed */
#define STREAM_EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

/**
 * vsock_host_hung_up - does the host not read any more, either?
 * @c: a connection whose host sends no more
 *
 * Return: true if nothing can be sent to it.
 */
bool vsock_host_hung_up(const struct connection *c)
{
	struct msghdr nothing = {};

	return sendmsg(c->fd, &nothing, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

/* Tell the guest that the host reads, before it thinks that it does not */
static void offer_credit(struct vsock *v, struct connection *c)
{
	if (c->read - c->told >= CREDIT_STEP)
		vsock_queue(v, c, SEND_CREDIT);
}

/* The host has taken everything: what the guest has shut is shut */
static void shut_socket(struct vsock *v, struct connection *c)
{
	if (c->guest_shut == SHUT_BOTH)
		vsock_kill(v, c);
	else if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
		(void)shutdown(c->fd, SHUT_WR);
}

/**
 * vsock_host_shut - the guest has said that it will not send, or not receive
 * @v: the device
 * @c: an open connection; it may be dead afterwards
 */
void vsock_host_shut(struct vsock *v, struct connection *c)
{
	if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV)
		(void)shutdown(c->fd, SHUT_RD);
	if (!connection_buffered(c))
		shut_socket(v, c);
}

/**
 * vsock_host_deliver - the guest has sent something
 * @v: the device
 * @c: an open connection, for which it is not too much; it may be dead afterwards
 * @iov: the data
 * @n: how many buffers those are
 */
void vsock_host_deliver(struct vsock *v, struct connection *c, const struct iovec *iov,
			unsigned int n)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = n };
	size_t size = 0;
	ssize_t sent = 0;

	for (unsigned int i = 0; i < n; i++)
		size += iov[i].iov_len;
	if (!c->buffer)
		sent = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR) {
		vsock_kill(v, c);
		return;
	}
	if (sent < 0)
		sent = 0;
	c->received += size;
	c->read += sent;
	if ((size_t)sent < size && !connection_keep(&v->connections, c, iov, n, sent)) {
		vsock_kill(v, c);
		return;
	}
	offer_credit(v, c);
}

/* The host takes again. The connection may be dead afterwards */
static void flush(struct vsock *v, struct connection *c)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	while (c->buffer) {
		msg.msg_iovlen = connection_kept(c, iov);
		n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			vsock_kill(v, c);
			return;
		}
		connection_taken(&v->connections, c, n);
	}
	offer_credit(v, c);
	if (!c->buffer && c->guest_shut)
		shut_socket(v, c);
}

/**
 * vsock_host_accepted - the guest has accepted a connection of the host's
 * @v: the device
 * @c: the connection; it may be dead afterwards
 */
void vsock_host_accepted(struct vsock *v, struct connection *c)
{
	char line[GREETING_MAX];
	struct iovec iov = { .iov_base = line };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	iov.iov_len = snprintf(line, sizeof(line), "OK %u\n", c->host_port);
	/* Nothing was written to it yet, so it fits */
	if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		vsock_kill(v, c);
		return;
	}
	c->readable = true;
	vsock_queue(v, c, 0);
}

/* Return: a number between two places, UINT32_MAX ("any", which is no port) if there is none */
static uint32_t parse_number(const char *p, const char *end)
{
	uint64_t n = 0;

	if (p == end)
		return UINT32_MAX;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return UINT32_MAX;
		n = n * 10 + (*p - '0');
		if (n >= UINT32_MAX)
			return UINT32_MAX;
	}
	return n;
}

/* Return: the size of a line that begins so, 0 if it has not ended, -1 if it is none */
static int parse_line(const char *line, size_t size, const char *head)
{
	const char *end = memchr(line, '\n', size);
	size_t n = strlen(head);

	if (memcmp(line, head, size < n ? size : n))
		return -1;
	if (!end)
		return size < GREETING_MAX ? 0 : -1;
	return end + 1 - line;
}

/* Who connects says to which port and, to a parent, from which CID. Return: as parse_line() */
static int parse_greeting(const struct vsock *v, const char *line, size_t size,
			  struct connection *c, uint32_t *ret_port)
{
	const char *port = line + strlen(GREETING), *end, *cid;
	int n = parse_line(line, size, GREETING);

	if (n <= 0)
		return n;
	end = line + n - 1;
	cid = memchr(port, ' ', end - port);
	if (!cid != !v->parent)
		return -1;
	*ret_port = parse_number(port, cid ? cid : end);
	c->peer = cid ? parse_number(cid + 1, end) : VSOCK_PARENT_CID;
	if (*ret_port == UINT32_MAX || c->peer == UINT32_MAX)
		return -1;
	return v->parent && c->peer < VSOCK_CID_MIN ? -1 : n;
}

/* Whoever has connected says where to. What follows the line is the guest's */
static void greet(struct vsock *v, struct connection *c)
{
	char line[GREETING_MAX];
	struct iovec iov = { .iov_base = line, .iov_len = sizeof(line) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_PEEK);
	uint32_t port;
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	r = n > 0 ? parse_greeting(v, line, n, c, &port) : -1;
	if (r > 0)
		iov.iov_len = r;
	if (r > 0 && recvmsg(c->fd, &msg, MSG_DONTWAIT) != r)
		r = -1;
	if (r < 0 || (r > 0 && !virtio_running(&v->device, VSOCK_RX))) {
		vsock_delete(v, c);
		return;
	}
	if (!r)
		return;
	connection_set_ports(&v->connections, c, port,
			     connection_free_port(&v->connections, c->peer, port));
	c->state = CONNECTION_OFFERED;
	vsock_queue(v, c, SEND_REQUEST);
}

/* The other guest's end has said that it accepts, or is gone. What follows is the guest's */
static void hear_promise(struct vsock *v, struct connection *c)
{
	char line[GREETING_MAX];
	struct iovec iov = { .iov_base = line, .iov_len = sizeof(line) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_PEEK);
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	r = n > 0 ? parse_line(line, n, PROMISE) : -1;
	if (r > 0)
		iov.iov_len = r;
	if (r < 0 || (r > 0 && recvmsg(c->fd, &msg, MSG_DONTWAIT) != r)) {
		vsock_kill(v, c);
		return;
	}
	if (!r)
		return;
	c->state = CONNECTION_OPEN;
	c->readable = true;
	vsock_queue(v, c, SEND_RESPONSE);
}

static void stream_happened(struct source *source, uint32_t events)
{
	struct connection *c = (struct connection *)source;
	struct vsock *v = c->vsock;

	pthread_mutex_lock(&v->device.lock);
	if (v->gone)
		vsock_work(v);
	if (c->state == CONNECTION_GREETED)
		greet(v, c);
	else if (c->state == CONNECTION_PROMISED)
		hear_promise(v, c);
	if (c->state == CONNECTION_OPEN && events & EPOLLOUT && c->buffer)
		flush(v, c);
	if (c->state == CONNECTION_OPEN && events & ~EPOLLOUT) {
		c->readable = true;
		vsock_queue(v, c, 0);
	}
	vsock_work(v);
	pthread_mutex_unlock(&v->device.lock);
}

/**
 * vsock_host_new - a connection without ports and socket
 * @v: the device
 *
 * Return: the connection, or NULL if there are as many as may be.
 */
struct connection *vsock_host_new(struct vsock *v)
{
	struct connection *c = connection_new(&v->connections);

	/* From the start: it may be told of what happened to the last one in its place */
	if (c) {
		c->vsock = v;
		c->source.happened = stream_happened;
	}
	return c;
}

/* Give a connection its socket. Return: false if there is no memory for it */
static bool adopt(struct vsock *v, struct connection *c, int fd)
{
	c->fd = fd;
	return loop_add(v->loop, fd, STREAM_EVENTS, &c->source);
}

static void let_in(struct vsock *v, int listener)
{
	struct connection *c;
	int fd;

	pthread_mutex_lock(&v->device.lock);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		c = vsock_host_new(v);
		if (c) {
			c->state = CONNECTION_GREETED;
			if (!adopt(v, c, fd))
				vsock_delete(v, c);
		} else {
			close(fd);
		}
	}
	pthread_mutex_unlock(&v->device.lock);
}

static void knocked(struct source *source, uint32_t events)
{
	struct vsock *v = CONTAINER_OF(source, struct vsock, knocked);

	(void)events;
	let_in(v, v->listener);
}

static void relay_knocked(struct source *source, uint32_t events)
{
	struct vsock *v = CONTAINER_OF(source, struct vsock, relay_knocked);

	(void)events;
	let_in(v, v->relay);
}

static bool ask(struct vsock *v, const struct connection *c)
{
	struct vsock_question q = {
		.guest_port = c->guest_port, .port = c->host_port, .cid = c->peer,
	};
	struct iovec iov = { .iov_base = &q, .iov_len = sizeof(q) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return sendmsg(v->broker, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(q);
}

/**
 * vsock_host_ask - the guest connects: have the broker asked
 * @v: the device
 * @c: the connection
 *
 * Return: false if there is nobody to ask.
 */
bool vsock_host_ask(struct vsock *v, struct connection *c)
{
	if (v->broker < 0)
		return false;
	if (TAILQ_EMPTY(&v->asking) && ask(v, c))
		return true;
	if (errno != EAGAIN && TAILQ_EMPTY(&v->asking))
		return false;
	c->waits = true;
	TAILQ_INSERT_TAIL(&v->asking, c, asking);
	return true;
}

static void ask_others(struct vsock *v)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&v->asking)) && ask(v, c)) {
		TAILQ_REMOVE(&v->asking, c, asking);
		c->waits = false;
	}
}

static void take_answer(struct vsock *v, const struct vsock_question *q, int fd)
{
	struct connection *c = connection_find(&v->connections, q->cid, q->guest_port, q->port);

	if (!c || c->state != CONNECTION_ASKING) {
		/* the guest has given up */
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fd < 0 || !adopt(v, c, fd)) {
		vsock_kill(v, c);
		return;
	}
	if (q->relayed) {
		c->state = CONNECTION_PROMISED;
		return;
	}
	c->state = CONNECTION_OPEN;
	c->readable = true;
	vsock_queue(v, c, SEND_RESPONSE);
}

static int received_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Nobody connects for us any more */
static void lose_broker(struct vsock *v)
{
	close(v->broker);
	v->broker = -1;
	for (unsigned int i = 0; i < v->connections.used; i++)
		if (v->connections.all[i].state == CONNECTION_ASKING)
			vsock_kill(v, &v->connections.all[i]);
}

/* Return: false if there is no more for now */
static bool hear_answer(struct vsock *v)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct vsock_question q;
	struct iovec iov = { .iov_base = &q, .iov_len = sizeof(q) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(v->broker, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n != sizeof(q)) {
		lose_broker(v);
		return false;
	}
	take_answer(v, &q, received_fd(&msg));
	return true;
}

static void answered(struct source *source, uint32_t events)
{
	struct vsock *v = CONTAINER_OF(source, struct vsock, answered);

	(void)events;
	pthread_mutex_lock(&v->device.lock);
	if (v->gone)
		vsock_work(v);
	while (v->broker >= 0 && hear_answer(v))
		;
	if (v->broker >= 0)
		ask_others(v);
	vsock_work(v);
	pthread_mutex_unlock(&v->device.lock);
}

/**
 * vsock_host_init - listen to everybody
 * @v: the device
 *
 * Return: 0, or -1 after a complaint.
 */
int vsock_host_init(struct vsock *v)
{
	v->knocked.happened = knocked;
	v->relay_knocked.happened = relay_knocked;
	v->answered.happened = answered;
	if (!loop_add(v->loop, v->device.notify, EPOLLIN, &v->notified) ||
	    (v->listener >= 0 && !loop_add(v->loop, v->listener, EPOLLIN, &v->knocked)) ||
	    (v->relay >= 0 && !loop_add(v->loop, v->relay, EPOLLIN, &v->relay_knocked)) ||
	    (v->broker >= 0 &&
	     !loop_add(v->loop, v->broker, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		       &v->answered)))
		return complain("vsock: cannot listen: %s", strerror(errno));
	return 0;
}
