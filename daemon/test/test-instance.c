// SPDX-License-Identifier: GPL-2.0
/* Instances in the model: what is refused, what they hold on to, what is told of them. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fixture.h"
#include "instances.h"
#include "services.h"
#include "storage.h"

#define ROW(rest) "{'name':'web'" rest "}"
#define KERNEL ",'kernel':'/boot/vmlinuz'"
#define METAL ",'kind':'metal'"
#define KEYS ",'public_keys':['ssh-ed25519 AAAA me','ssh-rsa BBBB'],'restart':'no'"

static const struct {
	const char *props, *path, *message;
} refused[] = {
	{ ROW(""), NULL, "needs something to boot" },
	{ ROW(KERNEL ",'boot':'v'"), NULL, "needs something to boot" },
	{ ROW(",'boot':'v','initrd':'/i'"), "/initrd", "goes with a kernel" },
	{ ROW(",'boot':'v','cmdline':'quiet'"), "/cmdline", "goes with a kernel" },
	{ ROW(KERNEL ",'cmdline':'a\\nb'"), "/cmdline", "control characters" },
	{ ROW(",'boot':'none'"), "/boot", "names volume 'none', which does not exist" },
	{ ROW(KERNEL ",'vcpus':0"), "/vcpus", "not from 1 to 255" },
	{ ROW(KERNEL ",'vcpus':256"), "/vcpus", "not from 1 to 255" },
	{ ROW(KERNEL ",'vcpus':'2'"), "/vcpus", "must be a whole number" },
	{ ROW(KERNEL ",'memory':'16M'"), "/memory", "no multiple of 1M from 32M" },
	{ ROW(KERNEL ",'memory':33554433"), "/memory", "no multiple of 1M" },
	{ ROW(KERNEL ",'memory':'much'"), "/memory", "no size" },
	{ ROW(KERNEL ",'user_data':'%'"), "/user_data", "not in base64" },
	{ ROW(KERNEL ",'public_keys':['nonsense']"), "/public_keys", "not as OpenSSH writes it" },
	{ ROW(KERNEL ",'public_keys':['ssh-ed25519 AA\\nssh-rsa BB']"), "/public_keys",
	  "not as OpenSSH writes it" },
	{ ROW(KERNEL ",'restart':'always'"), "/restart", "none of on-failure, no" },
	{ ROW(KERNEL ",'wish':'bliss'"), "/wish", "cannot be" },
	{ ROW(KERNEL ",'colour':'red'"), "/colour", "unknown key" },
	{ ROW(",'kind':'metal'"), NULL, "needs a volume to boot" },
	{ ROW(METAL KERNEL), "/kernel", "is for a virtual machine" },
	{ ROW(METAL ",'boot':'v','initrd':'/i'"), "/initrd", "is for a virtual machine" },
	{ ROW(METAL ",'boot':'v','cmdline':'quiet'"), "/cmdline", "is for a virtual machine" },
	{ ROW(METAL ",'boot':'none'"), "/boot", "names volume 'none', which does not exist" },
	{ ROW(METAL ",'boot':'v','vcpus':1025"), "/vcpus", "not from 1 to 1024" },
	{ ROW(",'kind':'host','boot':'v'"), "/boot", "has booted already" },
	{ ROW(",'kind':'host'" KERNEL), "/kernel", "is for a virtual machine" },
	{ ROW(",'kind':'cloud'"), "/kind", "none of vm, metal, host" },
	{ "{'name':'i-0123456789abcdef0'" KERNEL "}", "/name", "ID" },
};

UNIT(rows_are_refused_with_their_place)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		error_clear(&e);
		if (fixture_put(&f, KIND_INSTANCE, refused[i].props, PUT_CREATE, &e) >= 0) {
			unit_fail(__FILE__, __LINE__, "row %zu is taken", i);
			continue;
		}
		if (!e.message || !strstr(e.message, refused[i].message))
			unit_fail(__FILE__, __LINE__, "row %zu says '%s'", i, e.message);
		if (refused[i].path && !streq(e.path, refused[i].path))
			unit_fail(__FILE__, __LINE__, "row %zu is at '%s'", i, e.path);
		EXPECT_NUMBER(f.m.model.tables[KIND_INSTANCE].live, 0);
	}
}

UNIT(user_data_have_a_limit)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	for (size_t size = USER_DATA_MAX; size <= USER_DATA_MAX + 1; size++) {
		_cleanup_json_ sd_json_variant *data = NULL, *v = json_read(ROW(KERNEL));
		_cleanup_free_ char *bytes = xcalloc(size, 1), *text = NULL;

		EXPECT(sd_json_variant_new_base64(&data, bytes, size) >= 0);
		json_set(&v, "user_data", sd_json_variant_ref(data));
		EXPECT(sd_json_variant_format(v, 0, &text) >= 0);
		error_clear(&e);
		EXPECT((fixture_put(&f, KIND_INSTANCE, text, PUT_REPLACE, &e) >= 0) ==
		       (size == USER_DATA_MAX));
	}
	EXPECT(strstr(e.message, "have 16385 bytes, 16384 are allowed") != NULL);
}

static struct object *instance(struct fixture *f)
{
	return model_get(&f->m.model, KIND_INSTANCE, NULL, "web");
}

UNIT(an_instance_is_found_again)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *body = NULL;

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_INSTANCE,
			   ROW(KERNEL ",'vcpus':4,'memory':'2G','cmdline':'quiet','wish':'stopped'" KEYS),
			   PUT_CREATE, &e) >= 0);
	body = xstrdup(instance(&f)->body);
	fixture_reopen(&f);
	EXPECT_TEXT(instance(&f)->body, body);
	EXPECT_NUMBER(INSTANCE(instance(&f))->memory, 2LL << 30);
	EXPECT_NUMBER(INSTANCE(instance(&f))->wish, WISH_STOPPED);
	EXPECT_NUMBER(INSTANCE(instance(&f))->restart, RESTART_NO);
}

UNIT(what_an_instance_boots_cannot_be_deleted)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};
	struct change c;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, "{'version':1,'pools':[{'name':'p','device':'/dev/a'}]}", &e) >= 0);
	EXPECT(fixture_put(&f, KIND_VOLUME, "{'name':'v','size':'8M','instance_store':true}",
			   PUT_CREATE, &e) >= 0);
	EXPECT(fixture_put(&f, KIND_INSTANCE, ROW(",'boot':'v'"), PUT_CREATE, &e) >= 0);
	change_begin(&c, &f.m.model);
	EXPECT(change_delete(&c, model_get(&f.m.model, KIND_VOLUME, NULL, "v"), &e) >= 0);
	EXPECT(manager_commit(&f.m, &c, &e) < 0);
	change_free(&c);
	EXPECT(e.message && strstr(e.message, "in use by instance web"));
	error_clear(&e);
	EXPECT(fixture_put(&f, KIND_INSTANCE, ROW(",'boot':'v','wish':'terminated','ended':1"),
			   PUT_REPLACE, &e) >= 0);
	change_begin(&c, &f.m.model);
	EXPECT(change_delete(&c, model_get(&f.m.model, KIND_VOLUME, NULL, "v"), &e) >= 0);
	EXPECT(manager_commit(&f.m, &c, &e) >= 0);
	change_free(&c);
}

UNIT(stacks_leave_instances_that_they_do_not_speak_of)
{
	_cleanup_json_ sd_json_variant *v = json_read("{'version':1}"), *changes = NULL;
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_INSTANCE, ROW(KERNEL), PUT_CREATE, &e) >= 0);
	EXPECT(fixture_apply_stack(&f, v, NULL, true, &changes, &e) >= 0);
	EXPECT_NUMBER(sd_json_variant_elements(changes), 0);
	EXPECT_NUMBER(INSTANCE(instance(&f))->wish, WISH_RUNNING);
}

#define STACK_OF(instances) \
	SHOP_BEGIN "}],'enis':[{'name':'e','subnet':'front','host':'a'}," \
	"{'name':'f','subnet':'front','host':'a'}],'instances':[" instances "]}"

UNIT(a_stack_keeps_the_places_of_what_an_instance_has)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK_OF("{'name':'web','kernel':'k','enis':['f','e']}"), &e) >= 0);
	EXPECT_NUMBER(ENI(model_get(&f.m.model, KIND_ENI, NULL, "f"))->attachment.index, 0);
	EXPECT_NUMBER(ENI(model_get(&f.m.model, KIND_ENI, NULL, "e"))->attachment.index, 1);
	/* that of one stays when the other goes */
	EXPECT_NUMBER(fixture_apply(&f, STACK_OF("{'name':'web','kernel':'k','enis':['e']}"), &e), 1);
	EXPECT_NUMBER(ENI(model_get(&f.m.model, KIND_ENI, NULL, "e"))->attachment.index, 1);
	EXPECT_NUMBER(fixture_apply(&f, STACK_OF("{'name':'web','kernel':'k','enis':['e']}"), &e), 0);
	/* a stack that only says that there is an ENI */
	EXPECT_NUMBER(fixture_apply(&f, STACK_OF(""), &e), 0);
	EXPECT_NUMBER(ENI(model_get(&f.m.model, KIND_ENI, NULL, "e"))->attachment.index, 1);
	EXPECT(model_eni_is_held(model_get(&f.m.model, KIND_ENI, NULL, "e"), "web"));
}

