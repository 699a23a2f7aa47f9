// SPDX-License-Identifier: GPL-2.0
/*
 * nitro-vsock-broker: connects to the host for a guest. nitro-hypervisor may not call
 * connect(), so it asks here which port its guest wants, and gets a socket that is
 * connected to NAME_PORT in a directory, or nothing. That is all that can be asked.
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

/* Return: a socket, or -1 if nobody listens there */
static int connect_to(const char *name, uint32_t port)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, n;

	n = snprintf(to.sun_path, sizeof(to.sun_path), "%s_%u", name, port);
	if (n < 0 || (size_t)n >= sizeof(to.sun_path))
		return -1;
	/* One that does not accept must not keep the others waiting */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
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
static int serve(int asker, const char *name)
{
	struct vsock_question q;
	struct iovec iov = { .iov_base = &q, .iov_len = sizeof(q) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	int fd;

	while ((n = recvmsg(asker, &msg, 0)) == sizeof(q)) {
		fd = connect_to(name, q.port);
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
	int asker, directory;

	if (argc != 4) {
		fputs("usage: nitro-vsock-broker SOCKET-FD DIRECTORY-FD NAME\n", stderr);
		return 2;
	}
	asker = number(argv[1]);
	directory = number(argv[2]);
	if (asker < 0 || directory < 0 || fchdir(directory) < 0)
		return complain("cannot use the directory: %s", strerror(errno)), 1;
	close(directory);
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || sandbox_enter(SANDBOX_BROKER) < 0)
		return 1;
	_exit(serve(asker, argv[3]) < 0);
}
