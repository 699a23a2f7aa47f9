// SPDX-License-Identifier: GPL-2.0
/*
 * What the values of options and arguments must look like. Only what can be
 * told from the text alone is checked here; nitrod decides the rest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "number.h"

static int parse_text(const char *text, sd_json_variant **ret)
{
	if (!*text)
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_text = {
	.what = "usable text (it is empty or not UTF-8)",
	.parse = parse_text,
};

static bool is_address(const char *text, unsigned int *ret_bits)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1)
		*ret_bits = 32;
	else if (inet_pton(AF_INET6, text, &in6) == 1)
		*ret_bits = 128;
	else
		return false;
	return true;
}

static bool is_cidr(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	unsigned int bits;
	uint64_t length;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return false;
	memcpy(address, text, slash - text);
	address[slash - text] = '\0';
	return is_address(address, &bits) &&
	       number_parse(slash + 1, bits, &length) == 0;
}

static int parse_address(const char *text, sd_json_variant **ret)
{
	unsigned int bits;

	if (!is_address(text, &bits))
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_address = {
	.what = "an IPv4 or IPv6 address",
	.parse = parse_address,
};

static int parse_address_or_prefix(const char *text, sd_json_variant **ret)
{
	unsigned int bits;

	if (!is_address(text, &bits) && !is_cidr(text))
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_address_or_prefix = {
	.what = "an address or a prefix such as 10.0.1.16/28",
	.parse = parse_address_or_prefix,
};

static int parse_cidr(const char *text, sd_json_variant **ret)
{
	if (!is_cidr(text))
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_cidr = {
	.what = "a CIDR such as 10.0.0.0/16 or fd00:10::/56",
	.parse = parse_cidr,
};

static bool is_reference(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);

	return !strncmp(text, prefix, n) && text[n];
}

static int parse_peer(const char *text, sd_json_variant **ret)
{
	if (!is_reference(text, "sg:") && !is_reference(text, "pl:") &&
	    !is_cidr(text))
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_peer = {
	.what = "a peer: a CIDR, sg:NAME or pl:NAME",
	.parse = parse_peer,
};

static int parse_route_target(const char *text, sd_json_variant **ret)
{
	if (!is_reference(text, "eni:") && strcmp(text, "local") &&
	    strcmp(text, "blackhole"))
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_route_target = {
	.what = "a route target: eni:NAME, local or blackhole",
	.parse = parse_route_target,
};

static int parse_protocol(const char *text, sd_json_variant **ret)
{
	static const char *const names[] = {
		"tcp", "udp", "icmp", "icmpv6", "all",
	};
	uint64_t number;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i]))
			return sd_json_variant_new_string(ret, text);
	if (number_parse(text, 255, &number) < 0)
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_protocol = {
	.what = "a protocol: tcp, udp, icmp, icmpv6, all or a number up to 255",
	.parse = parse_protocol,
};

static int parse_port(const char *text, sd_json_variant **ret)
{
	uint64_t port;

	if (number_parse(text, 65535, &port) < 0)
		return -EINVAL;
	return sd_json_variant_new_unsigned(ret, port);
}

const struct cli_type type_port = {
	.what = "a port: a number up to 65535",
	.parse = parse_port,
};

static int parse_port_range(const char *text, sd_json_variant **ret)
{
	uint64_t first, last;

	if (number_parse_pair(text, '-', 65535, 65535, &first, &last) < 0 ||
	    first > last)
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_port_range = {
	.what = "a port or a range such as 8000-8080",
	.parse = parse_port_range,
};

static int parse_icmp_type(const char *text, sd_json_variant **ret)
{
	uint64_t type, code;

	if (number_parse_pair(text, '/', 255, 255, &type, &code) < 0)
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_icmp_type = {
	.what = "an ICMP type, or type/code such as 8/0",
	.parse = parse_icmp_type,
};

static int parse_mac(const char *text, sd_json_variant **ret)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	for (int i = 0; i < 17; i++) {
		if (i % 3 == 2 ? text[i] != ':' :
		    !text[i] || !strchr(hex, text[i]))
			return -EINVAL;
	}
	if (text[17])
		return -EINVAL;
	return sd_json_variant_new_string(ret, text);
}

const struct cli_type type_mac = {
	.what = "a MAC address such as 02:4e:00:00:00:01",
	.parse = parse_mac,
};

static int parse_count(const char *text, sd_json_variant **ret)
{
	uint64_t count;

	if (number_parse(text, INT64_MAX, &count) < 0)
		return -EINVAL;
	return sd_json_variant_new_unsigned(ret, count);
}

const struct cli_type type_count = {
	.what = "a number",
	.parse = parse_count,
};

static int parse_seconds(const char *text, sd_json_variant **ret)
{
	uint64_t seconds;

	if (number_parse(text, UINT32_MAX, &seconds) < 0)
		return -EINVAL;
	return sd_json_variant_new_unsigned(ret, seconds);
}

const struct cli_type type_seconds = {
	.what = "a number of seconds",
	.parse = parse_seconds,
};

static int parse_bit_rate(const char *text, sd_json_variant **ret)
{
	uint64_t rate;

	if (number_parse_scaled(text, 1000, &rate) < 0)
		return -EINVAL;
	return sd_json_variant_new_unsigned(ret, rate);
}

const struct cli_type type_bit_rate = {
	.what = "a rate in bits per second such as 10G, 500M or 64000",
	.parse = parse_bit_rate,
};

static int parse_size(const char *text, sd_json_variant **ret)
{
	uint64_t size;

	if (number_parse_scaled(text, 1024, &size) < 0)
		return -EINVAL;
	return sd_json_variant_new_unsigned(ret, size);
}

const struct cli_type type_size = {
	.what = "a size such as 512M, 10G or 1T",
	.parse = parse_size,
};
