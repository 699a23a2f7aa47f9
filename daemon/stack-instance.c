// SPDX-License-Identifier: GPL-2.0
/*
 * Instances of a stack: what an entry says becomes the instance, and the holder of
 * the ENIs and volumes that it names. A guest that runs gets more of them, but
 * nothing is taken from it, and what it was started with stays as it is.
 */

#include <stdio.h>
#include <time.h>

#include "carrier.h"
#include "change.h"
#include "kernel.h"

/* What an entry has beside the properties that only instances have */
static const struct json_key own_keys[] = {
	{ "name", T_STRING }, { "host", T_STRING }, { "state", T_STRING }, { "enis", T_STRINGS },
	{ "volumes", T_STRINGS }, { "user_data_base64", T_STRING },
};

/* And what the object has that is no user's business */
static const char *const inner_keys[] = { "wish", "launched", "ended" };

/**
 * struct entry - one of them
 * @m: the manager
 * @c: the change
 * @v: what the stack says
 * @o: the instance as it will be
 * @fresh: it is made, or made again after it was terminated
 * @resting: it does not run, nor is it about to
 */
struct entry {
	struct manager *m;
	struct change *c;
	sd_json_variant *v;
	struct object *o;
	bool fresh, resting;
};

/* What a change makes of an ENI or a volume; it may be edited until it is checked */
static struct object *touch(struct change *c, struct object *o, struct error *e)
{
	_cleanup_json_ sd_json_variant *body = NULL;
	struct object *new = map_get(&c->by_id, o->id);

	if (new)
		return new;
	body = object_body(o);
	if (change_put(c, o->kind, body, NULL, PUT_REPLACE, NULL, e) < 0)
		return NULL;
	return map_get(&c->by_id, o->id);
}

static bool is_held(const struct object *o, const char *instance)
{
	return o->kind == KIND_ENI ? model_eni_is_held(o, instance) :
				     model_volume_is_held(o, instance);
}

static bool is_free(const struct object *o)
{
	return o->kind == KIND_ENI ? ENI(o)->attachment.kind == ATTACH_NONE :
				     VOLUME(o)->holder == HOLDER_NONE;
}

static uint32_t *index_of(struct object *o)
{
	return o->kind == KIND_ENI ? &ENI(o)->attachment.index : &VOLUME(o)->index;
}

/* @instance: the new holder, or NULL */
static int hold(struct change *c, struct object *old, const char *instance, uint32_t index,
		struct error *e)
{
	struct object *o = touch(c, old, e);
	char **holder;

	if (!o)
		return -EINVAL;
	if (o->kind == KIND_ENI)
		ENI(o)->attachment.kind = instance ? ATTACH_INSTANCE : ATTACH_NONE;
	else
		VOLUME(o)->holder = instance ? HOLDER_INSTANCE : HOLDER_NONE;
	holder = o->kind == KIND_ENI ? &ENI(o)->attachment.instance : &VOLUME(o)->instance;
	free(*holder);
	*holder = xstrdup(instance);
	*index_of(o) = index;
	return 0;
}

static int refuse_while_it_runs(const struct entry *n, struct error *e)
{
	struct life *l = instances_get(n->m, n->o->id);

	return fail(e, ERR_IN_USE, "instance '%s' is %s; 'instance stop %s' first", n->o->name,
		    life_state_name(l->state), n->o->name);
}

/* Return: what @name is to become one of @n's, NULL if it cannot */
static struct object *find_device(struct entry *n, enum object_kind kind, const char *name,
				  struct error *e)
{
	const struct kind_ops *ops = kind_ops[kind];
	struct object *o = model_lookup(n->c->model, kind, NULL, name, e);

	if (!o || is_held(o, n->o->name))
		return o;
	if (kind == KIND_ENI && !model_eni_is_local(n->c->model, ENI(o)))
		fail(e, ERR_INVALID, "ENI '%s' is of host '%s', not of this one", o->name,
		     ENI(o)->host);
	else if (!is_free(o))
		fail(e, ERR_IN_USE, "%s '%s' is attached already; '%s detach %s' first", ops->label,
		     o->name, ops->verb, o->name);
	return e->code ? NULL : o;
}

