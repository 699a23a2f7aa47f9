// SPDX-License-Identifier: GPL-2.0
/*
 * Handing a VMM what it needs. systemd connects to a socket of nitrod's when it
 * starts the unit of an instance (OpenFile=), and nobody else can. nitro-launch,
 * which gets the connection, says which instance it is and is sent descriptors
 * and the command line. See vmm/vmm.h.
 */

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../vmm/vmm.h"
#include "carrier.h"

/**
 * struct launch - what a VMM is given
 * @l: whose
 * @fds: descriptors, owned
 * @n: how many
 * @cap: room for
 * @vsock: descriptors of enum vsock_fd, owned
 * @n_vsock: how many
 * @cid: of who has them
 * @args: the command line, each part ends with a zero
 * @size: its length
 * @room: room for
 */
struct launch {
	struct life *l;
	int *fds;
	size_t n, cap;
	int vsock[VSOCK_FDS];
	size_t n_vsock;
	uint32_t cid;
	char *args;
	size_t size, room;
};

/**
 * struct caller - a connection that has not said which instance it is
 * @m: the manager
 * @fd: the connection
 * @source: watches it
 */
struct caller {
	struct manager *m;
	int fd;
	sd_event_source *source;
};

static int make_address(const char *path, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

/**
 * connect_to - connect to a socket without waiting
 * @path: its path
 *
 * Context: event loop.
 * Return: a descriptor or a negative errno.
 */
int connect_to(const char *path)
{
	struct sockaddr_un address;
	int fd, r = make_address(path, &address);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) >= 0)
		return fd;
	r = -errno;
	close_fd(&fd);
	return r;
}

/**
 * listen_at - listen at a path that is nitrod's alone
 * @path: the path
 * @type: SOCK_STREAM or SOCK_SEQPACKET
 * @e: says why not
 *
 * Context: event loop.
 * Return: a descriptor or a negative errno.
 */
int listen_at(const char *path, int type, struct error *e)
{
	struct sockaddr_un address;
	int fd;

	if (make_address(path, &address) < 0)
		return fail(e, ERR_FAILED, "'%s' is too long for a socket", path);
	(void)unlink(path);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* umask is 0077 */
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) >= 0 &&
	    listen(fd, 8) >= 0)
		return fd;
	fail(e, ERR_FAILED, "cannot listen at '%s': %s", path, strerror(errno));
	close_fd(&fd);
	return -EIO;
}

/**
 * launch_new - begin to collect what a VMM needs
 * @l: the instance
 *
 * Context: event loop.
 * Return: the launch.
 */
struct launch *launch_new(struct life *l)
{
	struct launch *launch = xcalloc(1, sizeof(*launch));

	launch->l = l;
	return launch;
}

/**
 * launch_free - it is handed over, or will not be
 * @launch: the launch, may be NULL
 *
 * Context: event loop.
 * Return: NULL.
 */
struct launch *launch_free(struct launch *launch)
{
	if (!launch)
		return NULL;
	for (size_t i = 0; i < launch->n; i++)
		close_fd(&launch->fds[i]);
	for (size_t i = 0; i < launch->n_vsock; i++)
		close_fd(&launch->vsock[i]);
	free(launch->fds);
	free(launch->args);
	free(launch);
	return NULL;
}

/**
 * launch_fd - give the VMM a descriptor
 * @launch: the launch
 * @fd: the descriptor, taken over
 *
 * Context: event loop.
 * Return: the number that it has in the VMM.
 */
int launch_fd(struct launch *launch, int fd)
{
	GROW(launch->fds, launch->n, launch->cap);
	launch->fds[launch->n++] = fd;
	return VMM_FD_FIRST + (int)launch->n - 1 - LAUNCH_OWN_FDS;
}

/**
 * launch_vsock - say where a parent and its enclaves find each other
 * @launch: the launch
 * @cid: of who is launched
 * @fd: the next of enum vsock_fd, taken over
 *
 * Context: event loop.
 */
void launch_vsock(struct launch *launch, uint32_t cid, int fd)
{
	launch->cid = cid;
	launch->vsock[launch->n_vsock++] = fd;
}

/**
 * launch_arg - append to the command line
 * @launch: the launch
 * @fmt: an argument
 *
 * Context: event loop.
 */
