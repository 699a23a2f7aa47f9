// SPDX-License-Identifier: GPL-2.0
/*
 * Telling nitro-services of the ENIs of this host, and of the names and addresses
 * of others in their VPCs: all of them at first, then what changes. A watcher remembers a hash of what it was told, so that nothing
 * has to be queued: a change makes it look through the ENIs again, some in each
 * turn of the event loop and only while the connection takes more.
 */

#include <sys/epoll.h>
#include <time.h>

#include "object.h"
#include "services.h"

#define WATCHERS_MAX 4
#define REPLY_SIZE (256 * 1024)
#define BLOCKED_USEC 20000
#define KEY0 0x6e6974726f2d7376ULL
#define KEY1 1

/* What a watcher was told of an ENI; @pass is 0 for nothing */
struct told {
	uint64_t hash;
	uint32_t pass;
};

/**
 * struct watcher - a connection that watches
 * @next: the next one
 * @m: the manager
 * @link: the connection
 * @turn: a timer: one part of a walk in each turn of the event loop
 * @told: by number of the ENI
 * @n: numbers that @told has room for
 * @neighbours: ID of an ENI of another host -> struct told
 * @vpcs: names of the VPCs that have ENIs of this host, of the present walk
 * @pass: counts the walks over the ENIs
 * @at: place of the walk in the table of ENIs
 * @again: something has changed since the walk began
 */
struct watcher {
	struct watcher *next;
	struct manager *m;
	sd_varlink *link;
	sd_event_source *turn;
	struct told *told;
	size_t n;
	struct map neighbours;
	struct map vpcs;
	uint32_t pass;
	size_t at;
	bool again;
};

static void watcher_free(struct watcher *w)
{
	sd_event_source_disable_unref(w->turn);
	sd_varlink_unref(w->link);
	free(w->told);
	for (size_t i = 0; i < w->neighbours.cap; i++)
		free(w->neighbours.slots[i].value);
	map_free(&w->neighbours);
	map_free(&w->vpcs);
	free(w);
}

static uint64_t hash_of(sd_json_variant *view)
{
	_cleanup_free_ char *text = NULL;

	if (sd_json_variant_format(view, 0, &text) < 0)
		abort();
	return siphash24(text, strlen(text), KEY0, KEY1);
}

static struct told *told_of(struct watcher *w, uint32_t service)
{
	if (service >= w->n) {
		size_t n = service + service / 2 + 64;

		w->told = xrealloc(w->told, n, sizeof(*w->told));
		memset(&w->told[w->n], 0, (n - w->n) * sizeof(*w->told));
		w->n = n;
	}
	return &w->told[service];
}

static struct told *told_of_neighbour(struct watcher *w, const char *id)
{
	struct told *told = map_get(&w->neighbours, id);

	if (!told) {
		told = xcalloc(1, sizeof(*told));
		map_put(&w->neighbours, id, told);
	}
	return told;
}

static void begin_walk(struct watcher *w)
{
	struct model *m = &w->m->model;
	struct object *o;

	w->at = 0;
	w->pass++;
	w->again = false;
	map_free(&w->vpcs);
	FOR_EACH_OBJECT(m, KIND_ENI, o)
		if (model_eni_is_local(m, ENI(o)))
			map_put(&w->vpcs, ENI(o)->vpc, w);
}

/* Return: what it takes in a reply, roughly; little if it is known. */
static size_t tell(struct watcher *w, struct told *told, const struct eni *eni,
		   sd_json_variant *view, struct json_list *list)
{
	uint64_t hash = hash_of(view);
	bool news = !told->pass || told->hash != hash;

	if (news)
		json_list_add(list, sd_json_variant_ref(view));
	*told = (struct told){ .hash = hash, .pass = w->pass };
	return 64 + (news ? 2 * strlen(eni->o.body) : 0);
}

/* The next ENIs that the watcher does not know as they are, up to a reply's size */
static void collect(struct watcher *w, struct json_list *enis, struct json_list *neighbours)
{
	const struct table *t = &w->m->model.tables[KIND_ENI];
	size_t size = 0;

	while (size < REPLY_SIZE) {
		struct eni *eni = ENI(table_next(t, &w->at));
		_cleanup_json_ sd_json_variant *view = NULL;

		if (!eni)
			return;
		if (model_eni_is_local(&w->m->model, eni)) {
			view = services_view(w->m, eni);
			size += tell(w, told_of(w, keni_service(eni->o.handle)), eni, view, enis);
		} else if (map_get(&w->vpcs, eni->vpc)) {
			view = services_neighbour(w->m, eni);
			size += tell(w, told_of_neighbour(w, eni->o.id), eni, view, neighbours);
		} else {
			size += 16;
		}
	}
}

