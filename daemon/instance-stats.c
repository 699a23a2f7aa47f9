// SPDX-License-Identifier: GPL-2.0
/*
 * What a running instance has used: CPU time as the host's scheduler counts it,
 * exits as KVM does, memory as the unit's control group does, and what its ENIs
 * and volumes count.
 */

#include <fcntl.h>
#include <stdio.h>

#include "ebs.h"
#include "instances.h"
#include "kernel.h"
#include "nl.h"
#include "varlink.h"

#define USEC 1000000ULL
#define GROUP "/sys/fs/cgroup/nitro.slice/nitro-instance@%s.service"

/* Fields of /proc/PID/stat after the name, which may have spaces: state is the first */
#define FIELD_UTIME 11
#define FIELD_STIME 12
#define FIELD_GUEST 40

/**
 * struct stats - a call of Stats under way
 * @link: the connection
 * @id: the instance
 * @vcpus: what is known of each vCPU
 * @total: CPU time of all vCPUs, the guests' part of it, and what they waited
 * @guest: for a CPU, in microseconds
 * @steal: each
 */
struct stats {
	sd_varlink *link;
	char *id;
	struct json_list vcpus;
	uint64_t total, guest, steal;
};

static void stats_free(struct stats *s)
{
	sd_json_variant_unref(json_list_take(&s->vcpus));
	sd_varlink_unref(s->link);
	free(s->id);
	free(s);
}

static int read_text(char *buf, size_t size, const char *path)
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

	return read_text(buf, sizeof(buf), path) < 0 ? 0 : strtoull(buf, NULL, 10);
}

/* The VMM says which of its threads are vCPUs: only what is of the unit is believed */
static bool is_of(uint64_t thread, const char *id)
{
	_cleanup_free_ char *path = xprintf("/proc/%llu/cgroup", (unsigned long long)thread);
	_cleanup_free_ char *unit = xprintf("/nitro-instance@%s.service\n", id);
	char buf[4096];

	return read_text(buf, sizeof(buf), path) >= 0 && strstr(buf, unit);
}

/* Field number @n after the name, in clock ticks, as microseconds */
static uint64_t ticks(const char *stat, int n)
{
	const char *s = strrchr(stat, ')');

	for (int i = 0; s && i <= n; i++)
		s = strchr(s + 1, ' ');
	return s ? strtoull(s, NULL, 10) * USEC / sysconf(_SC_CLK_TCK) : 0;
}

static void add_vcpu(struct stats *s, uint64_t index, uint64_t thread)
{
	unsigned long long t = thread;
	_cleanup_free_ char *stat = xprintf("/proc/%llu/task/%llu/stat", t, t);
	_cleanup_free_ char *sched = xprintf("/proc/%llu/task/%llu/schedstat", t, t);
	uint64_t total, guest, steal = 0;
	struct json_list v = {};
	char buf[4096], *wait;

	if (!is_of(thread, s->id) || read_text(buf, sizeof(buf), stat) < 0)
		return;
	total = ticks(buf, FIELD_UTIME) + ticks(buf, FIELD_STIME);
	guest = ticks(buf, FIELD_GUEST);
	wait = read_text(buf, sizeof(buf), sched) < 0 ? NULL : strchr(buf, ' ');
	if (wait)
		steal = strtoull(wait, NULL, 10) / 1000;
	s->total += total;
	s->guest += guest;
	s->steal += steal;
	json_pair_uint(&v, "index", index);
	json_pair_uint(&v, "time", total);
	json_pair_uint(&v, "guest_time", guest);
	json_pair_uint(&v, "steal", steal);
	json_list_add(&s->vcpus, json_object_take(&v));
}

static sd_json_variant *memory_of(const char *id)
{
	static const char *const names[][2] = {
		{ "limit", "memory.max" }, { "current", "memory.current" },
		{ "peak", "memory.peak" },
	};
	struct json_list v = {};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = xprintf(GROUP "/%s", id, names[i][1]);

		json_pair_uint(&v, names[i][0], read_number(path));
	}
	return json_object_take(&v);
}

