// SPDX-License-Identifier: GPL-2.0
/*
 * Looking after the card: it may come and go with its module, and its ENIs
 * with the namespaces that hold them. The desired state waits meanwhile.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/nitro_vpc.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#include "kernel.h"
#include "nl.h"
#include "object.h"

#define USEC 1000000ULL
#define DELAY_MIN (USEC / 4)
#define DELAY_MAX (10 * USEC)
#define LOOK_EVERY (5 * USEC)

static void set_problem(struct manager *m, const char *text)
{
	struct kernel *k = m->kernel;

	if (streq(k->problem, text))
		return;
	free(k->problem);
	k->problem = xstrdup(text);
	journal_card(!text, text);
	if (m->server) {
		sd_json_variant *v = event_new(text ? "card-absent" : "card-present", NULL, NULL,
					       NULL);

		json_set_string(&v, "reason", text);
		manager_event(m, v);
	}
}

/**
 * kernel_failure - why an ENI does not work on this host
 * @m: the manager
 * @eni_id: ID of the ENI
 *
 * Context: any.
 * Return: a sentence (borrowed), NULL if it works.
 */
const char *kernel_failure(struct manager *m, const char *eni_id)
{
	return map_get(&m->kernel->failures, eni_id);
}

/**
 * kernel_set_failure - note that an ENI works, or why not
 * @m: the manager
 * @eni: the ENI
 * @text: a sentence, NULL if it works
 *
 * Context: event loop.
 */
void kernel_set_failure(struct manager *m, const struct object *eni, const char *text)
{
	_cleanup_free_ char *old = map_get(&m->kernel->failures, eni->id);
	sd_json_variant *v;

	if (streq(old, text)) {
		old = NULL;
		return;
	}
	if (text)
		map_put(&m->kernel->failures, eni->id, xstrdup(text));
	else
		map_del(&m->kernel->failures, eni->id);
	journal_problem(eni->id, eni->name, text);
	if (!m->server)
		return;
	v = event_new(text ? "failed" : "recovered", "eni", eni->id, eni->name);
	json_set_string(&v, "reason", text);
	manager_event(m, v);
}

/* ENIs that are no more have no failures either */
static void forget_failures(struct manager *m)
{
	struct map kept = {};

	for (size_t i = 0; i < m->kernel->failures.cap; i++) {
		struct map_slot *slot = &m->kernel->failures.slots[i];

		if (!slot->key)
			continue;
		if (model_by_id(&m->model, slot->key))
			map_put(&kept, slot->key, slot->value);
		else
			free(slot->value);
	}
	map_free(&m->kernel->failures);
	m->kernel->failures = kept;
}

static int read_card(struct manager *m, struct error *e)
{
	struct kernel *k = m->kernel;
	struct kstate seen;
	int r;

	if (k->known)
		return 0;
	r = card_dump(k->nl, &seen, e);
	if (r < 0)
		return r;
	kstate_free(&k->actual);
	k->actual = seen;
	k->known = true;
	return 0;
}

static void lose_card(struct manager *m)
{
	_cleanup_free_ char *reason = module_problem("nitro_vpc");
	struct kernel *k = m->kernel;

	k->events = sd_event_source_disable_unref(k->events);
	k->nl = card_close(k->nl);
	k->known = false;
	kstate_free(&k->actual);
	set_problem(m, reason ? reason : "module nitro_vpc is loaded but gives this network namespace no card");
}

static void look_again(struct manager *m, uint64_t delay)
{
	struct kernel *k = m->kernel;

	(void)sd_event_source_set_time_relative(k->timer, delay);
	(void)sd_event_source_set_enabled(k->timer, SD_EVENT_ONESHOT);
}

