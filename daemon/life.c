// SPDX-License-Identifier: GPL-2.0
/* The life of one instance, step by step; see instances.h. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "carrier.h"
#include "ebs.h"
#include "enclaves.h"
#include "kernel.h"

#define USEC 1000000ULL

/* A guest that does not shut down when it is told to is ended */
#define STOP_AFTER (60 * USEC)
#define TERMINATE_AFTER (20 * USEC)
/* A VMM that does not end when it is told to is killed */
#define KILL_AFTER (5 * USEC)

/* A VMM that fails is started again, later each time, and then no more */
#define FAILURES_MAX 5
#define RESTART_AFTER USEC
#define GOOD_AFTER (600 * USEC)

/* What is not there yet is looked for again */
#define LOOK_EVERY (USEC / 4)

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * USEC + ts.tv_nsec / 1000;
}

static struct object *object_of(const struct life *l)
{
	return model_by_id(&l->m->model, l->id);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	life_settle(userdata);
	return 0;
}

/**
 * life_later - look at an instance later
 * @l: the instance
 * @usec: how much later
 *
 * Context: event loop.
 */
void life_later(struct life *l, uint64_t usec)
{
	if (!l->timer && sd_event_add_time_relative(l->m->event, &l->timer, CLOCK_MONOTONIC, usec,
						    0, on_timer, l) < 0)
		abort();
	(void)sd_event_source_set_time_relative(l->timer, usec);
	(void)sd_event_source_set_enabled(l->timer, SD_EVENT_ONESHOT);
}

/**
 * life_set - tell everybody how an instance is
 * @l: the instance
 * @state: its state
 * @reason: why, or NULL
 *
 * Context: event loop.
 */
void life_set(struct life *l, enum life_state state, const char *reason)
{
	struct object *o = object_of(l);
	bool changed = l->state != state || !streq(l->reason, reason);
	sd_json_variant *v;

	if (changed) {
		free(l->reason);
		l->reason = xstrdup(reason);
	}
	if (l->state != state && o) {
		l->state = state;
		journal_instance(o, life_state_name(state), reason);
		v = event_new(life_state_name(state), kind_ops[o->kind]->name, o->id, o->name);
		json_set_string(&v, "reason", reason);
		manager_event(l->m, v);
		if (o->kind == KIND_INSTANCE)
			enclaves_parent_changed(l->m, o);
	}
	instances_wake(l);
}

/**
 * life_free - forget an instance; its unit goes on
 * @l: the instance
 *
 * Context: event loop.
 * Return: NULL.
 */
struct life *life_free(struct life *l)
{
	sd_event_source_disable_unref(l->timer);
	sd_bus_slot_unref(l->watch);
	l->carrier->forget(l);
	l->launch = launch_free(l->launch);
	free(l->id);
	free(l->reason);
	free(l->unit);
	free(l->result);
	free(l->seen);
	free(l->problem);
	free(l->cpus);
	free(l->ending);
	free(l);
	return NULL;
}

/* The carrier is gone, and what it had */
static void clean(struct life *l)
{
	l->carrier->forget(l);
	if (l->carrier->clear)
		l->carrier->clear(l);
	l->launch = launch_free(l->launch);
	free(l->problem);
	l->problem = NULL;
	l->deadline = l->running_since = 0;
	l->down = DOWN_NOT;
	l->force = l->noted = false;
	free(l->cpus);
	l->cpus = NULL;
	instance_rundir_remove(l->m, l->id);
}

/* Return: what it has to wait for, or NULL */
static char *missing(struct life *l, const struct object *o)
{
	_cleanup_error_ struct error e = {};
	struct object *other;

	/* while the host boots udev may not have loaded KVM yet */
	if (l->carrier->check(&e) < 0)
		return xstrdup(e.message);
	if (o->kind == KIND_ENCLAVE)
		return enclave_missing(l->m, o);
	FOR_EACH_OBJECT(&l->m->model, KIND_ENI, other) {
		struct keni *k = kstate_eni(&l->m->kernel->actual, other->handle);

		if (model_eni_is_held(other, o->name) && (!k || !l->carrier->has_eni(k)))
			return xprintf("it waits for ENI '%s'", other->name);
	}
	FOR_EACH_OBJECT(&l->m->model, KIND_VOLUME, other)
		if (model_volume_is_held(other, o->name) && !ebs_device(l->m, other->id))
			return xprintf("it waits for volume '%s'", other->name);
	return NULL;
}

/* Its CPUs have to be known to the next nitrod, too */
static int note_cpus(struct life *l, struct error *e)
{
	_cleanup_free_ char *path = instance_rundir(l->m, l->id, "cpus");
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(l->cpus);

	if (fd < 0 || write(fd, l->cpus, n) != (ssize_t)n)
		return fail(e, ERR_FAILED, "cannot write '%s': %s", path, strerror(errno));
	return 0;
}

static void read_cpus(struct life *l)
{
	_cleanup_free_ char *path = instance_rundir(l->m, l->id, "cpus");
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return;
	buf[n] = '\0';
	free(l->cpus);
	l->cpus = xstrdup(buf);
}

