// SPDX-License-Identifier: GPL-2.0
/* The store: transactions, versions, handles, watch, what a restart finds. */

#include <stdio.h>

#include "fixture.h"

static int seen;

static int on_watch(const struct store_object *o, void *userdata)
{
	(void)o;
	(void)userdata;
	seen++;
	return 0;
}

UNIT(rolled_back_is_never_seen)
{
	_cleanup_(error_clear) struct error e = {};
	struct store_object o = { .kind = "vpc", .id = "vpc-1", .name = "n", .version = 1,
				  .body = "{}" };
	_cleanup_(fixture_close) struct fixture f;

	fixture_open(&f);
	seen = 0;
	store_watch(f.m.store, on_watch, NULL);
	EXPECT(store_begin(f.m.store, &e) >= 0);
	EXPECT(store_put(f.m.store, &o, &e) >= 0);
	store_rollback(f.m.store);
	EXPECT_NUMBER(seen, 0);
	EXPECT(store_begin(f.m.store, &e) >= 0);
	EXPECT(store_delete(f.m.store, &o, &e) >= 0);
	EXPECT(store_commit(f.m.store, &e) >= 0);
	EXPECT_NUMBER(seen, 1);
	store_watch(f.m.store, NULL, NULL);
	fixture_reopen(&f);
	EXPECT_NUMBER(f.m.model.by_id.n, 0);
}

UNIT(one_process_at_a_time)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	struct store *second = NULL;

	fixture_open(&f);
	EXPECT(store_open(&second, f.dir, &e) < 0);
	EXPECT(e.message != NULL);
}

UNIT(handles_outlive_a_restart_and_are_not_reused)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	struct object *o;
	uint32_t handle;

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_VPC, "{'name':'a','cidrs':['10.0.0.0/8']}", PUT_CREATE, &e)
	       >= 0);
	EXPECT(fixture_put(&f, KIND_VPC, "{'name':'b','cidrs':['10.0.0.0/8']}", PUT_CREATE, &e)
	       >= 0);
	handle = model_get(&f.m.model, KIND_VPC, NULL, "b")->handle;
	fixture_reopen(&f);
	o = model_get(&f.m.model, KIND_VPC, NULL, "b");
	EXPECT(o && o->handle == handle && o->version == 1);
	/* the order is that of creation */
	EXPECT_TEXT(f.m.model.tables[KIND_VPC].v[0]->name, "a");
	EXPECT(fixture_put(&f, KIND_VPC, "{'name':'c','cidrs':['10.0.0.0/8']}", PUT_CREATE, &e)
	       >= 0);
	EXPECT(model_get(&f.m.model, KIND_VPC, NULL, "c")->handle > handle);
}

UNIT(versions_count_changes)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_VPC, "{'name':'a','cidrs':['10.0.0.0/8']}", PUT_CREATE, &e)
	       >= 0);
	for (int i = 0; i < 2; i++)
		EXPECT(fixture_put(&f, KIND_VPC, "{'name':'a','cidrs':['10.0.0.0/9']}", PUT_SET,
				   &e) >= 0);
	fixture_reopen(&f);
	EXPECT_NUMBER(model_get(&f.m.model, KIND_VPC, NULL, "a")->version, 2);
}
