// SPDX-License-Identifier: GPL-2.0
/*
 * The gate before the VMM's monitor. QMP has commands that write a guest's
 * memory to a file; who can reach it could use them, whatever the kernel
 * forbids. So nobody reaches it: the VMM's end is a socket pair whose other end
 * is here, and only commands that nitrod has a use for go through. They are
 * parsed and written anew, so that there is one way to understand them.
 *
 * One client at a time, as QMP itself has it; the others wait. Who connects for the end
 * of the unit says nothing: the guest's power button is pressed, and the connection ends
 * when the VMM does.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-json.h>
#include <unistd.h>

#include "vmm.h"

#define BUFFER (1 << 20)
#define FDS_MAX 8
#define OWN "nitro-gate"

/* Answers that have this name are for nobody */
#define COMMAND(name) "{\"execute\":\"" name "\",\"id\":\"" OWN "\"}\n"

/* What they are for is in daemon/life.c, plug.c and instance-stats.c */
static const char *const commands[] = {
	"add-fd", "blockdev-add", "blockdev-del", "device_add", "device_del", "getfd",
	"netdev_add", "netdev_del", "qom-list", "query-cpus-fast", "query-stats", "query-status",
	"remove-fd", "system_powerdown", "system_reset",
};

/* What has come and is not understood yet */
struct buffer {
	char data[BUFFER];
	size_t n;
};

/**
 * struct gate - the monitor and who uses it
 * @vmm: the monitor
 * @listener: where clients come from
 * @shutdown: where those come from who end the unit
 * @client: -1 for none
 * @greeting: the monitor's first line
 * @fds: came with what is in @from_client
 * @n_fds: how many
 * @pending: commands of clients that the monitor has not answered yet
 * @stale: as many of its next answers are for a client that has left
 * @from_vmm: lines
 * @from_client: objects, with or without an end of line
 */
struct gate {
	int vmm, listener, shutdown, client;
	char *greeting;
	int fds[FDS_MAX];
	size_t n_fds;
	unsigned int pending, stale;
	struct buffer from_vmm, from_client;
};

static struct gate gate;

static void drop_fds(struct gate *g)
{
	while (g->n_fds)
		close(g->fds[--g->n_fds]);
}

static void drop_client(struct gate *g)
{
	if (g->client >= 0)
		close(g->client);
	g->client = -1;
	drop_fds(g);
	g->from_client.n = 0;
	g->stale = g->pending;
}

/* Blocks: nitrod reads what it has asked for, and the monitor what it is told */
static bool send_all(int socket, const char *text, size_t n, const int *fds, size_t n_fds)
{
	union {
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { .iov_base = (char *)text, .iov_len = n };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t sent;

	if (n_fds) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	while (iov.iov_len) {
		sent = sendmsg(socket, &msg, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		iov.iov_base = (char *)iov.iov_base + sent;
		iov.iov_len -= sent;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return true;
}

static void to_client(struct gate *g, const char *text, size_t n)
{
	if (g->client >= 0 && !send_all(g->client, text, n, NULL, 0))
		drop_client(g);
}

static bool tell(struct gate *g, const char *command)
{
	return send_all(g->vmm, command, strlen(command), NULL, 0);
}

static bool is_own(sd_json_variant *v)
{
	sd_json_variant *id = sd_json_variant_by_key(v, "id");

	return id && sd_json_variant_is_string(id) && !strcmp(sd_json_variant_string(id), OWN);
}

/* A line of the monitor. Return: false if it makes no sense */
static bool on_vmm_line(struct gate *g, char *line, size_t n)
{
	bool answer, greeting, own;
	sd_json_variant *v = NULL;

	line[n - 1] = '\0';
	if (sd_json_parse(line, 0, &v, NULL, NULL) < 0)
		return false;
	line[n - 1] = '\n';
	greeting = sd_json_variant_by_key(v, "QMP");
	answer = sd_json_variant_by_key(v, "return") || sd_json_variant_by_key(v, "error");
	own = answer && is_own(v);
	sd_json_variant_unref(v);
	if (own)
		return true;
	if (greeting && !g->greeting) {
		g->greeting = strndup(line, n);
		return g->greeting && tell(g, COMMAND("qmp_capabilities"));
	}
	if (answer && g->pending)
		g->pending--;
	if (answer && g->stale)
		g->stale--;
	else
		to_client(g, line, n);
	return true;
}

static bool known(const char *command)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(command, commands[i]))
			return true;
	return false;
}

/* Nothing but a command, its arguments and a name for the answer */
static const char *command_of(sd_json_variant *v)
{
	sd_json_variant *command = sd_json_variant_by_key(v, "execute");
	size_t parts = 2;

	if (!command || !sd_json_variant_is_string(command))
		return NULL;
	parts += sd_json_variant_by_key(v, "arguments") ? 2 : 0;
	parts += sd_json_variant_by_key(v, "id") ? 2 : 0;
	return sd_json_variant_elements(v) == parts ? sd_json_variant_string(command) : NULL;
}

/* Return: false if the client has to go */
static bool on_command(struct gate *g, sd_json_variant *v)
{
	static const char agreed[] = "{\"return\": {}}\n";
	const char *command = command_of(v);
	char *text = NULL;
	bool ok;

	if (!command)
		return false;
	if (!strcmp(command, "qmp_capabilities")) {
		to_client(g, agreed, strlen(agreed));
		return true;
	}
	if (!known(command)) {
		fprintf(stderr, "nitro-launch: '%.40s' is not for the monitor\n", command);
		return false;
	}
	if (is_own(v) || sd_json_variant_format(v, SD_JSON_FORMAT_NEWLINE, &text) < 0)
		return false;
	g->pending++;
	ok = send_all(g->vmm, text, strlen(text), g->fds, g->n_fds);
	free(text);
	drop_fds(g);
	return ok;
}

/* The length of the object at the start, or 0 if it has not ended */
static size_t object_size(const char *data, size_t n)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (quoted && data[i] == '\\')
			i++;
		else if (data[i] == '"')
			quoted = !quoted;
		else if (!quoted && data[i] == '{')
			depth++;
		else if (!quoted && data[i] == '}' && !--depth)
			return i + 1;
	}
	return 0;
}

