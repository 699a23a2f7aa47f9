// SPDX-License-Identifier: GPL-2.0
/* What users tell enclaves to do after they were made. */

#include <stdio.h>

#include "carrier.h"
#include "enclaves.h"
#include "varlink.h"

static struct object *named(struct manager *m, sd_json_variant *p, struct error *e)
{
	const char *name = json_string(p, "name");

	return model_lookup(&m->model, KIND_ENCLAVE, NULL, name ? name : "", e);
}

/**
 * serve_enclave_terminate - Terminate of io.nitro.Enclave
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_enclave_terminate(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);

	if (!o)
		return varlink_fail(link, &e);
	return instance_wish(link, p, m, o, WISH_TERMINATED, 1U << LIFE_TERMINATED);
}

/**
 * serve_enclave_delete - Delete of io.nitro.Enclave
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_enclave_delete(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);

	if (o && !INSTANCE(o)->ended)
		fail(&e, ERR_IN_USE, "enclave '%s' is %s; 'enclave terminate %s' first", o->name,
		     life_state_name(instances_get(m, o->id)->state), o->name);
	if (!o || e.code || instance_forget(m, o, &e) < 0)
		return varlink_fail(link, &e);
	return sd_varlink_reply(link, NULL);
}

/**
 * serve_enclave_console - Console of io.nitro.Enclave
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_enclave_console(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);

	if (o && !ENCLAVE(o)->debug)
		fail(&e, ERR_INVALID,
		     "enclave '%s' has no console: it was not run with --debug", o->name);
	return !o || e.code ? varlink_fail(link, &e) : instance_give_console(link, p, m, o);
}

/* One that waits for its parent, as it was not started yet */
static bool waits(const struct life *l, const struct life *parent)
{
	return parent->state == LIFE_PENDING && l->state == LIFE_PENDING &&
		!instance_is_marked(l->m, l->id, "");
}

/**
 * enclaves_parent_changed - an instance is in another state: its enclaves end with it
 * @m: the manager
 * @parent: the instance
 *
 * Context: event loop.
 */
void enclaves_parent_changed(struct manager *m, const struct object *parent)
{
	struct life *l = instances_get(m, parent->id);
	_cleanup_strings_ struct strings ids = {};
	struct object *o;

	/* one that is started again after it has failed is another one to them */
	if (!l || l->state == LIFE_RUNNING)
		return;
	FOR_EACH_OBJECT(&m->model, KIND_ENCLAVE, o)
		if (streq(ENCLAVE(o)->parent, parent->name) &&
		    INSTANCE(o)->wish != WISH_TERMINATED)
			strings_add(&ids, o->id);
	for (size_t i = 0; i < ids.n; i++) {
		struct life *child = instances_get(m, ids.v[i]);
		_cleanup_error_ struct error e = {};

		if (!child || waits(child, l))
			continue;
		free(child->ending);
		child->ending = xprintf("its parent, instance '%s', has ended", parent->name);
		if (instance_set_wish(m, model_by_id(&m->model, ids.v[i]), WISH_TERMINATED,
				      &e) < 0)
			fprintf(stderr, "<3>nitrod: %s\n", e.message);
		else
			life_settle(child);
	}
}
