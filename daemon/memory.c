// SPDX-License-Identifier: GPL-2.0
/*
 * Looking after the pool of memory that instances live in. How large it should
 * be is kept in the store; the kernel does the work, in its own time.
 */

#include <fcntl.h>
#include <linux/nitro_mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "carrier.h"
#include "kernel.h"
#include "memory.h"
#include "object.h"

#define USEC 1000000ULL
#define LOOK_EVERY (5 * USEC)
#define MIB (1ULL << 20)
#define NOTE "memory-pool"
#define WAITING_MAX 16

static void set_problem(struct manager *m, const char *text)
{
	free(m->memory->problem);
	m->memory->problem = xstrdup(text);
}

static void lose_module(struct manager *m)
{
	m->memory->source = sd_event_source_disable_unref(m->memory->source);
	mem_close(m->memory);
}

/* What it has done, to whoever has asked for it */
static void on_settled(void *userdata)
{
	struct manager *m = userdata;
	struct memory *k = m->memory;
	struct kpool pool;

	_cleanup_error_ struct error e = {};
	if (k->n && mem_pool_get(k, &pool, &e) >= 0 &&
	    pool.state == NITRO_MEM_POOL_STATE_GROWING)
		return;
	while (k->n) {
		_cleanup_error_ struct error why = {};
		_cleanup_json_ sd_json_variant *v = NULL;
		sd_varlink *link = k->waiting[--k->n];
		sd_json_variant *shown = NULL;

		if (memory_show(m, &shown, &why) >= 0) {
			json_set(&v, "memory", shown);
			(void)sd_varlink_reply(link, v);
		} else {
			(void)sd_varlink_error(link, "io.nitro.Failed", NULL);
		}
		sd_varlink_unref(link);
	}
}

static int on_events(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct manager *m = userdata;

	(void)s;
	(void)fd;
	(void)revents;
	mem_events_read(m->memory, on_settled, m);
	return 0;
}

static int find_module(struct manager *m, struct error *e)
{
	struct memory *k = m->memory;
	struct kpool pool;
	char *reason;
	int r;

	if (k->genl) {
		_cleanup_error_ struct error ignored = {};

		if (mem_pool_get(k, &pool, &ignored) >= 0)
			return 0;
		lose_module(m);
	}
	r = mem_open(k, e);
	if (r < 0) {
		reason = module_problem("nitro_mem");
		if (reason) {
			error_clear(e);
			fail(e, ERR_FAILED, "%s", reason);
		}
		free(reason);
		return -ENOENT;
	}
	r = sd_event_add_io(m->event, &k->source, mem_events_fd(k), EPOLLIN, on_events, m);
	if (r < 0) {
		lose_module(m);
		return fail(e, ERR_FAILED, "cannot listen to nitro_mem: %s", strerror(-r));
	}
	return 0;
}

