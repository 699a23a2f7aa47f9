// SPDX-License-Identifier: GPL-2.0
/* One scrape: what nitrod has, asked over its socket. */

#include <systemd/sd-varlink.h>

#include "exporter.h"

/* Prometheus gives up after ten seconds by itself */
#define TIMEOUT_USEC (8 * 1000 * 1000ULL)

/**
 * struct scrape - one scrape
 * @link: to nitrod
 * @m: receives the metrics
 * @instances: name -> ID of the instances that nitrod runs
 */
struct scrape {
	sd_varlink *link;
	struct metrics *m;
	struct map instances;
};

static sd_json_variant *get(sd_json_variant *v, const char *key)
{
	return v && sd_json_variant_is_object(v) ? sd_json_variant_by_key(v, key) : NULL;
}

static const char *string(sd_json_variant *v, const char *key)
{
	v = get(v, key);
	return v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : NULL;
}

static uint64_t number(sd_json_variant *v, const char *key)
{
	v = get(v, key);
	return v && sd_json_variant_is_unsigned(v) ? sd_json_variant_unsigned(v) : 0;
}

static bool is_number(sd_json_variant *v, const char *key)
{
	v = get(v, key);
	return v && sd_json_variant_is_unsigned(v);
}

static void gauge(struct scrape *s, const char *name, const char *help, const char *labels,
		  uint64_t value)
{
	metric_uint(metrics_family(s->m, name, "gauge", help), "", labels, value);
}

static void counter(struct scrape *s, const char *name, const char *help, const char *labels,
		    uint64_t value)
{
	metric_uint(metrics_family(s->m, name, "counter", help), "_total", labels, value);
}

static void info(struct scrape *s, const char *name, const char *help, const char *labels)
{
	metric_uint(metrics_family(s->m, name, "info", help), "_info", labels, 1);
}

/* Call a method. An object that has gone since it was listed is no failure */
static int call(struct scrape *s, const char *method, sd_json_variant *parameters,
		sd_json_variant **ret)
{
	const char *error = NULL;
	int r;

	r = sd_varlink_call(s->link, method, parameters, ret, &error);
	if (r < 0)
		return r;
	return error ? -EREMOTEIO : 0;
}

static int call_name(struct scrape *s, const char *method, const char *id, bool drops,
		     sd_json_variant **ret)
{
	_cleanup_json_ sd_json_variant *p = NULL;
	int r;

	r = drops ? sd_json_buildo(&p, SD_JSON_BUILD_PAIR_STRING("name", id),
				   SD_JSON_BUILD_PAIR_BOOLEAN("drops", true)) :
		    sd_json_buildo(&p, SD_JSON_BUILD_PAIR_STRING("name", id));
	return r < 0 ? r : call(s, method, p, ret);
}

/* Every object of a kind to @each */
static int list(struct scrape *s, const char *interface,
		int (*each)(struct scrape *s, sd_json_variant *object))
{
	_cleanup_free_ char *method = xprintf("io.nitro.%s.List", interface);
	sd_json_variant *replies = NULL;
	_cleanup_json_ sd_json_variant *kept = NULL;
	const char *error = NULL;
	int r;

	r = sd_varlink_collect(s->link, method, NULL, &replies, &error);
	if (r < 0 || error)
		return r < 0 ? r : -EREMOTEIO;
	/* the next call would take it away */
	kept = sd_json_variant_ref(replies);
	for (size_t i = 0; i < sd_json_variant_elements(kept); i++) {
		sd_json_variant *objects = get(sd_json_variant_by_index(kept, i), "objects");

		for (size_t j = 0; objects && j < sd_json_variant_elements(objects); j++) {
			r = each(s, sd_json_variant_by_index(objects, j));
			if (r < 0 && r != -EREMOTEIO)
				return r;
		}
	}
	return 0;
}

static void labels_of(struct text *labels, const char *kind, sd_json_variant *object)
{
	label_add(labels, kind, string(object, "id"));
	label_add(labels, "name", string(object, "name"));
}

static void failure(struct scrape *s, const char *kind, sd_json_variant *object, const char *labels)
{
	_cleanup_free_ char *name = xprintf("nitro_%s_failed", kind);

	gauge(s, name, "Whether its state is failed; nitroctl says why.", labels,
	      streq(string(object, "state"), "failed"));
}

/* --- the host --- */