static int start(struct life *l, const struct object *o, struct error *e)
{
	int r;

	r = place_find(l, o, e);
	if (r >= 0)
		r = instance_rundir_make(l->m, l->id, e);
	if (r >= 0)
		r = note_cpus(l, e);
	if (r < 0)
		return r;
	l->launch = launch_new(l);
	r = l->carrier->describe(l, o, l->launch, e);
	if (r >= 0)
		r = launch_check(l->launch, e);
	if (r < 0)
		return r;
	r = unit_start(l, l->carrier->memory(INSTANCE(o)));
	return r < 0 ? fail(e, ERR_FAILED, "cannot ask systemd: %s", strerror(-r)) : 0;
}

/* It does not come again: what it had is free, and its name soon */
static void end_for_good(struct life *l, const char *reason)
{
	if (!l->ending)
		l->ending = xstrdup(reason);
	instance_release(l);
}

/* If somebody waits for it to come up for the first time, it is as if nobody had
 * asked: who did hears why when everything is as before.
 */
static void give_up(struct life *l, const char *reason)
{
	char *copy = xstrdup(reason);

	l->not_before = 0;
	if (!l->fresh) {
		life_set(l, LIFE_FAILED, copy);
		if (l->carrier->once)
			end_for_good(l, copy);
		free(copy);
		return;
	}
	free(l->reason);
	l->reason = copy;
	instance_release(l);
}

static void try_start(struct life *l, const struct object *o)
{
	_cleanup_free_ char *wait = missing(l, o);
	_cleanup_error_ struct error e = {};

	if (now() < l->not_before) {
		life_later(l, l->not_before - now());
		return;
	}
	life_set(l, LIFE_PENDING, wait);
	if (wait || !l->m->instances->bus) {
		life_later(l, LOOK_EVERY);
		return;
	}
	if (start(l, o, &e) < 0) {
		clean(l);
		give_up(l, e.message);
		return;
	}
	l->starting = true;
}

/* A carrier that fails is started again, if that is wanted and may help */
static void failed(struct life *l, const struct object *o, const char *reason)
{
	if (l->fresh || INSTANCE(o)->restart == RESTART_NO || ++l->failures > FAILURES_MAX) {
		give_up(l, reason);
		return;
	}
	l->not_before = now() + (RESTART_AFTER << l->failures);
	life_set(l, LIFE_PENDING, reason);
	life_later(l, l->not_before - now());
}

static char *why(struct life *l, const struct object *o)
{
	_cleanup_free_ char *words = instance_last_words(l->m, l->id);
	char *text = words && l->carrier->explain ? l->carrier->explain(l, o, words) : NULL;

	if (text)
		return text;
	if (l->problem)
		return xstrdup(l->problem);
	text = l->carrier->ending ? l->carrier->ending(l) : NULL;
	if (text)
		return text;
	if (streq(l->result, "oom-kill"))
		return xprintf("%s used more memory than the instance has", l->carrier->label);
	return xprintf("%s failed: %s", l->carrier->label,
		       words ? words : l->result ? l->result : "unknown");
}

/* Nothing of it is there: is that what is wanted? */
static void rest(struct life *l, struct object *o)
{
	switch (INSTANCE(o)->wish) {
	case WISH_RUNNING:
		if (l->carrier->once && !l->cell && !l->releasing)
			end_for_good(l, "this host was restarted, or nitrod before it was started");
		else if (l->state != LIFE_FAILED && !l->releasing)
			try_start(l, o);
		return;
	case WISH_STOPPED:
		life_set(l, LIFE_STOPPED, l->state == LIFE_STOPPED ? l->reason : NULL);
		return;
	default:
		if (INSTANCE(o)->ended)
			life_set(l, LIFE_TERMINATED, INSTANCE(o)->ending);
		else
			instance_release(l);
	}
}

/* An earlier nitrod may have begun to start it, and no more */
static void unstarted(struct life *l, struct object *o)
{
	if (instance_is_marked(l->m, l->id, ""))
		clean(l);
	rest(l, o);
}

/* The unit has ended, and that was not seen before */
static void ended(struct life *l, struct object *o)
{
	_cleanup_error_ struct error ignored = {};
	_cleanup_free_ char *reason = why(l, o);
	bool good = streq(l->result, "success"), again = instance_is_marked(l->m, l->id, MARK_REBOOT);
	_cleanup_free_ char *ending = l->carrier->ending ? l->carrier->ending(l) : NULL;
	bool by_itself = streq(l->result, "exit-code") && l->status == l->carrier->reboots;

	if (l->running_since && now() - l->running_since > GOOD_AFTER)
		l->failures = 0;
	clean(l);
	l->reboot = false;
	if (by_itself)
		l->not_before = now() + RESTART_AFTER;
	if (INSTANCE(o)->wish != WISH_RUNNING || again || by_itself) {
		rest(l, o);
		return;
	}
	if (!good) {
		failed(l, o, reason);
		return;
	}
	if (l->carrier->once) {
		end_for_good(l, ending ? ending : "its unit is gone, and it did not say why");
		return;
	}
	/* the guest has shut itself down */
	if (instance_set_wish(l->m, o, WISH_STOPPED, &ignored) >= 0)
		life_set(l, LIFE_STOPPED, "the guest has shut down");
}

