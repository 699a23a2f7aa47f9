// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Network: the whole. */

#include "varlink.h"

#define MONITORS_MAX 64

static const struct varlink_property module[] = {
	PROPERTY("name", STRING, 0, "Name of the kernel module."),
	PROPERTY("loaded", BOOL, 0, "It is loaded."),
	PROPERTY("version", STRING, P_NULLABLE, "Its version, if it is loaded."),
	PROPERTY("reason", STRING, P_NULLABLE, "Why it is not loaded, and what to do."),
	{}
};

static const struct varlink_property status[] = {
	PROPERTY("version", STRING, 0, "Version of nitrod."),
	PROPERTY("daemon", OBJECT, 0,
		 "state (running or degraded), pid, uptime in seconds, version."),
	PROPERTY_OF("modules", "Module", P_ARRAY, "The kernel modules."),
	PROPERTY("hardening", OBJECT, 0,
		 "state (weak or hardened), missing: names of checks of io.nitro.Hardening."),
	PROPERTY("host", OBJECT, P_NULLABLE,
		 "The host that this nitrod runs on, as io.nitro.Host shows it."),
	PROPERTY("counts", OBJECT, 0,
		 "How many objects there are, and how many the kernel holds."),
	PROPERTY("problems", STRING, P_ARRAY, "What does not work: one sentence each."),
	{}
};

static const struct varlink_property change[] = {
	PROPERTY("action", STRING, 0, "create, set or delete."),
	PROPERTY("kind", STRING, 0, "Kind of the object, such as security_group."),
	PROPERTY("name", STRING, 0, "Name of the object."),
	PROPERTY("diff", STRING, 0,
		 "One line per property: +, - or ~, its name and its values."),
	{}
};

static const struct varlink_type types[] = {
	{ "Module", "A kernel module.", module },
	{ "Status", "Everything at a glance.", status },
	{ "Change", "What Apply does to one object.", change },
	{}
};

static const struct varlink_property status_results[] = {
	PROPERTY_OF("status", "Status", P_RESULT, "Everything at a glance."),
	{}
};

static const struct varlink_property apply[] = {
	PROPERTY("stack", OBJECT, P_REQUIRED,
		 "The stack: {version: 1, hosts, vpcs, enis, prefix_lists, keys, pools, volumes, instances}, see nitro(5)."),
	PROPERTY("files", OBJECT, 0,
		 "Path of a kernel or initial ramdisk in the stack -> index of its file descriptor, sent along."),
	PROPERTY("lines", OBJECT, 0,
		 "JSON pointer of a value in the stack -> its line in the file, for errors."),
	PROPERTY("dry_run", BOOL, 0,
		 "Check everything and say what would change, but change nothing."),
	PROPERTY("prune", BOOL, 0,
		 "Delete what the stack does not name, and terminate its instances."),
	PROPERTY_OF("changes", "Change", P_RESULT | P_ARRAY,
		    "What has changed. Empty if the state was that of the stack already."),
	{}
};

static const struct varlink_property export[] = {
	PROPERTY("stack", OBJECT, P_RESULT,
		 "The present state as a stack, with assigned VNIs, MAC and IP addresses."),
	{}
};

static const struct varlink_property monitor[] = {
	PROPERTY("event", OBJECT, P_RESULT,
		 "{time, event, kind, id, name, …}; event is create, set, delete, failed, recovered, card-present, card-absent; of volumes also stats, stalled, resumed, io-error, limit-exceeded, erased or dead; of instances their state: pending, running, stopping, stopped, terminated or failed."),
	{}
};

