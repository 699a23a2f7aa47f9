// SPDX-License-Identifier: GPL-2.0
/* What many unit tests of nitrod need. */

#include <dirent.h>
#include <stdio.h>

#include "fixture.h"
#include "storage.h"

sd_json_variant *json_read(const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	sd_json_variant *v = NULL;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	if (sd_json_parse(copy, 0, &v, NULL, NULL) < 0) {
		fprintf(stderr, "not JSON: %s\n", copy);
		abort();
	}
	return v;
}

static void load(struct fixture *f)
{
	_cleanup_error_ struct error e = {};

	f->m = (struct manager){ .state_dir = f->dir };
	(void)storage_init(&f->m);
	if (store_open(&f->m.store, f->dir, &e) < 0 || manager_load(&f->m, &e) < 0) {
		fprintf(stderr, "%s\n", e.message);
		abort();
	}
}

static int load_note(const char *key, const char *value, void *userdata)
{
	struct manager *m = userdata;

	return storage_load_note(m, key, value);
}

/* What storage_start() reads; it needs an event loop for the rest */
int fixture_load_notes(struct fixture *f)
{
	_cleanup_error_ struct error e = {};

	return store_load_notes(f->m.store, load_note, &f->m, &e);
}

void fixture_open(struct fixture *f)
{
	snprintf(f->dir, sizeof(f->dir), "/tmp/nitrod-test-XXXXXX");
	if (!mkdtemp(f->dir))
		abort();
	load(f);
}

void fixture_reopen(struct fixture *f)
{
	manager_free(&f->m);
	load(f);
}

void fixture_close(struct fixture *f)
{
	struct dirent *entry;
	DIR *dir;

	manager_free(&f->m);
	dir = opendir(f->dir);
	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	(void)rmdir(f->dir);
}

int fixture_apply_stack(struct fixture *f, sd_json_variant *stack, sd_json_variant *lines,
			bool prune, sd_json_variant **ret, struct error *e)
{
	struct stack_request rq = { .stack = stack, .lines = lines, .prune = prune };
	struct change c;
	int r;

	change_begin(&c, &f->m.model);
	r = stack_build(&f->m, &c, &rq, e);
	if (r < 0)
		change_undo(&c);
	else
		r = manager_commit(&f->m, &c, e);
	if (r >= 0)
		*ret = stack_describe(&c);
	else
		stack_locate(&rq, e);
	change_free(&c);
	return r;
}

int fixture_apply(struct fixture *f, const char *stack, struct error *e)
{
	_cleanup_json_ sd_json_variant *v = json_read(stack), *changes = NULL;
	int r = fixture_apply_stack(f, v, NULL, false, &changes, e);

	return r < 0 ? r : (int)sd_json_variant_elements(changes);
}

char *fixture_export(struct fixture *f)
{
	_cleanup_json_ sd_json_variant *v = stack_export(&f->m);
	char *text;

	if (sd_json_variant_format(v, 0, &text) < 0)
		abort();
	return text;
}

int fixture_put(struct fixture *f, enum object_kind kind, const char *props, enum put_mode mode,
		struct error *e)
{
	_cleanup_json_ sd_json_variant *v = json_read(props);
	struct change c;
	int r;

	change_begin(&c, &f->m.model);
	r = change_put(&c, kind, v, NULL, mode, NULL, e);
	if (r >= 0)
		r = manager_commit(&f->m, &c, e);
	else
		change_undo(&c);
	change_free(&c);
	return r;
}