UNIT(pruning_terminates_instances)
{
	_cleanup_json_ sd_json_variant *v = NULL, *changes = NULL;
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_apply(&f, STACK_OF("{'name':'web','kernel':'k','enis':['e']}"), &e) >= 0);
	v = json_read(STACK_OF("{'name':'other','kernel':'k','state':'stopped'}"));
	EXPECT(fixture_apply_stack(&f, v, NULL, true, &changes, &e) >= 0);
	EXPECT_NUMBER(INSTANCE(instance(&f))->wish, WISH_TERMINATED);
	/* it has its ENI until it has ended */
	EXPECT(model_eni_is_held(model_get(&f.m.model, KIND_ENI, NULL, "e"), "web"));
	EXPECT(fixture_apply(&f, STACK_OF("{'name':'web','kernel':'k'}"), &e) < 0);
	EXPECT(e.message && strstr(e.message, "is being terminated"));
}

UNIT(the_services_hear_of_an_instance)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};
	_cleanup_json_ sd_json_variant *view = NULL;
	sd_json_variant *v, *key;
	struct object *eni;

	fixture_open(&f);
	EXPECT(fixture_apply(&f, SHOP_BEGIN "}],'enis':[{'name':'e','subnet':'front','host':'a'}]}",
			     &e) >= 0);
	EXPECT(fixture_put(&f, KIND_INSTANCE,
			   ROW(KERNEL ",'user_data':'aGVsbG8=','launched':86400" KEYS),
			   PUT_CREATE, &e) >= 0);
	EXPECT(fixture_put(&f, KIND_ENI,
			   "{'name':'e','attachment':{'kind':'instance','instance':'web','index':2}}",
			   PUT_SET, &e) >= 0);
	eni = model_get(&f.m.model, KIND_ENI, NULL, "e");
	EXPECT(model_eni_is_held(eni, "web"));
	EXPECT_NUMBER(ENI(eni)->attachment.index, 2);
	view = services_view(&f.m, ENI(eni));
	v = json_get(view, "instance");
	EXPECT_TEXT(json_string(v, "id"), instance(&f)->id);
	EXPECT_TEXT(json_string(v, "name"), "web");
	EXPECT_TEXT(json_string(v, "user_data"), "aGVsbG8=");
	EXPECT_TEXT(json_string(v, "launched"), "1970-01-02T00:00:00Z");
	key = sd_json_variant_by_index(json_get(v, "public_keys"), 0);
	EXPECT_TEXT(json_string(key, "name"), "me");
	EXPECT_TEXT(json_string(key, "key"), "ssh-ed25519 AAAA me");
	key = sd_json_variant_by_index(json_get(v, "public_keys"), 1);
	EXPECT_TEXT(json_string(key, "name"), "key-1");
}

