// SPDX-License-Identifier: GPL-2.0
/* The console of what lives on this host: a log, or a socket that goes on. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"

#define LEAVE 0x1d	/* Ctrl-] */

static int write_all(int fd, const char *buf, size_t n)
{
	while (n) {
		ssize_t r = write(fd, buf, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		buf += r;
		n -= r;
	}
	return 0;
}

/* Return: 1 at the end, or below zero */
static int from_console(int fd)
{
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		return 1;
	return write_all(STDOUT_FILENO, buf, n);
}

/* Return: 1 if the user leaves, -ENOTCONN when there is no more to send */
static int to_console(int fd)
{
	char buf[4096], *leave;
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return -ENOTCONN;
	leave = isatty(STDIN_FILENO) ? memchr(buf, LEAVE, n) : NULL;
	if (leave)
		n = leave - buf;
	if (send(fd, buf, n, MSG_NOSIGNAL) < 0)
		return -ENOTCONN;
	return leave ? 1 : 0;
}

static int talk(int fd)
{
	struct pollfd p[2] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};
	int r = 0;

	while (!r) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (p[0].revents)
			r = from_console(fd);
		if (!r && p[1].revents)
			r = to_console(fd);
		if (r == -ENOTCONN) {
			p[1].fd = -1;
			r = 0;
		}
	}
	return r < 0 ? r : 0;
}

/* What is typed goes to the guest as it is */
static int talk_raw(int fd)
{
	struct termios before, raw;
	bool tty = !tcgetattr(STDIN_FILENO, &before);
	int r;

	if (tty) {
		raw = before;
		cfmakeraw(&raw);
		raw.c_oflag = before.c_oflag;
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	r = talk(fd);
	if (tty)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return r;
}

/**
 * cli_run_console() - Run "console"
 * @call: the command
 *
 * Context: Calls nitrod, and goes on until the guest or the user ends it.
 * Return: the exit status.
 */
int cli_run_console(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	sd_json_variant *live;
	int fd = -1, r;

	r = client_call_for_fd(call->socket, call->object->interface,
			       call->verb->method, call->properties, &reply,
			       &fd);
	if (r)
		return r;
	live = print_lookup(reply, "live");
	if (live && sd_json_variant_boolean(live))
		r = talk_raw(fd);
	else
		while (!r)
			r = from_console(fd);
	(void)close(fd);
	return r < 0 ? cli_failed(r, "cannot show the console") : EXIT_OK;
}