static void resync(struct manager *m)
{
	_cleanup_(kstate_free) struct kstate desired = {};
	_cleanup_error_ struct error e = {};
	struct kernel *k = m->kernel;
	int r;

	r = read_card(m, &e);
	if (r >= 0) {
		forget_failures(m);
		kstate_compile(&m->model, &m->handles, &desired);
		r = manager_keep_handles(m, &e);
		if (r >= 0)
			r = reconcile(m, &desired, true, &e);
	}
	set_problem(m, r < 0 ? e.message : NULL);
	if (r < 0 || k->failures.n)
		k->delay = k->delay * 2 > DELAY_MAX ? DELAY_MAX : k->delay * 2;
	else
		k->delay = DELAY_MIN;
	look_again(m, r < 0 || k->failures.n ? k->delay : LOOK_EVERY);
}

static void on_change(uint32_t kind, uint32_t id, bool deleted, void *userdata)
{
	struct manager *m = userdata;

	/* what nitrod has deleted itself is not in m->kernel->actual any more */
	if (kind != NITRO_VPC_OBJECT_KIND_ENI || !deleted ||
	    !kstate_eni(&m->kernel->actual, id))
		return;
	m->kernel->known = false;
	look_again(m, DELAY_MIN);
}

static int on_events(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	if (card_events_read(m->kernel->nl, on_change, m) < 0) {
		m->kernel->known = false;
		look_again(m, DELAY_MIN);
	}
	return 0;
}

static int find_card(struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct kernel *k = m->kernel;
	int r;

	r = card_open(&k->nl, &e);
	if (r < 0) {
		lose_card(m);
		return r;
	}
	r = sd_event_add_io(m->event, &k->events, card_events_fd(k->nl), EPOLLIN, on_events, m);
	if (r < 0)
		lose_card(m);
	return r;
}

/* Does the event say that an ENI is not what it was left as, or that what it
 * waits for may have come? A tap comes and goes with its VMM, under one name;
 * holders rename interfaces.
 */
static bool concerns(struct manager *m, struct object *o, const struct link_event *ev)
{
	const struct keni *k = kstate_eni(&m->kernel->actual, o->handle);
	const struct attachment *a = &ENI(o)->attachment;
	bool port = a->kind == ATTACH_PORT && ev->nsid < 0;

	if (port && streq(ev->link.name, a->port))
		return ev->gone || !k || ev->link.master != k->ifindex;
	if (port && k && k->port == ev->link.ifindex)
		return true;	/* it has another name now */
	if (!k || !k->ifname || ev->gone)
		return false;	/* the card itself tells of ENIs that go */
	if (k->ifindex)
		return ev->nsid < 0 && k->ifindex == ev->link.ifindex &&
		       !streq(k->ifname, ev->link.name);
	return ev->nsid >= 0 && k->nsid == ev->nsid && streq(ev->link.kind, "nitro") &&
	       !streq(k->ifname, ev->link.name);
}

static void on_link(const struct link_event *ev, void *userdata)
{
	struct manager *m = userdata;
	struct object *o;

	if (!m->kernel->known && !m->kernel->failures.n)
		return;
	FOR_EACH_OBJECT(&m->model, KIND_ENI, o) {
		if (ENI(o)->attachment.kind == ATTACH_NONE || !concerns(m, o, ev))
			continue;
		m->kernel->known = false;
		look_again(m, 0);
		return;
	}
}

static int on_link_events(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	if (rtnl_events_read(m->kernel->links, on_link, m) < 0) {
		m->kernel->known = false;
		look_again(m, DELAY_MIN);
	}
	return 0;
}

static int listen_to_links(struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct kernel *k = m->kernel;
	int r;

	r = rtnl_listen(&k->links, &e);
	if (r < 0) {
		fprintf(stderr, "nitrod: %s\n", e.message);
		return r;
	}
	return sd_event_add_io(m->event, &k->link_events, nl_socket_get_fd(k->links), EPOLLIN,
			       on_link_events, m);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;
	struct kernel *k = m->kernel;

	(void)s;
	(void)usec;
	if (k->nl && card_alive(k->nl, NULL) < 0)
		lose_card(m);
	if (!k->nl && find_card(m) < 0) {
		k->delay = k->delay * 2 > DELAY_MAX ? DELAY_MAX : k->delay * 2;
		look_again(m, k->delay);
		return 0;
	}
	if (!k->known || k->problem || k->failures.n)
		resync(m);
	else
		look_again(m, LOOK_EVERY);
	return 0;
}

