// SPDX-License-Identifier: GPL-2.0
/*
 * nitro-vsock-broker: connects for a guest. nitro-hypervisor and nitro-vsock may not call
 * connect(), so they ask here for what their guest wants, and get a socket that is
 * connected, or nothing. That is all that can be asked.
 *
 * An enclave wants a port of its parent's: that is NAME_PORT in a directory of the host's
 * or, where nothing has that name and the parent is a virtual machine, that machine's own.
 * Such a parent wants a port of an enclave of its own. Both find each other in the parent's
 * directory, where each has a socket that is named by its CID.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "complain.h"
#include "sandbox.h"
#include "vsock.h"

/**
 * struct places - where to connect to
 * @host: directory of the host's sockets, -1 for none
 * @name: of those, without the port
 * @parent: directory of a parent that is a virtual machine, -1 for none
 * @cid: of the enclave
 */
struct places {
	int host, parent;
	const char *name, *cid;
};

/* Return: a socket, or -1 if nobody listens there */
static int connect_to(int directory, const struct sockaddr_un *to)
{
	int fd;

	if (fchdir(directory) < 0)
		return -1;
	/* One that does not accept must not keep the others waiting */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		int problem = errno;

		close(fd);
		errno = problem;
		return -1;
	}
	return fd;
}

/* To a socket of nitro-vsock or nitro-hypervisor, which is told which port is meant */
static int connect_guest(const struct places *p, uint32_t cid, uint32_t port)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char line[64];
	struct iovec iov = { .iov_base = line };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd;

	(void)snprintf(to.sun_path, sizeof(to.sun_path), "%u", cid);
	iov.iov_len = snprintf(line, sizeof(line), "CONNECT %u%s%s\n", port, p->cid ? " " : "",
			       p->cid ?: "");
	fd = connect_to(p->parent, &to);
	/* nothing was written to it yet, so it fits */
	if (fd >= 0 && sendmsg(fd, &msg, MSG_NOSIGNAL) != (ssize_t)iov.iov_len) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What is put there for an enclave comes before its parent's own, nitro-kms always */
static int reach(const struct places *p, struct vsock_question *q)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = -1, n;

	q->relayed = 0;
	errno = ENOENT;
	if (p->host >= 0) {
		n = snprintf(to.sun_path, sizeof(to.sun_path), "%s_%u", p->name, q->port);
		if (n < 0 || (size_t)n >= sizeof(to.sun_path))
			return -1;
		fd = connect_to(p->host, &to);
		q->cid = VSOCK_PARENT_CID;
	}
	if (fd >= 0 || errno != ENOENT || p->parent < 0 ||
	    (p->host >= 0 && q->port == VSOCK_KMS_PORT))
		return fd;
	q->relayed = 1;
	return connect_guest(p, q->cid, q->port);
}

static int answer(int asker, const struct vsock_question *q, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { .iov_base = (void *)q, .iov_len = sizeof(*q) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	return sendmsg(asker, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Until whoever asks is gone */
static int serve(int asker, const struct places *p)
{
	struct vsock_question q;
	struct iovec iov = { .iov_base = &q, .iov_len = sizeof(q) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	int fd;

	while ((n = recvmsg(asker, &msg, 0)) == sizeof(q)) {
		fd = reach(p, &q);
		if (answer(asker, &q, fd) < 0)
			return -1;
		if (fd >= 0)
			close(fd);
	}
	return n ? -1 : 0;
}

static int number(const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	return *text < '0' || *text > '9' || errno || *end || n > INT32_MAX ? -1 : (int)n;
}

int main(int argc, char *argv[])
{
	struct places p = { .host = -1, .parent = -1 };
	int asker;

	if (argc < 3 || argc > 6 || argc == 5) {
		fputs("usage: nitro-vsock-broker SOCKET-FD DIRECTORY-FD NAME [PARENT-FD CID]\n"
		      "       nitro-vsock-broker SOCKET-FD PARENT-FD\n", stderr);
		return 2;
	}
	asker = number(argv[1]);
	if (argc == 3) {
		p.parent = number(argv[2]);
	} else {
		p.host = number(argv[2]);
		p.name = argv[3];
	}
	if (argc == 6) {
		p.parent = number(argv[4]);
		p.cid = argv[5];
	}
	if (asker < 0 || (argc != 3 && p.host < 0) || (argc != 4 && p.parent < 0))
		return complain("its descriptors are no numbers"), 1;
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || sandbox_enter(SANDBOX_BROKER) < 0)
		return 1;
	_exit(serve(asker, &p) < 0);
}