static bool names(const struct strings *ids, const struct object *o)
{
	return strings_has(ids, o->id);
}

/* What it has and is not to have any more */
static int let_go(struct entry *n, enum object_kind kind, const struct strings *ids,
		  bool *taken, struct error *e)
{
	struct object *o;

	FOR_EACH_OBJECT(n->c->model, kind, o) {
		if (!is_held(o, n->o->name))
			continue;
		if (names(ids, o)) {
			taken[*index_of(o)] = true;
			continue;
		}
		if (!n->resting)
			return fail(e, ERR_IN_USE,
				    "%s '%s' is attached to instance '%s', which is not stopped; '%s detach %s' first",
				    kind_ops[kind]->label, o->name, n->o->name,
				    kind_ops[kind]->verb, o->name);
		if (hold(n->c, o, NULL, 0, e) < 0)
			return -EINVAL;
	}
	return 0;
}

/* What it has already keeps its place; the others get the free ones in turn */
static int give(struct entry *n, const struct strings *ids, bool *taken, struct error *e)
{
	uint32_t at = 0;

	for (size_t i = 0; i < ids->n; i++) {
		struct object *o = model_by_id(n->c->model, ids->v[i]);

		if (is_held(o, n->o->name))
			continue;
		if (!n->resting && instances_refuse_change(n->m, n->o->name, e) < 0)
			return -EBUSY;
		while (taken[at])
			at++;
		taken[at] = true;
		if (hold(n->c, o, n->o->name, at, e) < 0)
			return -EINVAL;
	}
	return 0;
}

static int put_devices(struct entry *n, enum object_kind kind, const struct strings *list,
		       size_t max, struct error *e)
{
	_cleanup_strings_ struct strings ids = {};
	bool taken[INSTANCE_VOLUMES_MAX] = {};

	if (list->n > max)
		return fail(e, ERR_INVALID, "instance '%s' would have %zu %ss, %zu are allowed",
			    n->o->name, list->n, kind_ops[kind]->label, max);
	for (size_t i = 0; i < list->n; i++) {
		struct object *o = find_device(n, kind, list->v[i], e);

		if (!o)
			return -EINVAL;
		if (names(&ids, o))
			return fail(e, ERR_INVALID, "instance '%s' names %s '%s' twice", n->o->name,
				    kind_ops[kind]->label, o->name);
		strings_add(&ids, o->id);
	}
	if (let_go(n, kind, &ids, taken, e) < 0)
		return -EINVAL;
	return give(n, &ids, taken, e);
}

static void add_list(struct strings *list, sd_json_variant *v)
{
	for (size_t i = 0; v && i < sd_json_variant_elements(v); i++)
		strings_add(list, sd_json_variant_string(sd_json_variant_by_index(v, i)));
}

static int put_enis(struct entry *n, struct error *e)
{
	_cleanup_strings_ struct strings list = {};
	int r;

	add_list(&list, json_get(n->v, "enis"));
	r = put_devices(n, KIND_ENI, &list, INSTANCE_ENIS_MAX, e);
	if (r < 0)
		error_prefix(e, "/enis");
	return r;
}

/* The one that it boots is the first */
static int put_volumes(struct entry *n, struct error *e)
{
	_cleanup_strings_ struct strings list = {};
	int r;

	if (INSTANCE(n->o)->boot)
		strings_add(&list, INSTANCE(n->o)->boot);
	add_list(&list, json_get(n->v, "volumes"));
	r = put_devices(n, KIND_VOLUME, &list, INSTANCE_VOLUMES_MAX, e);
	if (r < 0)
		error_prefix(e, "/volumes");
	return r;
}

