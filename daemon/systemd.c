// SPDX-License-Identifier: GPL-2.0
/* The units of instances, over systemd's D-Bus interface; nothing here waits. */

#include <sched.h>
#include <signal.h>
#include <stdio.h>

#include "carrier.h"
#include "harden.h"
#include "instances.h"

#define USEC 1000000ULL
#define RETRY_EVERY (2 * USEC)
#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define SUFFIX ".service"

/**
 * unit_name - what systemd calls an instance
 * @carrier: what carries it
 * @id: its ID
 *
 * Context: any.
 * Return: the name of the unit, to be freed.
 */
char *unit_name(const struct carrier *carrier, const char *id)
{
	return xprintf("%s@%s" SUFFIX, carrier->unit, id);
}

/* The instance that a unit is of, and lives; or NULL */
static struct life *unit_life(struct manager *m, const char *unit)
{
	const char *at = strchr(unit, '@');
	size_t n = at ? strlen(at) : 0;
	_cleanup_free_ char *id = NULL, *name = NULL;
	struct life *l;

	if (n <= strlen("@" SUFFIX))
		return NULL;
	id = xstrndup(at + 1, n - strlen("@" SUFFIX));
	l = instances_get(m, id);
	name = l && l->carrier->unit ? unit_name(l->carrier, id) : NULL;
	return streq(name, unit) ? l : NULL;
}

static char *unit_path(const struct life *l)
{
	_cleanup_free_ char *name = unit_name(l->carrier, l->id);
	char *path = NULL;

	if (sd_bus_path_encode(MANAGER_PATH "/unit", name, &path) < 0)
		abort();
	return path;
}

/* What a call is about: the life may be gone when the answer comes */
struct asked {
	struct manager *m;
	char *id;
	plug_done_fn done;
	void *data;
};

static struct asked *asked_new(struct life *l)
{
	struct asked *a = xcalloc(1, sizeof(*a));

	a->m = l->m;
	a->id = xstrdup(l->id);
	return a;
}

static void asked_free(void *data)
{
	struct asked *a = data;

	free(a->id);
	free(a);
}

/* @r: how sending the call went */
static int keep(struct asked *a, sd_bus_slot *slot, int r)
{
	if (r < 0) {
		asked_free(a);
		return r;
	}
	(void)sd_bus_slot_set_destroy_callback(slot, asked_free);
	(void)sd_bus_slot_set_floating(slot, true);
	sd_bus_slot_unref(slot);
	return 0;
}

static struct life *life_of(struct asked *a)
{
	return a->m->instances ? instances_get(a->m, a->id) : NULL;
}

static int on_result(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct life *l = life_of(userdata);
	const char *text;

	(void)error;
	if (!l || sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_read(reply, "v", "s", &text) < 0)
		return 0;
	free(l->result);
	l->result = xstrdup(text);
	return 0;
}

static int on_status(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct life *l = life_of(userdata);
	int32_t status;

	(void)error;
	if (!l || !l->seen)
		return 0;
	if (!sd_bus_message_is_method_error(reply, NULL) &&
	    sd_bus_message_read(reply, "v", "i", &status) >= 0)
		l->status = status;
	life_unit_is(l, l->seen, l->result ? l->result : "success");
	return 0;
}

static int on_pid(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct life *l = life_of(userdata);

	(void)error;
	if (l && (sd_bus_message_is_method_error(reply, NULL) ||
		  sd_bus_message_read(reply, "v", "u", &l->pid) < 0))
		l->pid = 0;
	return 0;
}

static void ask(struct life *l, const char *interface, const char *property,
		sd_bus_message_handler_t done)
{
	_cleanup_free_ char *path = unit_path(l), *full = NULL;
	struct asked *a = asked_new(l);
	sd_bus_slot *slot = NULL;

	full = xprintf(DESTINATION ".%s", interface);
	(void)keep(a, slot, sd_bus_call_method_async(l->m->instances->bus, &slot, DESTINATION, path,
						     "org.freedesktop.DBus.Properties", "Get", done,
						     a, "ss", full, property));
}

static int on_active(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	struct life *l = life_of(userdata);
	const char *text;

	(void)error;
	if (!l)
		return 0;
	free(l->seen);
	l->seen = NULL;
	/* systemd knows of every unit that it is asked about, if only that it is not there:
	 * an error is that of a connection which ends, as when the host shuts down
	 */
	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_read(reply, "v", "s", &text) < 0)
		return 0;
	/* one that was never started has nothing to tell */
	if (streq(text, "inactive") && !instance_is_marked(l->m, l->id, MARK_STARTED)) {
		life_unit_is(l, text, "success");
		return 0;
	}
	l->seen = xstrdup(text);
	ask(l, "Service", "MainPID", on_pid);
	ask(l, "Service", "Result", on_result);
	ask(l, "Service", "ExecMainStatus", on_status);
	return 0;
}

