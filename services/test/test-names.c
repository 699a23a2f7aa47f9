// SPDX-License-Identifier: GPL-2.0
/* What the resolver is told. */

#include "fixture.h"
#include "names.h"

static void add_neighbour(struct services *s, const char *id, const char *text)
{
	_cleanup_json_ sd_json_variant *v = json_read(text);
	struct neighbour *n = neighbour_parse(v);

	EXPECT(n);
	map_put(&s->neighbours, id, n);
}

static void release(struct services *s)
{
	for (size_t i = 0; i < s->neighbours.cap; i++)
		neighbour_free(s->neighbours.slots[i].value);
	map_free(&s->neighbours);
	enis_free(&s->enis);
}

static char *config_of(struct services *s, const char *more)
{
	_cleanup_strings_ struct strings upstream = {};

	s->domain = "nitro.internal";
	enis_put(&s->enis, eni_read(more));
	strings_add(&upstream, "192.0.2.53");
	strings_add(&upstream, "fe80::1%eth0");
	return names_config(s, &upstream);
}

UNIT(a_configuration)
{
	struct services s = {};
	_cleanup_free_ char *config = NULL;

	add_neighbour(&s, "eni-7", "{'name':'far_7','vpc':'vpc-1','ips':['10.0.2.7']}");
	add_neighbour(&s, "eni-8", "{'name':'other','vpc':'vpc-2','ips':['10.0.2.8']}");
	config = config_of(&s, "");
	EXPECT_TEXT(config,
		    "# Written by nitro-services\n"
		    "server:\n"
		    "\taccess-control: 240.0.40.0/21 allow\n"
		    "\taccess-control-view: 240.0.40.0/21 \"vpc-1\"\n"
		    "\ttcp-connection-limit: 240.0.40.0/21 8\n"
		    "\taccess-control: fd00:ec3:0:500::/56 allow\n"
		    "\taccess-control-view: fd00:ec3:0:500::/56 \"vpc-1\"\n"
		    "\ttcp-connection-limit: fd00:ec3:0:500::/56 8\n"
		    "view:\n"
		    "\tname: \"vpc-1\"\n"
		    "\tview-first: yes\n"
		    "\tlocal-zone: \"nitro.internal.\" static\n"
		    "\tlocal-data: \"web.nitro.internal. 60 IN A 10.0.1.10\"\n"
		    "\tlocal-data: \"web.nitro.internal. 60 IN AAAA fd00:10:0:1::10\"\n"
		    "\tlocal-data: \"ip-10-0-1-10.nitro.internal. 60 IN A 10.0.1.10\"\n"
		    "\tlocal-data-ptr: \"10.0.1.10 60 ip-10-0-1-10.nitro.internal.\"\n"
		    "\tlocal-data-ptr: \"fd00:10:0:1::10 60 web.nitro.internal.\"\n"
		    "\tlocal-data: \"far-7.nitro.internal. 60 IN A 10.0.2.7\"\n"
		    "\tlocal-data: \"ip-10-0-2-7.nitro.internal. 60 IN A 10.0.2.7\"\n"
		    "\tlocal-data-ptr: \"10.0.2.7 60 ip-10-0-2-7.nitro.internal.\"\n"
		    "forward-zone:\n"
		    "\tname: \".\"\n"
		    "\tforward-addr: 192.0.2.53\n"
		    "\tforward-addr: fe80::1%eth0\n");
	release(&s);
}

UNIT(no_enis)
{
	_cleanup_strings_ struct strings none = {};
	struct services s = { .domain = "d" };
	_cleanup_free_ char *config = names_config(&s, &none);

	EXPECT_TEXT(config, "# Written by nitro-services\nserver:\nforward-zone:\n\tname: \".\"\n");
}

/* More of ENI_JSON -> what has to be in the configuration, and what must not */
UNIT(instances)
{
	static const struct {
		const char *more, *has, *has_not;
	} rows[] = {
		{ ",'instance':{'id':'i-1','name':'shop'}", "\"shop.nitro.internal. 60 IN A ", "x." },
		{ ",'instance':{'id':'i-1','name':'web'}", "\"web.nitro.internal. 60 IN A ", "x." },
		{ ",'instance':{'id':'i-1','name':'s','hostname':'h'}",
		  "\"h.nitro.internal. 60 IN AAAA ", "x." },
		{ ",'instance':{'id':'i-1','name':'s','hostname':'h.example'}",
		  "\"h.example. 60 IN A ", "x." },
		{ ",'instance':{'id':'i-1','name':'s','hostname':'h.x\\\"\\n'}", "\"s.nitro.", "h.x" },
		{ ",'instance':{'id':'i-1','name':'s','hostname':'h..x'}", "\"s.nitro.", "h.." },
		{ ",'instance':{'id':'i-1','name':'\\n\\\"'}", "\"web.nitro.", "\".nitro" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct services s = {};
		_cleanup_free_ char *config = config_of(&s, rows[i].more);
		const char *views = strstr(config, "view:\n");

		EXPECT(views && strstr(views, rows[i].has));
		EXPECT(views && !strstr(views, rows[i].has_not));
		release(&s);
	}
}

UNIT(a_domain_of_its_own)
{
	struct eni *eni = eni_read("");
	struct services s = { .domain = "nitro.internal" };
	_cleanup_strings_ struct strings none = {};
	_cleanup_free_ char *config = NULL;

	eni->domain = xstrdup("corp.example");
	enis_put(&s.enis, eni);
	config = names_config(&s, &none);
	EXPECT(strstr(config, "local-zone: \"corp.example.\" transparent\n"));
	EXPECT(strstr(config, "\"web.corp.example. 60 IN A 10.0.1.10\""));
	EXPECT(!strstr(config, "nitro.internal"));
	release(&s);
}

UNIT(once_per_name)
{
	struct services s = {};
	_cleanup_free_ char *config =
		config_of(&s, ",'instance':{'id':'i-1','name':'web','hostname':'web'}");
	const char *first = strstr(config, "\"web.nitro.internal. 60 IN A ");

	EXPECT(first && !strstr(first + 1, "\"web.nitro.internal. 60 IN A "));
	release(&s);
}

UNIT(what_is_no_neighbour)
{
	static const char *const rows[] = {
		"{}", "[]", "{'name':'a'}", "{'name':1,'vpc':'v'}", "{'name':'a','vpc':null}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_json_ sd_json_variant *v = json_read(rows[i]);

		EXPECT(!neighbour_parse(v));
	}
}

UNIT(domains)
{
	static const struct {
		const char *name;
		bool valid;
	} rows[] = {
		{ "a", true }, { "a.b", true }, { "ip-10-0-1-10.nitro.internal", true },
		{ "", false }, { ".", false }, { "a.", false }, { ".a", false }, { "a..b", false },
		{ "a b", false }, { "a\"b", false }, { "a\nb", false }, { "a_b", false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		EXPECT(names_domain_valid(rows[i].name) == rows[i].valid);
}

UNIT(networks_of_clients)
{
	char text[PREFIX_STRLEN];

	client_network(1, false, text);
	EXPECT_TEXT(text, "240.0.8.0/21");
	client_network(131070, false, text);
	EXPECT_TEXT(text, "255.255.240.0/21");
	client_network(1, true, text);
	EXPECT_TEXT(text, "fd00:ec3:0:100::/56");
	client_network(131070, true, text);
	EXPECT_TEXT(text, "fd00:ec3:1ff:fe00::/56");
}