static int collect_status(struct scrape *s)
{
	sd_json_variant *reply = NULL, *status, *counts, *modules;
	_cleanup_text_ struct text labels = {};
	int r;

	r = call(s, "io.nitro.Network.Status", NULL, &reply);
	if (r < 0)
		return r;
	status = get(reply, "status");
	label_add(&labels, "version", string(status, "version"));
	label_add(&labels, "host", string(get(status, "host"), "name"));
	info(s, "nitro_build", "Version of nitrod and the name of its host.", labels.s);
	gauge(s, "nitro_degraded", "Whether nitrod cannot do all of its work.", NULL,
	      !streq(string(get(status, "daemon"), "state"), "running"));
	gauge(s, "nitro_uptime_seconds", "How long nitrod has been running.", NULL,
	      number(get(status, "daemon"), "uptime"));
	gauge(s, "nitro_problems", "Problems that nitroctl status lists.", NULL,
	      get(status, "problems") ? sd_json_variant_elements(get(status, "problems")) : 0);

	counts = get(status, "counts");
	for (size_t i = 0; counts && i < sd_json_variant_elements(counts); i += 2) {
		_cleanup_text_ struct text kind = {};
		const char *key = sd_json_variant_string(sd_json_variant_by_index(counts, i));

		label_add(&kind, "kind", key);
		gauge(s, "nitro_objects", "Objects that nitrod has, and that the kernel holds.",
		      kind.s, number(counts, key));
	}
	modules = get(status, "modules");
	for (size_t i = 0; modules && i < sd_json_variant_elements(modules); i++) {
		sd_json_variant *module = sd_json_variant_by_index(modules, i);
		sd_json_variant *loaded = get(module, "loaded");
		_cleanup_text_ struct text name = {};

		label_add(&name, "module", string(module, "name"));
		gauge(s, "nitro_module_loaded", "Whether a kernel module is loaded.", name.s,
		      loaded && sd_json_variant_boolean(loaded));
	}
	return 0;
}

static int collect_host(struct scrape *s, sd_json_variant *host)
{
	_cleanup_text_ struct text labels = {};
	sd_json_variant *local = get(host, "local");

	labels_of(&labels, "host", host);
	label_add(&labels, "underlay", string(host, "underlay"));
	gauge(s, "nitro_host_local", "Hosts of the network; 1 for this one.", labels.s,
	      local && sd_json_variant_is_boolean(local) && sd_json_variant_boolean(local));
	return 0;
}

/* --- instances --- */

/* Who has an ENI or a volume; the ID only if nitrod runs it. Prometheus itself calls what it
 * scrapes "instance", so there are joins by the ID
 */
static void label_holder(struct scrape *s, struct text *about, sd_json_variant *object)
{
	const char *name = string(get(object, "attachment"), "instance");

	label_add(about, "instance", name);
	label_add(about, "instance_id", name ? map_get(&s->instances, name) : NULL);
}

static void seconds(struct scrape *s, const char *name, const char *help, const char *labels,
		    uint64_t usec)
{
	metric_usec(metrics_family(s->m, name, "counter", help), "_total", labels, usec);
}

static void collect_cpu(struct scrape *s, sd_json_variant *stats, const char *labels,
			const char *key, const char *where)
{
	_cleanup_text_ struct text with = {};

	text_add(&with, "%s", labels);
	label_add(&with, "where", where);
	seconds(s, "nitro_instance_cpu_seconds",
		"CPU time since it was started: in the guest, and in the host on its behalf.",
		with.s, number(stats, key));
}

static void collect_vcpu(struct scrape *s, sd_json_variant *vcpu, const char *labels)
{
	_cleanup_free_ char *index = xprintf("%llu", (unsigned long long)number(vcpu, "index"));
	_cleanup_text_ struct text with = {};

	text_add(&with, "%s", labels);
	label_add(&with, "vcpu", index);
	seconds(s, "nitro_instance_vcpu_seconds", "CPU time of a vCPU since it was started.",
		with.s, number(vcpu, "time"));
	seconds(s, "nitro_instance_vcpu_guest_seconds", "The part of it in the guest.", with.s,
		number(vcpu, "guest_time"));
	seconds(s, "nitro_instance_vcpu_steal_seconds",
		"Time that a vCPU was ready and had no CPU.", with.s, number(vcpu, "steal"));
}

