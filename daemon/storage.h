/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Operations: changes that need work outside of the model and the kernel: space
 * in a pool, a sealed key, a device that is taken away.
 *
 * An operation builds its change to see what it needs, undoes it, has the work
 * done while the loop goes on, builds it again with the results and commits.
 * Whatever the work leaves behind has an intent in the store from before it
 * begins. An intent says only "look after this": settling it makes the pool what
 * the store says. So it does not matter where nitrod dies.
 */
#ifndef _NITRO_STORAGE_H
#define _NITRO_STORAGE_H

#include "backing.h"
#include "helper.h"
#include "manager.h"

/**
 * struct request - what an operation is asked to do
 * @build: puts the edits into a change; called twice, NULL for none
 * @done: called at the end, with the change if it was committed
 * @release: frees @data
 * @data: for the three
 * @brought: a data key that the user gave, taken over
 * @force: detach although it is in use
 */
struct request {
	int (*build)(struct change *c, void *data, struct error *e);
	void (*done)(struct manager *m, const struct change *c, struct error *e, void *data);
	void (*release)(void *data);
	void *data;
	struct secret brought;
	bool force;
};

/**
 * struct intent - something that has to be looked after
 * @id: a volume, pool or key
 * @pool: the volume's pool, or the pool itself, as it was then
 * @size: what the volume was to have
 * @offset: of its extent
 * @generation: of the key
 * @uuid: the pool's label
 * @body: all of it as JSON, as it is stored
 */
struct intent {
	char *id;
	struct object *pool;
	uint64_t size, offset, generation;
	char *uuid;
	char *body;
};

/* What an operation has found for an object of its change */
struct assigned {
	char *data_key;
	uint64_t generation;
	uint64_t offset;
	char *uuid;
};

/* How full a pool is, as of the last look */
struct usage {
	bool known;
	uint64_t size, used, promised, free;
	double metadata_percent;
	struct strings volumes;	/* what lies there under IDs of volumes */
	char *reason;		/* why it could not be looked at */
};

struct operation;

struct storage {
	struct operation **operations;
	size_t n_operations, cap_operations;
	struct operation *committing;
	struct map intents;	/* id -> struct intent */
	struct map usage;	/* pool's id -> struct usage */
	struct map clean;	/* pool's id -> uint64_t: what lies behind was never a volume's */
	sd_event_source *pump, *timer;
	char *lock;
	bool pumping;
};

int storage_init(struct manager *m);
int storage_start(struct manager *m);
int storage_load_note(struct manager *m, const char *key, const char *value);
void storage_stop(struct manager *m);
void storage_submit(struct manager *m, struct request *rq);
void storage_restore(struct manager *m, const struct strings *volumes);
const struct secret *storage_secret(struct manager *m, const char *key_id, uint64_t generation);
bool storage_busy(struct manager *m, const char *id);

/* storage-show.c */
void storage_show(struct manager *m, struct object *o, sd_json_variant **v);
void storage_problems(struct manager *m, struct json_list *list);
size_t storage_attached(struct manager *m);

/* intent.c */
struct intent *intent_new(const char *id, const struct object *pool);
void intent_finish(struct intent *i);
int intent_load(struct manager *m, const char *id, const char *body);
struct intent *intent_free(struct intent *i);
int intents_keep(struct manager *m, struct intent **v, size_t n, struct error *e);
int intent_drop(struct manager *m, const char *id, struct error *e);
int storage_write(struct manager *m, const struct change *c, bool backwards, struct error *e);
void storage_written(struct manager *m, const struct change *c, bool backwards);

/* space.c */
const struct usage *usage_of(struct manager *m, const char *pool_id);
void usage_set(struct manager *m, const char *pool_id, const char *json, const char *reason);
uint64_t pool_allocated(struct manager *m, const struct object *pool);
uint64_t pool_size(struct manager *m, const struct object *pool);
uint64_t pool_available(struct manager *m, const struct object *pool);
int space_check(struct manager *m, const struct object *pool, const struct object *volume,
		uint64_t more, struct error *e);
int extent_find(struct manager *m, const struct object *pool, const struct object *volume,
		uint64_t *ret, struct error *e);
int extent_grow(struct manager *m, const struct object *pool, const struct object *volume,
		uint64_t size, struct error *e);
uint64_t clean_of(struct manager *m, const char *pool_id);
void clean_set(struct manager *m, const char *pool_id, uint64_t to);

#endif
