// SPDX-License-Identifier: GPL-2.0
/* Enclaves in the model: what is refused, what they hold on to, what is told of them. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "enclaves.h"
#include "fixture.h"

#define ROW(rest) "{'name':'one','image':'x.eif'" rest "}"
#define PARENT ",'parent':'web'"
#define MEASURED ",'measurements':{'HashAlgorithm':'Sha384 { ... }','PCR0':'00'}"

static const struct {
	const char *props, *path, *message;
} refused[] = {
	{ ROW(",'cpus':0"), "/cpus", "not from 1 to 64" },
	{ ROW(",'cpus':65"), "/cpus", "not from 1 to 64" },
	{ ROW(",'memory':'63M'"), "/memory", "no multiple of 2M from 64M to 1T" },
	{ ROW(",'memory':'65M'"), "/memory", "no multiple of 2M" },
	{ ROW(",'memory':'2T'"), "/memory", "no multiple of 2M from 64M to 1T" },
	{ ROW(",'cid':3"), "/cid", "not from 4 to 4294967294" },
	{ ROW(",'cid':4294967295"), "/cid", "not from 4 to 4294967294" },
	{ ROW(",'wish':'stopped'"), "/wish", "cannot be" },
	{ ROW(PARENT), "/parent", "names instance 'web', which does not exist" },
	{ ROW(",'measurements':'none'"), "/measurements", "must be" },
	{ ROW(",'kernel':'/boot/vmlinuz'"), "/kernel", "unknown key" },
	{ "{'name':'enc-0123456789abcdef0'}", "/name", "ID" },
};

UNIT(rows_are_refused_with_their_place)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		error_clear(&e);
		if (fixture_put(&f, KIND_ENCLAVE, refused[i].props, PUT_CREATE, &e) >= 0) {
			unit_fail(__FILE__, __LINE__, "row %zu is taken", i);
			continue;
		}
		if (!e.message || !strstr(e.message, refused[i].message))
			unit_fail(__FILE__, __LINE__, "row %zu says '%s'", i, e.message);
		if (refused[i].path && !streq(e.path, refused[i].path))
			unit_fail(__FILE__, __LINE__, "row %zu is at '%s'", i, e.path);
		EXPECT_NUMBER(f.m.model.tables[KIND_ENCLAVE].live, 0);
	}
}

UNIT(an_enclave_is_found_again)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *body = NULL;
	struct object *o;

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_ENCLAVE,
			   ROW(",'cpus':2,'memory':'128M','cid':17,'debug':true" MEASURED
			       ",'wish':'terminated','ended':1,'ending':'it has crashed'"),
			   PUT_CREATE, &e) >= 0);
	o = model_get(&f.m.model, KIND_ENCLAVE, NULL, "one");
	EXPECT(startswith(o->id, "enc-"));
	body = xstrdup(o->body);
	fixture_reopen(&f);
	o = model_get(&f.m.model, KIND_ENCLAVE, NULL, "one");
	EXPECT_TEXT(o->body, body);
	EXPECT_NUMBER(INSTANCE(o)->memory, 128LL << 20);
	EXPECT_NUMBER(INSTANCE(o)->wish, WISH_TERMINATED);
	EXPECT_TEXT(INSTANCE(o)->ending, "it has crashed");
	EXPECT_NUMBER(ENCLAVE(o)->cid, 17);
	EXPECT(ENCLAVE(o)->debug && !ENCLAVE(o)->pool);
}

UNIT(a_name_is_an_instances_and_an_enclaves)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_INSTANCE, "{'name':'one','kernel':'/k'}", PUT_CREATE, &e) >= 0);
	EXPECT(fixture_put(&f, KIND_ENCLAVE, ROW(""), PUT_CREATE, &e) >= 0);
	EXPECT(instances_find(&f.m.model, "one")->kind == KIND_INSTANCE);
}

static int delete(struct fixture *f, enum object_kind kind, const char *name, struct error *e)
{
	struct change c;
	int r;

	change_begin(&c, &f->m.model);
	r = change_delete(&c, model_get(&f->m.model, kind, NULL, name), e);
	if (r >= 0)
		r = manager_commit(&f->m, &c, e);
	change_free(&c);
	return r;
}

UNIT(a_parent_stays_while_it_has_enclaves)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_INSTANCE, "{'name':'web','kernel':'/k'}", PUT_CREATE, &e) >= 0);
	EXPECT(fixture_put(&f, KIND_ENCLAVE, ROW(PARENT), PUT_CREATE, &e) >= 0);
	EXPECT(delete(&f, KIND_INSTANCE, "web", &e) < 0);
	EXPECT(e.message && strstr(e.message, "in use by enclave one"));
	error_clear(&e);
	EXPECT(fixture_put(&f, KIND_ENCLAVE, ROW(PARENT ",'wish':'terminated','ended':1"),
			   PUT_REPLACE, &e) >= 0);
	EXPECT(delete(&f, KIND_INSTANCE, "web", &e) >= 0);
}

#define STACK_WITH(enclaves) "{'version':1,'enclaves':[" enclaves "]}"
#define ONE "{'name':'one','image':'x.eif','memory':'128M'}"
#define TWO "{'name':'two','image':'y.eif','cid':16,'debug':true}"

static const struct enclave *enclave(struct fixture *f, const char *name)
{
	return ENCLAVE(model_get(&f->m.model, KIND_ENCLAVE, NULL, name));
}

UNIT(a_stack_runs_what_is_not_there)
{
	_cleanup_free_ char *before = NULL, *after = NULL;
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f, STACK_WITH(ONE "," TWO), &e), 2);
	EXPECT_TEXT(e.message, NULL);
	/* who asks for a CID has it */
	EXPECT_NUMBER(enclave(&f, "two")->cid, 16);
	EXPECT_NUMBER(enclave(&f, "one")->cid, 17);
	EXPECT_NUMBER(enclave(&f, "one")->i.wish, WISH_RUNNING);
	EXPECT_NUMBER(fixture_apply(&f, STACK_WITH(ONE "," TWO), &e), 0);
	EXPECT_NUMBER(fixture_apply(&f, STACK_WITH(TWO), &e), 0);
	before = fixture_export(&f);
	EXPECT(strstr(before, "{\"name\":\"one\",\"image\":\"x.eif\",\"cpus\":1,\"memory\":\"128M\",\"cid\":17}"));
	EXPECT_NUMBER(fixture_apply(&f, before, &e), 0);
	/* one that has ended is another one then, and is not exported before */
	EXPECT(fixture_put(&f, KIND_ENCLAVE, ROW(",'wish':'terminated','ended':1"), PUT_REPLACE,
			   &e) >= 0);
	after = fixture_export(&f);
	EXPECT(!strstr(after, "x.eif"));
	EXPECT_NUMBER(fixture_apply(&f, STACK_WITH(ONE), &e), 1);
	EXPECT(!enclave(&f, "one")->i.ended && enclave(&f, "one")->i.memory == 128LL << 20);
}