/* The object's properties, of an entry whose keys are checked */
static int properties_of(sd_json_variant *v, const struct object *old, enum wish wish,
			 sd_json_variant **ret, struct error *e)
{
	static const char *const own[] = {
		"host", "state", "enis", "volumes", "user_data_base64", NULL
	};
	const char *text = json_string(v, "user_data"), *data = json_string(v, "user_data_base64");
	sd_json_variant *p = sd_json_variant_ref(v), *encoded = NULL;
	struct timespec now;

	*ret = NULL;
	if (text && data)
		return fail_at(e, "/user_data", "'user_data' and 'user_data_base64' exclude each other");
	if (sd_json_variant_filter(&p, (char **)own) < 0)
		abort();
	if (data)
		json_set_string(&p, "user_data", data);
	if (text && sd_json_variant_new_base64(&encoded, text, strlen(text)) < 0)
		abort();
	if (text)
		json_set(&p, "user_data", encoded);
	clock_gettime(CLOCK_REALTIME, &now);
	json_set_string(&p, "wish", wish_name(wish));
	json_set_uint(&p, "launched", old ? INSTANCE(old)->launched : (uint64_t)now.tv_sec);
	*ret = p;
	return 0;
}

static int check_fixed(const struct object *old, const struct object *new, struct error *e)
{
	const struct instance *a = INSTANCE(old), *b = INSTANCE(new);
	const char *what = a->kind != b->kind ? "kind" :
			   !streq(a->kernel, b->kernel) ? "kernel" :
			   !streq(a->initrd, b->initrd) ? "initrd" :
			   !streq(a->boot, b->boot) ? "boot" : NULL;
	_cleanup_free_ char *path = what ? xprintf("/%s", what) : NULL;

	return what ? fail_at(e, path, "'%s' of instance '%s' cannot be changed; terminate it first",
			      what, new->name) : 0;
}

/* Only what is wanted of it may change while it runs */
static int check_change(const struct entry *n, const struct object *old, struct error *e)
{
	_cleanup_json_ sd_json_variant *was = object_body(old);
	_cleanup_json_ sd_json_variant *is = instance_ops.build(n->o);
	int r = check_fixed(old, n->o, e);

	if (r < 0 || n->resting)
		return r;
	json_set(&is, "wish", sd_json_variant_ref(json_get(was, "wish")));
	return sd_json_variant_equal(was, is) ? 0 : refuse_while_it_runs(n, e);
}

/* Is it to be started, and can it be? */
static int check_start(const struct entry *n, const struct object *old, struct error *e)
{
	struct instances *all = n->m->instances;

	if (!all || INSTANCE(n->o)->wish != WISH_RUNNING ||
	    (old && INSTANCE(old)->wish == WISH_RUNNING))
		return 0;
	if (!n->resting)
		return refuse_while_it_runs(n, e);
	if (all->problem)
		return fail(e, ERR_FAILED, "%s", all->problem);
	return carrier_of(n->o)->check(e) < 0 ? -EINVAL : place_check(n->m, n->o, e);
}

/* Others may have something that is attached to one of this name, without nitrod */
static int check_strange(const struct entry *n, struct error *e)
{
	static const enum object_kind kinds[] = { KIND_ENI, KIND_VOLUME };
	const char *name = n->o->name;
	struct object *o;

	for (size_t k = 0; n->fresh && k < ARRAY_SIZE(kinds); k++)
		FOR_EACH_OBJECT(n->c->model, kinds[k], o)
			if (is_held(o, name))
				return fail(e, ERR_IN_USE,
					    "%s '%s' is attached to another '%s', which is not run by nitrod; '%s detach %s' first",
					    kind_ops[kinds[k]]->label, o->name, name,
					    kind_ops[kinds[k]]->verb, o->name);
	return 0;
}

