// SPDX-License-Identifier: GPL-2.0
/* Operations: one after the other where they share an object, else side by side. */

#include <stdio.h>

#include "ebs.h"
#include "operation.h"

#define USEC 1000000ULL
#define RETRY_EVERY (30 * USEC)
#define OPERATIONS_MAX 1024

static void free_assigned(struct map *assigned)
{
	for (size_t i = 0; i < assigned->cap; i++) {
		struct assigned *a = assigned->slots[i].value;

		if (!assigned->slots[i].key)
			continue;
		free(a->data_key);
		free(a->uuid);
		free(a);
	}
	map_free(assigned);
}

static void forget_works(struct operation *op)
{
	for (size_t i = 0; i < op->n; i++)
		work_free(&op->works[i]);
	op->n = op->next = 0;
}

static void operation_free(struct operation *op)
{
	helper_cancel(op->helper);
	forget_works(op);
	free(op->works);
	for (size_t i = 0; i < op->n_opened; i++) {
		free(op->opened[i].key_id);
		secret_free(&op->opened[i].secret);
	}
	free(op->opened);
	free_assigned(&op->assigned);
	strings_free(&op->intents);
	strings_free(&op->own);
	strings_free(&op->shared);
	secret_free(&op->rq.brought);
	if (op->rq.release)
		op->rq.release(op->rq.data);
	if (op->committed)
		change_free(&op->change);
	error_clear(&op->e);
	free(op);
}

static void pump_later(struct manager *m)
{
	(void)sd_event_source_set_enabled(m->storage->pump, SD_EVENT_ONESHOT);
}

static void retry_later(struct manager *m)
{
	if (!m->storage->intents.n)
		return;
	(void)sd_event_source_set_time_relative(m->storage->timer, RETRY_EVERY);
	(void)sd_event_source_set_enabled(m->storage->timer, SD_EVENT_ONESHOT);
}

/* The end of an operation: the requester hears of it, then it is gone */
static void finish(struct operation *op)
{
	struct storage *s = op->m->storage;
	struct manager *m = op->m;

	for (size_t i = 0; i < s->n_operations; i++) {
		if (s->operations[i] != op)
			continue;
		memmove(&s->operations[i], &s->operations[i + 1],
			(s->n_operations - i - 1) * sizeof(*s->operations));
		s->n_operations--;
		break;
	}
	if (op->rq.done)
		op->rq.done(m, op->committed ? &op->change : NULL, &op->e, op->rq.data);
	operation_free(op);
	retry_later(m);
	pump_later(m);
}

/* What was begun is undone by settling it: the store does not have it */
static void undo(struct operation *op)
{
	struct error why = op->e;

	op->phase = PHASE_UNDO;
	forget_works(op);
	op->e = (struct error){};
	for (size_t i = op->intents.n; i-- > 0;)
		plan_settle(op, op->intents.v[i], false);
	/* the first reason is the one to tell */
	error_clear(&op->e);
	op->e = why;
}

static void plan_finish(struct operation *op)
{
	op->phase = PHASE_FINISH;
	forget_works(op);
	for (size_t i = 0; i < op->change.n; i++) {
		const struct edit *edit = &op->change.edits[i];
		struct object *o = edit->new ? edit->new : edit->old;

		if (map_get(&op->m->storage->intents, o->id))
			plan_settle(op, o->id, false);
	}
	for (size_t i = 0; i < op->change.n; i++) {
		const struct edit *edit = &op->change.edits[i];
		struct object *o = edit->new ? edit->new : edit->old;

		if (o->kind == KIND_VOLUME && (!edit->new || !edit->old ||
					       VOLUME(edit->new)->size != VOLUME(edit->old)->size))
			plan_usage(op, model_get(&op->m->model, KIND_POOL, NULL,
						 VOLUME(o)->pool));
		if (o->kind == KIND_POOL && edit->new)
			plan_usage(op, o);
	}
}

