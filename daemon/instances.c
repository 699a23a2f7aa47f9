// SPDX-License-Identifier: GPL-2.0
/* All instances of this host, and who waits for them. */

#include <stdio.h>

#include "carrier.h"
#include "kernel.h"
#include "varlink.h"

/* The unit's file names the directory beside this socket */
#define SOCKET "/run/nitro/nitro.sock"

static const char *const state_names[LIFE_STATES] = {
	[LIFE_PENDING] = "pending", [LIFE_RUNNING] = "running", [LIFE_STOPPING] = "stopping",
	[LIFE_STOPPED] = "stopped", [LIFE_TERMINATED] = "terminated", [LIFE_FAILED] = "failed",
};

/**
 * life_state_name - a state as users know it
 * @state: the state
 *
 * Context: any.
 * Return: its name.
 */
const char *life_state_name(enum life_state state)
{
	return state_names[state];
}

/**
 * life_label - what it is to users
 * @l: the instance or enclave
 *
 * Context: any.
 * Return: "instance" or "enclave".
 */
const char *life_label(const struct life *l)
{
	return l->carrier == &carrier_enclave ? "enclave" : "instance";
}

/**
 * instances_get - an instance as it is
 * @m: the manager
 * @id: its ID
 *
 * Context: event loop.
 * Return: borrowed, NULL if there is none.
 */
struct life *instances_get(struct manager *m, const char *id)
{
	return m->instances ? map_get(&m->instances->lives, id) : NULL;
}

/**
 * instances_add - an instance begins to live, or is found again
 * @m: the manager
 * @o: the instance
 * @state: what users are told until more is known
 *
 * Context: event loop.
 * Return: the life, borrowed.
 */
struct life *instances_add(struct manager *m, const struct object *o, enum life_state state)
{
	struct life *l = xcalloc(1, sizeof(*l));

	l->m = m;
	l->id = xstrdup(o->id);
	l->carrier = carrier_of(o);
	l->state = state;
	map_put(&m->instances->lives, o->id, l);
	if (!l->carrier->unit)
		life_later(l, 0);
	unit_watch(l);
	unit_ask(l);
	return l;
}

/**
 * instances_begin - an instance was made
 * @m: the manager
 * @o: the instance, in the store now
 *
 * Context: event loop.
 * Return: the life, borrowed.
 */
struct life *instances_begin(struct manager *m, const struct object *o)
{
	enum life_state state = INSTANCE(o)->wish == WISH_RUNNING ? LIFE_PENDING : LIFE_STOPPED;

	/* its files are where they belong before it is looked at again */
	instance_dir_keep(m, o->id);
	instances_remove(m, o->id);
	journal_instance(o, life_state_name(state), NULL);
	manager_event(m, event_new(life_state_name(state), kind_ops[o->kind]->name, o->id,
				   o->name));
	return instances_add(m, o, state);
}

static void drop_waiter(struct waiter **w)
{
	struct waiter *gone = *w;

	*w = gone->next;
	sd_varlink_unref(gone->link);
	free(gone->id);
	free(gone);
}

/**
 * instances_remove - an instance is no more
 * @m: the manager
 * @id: its ID
 *
 * Context: event loop.
 */
void instances_remove(struct manager *m, const char *id)
{
	struct life *l = map_del(&m->instances->lives, id);

	if (l)
		life_free(l);
}

static int answer(sd_varlink *link, struct manager *m, const char *id)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct object *o = model_by_id(&m->model, id);

	if (o)
		json_set(&v, "object", object_show(m, o));
	return sd_varlink_reply(link, v);
}

/**
 * instances_wait - answer a call when an instance is where it should be
 * @m: the manager
 * @link: the connection
 * @id: the instance
 * @want: 1 << enum life_state, any of them; 0 to answer at once
 *
 * Context: event loop.
 */