static const struct varlink_property trace[] = {
	PROPERTY("eni", STRING, P_REQUIRED, "The ENI: a name or an ID."),
	PROPERTY("direction", STRING, P_REQUIRED,
		 "ingress: the ENI receives the packet; egress: it sends it."),
	PROPERTY("protocol", STRING, P_REQUIRED, "tcp, udp, icmp, icmpv6 or a protocol number."),
	PROPERTY("peer", STRING, P_REQUIRED, "Address of the other side."),
	PROPERTY("port", INT, 0, "Destination port."),
	PROPERTY("peer_port", INT, 0, "Source port."),
	PROPERTY("icmp_type", STRING, 0, "ICMP type, or type/code."),
	PROPERTY("verdict", STRING, P_RESULT, "allow or drop."),
	PROPERTY("reason", STRING, P_RESULT,
		 "The check that decides; a drop reason of the kernel, or rule, flow."),
	PROPERTY("rule", OBJECT, P_RESULT | P_NULLABLE,
		 "{security_group, rule_id, text} of the rule that allows it, or null."),
	PROPERTY("route", OBJECT, P_RESULT | P_NULLABLE,
		 "{route_table, cidr, to} of the route that is taken, or null."),
	PROPERTY("mapping", OBJECT, P_RESULT | P_NULLABLE,
		 "{eni, host, address} of the other side, or null."),
	PROPERTY("checks", STRING, P_RESULT | P_ARRAY, "What was looked at, in this order."),
	PROPERTY("source", STRING, P_RESULT,
		 "kernel: the card decided; model: it could not be asked."),
	PROPERTY("text", STRING, P_RESULT, "One sentence for the user."),
	{}
};

static int run_status(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		      struct error *e)
{
	(void)p;
	(void)e;
	*ret = status_build(m);
	return 0;
}

static int network_apply(sd_varlink *link, sd_json_variant *p, sd_varlink_method_flags_t flags,
			 void *m)
{
	_cleanup_error_ struct error e = {};
	_cleanup_json_ sd_json_variant *v = NULL;
	sd_json_variant *changes = NULL;
	struct stack_request rq = {
		.stack = json_get(p, "stack"), .lines = json_get(p, "lines"),
		.prune = json_flag(p, "prune"),
	};

	(void)flags;
	audit_call(link, p, network_apply);
	if (!json_flag(p, "dry_run"))
		return varlink_apply(link, m, &rq, json_get(p, "files"));
	if (stack_try(m, &rq, &changes, &e) < 0)
		return varlink_fail(link, &e);
	json_set(&v, "changes", changes);
	return sd_varlink_reply(link, v);
}

static int run_export(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		      struct error *e)
{
	(void)p;
	(void)e;
	*ret = stack_export(m);
	return 0;
}

static int network_monitor(sd_varlink *link, sd_json_variant *p,
			   sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_error_ struct error e = {};
	struct manager *m = userdata;

	(void)p;
	if (!(flags & SD_VARLINK_METHOD_MORE))
		return sd_varlink_error(link, "org.varlink.service.ExpectedMore", NULL);
	if (m->n_monitors >= MONITORS_MAX) {
		fail(&e, ERR_FAILED, "%d connections monitor already", MONITORS_MAX);
		return varlink_fail(link, &e);
	}
	GROW(m->monitors, m->n_monitors, m->cap_monitors);
	m->monitors[m->n_monitors++] = sd_varlink_ref(link);
	return 0;
}

VARLINK_METHOD(network_status, run_status, "status")
VARLINK_METHOD(network_export, run_export, "stack")
VARLINK_METHOD(network_trace, trace_run, NULL)

static const struct varlink_method methods[] = {
	{ .name = "Status", .parameters = status_results, .serve = network_status, .reads = true,
	  .text = "Show what works and what does not." },
	{ .name = "Apply", .parameters = apply, .serve = network_apply,
	  .text = "Make the state what a stack says: all of it or nothing." },
	{ .name = "Export", .parameters = export, .serve = network_export, .reads = true,
	  .text = "The present state as a stack." },
	{ .name = "Monitor", .parameters = monitor, .flags = SD_VARLINK_REQUIRES_MORE,
	  .serve = network_monitor, .reads = true, .text = "Changes and events as they happen." },
	{ .name = "Trace", .parameters = trace, .serve = network_trace, .reads = true,
	  .text = "Which rule, route or check decides over a packet. None is sent." },
	{}
};

const struct varlink_interface varlink_network = {
	.name = "Network", .kind = KIND_MAX,
	.text = "The network as a whole: status, stacks, events and traces.",
	.types = types, .methods = methods,
};
