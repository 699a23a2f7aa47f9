// SPDX-License-Identifier: GPL-2.0
/* Stacks: idempotence, diff, what is assigned, undo, lines. */

#include <stdio.h>

#include "fixture.h"

#define STACK SHOP_BEGIN ",'security_groups':[{'name':'web','ingress':[" \
	"{'protocol':'tcp','ports':'80','peer':'sg:client'}]},{'name':'client'}]," \
	"'route_tables':[{'name':'main','routes':[{'cidr':'10.99.0.0/16','to':'eni:web-1'}]}]}]," \
	"'enis':[{'name':'web-1','subnet':'front','host':'a','security_groups':['web']," \
	"'source_dest_check':false}," \
	"{'name':'c-1','subnet':'front','host':'b','security_groups':['client']}," \
	"{'name':'c-2','subnet':'front','host':'b','ips':['10.0.1.5']}]}"

UNIT(apply_twice_changes_nothing)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f, STACK, &e), 10);
	EXPECT_TEXT(e.message, NULL);
	EXPECT_NUMBER(fixture_apply(&f, STACK, &e), 0);
	fixture_reopen(&f);
	EXPECT_NUMBER(fixture_apply(&f, STACK, &e), 0);
}

static const struct eni *eni(struct fixture *f, const char *name)
{
	return ENI(model_get(&f->m.model, KIND_ENI, NULL, name));
}

static char *ip(const struct eni *e, size_t i)
{
	char buf[PREFIX_STRLEN];

	return xstrdup(i < e->ips.n ? prefix_format_short(&e->ips.v[i], buf) : "none");
}

UNIT(assigned_values_are_the_same_everywhere)
{
	_cleanup_(fixture_close) struct fixture f, g;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *a = NULL, *b = NULL, *first = NULL, *second = NULL;

	fixture_open(&f);
	fixture_open(&g);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	EXPECT(fixture_apply(&g, STACK, &e) > 0);
	a = fixture_export(&f);
	b = fixture_export(&g);
	EXPECT_TEXT(a, b);
	/* lowest first, in stack order, around what is given */
	first = ip(eni(&f, "web-1"), 0);
	second = ip(eni(&f, "c-1"), 0);
	EXPECT_TEXT(first, "10.0.1.4");
	EXPECT_TEXT(second, "10.0.1.6");
	EXPECT_NUMBER(eni(&f, "web-1")->ips.n, 2);
	EXPECT_NUMBER(eni(&f, "c-2")->ips.n, 1);
	EXPECT((eni(&f, "web-1")->mac[0] & 3) == 2);
}

UNIT(export_applies_to_the_same_state)
{
	_cleanup_(fixture_close) struct fixture f, g;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *a = NULL, *b = NULL;

	fixture_open(&f);
	fixture_open(&g);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	a = fixture_export(&f);
	EXPECT_NUMBER(fixture_apply(&f, a, &e), 0);
	EXPECT_NUMBER(fixture_apply(&g, a, &e), 10);
	EXPECT_TEXT(e.message, NULL);
	b = fixture_export(&g);
	EXPECT_TEXT(b, a);
}

UNIT(vni_collisions_are_probed)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *stack = NULL;
	uint32_t vni;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	vni = VPC(model_get(&f.m.model, KIND_VPC, NULL, "shop"))->vni;
	EXPECT(vni >= 1 && vni <= VNI_MAX);
	fixture_close(&f);
	fixture_open(&f);
	stack = xprintf("{'version':1,'vpcs':[{'name':'shop','cidrs':['10.0.0.0/16']},\n"
			"{'name':'taker','cidrs':['10.0.0.0/16'],'vni':%u}]}", vni);
	EXPECT_NUMBER(fixture_apply(&f, stack, &e), 2);
	EXPECT_NUMBER(VPC(model_get(&f.m.model, KIND_VPC, NULL, "shop"))->vni,
		      vni % VNI_MAX + 1);
}

UNIT(dry_run_says_and_changes_nothing)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_json_ sd_json_variant *stack = json_read(STACK);
	_cleanup_json_ sd_json_variant *changes = NULL;
	sd_json_variant *sg;

	fixture_open(&f);
	EXPECT(stack_try(&f.m, &(struct stack_request){ .stack = stack }, &changes, &e) >= 0);
	EXPECT_NUMBER(sd_json_variant_elements(changes), 10);
	EXPECT_NUMBER(f.m.model.tables[KIND_ENI].n, 0);
	EXPECT_NUMBER(f.m.model.by_id.n, 0);
	sg = sd_json_variant_by_index(changes, 5);
	EXPECT_TEXT(json_string(sg, "kind"), "security_group");
	EXPECT_TEXT(json_string(sg, "diff"), "+ vpc: shop\n+ ingress: tcp 80 sg:client");
}

UNIT(diff_names_what_changes)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *stack = NULL, *changes = NULL;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	stack = json_read("{'version':1,'enis':[{'name':'c-1','subnet':'front','host':'a',\n"
			  "'security_groups':['client','web'],'pps':1000}]}");
	EXPECT(stack_try(&f.m, &(struct stack_request){ .stack = stack }, &changes, &e) >= 0);
	EXPECT_NUMBER(sd_json_variant_elements(changes), 1);
	EXPECT_TEXT(json_string(sd_json_variant_by_index(changes, 0), "diff"),
		    "~ host: b -> a\n+ security_groups: web\n~ pps: none -> 1000");
}

