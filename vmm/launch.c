// SPDX-License-Identifier: GPL-2.0
/*
 * nitro-launch: become the VMM of an instance. It runs as the instance's own
 * user, in its sandbox, and can open nothing: what the VMM needs comes from
 * nitrod as descriptors, over a connection that systemd has made (OpenFile=).
 * Two children stay behind: one keeps the console, one the gate to the monitor; a parent of
 * enclaves has two more, the backend of its vsock device and that one's broker. With
 * --stdio it becomes what carries bare metal instead: the console is its standard input
 * and output, there is no monitor, and it opens what it needs. With --enclave it becomes
 * nitro-hypervisor: a child is its broker, and there is a console only if somebody may see
 * it. With --shutdown it has the guest told that the unit is about to end.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "vmm.h"

#define BROKER "/usr/lib/nitro/nitro-vsock-broker"
#define VSOCK "/usr/lib/nitro/nitro-vsock"
#define BECOME_FDS_MAX 5

enum mode { MODE_VMM, MODE_STDIO, MODE_ENCLAVE };

/* While they are collected they lie above where they go to */
#define PARK (VMM_FD_FIRST + VMM_FDS_MAX)

struct launch {
	int fds[VMM_FDS_MAX];
	size_t n;
	char args[LAUNCH_MESSAGE_MAX];
	size_t size;
	int vsock[VSOCK_FDS];
	size_t n_vsock;
	char cid[16];
};

static int complain(const char *what)
{
	fprintf(stderr, "nitro-launch: %s: %s\n", what, strerror(errno));
	return -1;
}

static int park(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, PARK);

	close(fd);
	return high;
}

/* @n of them go to the end of @to, which has room for @max */
static int take_fds(int *to, size_t *n_to, size_t max, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fds[LAUNCH_FDS_MAX];
	size_t n;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	for (size_t i = 0; i < n; i++) {
		if (*n_to >= max)
			return -1;
		to[*n_to] = park(fds[i]);
		if (to[(*n_to)++] < 0)
			return complain("cannot keep a descriptor");
	}
	return 0;
}

