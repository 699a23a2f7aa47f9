// SPDX-License-Identifier: GPL-2.0
/*
 * What the guests of tests/hypervisor do with their devices:
 *
 *	agent heartbeat			say to the parent that we are up, as enclaves do
 *	agent serve			echo on port 5000, until the end
 *	agent obey			run what is written to port 4000, a line each connection
 *	agent wait PORT			connect to the parent's PORT and wait for the end of that
 *	agent call PORT SIZE		SIZE bytes to the parent's PORT, which echoes
 *	agent calls PORT COUNT SIZE	as many connections, all open at once; SIZE bytes that
 *					need no credit through each, and back
 *	agent refused PORT		the parent has no such port
 *	agent nsm HEX			a request to the security module; its response in HEX
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARENT 3
#define HEARTBEAT_PORT 9000
#define HEARTBEAT 0xb7
#define OBEY_PORT 4000
#define ECHO_PORT 5000
#define LINE 4096
#define CALLS_MAX 10000
/* that wait for an answer */
#define CALLS_BEGUN 64
#define BLOCK 16384

static int die(const char *what)
{
	printf("guest: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Return: a socket that is connected, or connecting with SOCK_NONBLOCK; -1 if it cannot */
static int call(unsigned int port, int flags)
{
	/* Linux gives a parent two seconds, an emulated one needs longer at times */
	const struct timeval timeout = { .tv_sec = 600 };
	struct sockaddr_vm to = {
		.svm_family = AF_VSOCK, .svm_cid = PARENT, .svm_port = port,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM | flags, 0);

	if (fd < 0 || setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &timeout,
				 sizeof(timeout)) < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static int say_up(void)
{
	unsigned char beat = HEARTBEAT, back = 0;
	int fd = call(HEARTBEAT_PORT, 0);

	if (fd < 0 || write(fd, &beat, 1) != 1 || read(fd, &back, 1) != 1 || back != HEARTBEAT)
		die("heartbeat");
	close(fd);
	printf("guest: heartbeat\n");
	return 0;
}

static int be_refused(unsigned int port)
{
	if (call(port, 0) >= 0)
		die("refused: it was not");
	printf("guest: refused %s\n", errno == ECONNRESET ? "reset" : strerror(errno));
	return 0;
}

/* One after the other is enough: what is not read stays in the sockets' buffers */
static void echo(int fd)
{
	static char buf[BLOCK];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t k = 0, w; k < n; k += w) {
			w = write(fd, buf + k, n - k);
			if (w < 0)
				_exit(1);
		}
	shutdown(fd, SHUT_WR);
	_exit(0);
}

/* Input, output and errors of the command are the connection */
static void obey(int fd)
{
	char line[LINE];
	size_t n = 0;

	while (n < sizeof(line) && read(fd, line + n, 1) == 1 && line[n] != '\n')
		n++;
	if (n == sizeof(line) || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(1);
	line[n] = 0;
	close(fd);
	(void)signal(SIGCHLD, SIG_DFL);
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

static int serve(unsigned int port, void (*client)(int fd))
{
	struct sockaddr_vm at = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port,
	};
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0), fd;

	if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, 1024) < 0)
		die("serve");
	(void)signal(SIGCHLD, SIG_IGN);
	printf("guest: serves %u\n", port);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (!fork()) {
			close(listener);
			client(fd);
		}
		close(fd);
	}
	return 0;
}

static int wait_for(unsigned int port)
{
	int fd = call(port, 0);
	char byte;

	if (fd < 0 || read(fd, &byte, 1) < 0)
		die("wait");
	close(fd);
	printf("guest: waited\n");
	return 0;
}

static unsigned char pattern(unsigned int call, size_t at)
{
	return call * 31 + at * 7 + (at >> 8);
}

static void fill(unsigned char *buf, unsigned int id, size_t at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buf[i] = pattern(id, at + i);
}

/* What comes back. Return: how much, which may be 0 for now */
static size_t hear(int fd, unsigned int id, size_t at, int flags)
{
	unsigned char buf[BLOCK];
	ssize_t n = recv(fd, buf, sizeof(buf), flags);

	if (!n || (n < 0 && errno != EAGAIN))
		die("call: it ends too early");
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != pattern(id, at + i))
			die("call: wrong byte");
	return n > 0 ? n : 0;
}

static void hear_end(int fd)
{
	char byte;

	if (read(fd, &byte, 1) != 0)
		die("call: it does not end");
	close(fd);
}