/* Whoever has loaded the module anew, or changed the pool: it is made as it should be */
static void look_after(struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct memory *k = m->memory;
	struct kpool pool;

	if (!k->pool)
		return;
	if (find_module(m, &e) < 0 || mem_pool_get(k, &pool, &e) < 0 ||
	    (pool.target != k->pool && mem_pool_set(k, k->pool, &e) < 0))
		set_problem(m, e.message);
	else
		set_problem(m, NULL);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata)
{
	struct manager *m = userdata;

	(void)usec;
	look_after(m);
	(void)sd_event_source_set_time_relative(s, LOOK_EVERY);
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static int on_note(const char *key, const char *value, void *userdata)
{
	struct manager *m = userdata;

	if (streq(key, NOTE))
		m->memory->pool = strtoull(value, NULL, 10);
	return 0;
}

/**
 * memory_start - make the pool what it should be
 * @m: the manager, its store open
 * @e: says why not
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int memory_start(struct manager *m, struct error *e)
{
	int r;

	m->memory = xcalloc(1, sizeof(*m->memory));
	r = store_load_notes(m->store, on_note, m, e);
	if (r < 0)
		return r;
	look_after(m);
	r = sd_event_add_time_relative(m->event, &m->memory->timer, CLOCK_MONOTONIC, LOOK_EVERY, 0,
				       on_timer, m);
	return r < 0 ? fail(e, ERR_FAILED, "cannot look after memory: %s", strerror(-r)) : 0;
}

/**
 * memory_stop - the pool stays as it is
 * @m: the manager
 *
 * Context: at the end.
 */
void memory_stop(struct manager *m)
{
	struct memory *k = m->memory;

	if (!k)
		return;
	while (k->n)
		sd_varlink_unref(k->waiting[--k->n]);
	free(k->waiting);
	lose_module(m);
	sd_event_source_disable_unref(k->timer);
	free(k->problem);
	free(k);
	m->memory = NULL;
}

static int keep(struct manager *m, uint64_t pool, struct error *e)
{
	_cleanup_free_ char *text = xprintf("%llu", (unsigned long long)pool);
	int r = store_begin(m->store, e);

	if (r < 0)
		return r;
	r = pool ? store_put_note(m->store, NOTE, text, e) :
		   store_delete_note(m->store, NOTE, e);
	if (r >= 0)
		r = store_commit(m->store, e);
	if (r < 0)
		store_rollback(m->store);
	return r;
}

/**
 * memory_set - say how large the pool should be
 * @m: the manager
 * @pool: bytes; 0: instances live in ordinary memory
 * @e: says why not; then nothing has changed
 *
 * The kernel begins to make it so.
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int memory_set(struct manager *m, uint64_t pool, struct error *e)
{
	_cleanup_error_ struct error ignored = {};
	struct memory *k = m->memory;
	int r = 0;

	if (pool % (2 * MIB))
		return fail(e, ERR_INVALID, "pool %llu is no multiple of 2M",
			    (unsigned long long)pool);
	if (pool || k->pool)
		r = find_module(m, e);
	/* without the module there is nothing to give back */
	if (r < 0 && !pool) {
		error_clear(e);
		r = 0;
	}
	if (r >= 0 && k->genl)
		r = mem_pool_set(k, pool, e);
	if (r < 0)
		return r;
	r = keep(m, pool, e);
	if (r < 0) {
		if (k->genl)
			(void)mem_pool_set(k, k->pool, &ignored);
		return r;
	}
	k->pool = pool;
	set_problem(m, NULL);
	return 0;
}

/**
 * memory_wait - answer when the pool has done what it can
 * @m: the manager
 * @link: a connection whose method has called memory_set()
 * @e: says why that cannot be waited for
 *
 * Context: method call.
 * Return: 1 if the answer comes later, 0 if there is nothing to wait for, or a negative
 * errno.
 */
int memory_wait(struct manager *m, struct sd_varlink *link, struct error *e)
{
	struct memory *k = m->memory;

	if (!k->genl)
		return 0;
	if (k->n >= WAITING_MAX)
		return fail(e, ERR_FAILED, "%d others wait for the pool already", WAITING_MAX);
	GROW(k->waiting, k->n, k->cap);
	k->waiting[k->n++] = sd_varlink_ref(link);
	return 1;
}

/**
 * memory_forget - a connection has ended
 * @m: the manager
 * @link: the connection
 *
 * Context: event loop.
 */
void memory_forget(struct manager *m, const struct sd_varlink *link)
{
	struct memory *k = m->memory;

	for (size_t i = 0; k && i < k->n; i++) {
		if (k->waiting[i] != link)
			continue;
		sd_varlink_unref(k->waiting[i]);
		k->waiting[i--] = k->waiting[--k->n];
	}
}

static const char *const pool_states[] = {
	[NITRO_MEM_POOL_STATE_SETTLED] = "available",
	[NITRO_MEM_POOL_STATE_GROWING] = "growing",
	[NITRO_MEM_POOL_STATE_SHRINKING] = "shrinking",
};

