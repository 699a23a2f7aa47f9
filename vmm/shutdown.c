// SPDX-License-Identifier: GPL-2.0
/*
 * systemd ends the unit of an instance, most likely because the host shuts down,
 * and nitrod may be gone already: the guest is told by its power button and has
 * a minute. The way to the gate before the monitor is a socket of the unit's own
 * network namespace; all that can be said there is that one is there.
 */

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vmm.h"

#define SOCKET_NAME "nitro-shutdown"
#define PATIENCE_MS 60000

static socklen_t make_address(struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path + 1, SOCKET_NAME, strlen(SOCKET_NAME));
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(SOCKET_NAME);
}

/**
 * shutdown_listen - where the gate is told to press the guest's power button
 *
 * Context: any.
 * Return: a descriptor, or -1 with errno.
 */
int shutdown_listen(void)
{
	struct sockaddr_un address;
	socklen_t size = make_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), problem;

	if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1) < 0)) {
		problem = errno;
		close(fd);
		errno = problem;
		fd = -1;
	}
	return fd;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Nothing is said: the connection ends when the VMM does */
static bool wait_end(int fd, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];

	for (;;) {
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(&p, 1, left) <= 0)
			continue;
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			return true;
	}
}

/**
 * shutdown_guest - press the guest's power button and wait until the VMM has ended
 *
 * Context: a process of its own, in the VMM's network namespace.
 * Return: 0 if it has ended, -1 if it has not, in time.
 */
int shutdown_guest(void)
{
	struct sockaddr_un address;
	socklen_t size = make_address(&address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;

	/* without a VMM there is no guest */
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
		goto out;
	if (!wait_end(fd, now_ms() + PATIENCE_MS)) {
		fputs("nitro-launch: the guest does not shut down and is ended\n", stderr);
		r = -1;
	}
out:
	if (fd >= 0)
		close(fd);
	return r;
}
