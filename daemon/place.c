// SPDX-License-Identifier: GPL-2.0
/*
 * The CPUs and the memory of this host, and what of them instances have. An
 * instance has its CPUs for itself, as whole cores where cores have threads.
 */

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include "carrier.h"
#include "memory.h"

#define MIB (1ULL << 20)

static int read_file(const char *path, char *buf, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

/* A list such as "0-3,8" */
static void read_cpus(const char *list, cpu_set_t *set)
{
	CPU_ZERO(set);
	while (list && *list >= '0' && *list <= '9') {
		unsigned long from, to;
		char *end;

		from = strtoul(list, &end, 10);
		to = *end == '-' ? strtoul(end + 1, &end, 10) : from;
		for (; from <= to && from < CPU_SETSIZE; from++)
			CPU_SET(from, set);
		list = *end == ',' ? end + 1 : NULL;
	}
}

static void online_cpus(cpu_set_t *set)
{
	char buf[4096];

	CPU_ZERO(set);
	if (read_file("/sys/devices/system/cpu/online", buf, sizeof(buf)) >= 0)
		read_cpus(buf, set);
}

/* All threads of the core that a CPU is of, of those in @of */
static void core_of(int cpu, const cpu_set_t *of, cpu_set_t *ret)
{
	_cleanup_free_ char *path = xprintf(
		"/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
	char buf[4096];

	CPU_ZERO(ret);
	if (read_file(path, buf, sizeof(buf)) >= 0)
		read_cpus(buf, ret);
	CPU_AND(ret, ret, of);
	CPU_SET(cpu, ret);
}

/* Does it have CPUs and memory, or is about to? */
static bool has_place(const struct life *l)
{
	return l->cpus || l->state == LIFE_PENDING || l->state == LIFE_RUNNING ||
		l->state == LIFE_STOPPING;
}

static void taken_cpus(struct manager *m, const struct life *but, cpu_set_t *set)
{
	CPU_ZERO(set);
	for (size_t i = 0; i < m->instances->lives.cap; i++) {
		struct life *l = m->instances->lives.slots[i].value;
		cpu_set_t own;

		if (!m->instances->lives.slots[i].key || l == but || !l->cpus)
			continue;
		read_cpus(l->cpus, &own);
		CPU_OR(set, set, &own);
	}
}

/* Whole free cores, until there are @n CPUs */
static bool find_cpus(struct manager *m, const struct life *but, uint64_t n, cpu_set_t *ret)
{
	cpu_set_t online, taken, core, both;

	online_cpus(&online);
	taken_cpus(m, but, &taken);
	CPU_ZERO(ret);
	for (int cpu = 0; cpu < CPU_SETSIZE && (uint64_t)CPU_COUNT(ret) < n; cpu++) {
		if (!CPU_ISSET(cpu, &online) || CPU_ISSET(cpu, ret))
			continue;
		core_of(cpu, &online, &core);
		CPU_AND(&both, &core, &taken);
		if (!CPU_COUNT(&both))
			CPU_OR(ret, ret, &core);
	}
	return (uint64_t)CPU_COUNT(ret) >= n;
}

/**
 * place_host_cpus - how many CPUs this host has
 *
 * Context: any.
 * Return: the number.
 */
uint64_t place_host_cpus(void)
{
	cpu_set_t online;

	online_cpus(&online);
	return CPU_COUNT(&online);
}

/**
 * place_host_memory - how much memory this host has
 *
 * Context: any.
 * Return: bytes.
 */
uint64_t place_host_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 ? 0 : (uint64_t)info.totalram * info.mem_unit;
}

static int no_cpus(struct manager *m, const struct object *o, const struct life *but,
		   struct error *e)
{
	unsigned long long n = INSTANCE(o)->vcpus;
	cpu_set_t online, taken;

	online_cpus(&online);
	taken_cpus(m, but, &taken);
	return fail(e, ERR_FAILED,
		    "%s '%s' needs %llu CPUs; this host has %d, of which instances and enclaves have %d",
		    kind_ops[o->kind]->label, o->name, n, CPU_COUNT(&online),
		    CPU_COUNT(&taken));
}

static int check_memory(struct manager *m, const struct object *o, const struct life *but,
			struct error *e)
{
	uint64_t want = INSTANCE(o)->memory, taken = 0, all = place_host_memory();

	if (memory_is_set(m) && carrier_of(o)->pool)
		return memory_check(m, o, e);
	for (size_t i = 0; i < m->instances->lives.cap; i++) {
		struct life *l = m->instances->lives.slots[i].value;
		struct object *other;

		/* what this host itself has, instances may be given */
		if (!m->instances->lives.slots[i].key || l == but || !l->carrier->unit ||
		    !has_place(l))
			continue;
		other = model_by_id(&m->model, l->id);
		taken += other ? INSTANCE(other)->memory : 0;
	}
	if (!all || taken + want <= all)
		return 0;
	return fail(e, ERR_FAILED,
		    "%s '%s' needs %lluM of memory; this host has %lluM, of which instances and enclaves have %lluM",
		    kind_ops[o->kind]->label, o->name, (unsigned long long)(want / MIB), (unsigned long long)(all / MIB),
		    (unsigned long long)(taken / MIB));
}

/**
 * place_check - is there room for an instance?
 * @m: the manager
 * @o: the instance
 * @e: says what is missing
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int place_check(struct manager *m, const struct object *o, struct error *e)
{
	const struct life *but = instances_get(m, o->id);
	cpu_set_t cpus;

	if (!find_cpus(m, but, INSTANCE(o)->vcpus, &cpus))
		return no_cpus(m, o, but, e);
	return check_memory(m, o, but, e);
}

/**
 * place_find - give an instance its CPUs
 * @l: the instance
 * @o: its object
 * @e: says what is missing
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int place_find(struct life *l, const struct object *o, struct error *e)
{
	struct text t = {};
	cpu_set_t cpus;
	int r;

	if (!find_cpus(l->m, l, INSTANCE(o)->vcpus, &cpus))
		return no_cpus(l->m, o, l, e);
	r = check_memory(l->m, o, l, e);
	if (r < 0)
		return r;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus))
			text_add(&t, "%s%d", t.n ? "," : "", cpu);
	free(l->cpus);
	l->cpus = t.s;
	return 0;
}
