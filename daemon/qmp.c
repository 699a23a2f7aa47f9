// SPDX-License-Identifier: GPL-2.0
/*
 * QMP, the way to a running VMM: a line of JSON for a command, one for its
 * answer. The VMM runs what a guest may have broken into, so it is not trusted:
 * what makes no sense ends the connection.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "instances.h"

#define LINE_MAX_SIZE (1 << 20)

struct pending {
	struct pending *next;
	qmp_done_fn done;
	void *data;
};

/**
 * struct qmp - a connection
 * @l: whose VMM it is
 * @fd: the socket
 * @source: watches it
 * @in: what has come
 * @n: how much
 * @cap: room for
 * @first: commands that wait for their answer, the oldest first
 * @last: where the next is appended
 * @ready: it takes commands
 */
struct qmp {
	struct life *l;
	int fd;
	sd_event_source *source;
	char *in;
	size_t n, cap;
	struct pending *first, **last;
	bool ready;
};

/**
 * qmp_close - let a connection go
 * @q: the connection, may be NULL
 *
 * Context: event loop.
 * Return: NULL.
 */
struct qmp *qmp_close(struct qmp *q)
{
	struct pending *p;

	if (!q)
		return NULL;
	q->l->qmp = NULL;
	while ((p = q->first)) {
		q->first = p->next;
		if (p->done)
			p->done(q->l, NULL, "the VMM has ended", p->data);
		free(p);
	}
	sd_event_source_disable_unref(q->source);
	close_fd(&q->fd);
	free(q->in);
	free(q);
	return NULL;
}

/**
 * qmp_ready - does the VMM take commands?
 * @q: the connection, may be NULL
 *
 * Context: any.
 * Return: true if it does.
 */
bool qmp_ready(const struct qmp *q)
{
	return q && q->ready;
}

static ssize_t send_with(int socket, const char *text, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { .iov_base = (char *)text, .iov_len = strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/**
 * qmp_send - give the VMM a command
 * @q: the connection, ready
 * @command: such as "system_powerdown"
 * @arguments: its arguments, consumed; NULL for none
 * @fd: a descriptor that goes along, -1 for none
 * @done: called with the answer, or with a problem if the connection ends; or NULL
 * @data: for it
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int qmp_send(struct qmp *q, const char *command, sd_json_variant *arguments, int fd,
	     qmp_done_fn done, void *data)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	_cleanup_free_ char *text = NULL;
	struct pending *p;

	json_set_string(&v, "execute", command);
	if (arguments)
		json_set(&v, "arguments", arguments);
	if (sd_json_variant_format(v, 0, &text) < 0)
		abort();
	/* the socket holds more than all commands that can be under way */
	if (send_with(q->fd, text, fd) != (ssize_t)strlen(text))
		return -EPIPE;
	p = xcalloc(1, sizeof(*p));
	p->done = done;
	p->data = data;
	*q->last = p;
	q->last = &p->next;
	return 0;
}

static void on_status(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	(void)data;
	if (!problem && streq(json_string(ret, "status"), "running"))
		life_is_up(l);
}

static void on_capabilities(struct life *l, sd_json_variant *ret, const char *problem,
			    void *data)
{
	(void)ret;
	(void)data;
	if (problem)
		return;
	l->qmp->ready = true;
	(void)qmp_send(l->qmp, "query-status", NULL, -1, on_status, NULL);
}

static void answered(struct qmp *q, sd_json_variant *v)
{
	sd_json_variant *error = json_get(v, "error");
	struct pending *p = q->first;
	const char *text;

	if (!p)
		return;
	q->first = p->next;
	if (!q->first)
		q->last = &q->first;
	text = error && sd_json_variant_is_object(error) ? json_string(error, "desc") : NULL;
	if (p->done)
		p->done(q->l, json_get(v, "return"),
			error ? text ? text : "the VMM refuses" : NULL, p->data);
	free(p);
}

/* Return: below zero if it makes no sense */
static int on_line(struct qmp *q, const char *line)
{
	_cleanup_json_ sd_json_variant *v = NULL;

	if (sd_json_parse(line, 0, &v, NULL, NULL) < 0 || !sd_json_variant_is_object(v))
		return -EBADMSG;
	if (json_get(v, "QMP"))
		return qmp_send(q, "qmp_capabilities", NULL, -1, on_capabilities, NULL);
	if (json_get(v, "return") || json_get(v, "error"))
		answered(q, v);
	else if (json_string(v, "event"))
		plug_event(q->l, json_string(v, "event"), json_get(v, "data"));
	return 0;
}

static int read_lines(struct qmp *q)
{
	ssize_t n;
	char *end;

	if (q->cap - q->n < 4096) {
		if (q->cap >= LINE_MAX_SIZE)
			return -EMSGSIZE;
		q->cap = q->cap ? q->cap * 2 : 8192;
		q->in = xrealloc(q->in, q->cap, 1);
	}
	n = recv(q->fd, q->in + q->n, q->cap - q->n - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -EPIPE;
	q->n += n;
	q->in[q->n] = '\0';
	while ((end = memchr(q->in, '\n', q->n))) {
		size_t used = end - q->in + 1;
		int r;

		*end = '\0';
		r = on_line(q, q->in);
		if (r < 0)
			return r;
		memmove(q->in, q->in + used, q->n - used);
		q->n -= used;
	}
	return 0;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct qmp *q = userdata;
	struct life *l = q->l;
	int r = read_lines(q);

	(void)source;
	(void)fd;
	(void)revents;
	if (r >= 0)
		return 0;
	if (r != -EPIPE)
		fprintf(stderr, "<4>nitrod: the VMM of %s does not speak QMP: %s\n", l->id,
			strerror(-r));
	l->qmp = qmp_close(q);
	/* most likely it has ended; if not, the next look connects again */
	unit_ask(l);
	return 0;
}

/**
 * qmp_open - connect to the VMM of an instance
 * @l: the instance; life_is_up() tells when it answers
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int qmp_open(struct life *l)
{
	_cleanup_free_ char *path = instance_rundir(l->m, l->id, "qmp");
	int fd = connect_to(path), r;
	struct qmp *q;

	if (fd < 0)
		return fd;
	q = xcalloc(1, sizeof(*q));
	q->l = l;
	q->last = &q->first;
	q->fd = fd;
	r = sd_event_add_io(l->m->event, &q->source, q->fd, EPOLLIN, on_readable, q);
	if (r < 0) {
		qmp_close(q);
		return r;
	}
	l->qmp = q;
	return 0;
}
