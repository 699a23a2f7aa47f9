// SPDX-License-Identifier: GPL-2.0
/*
 * List. A message of Varlink has 16 MiB at most, so a client that asks for
 * "more" gets the objects in several replies. Each is made when the one before
 * has left: a client that does not read costs a list of references, and nobody
 * waits for it.
 */

#include <sys/epoll.h>

#include "varlink.h"

/* Text of the objects of one reply; what is shown is up to twice as much */
#define REPLY_SIZE (512 * 1024)

/**
 * struct listing - a List that has not been answered completely
 * @next: the next one
 * @m: the manager
 * @link: the connection
 * @turn: runs after every turn of the event loop
 * @objects: as they were when List was called
 * @n: how many
 * @at: the first that has not been sent
 */
struct listing {
	struct listing *next;
	struct manager *m;
	sd_varlink *link;
	sd_event_source *turn;
	struct object **objects;
	size_t n, at;
};

static void listing_free(struct listing *l)
{
	for (struct listing **p = &l->m->listings; *p; p = &(*p)->next) {
		if (*p == l) {
			*p = l->next;
			break;
		}
	}
	sd_event_source_disable_unref(l->turn);
	for (size_t i = 0; i < l->n; i++)
		object_unref(l->objects[i]);
	free(l->objects);
	sd_varlink_unref(l->link);
	free(l);
}

static struct listing *listing_new(struct manager *m, sd_varlink *link, enum object_kind kind)
{
	struct listing *l = xcalloc(1, sizeof(*l));
	struct object *o;

	l->m = m;
	l->link = sd_varlink_ref(link);
	l->objects = xcalloc(m->model.tables[kind].live, sizeof(*l->objects));
	FOR_EACH_OBJECT(&m->model, kind, o)
		l->objects[l->n++] = object_ref(o);
	l->next = m->listings;
	m->listings = l;
	return l;
}

/* The next objects, as many as make @size, or one */
static sd_json_variant *next_part(struct listing *l, size_t size)
{
	struct json_list list = {};
	sd_json_variant *v = NULL;
	size_t n = 0;

	while (l->at < l->n && n < size) {
		struct object *o = l->objects[l->at++];

		n += strlen(o->body);
		json_list_add(&list, object_show(l->m, o));
	}
	json_set(&v, "objects", json_list_take(&list));
	return v;
}

static int send_part(struct listing *l)
{
	_cleanup_json_ sd_json_variant *v = next_part(l, REPLY_SIZE);

	if (l->at < l->n)
		return sd_varlink_notify(l->link, v);
	return sd_varlink_reply(l->link, v);
}

static int on_turn(sd_event_source *s, void *userdata)
{
	struct listing *l = userdata;
	int events = sd_varlink_get_events(l->link);

	(void)s;
	if (events >= 0 && events & EPOLLOUT)
		return 0;
	if (events < 0 || send_part(l) < 0)
		(void)sd_varlink_close(l->link);	/* ends the listing, too */
	else if (l->at == l->n)
		listing_free(l);
	return 0;
}

static int list_in_one(struct manager *m, sd_varlink *link, const struct varlink_interface *i)
{
	struct listing *l = listing_new(m, link, i->kind);
	_cleanup_json_ sd_json_variant *v = next_part(l, SIZE_MAX);
	_cleanup_error_ struct error e = {};
	size_t n = l->n;
	int r;

	listing_free(l);
	r = sd_varlink_reply(link, v);
	if (r != -ENOBUFS)
		return r;
	fail(&e, ERR_FAILED, "%zu objects do not fit into one reply; call List with 'more'", n);
	return varlink_fail(link, &e);
}

/**
 * varlink_list - method List
 * @link: the connection
 * @flags: of the call
 * @m: the manager
 * @i: the interface
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_list(sd_varlink *link, sd_varlink_method_flags_t flags, struct manager *m,
		 const struct varlink_interface *i)
{
	struct listing *l;
	int r;

	if (!(flags & SD_VARLINK_METHOD_MORE))
		return list_in_one(m, link, i);
	l = listing_new(m, link, i->kind);
	r = send_part(l);
	if (r >= 0 && l->at < l->n)
		r = sd_event_add_post(m->event, &l->turn, on_turn, l);
	if (r < 0 || l->at == l->n)
		listing_free(l);
	return r;
}

/**
 * varlink_list_stop - forget what a connection has not been told yet
 * @m: the manager
 * @link: the connection, NULL for all
 *
 * Context: event loop.
 */
void varlink_list_stop(struct manager *m, const sd_varlink *link)
{
	struct listing *next;

	for (struct listing *l = m->listings; l; l = next) {
		next = l->next;
		if (!link || l->link == link)
			listing_free(l);
	}
}