static int check_entry(sd_json_variant *v, enum wish *ret, struct error *e)
{
	const char *state;

	if (json_check_keys(v, instance_ops.keys, instance_ops.n_keys, own_keys,
			    ARRAY_SIZE(own_keys), e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(inner_keys); i++)
		if (json_get(v, inner_keys[i])) {
			_cleanup_free_ char *path = xprintf("/%s", inner_keys[i]);

			return fail_at(e, path, "unknown key '%s'", inner_keys[i]);
		}
	if (streq(json_string(v, "kind"), instance_kind_name(INSTANCE_HOST)))
		return fail_at(e, "/kind", "kind 'host' is not for stacks; see 'instance adopt'");
	state = json_string(v, "state");
	if (state && !streq(state, "running") && !streq(state, "stopped"))
		return fail_at(e, "/state", "state '%s' is none of running, stopped", state);
	*ret = streq(state, "stopped") ? WISH_STOPPED : WISH_RUNNING;
	return 0;
}

static int put_entry(struct entry *n, const char *origin, struct error *e)
{
	const char *name = json_string(n->v, "name");
	struct object *old = name ? model_get(n->c->model, KIND_INSTANCE, NULL, name) : NULL;
	_cleanup_json_ sd_json_variant *p = NULL;
	struct life *l = old ? instances_get(n->m, old->id) : NULL;
	enum wish wish = WISH_RUNNING;
	int r;

	if (check_entry(n->v, &wish, e) < 0)
		return -EINVAL;
	n->fresh = !old || INSTANCE(old)->ended;
	n->resting = n->fresh || !l || l->state == LIFE_STOPPED || l->state == LIFE_FAILED;
	if (!n->fresh && INSTANCE(old)->wish == WISH_TERMINATED)
		return fail(e, ERR_IN_USE, "instance '%s' is being terminated", name);
	if (n->fresh)
		old = NULL;
	if (properties_of(n->v, old, wish, &p, e) < 0 ||
	    change_put(n->c, KIND_INSTANCE, p, NULL, PUT_REPLACE, NULL, e) < 0)
		return -EINVAL;
	n->o = model_get(n->c->model, KIND_INSTANCE, NULL, name);
	n->o->origin = xstrdup(origin);
	r = check_strange(n, e);
	if (r >= 0 && old)
		r = check_change(n, old, e);
	if (r >= 0)
		r = check_start(n, old, e);
	if (r >= 0)
		r = put_enis(n, e);
	return r < 0 ? r : put_volumes(n, e);
}

/**
 * stack_put_instances - the instances of a stack
 * @m: the manager
 * @c: the change; it has the ENIs and volumes already
 * @list: the entries, or NULL
 * @e: says what is wrong, and where
 *
 * Those of other hosts are none of ours.
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int stack_put_instances(struct manager *m, struct change *c, sd_json_variant *list,
			struct error *e)
{
	size_t n = list ? sd_json_variant_elements(list) : 0;
	struct host *local = model_local_host(c->model);

	for (size_t i = 0; i < n; i++) {
		struct entry entry = { .m = m, .c = c, .v = sd_json_variant_by_index(list, i) };
		_cleanup_free_ char *at = xprintf("/instances/%zu", i);
		const char *host = json_string(entry.v, "host");

		if (host && local && strcmp(host, local->o.name))
			continue;
		c->names_instances = true;
		if (put_entry(&entry, at, e) < 0) {
			error_prefix(e, "%s", at);
			return -EINVAL;
		}
	}
	return 0;
}

/**
 * stack_prune_instance - an instance that the stack does not name is terminated
 * @c: the change
 * @o: the instance, or an enclave
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int stack_prune_instance(struct change *c, struct object *o, struct error *e)
{
	/* nor is this host a matter of stacks */
	if (INSTANCE(o)->wish == WISH_TERMINATED || INSTANCE(o)->kind == INSTANCE_HOST)
		return 0;
	o = touch(c, o, e);
	if (!o)
		return -EINVAL;
	INSTANCE(o)->wish = WISH_TERMINATED;
	return 0;
}

/* An enclave has the life of an instance */
static bool lives(const struct object *o)
{
	return o->kind == KIND_INSTANCE || o->kind == KIND_ENCLAVE;
}

static bool is_new(const struct edit *edit)
{
	return edit->new && lives(edit->new) && !INSTANCE(edit->new)->ended &&
		(!edit->old || INSTANCE(edit->old)->ended);
}

/**
 * stack_is_terminated - does an edit terminate an instance or an enclave?
 * @edit: the edit
 *
 * Context: any.
 * Return: true if it does.
 */
bool stack_is_terminated(const struct edit *edit)
{
	return edit->old && edit->new && lives(edit->new) &&
		INSTANCE(edit->new)->wish == WISH_TERMINATED &&
		INSTANCE(edit->old)->wish != WISH_TERMINATED;
}

