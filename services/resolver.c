// SPDX-License-Identifier: GPL-2.0
/*
 * Telling the resolver, unbound, of the names of VPCs. All of its configuration
 * that changes is one file, which it reads when it starts and when it is told to,
 * over its control socket; so nothing is to be kept in step.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "names.h"

#define FILE_NAME "resolver.conf"
#define HOST_CONFIG "/etc/resolv.conf"
#define ANSWER_MAX 4096
#define KEY0 0x6e6974726f2d6e61ULL
#define KEY1 0x6d65730000000001ULL

/* What it may be told, best first: releases before 1.23 do not know the former */
static const char *const commands[] = { "UBCT1 fast_reload\n", "UBCT1 reload_keep_cache\n" };

/**
 * struct resolver - the resolver
 * @s: the services
 * @soon: writes the file after all that this turn of the event loop brings
 * @written: a hash of what was written last, 0 for nothing
 * @told: the resolver has read it
 * @fd: connection to the resolver while it is told, or -1
 * @io: of @fd
 * @command: which of the commands it was sent
 * @answer: what it has answered so far
 * @host_config: @HOST_CONFIG as it was last seen
 */
struct resolver {
	struct services *s;
	sd_event_source *soon;
	uint64_t written;
	bool told;
	int fd;
	sd_event_source *io;
	size_t command;
	struct text answer;
	struct stat host_config;
};

static bool tell(struct resolver *r);

static void hang_up(struct resolver *r)
{
	r->io = sd_event_source_disable_unref(r->io);
	close_fd(&r->fd);
	r->fd = -1;
	text_free(&r->answer);
}

static bool ends_with_ok(const struct text *t)
{
	return t->n >= 3 && !strcmp(t->s + t->n - 3, "ok\n") &&
	       (t->n == 3 || t->s[t->n - 4] == '\n');
}

static void on_answer(struct resolver *r)
{
	bool ok = ends_with_ok(&r->answer), unknown = r->answer.s && strstr(r->answer.s, "unknown");
	_cleanup_free_ char *answer = xstrndup(r->answer.s ? r->answer.s : "",
					       strcspn(r->answer.s ? r->answer.s : "", "\n"));

	hang_up(r);
	if (!ok && unknown && r->command + 1 < ARRAY_SIZE(commands)) {
		r->command++;
		(void)tell(r);
	} else if (!ok && *answer) {
		fprintf(stderr, "nitro-services: the resolver refuses: %s\n", answer);
	}
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct resolver *r = userdata;
	char buf[1024];
	ssize_t n;

	(void)source;
	(void)revents;
	n = read(fd, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0 && r->answer.n < ANSWER_MAX) {
		text_add(&r->answer, "%.*s", (int)n, buf);
		return 0;
	}
	on_answer(r);
	/* what has come meanwhile */
	if (r->fd < 0 && !r->told)
		(void)tell(r);
	return 0;
}

/* Return: false if it cannot be told now. */
static bool tell(struct resolver *r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *command = commands[r->command];

	if (r->fd >= 0 || strlen(r->s->control) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, r->s->control, strlen(r->s->control) + 1);
	r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0)
		return false;
	if (connect(r->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(r->fd, command, strlen(command), MSG_NOSIGNAL) != (ssize_t)strlen(command) ||
	    sd_event_add_io(r->s->event, &r->io, r->fd, EPOLLIN, on_io, r) < 0) {
		hang_up(r);
		return false;
	}
	r->told = true;
	return true;
}

/* The resolvers of this host */
static void read_host_config(struct strings *ret)
{
	struct __res_state state = {};

	if (res_ninit(&state) < 0)
		return;
	for (int i = 0; i < state.nscount; i++) {
		const struct sockaddr_in *in = &state.nsaddr_list[i];
		const struct sockaddr_in6 *in6 = state._u._ext.nsaddrs[i];
		const struct sockaddr *sa = in->sin_family == AF_INET ?
					    (const struct sockaddr *)in : (const struct sockaddr *)in6;
		char host[NI_MAXHOST];

		if (sa && !getnameinfo(sa, sa->sa_family == AF_INET ? sizeof(*in) : sizeof(*in6),
				       host, sizeof(host), NULL, 0, NI_NUMERICHOST))
			strings_add(ret, host);
	}
	res_nclose(&state);
}

/* Whole, or not at all; only the resolver's group reads it. */
static int write_config(const struct services *s, const char *config)
{
	_cleanup_free_ char *path = xprintf("%s/" FILE_NAME, s->runtime);
	_cleanup_free_ char *draft = xprintf("%s/" FILE_NAME ".new", s->runtime);
	int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	bool ok;

	if (!f) {
		close_fd(&fd);
		return -errno;
	}
	ok = !fchmod(fd, 0640) && fputs(config, f) >= 0;
	if (fclose(f) || !ok || rename(draft, path) < 0)
		return -errno;
	return 0;
}

static int on_soon(sd_event_source *source, void *userdata)
{
	_cleanup_strings_ struct strings upstream = {};
	struct resolver *r = userdata;
	_cleanup_free_ char *config = NULL;
	uint64_t hash;
	int error;

	(void)source;
	if (!r->s->complete)
		return 0;
	if (r->s->upstream.n)
		strings_copy(&upstream, &r->s->upstream);
	else
		read_host_config(&upstream);
	config = names_config(r->s, &upstream);
	hash = siphash24(config, strlen(config), KEY0, KEY1) | 1;
	if (hash == r->written)
		return 0;
	error = write_config(r->s, config);
	if (error < 0) {
		fprintf(stderr, "nitro-services: cannot write '%s/" FILE_NAME "': %s\n",
			r->s->runtime, strerror(-error));
		return 0;
	}
	r->written = hash;
	r->told = false;
	(void)tell(r);
	return 0;
}

/**
 * resolver_start - tell the resolver from now on
 * @s: the services
 * @e: says why not
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int resolver_start(struct services *s, struct error *e)
{
	struct resolver *r = xcalloc(1, sizeof(*r));
	int error;

	s->resolver = r;
	r->s = s;
	r->fd = -1;
	error = sd_event_add_defer(s->event, &r->soon, on_soon, r);
	if (error >= 0)
		error = sd_event_source_set_enabled(r->soon, SD_EVENT_OFF);
	return error < 0 ? fail(e, ERR_FAILED, "cannot tell the resolver: %s", strerror(-error)) : 0;
}

/**
 * resolver_changed - it may have to be told something
 * @s: the services
 *
 * Context: event loop; cheap.
 */
void resolver_changed(struct services *s)
{
	(void)sd_event_source_set_enabled(s->resolver->soon, SD_EVENT_ONESHOT);
}

/**
 * resolver_look - look after it
 * @s: the services
 *
 * It may have been away, or the resolvers of this host may be others.
 *
 * Context: event loop, every now and then.
 */
void resolver_look(struct services *s)
{
	struct resolver *r = s->resolver;
	struct stat st = {};

	(void)stat(HOST_CONFIG, &st);
	if (st.st_ino != r->host_config.st_ino || st.st_size != r->host_config.st_size ||
	    st.st_mtim.tv_sec != r->host_config.st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != r->host_config.st_mtim.tv_nsec)
		resolver_changed(s);
	r->host_config = st;
	if (r->written && !r->told)
		(void)tell(r);
}

/**
 * resolver_stop - tell it nothing more
 * @s: the services
 *
 * Context: at the end.
 */
void resolver_stop(struct services *s)
{
	struct resolver *r = s->resolver;

	if (!r)
		return;
	hang_up(r);
	sd_event_source_disable_unref(r->soon);
	free(r);
	s->resolver = NULL;
}
