// SPDX-License-Identifier: GPL-2.0
/* Counters of volumes: what has been, and what happens lately. */

#include <stdio.h>
#include <time.h>

#include "ebs.h"
#include "kernel.h"
#include "object.h"

#define USEC 1000000ULL
#define SAMPLE_EVERY (4 * USEC)
#define TELL_EVERY (10 * USEC)

/* Keep a sample to compare the next ones with; the newest is not the one */
static void keep(struct manager *m, const char *id, const struct ksample *s)
{
	struct samples *old = map_get(&m->ebs->samples, id);

	if (!old) {
		old = xcalloc(1, sizeof(*old));
		map_put(&m->ebs->samples, id, old);
	}
	/* counters that went back are of a new device */
	if (old->n && s->ops[0] + s->ops[1] < old->v[old->n - 1].ops[0] + old->v[old->n - 1].ops[1])
		old->n = 0;
	if (old->n && s->time - old->v[old->n - 1].time < SAMPLE_EVERY)
		return;
	if (old->n == 2)
		old->v[0] = old->v[--old->n];
	old->v[old->n++] = *s;
}

/* The newest sample that is old enough to make a rate of */
static const struct ksample *before(struct manager *m, const char *id, const struct ksample *now)
{
	const struct samples *old = map_get(&m->ebs->samples, id);

	for (int i = old ? old->n : 0; i-- > 0;)
		if (now->time >= old->v[i].time + USEC && now->ops[0] >= old->v[i].ops[0] &&
		    now->ops[1] >= old->v[i].ops[1])
			return &old->v[i];
	return NULL;
}

static void percentile(sd_json_variant **v, const char *key, const struct ksample *s, int d,
		       unsigned int per_mille)
{
	uint64_t total = 0, seen = 0, limit;

	for (size_t i = 0; i < s->n_latency[d]; i++)
		total += s->latency[d][i].count;
	limit = (total * per_mille + 999) / 1000;
	for (size_t i = 0; total && i < s->n_latency[d]; i++) {
		seen += s->latency[d][i].count;
		if (seen < limit)
			continue;
		/* the last bin has no end */
		json_set_uint(v, key, s->latency[d][i].to <= INT64_MAX ? s->latency[d][i].to :
			      s->latency[d][i].from);
		return;
	}
	json_set(v, key, NULL);
}

static uint64_t rate(uint64_t now, uint64_t then, uint64_t usec)
{
	return usec ? (now - then) * USEC / usec : 0;
}

static sd_json_variant *build_side(const struct ksample *now, const struct ksample *then, int d)
{
	uint64_t usec = then ? now->time - then->time : 0;
	sd_json_variant *v = NULL;

	json_set_uint(&v, "ops", now->ops[d]);
	json_set_uint(&v, "bytes", now->bytes[d]);
	json_set_uint(&v, "time", now->time_us[d]);
	json_set_uint(&v, "iops", then ? rate(now->ops[d], then->ops[d], usec) : 0);
	json_set_uint(&v, "throughput", then ? rate(now->bytes[d], then->bytes[d], usec) : 0);
	percentile(&v, "p50", now, d, 500);
	percentile(&v, "p90", now, d, 900);
	percentile(&v, "p99", now, d, 990);
	percentile(&v, "p99_9", now, d, 999);
	return v;
}

static sd_json_variant *build(struct manager *m, struct object *o, const struct kdevice *d,
			      const struct ksample *now)
{
	const struct ksample *then = before(m, o->id, now);
	sd_json_variant *v = NULL;

	json_set_string(&v, "id", o->id);
	json_set_string(&v, "name", o->name);
	json_set_string(&v, "state", ebs_failure(m, o->id) ? "failed" : "attached");
	json_set_uint(&v, "interval", then ? now->time - then->time : 0);
	json_set(&v, "read", build_side(now, then, 0));
	json_set(&v, "write", build_side(now, then, 1));
	json_set_uint(&v, "discards", now->discard_ops);
	json_set_uint(&v, "flushes", now->flush_ops);
	json_set_uint(&v, "iops_exceeded", now->iops_exceeded);
	json_set_uint(&v, "throughput_exceeded", now->throughput_exceeded);
	json_set_uint(&v, "queue_length", now->queue_length);
	json_set_uint(&v, "errors", now->errors);
	json_set_bool(&v, "stalled", d->stalled);
	return v;
}

/**
 * stats_build - the counters of a volume
 * @m: the manager
 * @volume: the volume
 * @ret: them
 * @e: says why there are none
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int stats_build(struct manager *m, struct object *volume, sd_json_variant **ret, struct error *e)
{
	const struct kdevice *d = ebs_device(m, volume->id);
	_cleanup_error_ struct error why = {};
	struct ksample now;

	if (VOLUME(volume)->holder == HOLDER_NONE)
		return fail(e, ERR_INVALID, "volume '%s' is not attached, nothing is counted",
			    volume->name);
	if (!d)
		return fail(e, ERR_FAILED, "the kernel does not have volume '%s': %s",
			    volume->name, m->ebs->problem ? m->ebs->problem : "see its reason");
	if (ebs_stats(m->ebs, d->id, &now, &why) < 0)
		return fail(e, ERR_FAILED, "volume '%s': %s", volume->name, why.message);
	*ret = build(m, volume, d, &now);
	keep(m, volume->id, &now);
	return 0;
}

/* One line for the monitors, without the parts that are for the whole time */
static void tell(struct manager *m, struct object *o, const struct ksample *now)
{
	const struct ksample *then = before(m, o->id, now);
	static const char *const sides[] = { "read", "write" };
	sd_json_variant *v;

	if (!then)
		return;
	v = event_new("stats", "volume", o->id, o->name);
	for (int d = 0; d < 2; d++) {
		_cleanup_json_ sd_json_variant *side = build_side(now, then, d);
		static const char *const keys[] = { "iops", "throughput", "p50", "p99" };

		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			_cleanup_free_ char *key = xprintf("%s_%s", sides[d], keys[i]);

			json_set(&v, key, sd_json_variant_ref(sd_json_variant_by_key(side,
										     keys[i])));
		}
	}
	json_set_uint(&v, "iops_exceeded", now->iops_exceeded - then->iops_exceeded);
	json_set_uint(&v, "throughput_exceeded",
		      now->throughput_exceeded - then->throughput_exceeded);
	json_set_uint(&v, "queue_length", now->queue_length);
	manager_event(m, v);
}

/**
 * stats_sample - look at the counters of all attached volumes
 * @m: the manager
 *
 * Context: event loop, every few seconds.
 */
void stats_sample(struct manager *m)
{
	struct timespec ts;
	uint64_t now;
	bool telling;
	struct object *o;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * USEC + ts.tv_nsec / 1000;
	telling = m->n_monitors && now >= m->ebs->told + TELL_EVERY;
	if (telling)
		m->ebs->told = now;
	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, o) {
		const struct kdevice *d = ebs_device(m, o->id);
		_cleanup_error_ struct error ignored = {};
		struct ksample s;

		if (!d || ebs_stats(m->ebs, d->id, &s, &ignored) < 0)
			continue;
		if (telling)
			tell(m, o, &s);
		keep(m, o->id, &s);
	}
}
