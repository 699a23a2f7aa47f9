// SPDX-License-Identifier: GPL-2.0
/* Keys, pools and volumes in the model: rows that are refused, space, intents. */

#include <stdio.h>

#include "fixture.h"
#include "storage.h"

#define MIB (1ULL << 20)

/* A pool of 64 MiB on a device, one of 32 MiB in a directory */
#define POOLS "{'version':1,'pools':[{'name':'disk','device':'/dev/disk0'}," \
	"{'name':'files','dir':'/srv/pool','size':'32M'}]"
#define VOLUME_ROW(rest) "{'version':1,'volumes':[{'name':'x','size':'8M'," \
	"'instance_store':true" rest "}]}"
#define POOL_ROW(rest) "{'version':1,'pools':[{'name':'p'" rest "}]}"

static const struct {
	const char *stack, *path, *message;
} refused[] = {
	{ POOL_ROW(""), "/pools/0", "must be one of" },
	{ POOL_ROW(",'dir':'/x','device':'/dev/x','size':'1M'"), "/pools/0", "must be one of" },
	{ POOL_ROW(",'dir':'x','size':'1M'"), "/pools/0/dir", "no absolute path" },
	{ POOL_ROW(",'dir':'/','size':'1M'"), "/pools/0/dir", "no absolute path" },
	{ POOL_ROW(",'dir':'/a/../b','size':'1M'"), "/pools/0/dir", "no absolute path" },
	{ POOL_ROW(",'dir':'/a//b','size':'1M'"), "/pools/0/dir", "no absolute path" },
	{ POOL_ROW(",'dir':'/a\\nb','size':'1M'"), "/pools/0/dir", "no absolute path" },
	{ POOL_ROW(",'dir':'/a'"), "/pools/0/size", "needs a size" },
	{ POOL_ROW(",'dir':'/a','size':'1K'"), "/pools/0/size", "multiple of 1M" },
	{ POOL_ROW(",'dir':'/a','size':'1Q'"), "/pools/0/size", "no size" },
	{ POOL_ROW(",'dir':'/a','size':'99999999999T'"), "/pools/0/size", "no size" },
	{ POOL_ROW(",'device':'/dev/x','size':'1M'"), "/pools/0/size", "that of its device" },
	{ POOL_ROW(",'device':'/dev/x','sparse':true"), "/pools/0/sparse", "cannot be sparse" },
	{ POOL_ROW(",'vg':'vg'"), "/pools/0/vg", "no VG/THINPOOL" },
	{ POOL_ROW(",'vg':'-vg/x'"), "/pools/0/vg", "no VG/THINPOOL" },
	{ POOL_ROW(",'vg':'vg/x y'"), "/pools/0/vg", "no VG/THINPOOL" },
	{ POOL_ROW(",'vg':'vg/../x'"), "/pools/0/vg", "no VG/THINPOOL" },
	{ POOL_ROW(",'device':'/dev/disk0'"), "/pools/0", "is pool 'disk' already" },
	{ VOLUME_ROW(",'pool':'none'"), "/volumes/0", "names pool 'none', which does not exist" },
	{ VOLUME_ROW(""), "/volumes/0", "names no pool" },
	{ VOLUME_ROW(",'pool':'disk','sector_size':513"), "/volumes/0/sector_size", "must be 512" },
	{ VOLUME_ROW(",'pool':'disk','iops':9999999999"), "/volumes/0/iops", "is above" },
	{ VOLUME_ROW(",'pool':'disk','key':'k'"), "/volumes/0/key", "the kernel makes its key" },
	{ VOLUME_ROW(",'pool':'disk','offset':512"), "/volumes/0/offset", "cannot be" },
	{ VOLUME_ROW(",'pool':'files','offset':1048576"), "/volumes/0/offset", "cannot be" },
	{ VOLUME_ROW(",'pool':'disk','attachment':{'kind':'local'}"), "/volumes/0/attachment",
	  "unknown key 'attachment'" },
	{ "{'version':1,'volumes':[{'name':'x','size':1000}]}", "/volumes/0/size",
	  "no multiple of 4096" },
	{ "{'version':1,'volumes':[{'name':'x','size':'512K'}]}", "/volumes/0/size",
	  "not from 1M" },
	{ "{'version':1,'volumes':[{'name':'x'}]}", "/volumes/0", "needs a size" },
	{ "{'version':1,'volumes':[{'name':'x','pool':'files','size':'33M'}]}",
	  "/volumes/0/size", "is full" },
	{ "{'version':1,'volumes':[{'name':'x','pool':'disk','size':'8M','data_key':'AAAA'}]}",
	  "/volumes/0/data_key", "damaged" },
	{ "{'version':1,'keys':[{'name':'k','generation':0}]}", "/keys/0/generation",
	  "cannot be" },
	{ "{'version':1,'keys':[{'name':'k','sealed':'x'}]}", "/keys/0/sealed", "unknown key" },
};

