// SPDX-License-Identifier: GPL-2.0
/* Methods that are operations: they are answered when their work is done. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "instances.h"
#include "storage.h"
#include "varlink.h"

struct call {
	struct manager *m;
	sd_varlink *link;
	sd_json_variant *p;
	enum object_kind kind;
	enum put_mode mode;
	char *name;		/* "object" is shown under this name, NULL for no answer */
};

static void release(void *data)
{
	struct call *call = data;

	sd_varlink_unref(call->link);
	sd_json_variant_unref(call->p);
	free(call->name);
	free(call);
}

static struct call *call_new(sd_varlink *link, sd_json_variant *p, enum object_kind kind)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->link = sd_varlink_ref(link);
	call->p = sd_json_variant_ref(p);
	call->kind = kind;
	return call;
}

static void done(struct manager *m, const struct change *c, struct error *e, void *data)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct call *call = data;
	struct object *o;

	(void)c;
	if (e->code) {
		(void)varlink_fail(call->link, e);
		return;
	}
	o = call->name ? model_get(&m->model, call->kind, NULL, call->name) : NULL;
	if (o)
		json_set(&v, "object", object_show(m, o));
	(void)sd_varlink_reply(call->link, v);
}

static int submit(struct manager *m, struct call *call,
		  int (*build)(struct change *c, void *data, struct error *e),
		  struct request *rq)
{
	call->m = m;
	rq->build = build;
	if (!rq->done)
		rq->done = done;
	rq->release = release;
	rq->data = call;
	storage_submit(m, rq);
	return 1;
}

static int build_put(struct change *c, void *data, struct error *e)
{
	struct call *call = data;
	int r = change_put(c, call->kind, call->p, NULL, call->mode, NULL, e);

	if (r >= 0 && !call->name)
		call->name = xstrdup(c->edits[0].new->name);
	return r;
}

/* The key comes as a pipe: its bytes are nowhere but in it and here */
static int take_key(sd_varlink *link, sd_json_variant **p, struct secret *ret, struct error *e)
{
	sd_json_variant *index = json_get(*p, "key_fd"), *rest = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	ssize_t n = 0;
	size_t size;

	if (!index)
		return 0;
	fd = sd_varlink_take_fd(link, sd_json_variant_unsigned(index));
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return fail(e, ERR_INVALID, "the data key has to come through a pipe");
	if (secret_new(ret, DATA_KEY_SIZE + 1, e) < 0)
		return -EIO;
	for (size = 0; size < ret->size; size += n) {
		n = read(fd, ret->data + size, ret->size - size);
		if (n <= 0)
			break;
	}
	if (n < 0 || size != DATA_KEY_SIZE) {
		secret_free(ret);
		return size > DATA_KEY_SIZE ?
			fail(e, ERR_INVALID, "the data key has more than the %d bytes it needs",
			     DATA_KEY_SIZE) :
			fail(e, ERR_INVALID, "the data key has %zu bytes, it needs %d", size,
			     DATA_KEY_SIZE);
	}
	ret->size = DATA_KEY_SIZE;
	for (size_t i = 0; i < sd_json_variant_elements(*p); i += 2) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(*p, i));

		if (strcmp(key, "key_fd"))
			json_set(&rest, key,
				 sd_json_variant_ref(sd_json_variant_by_index(*p, i + 1)));
	}
	sd_json_variant_unref(*p);
	*p = rest;
	return 0;
}

/* XTS with two equal halves is no XTS: the kernel would refuse it at the attach */
static int check_key(const struct secret *key, struct error *e)
{
	if (!key->data || memcmp(key->data, key->data + DATA_KEY_SIZE / 2, DATA_KEY_SIZE / 2))
		return 0;
	return fail(e, ERR_INVALID, "the two halves of the data key are the same");
}