static const struct {
	const char *stack, *path, *message;
} fixed[] = {
	{ "{'name':'one','image':'y.eif','memory':'128M'}", "/enclaves/0/image",
	  "'image' of enclave 'one' cannot be changed; 'enclave terminate one' first" },
	{ "{'name':'one','image':'x.eif'}", "/enclaves/0/memory", "'memory' of" },
	{ "{'name':'one','image':'x.eif','memory':'128M','cid':20}", "/enclaves/0/cid", "'cid' of" },
	{ "{'name':'one','image':'x.eif','memory':'128M','cpus':2}", "/enclaves/0/cpus",
	  "'cpus' of" },
	{ "{'name':'one','image':'x.eif','memory':'128M','debug':true}", "/enclaves/0/debug",
	  "'debug' of" },
	{ TWO "," TWO, "/enclaves/1", "twice" },
};

UNIT(an_enclave_that_runs_does_not_change)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f, STACK_WITH(ONE), &e), 1);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		_cleanup_free_ char *stack = xprintf(STACK_WITH("%s"), fixed[i].stack);

		error_clear(&e);
		if (fixture_apply(&f, stack, &e) >= 0 || !e.message ||
		    !strstr(e.message, fixed[i].message) || !streq(e.path, fixed[i].path))
			unit_fail(__FILE__, __LINE__, "row %zu: '%s' at '%s'", i, e.message, e.path);
	}
	EXPECT_NUMBER(fixture_apply(&f, STACK_WITH(ONE), &e), 0);
}

UNIT(pruning_terminates_enclaves)
{
	_cleanup_json_ sd_json_variant *one = json_read(STACK_WITH(ONE)), *changes = NULL,
			*none = json_read("{'version':1}"), *unchanged = NULL;
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT_NUMBER(fixture_apply(&f, STACK_WITH(ONE "," TWO), &e), 2);
	/* a stack that does not speak of enclaves leaves them */
	EXPECT(fixture_apply_stack(&f, none, NULL, true, &unchanged, &e) >= 0);
	EXPECT_NUMBER(sd_json_variant_elements(unchanged), 0);
	EXPECT(fixture_apply_stack(&f, one, NULL, true, &changes, &e) >= 0);
	EXPECT_NUMBER(sd_json_variant_elements(changes), 1);
	EXPECT_TEXT(json_string(sd_json_variant_by_index(changes, 0), "action"), "delete");
	EXPECT_NUMBER(enclave(&f, "two")->i.wish, WISH_TERMINATED);
	EXPECT_NUMBER(enclave(&f, "one")->i.wish, WISH_RUNNING);
	EXPECT(fixture_apply(&f, STACK_WITH(TWO), &e) < 0);
	EXPECT_TEXT(e.message, "enclave 'two' is being terminated");
}

UNIT(memory_is_four_times_the_image_on_the_grain)
{
	EXPECT_NUMBER(enclave_memory_min(0), 64LL << 20);
	EXPECT_NUMBER(enclave_memory_min(16 << 20), 64LL << 20);
	EXPECT_NUMBER(enclave_memory_min((16 << 20) + 1), 66LL << 20);
	EXPECT_NUMBER(enclave_memory_min(100 << 20), 400LL << 20);
}

/* What the helper says is taken only of an image that nobody can change any more */
UNIT(an_image_that_is_not_sealed_is_not_taken)
{
	static const char told[] =
		"{'kernel':{'offset':560,'size':7},'cmdline':'quiet','ramdisks':[{'offset':1,'size':2}]}";
	_cleanup_json_ sd_json_variant *v = json_read(told);
	_cleanup_error_ struct error e = {};
	struct measured *image;
	int fd;

	fd = enclave_image_new(&e);
	EXPECT(fd >= 0);
	EXPECT(enclave_image_take(fd, v, &e) == NULL);
	EXPECT(e.message && strstr(e.message, "was not measured"));
	fd = enclave_image_new(&e);
	EXPECT(fcntl(fd, F_ADD_SEALS,
		     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) >= 0);
	image = enclave_image_take(fd, v, &e);
	EXPECT(image && image->n == 1 && image->kernel.offset == 560 && image->ramdisks[0].size == 2);
	EXPECT_TEXT(image ? image->cmdline : NULL, "quiet");
	enclave_image_free(image);
}
