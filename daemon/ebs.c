// SPDX-License-Identifier: GPL-2.0
/*
 * Looking after the volumes that are attached: what the kernel should have and
 * does not is given back to it, whoever has taken it away.
 */

#include <fcntl.h>
#include <linux/nitro_ebs.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#include "ebs.h"
#include "kernel.h"
#include "keyring.h"
#include "storage.h"

#define USEC 1000000ULL
#define DELAY_MIN (USEC / 4)
#define DELAY_MAX (10 * USEC)
#define LOOK_EVERY (5 * USEC)
#define MIB (1ULL << 20)
#define LOOP_MAJOR 7

static void make_serial(const struct object *o, char serial[24])
{
	(void)snprintf(serial, 24, "vol%s", o->id + strlen("vol-"));
}

/**
 * ebs_device - the device that a volume is
 * @m: the manager
 * @volume_id: the volume
 *
 * Context: event loop.
 * Return: borrowed, NULL if the kernel has none.
 */
const struct kdevice *ebs_device(struct manager *m, const char *volume_id)
{
	struct ebs *k = m->ebs;

	for (size_t i = 0; k && i < k->n; i++)
		if (startswith(k->devices[i].serial, "vol") &&
		    streq(k->devices[i].serial + 3, volume_id + 4))
			return &k->devices[i];
	return NULL;
}

/**
 * ebs_failure - why an attached volume does not work
 * @m: the manager
 * @volume_id: the volume
 *
 * Context: any.
 * Return: a sentence (borrowed), NULL if it works.
 */
const char *ebs_failure(struct manager *m, const char *volume_id)
{
	return m->ebs ? map_get(&m->ebs->failures, volume_id) : NULL;
}

/**
 * ebs_set_failure - note that a volume works, or why not
 * @m: the manager
 * @volume: the volume
 * @text: a sentence, NULL if it works
 *
 * Context: event loop.
 */
void ebs_set_failure(struct manager *m, const struct object *volume, const char *text)
{
	_cleanup_free_ char *old = map_get(&m->ebs->failures, volume->id);
	sd_json_variant *v;

	if (streq(old, text)) {
		old = NULL;
		return;
	}
	if (text)
		map_put(&m->ebs->failures, volume->id, xstrdup(text));
	else
		map_del(&m->ebs->failures, volume->id);
	journal_volume(volume, text ? "failed" : "recovered", text);
	if (!m->server)
		return;
	v = event_new(text ? "failed" : "recovered", "volume", volume->id, volume->name);
	json_set_string(&v, "reason", text);
	manager_event(m, v);
}

static void look_again(struct manager *m, uint64_t delay)
{
	(void)sd_event_source_set_time_relative(m->ebs->timer, delay);
	(void)sd_event_source_set_enabled(m->ebs->timer, SD_EVENT_ONESHOT);
}

static void set_problem(struct manager *m, const char *text)
{
	free(m->ebs->problem);
	m->ebs->problem = xstrdup(text);
}

static void lose_card(struct manager *m)
{
	_cleanup_free_ char *reason = module_problem("nitro_ebs");

	m->ebs->source = sd_event_source_disable_unref(m->ebs->source);
	ebs_close(m->ebs);
	set_problem(m, reason ? reason : "module nitro_ebs is loaded but does not answer");
}

static void forget(struct manager *m, uint32_t id)
{
	struct ebs *k = m->ebs;

	for (size_t i = 0; i < k->n; i++)
		if (k->devices[i].id == id)
			k->devices[i--] = k->devices[--k->n];
}

/**
 * ebs_forget - a volume's device is gone
 * @m: the manager
 * @volume_id: the volume
 *
 * Context: event loop.
 */
void ebs_forget(struct manager *m, const char *volume_id)
{
	const struct kdevice *d = ebs_device(m, volume_id);

	if (d)
		forget(m, d->id);
}

static void remember(struct manager *m, const struct kdevice *d)
{
	forget(m, d->id);
	GROW(m->ebs->devices, m->ebs->n, m->ebs->cap);
	m->ebs->devices[m->ebs->n++] = *d;
}

