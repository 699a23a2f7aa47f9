// SPDX-License-Identifier: GPL-2.0
/*
 * Run a command on the other side of a byte channel (a virtio-serial port or a
 * unix socket), without a network:
 *
 *	on host-b COMMAND [ARG]...	ports /dev/virtio-ports/nitro.on.host-b.N
 *	on --socket PATH COMMAND...	a unix socket, for guests of the tests
 *	on --serve PORT			the agent at the other end
 *
 * Its stdout, stderr and exit status come back. A single argument is a line for
 * the shell. Frames in both directions are a header and its payload; answers carry
 * the number of the request, so what a killed client left behind is skipped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAGIC	0x4e6f6e21
#define MAX	65536

enum { RUN = 1, OUT, ERR, END };

struct frame {
	uint32_t magic;
	uint32_t id;
	uint32_t type;
	uint32_t len;
};

static char data[MAX];

static void fail(const char *what)
{
	fprintf(stderr, "on: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			poll(&pfd, 1, 100);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

/* 0 when the other end is gone */
static int read_all(int fd, void *buf, size_t len)
{
	char *p = buf;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			struct pollfd pfd = { .fd = fd, .events = POLLIN };

			poll(&pfd, 1, 100);
			continue;
		}
		if (n <= 0)
			return 0;
		p += n;
		len -= n;
	}
	return 1;
}

static int send_frame(int fd, uint32_t id, uint32_t type, const void *buf, uint32_t len)
{
	struct frame f = { MAGIC, id, type, len };

	return write_all(fd, &f, sizeof(f)) || write_all(fd, buf, len);
}

/* Byte by byte up to the magic: a half frame of a dead sender is passed over */
static int read_frame(int fd, struct frame *f)
{
	char *raw = (char *)f;

	if (!read_all(fd, f, sizeof(*f)))
		return 0;
	while (f->magic != MAGIC || f->len > MAX) {
		memmove(raw, raw + 1, sizeof(*f) - 1);
		if (!read_all(fd, raw + sizeof(*f) - 1, 1))
			return 0;
	}
	return read_all(fd, data, f->len);
}

static void run_command(char *args, uint32_t len, int out, int err)
{
	static char *argv[4096];
	int null = open("/dev/null", O_RDONLY);
	int n = 0;

	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	for (char *p = args; p < args + len && n < 4095; p += strlen(p) + 1)
		argv[n++] = p;
	if (n == 1) {
		argv[2] = argv[0];
		argv[0] = "/bin/sh";
		argv[1] = "-c";
	}
	execvp(argv[0], argv);
	fprintf(stderr, "on: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* The agent may start before udev has named the port */
static int open_port(const char *path)
{
	int fd;

	while ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0) {
		if (errno != ENOENT)
			fail(path);
		usleep(100000);
	}
	return fd;
}

/* Serve @f; true if another request cut it short and is now in @f */
static int serve_one(int fd, struct frame *f)
{
	int out[2], err[2], status = 0, open_pipes = 2, again = 0;
	uint32_t id = f->id;
	char buf[8192];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (!pid)
		run_command(data, f->len, out[1], err[1]);
	setpgid(pid, pid);
	close(out[1]);
	close(err[1]);

	struct pollfd pfd[] = {
		{ .fd = out[0], .events = POLLIN },
		{ .fd = err[0], .events = POLLIN },
		{ .fd = fd, .events = POLLIN },
	};

	while (open_pipes) {
		/* A background process may hold the pipes: the child's end ends it */
		int ready = poll(pfd, 3, 200);

		if (ready < 0 && errno != EINTR)
			fail("poll");
		if (ready == 0 && waitpid(pid, &status, WNOHANG) == pid) {
			pid = 0;
			break;
		}
		for (int i = 0; i < 2 && ready > 0; i++) {
			ssize_t n;

			if (!(pfd[i].revents & (POLLIN | POLLHUP)))
				continue;
			n = read(pfd[i].fd, buf, sizeof(buf));
			if (n > 0) {
				send_frame(fd, id, OUT + i, buf, n);
			} else {
				pfd[i].fd = -1;
				open_pipes--;
			}
		}
		if (ready > 0 && (pfd[2].revents & POLLIN)) {
			if (!read_frame(fd, f))
				exit(0);
			kill(-pid, SIGKILL);
			again = 1;
			break;
		}
	}
	close(out[0]);
	close(err[0]);
	if (pid)
		waitpid(pid, &status, 0);
	if (!again) {
		uint32_t code = WIFEXITED(status) ? WEXITSTATUS(status) :
						    128 + WTERMSIG(status);

		send_frame(fd, id, END, &code, sizeof(code));
	}
	return again;
}

static void serve(const char *path)
{
	int fd = open_port(path);
	struct frame f;

	for (;;) {
		/* A port whose other end is closed reads as end of file */
		if (!read_frame(fd, &f)) {
			usleep(50000);
			continue;
		}
		while (f.type == RUN && serve_one(fd, &f))
			;
	}
}

static int connect_socket(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		fail(path);
	return fd;
}

/* Any free port to the host; the lock is what makes it ours */
static int free_port(const char *host)
{
	char pattern[256];
	glob_t ports;

	snprintf(pattern, sizeof(pattern), "/dev/virtio-ports/nitro.on.%s.*", host);
	if (glob(pattern, 0, NULL, &ports)) {
		fprintf(stderr, "on: no host '%s' (tests/vm/run --hosts 2?)\n", host);
		exit(125);
	}
	for (;;) {
		for (size_t i = 0; i < ports.gl_pathc; i++) {
			char lock[64];
			int lfd, fd;

			snprintf(lock, sizeof(lock), "/run/nitro-on.%zu", i);
			lfd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			if (lfd < 0 || flock(lfd, LOCK_EX | LOCK_NB)) {
				close(lfd);
				continue;
			}
			fd = open(ports.gl_pathv[i], O_RDWR | O_CLOEXEC);
			if (fd >= 0)
				return fd;
			close(lfd);
		}
		usleep(20000);
	}
}

static int client(int fd, int argc, char **argv)
{
	uint32_t id, len = 0, code;
	struct frame f;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		fail("getrandom");
	for (int i = 0; i < argc; i++) {
		size_t n = strlen(argv[i]) + 1;

		if (len + n > MAX) {
			errno = E2BIG;
			fail(argv[0]);
		}
		memcpy(data + len, argv[i], n);
		len += n;
	}
	if (send_frame(fd, id, RUN, data, len))
		fail("send");
	while (read_frame(fd, &f)) {
		if (f.id != id)
			continue;
		if (f.type == END) {
			memcpy(&code, data, sizeof(code));
			return code;
		}
		if (write_all(f.type == OUT ? 1 : 2, data, f.len))
			return 125;
	}
	fprintf(stderr, "on: the other end is gone\n");
	return 125;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "--serve"))
		serve(argv[2]);
	if (argc > 3 && !strcmp(argv[1], "--socket"))
		return client(connect_socket(argv[2]), argc - 3, argv + 3);
	if (argc > 2 && argv[1][0] != '-')
		return client(free_port(argv[1]), argc - 2, argv + 2);
	fprintf(stderr, "usage: on HOST COMMAND... | on --socket PATH COMMAND... | on --serve PORT\n");
	return 2;
}