/* Why the pool is not as large as it should be, to be freed; NULL if it is */
static char *shortfall(const struct kpool *p)
{
	if (p->size >= p->target || p->state == NITRO_MEM_POOL_STATE_GROWING)
		return NULL;
	if (p->short_of_memory)
		return xprintf("the pool has %lluM of %lluM: the host would have too little memory left",
			       (unsigned long long)(p->size / MIB),
			       (unsigned long long)(p->target / MIB));
	return xprintf("the pool has %lluM of %lluM: %u blocks hold what cannot move; movablecore= on the kernel's command line keeps such out",
		       (unsigned long long)(p->size / MIB), (unsigned long long)(p->target / MIB),
		       p->skipped);
}

struct guests {
	struct manager *m;
	struct json_list list;
};

static void add_guest(const struct kguest *g, void *userdata)
{
	static const char *const states[] = {
		[NITRO_MEM_GUEST_STATE_CREATED] = "created",
		[NITRO_MEM_GUEST_STATE_OPENED] = "opened",
		[NITRO_MEM_GUEST_STATE_MAPPED] = "mapped",
		[NITRO_MEM_GUEST_STATE_RELEASED] = "released",
	};
	struct guests *guests = userdata;
	struct object *o = model_by_id(&guests->m->model, g->name);
	sd_json_variant *v = NULL;

	json_set_string(&v, "id", g->name);
	json_set_string(&v, "name", o ? o->name : g->name);
	json_set_string(&v, "state", g->state < ARRAY_SIZE(states) ? states[g->state] : "mapped");
	json_set_uint(&v, "size", g->size);
	json_set_uint(&v, "ranges", g->ranges);
	json_set_uint(&v, "huge", g->huge);
	json_list_add(&guests->list, v);
}

/**
 * memory_show - the pool as users see it
 * @m: the manager
 * @ret: gets it
 * @e: says why the kernel cannot be asked
 *
 * Context: method call; asks the kernel.
 * Return: 0 or a negative errno.
 */
int memory_show(struct manager *m, sd_json_variant **ret, struct error *e)
{
	_cleanup_json_ sd_json_variant *none = NULL;
	struct guests guests = { .m = m };
	struct memory *k = m->memory;
	_cleanup_free_ char *why = NULL;
	struct kpool pool = {};
	sd_json_variant *v = NULL;
	const char *state = k->pool ? "failed" : "none";
	int r;

	if (k->genl) {
		r = mem_pool_get(k, &pool, e);
		if (r >= 0)
			r = mem_dump(k, add_guest, &guests, e);
		if (r < 0) {
			sd_json_variant_unref(json_list_take(&guests.list));
			return r;
		}
		if ((k->pool || pool.size) && pool.state < ARRAY_SIZE(pool_states))
			state = pool_states[pool.state];
		why = shortfall(&pool);
	} else if (k->problem) {
		why = xstrdup(k->problem);
	}
	json_set_string(&v, "id", "memory");
	json_set_string(&v, "name", "memory");
	json_set_string(&v, "state", state);
	json_set_uint(&v, "pool", k->pool);
	json_set_uint(&v, "size", pool.size);
	json_set_uint(&v, "used", pool.size - pool.free - pool.unerased);
	json_set_uint(&v, "free", pool.free);
	json_set_uint(&v, "largest", pool.largest);
	json_set_uint(&v, "reserved", pool.reserved);
	json_set_uint(&v, "unerased", pool.unerased);
	json_set_uint(&v, "block_size", pool.block);
	json_set_string(&v, "reason", why);
	json_set(&v, "guests", json_list_take(&guests.list));
	*ret = v;
	return 0;
}

/**
 * memory_is_set - do instances live in the pool?
 * @m: the manager
 *
 * Context: any.
 * Return: true if they do.
 */
bool memory_is_set(struct manager *m)
{
	return m->memory && m->memory->pool;
}

/**
 * memory_check - does the pool have enough for an instance?
 * @m: the manager
 * @instance: the instance
 * @e: says how much there is
 *
 * Context: event loop; asks the kernel.
 * Return: 0 or a negative errno.
 */
