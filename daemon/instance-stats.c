// SPDX-License-Identifier: GPL-2.0
/*
 * What a running instance has used: CPU time and memory as the unit's control group
 * counts them, and what its ENIs and volumes count. What is known of the guest is its
 * carrier's business.
 */

#include <fcntl.h>
#include <stdio.h>

#include "carrier.h"
#include "ebs.h"
#include "kernel.h"
#include "nl.h"
#include "varlink.h"

#define GROUPS "/sys/fs/cgroup"

/**
 * stats_read - read a small file
 * @buf: where to
 * @size: its size
 * @path: the file
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int stats_read(char *buf, size_t size, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

static uint64_t read_number(const char *path)
{
	char buf[64];

	return stats_read(buf, sizeof(buf), path) < 0 ? 0 : strtoull(buf, NULL, 10);
}

static char *group_of(const struct life *l)
{
	_cleanup_free_ char *unit = l->carrier->unit ? unit_name(l->carrier, l->id) : NULL;

	return unit ? xprintf(GROUPS "/nitro.slice/%s", unit) : xstrdup(GROUPS);
}

/* In kB, as the kernel says */
static uint64_t meminfo(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

/* What was used at most nobody counts */
static sd_json_variant *host_memory(void)
{
	struct json_list v = {};
	uint64_t all, free;
	char buf[4096];

	if (stats_read(buf, sizeof(buf), "/proc/meminfo") < 0)
		*buf = '\0';
	all = meminfo(buf, "MemTotal:");
	free = meminfo(buf, "MemAvailable:");
	json_pair_uint(&v, "limit", all);
	json_pair_uint(&v, "current", all - free);
	return json_object_take(&v);
}

static sd_json_variant *memory_of(const struct life *l)
{
	static const char *const names[][2] = {
		{ "limit", "memory.max" }, { "current", "memory.current" },
		{ "peak", "memory.peak" },
	};
	_cleanup_free_ char *group = group_of(l);
	struct json_list v = {};

	if (!l->carrier->unit)
		return host_memory();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = xprintf("%s/%s", group, names[i][1]);

		json_pair_uint(&v, names[i][0], read_number(path));
	}
	return json_object_take(&v);
}

/**
 * stats_cpu_time - all CPU time of a unit, such as a VMM's, vhost's and the console's
 * @l: the instance
 * @part: of that part of it alone, or ""
 *
 * Context: event loop.
 * Return: microseconds.
 */
uint64_t stats_cpu_time(const struct life *l, const char *part)
{
	_cleanup_free_ char *group = group_of(l);
	_cleanup_free_ char *path = xprintf("%s/%s/cpu.stat", group, part);
	static const char key[] = "usage_usec ";
	char buf[4096], *at;

	at = stats_read(buf, sizeof(buf), path) < 0 ? NULL : strstr(buf, key);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* As the guest sees it: in is what it receives */
static void add_traffic(struct json_list *v, struct manager *m, const struct keni *k)
{
	_cleanup_error_ struct error ignored = {};
	struct link_traffic t = {};

	/* it may be in the namespace of another */
	if (k && k->ifname)
		(void)rtnl_traffic(m->kernel->nl->route, k->ifindex ? -1 : k->nsid, k->ifname, &t,
				   &ignored);
	json_pair_uint(v, "packets_in", t.packets_in);
	json_pair_uint(v, "bytes_in", t.bytes_in);
	json_pair_uint(v, "packets_out", t.packets_out);
	json_pair_uint(v, "bytes_out", t.bytes_out);
}

static sd_json_variant *enis_of(struct manager *m, const struct object *o)
{
	struct json_list list = {};
	struct object *eni;

	FOR_EACH_OBJECT(&m->model, KIND_ENI, eni) {
		sd_json_variant *counters = NULL, *drops = NULL;
		_cleanup_error_ struct error ignored = {};
		struct json_list v = {};
		uint32_t flows;

		if (!instance_has(o, eni) || !m->kernel->nl ||
		    card_eni_counters(m->kernel->nl, eni->handle, &counters, &drops, &flows,
				      &ignored) < 0)
			continue;
		json_pair_string(&v, "id", eni->id);
		json_pair_string(&v, "name", eni->name);
		add_traffic(&v, m, kstate_eni(&m->kernel->actual, eni->handle));
		json_pair_uint(&v, "flow_count", flows);
		json_pair(&v, "stats", counters);
		json_pair(&v, "drops", drops);
		json_list_add(&list, json_object_take(&v));
	}
	return json_list_take(&list);
}

static sd_json_variant *volumes_of(struct manager *m, const struct object *o)
{
	struct json_list list = {};
	struct object *volume;

	FOR_EACH_OBJECT(&m->model, KIND_VOLUME, volume) {
		_cleanup_error_ struct error ignored = {};
		sd_json_variant *v = NULL;

		if (instance_has(o, volume) &&
		    stats_build(m, volume, &v, &ignored) >= 0)
			json_list_add(&list, v);
	}
	return json_list_take(&list);
}

/**
 * stats_answer - answer a call of Stats
 * @l: the instance
 * @link: who has called
 * @s: what its carrier knows; taken over
 *
 * Context: event loop.
 */
void stats_answer(struct life *l, sd_varlink *link, struct stats *s)
{
	struct object *o = model_by_id(&l->m->model, l->id);
	_cleanup_json_ sd_json_variant *answer = NULL;
	uint64_t all = stats_cpu_time(l, "");
	struct json_list v = {};

	json_pair_string(&v, "id", o->id);
	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "state", life_state_name(l->state));
	json_pair_uint(&v, "cpu_time", all);
	json_pair_uint(&v, "guest_time", s->guest);
	json_pair_uint(&v, "host_time", all > s->guest ? all - s->guest : 0);
	json_pair_uint(&v, "steal", s->steal);
	json_pair_uint(&v, "exits", s->exits);
	json_pair_uint(&v, "halt_exits", s->halt_exits);
	json_pair(&v, "memory", memory_of(l));
	json_pair(&v, "vcpus", json_list_take(&s->vcpus));
	json_pair(&v, "enis", enis_of(l->m, o));
	json_pair(&v, "volumes", volumes_of(l->m, o));
	json_set(&answer, "stats", json_object_take(&v));
	(void)sd_varlink_reply(link, answer);
}

/**
 * serve_instance_stats - Stats of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_stats(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	const char *name = json_string(p, "name");
	_cleanup_error_ struct error e = {};
	struct object *o = model_lookup(&m->model, KIND_INSTANCE, NULL, name ? name : "", &e);
	struct life *l = o ? instances_get(m, o->id) : NULL;

	if (o && (!l || l->state != LIFE_RUNNING || !l->carrier->ready(l)))
		fail(&e, ERR_FAILED, "instance '%s' is not running, nothing is counted", o->name);
	if (e.code)
		return varlink_fail(link, &e);
	l->carrier->stats(l, link);
	return 1;
}
