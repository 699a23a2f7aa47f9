// SPDX-License-Identifier: GPL-2.0
/* What may be and what may not: each row is refused with its sentence, names
 * its place, and leaves the state as it was.
 */

#include <stdio.h>

#include "fixture.h"

#define BASE SHOP_BEGIN ",'security_groups':[{'name':'web'}]}]," \
	"'enis':[{'name':'e1','subnet':'front','host':'a','ips':['10.0.1.10']," \
	"'security_groups':['web']}]}"

#define VPC_ROW(rest) "{'version':1,'vpcs':[{'name':'shop','cidrs':['10.0.0.0/16'," \
	"'fd00:10::/56']," rest "}]}"
#define ENI_ROW(rest) "{'version':1,'enis':[{'name':'x','subnet':'front'" rest "}]}"
#define RULE_ROW(rule) VPC_ROW("'security_groups':[{'name':'r','ingress':[" rule "]}]")

static const struct {
	const char *stack, *path, *message;
} refused[] = {
	{ "{}", NULL, "no version" },
	{ "{'version':2}", "/version", "version 2 is not known" },
	{ "{'version':1,'vcps':[]}", "/vcps", "unknown key 'vcps'" },
	{ "{'version':1,'vpcs':{}}", "/vpcs", "must be a list" },
	{ "{'version':1,'vpcs':[1]}", "/vpcs/0", "list of objects" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['10.0.0.0/16'],'name':'n'}]}",
	  "/vpcs/0/name", "given twice" },
	{ "{'version':1,'vpcs':[{'name':'n'}]}", "/vpcs/0", "has no CIDR" },
	{ "{'version':1,'vpcs':[{'cidrs':['10.0.0.0/16']}]}", "/vpcs/0", "has no name" },
	{ "{'version':1,'vpcs':[{'name':'a/b','cidrs':['10.0.0.0/16']}]}", "/vpcs/0/name",
	  "must start with a letter" },
	{ "{'version':1,'vpcs':[{'name':'vpc-0123456789abcdef0','cidrs':['10.0.0.0/16']}]}",
	  "/vpcs/0/name", "looks like an ID" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['10.0.0.1/16']}]}", "/vpcs/0/cidrs/0",
	  "the block is '10.0.0.0/16'" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['10.0.0.0/16','10.0.0.0/8']}]}",
	  "/vpcs/0/cidrs/1", "overlap" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['224.0.0.0/16']}]}", "/vpcs/0/cidrs/0",
	  "unicast" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['10.0.0.0/16'],'vni':16777215}]}",
	  "/vpcs/0/vni", "from 1 to" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['10.0.0.0/16'],'vni':0}]}",
	  "/vpcs/0/vni", "from 1 to" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['10.0.0.0/16'],'vni':9},\n"
	  "{'name':'o','cidrs':['10.0.0.0/16'],'vni':9}]}", "/vpcs/1/vni", "same VNI 9" },
	{ "{'version':1,'vpcs':[{'name':'n','cidrs':['10.0.0.0/16']},\n"
	  "{'name':'n','cidrs':['10.0.0.0/16']}]}", "/vpcs/1", "named twice" },
	{ VPC_ROW("'subnets':[{'name':'s','cidrs':['10.1.0.0/24']}]"),
	  "/vpcs/0/subnets/0/cidrs/0", "outside the CIDRs of VPC 'shop'" },
	{ VPC_ROW("'subnets':[{'name':'s','cidrs':['10.0.1.128/25']}]"),
	  "/vpcs/0/subnets/0/cidrs/0", "overlaps '10.0.1.0/24' of subnet 'front'" },
	{ VPC_ROW("'subnets':[{'name':'s','cidrs':['10.0.2.0/29']}]"),
	  "/vpcs/0/subnets/0/cidrs/0", "smaller than /28" },
	{ VPC_ROW("'subnets':[{'name':'s','cidrs':['10.0.2.0/24'],'route_table':'nope'}]"),
	  "/vpcs/0/subnets/0/route_table", "route table 'nope', which does not exist" },
	{ VPC_ROW("'route_tables':[{'name':'t','routes':[{'cidr':'0.0.0.0/0','to':'igw'}]}]"),
	  "/vpcs/0/route_tables/0/routes/0/to", "none of eni:NAME, local, blackhole" },
	{ VPC_ROW("'route_tables':[{'name':'t','routes':[{'cidr':'0.0.0.0/0','to':'eni:no'}]}]"),
	  "/vpcs/0/route_tables/0/routes/0", "ENI 'no', which does not exist" },
	{ VPC_ROW("'route_tables':[{'name':'t','routes':[{'cidr':'0.0.0.0/0','to':'local'},\n"
		  "{'cidr':'0.0.0.0/0','to':'blackhole'}]}]"),
	  "/vpcs/0/route_tables/0/routes/1", "two routes for '0.0.0.0/0'" },
	{ VPC_ROW("'prefix_lists':[{'name':'l','entries':['10.0.0.0/8','10.0.0.0/8']}]"),
	  "/vpcs/0/prefix_lists/0/entries/1", "twice" },
	{ RULE_ROW("{'peer':'0.0.0.0/0'}"), "/vpcs/0/security_groups/0/ingress/0",
	  "needs 'protocol'" },
	{ RULE_ROW("{'protocol':'tcp'}"), "/vpcs/0/security_groups/0/ingress/0", "needs 'peer'" },
	{ RULE_ROW("{'protocol':'tpc','peer':'0.0.0.0/0'}"),
	  "/vpcs/0/security_groups/0/ingress/0/protocol", "none of tcp, udp" },
	{ RULE_ROW("{'protocol':256,'peer':'0.0.0.0/0'}"),
	  "/vpcs/0/security_groups/0/ingress/0/protocol", "none of tcp, udp" },
	{ RULE_ROW("{'protocol':'tcp','ports':'90-80','peer':'0.0.0.0/0'}"),
	  "/vpcs/0/security_groups/0/ingress/0/ports", "ends before it starts" },
	{ RULE_ROW("{'protocol':'tcp','ports':'65536','peer':'0.0.0.0/0'}"),
	  "/vpcs/0/security_groups/0/ingress/0/ports", "no port or range" },
	{ RULE_ROW("{'protocol':'all','ports':'80','peer':'0.0.0.0/0'}"),
	  "/vpcs/0/security_groups/0/ingress/0/ports", "has no ports" },
	{ RULE_ROW("{'protocol':'tcp','icmp_type':'8','peer':'0.0.0.0/0'}"),
	  "/vpcs/0/security_groups/0/ingress/0/icmp_type", "has no ICMP type" },
	{ RULE_ROW("{'protocol':'icmp','peer':'::/0'}"),
	  "/vpcs/0/security_groups/0/ingress/0/peer", "never meets" },
	{ RULE_ROW("{'protocol':'tcp','peer':'sg:nope'}"),
	  "/vpcs/0/security_groups/0/ingress/0", "security group 'nope', which does not exist" },
	{ RULE_ROW("{'protocol':'tcp','ports':'80','peer':'10.0.0.0/8'},\n"
		   "{'protocol':6,'ports':80,'peer':'10.0.0.0/8'}"),
	  "/vpcs/0/security_groups/0/ingress/1", "twice" },
	{ "{'version':1,'enis':[{'name':'x'}]}", "/enis/0", "names no subnet" },
	{ "{'version':1,'enis':[{'name':'x','subnet':'no'}]}", "/enis/0/subnet",
	  "subnet 'no' does not exist" },
	{ ENI_ROW(",'host':'no'"), "/enis/0/host", "host 'no' does not exist" },
	{ ENI_ROW(",'ips':['10.0.1.10']"), "/enis/0/ips/0", "in use by ENI 'e1'" },
	{ ENI_ROW(",'ips':['10.0.2.10']"), "/enis/0/ips/0", "outside subnet 'front'" },
	{ ENI_ROW(",'ips':['10.0.1.0']"), "/enis/0/ips/0", "is reserved" },
	{ ENI_ROW(",'ips':['10.0.1.3']"), "/enis/0/ips/0", "is reserved" },
	{ ENI_ROW(",'ips':['10.0.1.255']"), "/enis/0/ips/0", "is reserved" },
	{ ENI_ROW(",'ips':['fd00:10:0:1::2']"), "/enis/0/ips/0", "is reserved" },
	{ ENI_ROW(",'ips':['10.0.1.32/28']"), "/enis/0/ips", "before its prefixes" },
	{ ENI_ROW(",'ips':['10.0.1.20','10.0.1.0/28']"), "/enis/0/ips/1", "is reserved" },
	{ ENI_ROW(",'ips':['10.0.1.33','10.0.1.32/28']"), "/enis/0/ips/1", "in use by ENI 'x'" },
	{ ENI_ROW(",'security_groups':['no']"), "/enis/0/security_groups/0", "does not exist" },
	{ ENI_ROW(",'security_groups':['web','web']"), "/enis/0/security_groups/1", "twice" },
	{ ENI_ROW(",'mac':'01:00:00:00:00:01'"), "/enis/0/mac", "unicast" },
	{ ENI_ROW(",'tcp_established_timeout':59"), "/enis/0/tcp_established_timeout",
	  "from 60 to 432000" },
	{ ENI_ROW(",'udp_timeout':61"), "/enis/0/udp_timeout", "from 30 to 60" },
	{ ENI_ROW(",'pps':'many'"), "/enis/0/pps", "whole number" },
	{ ENI_ROW(",'attachment':{'kind':'local'}"), "/enis/0/attachment", "unknown key" },
	{ "{'version':1,'hosts':[{'name':'c','underlay':'127.0.0.1'}]}", "/hosts/0/underlay",
	  "no address that a host can have" },
	{ "{'version':1,'hosts':[{'name':'c','underlay':'198.18.0.2'}]}", "/hosts/0/underlay",
	  "same underlay" },
	{ "{'version':1,'hosts':[{'name':'b','underlay':'198.18.0.2','local':true}]}",
	  "/hosts/0/local", "cannot both be this host" },
};