static int build(struct operation *op, struct change *c)
{
	int r;

	change_begin(c, &op->m->model);
	c->assigned = &op->assigned;
	r = op->rq.build(c, op->rq.data, &op->e);
	if (r < 0) {
		change_undo(c);
		change_free(c);
	}
	return r;
}

/* Return: below zero if it is refused; the change is undone then */
static int commit(struct operation *op, struct change *c, bool checked)
{
	int r;

	op->m->storage->committing = op;
	r = checked ? manager_commit_checked(op->m, c, &op->e) :
		      manager_commit(op->m, c, &op->e);
	op->m->storage->committing = NULL;
	if (r < 0) {
		change_free(c);
		return r;
	}
	op->change = *c;
	op->committed = true;
	return 0;
}

static int rebuild_and_commit(struct operation *op)
{
	struct change c;
	int r = build(op, &c);

	return r < 0 ? r : commit(op, &c, false);
}

/* All works of a phase are done: what comes next. Return: false at the end */
static bool next_phase(struct operation *op)
{
	switch (op->phase) {
	case PHASE_PREPARE:
		if (op->rq.build && rebuild_and_commit(op) < 0)
			undo(op);
		else
			plan_finish(op);
		return true;
	default:
		return false;
	}
}

static void note_failure(struct operation *op, struct work *w)
{
	if (w->kind == WORK_USAGE)
		return;
	fprintf(stderr, "<4>nitrod: %s: %s\n", w->id ? w->id : w->o ? w->o->id : "storage",
		op->e.message ? op->e.message : "failed");
}

/* Nobody asked for this one: it is tried again later */
static void give_up(struct operation *op)
{
	struct work *last = &op->works[op->n - 1];

	if (last->kind == WORK_RESTORE)
		ebs_set_failure(op->m, last->o, op->e.message);
	else
		note_failure(op, &op->works[op->next]);
	error_clear(&op->e);
	op->next = op->n;
}

/* Works one after the other until one has to be waited for. @r: how the last ended */
static void run(struct operation *op, int r)
{
	for (;;) {
		if (r < 0 && op->phase == PHASE_PREPARE && op->rq.build) {
			undo(op);
			r = 0;
			continue;
		}
		if (r < 0 && op->phase == PHASE_PREPARE) {
			give_up(op);
			r = 0;
			continue;
		}
		if (r < 0) {
			note_failure(op, &op->works[op->next]);
			if (op->phase != PHASE_UNDO)
				error_clear(&op->e);
			op->next++;
		}
		while (op->next < op->n) {
			struct error why = op->e;

			/* while undoing, errors are of the works, not the answer */
			if (op->phase == PHASE_UNDO)
				op->e = (struct error){};
			r = work_start(op, &op->works[op->next]);
			if (op->phase == PHASE_UNDO) {
				if (r < 0)
					note_failure(op, &op->works[op->next]);
				error_clear(&op->e);
				op->e = why;
				if (r < 0)
					r = 0;
			}
			if (r)
				break;
			op->next++;
		}
		if (r > 0)
			return;
		if (r < 0)
			continue;
		if (!next_phase(op)) {
			finish(op);
			return;
		}
	}
}

/**
 * operation_continue - a work that was waited for has ended
 * @op: the operation
 * @r: how: 0 or a negative errno
 *
 * Context: event loop.
 */
void operation_continue(struct operation *op, int r)
{
	if (r >= 0)
		op->next++;
	run(op, r);
}

static bool shares(const struct strings *a, const struct strings *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (strings_has(b, a->v[i]))
			return true;
	return false;
}

/* Operations that came first have what they need first */
static bool has_to_wait(const struct storage *s, const struct operation *op)
{
	for (size_t i = 0; i < s->n_operations && s->operations[i] != op; i++) {
		const struct operation *other = s->operations[i];

		if (shares(&op->own, &other->own) || shares(&op->own, &other->shared) ||
		    shares(&op->shared, &other->own))
			return true;
	}
	return false;
}

