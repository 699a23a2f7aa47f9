// SPDX-License-Identifier: GPL-2.0
/* Addresses, numbers, maps. */

#include <stdio.h>

#include "fixture.h"

static char *canonical(const char *s)
{
	_cleanup_error_ struct error e = {};
	struct prefix p;
	char buf[PREFIX_STRLEN];

	if (prefix_parse(s, &p, &e) < 0)
		return xstrdup("invalid");
	return xstrdup(prefix_format_short(&p, buf));
}

UNIT(prefix_parse_table)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "10.0.0.0/8", "10.0.0.0/8" }, { "10.0.0.1", "10.0.0.1" },
		{ "10.0.0.1/32", "10.0.0.1" }, { "0.0.0.0/0", "0.0.0.0/0" },
		{ "::/0", "::/0" }, { "fd00:10::/56", "fd00:10::/56" },
		{ "FD00:0:0:0:0:0:0:1", "fd00::1" }, { "10.0.0.1/8", "invalid" },
		{ "10.0.0.0/33", "invalid" }, { "10.0.0.0/", "invalid" },
		{ "10.0.0.0/08", "invalid" }, { "10.0.0.0/-1", "invalid" },
		{ "10.0.0.0/8x", "invalid" }, { "10.0.0", "invalid" }, { "", "invalid" },
		{ "/8", "invalid" }, { "::ffff:10.0.0.1", "invalid" }, { "fe80::1%eth0", "invalid" },
		{ "fd00::1/64", "invalid" }, { "010.0.0.0/8", "invalid" },
		{ "10.0.0.0/18446744073709551617", "invalid" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *got = canonical(rows[i].in);

		EXPECT_TEXT(got, rows[i].out);
	}
}

UNIT(prefix_not_canonical_names_the_block)
{
	_cleanup_error_ struct error e = {};
	struct prefix p;

	EXPECT(prefix_parse("10.1.2.3/16", &p, &e) < 0);
	EXPECT(e.message && strstr(e.message, "'10.1.0.0/16'"));
}

UNIT(prefix_relations)
{
	static const struct {
		const char *a, *b;
		bool contains, overlap;
	} rows[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true, true },
		{ "10.1.0.0/16", "10.0.0.0/8", false, true },
		{ "10.0.0.0/9", "10.128.0.0/9", false, false },
		{ "0.0.0.0/0", "255.255.255.255/32", true, true },
		{ "::/0", "10.0.0.0/8", false, false },
		{ "fd00::/63", "fd00:0:0:1::/64", true, true },
		{ "fd00::/64", "fd00:0:0:1::/64", false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_error_ struct error e = {};
		struct prefix a, b;

		EXPECT(prefix_parse(rows[i].a, &a, &e) >= 0 && prefix_parse(rows[i].b, &b, &e) >= 0);
		EXPECT(prefix_contains(&a, &b) == rows[i].contains);
		EXPECT(prefix_overlap(&a, &b) == rows[i].overlap);
		EXPECT(prefix_overlap(&b, &a) == rows[i].overlap);
	}
}

UNIT(address_arithmetic)
{
	_cleanup_error_ struct error e = {};
	char buf[PREFIX_STRLEN];
	struct prefix p, q;

	EXPECT(prefix_parse("10.0.255.0/24", &p, &e) >= 0);
	prefix_first(&p, 4, &q);
	EXPECT_TEXT(prefix_format_short(&q, buf), "10.0.255.4");
	prefix_last(&p, &q);
	EXPECT_TEXT(prefix_format_short(&q, buf), "10.0.255.255");
	EXPECT(address_next(&q));
	EXPECT_TEXT(prefix_format_short(&q, buf), "10.1.0.0");
	EXPECT(prefix_parse("255.255.255.255", &q, &e) >= 0);
	EXPECT(!address_next(&q));
	EXPECT(prefix_parse("fd00::/120", &p, &e) >= 0);
	prefix_first(&p, 300, &q);
	EXPECT_TEXT(prefix_format_short(&q, buf), "fd00::12c");
}

UNIT(mac_table)
{
	static const struct {
		const char *in;
		bool ok;
	} rows[] = {
		{ "02:00:00:00:00:01", true }, { "AA:bb:CC:dd:EE:0f", true },
		{ "01:00:00:00:00:01", false }, { "00:00:00:00:00:00", false },
		{ "02:00:00:00:00", false }, { "02-00-00-00-00-01", false },
		{ "02:00:00:00:00:0g", false }, { "02:00:00:00:00:011", false },
		{ "0200:00:00:00:001", false }, { "", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_error_ struct error e = {};
		uint8_t mac[6];

		if ((mac_parse(rows[i].in, mac, &e) >= 0) != rows[i].ok)
			unit_fail(__FILE__, __LINE__, "'%s'", rows[i].in);
	}
}

UNIT(numbers_are_whole)
{
	uint64_t v;

	EXPECT(parse_uint("65535", 0, 65535, &v) == 0 && v == 65535);
	EXPECT(parse_uint("65536", 0, 65535, &v) == -ERANGE);
	EXPECT(parse_uint("18446744073709551616", 0, UINT64_MAX, &v) == -ERANGE);
	EXPECT(parse_uint("", 0, 1, &v) == -EINVAL);
	EXPECT(parse_uint(" 1", 0, 1, &v) == -EINVAL);
	EXPECT(parse_uint("+1", 0, 1, &v) == -EINVAL);
	EXPECT(parse_uint("1x", 0, 1, &v) == -EINVAL);
}

UNIT(siphash_vectors)
{
	/* SipHash paper, appendix A: key 00..0f, message 00..0e */
	uint8_t message[15];

	for (int i = 0; i < 15; i++)
		message[i] = i;
	EXPECT(siphash24(message, 15, 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL) ==
	       0xa129ca6149be45e5ULL);
}

UNIT(map_against_a_list)
{
	struct map m = {};
	intptr_t list[300] = {};
	unsigned int seed = 1;

	for (int i = 0; i < 20000; i++) {
		int k = rand_r(&seed) % 300;
		char key[8];

		snprintf(key, sizeof(key), "k%d", k);
		if (rand_r(&seed) % 3) {
			map_put(&m, key, (void *)(intptr_t)(i + 1));
			list[k] = i + 1;
		} else {
			EXPECT((intptr_t)map_del(&m, key) == list[k]);
			list[k] = 0;
		}
		k = rand_r(&seed) % 300;
		snprintf(key, sizeof(key), "k%d", k);
		EXPECT((intptr_t)map_get(&m, key) == list[k]);
	}
	map_free(&m);
}
