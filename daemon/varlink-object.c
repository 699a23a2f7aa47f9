// SPDX-License-Identifier: GPL-2.0
/* The methods that all kinds of objects have. No decision is made here. */

#include "varlink.h"

static int answer(sd_varlink *link, const char *key, sd_json_variant *value)
{
	_cleanup_json_ sd_json_variant *v = NULL;

	json_set(&v, key, value);
	return varlink_reply(link, v);
}

/**
 * varlink_run - serve a method that answers at once
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 * @run: what it does
 * @result: name of the one result, or NULL if @run makes the whole answer
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_run(sd_varlink *link, sd_json_variant *p, struct manager *m, varlink_run_fn run,
		const char *result)
{
	_cleanup_error_ struct error e = {};
	_cleanup_json_ sd_json_variant *v = NULL;

	if (run(m, p, &v, &e) < 0)
		return varlink_fail(link, &e);
	if (result)
		return answer(link, result, sd_json_variant_ref(v));
	return varlink_reply(link, v);
}

static int put(sd_varlink *link, sd_json_variant *p, struct manager *m, enum object_kind kind,
	       enum put_mode mode)
{
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *id = NULL;

	if (kind_is_storage(kind))
		return varlink_put_later(link, p, m, kind, mode);
	if (manager_put(m, kind, p, NULL, mode, &id, &e) < 0)
		return varlink_fail(link, &e);
	return answer(link, "object", object_show(m, model_by_id(&m->model, id)));
}

/**
 * varlink_create - method Create
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 * @i: the interface
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_create(sd_varlink *link, sd_json_variant *p, struct manager *m,
		   const struct varlink_interface *i)
{
	return put(link, p, m, i->kind, PUT_CREATE);
}

static struct object *named(struct manager *m, sd_json_variant *p, enum object_kind kind,
			    struct error *e)
{
	const char *name = json_string(p, "name");

	return model_lookup(&m->model, kind, NULL, name ? name : "", e);
}

/**
 * varlink_set - method Set
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 * @i: the interface
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_set(sd_varlink *link, sd_json_variant *p, struct manager *m,
		const struct varlink_interface *i)
{
	_cleanup_error_ struct error ignored = {};
	bool creates = i->set_creates && !named(m, p, i->kind, &ignored);

	return put(link, p, m, i->kind, creates ? PUT_CREATE : PUT_SET);
}

/**
 * varlink_show - method Show
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 * @i: the interface
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_show(sd_varlink *link, sd_json_variant *p, struct manager *m,
		 const struct varlink_interface *i)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, i->kind, &e);

	return o ? answer(link, "object", object_show(m, o)) : varlink_fail(link, &e);
}

/**
 * varlink_delete - method Delete
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 * @i: the interface
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_delete(sd_varlink *link, sd_json_variant *p, struct manager *m,
		   const struct varlink_interface *i)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, i->kind, &e);

	if (!o)
		return varlink_fail(link, &e);
	if (kind_is_storage(i->kind))
		return varlink_delete_later(link, p, m, i->kind);
	if (manager_delete(m, o, &e) < 0)
		return varlink_fail(link, &e);
	return sd_varlink_reply(link, NULL);
}
