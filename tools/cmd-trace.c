// SPDX-License-Identifier: GPL-2.0
/* nitroctl trace: what decides over a packet, without sending one. */
#include <stdio.h>

#include "cli.h"
#include "client.h"

static const struct print_field fields[] = {
	{ "Verdict", "verdict", NULL, PRINT_SHOW },
	{ "Reason", "reason", NULL, PRINT_SHOW },
	{ "Security group", "rule.security_group", NULL, PRINT_SHOW },
	{ "Rule", "rule.rule_id", NULL, PRINT_SHOW },
	{ "Rule text", "rule.text", NULL, PRINT_SHOW },
	{}
};

static int run_trace(const struct cli_call *call)
{
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *reply = NULL;
	int r;

	r = client_call(call->socket, call->object->interface,
			call->verb->method, call->properties, &reply);
	if (r)
		return r;
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