/* Return: 1 with the last message, 0 if there are more */
static int receive_one(int link, struct launch *l)
{
	union {
		char buf[CMSG_SPACE(LAUNCH_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = l->args, .iov_len = sizeof(l->args) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(link, &msg, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return errno == EINTR ? 0 : complain("cannot hear nitrod");
	if (!n || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		errno = EPROTO;
		return complain("nitrod has hung up");
	}
	if (l->args[0] == LAUNCH_VSOCK) {
		(void)snprintf(l->cid, sizeof(l->cid), "%.*s", (int)n - 1, l->args + 1);
		return take_fds(l->vsock, &l->n_vsock, VSOCK_FDS, &msg);
	}
	if (take_fds(l->fds, &l->n, VMM_FDS_MAX, &msg) < 0)
		return -1;
	l->size = n;
	return l->args[0] == LAUNCH_ARGS;
}

/* @least: descriptors that have to come */
static int receive(int link, struct launch *l, size_t least)
{
	int r;

	do {
		r = receive_one(link, l);
	} while (!r);
	if (r > 0 && (l->n < least || l->size < 3 || l->args[l->size - 1])) {
		errno = EPROTO;
		return complain("nitrod makes no sense");
	}
	return r;
}

/* The command line as execv() wants it */
static char **split(struct launch *l)
{
	size_t n = 0, i = 1;
	char **argv;

	for (size_t k = 1; k < l->size; k++)
		n += !l->args[k];
	argv = calloc(n + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	for (size_t k = 0; k < n; k++) {
		argv[k] = &l->args[i];
		i += strlen(argv[k]) + 1;
	}
	return argv;
}

/* Two ends: @ret for who stays behind, @fd for the VMM */
static int make_pair(int fd, int *ret)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return complain("cannot make a socket");
	*ret = park(pair[0]);
	pair[1] = park(pair[1]);
	if (*ret < 0 || pair[1] < 0 || dup2(pair[1], fd) < 0)
		return complain("cannot make a socket");
	close(pair[1]);
	return 0;
}

/* A child that has nothing of what is the VMM's. Return: as fork() */
static pid_t stay_behind(struct launch *l)
{
	pid_t pid = fork();

	if (pid < 0)
		return complain("cannot make a process");
	if (pid)
		return pid;
	close(VMM_FD_SERIAL);
	close(VMM_FD_CONSOLE);
	close(VMM_FD_QMP);
	close(VMM_FD_VSOCK);
	for (size_t i = LAUNCH_OWN_FDS; i < l->n; i++)
		close(l->fds[i]);
	return 0;
}

/* @other is not its business. What it reads ends when the VMM ends: nobody else has its ends */
static int keep_console(struct launch *l, int serial, int console, int other)
{
	pid_t pid = stay_behind(l);

	if (!pid) {
		close(other);
		_exit(console_serve(l->fds[LAUNCH_CONSOLE_LOG], l->fds[LAUNCH_CONSOLE_SOCKET],
				    serial, console) < 0);
	}
	return pid < 0 ? -1 : 0;
}

/* Become a program that has these descriptors, named on its command line, and no others */
static _Noreturn void become(const char *program, const int *fds, size_t n)
{
	char text[BECOME_FDS_MAX][16];
	const char *argv[BECOME_FDS_MAX + 2] = { program };

	for (size_t i = 0; i < n; i++) {
		if (fcntl(fds[i], F_SETFD, 0) < 0)
			_exit(1);
		(void)snprintf(text[i], sizeof(text[i]), "%d", fds[i]);
		argv[i + 1] = text[i];
	}
	(void)execv(program, (char **)argv);
	_exit(1);
}

/* They are nobody else's */
static void drop_vsock(struct launch *l)
{
	while (l->n_vsock)
		close(l->vsock[--l->n_vsock]);
}

/* The backend of the vsock device. It has opened the memory that it shares with the VMM when this
 * returns: before that nobody can map any.
 */
static pid_t keep_backend(struct launch *l, int vmm, int broker)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return complain("cannot make a pipe");
	ready[0] = park(ready[0]);
	ready[1] = park(ready[1]);
	pid = ready[0] < 0 || ready[1] < 0 ? -1 : stay_behind(l);
	if (!pid)
		become(VSOCK, (int[]){ vmm, l->vsock[VSOCK_LISTENER], broker,
				       l->vsock[VSOCK_MEMORY], ready[1] }, 5);
	close(ready[1]);
	while (pid > 0 && read(ready[0], &c, 1) < 0 && errno == EINTR)
		;
	close(ready[0]);
	return pid;
}

/* The vsock of a parent of enclaves. Its backend ends when the VMM does, its broker then */
static int keep_vsock(struct launch *l)
{
	int vmm, pair[2];
	pid_t pid;

	if (l->n_vsock != VSOCK_FDS)
		return 0;
	if (make_pair(VMM_FD_VSOCK, &vmm) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return complain("cannot make a socket");
	pair[0] = park(pair[0]);
	pair[1] = park(pair[1]);
	if (pair[0] < 0 || pair[1] < 0)
		return complain("cannot make a socket");
	pid = keep_backend(l, vmm, pair[0]);
	close(vmm);
	close(pair[0]);
	if (pid > 0)
		pid = stay_behind(l);
	if (!pid)
		become(BROKER, (int[]){ pair[1], l->vsock[VSOCK_DIRECTORY] }, 2);
	close(pair[1]);
	drop_vsock(l);
	return pid < 0 ? -1 : 0;
}

static int keep_vmm(struct launch *l)
{
	int serial, console, qmp, shutdown;
	pid_t pid;

	if (keep_vsock(l) < 0)
		return -1;
	if (make_pair(VMM_FD_SERIAL, &serial) < 0 || make_pair(VMM_FD_CONSOLE, &console) < 0 ||
	    make_pair(VMM_FD_QMP, &qmp) < 0 || keep_console(l, serial, console, qmp) < 0)
		return -1;
	shutdown = shutdown_listen();
	if (shutdown >= 0)
		shutdown = park(shutdown);
	if (shutdown < 0)
		return complain("cannot listen for the end");
	pid = stay_behind(l);
	if (!pid) {
		close(serial);
		close(console);
		_exit(gate_serve(qmp, l->fds[LAUNCH_QMP_SOCKET], shutdown) < 0);
	}
	return pid < 0 ? -1 : 0;
}

/* There is no serial port and no monitor */
static int keep_carrier(struct launch *l)
{
	int console;

	return make_pair(VMM_FD_CONSOLE, &console) < 0 ? -1 : keep_console(l, -1, console, -1);
}

/* A child that connects for the enclave, and has nothing but where it may connect to */
static int keep_broker(struct launch *l, int other)
{
	char asker[16], directory[16], parent[16];
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return complain("cannot make a socket");
	pair[0] = park(pair[0]);
	pair[1] = park(pair[1]);
	if (pair[0] < 0 || pair[1] < 0 || dup2(pair[1], VMM_FD_BROKER) < 0)
		return complain("cannot make a socket");
	close(pair[1]);
	pid = stay_behind(l);
	if (pid) {
		close(pair[0]);
		drop_vsock(l);
		return pid < 0 ? -1 : 0;
	}
	if (other >= 0)
		close(other);
	/* everything else is closed when it begins */
	if (fcntl(pair[0], F_SETFD, 0) < 0 || fcntl(l->fds[LAUNCH_VSOCK_DIRECTORY], F_SETFD, 0) < 0)
		_exit(1);
	(void)snprintf(asker, sizeof(asker), "%d", pair[0]);
	(void)snprintf(directory, sizeof(directory), "%d", l->fds[LAUNCH_VSOCK_DIRECTORY]);
	(void)snprintf(parent, sizeof(parent), "%d", l->vsock[VSOCK_DIRECTORY]);
	if (!l->n_vsock)
		(void)execl(BROKER, BROKER, asker, directory, "vsock", NULL);
	else if (fcntl(l->vsock[VSOCK_DIRECTORY], F_SETFD, 0) == 0)
		(void)execl(BROKER, BROKER, asker, directory, "vsock", parent, l->cid, NULL);
	_exit(1);
}

static int keep_enclave(struct launch *l)
{
	int serial = -1, r;
	struct stat st;

	if (keep_broker(l, -1) < 0 || fstat(l->fds[LAUNCH_CONSOLE_SOCKET], &st) < 0)
		return -1;
	if (!S_ISSOCK(st.st_mode))
		return 0;
	r = make_pair(VMM_FD_SERIAL, &serial);
	/* nobody types anything into an enclave */
	if (r >= 0 && shutdown(serial, SHUT_WR) < 0)
		r = complain("cannot make a socket");
	return r < 0 ? r : keep_console(l, serial, -1, -1);
}

static int keep(struct launch *l, enum mode mode)
{
	switch (mode) {
	case MODE_STDIO:
		return keep_carrier(l);
	case MODE_ENCLAVE:
		return keep_enclave(l);
	default:
		return keep_vmm(l);
	}
}

static int become_vmm(struct launch *l)
{
	char **argv = split(l);

	if (!argv)
		return complain("cannot start the VMM");
	for (size_t i = LAUNCH_OWN_FDS; i < l->n; i++)
		if (dup2(l->fds[i], VMM_FD_FIRST + (int)(i - LAUNCH_OWN_FDS)) < 0)
			return complain("cannot keep a descriptor");
	if (dup2(l->fds[LAUNCH_VMM_LOG], 1) < 0 || dup2(l->fds[LAUNCH_VMM_LOG], 2) < 0)
		return complain("cannot keep a descriptor");
	/* a log that is full is no reason to end */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)execv(argv[0], argv);
	return complain(argv[0]);
}

/* What it says itself goes to its log, not to the console */
static int become_carrier(struct launch *l)
{
	char **argv = split(l);

	if (!argv)
		return complain("cannot start it");
	if (dup2(VMM_FD_CONSOLE, 0) < 0 || dup2(VMM_FD_CONSOLE, 1) < 0 ||
	    dup2(l->fds[LAUNCH_VMM_LOG], 2) < 0)
		return complain("cannot keep a descriptor");
	close(VMM_FD_CONSOLE);
	(void)execv(argv[0], argv);
	return complain(argv[0]);
}

static enum mode mode_of(int argc, char *argv[])
{
	if (argc == 3 && !strcmp(argv[1], "--stdio"))
		return MODE_STDIO;
	if (argc == 3 && !strcmp(argv[1], "--enclave"))
		return MODE_ENCLAVE;
	return MODE_VMM;
}

int main(int argc, char *argv[])
{
	enum mode mode = mode_of(argc, argv);
	static struct launch l;

	if (argc == 2 && !strcmp(argv[1], "--shutdown"))
		return shutdown_guest() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc != (mode == MODE_VMM ? 2 : 3) || sd_listen_fds(true) != 1) {
		fputs("nitro-launch: is started by nitrod, in the unit of an instance\n", stderr);
		return 2;
	}
	if (send(SD_LISTEN_FDS_START, argv[argc - 1], strlen(argv[argc - 1]), MSG_NOSIGNAL) < 0)
		return complain("cannot talk to nitrod") < 0;
	if (receive(SD_LISTEN_FDS_START, &l, mode == MODE_STDIO ? LAUNCH_QMP_SOCKET :
							LAUNCH_OWN_FDS) < 0)
		return EXIT_FAILURE;
	close(SD_LISTEN_FDS_START);
	if (keep(&l, mode) < 0)
		return EXIT_FAILURE;
	(void)(mode == MODE_STDIO ? become_carrier(&l) : become_vmm(&l));
	return EXIT_FAILURE;
}
