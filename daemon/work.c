// SPDX-License-Identifier: GPL-2.0
/* The works of operations: how each begins, and what is made of its result. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>

#include "ebs.h"
#include "operation.h"
#include "seal.h"

/**
 * work_free - release what a work holds
 * @w: the work
 *
 * Context: event loop.
 */
void work_free(struct work *w)
{
	object_unref(w->o);
	object_unref(w->old);
	object_unref(w->pool);
	free(w->id);
	free(w->job.head);
	free(w->job.tail);
	secret_free(&w->secret);
}

/**
 * work_opened - a master key that the operation has opened
 * @op: the operation
 * @key_id: the key
 * @generation: which of its generations
 *
 * Context: event loop.
 * Return: borrowed, NULL if it is not open.
 */
const struct secret *work_opened(struct operation *op, const char *key_id, uint64_t generation)
{
	for (size_t i = 0; i < op->n_opened; i++)
		if (streq(op->opened[i].key_id, key_id) &&
		    op->opened[i].generation == generation)
			return &op->opened[i].secret;
	return NULL;
}

static void keep_open(struct operation *op, const char *key_id, uint64_t generation,
		      struct secret *secret)
{
	GROW(op->opened, op->n_opened, op->cap_opened);
	op->opened[op->n_opened++] = (struct opened){
		.key_id = xstrdup(key_id), .generation = generation, .secret = *secret,
	};
	*secret = (struct secret){};
}

/* In the child: tools that outlive nitrod are waited for by the next one */
struct locked_job {
	struct backing_job *job;
	const char *lock;
	bool wait;
};

static int run_locked(void *data, struct error *e)
{
	struct locked_job *l = data;
	int fd = open(l->lock, O_RDWR | O_CREAT, 0600);

	/* not closed on exec: it is held until the last of our children has ended */
	if (fd < 0 || (l->wait && flock(fd, LOCK_EX) < 0) || flock(fd, LOCK_SH) < 0)
		return fail(e, ERR_FAILED, "cannot lock '%s': %s", l->lock, strerror(errno));
	return backing_run(l->job, e);
}

static int run_job(struct operation *op, struct backing_job *job, bool wait, helper_done_fn done)
{
	struct locked_job l = { .job = job, .lock = op->m->storage->lock, .wait = wait };
	int r = helper_fork(op->m->event, run_locked, &l, done, op, &op->helper, &op->e);

	return r < 0 ? r : 1;
}

static struct work *current(struct operation *op)
{
	return &op->works[op->next];
}

static int failed(struct operation *op, const struct helper_result *result)
{
	return fail(&op->e, ERR_FAILED, "%s", result->message);
}

static void on_job(struct helper_result *result, void *userdata)
{
	struct operation *op = userdata;

	op->helper = NULL;
	operation_continue(op, result->status < 0 ? failed(op, result) : 0);
}

static void on_check(struct helper_result *result, void *userdata)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct operation *op = userdata;
	struct work *w = current(op);
	const char *uuid;

	op->helper = NULL;
	if (result->status >= 0 && sd_json_parse(result->output, 0, &v, NULL, NULL) >= 0) {
		uuid = json_string(v, "uuid");
		if (uuid && !POOL(w->o)->uuid)
			plan_assigned(op, w->o->id)->uuid = xstrdup(uuid);
	}
	operation_continue(op, result->status < 0 ? failed(op, result) : 0);
}

static void on_usage(struct helper_result *result, void *userdata)
{
	struct operation *op = userdata;
	struct work *w = current(op);
	bool good = result->status >= 0;

	op->helper = NULL;
	usage_set(op->m, w->pool->id, good ? result->output : NULL, good ? NULL : result->message);
	/* a look after the work has no say in it */
	operation_continue(op, good || op->phase == PHASE_FINISH ? 0 : failed(op, result));
}

static char *new_uuid(void)
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		abort();
	return xprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
		       b[12], b[13], b[14], b[15]);
}

/* The pool as it will be: with the label that was found for it */
static struct object *labelled(struct operation *op, const struct object *pool)
{
	const struct assigned *a = map_get(&op->assigned, pool->id);
	_cleanup_json_ sd_json_variant *body = object_body(pool);
	_cleanup_error_ struct error ignored = {};
	struct object *o;

	if (POOL(pool)->uuid || !a || !a->uuid)
		return object_ref((struct object *)pool);
	json_set_string(&body, "uuid", a->uuid);
	if (object_parse(KIND_POOL, body, NULL, &o, &ignored) < 0)
		abort();
	object_finish(o);
	return o;
}

static int start_check(struct operation *op, struct work *w)
{
	w->job = (struct backing_job){ .action = BACKING_CHECK, .pool = POOL(w->pool) };
	return run_job(op, &w->job, false, on_check);
}

