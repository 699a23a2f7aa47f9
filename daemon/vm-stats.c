// SPDX-License-Identifier: GPL-2.0
/*
 * What is known of a virtual machine's guest: CPU time of its vCPUs as the host's
 * scheduler counts it, exits as KVM does.
 */

#include <stdio.h>
#include <unistd.h>

#include "carrier.h"
#include "varlink.h"

#define USEC 1000000ULL

/* Fields of /proc/PID/stat after the name, which may have spaces: state is the first */
#define FIELD_UTIME 11
#define FIELD_STIME 12
#define FIELD_GUEST 40

/**
 * struct asked - a call of Stats under way
 * @link: the connection
 * @stats: what is known already
 */
struct asked {
	sd_varlink *link;
	struct stats stats;
};

static void asked_free(struct asked *a)
{
	sd_json_variant_unref(json_list_take(&a->stats.vcpus));
	sd_varlink_unref(a->link);
	free(a);
}

/* The VMM says which of its threads are vCPUs: only what is of the unit is believed */
static bool is_of(uint64_t thread, const struct life *l)
{
	_cleanup_free_ char *path = xprintf("/proc/%llu/cgroup", (unsigned long long)thread);
	_cleanup_free_ char *name = unit_name(l->carrier, l->id), *unit = xprintf("/%s\n", name);
	char buf[4096];

	return stats_read(buf, sizeof(buf), path) >= 0 && strstr(buf, unit);
}

/* Field number @n after the name, in clock ticks, as microseconds */
static uint64_t ticks(const char *stat, int n)
{
	const char *s = strrchr(stat, ')');

	for (int i = 0; s && i <= n; i++)
		s = strchr(s + 1, ' ');
	return s ? strtoull(s, NULL, 10) * USEC / sysconf(_SC_CLK_TCK) : 0;
}

static void add_vcpu(struct life *l, struct stats *s, uint64_t index, uint64_t thread)
{
	unsigned long long t = thread;
	_cleanup_free_ char *stat = xprintf("/proc/%llu/task/%llu/stat", t, t);
	_cleanup_free_ char *sched = xprintf("/proc/%llu/task/%llu/schedstat", t, t);
	uint64_t total, guest, steal = 0;
	struct json_list v = {};
	char buf[4096], *wait;

	if (!is_of(thread, l) || stats_read(buf, sizeof(buf), stat) < 0)
		return;
	total = ticks(buf, FIELD_UTIME) + ticks(buf, FIELD_STIME);
	guest = ticks(buf, FIELD_GUEST);
	wait = stats_read(buf, sizeof(buf), sched) < 0 ? NULL : strchr(buf, ' ');
	if (wait)
		steal = strtoull(wait, NULL, 10) / 1000;
	s->guest += guest;
	s->steal += steal;
	json_pair_uint(&v, "index", index);
	json_pair_uint(&v, "time", total);
	json_pair_uint(&v, "guest_time", guest);
	json_pair_uint(&v, "steal", steal);
	json_list_add(&s->vcpus, json_object_take(&v));
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

static bool refuse(struct asked *a, const char *problem)
{
	_cleanup_error_ struct error e = {};

	if (!problem)
		return false;
	fail(&e, ERR_FAILED, "the VMM does not say: %s", problem);
	(void)varlink_fail(a->link, &e);
	return true;
}

static void on_counters(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	struct asked *a = data;

	if (!refuse(a, problem)) {
		a->stats.exits = sum(ret, "exits");
		a->stats.halt_exits = sum(ret, "halt_exits");
		stats_answer(l, a->link, &a->stats);
	}
	asked_free(a);
}

static sd_json_variant *which_counters(void)
{
	struct json_list v = {};

	json_pair_string(&v, "target", "vcpu");
	return json_object_take(&v);
}

static void on_threads(struct life *l, sd_json_variant *ret, const char *problem, void *data)
{
	struct asked *a = data;

	if (!problem && (!ret || !sd_json_variant_is_array(ret)))
		problem = "it makes no sense";
	if (refuse(a, problem)) {
		asked_free(a);
		return;
	}
	for (size_t i = 0; i < sd_json_variant_elements(ret); i++) {
		sd_json_variant *cpu = sd_json_variant_by_index(ret, i);
		sd_json_variant *thread = sd_json_variant_is_object(cpu) ?
			json_get(cpu, "thread-id") : NULL;

		if (thread && sd_json_variant_is_unsigned(thread))
			add_vcpu(l, &a->stats, i, sd_json_variant_unsigned(thread));
	}
	if (qmp_send(l->qmp, "query-stats", which_counters(), -1, on_counters, a) >= 0)
		return;
	(void)refuse(a, "it does not answer");
	asked_free(a);
}

/**
 * vm_stats - answer a call of Stats
 * @l: the instance, whose VMM answers
 * @link: who has called
 *
 * Context: method call.
 */
void vm_stats(struct life *l, sd_varlink *link)
{
	struct asked *a = xcalloc(1, sizeof(*a));

	a->link = sd_varlink_ref(link);
	if (qmp_send(l->qmp, "query-cpus-fast", NULL, -1, on_threads, a) >= 0)
		return;
	(void)refuse(a, "it does not answer");
	asked_free(a);
}
