// SPDX-License-Identifier: GPL-2.0
/* nitroctl eni: elastic network interfaces. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct cli_option eni_options[] = {
	{ .name = "subnet", .property = "subnet", .type = &type_text,
	  .metavar = "SUBNET", .help = "the subnet it lives in" },
	{ .name = "ip", .property = "ips", .type = &type_address_or_prefix,
	  .metavar = "A", .list = true,
	  .help = "address or prefix; may be repeated (default: a free one)" },
	{ .name = "sg", .property = "security_groups", .type = &type_text,
	  .metavar = "SG", .list = true,
	  .help = "security group; may be repeated (default: none)" },
	{ .name = "mac", .property = "mac", .type = &type_mac,
	  .metavar = "M", .help = "MAC address (default: from the name)" },
	{ .name = "host", .property = "host", .type = &type_text,
	  .metavar = "HOST", .help = "the host it is on (default: this one)" },
	{ .name = "source-dest-check", .property = "source_dest_check",
	  .help = "only its own addresses may pass (default)" },
	{ .name = "no-source-dest-check", .property = "source_dest_check",
	  .negative = true, .help = "foreign addresses may pass: a router" },
	{ .name = "bandwidth", .property = "bandwidth",
	  .type = &type_bit_rate, .metavar = "BITS/S",
	  .help = "limit of bits per second, such as 10G" },
	{ .name = "pps", .property = "pps", .type = &type_count,
	  .metavar = "N", .help = "limit of packets per second" },
	{ .name = "flows", .property = "flows", .type = &type_count,
	  .metavar = "N", .help = "limit of tracked flows" },
	{ .name = "tcp-established-timeout",
	  .property = "tcp_established_timeout", .type = &type_seconds,
	  .metavar = "S", .help = "seconds an idle TCP connection is kept" },
	{ .name = "udp-timeout", .property = "udp_timeout",
	  .type = &type_seconds, .metavar = "S",
	  .help = "seconds an unanswered UDP flow is kept" },
	{ .name = "udp-stream-timeout", .property = "udp_stream_timeout",
	  .type = &type_seconds, .metavar = "S",
	  .help = "seconds an answered UDP flow is kept" },
	{ .name = "metadata", .property = "metadata", .type = &type_text,
	  .metavar = "on|v1|off",
	  .help = "metadata service: with tokens, without too, none (default: on)" },
	{ .name = "metadata-hop-limit", .property = "metadata_hop_limit",
	  .type = &type_count, .metavar = "N",
	  .help = "hops a metadata token may go, 1 to 64 (default: 1)" },
	{}
};

static const char *const create_needs[] = { "subnet", NULL };

static const struct cli_option attach_options[] = {
	{ .name = "netns", .property = "netns", .type = &type_text,
	  .kind = "netns", .metavar = "NETNS",
	  .help = "to a network namespace: its name or path" },
	{ .name = "port", .property = "port", .type = &type_text,
	  .kind = "port", .metavar = "NETDEV",
	  .help = "to an existing tap or veth" },
	{ .name = "local", .kind = "local", .help = "to this host itself" },
	{ .name = "instance", .property = "instance", .type = &type_text,
	  .kind = "instance", .metavar = "INSTANCE",
	  .help = "to an instance" },
	{ .name = "ifname", .property = "ifname", .type = &type_text,
	  .metavar = "IF", .help = "name of the interface there" },
	{}
};

static const char *const attach_needs[] = { "kind", NULL };

static const struct cli_option show_options[] = {
	{ .name = "flows", .property = "flows", .help = "with its flow table" },
	{ .name = "drops", .property = "drops",
	  .help = "with its drops by reason" },
	{}
};

static const struct cli_verb verbs[] = {
	{ .name = "create", .help = "create an ENI and print its ID",
	  .positionals = cli_name_positional, .options = eni_options,
	  .needs = create_needs, .method = "Create", .run = cli_run_create },
	{ .name = "set", .help = "change an ENI; a list replaces the old one",
	  .positionals = cli_name_positional, .options = eni_options,
	  .needs_any = true, .method = "Set", .run = cli_run_change },
	{ .name = "list", .help = "list the ENIs",
	  .method = "List", .run = cli_run_list },
	{ .name = "show", .help = "show an ENI",
	  .positionals = cli_name_positional, .options = show_options,
	  .method = "Show", .run = cli_run_show },
	{ .name = "attach", .help = "attach an ENI and print its interface",
	  .positionals = cli_name_positional, .options = attach_options,
	  .needs = attach_needs, .method = "Attach", .run = cli_run_attach },
	{ .name = "detach", .help = "detach an ENI",
	  .positionals = cli_name_positional,
	  .method = "Detach", .run = cli_run_change },
	{ .name = "delete", .help = "delete an ENI that is not attached",
	  .positionals = cli_name_positional,
	  .method = "Delete", .run = cli_run_change },
	{}
};

static const char *text_in(sd_json_variant *object, const char *key)
{
	sd_json_variant *value = print_lookup(object, key);

	if (!value || !sd_json_variant_is_string(value))
		return "";
	return sd_json_variant_string(value);
}

/* "netns blue, eth0" */
static char *format_attachment(sd_json_variant *value)
{
	const char *kind, *where, *ifname;
	char *text, *clean;

	if (!value || !sd_json_variant_is_object(value))
		return strdup("-");
	kind = text_in(value, "kind");
	where = text_in(value, kind);
	ifname = text_in(value, "ifname");
	if (asprintf(&text, "%s%s%s%s%s", kind, *where ? " " : "", where,
		     *ifname ? ", " : "", ifname) < 0)
		return NULL;
	clean = print_sanitized(text);
	free(text);
	return clean;
}