/**
 * kernel_start - find the card and reconcile it
 * @m: the manager, its state loaded
 *
 * A missing card is no failure: it is looked for again and again.
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int kernel_start(struct manager *m)
{
	struct kernel *k = xcalloc(1, sizeof(*k));
	int r;

	m->kernel = k;
	k->delay = DELAY_MIN;
	k->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (k->home < 0)
		return -errno;
	r = sd_event_add_time_relative(m->event, &k->timer, CLOCK_MONOTONIC, k->delay, 0,
				       on_timer, m);
	if (r >= 0)
		r = listen_to_links(m);
	if (r < 0)
		return r;
	if (find_card(m) >= 0)
		resync(m);
	else
		look_again(m, k->delay);
	return 0;
}

/**
 * kernel_stop - let the card run on by itself
 * @m: the manager
 *
 * Context: at the end.
 */
void kernel_stop(struct manager *m)
{
	struct kernel *k = m->kernel;

	if (!k)
		return;
	sd_event_source_disable_unref(k->events);
	sd_event_source_disable_unref(k->link_events);
	sd_event_source_disable_unref(k->timer);
	rtnl_close(k->links);
	card_close(k->nl);
	kstate_free(&k->actual);
	for (size_t i = 0; i < k->failures.cap; i++)
		if (k->failures.slots[i].key)
			free(k->failures.slots[i].value);
	map_free(&k->failures);
	free(k->problem);
	if (k->home >= 0)
		close(k->home);
	free(k);
	m->kernel = NULL;
}

/**
 * kernel_settle - what attachments depend on has changed: bring ENIs to where they belong
 * @m: the manager
 *
 * An ENI that cannot get there has a kernel_failure() afterwards.
 *
 * Context: event loop.
 */
void kernel_settle(struct manager *m)
{
	if (!m->kernel->nl)
		return;
	m->kernel->known = false;
	resync(m);
}

/**
 * kernel_apply - carry a change to the card, if there is one
 * @m: the manager
 * @desired: what the card should hold
 * @e: says what the kernel refuses
 *
 * Context: event loop.
 * Return: 0, also without a card; a negative errno if the kernel refuses.
 */
int kernel_apply(struct manager *m, struct kstate *desired, struct error *e)
{
	struct kernel *k = m->kernel;
	int r;

	if (!k || !k->nl)
		return 0;
	if (!k->known && card_alive(k->nl, NULL) < 0) {
		lose_card(m);
		look_again(m, DELAY_MIN);
		return 0;
	}
	r = read_card(m, e);
	if (r >= 0)
		r = reconcile(m, desired, false, e);
	if (r >= 0) {
		set_problem(m, NULL);
		forget_failures(m);
		return 0;
	}
	/* a module that goes away in the middle takes no blame for the change */
	if (card_alive(k->nl, NULL) < 0) {
		lose_card(m);
		look_again(m, DELAY_MIN);
		error_clear(e);
		return 0;
	}
	look_again(m, DELAY_MIN);
	return r;
}

/**
 * kernel_has_address - is this an address of this network namespace?
 * @address: the address
 *
 * Context: event loop.
 * Return: true if it is.
 */
bool kernel_has_address(const struct prefix *address)
{
	struct ifaddrs *list, *i;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return false;
	for (i = list; i && !found; i = i->ifa_next) {
		if (!i->ifa_addr)
			continue;
		if (!address->v6 && i->ifa_addr->sa_family == AF_INET)
			found = !memcmp(&((struct sockaddr_in *)i->ifa_addr)->sin_addr,
					address->a, 4);
		else if (address->v6 && i->ifa_addr->sa_family == AF_INET6)
			found = !memcmp(&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr,
					address->a, 16);
	}
	freeifaddrs(list);
	return found;
}
