// SPDX-License-Identifier: GPL-2.0
/*
 * The connection to nitrod. What was learned stays when nitrod goes away, so
 * that guests do not notice; when it is back, it tells all of it again.
 */

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-varlink.h>
#include <time.h>

#include "names.h"

#define SEC 1000000ULL
#define RETRY (SEC / 2)
#define LOOK_EVERY (2 * SEC)
#define PORT "services"

/**
 * struct link - the connection
 * @s: the services
 * @varlink: NULL while there is none
 * @timer: connects again, and looks after the service port
 * @seen: numbers that were told of since this connection began
 * @n: numbers there is room for
 * @connection: counts them
 * @complete: nitrod has told of all there is
 */
struct link {
	struct services *s;
	sd_varlink *varlink;
	sd_event_source *timer;
	bool *seen;
	size_t n;
	uint64_t connection;
	bool complete;
};

static int fail_call(struct error *e, const char *error_id, sd_json_variant *reply)
{
	sd_json_variant *text = reply ? sd_json_variant_by_key(reply, "message") : NULL;

	return fail(e, ERR_FAILED, "nitrod refuses: %s",
		    text && sd_json_variant_is_string(text) ? sd_json_variant_string(text) :
							      error_id);
}

/**
 * link_open_port - have nitrod make the service port here
 * @socket_path: where nitrod listens
 * @e: says why not
 *
 * Context: blocks; in the network namespace that shall have the port.
 * Return: 0, -EAGAIN if nitrod is not there, another negative errno.
 */
int link_open_port(const char *socket_path, struct error *e)
{
	_cleanup_(sd_varlink_unrefp) sd_varlink *v = NULL;
	_cleanup_close_ int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const char *error_id = NULL;
	sd_json_variant *reply;
	int r;

	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot open the network namespace: %s",
			    strerror(errno));
	r = sd_varlink_connect_address(&v, socket_path);
	if (r < 0) {
		fail(e, ERR_FAILED, "cannot reach nitrod at '%s': %s", socket_path, strerror(-r));
		return -EAGAIN;
	}
	r = sd_varlink_set_allow_fd_passing_output(v, true);
	if (r >= 0)
		r = sd_varlink_push_dup_fd(v, fd);
	if (r >= 0)
		r = sd_varlink_call(v, "io.nitro.Services.Open", NULL, &reply, &error_id);
	if (r < 0) {
		fail(e, ERR_FAILED, "cannot ask nitrod: %s", strerror(-r));
		return -EAGAIN;
	}
	return error_id ? fail_call(e, error_id, reply) : 0;
}

static void mark(struct link *l, uint32_t service)
{
	if (service >= l->n) {
		size_t n = service + service / 2 + 64;

		l->seen = xrealloc(l->seen, n, sizeof(*l->seen));
		memset(&l->seen[l->n], 0, (n - l->n) * sizeof(*l->seen));
		l->n = n;
	}
	l->seen[service] = true;
}

static void forget_neighbour(struct link *l, const char *id)
{
	neighbour_free(map_del(&l->s->neighbours, id));
}

static void sweep_neighbours(struct link *l)
{
	_cleanup_strings_ struct strings gone = {};

	for (size_t i = 0; i < l->s->neighbours.cap; i++) {
		const struct map_slot *slot = &l->s->neighbours.slots[i];
		const struct neighbour *n = slot->value;

		if (n && n->connection != l->connection)
			strings_add(&gone, slot->key);
	}
	for (size_t i = 0; i < gone.n; i++)
		forget_neighbour(l, gone.v[i]);
}

/* What nitrod has not told again is no more */
static void sweep(struct link *l)
{
	struct enis *t = &l->s->enis;
	struct eni *eni;
	uint32_t at = 0;

	while ((eni = enis_next(t, &at)))
		if (eni->service >= l->n || !l->seen[eni->service])
			enis_remove(t, eni->service);
	sweep_neighbours(l);
}