UNIT(rows_are_refused_with_their_place)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_apply(&f, POOLS "}", &e) >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_(free_ptr) char *before = fixture_export(&f), *after = NULL;

		error_clear(&e);
		if (fixture_apply(&f, refused[i].stack, &e) >= 0) {
			unit_fail(__FILE__, __LINE__, "row %zu is taken", i);
			continue;
		}
		if (!e.message || !strstr(e.message, refused[i].message))
			unit_fail(__FILE__, __LINE__, "row %zu says '%s'", i, e.message);
		if (refused[i].path && (!e.path || !startswith(e.path, refused[i].path)))
			unit_fail(__FILE__, __LINE__, "row %zu is at '%s'", i, e.path);
		after = fixture_export(&f);
		EXPECT_TEXT(after, before);
	}
}

static void make(struct fixture *f, const char *name, unsigned int mib, unsigned int at)
{
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *text = xprintf(
		"{'name':'%s','pool':'disk','size':'%uM','instance_store':true,'offset':%llu}",
		name, mib, at * MIB);

	EXPECT(fixture_put(f, KIND_VOLUME, text, PUT_CREATE, &e) >= 0);
}

static struct object *volume(struct fixture *f, const char *name)
{
	return model_get(&f->m.model, KIND_VOLUME, NULL, name);
}

/* One that is not in the model yet */
static struct object *new_volume(void)
{
	_cleanup_json_ sd_json_variant *v = json_read("{'name':'new','size':'4M','pool':'disk'}");
	_cleanup_(error_clear) struct error e = {};
	struct object *o = NULL;

	EXPECT(object_parse(KIND_VOLUME, v, NULL, &o, &e) >= 0);
	return o;
}

UNIT(extents_are_found_where_they_are_free)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	struct object *pool, *wanted = NULL;
	uint64_t at = 0;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, POOLS "}", &e) >= 0);
	pool = model_get(&f.m.model, KIND_POOL, NULL, "disk");
	/* the label takes the first MiB of 33 */
	usage_set(&f.m, pool->id, "{\"size\":34603008}", NULL);
	EXPECT_NUMBER(pool_size(&f.m, pool), 32 * MIB);
	make(&f, "a", 8, 1);
	make(&f, "b", 8, 13);
	EXPECT_NUMBER(pool_available(&f.m, pool), 16 * MIB);
	wanted = volume(&f, "a");
	EXPECT(extent_grow(&f.m, pool, wanted, 12 * MIB, &e) >= 0);
	EXPECT(extent_grow(&f.m, pool, wanted, 13 * MIB, &e) < 0);
	error_clear(&e);
	EXPECT(extent_grow(&f.m, pool, volume(&f, "b"), 20 * MIB, &e) >= 0);
	EXPECT(extent_grow(&f.m, pool, volume(&f, "b"), 20 * MIB + 4096, &e) < 0);
	error_clear(&e);
	/* the first gap that is long enough */
	wanted = new_volume();
	EXPECT(extent_find(&f.m, pool, wanted, &at, &e) >= 0);
	EXPECT_NUMBER(at, 9 * MIB);
	VOLUME(wanted)->size = 5 * MIB;
	EXPECT(extent_find(&f.m, pool, wanted, &at, &e) >= 0);
	EXPECT_NUMBER(at, 21 * MIB);
	VOLUME(wanted)->size = 13 * MIB;
	EXPECT(extent_find(&f.m, pool, wanted, &at, &e) < 0);
	EXPECT(strstr(e.message, "12M"));
	object_unref(wanted);
}

