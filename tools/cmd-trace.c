// SPDX-License-Identifier: GPL-2.0
/* nitroctl trace: what decides over a packet, without sending one. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "client.h"

static const char *text_in(sd_json_variant *object, const char *key)
{
	sd_json_variant *value = print_lookup(object, key);

	if (!value || !sd_json_variant_is_string(value))
		return NULL;
	return sd_json_variant_string(value);
}

_printf_(1, 2)
static char *joined(const char *format, ...)
{
	char *text, *clean;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		return NULL;
	clean = print_sanitized(text);
	free(text);
	return clean;
}

/* "web: tcp 80 sg:client (sgr-…)" */
static char *format_rule(sd_json_variant *value)
{
	const char *id;

	if (!value || !sd_json_variant_is_object(value))
		return print_text(value);
	id = text_in(value, "rule_id");
	return joined("%s: %s%s%s%s", text_in(value, "security_group") ?: "?",
		      text_in(value, "text") ?: "?", id ? " (" : "", id ?: "",
		      id ? ")" : "");
}

/* "main: 10.99.0.0/16 to eni:fw" */
static char *format_route(sd_json_variant *value)
{
	const char *table;

	if (!value || !sd_json_variant_is_object(value))
		return print_text(value);
	table = text_in(value, "route_table");
	return joined("%s%s%s to %s", table ?: "", table ? ": " : "",
		      text_in(value, "cidr") ?: "?",
		      text_in(value, "to") ?: "?");
}

/* "client-1 on host-b, 192.0.2.2" */
static char *format_mapping(sd_json_variant *value)
{
	if (!value || !sd_json_variant_is_object(value))
		return print_text(value);
	return joined("%s on %s, %s", text_in(value, "eni") ?: "?",
		      text_in(value, "host") ?: "this host",
		      text_in(value, "address") ?: "?");
}

static const struct print_field fields[] = {
	{ "Verdict", "verdict", NULL, PRINT_SHOW },
	{ "Reason", "reason", NULL, PRINT_SHOW },
	{ "Rule", "rule", format_rule, PRINT_SHOW | PRINT_IF_SET },
	{ "Route", "route", format_route, PRINT_SHOW | PRINT_IF_SET },
	{ "Peer", "mapping", format_mapping, PRINT_SHOW | PRINT_IF_SET },
	{ "Decided by", "source", NULL, PRINT_SHOW | PRINT_IF_SET },
	{ "Checks", "checks", NULL, PRINT_SHOW },
	{}
};

static int print_sentence(sd_json_variant *reply)
{
	char *text = print_text(print_lookup(reply, "text"));

	if (!text)
		return -ENOMEM;
	printf("%s\n\n", text);
	free(text);
	return 0;
}

static int run_trace(const struct cli_call *call)
{
	_cleanup_json_ sd_json_variant *reply = NULL;
	int r;

	r = client_call(call->socket, call->object->interface,
			call->verb->method, call->properties, &reply);
	if (r)
		return r;
	if (!call->style->json)
		r = print_sentence(reply);
	if (r >= 0)
		r = print_object(reply, fields, NULL, call->style);
	return r < 0 ? cli_failed(r, "cannot print the answer") : EXIT_OK;
}

static const struct cli_option options[] = {
	{ .name = "eni", .property = "eni", .type = &type_text,
	  .metavar = "NAME", .help = "the ENI that sends or receives" },
	{ .name = "egress", .property = "direction", .constant = "egress",
	  .help = "the ENI sends the packet" },
	{ .name = "ingress", .property = "direction", .constant = "ingress",
	  .help = "the ENI receives the packet" },
	{ .name = "protocol", .property = "protocol", .type = &type_protocol,
	  .metavar = "P", .help = "tcp, udp, icmp, icmpv6 or a number" },
	{ .name = "peer", .property = "peer", .type = &type_address,
	  .metavar = "IP", .help = "address of the other side" },
	{ .name = "port", .property = "port", .type = &type_port,
	  .metavar = "N", .help = "destination port" },
	{ .name = "peer-port", .property = "peer_port", .type = &type_port,
	  .metavar = "N", .help = "source port" },
	{ .name = "icmp-type", .property = "icmp_type",
	  .type = &type_icmp_type, .metavar = "T[/C]",
	  .help = "ICMP type, or type and code" },
	{}
};

static const char *const needs[] = {
	"eni", "direction", "protocol", "peer", NULL
};

static const struct cli_verb trace_verb[] = {
	{ .help = "tell which rule, route or check decides over a packet",
	  .options = options, .needs = needs, .method = "Trace",
	  .run = run_trace },
	{}
};

const struct cli_object command_trace = {
	.name = "trace",
	.help = "tell which rule, route or check decides over a packet",
	.interface = "io.nitro.Network",
	.verbs = trace_verb,
	.fields = fields,
};