/* The data key of a volume, in the kernel's keyring for a moment */
static int hand_over_key(struct manager *m, const struct object *o, uint32_t *ret, struct error *e)
{
	const struct volume *v = VOLUME(o);
	struct object *key = model_get(&m->model, KIND_KEY, NULL, v->key);
	_cleanup_secret_ struct secret data = {};
	const struct secret *master;

	master = storage_secret(m, key->id, v->generation);
	if (!master)
		return fail(e, ERR_FAILED, "key '%s' is not open", v->key);
	if (secret_unwrap(master, o->id, v->data_key, &data, e) < 0)
		return -EIO;
	return keyring_add(o->id, &data, ret, e);
}

static int attach_device(struct manager *m, struct object *o, struct kdevice *ret,
			 struct error *e)
{
	const struct volume *v = VOLUME(o);
	struct object *pool = model_get(&m->model, KIND_POOL, NULL, v->pool);
	struct kattach a = {
		.sector_size = v->sector_size, .size = v->size, .iops = v->iops,
		.throughput = v->throughput * MIB, .name = o->name,
		.start = v->offset == OFFSET_NONE ? 0 : v->offset,
	};
	_cleanup_close_ int fd = backing_open(POOL(pool), v, e);
	int r = 0;

	if (fd < 0)
		return fd;
	a.fd = fd;
	make_serial(o, a.serial);
	if (!v->instance_store)
		r = hand_over_key(m, o, &a.key, e);
	if (r >= 0)
		r = ebs_attach(m->ebs, &a, ret, e);
	keyring_remove(a.key);
	return r;
}

static void detach_now(struct manager *m, const struct object *o, uint32_t id)
{
	_cleanup_error_ struct error ignored = {};
	struct ebs_detach d = { .id = id, .name = o->name };

	(void)ebs_detach(&d, &ignored);
	forget(m, id);
}

static int attach(struct manager *m, struct object *o, struct error *e)
{
	_cleanup_error_ struct error why = {};
	struct kdevice d;

	if (ebs_device(m, o->id))
		return 0;
	if (!m->ebs->genl)
		return fail(e, ERR_FAILED, "volume '%s': %s", o->name, m->ebs->problem);
	if (attach_device(m, o, &d, &why) < 0)
		return fail(e, ERR_FAILED, "volume '%s': %s", o->name, why.message);
	remember(m, &d);
	return 0;
}

/* Size and limits. A file has to be seen to have grown by its loop device first */
static int adjust(struct manager *m, const struct object *o, struct error *e)
{
	const struct kdevice *d = ebs_device(m, o->id);
	const struct volume *v = VOLUME(o);
	struct kdevice now;
	int r = 0;

	if (!d || (d->size == v->size && d->iops == v->iops &&
		   d->throughput == v->throughput * MIB))
		return 0;
	now = *d;
	if (d->size < v->size && d->backing_major == LOOP_MAJOR)
		r = loop_resize(d->backing_minor, e);
	if (r >= 0)
		r = ebs_set(m->ebs, d->id, v->size > d->size ? v->size : d->size, v->iops,
			    v->throughput * MIB, e);
	if (r < 0)
		return r;
	now.size = v->size > now.size ? v->size : now.size;
	now.iops = v->iops;
	now.throughput = v->throughput * MIB;
	remember(m, &now);
	return 0;
}

static bool held(const struct object *o)
{
	return o && VOLUME(o)->holder != HOLDER_NONE;
}

static int apply_edit(struct manager *m, const struct edit *edit, struct error *e)
{
	_cleanup_error_ struct error why = {};

	if (held(edit->new) && !held(edit->old))
		return attach(m, edit->new, e);
	if (held(edit->new) && adjust(m, edit->new, &why) < 0)
		return fail(e, ERR_FAILED, "volume '%s': %s", edit->new->name, why.message);
	return 0;
}

