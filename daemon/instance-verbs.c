// SPDX-License-Identifier: GPL-2.0
/* What users tell instances to do after they were made. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#include "carrier.h"
#include "kernel.h"
#include "storage.h"
#include "varlink.h"

#define USEC 1000000ULL
/* A volume or ENI that cannot be taken away is tried again */
#define RELEASE_AGAIN (5 * USEC)

static struct object *named(struct manager *m, sd_json_variant *p, struct error *e)
{
	const char *name = json_string(p, "name");

	return model_lookup(&m->model, KIND_INSTANCE, NULL, name ? name : "", e);
}

/**
 * instance_set_wish - write down what is wanted of an instance
 * @m: the manager
 * @o: the instance
 * @wish: what is wanted
 * @e: says why it cannot be written
 *
 * Context: event loop; @o is not valid any more afterwards.
 * Return: 0 or a negative errno.
 */
int instance_set_wish(struct manager *m, struct object *o, enum wish wish, struct error *e)
{
	_cleanup_json_ sd_json_variant *body = object_body(o);

	json_set_string(&body, "wish", wish_name(wish));
	return manager_put(m, o->kind, body, NULL, PUT_REPLACE, NULL, e);
}

/**
 * instance_wish - something else is wanted of an instance
 * @link: the connection that has said so
 * @p: the parameters
 * @m: the manager
 * @o: the instance
 * @wish: what is wanted
 * @want: the states to wait for, unless the caller does not want to wait
 *
 * Context: method call; @o is not valid any more afterwards.
 * Return: what the method returns.
 */
int instance_wish(sd_varlink *link, sd_json_variant *p, struct manager *m, struct object *o,
		  enum wish wish, unsigned int want)
{
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *id = xstrdup(o->id);
	struct life *l = instances_get(m, id);
	int r = 0;

	if (m->instances->problem)
		r = fail(&e, ERR_FAILED, "%s", m->instances->problem);
	if (r >= 0 && INSTANCE(o)->wish != wish)
		r = instance_set_wish(m, o, wish, &e);
	if (r < 0)
		return varlink_fail(link, &e);
	life_settle(l);
	instances_wait(m, link, id, json_flag(p, "no_wait") ? 0 : want);
	return 1;
}

/* Whether this host runs is not nitrod's to say */
static int refuse_host(const struct object *o, struct error *e)
{
	if (INSTANCE(o)->kind != INSTANCE_HOST)
		return 0;
	return fail(e, ERR_INVALID,
		    "instance '%s' is this host itself, which nitrod does not start, stop or reboot",
		    o->name);
}

static int not_now(const struct object *o, const struct life *l, struct error *e)
{
	return fail(e, ERR_INVALID, "instance '%s' is %s", o->name, life_state_name(l->state));
}

/**
 * serve_instance_start - Start of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_start(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);
	struct life *l;

	if (!o)
		return varlink_fail(link, &e);
	l = instances_get(m, o->id);
	if (refuse_host(o, &e) < 0)
		return varlink_fail(link, &e);
	if (INSTANCE(o)->wish == WISH_TERMINATED || l->state == LIFE_STOPPING)
		not_now(o, l, &e);
	else if (l->state == LIFE_STOPPED || l->state == LIFE_FAILED)
		(void)(l->carrier->check(&e) < 0 || place_check(m, o, &e));
	if (e.code)
		return varlink_fail(link, &e);
	if (l->state == LIFE_FAILED || l->state == LIFE_STOPPED) {
		l->failures = 0;
		l->not_before = 0;
		life_set(l, LIFE_PENDING, NULL);
	}
	return instance_wish(link, p, m, o, WISH_RUNNING, 1U << LIFE_RUNNING);
}

/**
 * serve_instance_stop - Stop of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_stop(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);
	struct life *l;

	if (!o)
		return varlink_fail(link, &e);
	l = instances_get(m, o->id);
	if (refuse_host(o, &e) >= 0 && INSTANCE(o)->wish == WISH_TERMINATED)
		not_now(o, l, &e);
	if (e.code)
		return varlink_fail(link, &e);
	l->force |= json_flag(p, "force");
	l->reboot = false;
	return instance_wish(link, p, m, o, WISH_STOPPED, 1U << LIFE_STOPPED);
}

/**
 * serve_instance_reboot - Reboot of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_reboot(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);
	struct life *l;

	if (!o)
		return varlink_fail(link, &e);
	l = instances_get(m, o->id);
	if (refuse_host(o, &e) >= 0 && l->state != LIFE_RUNNING)
		not_now(o, l, &e);
	else if (!e.code)
		(void)instance_mark(m, o->id, MARK_REBOOT, &e);
	if (e.code)
		return varlink_fail(link, &e);
	l->reboot = true;
	l->force |= json_flag(p, "force");
	return instance_wish(link, p, m, o, WISH_RUNNING, 1U << LIFE_RUNNING);
}

/**
 * serve_instance_terminate - Terminate of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_terminate(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);
	struct life *l;

	if (!o)
		return varlink_fail(link, &e);
	l = instances_get(m, o->id);
	l->force |= json_flag(p, "force");
	l->reboot = false;
	return instance_wish(link, p, m, o, WISH_TERMINATED, 1U << LIFE_TERMINATED);
}

/**
 * instance_forget - an instance is listed no more
 * @m: the manager
 * @o: the instance, terminated
 * @e: says why it cannot be
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int instance_forget(struct manager *m, struct object *o, struct error *e)
{
	_cleanup_free_ char *id = xstrdup(o->id);
	int r = manager_delete(m, o, e);

	if (r < 0)
		return r;
	instance_dir_remove(m, id);
	instances_remove(m, id);
	return 0;
}

/**
 * serve_instance_delete - Delete of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_delete(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);

	if (o && !INSTANCE(o)->ended)
		fail(&e, ERR_IN_USE, "instance '%s' is %s; 'instance terminate %s' first", o->name,
		     life_state_name(instances_get(m, o->id)->state), o->name);
	if (!o || e.code || instance_forget(m, o, &e) < 0)
		return varlink_fail(link, &e);
	return sd_varlink_reply(link, NULL);
}

/* What a release is about: the life may be gone when it is done */
struct released {
	char *id, *ending;
};