static void on_neighbours(struct link *l, sd_json_variant *news, sd_json_variant *gone)
{
	for (size_t i = 0; gone && i < sd_json_variant_elements(gone); i++) {
		sd_json_variant *id = sd_json_variant_by_index(gone, i);

		if (sd_json_variant_is_string(id))
			forget_neighbour(l, sd_json_variant_string(id));
	}
	for (size_t i = 0; news && i < sd_json_variant_elements(news); i++) {
		sd_json_variant *v = sd_json_variant_by_index(news, i);
		sd_json_variant *id = sd_json_variant_by_key(v, "id");
		struct neighbour *n = neighbour_parse(v);

		if (!n || !id || !sd_json_variant_is_string(id)) {
			neighbour_free(n);
			continue;
		}
		n->connection = l->connection;
		forget_neighbour(l, sd_json_variant_string(id));
		map_put(&l->s->neighbours, sd_json_variant_string(id), n);
	}
}

static void on_news(struct link *l, sd_json_variant *v)
{
	sd_json_variant *enis = sd_json_variant_by_key(v, "enis");
	sd_json_variant *gone = sd_json_variant_by_key(v, "gone");
	sd_json_variant *complete = sd_json_variant_by_key(v, "complete");

	for (size_t i = 0; gone && i < sd_json_variant_elements(gone); i++)
		enis_remove(&l->s->enis,
			    sd_json_variant_unsigned(sd_json_variant_by_index(gone, i)));
	for (size_t i = 0; enis && i < sd_json_variant_elements(enis); i++) {
		struct eni *eni = eni_parse(sd_json_variant_by_index(enis, i));

		if (!eni)
			continue;
		mark(l, eni->service);
		enis_put(&l->s->enis, eni);
	}
	on_neighbours(l, sd_json_variant_by_key(v, "neighbours"),
		      sd_json_variant_by_key(v, "neighbours_gone"));
	resolver_changed(l->s);
	if (l->complete || !complete || !sd_json_variant_is_boolean(complete) ||
	    !sd_json_variant_boolean(complete))
		return;
	l->complete = true;
	sweep(l);
	if (!l->s->complete)
		(void)sd_notifyf(false, "READY=1\nSTATUS=Serving the ENIs of this host.");
	l->s->complete = true;
}

static void disconnect(struct link *l)
{
	sd_varlink *v = l->varlink;

	l->varlink = NULL;
	l->complete = false;
	free(l->seen);
	l->seen = NULL;
	l->n = 0;
	sd_varlink_close_unref(v);
	(void)sd_event_source_set_time_relative(l->timer, RETRY);
}

static int on_reply(sd_varlink *v, sd_json_variant *parameters, const char *error_id,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	struct link *l = userdata;

	(void)v;
	if (!error_id)
		on_news(l, parameters);
	if (error_id || !(flags & SD_VARLINK_REPLY_CONTINUES))
		disconnect(l);
	return 0;
}

static int watch(struct link *l)
{
	int r = sd_varlink_connect_address(&l->varlink, l->s->socket_path);

	if (r < 0)
		return r;
	l->connection++;
	sd_varlink_set_userdata(l->varlink, l);
	r = sd_varlink_bind_reply(l->varlink, on_reply);
	if (r >= 0)
		r = sd_varlink_attach_event(l->varlink, l->s->event, 0);
	if (r >= 0)
		r = sd_varlink_observe(l->varlink, "io.nitro.Services.Watch", NULL);
	return r;
}

/* The port goes with its module; nitrod makes it again. */
static void look_after_port(struct link *l)
{
	_cleanup_error_ struct error e = {};

	if (l->varlink && !if_nametoindex(PORT) && link_open_port(l->s->socket_path, &e) < 0)
		fprintf(stderr, "nitro-services: %s\n", e.message);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct link *l = userdata;

	(void)usec;
	if (!l->varlink && watch(l) < 0)
		disconnect(l);
	look_after_port(l);
	resolver_look(l->s);
	(void)sd_event_source_set_time_relative(source, l->varlink ? LOOK_EVERY : RETRY);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/**
 * link_start - connect to nitrod, now and whenever it is back
 * @s: the services
 *
 * READY is told when the ENIs are known.
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int link_start(struct services *s)
{
	struct link *l = xcalloc(1, sizeof(*l));

	l->s = s;
	s->link = l;
	return sd_event_add_time_relative(s->event, &l->timer, CLOCK_MONOTONIC, 0, 0, on_timer, l);
}

/**
 * link_stop - let the connection go
 * @s: the services
 *
 * Context: at the end.
 */
void link_stop(struct services *s)
{
	struct link *l = s->link;

	if (!l)
		return;
	sd_event_source_disable_unref(l->timer);
	sd_varlink_close_unref(l->varlink);
	free(l->seen);
	free(l);
	s->link = NULL;
}
