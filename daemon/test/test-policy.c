// SPDX-License-Identifier: GPL-2.0
/* The union of groups as kernel rules, and the state that follows. */

#include <linux/nitro_vpc.h>
#include <stdio.h>

#include "fixture.h"

#define STACK SHOP_BEGIN ",'prefix_lists':[{'name':'pl','entries':['198.51.100.0/24'," \
	"'203.0.113.0/24','2001:db8::/32']}]," \
	"'route_tables':[{'name':'rt','routes':[{'cidr':'10.9.0.0/16','to':'eni:e1'}," \
	"{'cidr':'10.0.0.0/16','to':'blackhole'}]}]," \
	"'security_groups':[" \
	"{'name':'web','ingress':[{'protocol':'tcp','ports':'80-90','peer':'sg:client'}," \
	"{'protocol':'udp','peer':'pl:pl'},{'protocol':'icmp','icmp_type':'8','peer':'pl:pl'}]," \
	"'egress':[]}," \
	"{'name':'client'}," \
	"{'name':'ping','ingress':[{'protocol':'icmpv6','icmp_type':'128/0','peer':'::/0'}]," \
	"'egress':[{'protocol':'all','peer':'10.0.0.0/8'}]}]}]," \
	"'enis':[{'name':'e1','subnet':'front','host':'a','security_groups':['web','ping']," \
	"'source_dest_check':false,'bandwidth':1000}," \
	"{'name':'e2','subnet':'front','host':'a','security_groups':['ping','web']}," \
	"{'name':'e3','subnet':'front','host':'b','security_groups':['client']}," \
	"{'name':'e4','subnet':'front','host':'a'}]}"

static const struct eni *eni(struct fixture *f, const char *name)
{
	return ENI(model_get(&f->m.model, KIND_ENI, NULL, name));
}

static uint32_t group(struct fixture *f, const char *name)
{
	return model_get(&f->m.model, KIND_SECURITY_GROUP, "shop", name)->handle;
}

static void add_rule(const struct krule *r, struct text *t)
{
	char buf[PREFIX_STRLEN];

	text_add(t, "%s p%u %u-%u ", r->direction == NITRO_VPC_DIRECTION_INGRESS ? "in" : "out",
		 r->protocol, r->port_min, r->port_max);
	if (r->peer == KRULE_TAG)
		text_add(t, "tag\n");
	else
		text_add(t, "%s\n", prefix_format(&r->prefix, buf));
}

static char *policy_text(struct fixture *f, const char *name)
{
	struct rule_sources sources = {};
	struct kpolicy p = {};
	struct text t = {};

	policy_compile(&f->m.model, eni(f, name), &p, &sources);
	EXPECT_NUMBER(sources.n, p.n);
	for (size_t i = 0; i < p.n; i++) {
		EXPECT_NUMBER(p.rules[i].id, i + 1);
		add_rule(&p.rules[i], &t);
	}
	free(p.rules);
	free(sources.v);
	return t.s ? t.s : xstrdup("");
}

static size_t count_lines(const char *text, const char *line)
{
	size_t n = 0;

	while ((text = strstr(text, line))) {
		text++;
		n++;
	}
	return n;
}

UNIT(union_of_groups)
{
	static const char *const lines[] = {
		"in p6 80-90 tag\n", "in p17 0-65535 198.51.100.0/24\n",
		"in p17 0-65535 203.0.113.0/24\n", "in p17 0-65535 2001:db8::/32\n",
		"in p1 2048-2303 198.51.100.0/24\n", "in p1 2048-2303 203.0.113.0/24\n",
		"in p58 32768-32768 ::/0\n", "out p256 0-65535 10.0.0.0/8\n",
	};
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *e1 = NULL, *e2 = NULL, *e3 = NULL, *e4 = NULL;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	EXPECT_TEXT(e.message, NULL);
	e1 = policy_text(&f, "e1");
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (count_lines(e1, lines[i]) != 1)
			unit_fail(__FILE__, __LINE__, "no '%s' in %s", lines[i], e1);
	EXPECT_NUMBER(count_lines(e1, "\n"), ARRAY_SIZE(lines));
	e2 = policy_text(&f, "e2");
	EXPECT_TEXT(e2, e1);
	e3 = policy_text(&f, "e3");
	EXPECT_TEXT(e3, "out p256 0-65535 0.0.0.0/0\nout p256 0-65535 ::/0\n");
	e4 = policy_text(&f, "e4");
	EXPECT_TEXT(e4, "");
}