UNIT(user_data_are_not_shown)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};
	_cleanup_json_ sd_json_variant *v = NULL;

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_INSTANCE, ROW(KERNEL ",'user_data':'aGVsbG8='"), PUT_CREATE,
			   &e) >= 0);
	v = object_show(&f.m, instance(&f));
	EXPECT(!json_get(v, "user_data"));
	EXPECT_TEXT(json_string(v, "state"), "running");
	EXPECT_TEXT(json_string(v, "restart"), "on-failure");
}

UNIT(an_index_is_one_of_few)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_apply(&f, SHOP_BEGIN "}],'enis':[{'name':'e','subnet':'front','host':'a'}]}",
			     &e) >= 0);
	EXPECT(fixture_put(&f, KIND_ENI,
			   "{'name':'e','attachment':{'kind':'instance','instance':'x','index':15}}",
			   PUT_SET, &e) < 0);
	error_clear(&e);
	EXPECT(fixture_put(&f, KIND_ENI, "{'name':'e','attachment':{'kind':'local','index':0}}",
			   PUT_SET, &e) < 0);
}

static void make_file(struct fixture *f, const char *dir, const char *file)
{
	_cleanup_free_ char *parent = xprintf("%s/instances", f->dir);
	_cleanup_free_ char *path = instance_dir(&f->m, dir, ""), *name = NULL;
	_cleanup_close_ int fd = -1;

	(void)mkdir(parent, 0700);
	(void)mkdir(path, 0700);
	name = instance_dir(&f->m, dir, file);
	fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
}