void launch_arg(struct launch *launch, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		abort();
	while (launch->room < launch->size + n + 2) {
		launch->room = launch->room ? launch->room * 2 : 4096;
		launch->args = xrealloc(launch->args, launch->room, 1);
	}
	if (!launch->size)
		launch->args[launch->size++] = LAUNCH_ARGS;
	memcpy(launch->args + launch->size, text, n + 1);
	launch->size += n + 1;
	free(text);
}

static int send_message(int link, const void *data, size_t size, const int *fds, size_t n)
{
	union {
		char buf[CMSG_SPACE(LAUNCH_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (n) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	return sendmsg(link, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int hand_over(struct launch *launch, int link)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < launch->n; i += LAUNCH_FDS_MAX) {
		size_t n = launch->n - i < LAUNCH_FDS_MAX ? launch->n - i : LAUNCH_FDS_MAX;

		r = send_message(link, &(char){ LAUNCH_FDS }, 1, launch->fds + i, n);
	}
	if (r >= 0 && launch->n_vsock) {
		_cleanup_free_ char *text = xprintf("%c%u", LAUNCH_VSOCK, launch->cid);

		r = send_message(link, text, strlen(text), launch->vsock, launch->n_vsock);
	}
	return r < 0 ? r : send_message(link, launch->args, launch->size, NULL, 0);
}

static int begin(struct life *l, int fd)
{
	struct object *o = model_by_id(&l->m->model, l->id);
	_cleanup_error_ struct error e = {};

	if (!o)
		return -ENOENT;
	if (!l->carrier->entered || l->carrier->entered(l, o, &e) >= 0)
		return hand_over(l->launch, fd);
	free(l->problem);
	l->problem = xstrdup(e.message);
	return -ECANCELED;
}

static void caller_free(struct caller *c)
{
	sd_event_source_disable_unref(c->source);
	close_fd(&c->fd);
	free(c);
}

static int on_hello(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct caller *c = userdata;
	struct life *l = NULL;
	char id[64];
	ssize_t n = recv(fd, id, sizeof(id) - 1, MSG_DONTWAIT);
	int r = -ENOENT;

	(void)source;
	(void)revents;
	if (n > 0) {
		id[n] = '\0';
		l = instances_get(c->m, id);
	}
	/* one that systemd was not asked to start has nothing to run */
	if (l && l->launch)
		r = begin(l, fd);
	if (r < 0)
		fprintf(stderr, "<4>nitrod: cannot tell '%s' what to run: %s\n", n > 0 ? id : "",
			strerror(-r));
	if (l)
		l->launch = launch_free(l->launch);
	caller_free(c);
	return 0;
}

static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct caller *c = xcalloc(1, sizeof(*c));

	(void)source;
	(void)revents;
	c->m = userdata;
	c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (c->fd < 0 ||
	    sd_event_add_io(c->m->event, &c->source, c->fd, EPOLLIN, on_hello, c) < 0)
		caller_free(c);
	return 0;
}

/**
 * launch_check - can it be handed over?
 * @launch: the launch, complete
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int launch_check(const struct launch *launch, struct error *e)
{
	if (launch->n <= LAUNCH_OWN_FDS + VMM_FDS_MAX && launch->size <= LAUNCH_MESSAGE_MAX)
		return 0;
	return fail(e, ERR_FAILED, "it has too many ENIs and volumes for its number of CPUs");
}

/**
 * launch_listen - listen for units that are started
 * @m: the manager
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int launch_listen(struct manager *m)
{
	const char *slash = strrchr(m->socket_path, '/');
	_cleanup_free_ char *path = xprintf("%.*s/launch", slash ? (int)(slash - m->socket_path) : 1,
					    slash ? m->socket_path : ".");
	_cleanup_error_ struct error e = {};

	m->instances->listener = listen_at(path, SOCK_SEQPACKET, &e);
	if (m->instances->listener < 0) {
		fprintf(stderr, "<3>nitrod: %s\n", e.message);
		return m->instances->listener;
	}
	return sd_event_add_io(m->event, &m->instances->source, m->instances->listener, EPOLLIN,
			       on_connect, m);
}
