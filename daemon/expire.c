// SPDX-License-Identifier: GPL-2.0
/* Instances and enclaves that are terminated are listed for an hour, as EC2 has it, and then forgotten. */

#include <time.h>

#include "instances.h"

#define USEC 1000000ULL
#define KEEP 3600

static bool has_expired(const struct object *o)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return INSTANCE(o)->ended && INSTANCE(o)->ended + KEEP <= (uint64_t)now.tv_sec;
}

static int on_expiry(sd_event_source *source, uint64_t usec, void *userdata)
{
	_cleanup_strings_ struct strings ids = {};
	struct manager *m = userdata;
	struct object *o;

	(void)source;
	(void)usec;
	FOR_EACH_LIVING(&m->model, o)
		if (has_expired(o))
			strings_add(&ids, o->id);
	for (size_t i = 0; i < ids.n; i++) {
		_cleanup_error_ struct error e = {};

		/* the store takes nothing: it is forgotten with the next one, or at a restart */
		if (instance_forget(m, model_by_id(&m->model, ids.v[i]), &e) < 0)
			return 0;
	}
	expire_later(m);
	return 0;
}

/**
 * expire_later - forget what is terminated, when it is time
 * @m: the manager
 *
 * Context: at start, and when an instance was terminated.
 */
void expire_later(struct manager *m)
{
	struct instances *k = m->instances;
	uint64_t first = UINT64_MAX;
	struct object *o;

	FOR_EACH_LIVING(&m->model, o)
		if (INSTANCE(o)->ended && INSTANCE(o)->ended < first)
			first = INSTANCE(o)->ended;
	k->expiry = sd_event_source_disable_unref(k->expiry);
	if (first != UINT64_MAX &&
	    sd_event_add_time(m->event, &k->expiry, CLOCK_REALTIME, (first + KEEP) * USEC, 0,
			      on_expiry, m) < 0)
		abort();
}