static bool on_client_data(struct gate *g)
{
	struct buffer *b = &g->from_client;
	size_t size;

	while (b->n && g->client >= 0) {
		sd_json_variant *v = NULL;
		char *text;
		bool ok;

		if (strchr(" \t\r\n", b->data[0])) {
			memmove(b->data, b->data + 1, --b->n);
			continue;
		}
		if (b->data[0] != '{')
			return false;
		size = object_size(b->data, b->n);
		if (!size)
			return b->n < sizeof(b->data);
		text = strndup(b->data, size);
		ok = text && sd_json_parse(text, 0, &v, NULL, NULL) >= 0;
		free(text);
		memmove(b->data, b->data + size, b->n - size);
		b->n -= size;
		ok = ok && on_command(g, v);
		sd_json_variant_unref(v);
		if (!ok)
			return false;
	}
	return true;
}

static void from_client(struct gate *g)
{
	union {
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct buffer *b = &g->from_client;
	struct iovec iov = { .iov_base = b->data + b->n, .iov_len = sizeof(b->data) - b->n };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(g->client, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		/* as with the monitor itself, those that come replace those that came */
		drop_fds(g);
		g->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(g->fds, CMSG_DATA(c), g->n_fds * sizeof(int));
	}
	if (n > 0)
		b->n += n;
	if (n <= 0 || msg.msg_flags & MSG_CTRUNC || !on_client_data(g))
		drop_client(g);
}

/* Return: false if the monitor is gone */
static bool from_vmm(struct gate *g)
{
	struct buffer *b = &g->from_vmm;
	ssize_t n = recv(g->vmm, b->data + b->n, sizeof(b->data) - b->n, MSG_DONTWAIT);
	char *end;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	b->n += n;
	while ((end = memchr(b->data, '\n', b->n))) {
		size_t size = end - b->data + 1;

		if (!on_vmm_line(g, b->data, size))
			return false;
		memmove(b->data, b->data + size, b->n - size);
		b->n -= size;
	}
	return b->n < sizeof(b->data);
}

static void accept_client(struct gate *g)
{
	g->client = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC);
	if (g->client >= 0)
		to_client(g, g->greeting, strlen(g->greeting));
}

/* The connection is left as it is: it ends with this process, and so do those that come
 * after it, which have nothing to add
 */
static bool accept_shutdown(struct gate *g)
{
	(void)accept4(g->shutdown, NULL, NULL, SOCK_CLOEXEC);
	g->shutdown = -1;
	return tell(g, COMMAND("system_powerdown"));
}

/**
 * gate_serve - let commands through until the VMM is gone
 * @vmm: the other end of its monitor
 * @listener: where clients come from
 * @shutdown: where those come from who end the unit
 *
 * Context: a process of its own.
 * Return: 0, or -1 if it cannot go on.
 */
int gate_serve(int vmm, int listener, int shutdown)
{
	struct gate *g = &gate;

	*g = (struct gate){ .vmm = vmm, .listener = listener, .shutdown = shutdown, .client = -1 };
	(void)signal(SIGTERM, SIG_IGN);
	for (;;) {
		struct pollfd p[] = {
			{ .fd = g->vmm, .events = POLLIN },
			{ .fd = g->client, .events = POLLIN },
			{ .fd = g->greeting && g->client < 0 ? g->listener : -1, .events = POLLIN },
			{ .fd = g->greeting ? g->shutdown : -1, .events = POLLIN },
		};

		if (poll(p, 4, -1) < 0 && errno != EINTR)
			return -1;
		if (p[0].revents && !from_vmm(g))
			return 0;
		if (p[1].revents && g->client >= 0)
			from_client(g);
		if (p[2].revents)
			accept_client(g);
		if (p[3].revents && !accept_shutdown(g))
			return 0;
	}
}