int memory_check(struct manager *m, const struct object *instance, struct error *e)
{
	uint64_t want = INSTANCE(instance)->memory;
	struct kpool pool;
	int r = find_module(m, e);

	if (r >= 0)
		r = mem_pool_get(m->memory, &pool, e);
	if (r < 0)
		return r;
	if (want <= pool.free)
		return 0;
	return fail(e, ERR_FAILED,
		    "%s '%s' needs %lluM of memory; the pool has %lluM, of which %lluM are free",
		    kind_ops[instance->kind]->label, instance->name, (unsigned long long)(want / MIB),
		    (unsigned long long)(pool.size / MIB), (unsigned long long)(pool.free / MIB));
}

/**
 * memory_give - take memory of the pool for an instance
 * @m: the manager
 * @instance: the instance
 * @e: says why not
 *
 * It is the instance's until the last descriptor and its mapping are gone. A machine that may
 * have enclaves shares it with the backend of its vsock device.
 *
 * Context: event loop.
 * Return: a descriptor or a negative errno.
 */
int memory_give(struct manager *m, const struct object *instance, struct error *e)
{
	uint64_t size = (INSTANCE(instance)->memory + NITRO_MEM_GRAIN - 1) / NITRO_MEM_GRAIN *
			NITRO_MEM_GRAIN;
	_cleanup_error_ struct error why = {};
	struct kguest guest;
	int r = memory_check(m, instance, e);

	if (r < 0)
		return r;
	r = mem_create(m->memory, instance->id, size, INSTANCE(instance)->enclaves ? 2 : 1, &guest,
		       &why);
	if (r < 0)
		return fail(e, ERR_FAILED, "%s '%s': no memory of the pool: %s",
			    kind_ops[instance->kind]->label, instance->name, why.message);
	return guest.fd;
}

/**
 * memory_make - make ordinary memory for an instance, which nobody can make larger or smaller
 * @instance: the instance
 * @e: says why not
 *
 * Context: event loop.
 * Return: a descriptor or a negative errno.
 */
int memory_make(const struct object *instance, struct error *e)
{
	int fd = memfd_create("nitro-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && ftruncate(fd, INSTANCE(instance)->memory) >= 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) >= 0)
		return fd;
	fail(e, ERR_FAILED, "there is no memory for it: %s", strerror(errno));
	close_fd(&fd);
	return -ENOMEM;
}

struct search {
	const char *name;
	bool found;
};

static void compare_guest(const struct kguest *g, void *userdata)
{
	struct search *search = userdata;

	if (streq(g->name, search->name))
		search->found = true;
}

/**
 * memory_has - does an instance live in the pool?
 * @m: the manager
 * @id: the instance
 *
 * Instances that run when the pool is set stay where they are.
 *
 * Context: event loop; asks the kernel.
 * Return: true if it does.
 */
bool memory_has(struct manager *m, const char *id)
{
	struct search search = { .name = id };
	_cleanup_error_ struct error e = {};

	if (m->memory && m->memory->genl)
		(void)mem_dump(m->memory, compare_guest, &search, &e);
	return search.found;
}

/**
 * memory_problems - what of memory users should know
 * @m: the manager
 * @list: gets the sentences
 *
 * Context: method call; asks the kernel.
 */
void memory_problems(struct manager *m, struct json_list *list)
{
	struct memory *k = m->memory;
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *why = NULL;
	struct object *o;
	struct kpool pool;
	bool any = false;

	FOR_EACH_LIVING(&m->model, o)
		any = any || (carrier_of(o)->pool && !INSTANCE(o)->ended);
	if (!k->pool && any)
		json_list_add_string(list,
			"no memory pool is set, so the memory of instances and enclaves is in reach of the host; 'nitroctl memory set --pool SIZE' sets one");
	if (k->problem)
		json_list_add_string(list, k->problem);
	if (!k->pool || !k->genl || mem_pool_get(k, &pool, &e) < 0)
		return;
	why = shortfall(&pool);
	if (why)
		json_list_add_string(list, why);
}