UNIT(intents_hold_their_space_and_outlive_a_restart)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	struct object *pool, *wanted = NULL;
	struct intent *i;
	uint64_t at = 0;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, POOLS "}", &e) >= 0);
	pool = model_get(&f.m.model, KIND_POOL, NULL, "disk");
	usage_set(&f.m, pool->id, "{\"size\":34603008}", NULL);
	i = intent_new("vol-00000000000000001", pool);
	i->size = 8 * MIB;
	i->offset = MIB;
	intent_finish(i);
	EXPECT(intents_keep(&f.m, &i, 1, &e) >= 0);
	fixture_reopen(&f);
	EXPECT(fixture_load_notes(&f) >= 0);
	i = map_get(&f.m.storage->intents, "vol-00000000000000001");
	EXPECT(i && i->size == 8 * MIB && i->offset == MIB && i->pool);
	pool = model_get(&f.m.model, KIND_POOL, NULL, "disk");
	usage_set(&f.m, pool->id, "{\"size\":34603008}", NULL);
	EXPECT_NUMBER(pool_available(&f.m, pool), 24 * MIB);
	wanted = new_volume();
	EXPECT(extent_find(&f.m, pool, wanted, &at, &e) >= 0);
	EXPECT_NUMBER(at, 9 * MIB);
	object_unref(wanted);
	EXPECT(intent_drop(&f.m, "vol-00000000000000001", &e) >= 0);
	EXPECT_NUMBER(pool_available(&f.m, pool), 32 * MIB);
}

UNIT(a_deletion_leaves_an_intent_in_the_same_transaction)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};
	struct change c;
	struct object *o;
	struct intent *i;
	char id[32];

	fixture_open(&f);
	EXPECT(fixture_apply(&f, POOLS "}", &e) >= 0);
	make(&f, "a", 8, 1);
	o = volume(&f, "a");
	(void)snprintf(id, sizeof(id), "%s", o->id);
	change_begin(&c, &f.m.model);
	EXPECT(change_delete(&c, o, &e) >= 0);
	EXPECT(manager_commit(&f.m, &c, &e) >= 0);
	change_free(&c);
	fixture_reopen(&f);
	EXPECT(fixture_load_notes(&f) >= 0);
	EXPECT(!volume(&f, "a"));
	i = map_get(&f.m.storage->intents, id);
	EXPECT(i && i->size == 8 * MIB && i->offset == MIB);
	EXPECT_NUMBER(clean_of(&f.m, model_get(&f.m.model, KIND_POOL, NULL, "disk")->id), 9 * MIB);
}

UNIT(volumes_never_shrink_and_never_move)
{
	static const char *const rows[][2] = {
		{ "{'name':'a','size':'4M'}", "cannot be shrunk" },
		{ "{'name':'a','pool':'files'}", "the pool of volume 'a' cannot be changed" },
		{ "{'name':'a','sector_size':4096}", "the sector_size" },
		{ "{'name':'a','instance_store':false}", "the instance_store" },
	};
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_apply(&f, POOLS "}", &e) >= 0);
	make(&f, "a", 8, 1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		error_clear(&e);
		EXPECT(fixture_put(&f, KIND_VOLUME, rows[i][0], PUT_SET, &e) < 0);
		if (!e.message || !strstr(e.message, rows[i][1]))
			unit_fail(__FILE__, __LINE__, "row %zu says '%s'", i, e.message);
		EXPECT_NUMBER(VOLUME(volume(&f, "a"))->size, 8 * MIB);
	}
	error_clear(&e);
	EXPECT(fixture_put(&f, KIND_VOLUME, "{'name':'a','size':'9M','iops':5}", PUT_SET, &e) >= 0);
	EXPECT_NUMBER(VOLUME(volume(&f, "a"))->size, 9 * MIB);
	EXPECT_NUMBER(VOLUME(volume(&f, "a"))->offset, MIB);
}

UNIT(a_stack_leaves_the_storage_of_other_hosts_alone)
{
	_cleanup_(fixture_close) struct fixture f;
	_cleanup_(error_clear) struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_apply(&f, "{'version':1,'hosts':[{'name':'us','underlay':'198.18.0.1',"
			     "'local':true}],'pools':[{'name':'p','device':'/dev/a','host':'us'},"
			     "{'name':'q','device':'/dev/b','host':'them'}]}", &e) >= 0);
	EXPECT(model_get(&f.m.model, KIND_POOL, NULL, "p") != NULL);
	EXPECT(model_get(&f.m.model, KIND_POOL, NULL, "q") == NULL);
}