static struct kstate compile(struct fixture *f)
{
	struct kstate k;

	kstate_compile(&f->m.model, &f->m.handles, &k);
	return k;
}

UNIT(equal_unions_share_a_policy)
{
	_cleanup_(kstate_free) struct kstate k = {}, after = {};
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	struct keni *e1, *e2, *e4;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	k = compile(&f);
	EXPECT_NUMBER(k.n_enis, 3);		/* e3 is of another host */
	EXPECT_NUMBER(k.n_policies, 2);
	e1 = kstate_eni(&k, eni(&f, "e1")->o.handle);
	e2 = kstate_eni(&k, eni(&f, "e2")->o.handle);
	e4 = kstate_eni(&k, eni(&f, "e4")->o.handle);
	EXPECT(e1 && e2 && e4 && e1->policy == e2->policy && e4->policy != e1->policy);
	EXPECT(e1->no_check && !e2->no_check);
	EXPECT_NUMBER(e1->limit[LIMIT_BANDWIDTH], 1000);
	EXPECT_NUMBER(e1->limit[LIMIT_TCP_ESTABLISHED], 350);
	/* a new rule is one policy's replacement, and nothing else */
	EXPECT(fixture_apply(&f, "{'version':1,'vpcs':[{'name':'shop','cidrs':['10.0.0.0/16',\n"
			     "'fd00:10::/56'],'security_groups':[{'name':'ping'}]}]}", &e) == 1);
	after = compile(&f);
	EXPECT_NUMBER(after.n_policies, 2);
	EXPECT(!kpolicy_equal(&k.policies[0], &after.policies[0]) !=
	       !kpolicy_equal(&k.policies[1], &after.policies[1]));
	EXPECT(keni_equal(kstate_eni(&after, e1->id), e1));
}

UNIT(mappings_carry_groups)
{
	_cleanup_(kstate_free) struct kstate k = {};
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	const struct kmapping *m = NULL;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	k = compile(&f);
	EXPECT_NUMBER(k.n_mappings, 8);
	for (size_t i = 0; i < k.n_mappings; i++)
		if (k.mappings[i].eni == eni(&f, "e3")->o.handle)
			m = &k.mappings[i];
	EXPECT(m && m->n_tags == 1 && m->tags[0] == group(&f, "client"));
	EXPECT(m && m->host == model_get(&f.m.model, KIND_HOST, NULL, "b")->handle);
	EXPECT(m && !memcmp(m->mac, eni(&f, "e3")->mac, 6));
}

UNIT(tables_have_the_blocks_of_the_vpc)
{
	_cleanup_(kstate_free) struct kstate k = {};
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	uint32_t id;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	k = compile(&f);
	EXPECT_NUMBER(k.n_tables, 2);
	id = model_get(&f.m.model, KIND_ROUTE_TABLE, "shop", "rt")->handle;
	for (size_t i = 0; i < k.n_tables; i++) {
		const struct kroute_table *t = &k.tables[i];

		if (t->id != id) {
			EXPECT_NUMBER(t->n, 2);
			continue;
		}
		/* its own route for 10.0.0.0/16 stands before the implicit one */
		EXPECT_NUMBER(t->n, 3);
		EXPECT_NUMBER(t->routes[0].type, NITRO_VPC_ROUTE_TYPE_BLACKHOLE);
		EXPECT_NUMBER(t->routes[1].type, NITRO_VPC_ROUTE_TYPE_ENI);
		EXPECT(!memcmp(t->routes[1].mac, eni(&f, "e1")->mac, 6));
		EXPECT_NUMBER(t->routes[2].type, NITRO_VPC_ROUTE_TYPE_LOCAL);
	}
}

UNIT(one_local_host_without_a_name)
{
	_cleanup_(kstate_free) struct kstate k = {};
	_cleanup_(fixture_close) struct fixture f;

	fixture_open(&f);
	k = compile(&f);
	EXPECT_NUMBER(k.n_hosts, 1);
	EXPECT(k.hosts[0].local);
}