UNIT(prune_deletes_the_rest)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *stack = json_read(STACK), *changes = NULL, *empty = NULL;
	_cleanup_(free_ptr) char *before = NULL, *after = NULL;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	before = fixture_export(&f);
	EXPECT(fixture_put(&f, KIND_VPC, "{'name':'other','cidrs':['10.0.0.0/8']}", PUT_CREATE,
			   &e) >= 0);
	EXPECT(fixture_apply_stack(&f, stack, NULL, true, &changes, &e) >= 0);
	EXPECT_NUMBER(sd_json_variant_elements(changes), 1);
	after = fixture_export(&f);
	EXPECT_TEXT(after, before);
	changes = sd_json_variant_unref(changes);
	empty = json_read("{'version':1}");
	/* a dry run puts everything back in its place */
	EXPECT(stack_try(&f.m, &(struct stack_request){ .stack = empty, .prune = true }, &changes,
			 &e) >= 0);
	EXPECT_NUMBER(sd_json_variant_elements(changes), 10);
	free(after);
	after = fixture_export(&f);
	EXPECT_TEXT(after, before);
	changes = sd_json_variant_unref(changes);
	EXPECT(fixture_apply_stack(&f, empty, NULL, true, &changes, &e) >= 0);
	EXPECT_NUMBER(f.m.model.by_id.n, 0);
	EXPECT_NUMBER(f.m.handles.by_key.n, 1);	/* host:self */
}

UNIT(one_error_in_a_thousand_lines)
{
	_cleanup_(text_free) struct text s = {}, l = {};
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *stack = NULL, *lines = NULL, *changes = NULL;

	fixture_open(&f);
	text_add(&s, SHOP_BEGIN ",'security_groups':[{'name':'g','ingress':[");
	text_add(&l, "{'':1");
	for (int i = 0; i < 1000; i++) {
		text_add(&s, "%s{'protocol':'tcp','ports':'%s%d','peer':'10.0.0.0/8'}",
			 i ? "," : "", i == 731 ? "x" : "", i + 1);
		text_add(&l, ",'/vpcs/0/security_groups/0/ingress/%d':%d", i, 20 + i);
	}
	text_add(&s, "]}]}]}");
	text_add(&l, "}");
	stack = json_read(s.s);
	lines = json_read(l.s);
	EXPECT(fixture_apply_stack(&f, stack, lines, false, &changes, &e) < 0);
	EXPECT_NUMBER(e.line, 751);
	EXPECT(strstr(e.message, "'x732' is no port"));
	EXPECT_NUMBER(f.m.model.by_id.n, 0);
}

UNIT(set_changes_only_what_is_given)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *address = NULL;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	EXPECT(fixture_put(&f, KIND_ENI, "{'name':'c-2','pps':500,'ips':null}", PUT_SET, &e) >= 0);
	EXPECT_NUMBER(eni(&f, "c-2")->limit[LIMIT_PPS], 500);
	address = ip(eni(&f, "c-2"), 0);
	EXPECT_TEXT(address, "10.0.1.5");
	EXPECT_NUMBER(eni(&f, "c-2")->o.version, 2);
	EXPECT(fixture_put(&f, KIND_ENI, "{'name':'c-2'}", PUT_CREATE, &e) < 0);
	error_clear(&e);
	EXPECT(fixture_put(&f, KIND_ENI, "{'name':'c-2','subnet':'front'}", PUT_CREATE, &e) ==
	       -EEXIST);
	error_clear(&e);
	EXPECT(fixture_put(&f, KIND_ENI, "{'name':'no','pps':1}", PUT_SET, &e) == -ENOENT);
}

UNIT(names_and_ids_are_equal)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *props = NULL;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK, &e) > 0);
	props = xprintf("{'name':'n','subnet':'%s','host':'%s','security_groups':['%s']}",
			model_get(&f.m.model, KIND_SUBNET, "shop", "front")->id,
			model_get(&f.m.model, KIND_HOST, NULL, "b")->id,
			model_get(&f.m.model, KIND_SECURITY_GROUP, "shop", "web")->id);
	EXPECT(fixture_put(&f, KIND_ENI, props, PUT_CREATE, &e) >= 0);
	EXPECT_TEXT(e.message, NULL);
	EXPECT_TEXT(eni(&f, "n")->subnet, "front");
	EXPECT_TEXT(eni(&f, "n")->host, "b");
	EXPECT_TEXT(eni(&f, "n")->groups.v[0], "web");
	free(props);
	props = xprintf("{'name':'%s','pps':7}", eni(&f, "n")->o.id);
	EXPECT(fixture_put(&f, KIND_ENI, props, PUT_SET, &e) >= 0);
	EXPECT_NUMBER(eni(&f, "n")->limit[LIMIT_PPS], 7);
}

UNIT(a_subnet_runs_full)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_apply(&f, "{'version':1,'vpcs':[{'name':'v','cidrs':['10.0.0.0/16'],\n"
			     "'subnets':[{'name':'s','cidrs':['10.0.0.0/28']}]}]}", &e) > 0);
	for (int i = 0; i < 11; i++) {
		_cleanup_(free_ptr) char *props = xprintf("{'name':'e%d','subnet':'s'}", i);

		EXPECT(fixture_put(&f, KIND_ENI, props, PUT_CREATE, &e) >= 0);
	}
	EXPECT(fixture_put(&f, KIND_ENI, "{'name':'e','subnet':'s'}", PUT_CREATE, &e) < 0);
	EXPECT(e.message && strstr(e.message, "no free address"));
}