/**
 * unit_ask - hear how an instance's unit is, later
 * @l: the instance
 *
 * Context: event loop.
 */
void unit_ask(struct life *l)
{
	if (!l->m->instances->bus || !l->carrier->unit)
		return;
	/* how it has ended is looked at when it has */
	ask(l, "Unit", "ActiveState", on_active);
}

/* Return: 0 at the end, else as sd_bus_message_read() */
static int read_property(sd_bus_message *message, struct life *l, char **active)
{
	const char *name, *text;
	int r = sd_bus_message_read(message, "s", &name);

	if (r <= 0)
		return r;
	if (streq(name, "ActiveState")) {
		r = sd_bus_message_read(message, "v", "s", &text);
		if (r >= 0)
			*active = xstrdup(text);
	} else if (streq(name, "Result")) {
		r = sd_bus_message_read(message, "v", "s", &text);
		if (r >= 0) {
			free(l->result);
			l->result = xstrdup(text);
		}
	} else if (streq(name, "MainPID")) {
		r = sd_bus_message_read(message, "v", "u", &l->pid);
	} else if (streq(name, "ExecMainStatus")) {
		r = sd_bus_message_read(message, "v", "i", &l->status);
	} else {
		r = sd_bus_message_skip(message, "v");
	}
	return r;
}

/* systemd tells of a service's own properties before those that all units have: how it has
 * ended is known when it has
 */
static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	_cleanup_free_ char *active = NULL;
	struct life *l = userdata;
	int r;

	(void)error;
	r = sd_bus_message_skip(message, "s");
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		r = read_property(message, l, &active);
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	if (r < 0 || !active)
		return 0;
	/* what was asked before is older */
	free(l->seen);
	l->seen = NULL;
	life_unit_is(l, active, l->result ? l->result : "success");
	return 0;
}

/**
 * unit_watch - hear of changes of an instance's unit
 * @l: the instance
 *
 * Context: event loop.
 */
void unit_watch(struct life *l)
{
	_cleanup_free_ char *path = NULL;

	if (l->watch || !l->m->instances->bus || !l->carrier->unit)
		return;
	path = unit_path(l);
	(void)sd_bus_match_signal_async(l->m->instances->bus, &l->watch, DESTINATION, path,
					"org.freedesktop.DBus.Properties", "PropertiesChanged",
					on_changed, NULL, l);
}

static int on_started(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const sd_bus_error *problem = sd_bus_message_get_error(reply);
	struct life *l = life_of(userdata);

	(void)error;
	if (l && problem)
		life_unit_started(l, problem->message ? problem->message : problem->name);
	return 0;
}

/* systemd's form of a set of CPUs: bits, the lowest first */
static int append_cpus(sd_bus_message *call, const char *list)
{
	uint8_t bits[CPU_SETSIZE / 8] = {};
	size_t size = 0;

	while (list && *list) {
		unsigned long from, to;
		char *end;

		from = strtoul(list, &end, 10);
		to = *end == '-' ? strtoul(end + 1, &end, 10) : from;
		for (; from <= to && from < CPU_SETSIZE; from++) {
			bits[from / 8] |= 1 << from % 8;
			size = from / 8 + 1;
		}
		list = *end ? end + 1 : end;
	}
	return sd_bus_message_append_array(call, 'y', bits, size);
}

/* A property whose value is appended between these two */
static int open_property(sd_bus_message *call, const char *name, const char *type)
{
	int r = sd_bus_message_open_container(call, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append(call, "s", name);
	return r < 0 ? r : sd_bus_message_open_container(call, 'v', type);
}

static int close_property(sd_bus_message *call)
{
	int r = sd_bus_message_close_container(call);

	return r < 0 ? r : sd_bus_message_close_container(call);
}

/* These devices, and none that was allowed before */
static int append_devices(sd_bus_message *call, const struct life *l)
{
	_cleanup_strings_ struct strings paths = {};
	int r;

	if (!l->carrier->devices)
		return 0;
	l->carrier->devices(l, &paths);
	r = sd_bus_message_append(call, "(sv)", "DeviceAllow", "a(ss)", 0);
	if (r >= 0)
		r = open_property(call, "DeviceAllow", "a(ss)");
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(ss)");
	for (size_t i = 0; r >= 0 && i < paths.n; i++)
		r = sd_bus_message_append(call, "(ss)", paths.v[i], "rwm");
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	return r < 0 ? r : close_property(call);
}

static int append_limits(sd_bus_message *call, const struct life *l, uint64_t memory)
{
	int r = sd_bus_message_append(call, "(sv)", "MemoryMax", "t", memory);

	if (r >= 0)
		r = open_property(call, "AllowedCPUs", "ay");
	if (r >= 0)
		r = append_cpus(call, l->cpus);
	return r < 0 ? r : close_property(call);
}

/* @memory: 0 to change nothing but what devices it may open */
static int set_properties(struct life *l, uint64_t memory, sd_bus_message_handler_t done,
			  struct asked *a)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	_cleanup_free_ char *name = unit_name(l->carrier, l->id);
	sd_bus_slot *slot = NULL;
	int r;

	r = sd_bus_message_new_method_call(l->m->instances->bus, &call, DESTINATION, MANAGER_PATH,
					   MANAGER, "SetUnitProperties");
	if (r >= 0)
		r = sd_bus_message_append(call, "sb", name, true);
	if (r >= 0)
		r = sd_bus_message_open_container(call, 'a', "(sv)");
	if (r >= 0 && memory)
		r = append_limits(call, l, memory);
	if (r >= 0)
		r = append_devices(call, l);
	if (r >= 0)
		r = sd_bus_message_close_container(call);
	if (r >= 0)
		r = sd_bus_call_async(l->m->instances->bus, &slot, call, done, a, 0);
	return keep(a, slot, r);
}