UNIT(refused_with_a_sentence_and_a_place)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *before = NULL;

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f, BASE, &e), 6);
	EXPECT_TEXT(e.message, NULL);
	before = fixture_export(&f);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_(error_clear) struct error err = {};
		_cleanup_(free_ptr) char *after = NULL;

		if (fixture_apply(&f, refused[i].stack, &err) >= 0) {
			unit_fail(__FILE__, __LINE__, "taken: %s", refused[i].stack);
			continue;
		}
		if (!strstr(err.message, refused[i].message))
			unit_fail(__FILE__, __LINE__, "row %zu says '%s', not '%s'", i,
				  err.message, refused[i].message);
		if (!streq(err.path, refused[i].path))
			unit_fail(__FILE__, __LINE__, "row %zu: path '%s', not '%s' (%s)", i,
				  err.path, refused[i].path, err.message);
		after = fixture_export(&f);
		EXPECT_TEXT(after, before);
	}
	fixture_reopen(&f);
	EXPECT_NUMBER(fixture_apply(&f, BASE, &e), 0);
}

UNIT(overlapping_vpcs)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f,
		"{'version':1,'vpcs':[\n"
		"{'name':'x','cidrs':['10.0.0.0/16'],'subnets':[{'name':'s','cidrs':['10.0.0.0/24']}]},\n"
		"{'name':'y','cidrs':['10.0.0.0/16'],'subnets':[{'name':'s','cidrs':['10.0.0.0/24']}]}],\n"
		"'enis':[{'name':'e','subnet':'x/s','ips':['10.0.0.4']},\n"
		"{'name':'f','subnet':'y/s','ips':['10.0.0.4']}]}", &e), 6);
	EXPECT_TEXT(e.message, NULL);
	EXPECT(fixture_apply(&f, "{'version':1,'enis':[{'name':'g','subnet':'s'}]}", &e) < 0);
	EXPECT_NUMBER(e.code, ERR_AMBIGUOUS);
	EXPECT(strstr(e.message, "'x/s', 'y/s'"));
}