static void collect_memory(struct scrape *s, sd_json_variant *memory, const char *labels)
{
	static const struct {
		const char *key, *name, *help;
	} known[] = {
		{ "limit", "nitro_instance_memory_limit_bytes",
		  "Bytes that guest and VMM may have." },
		{ "current", "nitro_instance_memory_current_bytes", "Bytes that they have." },
		{ "peak", "nitro_instance_memory_peak_bytes", "Bytes that they had at most." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (is_number(memory, known[i].key))
			gauge(s, known[i].name, known[i].help, labels,
			      number(memory, known[i].key));
}

static void collect_usage(struct scrape *s, sd_json_variant *stats, const char *labels)
{
	sd_json_variant *vcpus = get(stats, "vcpus");

	collect_cpu(s, stats, labels, "guest_time", "guest");
	collect_cpu(s, stats, labels, "host_time", "host");
	for (size_t i = 0; vcpus && i < sd_json_variant_elements(vcpus); i++)
		collect_vcpu(s, sd_json_variant_by_index(vcpus, i), labels);
	collect_memory(s, get(stats, "memory"), labels);
	if (is_number(stats, "exits"))
		counter(s, "nitro_instance_exits", "Exits from the guest since it was started.",
			labels, number(stats, "exits"));
	if (is_number(stats, "halt_exits"))
		counter(s, "nitro_instance_halt_exits",
			"Those of them because the guest had nothing to do.", labels,
			number(stats, "halt_exits"));
}

static int collect_instance(struct scrape *s, sd_json_variant *instance)
{
	const char *id = string(instance, "id"), *name = string(instance, "name");
	_cleanup_text_ struct text labels = {}, about = {};
	sd_json_variant *reply = NULL;
	int r;

	label_add(&labels, "instance_id", id);
	label_add(&labels, "name", name);
	text_add(&about, "%s", labels.s);
	label_add(&about, "state", string(instance, "state"));
	label_add(&about, "boot", string(instance, "boot"));
	label_add(&about, "unit", string(instance, "unit"));
	label_add(&about, "kind", string(instance, "kind"));
	info(s, "nitro_instance", "An instance and its state.", about.s);
	failure(s, "instance", instance, labels.s);
	gauge(s, "nitro_instance_vcpus", "How many CPUs it gets.", labels.s,
	      number(instance, "vcpus"));
	gauge(s, "nitro_instance_memory_bytes", "Bytes of memory that it gets.", labels.s,
	      number(instance, "memory"));
	map_put(&s->instances, name, xstrdup(id));
	if (!streq(string(instance, "state"), "running"))
		return 0;

	r = call_name(s, "io.nitro.Instance.Stats", id, false, &reply);
	if (r >= 0)
		collect_usage(s, get(reply, "stats"), labels.s);
	return r;
}

/* --- enclaves --- */

static const char *yes_or_no(sd_json_variant *object, const char *key)
{
	sd_json_variant *v = get(object, key);

	return v && sd_json_variant_boolean(v) ? "yes" : "no";
}

static int collect_enclave(struct scrape *s, sd_json_variant *enclave)
{
	_cleanup_text_ struct text labels = {}, about = {};

	label_add(&labels, "enclave_id", string(enclave, "id"));
	label_add(&labels, "name", string(enclave, "name"));
	text_add(&about, "%s", labels.s);
	label_add(&about, "state", string(enclave, "state"));
	label_add(&about, "image_name", string(enclave, "image_name"));
	label_add(&about, "parent", string(enclave, "parent"));
	label_add(&about, "debug", yes_or_no(enclave, "debug"));
	label_add(&about, "pool", yes_or_no(enclave, "pool"));
	label_add(&about, "unit", string(enclave, "unit"));
	info(s, "nitro_enclave", "An enclave and its state.", about.s);
	gauge(s, "nitro_enclave_cpus", "How many CPUs it gets.", labels.s,
	      number(enclave, "cpus"));
	gauge(s, "nitro_enclave_memory_bytes", "Bytes of memory that it gets.", labels.s,
	      number(enclave, "memory"));
	return 0;
}

/* --- ENIs --- */

/* ENA's names, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-network-performance-ena.html */
static const char *eni_help(const char *name)
{
	static const struct {
		const char *name, *help;
	} known[] = {
		{ "bw_in_allowance_exceeded", "Packets dropped as they exceeded the inbound bandwidth." },
		{ "bw_out_allowance_exceeded", "Packets dropped as they exceeded the outbound bandwidth." },
		{ "pps_allowance_exceeded", "Packets dropped as they exceeded the packets per second." },
		{ "conntrack_allowance_exceeded", "Packets dropped as no more connections may be tracked." },
		{ "linklocal_allowance_exceeded", "Packets to local services dropped as there were too many." },
		{ "conntrack_allowance_available", "Connections that can still be tracked." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (streq(name, known[i].name))
			return known[i].help;
	return "Counter of the kernel, as ethtool -S has it.";
}

static int collect_eni(struct scrape *s, sd_json_variant *listed)
{
	_cleanup_text_ struct text labels = {}, about = {};
	sd_json_variant *reply = NULL, *eni, *stats, *drops;
	int r;

	labels_of(&labels, "eni", listed);
	labels_of(&about, "eni", listed);
	label_add(&about, "subnet", string(listed, "subnet"));
	label_add(&about, "host", string(listed, "host"));
	label_add(&about, "ifname", string(listed, "ifname"));
	label_add(&about, "state", string(listed, "state"));
	label_holder(s, &about, listed);
	info(s, "nitro_eni", "An ENI, what it belongs to and who has it.", about.s);
	failure(s, "eni", listed, labels.s);
	/* the others are counted by their hosts */
	if (!is_number(listed, "eni_id"))
		return 0;

	r = call_name(s, "io.nitro.Eni.Show", string(listed, "id"), true, &reply);
	if (r < 0)
		return r;
	eni = get(reply, "object");
	if (is_number(eni, "flow_count"))
		gauge(s, "nitro_eni_flows", "Flows in its table.", labels.s,
		      number(eni, "flow_count"));
	stats = get(eni, "stats");
	for (size_t i = 0; stats && i < sd_json_variant_elements(stats); i += 2) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(stats, i));
		_cleanup_free_ char *name = xprintf("nitro_eni_%s", key);

		(streq(key, "conntrack_allowance_available") ? gauge : counter)(
			s, name, eni_help(key), labels.s, number(stats, key));
	}
	drops = get(eni, "drops");
	for (size_t i = 0; drops && i < sd_json_variant_elements(drops); i += 2) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(drops, i));
		_cleanup_text_ struct text reason = {};

		text_add(&reason, "%s", labels.s);
		label_add(&reason, "reason", key);
		counter(s, "nitro_eni_drops", "Packets that the card dropped, by reason.",
			reason.s, number(drops, key));
	}
	return 0;
}