/**
 * ebs_apply - carry a change to the card for EBS
 * @m: the manager
 * @c: the change, committed
 * @e: says what the kernel refuses; the card is then as before
 *
 * Devices that go are gone already: their operation has detached them.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int ebs_apply(struct manager *m, const struct change *c, struct error *e)
{
	size_t i;
	int r = 0;

	for (i = 0; m->ebs && r >= 0 && i < c->n; i++) {
		struct object *o = c->edits[i].new ? c->edits[i].new : c->edits[i].old;

		if (o->kind == KIND_VOLUME)
			r = apply_edit(m, &c->edits[i], e);
	}
	for (; r < 0 && i-- > 0;) {
		const struct edit *edit = &c->edits[i];
		const struct kdevice *d;

		if (!edit->new || edit->new->kind != KIND_VOLUME || !held(edit->new) ||
		    held(edit->old))
			continue;
		d = ebs_device(m, edit->new->id);
		if (d)
			detach_now(m, edit->new, d->id);
	}
	if (r >= 0 && m->ebs)
		for (i = 0; i < c->n; i++)
			if (c->edits[i].old && c->edits[i].old->kind == KIND_VOLUME &&
			    !held(c->edits[i].new))
				ebs_set_failure(m, c->edits[i].old, NULL);
	return r;
}

/**
 * ebs_restore - give the kernel back a volume that it should have
 * @m: the manager
 * @volume: the volume, its master key open
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int ebs_restore(struct manager *m, struct object *volume, struct error *e)
{
	int r = held(volume) ? attach(m, volume, e) : 0;

	if (r >= 0)
		ebs_set_failure(m, volume, NULL);
	return r;
}

static const char *broken(const struct kdevice *d)
{
	switch (d->state) {
	case NITRO_EBS_DEVICE_STATE_ERASED:
		return "its key was destroyed";
	case NITRO_EBS_DEVICE_STATE_DEAD:
		return "its backing device has gone";
	default:
		return NULL;
	}
}

/* Devices of volumes that are not attached: left by a nitrod that died, or by
 * a state that was lost. Those in use stay.
 */
static void drop_stale(struct manager *m)
{
	for (size_t i = 0; i < m->ebs->n;) {
		_cleanup_error_ struct error ignored = {};
		const struct kdevice *d = &m->ebs->devices[i];
		struct ebs_detach detach = { .id = d->id, .name = d->serial };
		_cleanup_free_ char *id = NULL;
		struct object *o;

		i++;
		if (strlen(d->serial) != 20 || !startswith(d->serial, "vol"))
			continue;
		id = xprintf("vol-%s", d->serial + 3);
		o = model_by_id(&m->model, id);
		if (held(o) || storage_busy(m, id) || d->opens)
			continue;
		if (ebs_detach(&detach, &ignored) >= 0) {
			forget(m, detach.id);
			i = 0;
		}
	}
}

static void check_volumes(struct manager *m)
{
	_cleanup_strings_ struct strings missing = {};
	struct object *o;

	drop_stale(m);
	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o) {
		_cleanup_error_ struct error e = {};
		const struct kdevice *d = ebs_device(m, o->id);

		if (!held(o) || storage_busy(m, o->id))
			continue;
		if (!d) {
			strings_add(&missing, o->id);
			continue;
		}
		if (broken(d))
			ebs_set_failure(m, o, broken(d));
		else
			ebs_set_failure(m, o, adjust(m, o, &e) < 0 ? e.message : NULL);
	}
	m->ebs->delay = !missing.n ? DELAY_MIN :
		m->ebs->delay * 2 > DELAY_MAX ? DELAY_MAX : m->ebs->delay * 2;
	look_again(m, missing.n ? m->ebs->delay : LOOK_EVERY);
	storage_restore(m, &missing);
}

static void without_card(struct manager *m)
{
	struct object *o;

	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o)
		if (held(o))
			ebs_set_failure(m, o, m->ebs->problem);
	look_again(m, LOOK_EVERY);
}

static const char *const event_names[] = {
	[NITRO_EBS_EVENT_KIND_ERASE] = "erased",
	[NITRO_EBS_EVENT_KIND_STALL] = "stalled",
	[NITRO_EBS_EVENT_KIND_RESUME] = "resumed",
	[NITRO_EBS_EVENT_KIND_ERROR] = "io-error",
	[NITRO_EBS_EVENT_KIND_LIMIT_EXCEEDED] = "limit-exceeded",
	[NITRO_EBS_EVENT_KIND_DEAD] = "dead",
};