/* Return: false if it has to wait */
static bool begin(struct operation *op)
{
	struct change c;

	if (op->rq.build) {
		if (build(op, &c) < 0)
			goto end;
		if (change_check(&c, &op->e) < 0) {
			change_undo(&c);
			change_free(&c);
			goto end;
		}
		plan_locks(op, &c);
	}
	if (has_to_wait(op->m->storage, op)) {
		if (op->rq.build) {
			change_undo(&c);
			change_free(&c);
		}
		return false;
	}
	op->phase = PHASE_PREPARE;
	if (op->rq.build) {
		plan_change(op, &c);
		if (!op->n) {
			if (commit(op, &c, true) < 0)
				goto end;
			plan_finish(op);
		} else {
			change_undo(&c);
			change_free(&c);
		}
	}
	run(op, 0);
	return true;
end:
	finish(op);
	return true;
}

static int on_pump(sd_event_source *source, void *userdata)
{
	struct manager *m = userdata;
	struct storage *s = m->storage;

	(void)source;
	if (s->pumping)
		return 0;
	s->pumping = true;
	for (size_t i = 0; i < s->n_operations;) {
		struct operation *op = s->operations[i];

		/* what ends at once leaves its place to the next */
		if (op->phase == PHASE_QUEUED && begin(op) &&
		    (i >= s->n_operations || s->operations[i] != op))
			continue;
		i++;
	}
	s->pumping = false;
	return 0;
}

static struct operation *operation_new(struct manager *m)
{
	struct operation *op = xcalloc(1, sizeof(*op));

	op->m = m;
	GROW(m->storage->operations, m->storage->n_operations, m->storage->cap_operations);
	m->storage->operations[m->storage->n_operations++] = op;
	return op;
}

/**
 * storage_submit - ask for an operation
 * @m: the manager
 * @rq: the request, taken over; its done() may be called before this returns
 *
 * Context: event loop.
 */
void storage_submit(struct manager *m, struct request *rq)
{
	struct operation *op = operation_new(m);

	op->rq = *rq;
	if (m->storage->n_operations > OPERATIONS_MAX) {
		fail(&op->e, ERR_FAILED, "%d operations are waiting already", OPERATIONS_MAX);
		finish(op);
		return;
	}
	(void)on_pump(NULL, m);
	pump_later(m);
}

/**
 * storage_restore - give the kernel the volumes that it should have
 * @m: the manager
 * @volumes: their IDs
 *
 * Context: event loop.
 */
void storage_restore(struct manager *m, const struct strings *volumes)
{
	for (size_t i = 0; i < volumes->n; i++) {
		struct object *o = model_by_id(&m->model, volumes->v[i]), *key, *pool;
		struct operation *op;
		struct work *w;

		if (!o || storage_busy(m, o->id))
			continue;
		op = operation_new(m);
		key = VOLUME(o)->key ? model_get(&m->model, KIND_KEY, NULL, VOLUME(o)->key) : NULL;
		pool = model_get(&m->model, KIND_POOL, NULL, VOLUME(o)->pool);
		strings_add(&op->own, o->id);
		strings_add(&op->shared, pool->id);
		w = plan_add(op, WORK_ACTIVATE, o);
		w->pool = object_ref(pool);
		if (key) {
			strings_add(&op->shared, key->id);
			plan_add(op, WORK_KEY_OPEN, key);
		}
		plan_add(op, WORK_RESTORE, o);
	}
	pump_later(m);
}

/**
 * storage_secret - a master key that the operation being committed has opened
 * @m: the manager
 * @key_id: the key
 * @generation: which of its generations
 *
 * Context: event loop.
 * Return: borrowed, NULL if it is not open.
 */
const struct secret *storage_secret(struct manager *m, const char *key_id, uint64_t generation)
{
	struct storage *s = m->storage;

	if (s->committing)
		return work_opened(s->committing, key_id, generation);
	for (size_t i = 0; i < s->n_operations; i++) {
		const struct secret *secret = work_opened(s->operations[i], key_id, generation);

		if (secret)
			return secret;
	}
	return NULL;
}

/**
 * storage_busy - is an operation at work on an object?
 * @m: the manager
 * @id: the object
 *
 * Context: event loop.
 * Return: true if there is one, or one waits.
 */
