// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Network: the whole. */

#include "varlink.h"

#define MONITORS_MAX 64

static SD_VARLINK_DEFINE_STRUCT_TYPE(Module,
	SD_VARLINK_FIELD_COMMENT("Name of the kernel module."),
	SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("It is loaded."),
	SD_VARLINK_DEFINE_FIELD(loaded, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("Its version, if it is loaded."),
	SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Why it is not loaded, and what to do."),
	SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Status,
	SD_VARLINK_FIELD_COMMENT("Version of nitrod."),
	SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("state (running or degraded), pid, uptime in seconds, version."),
	SD_VARLINK_DEFINE_FIELD(daemon, SD_VARLINK_OBJECT, 0),
	SD_VARLINK_FIELD_COMMENT("The kernel modules."),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(modules, Module, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("The host that this nitrod runs on, as io.nitro.Host shows it."),
	SD_VARLINK_DEFINE_FIELD(host, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("How many objects there are, and how many the kernel holds."),
	SD_VARLINK_DEFINE_FIELD(counts, SD_VARLINK_OBJECT, 0),
	SD_VARLINK_FIELD_COMMENT("What does not work: one sentence each."),
	SD_VARLINK_DEFINE_FIELD(problems, SD_VARLINK_STRING, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Change,
	SD_VARLINK_FIELD_COMMENT("create, set or delete."),
	SD_VARLINK_DEFINE_FIELD(action, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Kind of the object, such as security_group."),
	SD_VARLINK_DEFINE_FIELD(kind, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Name of the object."),
	SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("One line per property: +, - or ~, its name and its values."),
	SD_VARLINK_DEFINE_FIELD(diff, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_METHOD(Status,
	SD_VARLINK_FIELD_COMMENT("Everything at a glance."),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(status, Status, 0));

static SD_VARLINK_DEFINE_METHOD(Apply,
	SD_VARLINK_FIELD_COMMENT("The stack: {version: 1, hosts, vpcs, enis, prefix_lists}, see nitro(5)."),
	SD_VARLINK_DEFINE_INPUT(stack, SD_VARLINK_OBJECT, 0),
	SD_VARLINK_FIELD_COMMENT("JSON pointer of a value in the stack -> its line in the file, for errors."),
	SD_VARLINK_DEFINE_INPUT(lines, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Check everything and say what would change, but change nothing."),
	SD_VARLINK_DEFINE_INPUT(dry_run, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Delete what the stack does not name."),
	SD_VARLINK_DEFINE_INPUT(prune, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("What has changed. Empty if the state was that of the stack already."),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(changes, Change, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(Export,
	SD_VARLINK_FIELD_COMMENT("The present state as a stack, with assigned VNIs, MAC and IP addresses."),
	SD_VARLINK_DEFINE_OUTPUT(stack, SD_VARLINK_OBJECT, 0));

static SD_VARLINK_DEFINE_METHOD_FULL(Monitor, SD_VARLINK_REQUIRES_MORE,
	SD_VARLINK_FIELD_COMMENT("{time, event, kind, id, name, …}; event is create, set, delete, failed, recovered, card-present or card-absent."),
	SD_VARLINK_DEFINE_OUTPUT(event, SD_VARLINK_OBJECT, 0));

static SD_VARLINK_DEFINE_METHOD(Trace,
	SD_VARLINK_FIELD_COMMENT("The ENI: a name or an ID."),
	SD_VARLINK_DEFINE_INPUT(eni, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("ingress: the ENI receives the packet; egress: it sends it."),
	SD_VARLINK_DEFINE_INPUT(direction, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("tcp, udp, icmp, icmpv6 or a protocol number."),
	SD_VARLINK_DEFINE_INPUT(protocol, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Address of the other side."),
	SD_VARLINK_DEFINE_INPUT(peer, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Destination port."),
	SD_VARLINK_DEFINE_INPUT(port, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Source port."),
	SD_VARLINK_DEFINE_INPUT(peer_port, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("ICMP type, or type/code."),
	SD_VARLINK_DEFINE_INPUT(icmp_type, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("allow or drop."),
	SD_VARLINK_DEFINE_OUTPUT(verdict, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The check that decides; a drop reason of the kernel, or rule, flow."),
	SD_VARLINK_DEFINE_OUTPUT(reason, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("{security_group, rule_id, text} of the rule that allows it, or null."),
	SD_VARLINK_DEFINE_OUTPUT(rule, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("{route_table, cidr, to} of the route that is taken, or null."),
	SD_VARLINK_DEFINE_OUTPUT(route, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("{eni, host, address} of the other side, or null."),
	SD_VARLINK_DEFINE_OUTPUT(mapping, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("What was looked at, in this order."),
	SD_VARLINK_DEFINE_OUTPUT(checks, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("kernel: the card decided; model: it could not be asked."),
	SD_VARLINK_DEFINE_OUTPUT(source, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("One sentence for the user."),
	SD_VARLINK_DEFINE_OUTPUT(text, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_Network, "io.nitro.Network",
	SD_VARLINK_INTERFACE_COMMENT("The network as a whole: status, stacks, events and traces."),
	SD_VARLINK_SYMBOL_COMMENT("A kernel module."),
	&vl_type_Module,
	SD_VARLINK_SYMBOL_COMMENT("Everything at a glance."),
	&vl_type_Status,
	SD_VARLINK_SYMBOL_COMMENT("What Apply does to one object."),
	&vl_type_Change,
	SD_VARLINK_SYMBOL_COMMENT("Show what works and what does not."),
	&vl_method_Status,
	SD_VARLINK_SYMBOL_COMMENT("Make the state what a stack says: all of it or nothing."),
	&vl_method_Apply,
	SD_VARLINK_SYMBOL_COMMENT("The present state as a stack."),
	&vl_method_Export,
	SD_VARLINK_SYMBOL_COMMENT("Changes and events as they happen."),
	&vl_method_Monitor,
	SD_VARLINK_SYMBOL_COMMENT("Which rule, route or check decides over a packet. None is sent."),
	&vl_method_Trace);

static int network_status(sd_varlink *link, sd_json_variant *p,
			  sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_json_ sd_json_variant *v = NULL;

	(void)p;
	(void)flags;
	json_set(&v, "status", status_build(userdata));
	return sd_varlink_reply(link, v);
}

static bool flag(sd_json_variant *p, const char *key)
{
	sd_json_variant *v = json_get(p, key);

	return v && sd_json_variant_is_boolean(v) && sd_json_variant_boolean(v);
}

static int network_apply(sd_varlink *link, sd_json_variant *p,
			 sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_error_ struct error e = {};
	_cleanup_json_ sd_json_variant *v = NULL;
	sd_json_variant *changes = NULL;

	(void)flags;
	if (stack_apply(userdata, json_get(p, "stack"), json_get(p, "lines"),
			flag(p, "dry_run"), flag(p, "prune"), &changes, &e) < 0)
		return varlink_fail(link, &e);
	json_set(&v, "changes", changes);
	return sd_varlink_reply(link, v);
}

static int network_export(sd_varlink *link, sd_json_variant *p,
			  sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_json_ sd_json_variant *v = NULL;

	(void)p;
	(void)flags;
	json_set(&v, "stack", stack_export(userdata));
	return sd_varlink_reply(link, v);
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

static int network_trace(sd_varlink *link, sd_json_variant *p,
			 sd_varlink_method_flags_t flags, void *userdata)
{
	_cleanup_error_ struct error e = {};
	_cleanup_json_ sd_json_variant *v = NULL;

	(void)flags;
	if (trace_run(userdata, p, &v, &e) < 0)
		return varlink_fail(link, &e);
	return sd_varlink_reply(link, v);
}

/**
 * varlink_bind_network - serve io.nitro.Network
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_network(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_Network);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.Network.Status", network_status,
		"io.nitro.Network.Apply", network_apply,
		"io.nitro.Network.Export", network_export,
		"io.nitro.Network.Monitor", network_monitor,
		"io.nitro.Network.Trace", network_trace);
}