static bool there(struct fixture *f, const char *dir, const char *file)
{
	_cleanup_free_ char *path = instance_dir(&f->m, dir, file);

	return access(path, F_OK) == 0;
}

/* Killed before the commit, after it, and long ago */
UNIT(files_of_instances_are_found_again)
{
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};
	_cleanup_free_ char *new = NULL, *all = NULL;
	const char *id;

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_INSTANCE, ROW(KERNEL), PUT_CREATE, &e) >= 0);
	id = instance(&f)->id;
	new = xprintf(INSTANCE_NEW "%s", id);
	make_file(&f, id, "old");
	make_file(&f, new, "kernel");
	make_file(&f, INSTANCE_NEW "i-0123456789abcdef0", "kernel");
	make_file(&f, "i-0123456789abcdef0", "kernel");
	instance_dirs_sweep(&f.m);
	EXPECT(there(&f, id, "kernel"));
	EXPECT(!there(&f, id, "old"));
	EXPECT(!there(&f, new, ""));
	EXPECT(!there(&f, INSTANCE_NEW "i-0123456789abcdef0", ""));
	EXPECT(!there(&f, "i-0123456789abcdef0", ""));

	/* what was gathered for the next one of the name is not that of this one */
	EXPECT(fixture_put(&f, KIND_INSTANCE, ROW(KERNEL ",'wish':'terminated','ended':1"),
			   PUT_REPLACE, &e) >= 0);
	make_file(&f, new, "next");
	instance_dirs_sweep(&f.m);
	EXPECT(there(&f, instance(&f)->id, "kernel"));
	EXPECT(!there(&f, new, ""));
	instance_dir_remove(&f.m, instance(&f)->id);
	all = xprintf("%s/instances", f.dir);
	EXPECT(rmdir(all) == 0);
}

UNIT(the_firmware_tells_cloud_init_where_it_is)
{
	_cleanup_free_ char *uuid = vmm_uuid("i-ce82a4c5be3b31390");

	EXPECT_TEXT(uuid, "ec2ce82a-4c5b-e3b3-1390-000000000000");
}

UNIT(a_microvm_has_the_same_words)
{
	static const uint8_t uuid[16] = { 0x2a, 0xe8, 0x2c, 0xec, 0x5b, 0x4c, 0xb3, 0xe3, 0x13, 0x90 };
	static const char text[] = "ec2ce82a-4c5b-e3b3-1390-000000000000";
	size_t size = 0, strings = 27 + strlen("nitro") + 1;
	_cleanup_free_ uint8_t *tables = smbios_tables(text, &size);

	/* type 1, version 2.4 and later: 27 bytes, then its strings, an empty one, type 127 */
	EXPECT_NUMBER(size, strings + sizeof(text) + 1 + 6);
	EXPECT_NUMBER(tables[0], 1);
	EXPECT_NUMBER(tables[1], 27);
	EXPECT_NUMBER(tables[4], 1);
	EXPECT_NUMBER(tables[7], 2);
	EXPECT(!memcmp(tables + 8, uuid, sizeof(uuid)));
	EXPECT_TEXT((char *)tables + 27, "nitro");
	EXPECT_TEXT((char *)tables + strings, text);
	EXPECT_NUMBER(tables[size - 7], 0);
	EXPECT_NUMBER(tables[size - 6], 127);
	EXPECT_NUMBER(tables[size - 5], 4);
	EXPECT(!smbios_tables("i-ce82a4c5be3b31390", &size));
}

static void write_log(struct fixture *f, const char *id, const char *text)
{
	_cleanup_free_ char *path = instance_dir(&f->m, id, "vmm.log");
	_cleanup_close_ int fd = -1;

	make_file(f, id, "vmm.log");
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

UNIT(warnings_are_no_last_words)
{
	static const char *const logs[][2] = {
		{ "", NULL },
		{ "qemu: -x: warning: careful\n", NULL },
		{ "qemu: -x: warning: careful\nqemu: no such disk\r\n", "qemu: no such disk" },
		{ "qemu: no such disk\nqemu: warning: careful\n\n", "qemu: no such disk" },
	};
	_cleanup_fixture_ struct fixture f;
	_cleanup_error_ struct error e = {};

	fixture_open(&f);
	EXPECT(fixture_put(&f, KIND_INSTANCE, ROW(KERNEL), PUT_CREATE, &e) >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		_cleanup_free_ char *words = NULL;

		write_log(&f, instance(&f)->id, logs[i][0]);
		words = instance_last_words(&f.m, instance(&f)->id);
		EXPECT_TEXT(words, logs[i][1]);
	}
}
