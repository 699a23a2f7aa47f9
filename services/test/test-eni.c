// SPDX-License-Identifier: GPL-2.0
/* ENIs, their table, and who is behind an address. */

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fixture.h"

static uint32_t service_of(const char *text)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return client_service((struct sockaddr *)&in);
	EXPECT(inet_pton(AF_INET6, text, &in6.sin6_addr) == 1);
	return client_service((struct sockaddr *)&in6);
}

UNIT(clients)
{
	static const struct {
		const char *address;
		uint32_t service;
	} rows[] = {
		{ "240.0.8.0", 1 }, { "240.0.15.255", 1 }, { "240.0.16.0", 2 },
		{ "255.255.247.255", 131070 }, { "255.255.255.255", 0 }, { "240.0.7.255", 0 },
		{ "239.255.255.255", 0 }, { "127.0.0.1", 0 }, { "169.254.169.254", 0 },
		{ "fd00:ec3:0:100::", 1 }, { "fd00:ec3:0:13f:1:2:3:4", 1 },
		{ "fd00:ec3:1ff:fe3f::", 131070 }, { "fd00:ec3:1ff:ff3f::", 0 },
		{ "fd00:ec2:0:100::", 0 }, { "::1", 0 }, { "::ffff:240.0.8.0", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT(service_of(rows[i].address) == rows[i].service);
}

UNIT(an_eni_is_read)
{
	struct eni *eni = eni_read(",'instance':{'id':'i-1','name':'web','user_data':'aGk=',"
				   "'public_keys':[{'name':'k','key':'ssh-ed25519 AAAA'}]}");
	struct prefix resolver;
	char buf[PREFIX_STRLEN];

	EXPECT(eni);
	EXPECT(eni->service == 5 && eni->mac[5] == 5 && eni->ips.n == 3 && eni->mtu == 9001);
	EXPECT(eni->metadata == METADATA_ON && eni->hop_limit == 2 && eni->group_ids.n == 2);
	EXPECT_TEXT(prefix_format_short(eni_primary(eni, false), buf), "10.0.1.10");
	EXPECT_TEXT(prefix_format_short(eni_primary(eni, true), buf), "fd00:10:0:1::10");
	EXPECT_TEXT(prefix_format(eni_cidr(eni, false), buf), "10.0.1.0/24");
	EXPECT(eni_resolver(eni, false, &resolver));
	EXPECT_TEXT(prefix_format_short(&resolver, buf), "10.0.0.2");
	EXPECT(eni->instance.user_data_size == 2 && !memcmp(eni->instance.user_data, "hi", 2));
	EXPECT_TEXT(eni->instance.key_names.v[0], "k");
	EXPECT_TEXT(eni->instance.keys.v[0], "ssh-ed25519 AAAA");
	eni_free(eni);
}

UNIT(what_is_no_eni)
{
	static const char *const rows[] = {
		"{}", "[]", "1", "{'service':5}",
		"{'service':131071,'id':'e','name':'n','mac':'06:00:00:00:00:05','subnet':{'id':'s'},'vpc':{'id':'v','name':'v'}}",
		"{'service':5,'id':'e','name':'n','mac':'x','subnet':{'id':'s'},'vpc':{'id':'v','name':'v'}}",
		"{'service':5,'id':'e','name':'n','mac':'06:00:00:00:00:05','subnet':7,'vpc':{'id':'v','name':'v'}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ sd_json_variant *v = json_read(rows[i]);

		EXPECT(!eni_parse(v));
	}
}

UNIT(host_names)
{
	static const struct {
		const char *more, *name;
	} rows[] = {
		{ "", "ip-10-0-1-10.d" },
		{ ",'instance':{'id':'i','hostname':'db'}", "db.d" },
		{ ",'instance':{'id':'i','hostname':'db_1!'}", "db-1.d" },
		{ ",'instance':{'id':'i','hostname':'db.example.org'}", "db.example.org" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct eni *eni = eni_read(rows[i].more);
		_cleanup_free_ char *name = eni_hostname(eni, "d");

		EXPECT_TEXT(name, rows[i].name);
		eni_free(eni);
	}
}

UNIT(the_table)
{
	struct enis t = {};
	uint32_t at = 0;

	enis_put(&t, eni_read(""));
	enis_slot(&t, 5)->connections = 3;
	enis_put(&t, eni_read(""));
	EXPECT(t.count == 1 && enis_slot(&t, 5)->connections == 3);
	EXPECT(enis_get(&t, 5) && !enis_get(&t, 4) && !enis_get(&t, 4000000000U));
	EXPECT(!enis_slot(&t, 0) && !enis_slot(&t, SERVICE_MAX + 1));
	EXPECT(enis_next(&t, &at) == enis_get(&t, 5) && !enis_next(&t, &at));
	enis_remove(&t, 5);
	enis_remove(&t, 5);
	enis_remove(&t, 4000000000U);
	EXPECT(!t.count && !enis_get(&t, 5) && enis_slot(&t, 5)->connections == 3);
	enis_free(&t);
}