#define LIMIT (PRINT_SHOW | PRINT_IF_SET)

static const struct print_field fields[] = {
	{ "Name", "name", NULL, PRINT_BOTH },
	{ "ID", "id", NULL, PRINT_BOTH },
	{ "VPC", "vpc", NULL, PRINT_BOTH },
	{ "Subnet", "subnet", NULL, PRINT_BOTH },
	{ "Host", "host", NULL, PRINT_BOTH },
	{ "IPs", "ips", NULL, PRINT_BOTH },
	{ "MAC", "mac", NULL, PRINT_SHOW },
	{ "Security groups", "security_groups", NULL, PRINT_BOTH },
	{ "Source/dest check", "source_dest_check", format_on_off,
	  PRINT_SHOW },
	{ "Bandwidth", "bandwidth", format_bit_rate, LIMIT },
	{ "Packets per second", "pps", NULL, LIMIT },
	{ "Flow limit", "flows", NULL, LIMIT },
	{ "TCP established timeout", "tcp_established_timeout",
	  format_seconds, LIMIT },
	{ "UDP timeout", "udp_timeout", format_seconds, LIMIT },
	{ "UDP stream timeout", "udp_stream_timeout", format_seconds,
	  LIMIT },
	{ "Metadata", "metadata", NULL, PRINT_SHOW },
	{ "Metadata hop limit", "metadata_hop_limit", NULL, PRINT_SHOW },
	{ "Attachment", "attachment", format_attachment, PRINT_BOTH },
	{ "Interface", "ifname", NULL, PRINT_SHOW },
	{ "Tap device", "device", NULL, PRINT_SHOW },
	{ "Flows now", "flow_count", NULL, PRINT_SHOW },
	{ "State", "state", NULL, PRINT_BOTH },
	{ "Reason", "reason", NULL, PRINT_SHOW | PRINT_IF_SET },
	{}
};

static const struct print_field flow_fields[] = {
	{ "Protocol", "protocol", NULL, PRINT_LIST },
	{ "Local", "local", NULL, PRINT_LIST },
	{ "Port", "local_port", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Remote", "remote", NULL, PRINT_LIST },
	{ "Port", "remote_port", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "State", "state", NULL, PRINT_LIST },
	{ "Tracked", "tracked", NULL, PRINT_LIST },
	{ "Origin", "origin", NULL, PRINT_LIST },
	{ "Packets in", "packets_in", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "out", "packets_out", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Bytes in", "bytes_in", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "out", "bytes_out", NULL, PRINT_LIST | PRINT_RIGHT },
	{ "Expires", "expires", format_seconds, PRINT_LIST | PRINT_RIGHT },
	{}
};

static const struct print_section sections[] = {
	{ "Counters", "stats", NULL, NULL },
	{ "Flows", "flow_table", flow_fields, NULL },
	{ "Drops", "drops", NULL, NULL },
	{}
};

const struct cli_object object_eni = {
	.name = "eni",
	.help = "elastic network interfaces",
	.interface = "io.nitro.Eni",
	.verbs = verbs,
	.fields = fields,
	.sections = sections,
};
