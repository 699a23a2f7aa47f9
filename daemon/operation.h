/* SPDX-License-Identifier: GPL-2.0 */
/* An operation and its works; only storage.c, plan.c and work.c look inside. */
#ifndef _NITRO_OPERATION_H
#define _NITRO_OPERATION_H

#include "storage.h"

enum work_kind {
	WORK_POOL_CHECK,	/* is the place fit? */
	WORK_USAGE,		/* look how full a pool is */
	WORK_KEY_MAKE,		/* a new generation of a master key, sealed */
	WORK_KEY_OPEN,		/* unseal the present one */
	WORK_REWRAP,		/* all data keys, from the old generation to the new */
	WORK_RESERVE,		/* find space, make data keys, write the intents */
	WORK_POOL_LABEL,
	WORK_SPACE,		/* create, adopt or grow, as the job says */
	WORK_ACTIVATE,
	WORK_DETACH,		/* take the device from the kernel */
	WORK_RESTORE,		/* give the kernel back what it should have */
	WORK_SETTLE,		/* what an intent asks for */
};

/**
 * struct work - one step of an operation
 * @kind: what
 * @o: to which object, as it will be
 * @old: as it was, or NULL
 * @id: WORK_SETTLE, WORK_RESTORE: its ID
 * @job: for the helper
 * @pool: its pool, referenced
 * @tries: how often it was begun
 * @secret: WORK_KEY_MAKE: the key until it is sealed
 * @wait: wait until no helper of an earlier nitrod is there any more
 */
struct work {
	enum work_kind kind;
	struct object *o, *old;
	char *id;
	struct backing_job job;
	struct object *pool;
	unsigned int tries;
	struct secret secret;
	bool wait;
};

/* A master key in plaintext, for as long as the operation lasts */
struct opened {
	char *key_id;
	uint64_t generation;
	struct secret secret;
};

enum phase { PHASE_QUEUED, PHASE_PREPARE, PHASE_FINISH, PHASE_UNDO };

/**
 * struct operation - a request under way
 * @m: the manager
 * @rq: the request
 * @phase: how far it is
 * @works: what has to be done
 * @n: how many
 * @cap: room for
 * @next: which is next
 * @helper: the helper that is at work
 * @assigned: what was found for the objects of the change
 * @opened: master keys
 * @intents: IDs that were written down for it
 * @own: IDs that nobody else may touch meanwhile
 * @shared: IDs that nobody may change meanwhile
 * @change: the change, once it is committed
 * @committed: it is
 * @running: its works are being started; a work that ends at once does not recurse
 * @e: why it fails
 */
struct operation {
	struct manager *m;
	struct request rq;
	enum phase phase;
	struct work *works;
	size_t n, cap, next;
	struct helper *helper;
	struct map assigned;
	struct opened *opened;
	size_t n_opened, cap_opened;
	struct strings intents, own, shared;
	struct change change;
	bool committed;
	struct error e;
};

/* plan.c */
void plan_change(struct operation *op, const struct change *c);
void plan_locks(struct operation *op, const struct change *c);
struct work *plan_add(struct operation *op, enum work_kind kind, struct object *o);
void plan_settle(struct operation *op, const char *id, bool wait);
void plan_usage(struct operation *op, struct object *pool);
struct assigned *plan_assigned(struct operation *op, const char *id);

/* work.c: 0 done, 1 a helper is at work, below zero failed */
int work_start(struct operation *op, struct work *w);
void work_free(struct work *w);
const struct secret *work_opened(struct operation *op, const char *key_id, uint64_t generation);

/* storage.c */
void operation_continue(struct operation *op, int r);

#endif