/* --- volumes --- */

static int collect_pool(struct scrape *s, sd_json_variant *pool)
{
	static const struct {
		const char *key, *name, *help;
	} sizes[] = {
		{ "size", "nitro_pool_size_bytes", "Bytes that a pool has." },
		{ "allocated", "nitro_pool_allocated_bytes", "Bytes of all its volumes together." },
		{ "available", "nitro_pool_available_bytes", "Bytes that it can still promise." },
		{ "used", "nitro_pool_used_bytes", "Bytes that are written." },
	};
	_cleanup_text_ struct text labels = {};

	labels_of(&labels, "pool", pool);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (is_number(pool, sizes[i].key))
			gauge(s, sizes[i].name, sizes[i].help, labels.s,
			      number(pool, sizes[i].key));
	failure(s, "pool", pool, labels.s);
	return 0;
}

static void collect_side(struct scrape *s, sd_json_variant *side, const char *labels,
			 const char *direction)
{
	static const struct {
		const char *key, *quantile;
	} percentiles[] = {
		{ "p50", "0.5" }, { "p90", "0.9" }, { "p99", "0.99" }, { "p99_9", "0.999" },
	};
	struct metric *latency = metrics_family(s->m, "nitro_volume_latency_seconds", "summary",
						"How long operations took since it was attached.");
	_cleanup_text_ struct text with = {};

	text_add(&with, "%s", labels);
	label_add(&with, "direction", direction);
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++) {
		_cleanup_text_ struct text quantile = {};

		if (!is_number(side, percentiles[i].key))
			continue;
		text_add(&quantile, "%s", with.s);
		label_add(&quantile, "quantile", percentiles[i].quantile);
		metric_usec(latency, "", quantile.s, number(side, percentiles[i].key));
	}
	metric_uint(latency, "_count", with.s, number(side, "ops"));
	metric_usec(latency, "_sum", with.s, number(side, "time"));
	counter(s, "nitro_volume_operations", "Operations since it was attached.", with.s,
		number(side, "ops"));
	counter(s, "nitro_volume_bytes", "Bytes read and written since it was attached.", with.s,
		number(side, "bytes"));
}

static void collect_exceeded(struct scrape *s, sd_json_variant *stats, const char *labels,
			     const char *limit)
{
	_cleanup_free_ char *key = xprintf("%s_exceeded", limit);
	_cleanup_text_ struct text with = {};

	text_add(&with, "%s", labels);
	label_add(&with, "limit", limit);
	metric_usec(metrics_family(s->m, "nitro_volume_limit_exceeded_seconds", "counter",
				   "Time in which I/O waited for a limit of the volume."),
		    "_total", with.s, number(stats, key));
}