static int delete(struct fixture *f, enum object_kind kind, const char *name, struct error *e)
{
	struct object *o = model_lookup(&f->m.model, kind, NULL, name, e);
	struct change c;
	int r;

	if (!o)
		return -ENOENT;
	change_begin(&c, &f->m.model);
	r = change_delete(&c, o, e);
	if (r >= 0)
		r = manager_commit(&f->m, &c, e);
	change_free(&c);
	return r;
}

UNIT(deleting_what_is_in_use_names_the_users)
{
	static const struct {
		enum object_kind kind;
		const char *name, *user;
	} rows[] = {
		{ KIND_VPC, "shop", "subnet front" }, { KIND_SUBNET, "front", "ENI e1" },
		{ KIND_SECURITY_GROUP, "web", "ENI e1" }, { KIND_HOST, "a", "ENI e1" },
	};
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f, BASE, &e), 6);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(error_clear) struct error err = {};

		EXPECT(delete(&f, rows[i].kind, rows[i].name, &err) < 0);
		EXPECT_NUMBER(err.code, ERR_IN_USE);
		EXPECT(strings_has(&err.users, rows[i].user));
	}
	EXPECT(delete(&f, KIND_ENI, "e1", &e) >= 0);
	EXPECT(delete(&f, KIND_SUBNET, "front", &e) >= 0);
	EXPECT(delete(&f, KIND_SECURITY_GROUP, "web", &e) >= 0);
	EXPECT(delete(&f, KIND_VPC, "shop", &e) >= 0);
	EXPECT(delete(&f, KIND_VPC, "shop", &e) == -ENOENT);
	EXPECT_NUMBER(e.code, ERR_NOT_FOUND);
	EXPECT_TEXT(e.kind, "vpc");
}

