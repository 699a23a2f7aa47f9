// SPDX-License-Identifier: GPL-2.0
/* Strict numbers. */
#include <errno.h>
#include <stdlib.h>

#include "../cli.h"
#include "../number.h"
#include "fixture.h"

UNIT(number_accepts_decimal_digits_only)
{
	static const struct {
		const char *text;
		int wanted;
		uint64_t number;
	} rows[] = {
		{ "0", 0, 0 },
		{ "80", 0, 80 },
		{ "0080", 0, 80 },
		{ "65535", 0, 65535 },
		{ "65536", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t number = 0;
		int r = number_parse(rows[i].text, 65535, &number);

		if (r != rows[i].wanted || number != rows[i].number)
			unit_fail(__FILE__, __LINE__, "'%s'", rows[i].text);
	}
}

UNIT(number_pairs_are_ranges_or_single)
{
	uint64_t first, last;

	EXPECT(!number_parse_pair("80", '-', 65535, 65535, &first, &last));
	EXPECT(first == 80 && last == 80);
	EXPECT(!number_parse_pair("80-90", '-', 65535, 65535, &first, &last));
	EXPECT(first == 80 && last == 90);
	EXPECT(number_parse_pair("-90", '-', 65535, 65535, &first, &last));
	EXPECT(number_parse_pair("80-", '-', 65535, 65535, &first, &last));
	EXPECT(number_parse_pair("80-90-100", '-', 65535, 65535, &first,
				 &last));
	EXPECT(number_parse_pair("8/256", '/', 255, 255, &first, &last));
}

UNIT(number_scaled_knows_the_suffixes)
{
	static const struct {
		const char *text;
		unsigned int base;
		int wanted;
		uint64_t number;
	} rows[] = {
		{ "10G", 1000, 0, 10000000000 },
		{ "500M", 1000, 0, 500000000 },
		{ "64k", 1000, 0, 64000 },
		{ "64K", 1024, 0, 65536 },
		{ "1T", 1024, 0, 1ULL << 40 },
		{ "7", 1000, 0, 7 },
		{ "G", 1000, -EINVAL, 0 },
		{ "10GG", 1000, -EINVAL, 0 },
		{ "10 G", 1000, -EINVAL, 0 },
		{ "10Gbit", 1000, -EINVAL, 0 },
		{ "1.5G", 1000, -EINVAL, 0 },
		{ "-1G", 1000, -EINVAL, 0 },
		{ "9223372036854775807", 1000, 0, INT64_MAX },
		{ "9223372036854775808", 1000, -ERANGE, 0 },
		{ "9223372036854775807K", 1000, -ERANGE, 0 },
		{ "99999999999T", 1024, -ERANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t number = 0;
		int r = number_parse_scaled(rows[i].text, rows[i].base,
					    &number);

		if (r != rows[i].wanted || number != rows[i].number)
			unit_fail(__FILE__, __LINE__, "'%s'", rows[i].text);
	}
}

UNIT(number_scaled_comes_back_the_same)
{
	static const uint64_t numbers[] = {
		0, 1, 999, 1000, 1001, 64000, 1500000, 10000000000,
		1000000000000, 5000000000000000, INT64_MAX,
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		char *text = number_format_scaled(numbers[i], 1000);
		uint64_t number = 0;

		EXPECT(number_parse_scaled(text, 1000, &number) == 0);
		EXPECT(number == numbers[i]);
		free(text);
	}
}

static void accepts(const struct cli_type *type, const char *text, bool good)
{
	_cleanup_json_ sd_json_variant *value = NULL;
	int r = type->parse(text, &value);

	if ((r >= 0) != good)
		unit_fail(__FILE__, __LINE__, "'%s' as %s: %d", text,
			  type->what, r);
}

UNIT(types_check_the_form)
{
	accepts(&type_cidr, "10.0.0.0/16", true);
	accepts(&type_cidr, "fd00:10::/56", true);
	accepts(&type_cidr, "0.0.0.0/0", true);
	accepts(&type_cidr, "10.0.0.0", false);
	accepts(&type_cidr, "10.0.0.0/33", false);
	accepts(&type_cidr, "10.0.0/8", false);
	accepts(&type_cidr, "fd00::/129", false);
	accepts(&type_cidr, "/8", false);
	accepts(&type_cidr, "10.0.0.0/", false);
	accepts(&type_cidr, "10.0.0.0/-1", false);
	accepts(&type_cidr, "10.0.0.0/8/8", false);
	accepts(&type_cidr, "fd00::1%eth0/64", false);
	accepts(&type_address, "192.0.2.1", true);
	accepts(&type_address, "2001:db8::1", true);
	accepts(&type_address, "192.0.2.1/24", false);
	accepts(&type_address, "localhost", false);
	accepts(&type_address_or_prefix, "10.0.1.16/28", true);
	accepts(&type_address_or_prefix, "10.0.1.16", true);
	accepts(&type_address_or_prefix, "10.0.1", false);
	accepts(&type_peer, "sg:web", true);
	accepts(&type_peer, "pl:offices", true);
	accepts(&type_peer, "sg:", false);
	accepts(&type_peer, "web", false);
	accepts(&type_peer, "10.0.0.1", false);
	accepts(&type_route_target, "eni:fw", true);
	accepts(&type_route_target, "local", true);
	accepts(&type_route_target, "blackhole", true);
	accepts(&type_route_target, "eni:", false);
	accepts(&type_route_target, "fw", false);
	accepts(&type_protocol, "tcp", true);
	accepts(&type_protocol, "47", true);
	accepts(&type_protocol, "256", false);
	accepts(&type_protocol, "TCP", false);
	accepts(&type_port, "0", true);
	accepts(&type_port, "65536", false);
	accepts(&type_port_range, "1-65535", true);
	accepts(&type_port_range, "90-80", false);
	accepts(&type_icmp_type, "8/0", true);
	accepts(&type_icmp_type, "8", true);
	accepts(&type_icmp_type, "8/", false);
	accepts(&type_mac, "02:4e:00:00:00:01", true);
	accepts(&type_mac, "02:4e:00:00:00", false);
	accepts(&type_mac, "02:4e:00:00:00:01:02", false);
	accepts(&type_mac, "02-4e-00-00-00-01", false);
	accepts(&type_mac, "", false);
	accepts(&type_seconds, "432000", true);
	accepts(&type_seconds, "5m", false);
	accepts(&type_seconds, "4294967296", false);
	accepts(&type_text, "", false);
	accepts(&type_text, "\xff\xfe", false);
}