/**
 * varlink_put_later - Create or Set, as an operation
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 * @kind: kind of the object
 * @mode: PUT_CREATE or PUT_SET
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_put_later(sd_varlink *link, sd_json_variant *p, struct manager *m,
		      enum object_kind kind, enum put_mode mode)
{
	_cleanup_json_ sd_json_variant *params = sd_json_variant_ref(p);
	_cleanup_error_ struct error e = {};
	struct request rq = {};
	struct call *call;

	if (mode == PUT_SET && json_get(p, "key_fd"))
		fail(&e, ERR_INVALID, "the data key of a volume cannot be changed");
	if (e.code || take_key(link, &params, &rq.brought, &e) < 0 ||
	    check_key(&rq.brought, &e) < 0) {
		secret_free(&rq.brought);
		return varlink_fail(link, &e);
	}
	call = call_new(link, params, kind);
	call->mode = mode;
	return submit(m, call, build_put, &rq);
}

static struct object *named(struct change *c, const struct call *call, struct error *e)
{
	const char *name = json_string(call->p, "name");

	return model_lookup(c->model, call->kind, NULL, name ? name : "", e);
}

static int build_delete(struct change *c, void *data, struct error *e)
{
	struct object *o = named(c, data, e);

	return o ? change_delete(c, o, e) : -ENOENT;
}

/**
 * varlink_delete_later - Delete, as an operation
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 * @kind: kind of the object
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_delete_later(sd_varlink *link, sd_json_variant *p, struct manager *m,
			 enum object_kind kind)
{
	struct request rq = {};

	return submit(m, call_new(link, p, kind), build_delete, &rq);
}

static int put_body(struct change *c, struct call *call, const struct object *o,
		    sd_json_variant *body, struct error *e)
{
	int r = change_put(c, o->kind, body, NULL, PUT_REPLACE, NULL, e);

	sd_json_variant_unref(body);
	if (r >= 0 && !call->name)
		call->name = xstrdup(o->name);
	return r;
}

/* An instance of nitrod's has its volumes in an order */
static int to_instance(struct call *call, const struct model *model, const char *name,
		       sd_json_variant **v, struct error *e)
{
	struct object *o = name ? instances_find(model, name) : NULL, *other;
	bool taken[INSTANCE_VOLUMES_MAX] = {};
	size_t i = 0;

	if (!o)
		return 0;
	if (INSTANCE(o)->kind == INSTANCE_HOST)
		return fail(e, ERR_INVALID, "instance '%s' is this host; attach it with --local",
			    o->name);
	if (instances_refuse_change(call->m, o->name, e) < 0)
		return -EBUSY;
	FOR_EACH_OBJECT(model, KIND_VOLUME, other)
		if (model_volume_is_held(other, o->name))
			taken[VOLUME(other)->index] = true;
	while (i < INSTANCE_VOLUMES_MAX && taken[i])
		i++;
	if (i == INSTANCE_VOLUMES_MAX)
		return fail(e, ERR_INVALID, "instance '%s' has %d volumes, more are not allowed",
			    o->name, INSTANCE_VOLUMES_MAX);
	json_set_string(v, "instance", o->name);
	json_set_uint(v, "index", i);
	return 0;
}

static int build_attach(struct change *c, void *data, struct error *e)
{
	struct call *call = data;
	struct object *o = named(c, call, e);
	_cleanup_json_ sd_json_variant *attachment = NULL;
	sd_json_variant *body;

	if (!o)
		return -ENOENT;
	if (VOLUME(o)->holder != HOLDER_NONE)
		return fail(e, ERR_IN_USE,
			    "volume '%s' is attached already; 'volume detach %s' first", o->name,
			    o->name);
	json_set_string(&attachment, "kind", json_string(call->p, "kind"));
	json_set_string(&attachment, "instance", json_string(call->p, "instance"));
	if (to_instance(call, c->model, json_string(call->p, "instance"), &attachment, e) < 0)
		return -EBUSY;
	body = object_body(o);
	json_set(&body, "attachment", sd_json_variant_ref(attachment));
	return put_body(c, call, o, body, e);
}

static int build_detach(struct change *c, void *data, struct error *e)
{
	struct call *call = data;
	struct object *o = named(c, call, e);
	sd_json_variant *body;

	if (!o)
		return -ENOENT;
	if (VOLUME(o)->holder == HOLDER_NONE)
		return fail(e, ERR_INVALID, "volume '%s' is not attached", o->name);
	if (instances_boots(c->model, o))
		return fail(e, ERR_IN_USE, "volume '%s' is what instance '%s' boots", o->name,
			    VOLUME(o)->instance);
	if (!json_flag(call->p, "force") &&
	    instances_refuse_change(call->m, VOLUME(o)->instance, e) < 0)
		return -EBUSY;
	body = object_body(o);
	json_set(&body, "attachment", NULL);
	return put_body(c, call, o, body, e);
}

/* An instance that runs is given it before the call is answered */
static void attached(struct manager *m, const struct change *c, struct error *e, void *data)
{
	struct call *call = data;
	struct object *o = e->code ? NULL : model_get(&m->model, KIND_VOLUME, NULL, call->name);
	struct life *l = o ? instances_holder(m, o) : NULL;

	if (l)
		instances_give_volume(m, l, o, call->link);
	else
		done(m, c, e, data);
}

/**
 * varlink_attach_volume - Attach of io.nitro.Volume
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_attach_volume(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	struct request rq = { .done = attached };

	return submit(m, call_new(link, p, KIND_VOLUME), build_attach, &rq);
}

/**
 * varlink_detach_volume - Detach of io.nitro.Volume
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call, or when an instance has let it go.
 * Return: what the method returns.
 */
int varlink_detach_volume(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	struct request rq = { .force = json_flag(p, "force") };

	return submit(m, call_new(link, p, KIND_VOLUME), build_detach, &rq);
}

/* All data keys move to the next generation with the key, or none does */
static int build_rotate(struct change *c, void *data, struct error *e)
{
	struct call *call = data;
	struct object *o = named(c, call, e), *volume;
	sd_json_variant *body;
	int r;

	if (!o)
		return -ENOENT;
	body = object_body(o);
	json_set_uint(&body, "generation", KEY(o)->generation + 1);
	r = put_body(c, call, o, body, e);
	FOR_EACH_OBJECT(c->model, KIND_VOLUME, volume) {
		if (r < 0 || !streq(VOLUME(volume)->key, call->name))
			continue;
		body = object_body(volume);
		r = change_put(c, KIND_VOLUME, body, NULL, PUT_REPLACE, NULL, e);
		sd_json_variant_unref(body);
	}
	return r;
}

/**
 * varlink_rotate_key - Rotate of io.nitro.Key
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_rotate_key(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	struct request rq = {};

	return submit(m, call_new(link, p, KIND_KEY), build_rotate, &rq);
}