static int start_label(struct operation *op, struct work *w)
{
	const struct assigned *a = map_get(&op->assigned, w->o->id);

	/* it has one: an adopted pool */
	if (POOL(w->o)->uuid || !a)
		return 0;
	w->job = (struct backing_job){ .action = BACKING_LABEL, .pool = POOL(w->pool),
				       .uuid = a->uuid };
	return run_job(op, &w->job, false, on_job);
}

static int start_usage(struct operation *op, struct work *w)
{
	struct object *pool = labelled(op, w->pool);

	object_unref(w->pool);
	w->pool = pool;
	w->job = (struct backing_job){ .action = BACKING_USAGE, .pool = POOL(w->pool) };
	return run_job(op, &w->job, false, on_usage);
}

static void on_unsealed(struct helper_result *result, void *userdata)
{
	struct operation *op = userdata;
	struct work *w = current(op);
	int r = 0;

	op->helper = NULL;
	if (result->status < 0)
		r = fail(&op->e, ERR_FAILED, "key '%s' cannot be unsealed: %s", w->o->name,
			 result->message);
	else if (result->size != MASTER_KEY_SIZE)
		r = fail(&op->e, ERR_FAILED, "key '%s' has %zu bytes, not %d", w->o->name,
			 result->size, MASTER_KEY_SIZE);
	if (r >= 0) {
		result->secret.size = result->size;
		keep_open(op, w->o->id, KEY(w->o)->generation, &result->secret);
	}
	operation_continue(op, r);
}

static int start_open(struct operation *op, struct work *w)
{
	if (work_opened(op, w->o->id, KEY(w->o)->generation))
		return 0;
	return unseal_start(op->m->event, op->m->state_dir, w->o->id, KEY(w->o)->generation,
			    on_unsealed, op, &op->helper, &op->e) < 0 ? -EIO : 1;
}

static int start_seal(struct operation *op, struct work *w);

static void on_sealed(struct helper_result *result, void *userdata)
{
	struct operation *op = userdata;
	struct work *w = current(op);
	int r = 0;

	op->helper = NULL;
	/* on a machine without TPM whose files are in memory "auto" gives up; the
	 * host's secret then lasts as long as everything else there
	 */
	if (result->status < 0 && w->tries < 2) {
		r = start_seal(op, w);
		if (r > 0)
			return;
	} else if (result->status < 0) {
		r = fail(&op->e, ERR_FAILED, "key '%s' cannot be sealed: %s", w->o->name,
			 result->message);
	} else {
		r = seal_keep(op->m->state_dir, w->o->id, KEY(w->o)->generation, result->output,
			      result->size, &op->e);
	}
	if (r >= 0)
		keep_open(op, w->o->id, KEY(w->o)->generation, &w->secret);
	operation_continue(op, r);
}

static int start_seal(struct operation *op, struct work *w)
{
	w->tries++;
	return seal_start(op->m->event, w->o->id, KEY(w->o)->generation, w->tries > 1, &w->secret,
			  on_sealed, op, &op->helper, &op->e) < 0 ? -EIO : 1;
}

static int keep_intent(struct operation *op, struct intent *i)
{
	intent_finish(i);
	if (!strings_has(&op->intents, i->id))
		strings_add(&op->intents, i->id);
	return intents_keep(op->m, &i, 1, &op->e);
}

static int start_make(struct operation *op, struct work *w)
{
	uint64_t generation = KEY(w->o)->generation;
	struct intent *i;

	/* without a record of it there is an export that belongs to it */
	if (generation == 1 && !map_get(&op->m->storage->intents, w->o->id) &&
	    seal_exists(op->m->state_dir, w->o->id))
		return fail(&op->e, ERR_FAILED,
			    "'%s/keys' holds a sealed key '%s' already, which nitrod does not know; apply the export that it belongs to, or move the file away",
			    op->m->state_dir, w->o->id);
	i = intent_new(w->o->id, NULL);
	i->generation = generation;
	if (keep_intent(op, i) < 0 ||
	    secret_random(&w->secret, MASTER_KEY_SIZE, &op->e) < 0)
		return -EIO;
	return start_seal(op, w);
}

static int rewrap_one(struct operation *op, struct work *w, struct object *o)
{
	const struct secret *from = work_opened(op, w->old->id, KEY(w->old)->generation);
	const struct secret *to = work_opened(op, w->o->id, KEY(w->o)->generation);
	_cleanup_secret_ struct secret data = {};
	struct assigned *a;

	if (!from || !to || secret_unwrap(from, o->id, VOLUME(o)->data_key, &data, &op->e) < 0)
		return fail(&op->e, ERR_FAILED, "the data key of volume '%s' cannot be opened",
			    o->name);
	a = plan_assigned(op, o->id);
	a->data_key = secret_wrap(to, o->id, &data, &op->e);
	a->generation = KEY(w->o)->generation;
	return a->data_key ? 0 : -EIO;
}