/* A group with n rules for the port numbers from 1, in a stack */
static char *many_rules(size_t n, const char *peer)
{
	struct text t = {};

	text_add(&t, "{'version':1,'vpcs':[{'name':'shop','cidrs':['10.0.0.0/16','fd00:10::/56'],\n"
		 "'security_groups':[{'name':'web','ingress':[");
	for (size_t i = 0; i < n; i++)
		text_add(&t, "%s{'protocol':'tcp','ports':'%zu','peer':'%s'}", i ? "," : "",
			 i + 1, peer);
	text_add(&t, "]}]}]}");
	return t.s;
}

UNIT(rule_quota_per_family)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *full = many_rules(1000, "10.0.0.0/8");

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f, BASE, &e), 6);
	EXPECT_NUMBER(fixture_apply(&f, full, &e), 1);
	/* the other family has a quota of its own */
	EXPECT_NUMBER(fixture_apply(&f, "{'version':1,'vpcs':[{'name':'shop',\n"
		"'cidrs':['10.0.0.0/16','fd00:10::/56'],'security_groups':[{'name':'six',\n"
		"'ingress':[{'protocol':'tcp','peer':'::/0'}]}]}],'enis':[{'name':'e1',\n"
		"'subnet':'front','security_groups':['web','six']}]}", &e), 2);
	EXPECT_TEXT(e.message, NULL);
	EXPECT(fixture_apply(&f, "{'version':1,'vpcs':[{'name':'shop',\n"
		"'cidrs':['10.0.0.0/16','fd00:10::/56'],'security_groups':[{'name':'six',\n"
		"'ingress':[{'protocol':'tcp','peer':'sg:web'}]}]}]}", &e) < 0);
	EXPECT(e.message && strstr(e.message, "1001 IPv4 ingress rules, 1000 are allowed"));
}