static int collect_volume(struct scrape *s, sd_json_variant *volume)
{
	_cleanup_text_ struct text labels = {}, about = {};
	sd_json_variant *reply = NULL, *stats, *stalled;
	int r;

	labels_of(&labels, "volume", volume);
	labels_of(&about, "volume", volume);
	label_add(&about, "pool", string(volume, "pool"));
	label_add(&about, "device", string(volume, "device"));
	label_add(&about, "state", string(volume, "state"));
	label_holder(s, &about, volume);
	info(s, "nitro_volume", "A volume, where it lies and who has it.", about.s);
	gauge(s, "nitro_volume_size_bytes", "Bytes that it has.", labels.s,
	      number(volume, "size"));
	failure(s, "volume", volume, labels.s);
	if (!string(volume, "device"))
		return 0;

	r = call_name(s, "io.nitro.Volume.Stats", string(volume, "id"), false, &reply);
	if (r < 0)
		return r;
	stats = get(reply, "stats");
	collect_side(s, get(stats, "read"), labels.s, "read");
	collect_side(s, get(stats, "write"), labels.s, "write");
	counter(s, "nitro_volume_discards", "Discards since it was attached.", labels.s,
		number(stats, "discards"));
	counter(s, "nitro_volume_flushes", "Flushes since it was attached.", labels.s,
		number(stats, "flushes"));
	counter(s, "nitro_volume_errors", "I/O that failed.", labels.s, number(stats, "errors"));
	gauge(s, "nitro_volume_queue_length", "I/O under way or waiting.", labels.s,
	      number(stats, "queue_length"));
	collect_exceeded(s, stats, labels.s, "iops");
	collect_exceeded(s, stats, labels.s, "throughput");
	stalled = get(stats, "stalled");
	gauge(s, "nitro_volume_stalled", "Whether its oldest I/O has been waiting for 60 s.",
	      labels.s, stalled && sd_json_variant_boolean(stalled));
	return 0;
}

/* --- memory --- */

static int collect_memory_pool(struct scrape *s)
{
	static const struct {
		const char *key, *name, *help;
	} rows[] = {
		{ "pool", "nitro_memory_pool_target_bytes", "What the memory pool should have." },
		{ "size", "nitro_memory_pool_bytes", "What the memory pool has." },
		{ "used", "nitro_memory_pool_used_bytes", "What instances and enclaves have of it." },
		{ "free", "nitro_memory_pool_free_bytes", "What is free of it." },
		{ "largest", "nitro_memory_pool_largest_bytes", "Its largest free range." },
		{ "unerased", "nitro_memory_pool_unerased_bytes", "What waits to be erased." },
	};
	sd_json_variant *reply = NULL, *memory;
	int r;

	r = call(s, "io.nitro.Memory.Show", NULL, &reply);
	if (r < 0)
		return r;
	memory = get(reply, "memory");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		gauge(s, rows[i].name, rows[i].help, NULL, number(memory, rows[i].key));
	return 0;
}

static int collect_all(struct scrape *s)
{
	int r;

	r = collect_status(s);
	if (r >= 0)
		r = collect_memory_pool(s);
	if (r >= 0)
		r = list(s, "Host", collect_host);
	/* before what instances have */
	if (r >= 0)
		r = list(s, "Instance", collect_instance);
	if (r >= 0)
		r = list(s, "Enclave", collect_enclave);
	if (r >= 0)
		r = list(s, "Eni", collect_eni);
	if (r >= 0)
		r = list(s, "Pool", collect_pool);
	if (r >= 0)
		r = list(s, "Volume", collect_volume);
	return r;
}

/**
 * collect - ask nitrod for everything
 * @socket: path of its socket
 * @m: receives the metrics; nitro_up says whether nitrod has answered all
 *
 * Context: may wait for some seconds.
 */
void collect(const char *socket, struct metrics *m)
{
	struct scrape s = { .m = m };
	struct metric *up = metrics_family(m, "nitro_up", "gauge",
					   "Whether nitrod has answered.");
	int r;

	r = sd_varlink_connect_address(&s.link, socket);
	if (r >= 0)
		r = sd_varlink_set_relative_timeout(s.link, TIMEOUT_USEC);
	if (r >= 0)
		r = collect_all(&s);
	metric_uint(up, "", NULL, r >= 0);
	for (size_t i = 0; i < s.instances.cap; i++)
		if (s.instances.slots[i].key)
			free(s.instances.slots[i].value);
	map_free(&s.instances);
	sd_varlink_close_unref(s.link);
}
