// SPDX-License-Identifier: GPL-2.0
/*
 * Production mode: what of it is there, and the unit that brings it about. nitrod
 * has no right to change the kernel's settings itself.
 */

#include <stdio.h>

#include "../harden/hardening.h"
#include "harden.h"
#include "instances.h"
#include "varlink.h"

#define UNIT "nitro-harden.service"
#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"

/* Calls that wait for the unit to end */
struct hardening {
	struct manager *m;
	sd_bus_slot *watch;
	sd_varlink **links;
	size_t n_links, cap_links;
};

/**
 * hardening_show - what of production mode is there
 *
 * Context: method call; reads some files of /proc and /sys.
 * Return: {state, checks}.
 */
sd_json_variant *hardening_show(void)
{
	struct json_list list = {};
	sd_json_variant *v = NULL;
	bool all = true;

	for (size_t i = 0; i < hardening_n_checks; i++) {
		const struct hardening_check *check = &hardening_checks[i];
		_cleanup_free_ char *is = NULL;
		sd_json_variant *row = NULL;
		bool ok = false;

		is = check->read("", &ok);
		all = all && ok;
		json_set_string(&row, "name", check->name);
		json_set_string(&row, "state", ok ? "ok" : "missing");
		json_set_string(&row, "current", is);
		json_set_string(&row, "wanted", check->wanted);
		json_set_string(&row, "why", check->why);
		json_set_string(&row, "remedy", ok ? NULL : check->remedy);
		json_list_add(&list, row);
	}
	json_set_string(&v, "state", all ? "hardened" : "weak");
	json_set(&v, "checks", json_list_take(&list));
	return v;
}

static void answer(struct hardening *h, const char *problem)
{
	_cleanup_json_ sd_json_variant *v = NULL;

	json_set(&v, "hardening", hardening_show());
	for (size_t i = 0; i < h->n_links; i++) {
		_cleanup_error_ struct error e = {};

		if (problem) {
			fail(&e, ERR_FAILED, "the host was not hardened: %s", problem);
			(void)varlink_fail(h->links[i], &e);
		} else {
			(void)sd_varlink_reply(h->links[i], v);
		}
		sd_varlink_unref(h->links[i]);
	}
	free(h->links);
	sd_bus_slot_unref(h->watch);
	h->m->hardening = NULL;
	free(h);
}

static int on_ended(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *path, *unit, *result;
	struct hardening *h = userdata;
	uint32_t job;

	(void)error;
	if (sd_bus_message_read(message, "uoss", &job, &path, &unit, &result) < 0 ||
	    strcmp(unit, UNIT))
		return 0;
	if (!strcmp(result, "done")) {
		journal_hardened();
		answer(h, NULL);
	} else {
		answer(h, UNIT " failed; 'journalctl -u " UNIT "' says why");
	}
	return 0;
}

/* The answers of the calls come in this order; a job that was started ends later */
static int on_asked(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
	const sd_bus_error *problem = sd_bus_message_get_error(reply);
	struct manager *m = userdata;

	(void)error;
	if (problem && m->hardening)
		answer(m->hardening, problem->message ? problem->message : problem->name);
	return 0;
}

static int ask(struct hardening *h)
{
	sd_bus *bus = h->m->instances->bus;
	int r;

	r = sd_bus_match_signal_async(bus, &h->watch, DESTINATION, MANAGER_PATH, MANAGER,
				      "JobRemoved", on_ended, NULL, h);
	if (r >= 0)
		r = sd_bus_call_method_async(bus, NULL, DESTINATION, MANAGER_PATH, MANAGER,
					     "EnableUnitFiles", on_asked, h->m, "asbb", 1, UNIT,
					     false, false);
	return r < 0 ? r : sd_bus_call_method_async(bus, NULL, DESTINATION, MANAGER_PATH, MANAGER,
						    "StartUnit", on_asked, h->m, "ss", UNIT,
						    "replace");
}

/**
 * hardening_stop - end the calls that wait
 * @m: the manager
 *
 * Context: when nitrod ends, or systemd is gone.
 */
void hardening_stop(struct manager *m)
{
	if (m->hardening)
		answer(m->hardening, "nitrod has lost systemd");
}

/**
 * serve_hardening_apply - Apply of io.nitro.Hardening
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call; answered when the unit has ended.
 * Return: what the method returns.
 */
int serve_hardening_apply(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct hardening *h = m->hardening;
	int r;

	(void)p;
	if (!m->instances || !m->instances->bus) {
		fail(&e, ERR_FAILED, "the host was not hardened: systemd cannot be reached");
		return varlink_fail(link, &e);
	}
	if (!h) {
		h = xcalloc(1, sizeof(*h));
		h->m = m;
		m->hardening = h;
		r = ask(h);
		if (r < 0) {
			answer(h, NULL);
			fail(&e, ERR_FAILED, "the host was not hardened: %s", strerror(-r));
			return varlink_fail(link, &e);
		}
	}
	GROW(h->links, h->n_links, h->cap_links);
	h->links[h->n_links++] = sd_varlink_ref(link);
	return 1;
}