/* Write and read at once, as an echo of more than the buffers hold needs */
static int converse(unsigned int port, size_t size)
{
	int fd = call(port, 0);
	size_t sent = 0, got = 0;
	unsigned char buf[BLOCK];

	if (fd < 0)
		die("call");
	while (got < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN | (sent < size ? POLLOUT : 0) };

		if (poll(&p, 1, -1) < 0)
			die("poll");
		if (p.revents & POLLOUT) {
			size_t part = size - sent < sizeof(buf) ? size - sent : sizeof(buf);
			ssize_t n;

			fill(buf, 0, sent, part);
			n = send(fd, buf, part, MSG_DONTWAIT);
			if (n < 0 && errno != EAGAIN)
				die("send");
			sent += n > 0 ? n : 0;
			if (sent == size)
				shutdown(fd, SHUT_WR);
		}
		if (p.revents & ~POLLOUT)
			got += hear(fd, 0, got, MSG_DONTWAIT);
	}
	hear_end(fd);
	printf("guest: called %u %zu\n", port, size);
	return 0;
}

/* Wait until a connection is there, and send something */
static void send_call(int fd, unsigned int id, size_t size)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	unsigned char buf[BLOCK];
	socklen_t n = sizeof(errno);

	if (poll(&p, 1, -1) < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &errno, &n) < 0 || errno)
		die("call");
	fill(buf, id, 0, size);
	if (send(fd, buf, size, 0) != (ssize_t)size)
		die("send");
}

static int calls(unsigned int port, unsigned int count, size_t size)
{
	static int fds[CALLS_MAX];
	struct rlimit files = { CALLS_MAX + 10, CALLS_MAX + 10 };

	if (count > CALLS_MAX || size > BLOCK || setrlimit(RLIMIT_NOFILE, &files) < 0)
		die("calls");
	for (unsigned int i = 0; i < count + CALLS_BEGUN; i++) {
		if (i < count)
			fds[i] = call(port, SOCK_NONBLOCK);
		if (i < count && fds[i] < 0)
			die("call");
		if (i >= CALLS_BEGUN)
			send_call(fds[i - CALLS_BEGUN], i - CALLS_BEGUN, size);
	}
	for (unsigned int i = 0; i < count; i++) {
		(void)fcntl(fds[i], F_SETFL, 0);
		for (size_t got = 0; got < size;)
			got += hear(fds[i], i, got, 0);
	}
	for (unsigned int i = 0; i < count; i++)
		(void)shutdown(fds[i], SHUT_WR);
	for (unsigned int i = 0; i < count; i++)
		hear_end(fds[i]);
	printf("guest: called %u %u %zu\n", port, count, size);
	return 0;
}

/* include/uapi/linux/nsm.h, which is newer than some libraries' headers */
struct nsm_raw {
	struct iovec request, response;
};

#define NSM_IOCTL_RAW _IOWR(0x0a, 0, struct nsm_raw)

static int ask_module(const char *hex)
{
	static unsigned char request[4096], response[12288];
	struct nsm_raw raw = {
		.request = { request, strlen(hex) / 2 }, .response = { response, sizeof(response) },
	};
	int fd = open("/dev/nsm", O_RDWR);

	if (raw.request.iov_len > sizeof(request))
		die("nsm: too long");
	for (size_t i = 0; i < raw.request.iov_len; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &request[i]) != 1)
			die("nsm: no number");
	if (fd < 0 || ioctl(fd, NSM_IOCTL_RAW, &raw) < 0)
		die("nsm");
	printf("guest: nsm ");
	for (size_t i = 0; i < raw.response.iov_len; i++)
		printf("%02x", response[i]);
	printf("\n");
	return 0;
}

int main(int argc, char *argv[])
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "heartbeat"))
		return say_up();
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve(ECHO_PORT, echo);
	if (argc == 2 && !strcmp(argv[1], "obey"))
		return serve(OBEY_PORT, obey);
	if (argc == 3 && !strcmp(argv[1], "wait"))
		return wait_for(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "refused"))
		return be_refused(atoi(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "nsm"))
		return ask_module(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "call"))
		return converse(atoi(argv[2]), atol(argv[3]));
	if (argc == 5 && !strcmp(argv[1], "calls"))
		return calls(atoi(argv[2]), atoi(argv[3]), atol(argv[4]));
	return 2;
}