static int on_allowed(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const sd_bus_error *problem = sd_bus_message_get_error(reply);
	struct asked *a = userdata;

	(void)error;
	if (a->done)
		a->done(a->m, problem ? problem->message : NULL, a->data);
	return 0;
}

/**
 * unit_allow_devices - the devices that an instance may open are others now
 * @l: the instance, which runs
 * @done: told of the end, or NULL
 * @data: for it
 *
 * Context: event loop; @done may be called before this returns.
 */
void unit_allow_devices(struct life *l, plug_done_fn done, void *data)
{
	struct asked *a;
	int r = -ENOTCONN;

	if (l->m->instances->bus) {
		a = asked_new(l);
		a->done = done;
		a->data = data;
		r = set_properties(l, 0, on_allowed, a);
	}
	if (r < 0 && done)
		done(l->m, strerror(-r), data);
}

static int call(struct life *l, const char *method, sd_bus_message_handler_t done,
		const char *name, const char *mode)
{
	struct asked *a = asked_new(l);
	sd_bus_slot *slot = NULL;
	int r = sd_bus_call_method_async(l->m->instances->bus, &slot, DESTINATION, MANAGER_PATH,
					 MANAGER, method, done, a, mode ? "ss" : "s", name, mode);

	return keep(a, slot, r);
}

static int on_ignored(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	(void)reply;
	(void)userdata;
	(void)error;
	return 0;
}

/**
 * unit_start - start an instance's unit
 * @l: the instance, its CPUs known
 * @memory: what the unit may use
 *
 * life_unit_started() tells of the end.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int unit_start(struct life *l, uint64_t memory)
{
	_cleanup_free_ char *name = unit_name(l->carrier, l->id);
	int r;

	if (!l->m->instances->bus)
		return -ENOTCONN;
	unit_watch(l);
	r = set_properties(l, memory, on_started, asked_new(l));
	if (r >= 0 && streq(l->unit, "failed"))
		r = call(l, "ResetFailedUnit", on_ignored, name, NULL);
	return r < 0 ? r : call(l, "StartUnit", on_started, name, "replace");
}

static void kill_unit(sd_bus *bus, const char *name, int signal, bool all)
{
	(void)sd_bus_call_method_async(bus, NULL, DESTINATION, MANAGER_PATH, MANAGER, "KillUnit",
				       on_ignored, NULL, "ssi", name, all ? "all" : "main", signal);
}

/**
 * unit_kill - send a signal to an instance's unit
 * @l: the instance
 * @signal: the signal
 * @all: to all its processes, not only to the main one
 *
 * Context: event loop.
 */
void unit_kill(struct life *l, int signal, bool all)
{
	_cleanup_free_ char *name = unit_name(l->carrier, l->id);

	if (l->m->instances->bus)
		kill_unit(l->m->instances->bus, name, signal, all);
}

/**
 * unit_reset - let systemd forget how an instance's unit has ended
 * @l: the instance
 *
 * Context: event loop.
 */
void unit_reset(struct life *l)
{
	_cleanup_free_ char *name = unit_name(l->carrier, l->id);

	if (l->m->instances->bus)
		(void)call(l, "ResetFailedUnit", on_ignored, name, NULL);
}

static int on_job(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *path, *unit, *result;
	struct manager *m = userdata;
	struct life *l;
	uint32_t job;

	(void)error;
	if (sd_bus_message_read(message, "uoss", &job, &path, &unit, &result) < 0)
		return 0;
	l = unit_life(m, unit);
	if (l)
		life_unit_started(l, streq(result, "dependency") ?
				  "a unit that its own needs has failed" : NULL);
	return 0;
}