/* All CPU time of the unit: vCPUs, the VMM, vhost, the console */
static uint64_t used(const char *id)
{
	_cleanup_free_ char *path = xprintf(GROUP "/cpu.stat", id);
	static const char key[] = "usage_usec ";
	char buf[4096], *at;

	at = read_text(buf, sizeof(buf), path) < 0 ? NULL : strstr(buf, key);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* As the guest sees it: in is what it receives */
static void add_traffic(struct json_list *v, const struct keni *k)
{
	static const char *const names[][2] = {
		{ "packets_in", "rx_packets" }, { "bytes_in", "rx_bytes" },
		{ "packets_out", "tx_packets" }, { "bytes_out", "tx_bytes" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = xprintf("/sys/class/net/%s/statistics/%s",
						    k && k->ifname ? k->ifname : "", names[i][1]);

		json_pair_uint(v, names[i][0], read_number(path));
	}
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

		if (!model_eni_is_held(eni, o->name) || !m->kernel->nl ||
		    card_eni_counters(m->kernel->nl, eni->handle, &counters, &drops, &flows,
				      &ignored) < 0)
			continue;
		json_pair_string(&v, "id", eni->id);
		json_pair_string(&v, "name", eni->name);
		add_traffic(&v, kstate_eni(&m->kernel->actual, eni->handle));
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

		if (model_volume_is_held(volume, o->name) &&
		    stats_build(m, volume, &v, &ignored) >= 0)
			json_list_add(&list, v);
	}
	return json_list_take(&list);
}

/* The sum of a counter over all vCPUs */
static uint64_t sum(sd_json_variant *cpus, const char *counter)
{
	uint64_t n = 0;

	for (size_t i = 0; i < sd_json_variant_elements(cpus); i++) {
		sd_json_variant *cpu = sd_json_variant_by_index(cpus, i);
		sd_json_variant *list = sd_json_variant_is_object(cpu) ? json_get(cpu, "stats") : NULL;

		if (!list || !sd_json_variant_is_array(list))
			continue;
		for (size_t k = 0; k < sd_json_variant_elements(list); k++) {
			sd_json_variant *v = sd_json_variant_by_index(list, k), *value;

			if (!sd_json_variant_is_object(v))
				continue;
			value = json_get(v, "value");
			if (streq(json_string(v, "name"), counter) && value &&
			    sd_json_variant_is_unsigned(value))
				n += sd_json_variant_unsigned(value);
		}
	}
	return n;
}

static void reply(struct life *l, struct stats *s, sd_json_variant *counters)
{
	struct object *o = model_by_id(&l->m->model, l->id);
	_cleanup_json_ sd_json_variant *answer = NULL;
	uint64_t all = used(l->id);
	struct json_list v = {};

	json_pair_string(&v, "id", o->id);
	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "state", life_state_name(l->state));
	json_pair_uint(&v, "cpu_time", all);
	json_pair_uint(&v, "guest_time", s->guest);
	json_pair_uint(&v, "host_time", all > s->guest ? all - s->guest : 0);
	json_pair_uint(&v, "steal", s->steal);
	json_pair_uint(&v, "exits", sum(counters, "exits"));
	json_pair_uint(&v, "halt_exits", sum(counters, "halt_exits"));
	json_pair(&v, "memory", memory_of(l->id));
	json_pair(&v, "vcpus", json_list_take(&s->vcpus));
	json_pair(&v, "enis", enis_of(l->m, o));
	json_pair(&v, "volumes", volumes_of(l->m, o));
	json_set(&answer, "stats", json_object_take(&v));
	(void)sd_varlink_reply(s->link, answer);
}

static bool refuse(struct stats *s, const char *problem)
{
	_cleanup_error_ struct error e = {};

	if (!problem)
		return false;
	fail(&e, ERR_FAILED, "the VMM does not say: %s", problem);
	(void)varlink_fail(s->link, &e);
	return true;
}

static void on_counters(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	struct stats *s = data;

	if (!refuse(s, problem))
		reply(l, s, ret);
	stats_free(s);
}

static sd_json_variant *which_counters(void)
{
	struct json_list v = {};

	json_pair_string(&v, "target", "vcpu");
	return json_object_take(&v);
}

static void on_threads(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	struct stats *s = data;

	if (!problem && (!ret || !sd_json_variant_is_array(ret)))
		problem = "it makes no sense";
	if (refuse(s, problem)) {
		stats_free(s);
		return;
	}
	for (size_t i = 0; i < sd_json_variant_elements(ret); i++) {
		sd_json_variant *cpu = sd_json_variant_by_index(ret, i);
		sd_json_variant *thread = sd_json_variant_is_object(cpu) ?
			json_get(cpu, "thread-id") : NULL;

		if (thread && sd_json_variant_is_unsigned(thread))
			add_vcpu(s, i, sd_json_variant_unsigned(thread));
	}
	if (qmp_send(l->qmp, "query-stats", which_counters(), -1, on_counters, s) >= 0)
		return;
	(void)refuse(s, "it does not answer");
	stats_free(s);
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
	struct stats *s;

	if (o && (!l || l->state != LIFE_RUNNING || !qmp_ready(l->qmp)))
		fail(&e, ERR_FAILED, "instance '%s' is not running, nothing is counted", o->name);
	if (e.code)
		return varlink_fail(link, &e);
	s = xcalloc(1, sizeof(*s));
	s->link = sd_varlink_ref(link);
	s->id = xstrdup(o->id);
	if (qmp_send(l->qmp, "query-cpus-fast", NULL, -1, on_threads, s) < 0) {
		(void)refuse(s, "it does not answer");
		stats_free(s);
	}
	return 1;
}