static int start_rewrap(struct operation *op, struct work *w)
{
	struct object *o;
	int r = 0;

	FOR_EACH_OBJECT(&op->m->model, KIND_VOLUME, o)
		if (r >= 0 && streq(VOLUME(o)->key, w->o->name))
			r = rewrap_one(op, w, o);
	return r;
}

/* A data key, and what zeros look like under it */
static int make_data_key(struct operation *op, struct work *w)
{
	const struct volume *v = VOLUME(w->o);
	_cleanup_secret_ struct secret data = {};
	const struct secret *master = NULL;
	_cleanup_error_ struct error why = {};
	_cleanup_free_ char *key_id = object_make_id(key_ops.id_prefix, NULL, v->key, 0);
	struct assigned *a = plan_assigned(op, w->o->id);

	for (size_t i = 0; i < op->n_opened; i++) {
		if (!streq(op->opened[i].key_id, key_id))
			continue;
		master = &op->opened[i].secret;
		a->generation = op->opened[i].generation;
	}
	if (!master)
		return fail(&op->e, ERR_FAILED, "key '%s' of volume '%s' is not open", v->key,
			    w->o->name);
	if (v->data_key)
		return secret_unwrap(master, w->o->id, v->data_key, &data, &why) < 0 ?
			fail(&op->e, ERR_FAILED, "volume '%s', key '%s': %s", w->o->name, v->key,
			     why.message) : 0;
	if (op->rq.brought.data) {
		data = op->rq.brought;
		op->rq.brought = (struct secret){};
	} else if (secret_random(&data, DATA_KEY_SIZE, &op->e) < 0) {
		return -EIO;
	}
	a->data_key = secret_wrap(master, w->o->id, &data, &op->e);
	if (!a->data_key)
		return -EIO;
	w->job.head = secret_blank(&data, v->sector_size, 0, BLANK_SIZE, &op->e);
	w->job.tail = secret_blank(&data, v->sector_size, v->size - BLANK_SIZE, BLANK_SIZE,
				   &op->e);
	return w->job.head && w->job.tail ? 0 : -EIO;
}

/*
 * What is there already and nitrod does not know may be all that is left of a
 * lost store: it is not touched, and no intent may say so later.
 * Return: 1 if it can be used as it is.
 */
static int check_absent(struct operation *op, struct work *w)
{
	const struct usage *u = usage_of(op->m, w->pool->id);

	if (w->job.action != BACKING_CREATE || !strings_has(&u->volumes, w->o->id))
		return 0;
	if (VOLUME(w->o)->instance_store) {
		w->job.action = BACKING_ADOPT;
		return 1;
	}
	return fail(&op->e, ERR_FAILED,
		    "pool '%s' holds a '%s' already, which nitrod does not know; apply the export that it belongs to, or move it away",
		    w->pool->name, w->o->id);
}

/* Space is found and taken in one go, so that two operations cannot take the same */
static int reserve(struct operation *op, struct work *w)
{
	const struct volume *v = VOLUME(w->o);
	uint64_t more = v->size - w->job.old_size;
	struct object *pool = w->pool;
	struct intent *i;
	int r = 0;

	if (w->job.action == BACKING_ADOPT)
		return 0;
	if (usage_of(op->m, pool->id)->known)
		r = check_absent(op, w);
	if (r > 0)
		return 0;
	if (r >= 0)
		r = space_check(op->m, pool, w->o, more, &op->e);
	if (r >= 0 && POOL(pool)->kind == POOL_DEVICE)
		r = w->job.action == BACKING_CREATE ?
			extent_find(op->m, pool, w->o, &w->job.offset, &op->e) :
			extent_grow(op->m, pool, w->o, v->size, &op->e);
	if (r < 0)
		return r;
	if (w->job.action == BACKING_CREATE)
		plan_assigned(op, w->o->id)->offset = w->job.offset;
	w->job.clean_to = clean_of(op->m, pool->id);
	i = intent_new(w->o->id, pool);
	i->size = v->size;
	i->offset = w->job.offset;
	return keep_intent(op, i);
}

static int start_space(struct operation *op, struct work *w)
{
	struct object *pool = labelled(op, w->pool);
	int r = 0;

	object_unref(w->pool);
	w->pool = pool;
	w->job.pool = POOL(pool);
	if (!VOLUME(w->o)->instance_store && w->job.action != BACKING_GROW)
		r = make_data_key(op, w);
	if (r >= 0)
		r = reserve(op, w);
	if (r >= 0)
		r = run_job(op, &w->job, false, on_job);
	/* the child has its own: a stack may make a thousand volumes */
	free(w->job.head);
	free(w->job.tail);
	w->job.head = w->job.tail = NULL;
	return r;
}