/* At the end of a walk, what it has not seen is no more */
static void collect_gone(struct watcher *w, struct json_list *list)
{
	for (size_t i = 0; i < w->n; i++) {
		sd_json_variant *number = NULL;

		if (!w->told[i].pass || w->told[i].pass == w->pass)
			continue;
		w->told[i].pass = 0;
		if (sd_json_variant_new_unsigned(&number, i) < 0)
			abort();
		json_list_add(list, number);
	}
}

static void collect_neighbours_gone(struct watcher *w, struct json_list *list)
{
	_cleanup_strings_ struct strings gone = {};

	for (size_t i = 0; i < w->neighbours.cap; i++) {
		const struct map_slot *slot = &w->neighbours.slots[i];
		const struct told *told = slot->value;

		if (told && told->pass != w->pass)
			strings_add(&gone, slot->key);
	}
	for (size_t i = 0; i < gone.n; i++) {
		free(map_del(&w->neighbours, gone.v[i]));
		json_list_add_string(list, gone.v[i]);
	}
}

static void go_on(struct watcher *w, uint64_t delay)
{
	(void)sd_event_source_set_time_relative(w->turn, delay);
	(void)sd_event_source_set_enabled(w->turn, SD_EVENT_ONESHOT);
}

static int send_part(struct watcher *w)
{
	struct json_list enis = {}, gone = {}, neighbours = {}, neighbours_gone = {};
	_cleanup_json_ sd_json_variant *v = NULL;
	bool end, news;

	collect(w, &enis, &neighbours);
	end = w->at >= w->m->model.tables[KIND_ENI].n;
	if (end) {
		collect_gone(w, &gone);
		collect_neighbours_gone(w, &neighbours_gone);
	}
	news = enis.n || gone.n || neighbours.n || neighbours_gone.n || (end && w->pass == 1);
	json_set(&v, "enis", json_list_take(&enis));
	json_set(&v, "gone", json_list_take(&gone));
	json_set(&v, "neighbours", json_list_take(&neighbours));
	json_set(&v, "neighbours_gone", json_list_take(&neighbours_gone));
	json_set_bool(&v, "complete", end);
	if (end && w->again) {
		begin_walk(w);
		end = false;
	}
	if (!end)
		go_on(w, 0);
	return news ? sd_varlink_notify(w->link, v) : 0;
}

static int on_turn(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct watcher *w = userdata;
	int events = sd_varlink_get_events(w->link);

	(void)s;
	(void)usec;
	if (events >= 0 && events & EPOLLOUT)
		go_on(w, BLOCKED_USEC);
	else if (events < 0 || send_part(w) < 0)
		(void)sd_varlink_close(w->link);	/* ends the watching, too */
	return 0;
}

/**
 * services_changed - the services may have to know something
 * @m: the manager
 *
 * Context: event loop; cheap, the work is done in later turns.
 */
void services_changed(struct manager *m)
{
	for (struct watcher *w = m->watchers; w; w = w->next) {
		int on = 0;

		(void)sd_event_source_get_enabled(w->turn, &on);
		if (on) {
			w->again = true;
			continue;
		}
		begin_walk(w);
		go_on(w, 0);
	}
}

/**
 * services_watch - tell a connection of the ENIs from now on
 * @m: the manager
 * @link: the connection
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int services_watch(struct manager *m, sd_varlink *link, struct error *e)
{
	struct watcher *w;
	size_t n = 0;
	int r;

	for (w = m->watchers; w; w = w->next)
		n++;
	if (n >= WATCHERS_MAX)
		return fail(e, ERR_FAILED, "%d connections watch already", WATCHERS_MAX);
	w = xcalloc(1, sizeof(*w));
	w->m = m;
	w->link = sd_varlink_ref(link);
	begin_walk(w);
	r = sd_event_add_time_relative(m->event, &w->turn, CLOCK_MONOTONIC, 0, 1, on_turn, w);
	if (r < 0) {
		watcher_free(w);
		return fail(e, ERR_FAILED, "cannot watch: %s", strerror(-r));
	}
	w->next = m->watchers;
	m->watchers = w;
	return 0;
}

/**
 * services_unwatch - a connection is gone
 * @m: the manager
 * @link: the connection, NULL for all
 *
 * Context: event loop.
 */
void services_unwatch(struct manager *m, const sd_varlink *link)
{
	struct watcher **p = &m->watchers;

	while (*p) {
		struct watcher *w = *p;

		if (link && w->link != link) {
			p = &w->next;
			continue;
		}
		*p = w->next;
		watcher_free(w);
	}
}