static void released_free(void *data)
{
	struct released *r = data;

	free(r->id);
	free(r->ending);
	free(r);
}

static int detach(struct change *c, struct object *o, struct error *e)
{
	_cleanup_json_ sd_json_variant *body = object_body(o);

	json_set(&body, "attachment", NULL);
	return change_put(c, o->kind, body, NULL, PUT_REPLACE, NULL, e);
}

static int build_release(struct change *c, void *data, struct error *e)
{
	_cleanup_json_ sd_json_variant *body = NULL;
	struct released *released = data;
	struct object *o = model_by_id(c->model, released->id), *other;
	struct timespec now;
	int r;

	if (!o)
		return fail(e, ERR_NOT_FOUND, "'%s' does not exist", released->id);
	clock_gettime(CLOCK_REALTIME, &now);
	body = object_body(o);
	json_set_string(&body, "wish", wish_name(WISH_TERMINATED));
	json_set_uint(&body, "ended", now.tv_sec);
	if (o->kind == KIND_ENCLAVE)
		json_set_string(&body, "ending", released->ending);
	r = change_put(c, o->kind, body, NULL, PUT_REPLACE, NULL, e);
	o = model_by_id(c->model, released->id);
	if (r < 0 || o->kind != KIND_INSTANCE)
		return r;
	FOR_EACH_OBJECT(c->model, KIND_ENI, other)
		if (r >= 0 && model_eni_is_held(other, o->name))
			r = detach(c, other, e);
	FOR_EACH_OBJECT(c->model, KIND_VOLUME, other)
		if (r >= 0 && model_volume_is_held(other, o->name))
			r = detach(c, other, e);
	return r;
}

static void on_released(struct manager *m, const struct change *c, struct error *e, void *data)
{
	_cleanup_error_ struct error ignored = {};
	struct released *released = data;
	struct life *l = m->instances ? instances_get(m, released->id) : NULL;
	struct object *o = model_by_id(&m->model, released->id);

	(void)c;
	if (!l || !o)
		return;
	l->releasing = false;
	if (e->code) {
		life_set(l, l->state, e->message);
		life_later(l, RELEASE_AGAIN);
		return;
	}
	if (!l->fresh) {
		life_settle(l);
		expire_later(m);
		return;
	}
	/* it has never been */
	instances_refuse(l, o->name, l->reason);
	(void)instance_forget(m, o, &ignored);
}

/**
 * instance_release - take an instance its ENIs and volumes; it is terminated then
 * @l: the instance, which has ended
 *
 * Context: event loop.
 */
void instance_release(struct life *l)
{
	struct released *released;
	struct request rq = {
		.build = build_release, .done = on_released, .release = released_free,
	};

	if (l->releasing)
		return;
	l->releasing = true;
	released = xcalloc(1, sizeof(*released));
	released->id = xstrdup(l->id);
	released->ending = xstrdup(l->ending);
	rq.data = released;
	storage_submit(l->m, &rq);
}

static int connect_console(struct manager *m, const struct object *o, struct error *e)
{
	_cleanup_free_ char *path = instance_rundir(m, o->id, "console");
	int fd = connect_to(path);

	return fd < 0 ? fail(e, ERR_FAILED, "the console of %s '%s' cannot be reached: %s",
			     kind_ops[o->kind]->label, o->name, strerror(-fd)) : fd;
}

/* Who has it reads the log; the lock keeps it from being cut meanwhile */
static int open_log(struct manager *m, const struct object *o, struct error *e)
{
	_cleanup_free_ char *path = instance_dir(m, o->id, "console.log");
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(e, ERR_FAILED, "%s '%s' has written nothing to its console",
			    kind_ops[o->kind]->label, o->name);
	(void)flock(fd, LOCK_SH | LOCK_NB);
	return fd;
}

/**
 * instance_give_console - hand over the console of what lives here
 * @link: the connection that has asked for it
 * @p: the parameters
 * @m: the manager
 * @o: the instance or enclave
 *
 * Context: method call.
 * Return: what the method returns.
 */
int instance_give_console(sd_varlink *link, sd_json_variant *p, struct manager *m,
			  struct object *o)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	_cleanup_error_ struct error e = {};
	struct life *l = instances_get(m, o->id);
	bool live = json_flag(p, "follow") && streq(l->unit, "active");
	int fd;

	fd = INSTANCE(o)->kind == INSTANCE_HOST ? adopt_console(&e) :
		live ? connect_console(m, o, &e) : open_log(m, o, &e);
	if (fd >= 0 && sd_varlink_push_fd(link, fd) < 0) {
		close(fd);
		fd = fail(&e, ERR_FAILED, "the console cannot be handed over");
	}
	if (fd < 0)
		return varlink_fail(link, &e);
	json_set_uint(&v, "fd", 0);
	json_set_bool(&v, "live", live);
	return sd_varlink_reply(link, v);
}

/**
 * serve_instance_console - Console of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_console(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct object *o = named(m, p, &e);

	return o ? instance_give_console(link, p, m, o) : varlink_fail(link, &e);
}
