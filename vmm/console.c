// SPDX-License-Identifier: GPL-2.0
/*
 * The console of an instance: what the guest writes to its serial port and its
 * virtio console goes to a log of limited size, and from there to whoever
 * looks. A client is a place in the log, so one that does not read costs
 * nothing. What clients write goes to where the guest has written last.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm.h"

#define CLIENTS_MAX 8
#define BLOCK 65536

/* A guest that writes without end has to wait: so many bytes in a period */
#define PERIOD_MS 100
#define PERIOD_BYTES (512 * 1024)

enum { SERIAL, CONSOLE, LISTENER, FIRST_CLIENT, POLLED = FIRST_CLIENT + CLIENTS_MAX };

/**
 * struct keeper - the console and who looks
 * @log: file of the log
 * @listener: where clients come from
 * @guest: serial port and virtio console, -1 when the guest has closed it
 * @last: which of them the guest has written to last
 * @start: how many bytes were cut from the log
 * @size: how many it has now
 * @left: what the guest may write in this period
 * @clients: descriptors, -1 for none
 * @at: the next byte of each, counted from the first byte ever
 */
struct keeper {
	int log, listener;
	int guest[2];
	int last;
	uint64_t start, size;
	size_t left;
	int clients[CLIENTS_MAX];
	uint64_t at[CLIENTS_MAX];
};

/* Readers of the file hold a lock for the moment; one that holds it for long loses */
static void cut(struct keeper *k)
{
	static char buf[CONSOLE_LOG_MAX / 2];
	ssize_t n;

	if (k->size < CONSOLE_LOG_MAX ||
	    (flock(k->log, LOCK_EX | LOCK_NB) < 0 && k->size < 2 * CONSOLE_LOG_MAX))
		return;
	n = pread(k->log, buf, sizeof(buf), k->size - sizeof(buf));
	if (n == sizeof(buf) && pwrite(k->log, buf, n, 0) == n && !ftruncate(k->log, n)) {
		k->start += k->size - n;
		k->size = n;
	}
	(void)flock(k->log, LOCK_UN);
}

static void from_guest(struct keeper *k, int which)
{
	char buf[BLOCK];
	ssize_t n = read(k->guest[which], buf, k->left < sizeof(buf) ? k->left : sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(k->guest[which]);
		k->guest[which] = -1;
		return;
	}
	k->last = which;
	k->left -= n;
	n = pwrite(k->log, buf, n, k->size);
	if (n > 0)
		k->size += n;
	cut(k);
}

static void accept_client(struct keeper *k)
{
	int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (k->clients[i] >= 0)
			continue;
		k->clients[i] = fd;
		k->at[i] = 0;
		return;
	}
	close(fd);
}

static void drop_client(struct keeper *k, int i)
{
	close(k->clients[i]);
	k->clients[i] = -1;
}

static void to_client(struct keeper *k, int i)
{
	char buf[BLOCK];
	ssize_t n;

	if (k->at[i] < k->start)
		k->at[i] = k->start;
	n = pread(k->log, buf, sizeof(buf), k->at[i] - k->start);
	if (n <= 0)
		return;
	n = send(k->clients[i], buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		k->at[i] += n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		drop_client(k, i);
}

/* What the guest does not take is lost, as on a line */
static void from_client(struct keeper *k, int i)
{
	char buf[4096];
	ssize_t n = recv(k->clients[i], buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		drop_client(k, i);
	else if (k->guest[k->last] >= 0)
		(void)send(k->guest[k->last], buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool guest_there(const struct keeper *k)
{
	return k->guest[SERIAL] >= 0 || k->guest[CONSOLE] >= 0;
}

static void prepare(const struct keeper *k, struct pollfd p[POLLED])
{
	for (int i = 0; i < 2; i++)
		p[i] = (struct pollfd){ .fd = k->left ? k->guest[i] : -1, .events = POLLIN };
	p[LISTENER] = (struct pollfd){ .fd = k->listener, .events = POLLIN };
	for (int i = 0; i < CLIENTS_MAX; i++) {
		bool more = k->at[i] < k->start + k->size;

		p[FIRST_CLIENT + i] = (struct pollfd){
			.fd = k->clients[i], .events = POLLIN | (more ? POLLOUT : 0),
		};
	}
}

static void handle(struct keeper *k, const struct pollfd p[POLLED])
{
	for (int i = 0; i < 2; i++)
		if (p[i].revents && k->left)
			from_guest(k, i);
	if (p[LISTENER].revents)
		accept_client(k);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (k->clients[i] < 0 || k->clients[i] != p[FIRST_CLIENT + i].fd)
			continue;
		if (p[FIRST_CLIENT + i].revents & ~POLLOUT)
			from_client(k, i);
		if (k->clients[i] >= 0 && p[FIRST_CLIENT + i].revents & POLLOUT)
			to_client(k, i);
	}
}

/* The guest is gone: who keeps up sees the end */
static void finish(struct keeper *k)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		uint64_t before = UINT64_MAX;

		while (k->clients[i] >= 0 && k->at[i] != before) {
			before = k->at[i];
			to_client(k, i);
		}
	}
}

/**
 * console_serve - keep the console until the guest is gone
 * @log: file of the log
 * @listener: where clients come from
 * @serial: the other end of the serial port
 * @console: the other end of the virtio console
 *
 * Context: a process of its own.
 * Return: 0, or -1 if it cannot go on.
 */
int console_serve(int log, int listener, int serial, int console)
{
	struct keeper k = {
		.log = log, .listener = listener, .guest = { serial, console },
		.last = CONSOLE, .left = PERIOD_BYTES,
	};
	struct pollfd p[POLLED];
	struct stat st;

	/* systemd ends the whole unit; what the guest says last is kept */
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (fstat(log, &st) < 0)
		return -1;
	k.size = st.st_size;
	for (int i = 0; i < CLIENTS_MAX; i++)
		k.clients[i] = -1;
	while (guest_there(&k)) {
		int n;

		prepare(&k, p);
		n = poll(p, POLLED, k.left < PERIOD_BYTES ? PERIOD_MS : -1);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			handle(&k, p);
		else
			k.left = PERIOD_BYTES;
	}
	finish(&k);
	return 0;
}