static char *describe(const struct kevent *ev)
{
	switch (ev->kind) {
	case NITRO_EBS_EVENT_KIND_STALL:
		return xprintf("I/O has been waiting for %llu s",
			       (unsigned long long)(ev->waited / USEC));
	case NITRO_EBS_EVENT_KIND_ERROR:
		return xprintf("%llu times I/O failed, last a %s of sector %llu: %s",
			       (unsigned long long)ev->errors,
			       ev->direction == NITRO_EBS_IO_DIRECTION_WRITE ? "write" : "read",
			       (unsigned long long)ev->sector, strerror(ev->error));
	default:
		return NULL;
	}
}

static void on_event(const struct kevent *ev, void *userdata)
{
	const char *name = ev->kind < ARRAY_SIZE(event_names) ? event_names[ev->kind] : NULL;
	_cleanup_free_ char *id = NULL, *text = NULL;
	struct manager *m = userdata;
	struct object *o;
	sd_json_variant *v;

	if (ev->kind == NITRO_EBS_EVENT_KIND_DETACH)
		forget(m, ev->id);
	/* devices come and go, grow and get limits by what nitrod does itself */
	if (ev->kind == NITRO_EBS_EVENT_KIND_DETACH || ev->kind == NITRO_EBS_EVENT_KIND_DEAD ||
	    ev->kind == NITRO_EBS_EVENT_KIND_ERASE)
		look_again(m, DELAY_MIN);
	if (!name || strlen(ev->serial) < 4)
		return;
	id = xprintf("vol-%s", ev->serial + 3);
	o = model_by_id(&m->model, id);
	if (!o)
		return;
	text = describe(ev);
	if (ev->kind != NITRO_EBS_EVENT_KIND_LIMIT_EXCEEDED)
		journal_volume(o, name, text);
	v = event_new(name, "volume", o->id, o->name);
	json_set_string(&v, "reason", text);
	manager_event(m, v);
}

static int on_events(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	if (ebs_events_read(m->ebs, on_event, m) < 0)
		look_again(m, DELAY_MIN);
	return 0;
}

static int find_card(struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct ebs *k = m->ebs;

	if (k->genl && ebs_dump(k, &e) >= 0)
		return 0;
	lose_card(m);
	error_clear(&e);
	if (ebs_open(k, &e) < 0)
		return -ENOENT;
	if (sd_event_add_io(m->event, &k->source, ebs_events_fd(k), EPOLLIN, on_events, m) < 0 ||
	    ebs_dump(k, &e) < 0) {
		lose_card(m);
		return -EIO;
	}
	set_problem(m, NULL);
	return 0;
}

static bool look(struct manager *m)
{
	if (find_card(m) < 0) {
		without_card(m);
		return false;
	}
	check_volumes(m);
	return true;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)usec;
	if (look(m))
		stats_sample(m);
	return 0;
}

/**
 * ebs_start - find the card for EBS and what it holds
 * @m: the manager, its state loaded
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int ebs_start(struct manager *m)
{
	int r;

	m->ebs = xcalloc(1, sizeof(*m->ebs));
	m->ebs->delay = DELAY_MIN;
	r = sd_event_add_time_relative(m->event, &m->ebs->timer, CLOCK_MONOTONIC, LOOK_EVERY, 0,
				       on_timer, m);
	if (r < 0)
		return r;
	/* samples of all counters can wait until it is up */
	(void)look(m);
	return 0;
}

/**
 * ebs_stop - let the volumes run on by themselves
 * @m: the manager
 *
 * Context: at the end.
 */
void ebs_stop(struct manager *m)
{
	struct ebs *k = m->ebs;

	if (!k)
		return;
	sd_event_source_disable_unref(k->source);
	sd_event_source_disable_unref(k->timer);
	ebs_close(k);
	for (size_t i = 0; i < k->failures.cap; i++)
		if (k->failures.slots[i].key)
			free(k->failures.slots[i].value);
	map_free(&k->failures);
	for (size_t i = 0; i < k->samples.cap; i++)
		if (k->samples.slots[i].key)
			free(k->samples.slots[i].value);
	map_free(&k->samples);
	free(k->devices);
	free(k->problem);
	free(k);
	m->ebs = NULL;
}