/* Labels are found before the first byte is written: an intent carries them */
static int start_reserve(struct operation *op)
{
	int r = 0;

	for (size_t k = 0; r >= 0 && k < op->n; k++) {
		struct work *w = &op->works[k];
		struct assigned *a;
		struct intent *i;

		if (w->kind != WORK_POOL_LABEL || POOL(w->o)->uuid)
			continue;
		a = plan_assigned(op, w->o->id);
		if (!a->uuid)
			a->uuid = new_uuid();
		i = intent_new(w->o->id, w->o);
		i->uuid = xstrdup(a->uuid);
		r = keep_intent(op, i);
	}
	return r;
}

static int start_activate(struct operation *op, struct work *w)
{
	const struct volume *v = VOLUME(w->o);

	/* files and extents are always there */
	if (POOL(w->pool)->kind != POOL_VG)
		return 0;
	w->job = (struct backing_job){
		.action = BACKING_ACTIVATE, .pool = POOL(w->pool), .id = w->o->id,
		.size = v->size, .sector_size = v->sector_size, .offset = v->offset,
	};
	return run_job(op, &w->job, false, on_job);
}

static void on_detached(struct helper_result *result, void *userdata)
{
	struct operation *op = userdata;

	op->helper = NULL;
	if (result->status >= 0)
		ebs_forget(op->m, current(op)->o->id);
	operation_continue(op, result->status < 0 ? failed(op, result) : 0);
}

static int start_detach(struct operation *op, struct work *w)
{
	const struct kdevice *d = ebs_device(op->m, w->o->id);
	struct ebs_detach detach;

	if (!d)
		return 0;
	detach = (struct ebs_detach){ .id = d->id, .force = op->rq.force, .name = w->o->name };
	return helper_fork(op->m->event, ebs_detach, &detach, on_detached, op, &op->helper,
			   &op->e) < 0 ? -EIO : 1;
}

static void on_settled(struct helper_result *result, void *userdata)
{
	struct operation *op = userdata;
	struct work *w = current(op);
	int r = result->status;

	op->helper = NULL;
	if (r < 0)
		failed(op, result);
	else
		r = intent_drop(op->m, w->id, &op->e);
	operation_continue(op, r);
}

/* What the store says decides; see intent.c for what an intent holds */
static int start_settle(struct operation *op, struct work *w)
{
	struct intent *i = map_get(&op->m->storage->intents, w->id);
	struct object *o = model_by_id(&op->m->model, w->id);
	int r;

	if (!i)
		return 0;
	if (startswith(w->id, "key-")) {
		r = seal_sweep(op->m->state_dir, w->id, o ? KEY(o)->generation : 0, &op->e);
		return r < 0 ? r : intent_drop(op->m, w->id, &op->e);
	}
	w->pool = object_ref(i->pool);
	w->job = (struct backing_job){ .pool = POOL(w->pool), .id = w->id, .uuid = i->uuid };
	if (startswith(w->id, "pool-")) {
		if (o)
			return intent_drop(op->m, w->id, &op->e);
		w->job.action = BACKING_UNLABEL;
	} else {
		w->job.action = BACKING_SETTLE;
		w->job.size = o ? VOLUME(o)->size : 0;
		w->job.sector_size = o ? VOLUME(o)->sector_size : 512;
		w->job.offset = i->offset == OFFSET_NONE ? 0 : i->offset;
		w->job.old_size = i->size;
	}
	return run_job(op, &w->job, w->wait, on_settled);
}

static int start_restore(struct operation *op, struct work *w)
{
	struct object *o = model_by_id(&op->m->model, w->o->id);

	return o ? ebs_restore(op->m, o, &op->e) : 0;
}

/**
 * work_start - begin a work
 * @op: its operation
 * @w: the work, the operation's next
 *
 * Context: event loop.
 * Return: 0 if it is done, 1 if a helper is at work and operation_continue()
 *	will be called, a negative errno if it fails.
 */
int work_start(struct operation *op, struct work *w)
{
	switch (w->kind) {
	case WORK_POOL_CHECK:
		return start_check(op, w);
	case WORK_USAGE:
		return start_usage(op, w);
	case WORK_KEY_MAKE:
		return start_make(op, w);
	case WORK_KEY_OPEN:
		return start_open(op, w);
	case WORK_REWRAP:
		return start_rewrap(op, w);
	case WORK_RESERVE:
		return start_reserve(op);
	case WORK_POOL_LABEL:
		return start_label(op, w);
	case WORK_SPACE:
		return start_space(op, w);
	case WORK_ACTIVATE:
		return start_activate(op, w);
	case WORK_DETACH:
		return start_detach(op, w);
	case WORK_RESTORE:
		return start_restore(op, w);
	case WORK_SETTLE:
		return start_settle(op, w);
	}
	return -EINVAL;
}