bool storage_busy(struct manager *m, const char *id)
{
	for (size_t i = 0; i < m->storage->n_operations; i++)
		if (strings_has(&m->storage->operations[i]->own, id))
			return true;
	return false;
}

/* Everything that an earlier nitrod has left, or that could not be done before */
static void settle_all(struct manager *m, bool wait)
{
	struct operation *op = NULL;

	for (size_t i = 0; i < m->storage->intents.cap; i++) {
		const char *id = m->storage->intents.slots[i].key;

		if (!id || storage_busy(m, id))
			continue;
		op = operation_new(m);
		strings_add(&op->own, id);
		plan_settle(op, id, wait);
	}
	if (op)
		pump_later(m);
}

static void look_at_pools(struct manager *m)
{
	struct object *o;

	FOR_EACH_OBJECT(&m->model, KIND_POOL, o) {
		struct operation *op;

		if (storage_busy(m, o->id))
			continue;
		op = operation_new(m);
		strings_add(&op->shared, o->id);
		plan_usage(op, o);
	}
	pump_later(m);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)source;
	(void)usec;
	settle_all(m, false);
	look_at_pools(m);
	(void)sd_event_source_set_time_relative(m->storage->timer, RETRY_EVERY);
	(void)sd_event_source_set_enabled(m->storage->timer, SD_EVENT_ONESHOT);
	return 0;
}

/**
 * storage_load_note - take over a note from the store
 * @m: the manager
 * @key: what it is about
 * @value: what it says
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int storage_load_note(struct manager *m, const char *key, const char *value)
{
	uint64_t to;

	if (startswith(key, "intent:"))
		return intent_load(m, key + strlen("intent:"), value);
	if (startswith(key, "clean:") && !parse_uint(value, 0, INT64_MAX, &to))
		clean_set(m, key + strlen("clean:"), to);
	return 0;
}

static int load_note(const char *key, const char *value, void *userdata)
{
	return storage_load_note(userdata, key, value);
}

/**
 * storage_init - be ready for changes
 * @m: the manager
 *
 * Context: at start, before the state is loaded.
 * Return: 0.
 */
int storage_init(struct manager *m)
{
	m->storage = xcalloc(1, sizeof(*m->storage));
	m->storage->lock = xprintf("%s/helpers.lock", m->state_dir);
	return 0;
}

/**
 * storage_start - finish what was begun
 * @m: the manager, its state loaded
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int storage_start(struct manager *m)
{
	_cleanup_error_ struct error e = {};
	int r = store_load_notes(m->store, load_note, m, &e);

	if (r >= 0)
		r = sd_event_add_defer(m->event, &m->storage->pump, on_pump, m);
	if (r >= 0)
		r = sd_event_add_time_relative(m->event, &m->storage->timer, CLOCK_MONOTONIC,
					       RETRY_EVERY, 0, on_timer, m);
	if (r < 0)
		return r;
	settle_all(m, true);
	look_at_pools(m);
	return 0;
}

static void free_values(struct map *map, void (*fn)(void *))
{
	for (size_t i = 0; i < map->cap; i++)
		if (map->slots[i].key)
			fn(map->slots[i].value);
	map_free(map);
}

static void free_intent(void *p)
{
	intent_free(p);
}

static void free_usage(void *p)
{
	struct usage *u = p;

	strings_free(&u->volumes);
	free(u->reason);
	free(u);
}

/**
 * storage_stop - leave what is under way to the next start
 * @m: the manager
 *
 * Context: at the end.
 */
void storage_stop(struct manager *m)
{
	struct storage *s = m->storage;

	if (!s)
		return;
	for (size_t i = 0; i < s->n_operations; i++)
		operation_free(s->operations[i]);
	free(s->operations);
	sd_event_source_disable_unref(s->pump);
	sd_event_source_disable_unref(s->timer);
	free_values(&s->intents, free_intent);
	free_values(&s->usage, free_usage);
	free_values(&s->clean, free);
	free(s->lock);
	free(s);
	m->storage = NULL;
}