/* Units that nobody has asked for: their instance was deleted while nitrod was away */
static int on_list(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const char *unit, *load, *active, *s;
	struct manager *m = userdata;

	(void)error;
	if (sd_bus_message_is_method_error(reply, NULL) ||
	    sd_bus_message_enter_container(reply, 'a', "(ssssssouso)") < 0)
		return 0;
	while (sd_bus_message_read(reply, "(ssssssouso)", &unit, &s, &load, &active, &s, &s, &s,
				   NULL, &s, &s) > 0) {
		if (unit_life(m, unit) || streq(active, "inactive") || streq(active, "failed"))
			continue;
		fprintf(stderr, "<4>nitrod: unit '%s' is of no instance and is ended\n", unit);
		kill_unit(m->instances->bus, unit, SIGKILL, true);
	}
	return 0;
}

static int on_lost(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	struct manager *m = userdata;

	(void)message;
	(void)error;
	fprintf(stderr, "<4>nitrod: the connection to systemd is lost\n");
	(void)sd_event_source_set_time_relative(m->instances->retry, 0);
	(void)sd_event_source_set_enabled(m->instances->retry, SD_EVENT_ONESHOT);
	return 0;
}

static int subscribe(struct manager *m, sd_bus *bus)
{
	int r = sd_bus_match_signal_async(bus, NULL, DESTINATION, MANAGER_PATH, MANAGER,
					  "JobRemoved", on_job, NULL, m);

	if (r >= 0)
		r = sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus.Local", NULL,
					"org.freedesktop.DBus.Local", "Disconnected", on_lost, m);
	if (r >= 0)
		r = sd_bus_call_method_async(bus, NULL, DESTINATION, MANAGER_PATH, MANAGER,
					     "Subscribe", on_ignored, NULL, NULL);
	for (const struct carrier *c = carrier_next(NULL); c && r >= 0; c = carrier_next(c)) {
		_cleanup_free_ char *pattern = c->unit ? unit_name(c, "*") : NULL;

		if (!pattern)
			continue;
		r = sd_bus_call_method_async(bus, NULL, DESTINATION, MANAGER_PATH, MANAGER,
					     "ListUnitsByPatterns", on_list, m, "asas", 0, 1,
					     pattern);
	}
	return r;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	(void)usec;
	unit_disconnect(m);
	return unit_connect(m);
}

/**
 * unit_connect - connect to systemd, and hear of the units of all instances
 * @m: the manager
 *
 * Without systemd it is tried again, and what is asked for meanwhile fails.
 *
 * Context: event loop.
 * Return: 0 or a negative errno if nitrod cannot go on.
 */
int unit_connect(struct manager *m)
{
	struct instances *k = m->instances;
	int r = 0;

	if (!k->retry)
		r = sd_event_add_time_relative(m->event, &k->retry, CLOCK_MONOTONIC, RETRY_EVERY, 0,
					       on_retry, m);
	if (r < 0)
		return r;
	r = sd_bus_open_system_with_description(&k->bus, "nitrod");
	if (r >= 0)
		r = sd_bus_attach_event(k->bus, m->event, 0);
	if (r >= 0)
		r = subscribe(m, k->bus);
	if (r < 0) {
		free(k->problem);
		k->problem = xprintf("cannot reach systemd: %s", strerror(-r));
		unit_disconnect(m);
		(void)sd_event_source_set_time_relative(k->retry, RETRY_EVERY);
		(void)sd_event_source_set_enabled(k->retry, SD_EVENT_ONESHOT);
		return 0;
	}
	(void)sd_event_source_set_enabled(k->retry, SD_EVENT_OFF);
	free(k->problem);
	k->problem = NULL;
	for (size_t i = 0; i < k->lives.cap; i++) {
		if (!k->lives.slots[i].key)
			continue;
		unit_watch(k->lives.slots[i].value);
		unit_ask(k->lives.slots[i].value);
	}
	return 0;
}

/**
 * unit_disconnect - let systemd alone; units go on
 * @m: the manager
 *
 * Context: event loop.
 */
void unit_disconnect(struct manager *m)
{
	struct instances *k = m->instances;

	hardening_stop(m);
	for (size_t i = 0; i < k->lives.cap; i++) {
		struct life *l = k->lives.slots[i].key ? k->lives.slots[i].value : NULL;

		if (!l)
			continue;
		l->watch = sd_bus_slot_unref(l->watch);
		l->starting = false;
	}
	if (k->bus)
		(void)sd_bus_detach_event(k->bus);
	k->bus = sd_bus_close_unref(k->bus);
}
