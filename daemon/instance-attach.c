// SPDX-License-Identifier: GPL-2.0
/*
 * Attach and Detach of ENIs and volumes whose holder is an instance that runs:
 * the store has it before the guest gets it, and until the guest has let it go.
 */

#include <stdio.h>

#include "carrier.h"
#include "edit.h"
#include "kernel.h"
#include "storage.h"
#include "varlink.h"

/* A call under way */
struct attach_call {
	sd_varlink *link;
	sd_json_variant *p;
	char *id;
	char *problem;
};

static struct attach_call *call_new(sd_varlink *link, sd_json_variant *p, const char *id)
{
	struct attach_call *call = xcalloc(1, sizeof(*call));

	call->link = sd_varlink_ref(link);
	call->p = sd_json_variant_ref(p);
	call->id = xstrdup(id);
	return call;
}

static void call_free(void *data)
{
	struct attach_call *call = data;

	sd_varlink_unref(call->link);
	sd_json_variant_unref(call->p);
	free(call->id);
	free(call->problem);
	free(call);
}

static int answer(sd_varlink *link, struct manager *m, const char *id)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct object *o = model_by_id(&m->model, id);

	if (o)
		json_set(&v, "object", object_show(m, o));
	return sd_varlink_reply(link, v);
}

static void refuse(struct attach_call *call, struct manager *m, const char *problem)
{
	struct object *o = model_by_id(&m->model, call->id);
	_cleanup_error_ struct error e = {};

	fail(&e, ERR_FAILED, "%s '%s': %s", o ? kind_ops[o->kind]->label : "object",
	     o ? o->name : call->id, problem);
	(void)varlink_fail(call->link, &e);
}

/**
 * instances_holder - the instance that has an ENI or a volume, and runs
 * @m: the manager
 * @o: the ENI or volume
 *
 * Context: event loop.
 * Return: borrowed, NULL if nobody has to be told.
 */
struct life *instances_holder(struct manager *m, const struct object *o)
{
	const char *name = o->kind == KIND_ENI ? ENI(o)->attachment.instance :
			   o->kind == KIND_VOLUME && VOLUME(o)->holder == HOLDER_INSTANCE ?
			   VOLUME(o)->instance : NULL;
	struct object *instance = name ? instances_find(&m->model, name) : NULL;
	struct life *l = instance ? instances_get(m, instance->id) : NULL;

	return l && l->state == LIFE_RUNNING ? l : NULL;
}

static void on_eni_in(struct manager *m, const char *problem, void *data)
{
	_cleanup_error_ struct error ignored = {};
	struct attach_call *call = data;

	if (problem) {
		(void)edit_detach(m, call->p, NULL, &ignored);
		refuse(call, m, problem);
	} else {
		(void)answer(call->link, m, call->id);
	}
	call_free(call);
}

/**
 * serve_eni_attach - Attach of io.nitro.Eni
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_eni_attach(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	_cleanup_error_ struct error e = {};
	struct object *o;
	struct life *l;

	if (edit_attach(m, p, &v, &e) < 0)
		return varlink_fail(link, &e);
	o = model_by_id(&m->model, json_string(v, "id"));
	l = instances_holder(m, o);
	if (!l)
		return answer(link, m, o->id);
	l->carrier->plug_in(l, o, on_eni_in, call_new(link, p, o->id));
	return 1;
}

static void on_eni_out(struct manager *m, const char *problem, void *data)
{
	_cleanup_error_ struct error e = {};
	struct attach_call *call = data;

	if (problem)
		refuse(call, m, problem);
	else if (edit_detach(m, call->p, NULL, &e) < 0)
		(void)varlink_fail(call->link, &e);
	else
		(void)answer(call->link, m, call->id);
	call_free(call);
}

/**
 * serve_eni_detach - Detach of io.nitro.Eni
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_eni_detach(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	const char *name = json_string(p, "name");
	_cleanup_error_ struct error e = {};
	struct object *o = model_lookup(&m->model, KIND_ENI, NULL, name ? name : "", &e);
	struct life *l = o ? instances_holder(m, o) : NULL;
	_cleanup_free_ char *id = o ? xstrdup(o->id) : NULL;

	if (l && instances_refuse_change(m, ENI(o)->attachment.instance, &e) >= 0) {
		l->carrier->plug_out(l, o, on_eni_out, call_new(link, p, id));
		return 1;
	}
	if (!o || e.code || edit_detach(m, p, NULL, &e) < 0)
		return varlink_fail(link, &e);
	return answer(link, m, id);
}

static int build_back(struct change *c, void *data, struct error *e)
{
	struct attach_call *call = data;
	struct object *o = model_by_id(c->model, call->id);
	_cleanup_json_ sd_json_variant *body = o ? object_body(o) : NULL;

	if (!o)
		return fail(e, ERR_NOT_FOUND, "volume '%s' does not exist", call->id);
	json_set(&body, "attachment", NULL);
	return change_put(c, KIND_VOLUME, body, NULL, PUT_REPLACE, NULL, e);
}

static void on_back(struct manager *m, const struct change *c, struct error *e, void *data)
{
	struct attach_call *call = data;

	(void)c;
	(void)e;
	refuse(call, m, call->problem);
}

static void on_volume_in(struct manager *m, const char *problem, void *data)
{
	struct request rq = {
		.build = build_back, .done = on_back, .release = call_free, .data = data,
	};
	struct attach_call *call = data;

	if (problem) {
		call->problem = xstrdup(problem);
		storage_submit(m, &rq);
		return;
	}
	(void)answer(call->link, m, call->id);
	call_free(call);
}

/**
 * instances_give_volume - a volume was attached to an instance that runs
 * @m: the manager
 * @l: the instance
 * @o: the volume
 * @link: the connection that waits for it
 *
 * Context: event loop.
 */
void instances_give_volume(struct manager *m, struct life *l, struct object *o, sd_varlink *link)
{
	(void)m;
	l->carrier->plug_in(l, o, on_volume_in, call_new(link, NULL, o->id));
}

static void on_volume_out(struct manager *m, const char *problem, void *data)
{
	struct attach_call *call = data;

	if (problem)
		refuse(call, m, problem);
	else
		(void)varlink_detach_volume(call->link, call->p, m);
	call_free(call);
}

/**
 * serve_volume_detach - Detach of io.nitro.Volume
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * By force, an instance that runs is not asked: its I/O fails.
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_volume_detach(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	const char *name = json_string(p, "name");
	_cleanup_error_ struct error ignored = {};
	struct object *o = model_lookup(&m->model, KIND_VOLUME, NULL, name ? name : "", &ignored);
	struct life *l = o ? instances_holder(m, o) : NULL;

	if (!l || storage_busy(m, o->id) || instances_boots(&m->model, o) || json_flag(p, "force"))
		return varlink_detach_volume(link, p, m);
	l->carrier->plug_out(l, o, on_volume_out, call_new(link, p, o->id));
	return 1;
}