/**
 * stack_new_instances - the instances and enclaves that a change makes
 * @c: the change, checked
 * @each: told of each; below zero ends it
 * @data: for it
 * @e: for it
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int stack_new_instances(const struct change *c,
			int (*each)(const struct object *o, void *data, struct error *e),
			void *data, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->n; i++)
		if (is_new(&c->edits[i]))
			r = each(c->edits[i].new, data, e);
	return r;
}

static void apply_wish(struct manager *m, struct object *o)
{
	struct life *l = instances_get(m, o->id);

	if (!l)
		return;
	l->reboot = false;
	if (INSTANCE(o)->wish == WISH_RUNNING &&
	    (l->state == LIFE_FAILED || l->state == LIFE_STOPPED)) {
		l->failures = 0;
		l->not_before = 0;
		life_set(l, LIFE_PENDING, NULL);
	}
	life_settle(l);
}

/**
 * stack_instances_applied - a stack is committed: live accordingly
 * @m: the manager
 * @c: the change
 *
 * Context: event loop.
 */
void stack_instances_applied(struct manager *m, const struct change *c)
{
	bool moved = false;

	for (size_t i = 0; i < c->n; i++) {
		const struct edit *edit = &c->edits[i];
		struct object *o = edit->new ? model_by_id(&m->model, edit->new->id) : NULL;

		if (!o)
			continue;
		moved |= o->kind == KIND_ENI || o->kind == KIND_VOLUME;
		if (is_new(edit))
			instances_begin(m, o);
		else if (lives(o))
			apply_wish(m, o);
	}
	for (size_t i = 0; moved && i < m->instances->lives.cap; i++) {
		struct life *l = m->instances->lives.slots[i].value;

		if (m->instances->lives.slots[i].key && l->state == LIFE_RUNNING &&
		    l->carrier->ready(l))
			l->carrier->sync(l);
	}
}

/* --- export --- */

/* The names of what it has, in its order; but the volume that it boots */
static void export_devices(const struct model *m, const struct object *o, enum object_kind kind,
			   const char *key, sd_json_variant **v)
{
	const char *by_index[INSTANCE_VOLUMES_MAX] = {};
	struct json_list list = {};
	struct object *d;

	FOR_EACH_OBJECT(m, kind, d)
		if (is_held(d, o->name) &&
		    (kind == KIND_ENI || !streq(d->name, INSTANCE(o)->boot)))
			by_index[*index_of(d)] = d->name;
	for (size_t i = 0; i < ARRAY_SIZE(by_index); i++)
		if (by_index[i])
			json_list_add_string(&list, by_index[i]);
	if (list.n)
		json_set(v, key, json_list_take(&list));
}

/* As text where it is text */
static void export_user_data(const struct instance *i, sd_json_variant **v)
{
	_cleanup_json_ sd_json_variant *encoded = NULL;
	_cleanup_free_ void *data = NULL;
	sd_json_variant *text = NULL;
	size_t size = 0;

	if (!i->user_data)
		return;
	if (sd_json_variant_new_string(&encoded, i->user_data) < 0 ||
	    sd_json_variant_unbase64(encoded, &data, &size) < 0)
		abort();
	if (!memchr(data, 0, size) && sd_json_variant_new_stringn(&text, data, size) >= 0)
		json_set(v, "user_data", text);
	else
		json_set_string(v, "user_data_base64", i->user_data);
}

/**
 * stack_export_instance - an instance as a stack has it
 * @m: the model
 * @o: the instance
 *
 * Context: method call.
 * Return: the entry, NULL if it is terminated or this host.
 */
sd_json_variant *stack_export_instance(const struct model *m, const struct object *o)
{
	static const char *const own[] = { "user_data", "wish", "launched", "ended", NULL };
	_cleanup_free_ char *memory = size_text(INSTANCE(o)->memory);
	struct host *local = model_local_host(m);
	sd_json_variant *v;

	if (INSTANCE(o)->wish == WISH_TERMINATED || INSTANCE(o)->kind == INSTANCE_HOST)
		return NULL;
	v = object_body(o);
	if (sd_json_variant_filter(&v, (char **)own) < 0)
		abort();
	json_set_string(&v, "memory", memory);
	export_devices(m, o, KIND_ENI, "enis", &v);
	export_devices(m, o, KIND_VOLUME, "volumes", &v);
	export_user_data(INSTANCE(o), &v);
	json_set_string(&v, "state", wish_name(INSTANCE(o)->wish));
	if (local)
		json_set_string(&v, "host", local->o.name);
	return v;
}