static bool can_be_told(const struct life *l)
{
	return !l->force && l->carrier->power_off;
}

/* Tell the guest, then the carrier, then kill it */
static void next_step_down(struct life *l, uint64_t t, enum wish wish)
{
	uint64_t patience = KILL_AFTER;

	if (l->down == DOWN_NOT && can_be_told(l) && l->carrier->ready(l)) {
		l->down = DOWN_GUEST_TOLD;
		patience = wish == WISH_TERMINATED ? TERMINATE_AFTER : STOP_AFTER;
		l->carrier->power_off(l);
	} else if (l->down < DOWN_CARRIER_TOLD) {
		l->down = DOWN_CARRIER_TOLD;
		l->carrier->end(l);
	} else {
		unit_kill(l, SIGKILL, true);
	}
	l->deadline = t + patience;
}

static void bring_down(struct life *l, enum wish wish)
{
	uint64_t t = now();

	life_set(l, LIFE_STOPPING, NULL);
	/* one that was just found or started is given the time to answer */
	if (l->down == DOWN_NOT && can_be_told(l) && !l->carrier->ready(l) && !l->deadline)
		l->deadline = t + KILL_AFTER;
	else if ((l->down == DOWN_NOT && l->carrier->ready(l)) || t >= l->deadline ||
		 (!can_be_told(l) && l->down < DOWN_CARRIER_TOLD))
		next_step_down(l, t, wish);
	life_later(l, l->deadline > t ? l->deadline - t : LOOK_EVERY);
}

/* From now on, when its unit is not there it has ended */
static void note_started(struct life *l)
{
	_cleanup_error_ struct error e = {};

	if (!l->noted && instance_mark(l->m, l->id, MARK_STARTED, &e) < 0)
		fprintf(stderr, "<4>nitrod: %s\n", e.message);
	l->noted = true;
}

static void be_up(struct life *l, struct object *o)
{
	/* what an earlier nitrod has begun with goes on */
	if (!l->noted)
		l->reboot |= instance_is_marked(l->m, l->id, MARK_REBOOT);
	note_started(l);
	if (!l->cpus)
		read_cpus(l);
	l->carrier->find(l);
	if (INSTANCE(o)->wish != WISH_RUNNING || l->reboot)
		bring_down(l, INSTANCE(o)->wish);
	else if (l->running_since)
		life_set(l, LIFE_RUNNING, NULL);
	else
		life_set(l, LIFE_PENDING, NULL);
}

static bool is_up(const struct life *l)
{
	return streq(l->unit, "active") || streq(l->unit, "activating") ||
	       streq(l->unit, "reloading") || streq(l->unit, "refreshing");
}

/* This host runs as long as nitrod does */
static void settle_host(struct life *l, const struct object *o)
{
	if (INSTANCE(o)->ended)
		life_set(l, LIFE_TERMINATED, NULL);
	else if (INSTANCE(o)->wish == WISH_TERMINATED)
		instance_release(l);
	else
		life_set(l, LIFE_RUNNING, NULL);
}

/**
 * life_settle - do the next step
 * @l: the instance
 *
 * Context: event loop.
 */
void life_settle(struct life *l)
{
	struct object *o = object_of(l);

	if (o && !l->carrier->unit)
		settle_host(l, o);
	if (!o || !l->unit || l->starting)
		return;
	if (is_up(l))
		be_up(l, o);
	else if (streq(l->unit, "deactivating"))
		return;
	else if (instance_is_marked(l->m, l->id, MARK_STARTED))
		ended(l, o);
	else
		unstarted(l, o);
}

/**
 * life_unit_is - the unit of an instance is known, or has changed
 * @l: the instance
 * @active: its ActiveState
 * @result: its Result
 *
 * Context: event loop.
 */
void life_unit_is(struct life *l, const char *active, const char *result)
{
	if (l->result != result) {
		free(l->result);
		l->result = xstrdup(result);
	}
	free(l->unit);
	l->unit = xstrdup(active);
	life_settle(l);
}

/**
 * life_unit_started - what systemd was asked to do is done, or cannot be
 * @l: the instance
 * @problem: why not, or NULL
 *
 * Context: event loop.
 */
void life_unit_started(struct life *l, const char *problem)
{
	_cleanup_free_ char *reason = NULL;

	if (!l->starting)
		return;
	l->starting = false;
	if (!problem) {
		note_started(l);
		/* that it is up was told before; how it has ended may not have been */
		if (is_up(l))
			life_settle(l);
		else
			unit_ask(l);
		return;
	}
	reason = xprintf("systemd does not start it: %s", problem);
	clean(l);
	give_up(l, reason);
}

/**
 * life_is_up - its carrier answers, and the guest runs
 * @l: the instance
 *
 * Context: event loop.
 */
void life_is_up(struct life *l)
{
	if (!l->running_since)
		l->running_since = now();
	l->carrier->sync(l);
	l->fresh = false;
	life_settle(l);
}
