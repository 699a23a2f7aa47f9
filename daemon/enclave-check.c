// SPDX-License-Identifier: GPL-2.0
/* What has to be so that an enclave can be started, on a command or by a stack. */

#include <stdio.h>

#include "carrier.h"
#include "enclaves.h"

#define MIB (1ULL << 20)

static bool has_cid(const struct model *model, uint32_t cid, const struct object *but)
{
	struct object *o;

	FOR_EACH_OBJECT(model, KIND_ENCLAVE, o)
		if (o != but && !INSTANCE(o)->ended && ENCLAVE(o)->cid == cid)
			return true;
	return false;
}

/**
 * enclave_free_cid - find a CID that no enclave has
 * @model: the model
 *
 * Context: any.
 * Return: the lowest one.
 */
uint32_t enclave_free_cid(const struct model *model)
{
	uint32_t cid = ENCLAVE_CID_FIRST;

	while (has_cid(model, cid, NULL))
		cid++;
	return cid;
}

/* Does it run, or will it? */
static bool is_there(struct manager *m, const struct object *parent, bool soon)
{
	struct life *l = instances_get(m, parent->id);

	return (l && l->state == LIFE_RUNNING) ||
		(soon && !INSTANCE(parent)->ended && INSTANCE(parent)->wish == WISH_RUNNING);
}

/* All enclaves of an instance together have no more than it has itself */
static int check_parent(struct manager *m, const struct model *model, const struct object *o,
			bool soon, struct error *e)
{
	const char *name = ENCLAVE(o)->parent;
	struct object *parent = name ? instances_find(model, name) : NULL, *other;
	uint64_t cpus = 0, memory = 0;

	if (!name)
		return 0;
	if (!parent || !is_there(m, parent, soon))
		return fail(e, ERR_INVALID,
			    "instance '%s' is not running, so enclave '%s' cannot be counted against it",
			    name, o->name);
	FOR_EACH_OBJECT(model, KIND_ENCLAVE, other) {
		if (INSTANCE(other)->ended || !streq(ENCLAVE(other)->parent, name))
			continue;
		cpus += INSTANCE(other)->vcpus;
		memory += INSTANCE(other)->memory;
	}
	/* what is this host has all of it */
	if (INSTANCE(parent)->kind == INSTANCE_HOST)
		return 0;
	if (cpus > INSTANCE(parent)->vcpus)
		return fail(e, ERR_FAILED,
			    "the enclaves of instance '%s' would have %llu CPUs, it has %llu itself; terminate one, or run it without a parent",
			    name, (unsigned long long)cpus,
			    (unsigned long long)INSTANCE(parent)->vcpus);
	if (memory > INSTANCE(parent)->memory)
		return fail(e, ERR_FAILED,
			    "the enclaves of instance '%s' would have %lluM of memory, it has %lluM itself; terminate one, or run it without a parent",
			    name, (unsigned long long)(memory / MIB),
			    (unsigned long long)(INSTANCE(parent)->memory / MIB));
	return 0;
}

/**
 * enclave_check_size - has it the memory that its image needs?
 * @o: the enclave
 * @least: how much that is, as far as it is known
 * @e: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int enclave_check_size(const struct object *o, uint64_t least, struct error *e)
{
	if (INSTANCE(o)->memory >= least)
		return 0;
	return fail(e, ERR_INVALID,
		    "memory %lluM of enclave '%s' is too little for '%s', which needs %lluM at least",
		    (unsigned long long)(INSTANCE(o)->memory / MIB), o->name, ENCLAVE(o)->image,
		    (unsigned long long)(least / MIB));
}

/**
 * enclave_check_start - could an enclave be started?
 * @m: the manager
 * @model: the model, with the enclave
 * @o: the enclave
 * @soon: it is enough that its parent is to run, as one of a stack is
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int enclave_check_start(struct manager *m, const struct model *model, const struct object *o,
			bool soon, struct error *e)
{
	const char *parent = ENCLAVE(o)->parent;
	int r;

	if (parent && !model_lookup(model, KIND_INSTANCE, NULL, parent, e))
		return -ENOENT;
	if (has_cid(model, ENCLAVE(o)->cid, o))
		return fail(e, ERR_IN_USE,
			    "another enclave has CID %u; where none is given, a free one is taken",
			    ENCLAVE(o)->cid);
	r = check_parent(m, model, o, soon, e);
	return r < 0 ? r : place_check(m, o, e);
}

/**
 * enclave_missing - what an enclave has to wait for
 * @m: the manager
 * @o: the enclave
 *
 * Context: event loop.
 * Return: a sentence, to be freed, or NULL.
 */
char *enclave_missing(struct manager *m, const struct object *o)
{
	const char *name = ENCLAVE(o)->parent;
	struct object *parent = name ? instances_find(&m->model, name) : NULL;

	if (!name || (parent && is_there(m, parent, false)))
		return NULL;
	return xprintf("it waits for instance '%s'", name);
}