void instances_wait(struct manager *m, sd_varlink *link, const char *id, unsigned int want)
{
	struct life *l = instances_get(m, id);
	struct waiter *w;

	if (!want || (l && want & 1U << l->state)) {
		(void)answer(link, m, id);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->link = sd_varlink_ref(link);
	w->id = xstrdup(id);
	w->want = want;
	w->next = m->instances->waiters;
	m->instances->waiters = w;
}

/**
 * instances_refuse - tell the calls that wait for an instance that it is in vain
 * @l: the instance
 * @name: its name
 * @reason: why, or NULL
 *
 * Context: event loop.
 */
void instances_refuse(struct life *l, const char *name, const char *reason)
{
	struct waiter **w = &l->m->instances->waiters;

	while (*w) {
		_cleanup_error_ struct error e = {};

		if (strcmp((*w)->id, l->id)) {
			w = &(*w)->next;
			continue;
		}
		fail(&e, ERR_FAILED, "%s '%s': %s", life_label(l), name,
		     reason ? reason : "it has failed");
		(void)varlink_fail((*w)->link, &e);
		drop_waiter(w);
	}
}

/**
 * instances_wake - answer the calls that have waited for what an instance is now
 * @l: the instance
 *
 * Context: event loop.
 */
void instances_wake(struct life *l)
{
	struct object *o = model_by_id(&l->m->model, l->id);
	struct waiter **w = &l->m->instances->waiters;

	while (*w) {
		if (strcmp((*w)->id, l->id) || !((*w)->want & 1U << l->state)) {
			w = &(*w)->next;
			continue;
		}
		(void)answer((*w)->link, l->m, l->id);
		drop_waiter(w);
	}
	if (l->state == LIFE_FAILED)
		instances_refuse(l, o ? o->name : l->id, l->reason);
}

/**
 * instances_forget - a connection is gone
 * @m: the manager
 * @link: the connection
 *
 * Context: event loop.
 */
void instances_forget(struct manager *m, const sd_varlink *link)
{
	struct waiter **w;

	if (!m->instances)
		return;
	w = &m->instances->waiters;
	while (*w) {
		if ((*w)->link == link)
			drop_waiter(w);
		else
			w = &(*w)->next;
	}
}

/**
 * instances_find - the instance that has a name or an ID
 * @model: the model
 * @name: what users or attachments call it
 *
 * Context: any.
 * Return: the object (borrowed), NULL if nitrod runs none of that name.
 */
struct object *instances_find(const struct model *model, const char *name)
{
	struct object *o = model_by_id(model, name);

	return o && o->kind == KIND_INSTANCE ? o : model_get(model, KIND_INSTANCE, NULL, name);
}

/**
 * instances_host - the instance that is this host
 * @model: the model
 *
 * Context: any.
 * Return: the object (borrowed), NULL if this host is none.
 */
struct object *instances_host(const struct model *model)
{
	struct object *o;

	FOR_EACH_OBJECT(model, KIND_INSTANCE, o)
		if (INSTANCE(o)->kind == INSTANCE_HOST && INSTANCE(o)->wish != WISH_TERMINATED)
			return o;
	return NULL;
}

/**
 * instances_committed - a change was carried through
 * @m: the manager
 * @c: the change
 *
 * Context: event loop.
 */
void instances_committed(struct manager *m, const struct change *c)
{
	for (size_t i = 0; m->instances && i < c->n; i++) {
		const struct object *old = c->edits[i].old, *new = c->edits[i].new;
		struct life *l = old ? instances_holder(m, old) : NULL;

		if (l && old->kind == KIND_VOLUME && l->carrier->dropped &&
		    (!new || VOLUME(new)->holder != HOLDER_INSTANCE))
			l->carrier->dropped(l);
	}
}

/**
 * instances_boots - is a volume what an instance boots?
 * @model: the model
 * @volume: the volume
 *
 * Context: any.
 * Return: true if it is, and so has to stay.
 */
bool instances_boots(const struct model *model, const struct object *volume)
{
	struct object *o = VOLUME(volume)->holder == HOLDER_INSTANCE ?
		instances_find(model, VOLUME(volume)->instance) : NULL;

	return o && streq(INSTANCE(o)->boot, volume->name) &&
		INSTANCE(o)->wish != WISH_TERMINATED;
}

/**
 * instances_refuse_change - may what an instance has be changed now?
 * @m: the manager
 * @name: its name; NULL, or one that nitrod does not run, may
 * @e: says why not
 *
 * While it runs it may: the guest is told.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int instances_refuse_change(struct manager *m, const char *name, struct error *e)
{
	struct object *o = name ? instances_find(&m->model, name) : NULL;
	struct life *l = o ? instances_get(m, o->id) : NULL;

	if (!l || l->state == LIFE_STOPPED || l->state == LIFE_FAILED ||
	    (l->state == LIFE_RUNNING && l->carrier->ready(l)))
		return 0;
	if (INSTANCE(o)->wish == WISH_TERMINATED)
		return fail(e, ERR_INVALID, "instance '%s' is terminated", o->name);
	return fail(e, ERR_IN_USE, "instance '%s' is %s; 'instance stop %s' first", o->name,
		    state_names[l->state], o->name);
}

static sd_json_variant *names_of(struct manager *m, const struct object *o,
				 enum object_kind kind)
{
	struct json_list list = {};
	struct object *other;

	FOR_EACH_OBJECT(&m->model, kind, other)
		if (instance_has(o, other))
			json_list_add_string(&list, other->name);
	return json_list_take(&list);
}

/**
 * instances_show - complete what users are shown of an instance
 * @m: the manager
 * @o: the instance
 * @v: its configuration, as JSON
 *
 * Context: method call.
 */
void instances_show(struct manager *m, struct object *o, sd_json_variant **v)
{
	static const char *const hidden[] = { "user_data", "wish", NULL };
	struct life *l = instances_get(m, o->id);
	_cleanup_free_ char *unit = carrier_of(o)->unit ? unit_name(carrier_of(o), o->id) : NULL;
	const char *reason = l ? l->reason : NULL;

	if (sd_json_variant_filter(v, (char **)hidden) < 0)
		abort();
	if (m->instances && m->instances->problem)
		reason = m->instances->problem;
	json_set_string(v, "state", l ? state_names[l->state] : wish_name(INSTANCE(o)->wish));
	json_set_string(v, "reason", reason);
	json_set(v, "enis", names_of(m, o, KIND_ENI));
	json_set(v, "volumes", names_of(m, o, KIND_VOLUME));
	json_set_string(v, "cpus", l ? l->cpus : NULL);
	json_set_string(v, "unit", unit);
}

/**
 * instances_problems - say what does not work
 * @m: the manager
 * @list: the sentences, appended
 *
 * Context: method call.
 */
void instances_problems(struct manager *m, struct json_list *list)
{
	struct object *o;

	FOR_EACH_LIVING(&m->model, o) {
		struct life *l = instances_get(m, o->id);
		_cleanup_free_ char *text = NULL;

		if (!l || l->state != LIFE_FAILED)
			continue;
		text = xprintf("%s '%s': %s", life_label(l), o->name,
			       l->reason ? l->reason : "it has failed");
		json_list_add_string(list, text);
	}
}

/**
 * instances_start - find the instances that are there, and start those that should be
 * @m: the manager, its state loaded
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int instances_start(struct manager *m)
{
	static const enum life_state first[WISH_MAX] = {
		[WISH_RUNNING] = LIFE_PENDING, [WISH_STOPPED] = LIFE_STOPPED,
		[WISH_TERMINATED] = LIFE_STOPPING,
	};
	struct object *o;
	int r;

	m->instances = xcalloc(1, sizeof(*m->instances));
	m->instances->listener = -1;
	FOR_EACH_LIVING(&m->model, o)
		instances_add(m, o, INSTANCE(o)->ended ? LIFE_TERMINATED :
			      first[INSTANCE(o)->wish]);
	instance_dirs_sweep(m);
	expire_later(m);
	if (!streq(m->socket_path, SOCKET)) {
		m->instances->problem = xstrdup(
			"instances and enclaves are run by the one nitrod that listens at '" SOCKET "'");
		return 0;
	}
	r = launch_listen(m);
	return r < 0 ? r : unit_connect(m);
}

/**
 * instances_stop - let the instances run on by themselves
 * @m: the manager
 *
 * Context: at the end.
 */
void instances_stop(struct manager *m)
{
	struct instances *k = m->instances;

	if (!k)
		return;
	unit_disconnect(m);
	for (size_t i = 0; i < k->lives.cap; i++)
		if (k->lives.slots[i].key)
			life_free(k->lives.slots[i].value);
	map_free(&k->lives);
	while (k->waiters)
		drop_waiter(&k->waiters);
	sd_event_source_disable_unref(k->retry);
	sd_event_source_disable_unref(k->source);
	sd_event_source_disable_unref(k->expiry);
	close_fd(&k->listener);
	free(k->problem);
	free(k);
	m->instances = NULL;
}
