// SPDX-License-Identifier: GPL-2.0
/*
 * Apply of io.nitro.Network: a stack as one change. Kernels of instances that it makes
 * come along as open files, and are copied before anything changes.
 */

#include <stdio.h>

#include "change.h"
#include "instances.h"
#include "storage.h"
#include "varlink.h"

#define FILES_MAX 128	/* that come along */

enum file { FILE_KERNEL, FILE_INITRD, FILES };

static const char *const file_names[FILES] = { "kernel", "initrd" };

/* An instance that will be made, and its files */
struct gathered {
	char *dir;
	int fds[FILES];
};

/**
 * struct apply - a call of Apply under way
 * @m: the manager
 * @link: the connection
 * @stack: the stack
 * @paths: the files that came along
 * @fds: they, in this order
 * @v: the instances that will be made
 * @n: how many
 * @cap: room in @v
 * @helper: copies their files
 */
struct apply {
	struct manager *m;
	sd_varlink *link;
	struct stack_request stack;
	struct strings paths;
	int fds[FILES_MAX];
	struct gathered *v;
	size_t n, cap;
	struct helper *helper;
};

static void apply_free(void *data)
{
	struct apply *a = data;

	helper_cancel(a->helper);
	for (size_t i = 0; i < a->n; i++) {
		if (a->v[i].dir)
			instance_dir_remove(a->m, strrchr(a->v[i].dir, '/') + 1);
		free(a->v[i].dir);
	}
	for (size_t i = 0; i < a->paths.n; i++)
		close_fd(&a->fds[i]);
	strings_free(&a->paths);
	free(a->v);
	sd_varlink_unref(a->link);
	sd_json_variant_unref(a->stack.stack);
	sd_json_variant_unref(a->stack.lines);
	free(a);
}

static void refuse(struct apply *a, struct error *e)
{
	stack_locate(&a->stack, e);
	(void)varlink_fail(a->link, e);
}

static int take_files(struct apply *a, sd_json_variant *files, struct error *e)
{
	size_t n = files ? sd_json_variant_elements(files) / 2 : 0;

	if (n > FILES_MAX)
		return fail(e, ERR_INVALID, "%zu files are more than the %d allowed", n, FILES_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *path = sd_json_variant_string(
			sd_json_variant_by_index(files, i * 2));
		sd_json_variant *index = sd_json_variant_by_index(files, i * 2 + 1);

		if (!sd_json_variant_is_unsigned(index))
			return fail(e, ERR_INVALID, "the file '%s' has no index", path);
		a->fds[i] = sd_varlink_take_fd(a->link, sd_json_variant_unsigned(index));
		strings_add(&a->paths, path);
		if (a->fds[i] < 0)
			return fail(e, ERR_INVALID, "'%s' was not sent along", path);
	}
	return 0;
}

static int find_file(const struct apply *a, const char *path)
{
	for (size_t i = 0; i < a->paths.n; i++)
		if (streq(a->paths.v[i], path))
			return a->fds[i];
	return -1;
}

static int gather(const struct object *o, void *data, struct error *e)
{
	const char *const paths[FILES] = { INSTANCE(o)->kernel, INSTANCE(o)->initrd };
	struct apply *a = data;
	struct gathered *g;

	GROW(a->v, a->n, a->cap);
	g = &a->v[a->n];
	*g = (struct gathered){ .fds = { -1, -1 } };
	for (enum file f = 0; f < FILES; f++) {
		if (!paths[f])
			continue;
		g->fds[f] = find_file(a, paths[f]);
		if (g->fds[f] < 0)
			fail(e, ERR_INVALID,
			     "%s '%s' of instance '%s' cannot be opened by who applies the stack",
			     file_names[f], paths[f], o->name);
		if (e->code || instance_file_check(g->fds[f], paths[f], file_names[f], e) < 0) {
			error_prefix(e, "%s/%s", o->origin ? o->origin : "", file_names[f]);
			return -EINVAL;
		}
	}
	a->n++;
	return instance_files_dir(a->m, KIND_INSTANCE, o->name, &g->dir, e);
}

static int copy_files(void *data, struct error *e)
{
	struct apply *a = data;
	int r = 0;

	for (size_t i = 0; i < a->n; i++) {
		for (enum file f = 0; r >= 0 && f < FILES; f++) {
			_cleanup_free_ char *path = xprintf("%s/%s", a->v[i].dir, file_names[f]);

			if (a->v[i].fds[f] >= 0)
				r = instance_file_copy(a->v[i].fds[f], path, e);
		}
	}
	return r;
}

static int is_gathered(const struct object *o, void *data, struct error *e)
{
	struct apply *a = data;

	for (size_t i = 0; i < a->n; i++)
		if (streq(strrchr(a->v[i].dir, '/') + 1 + strlen(INSTANCE_NEW), o->id))
			return 0;
	return fail(e, ERR_FAILED, "instance '%s' has gone meanwhile; try again", o->name);
}

static int build(struct change *c, void *data, struct error *e)
{
	struct apply *a = data;
	int r = stack_build(a->m, c, &a->stack, e);

	return r < 0 ? r : stack_new_instances(c, is_gathered, a, e);
}

static void applied(struct manager *m, const struct change *c, struct error *e, void *data)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct apply *a = data;

	if (e->code) {
		refuse(a, e);
		return;
	}
	json_set(&v, "changes", stack_describe(c));
	stack_instances_applied(m, c);
	(void)sd_varlink_reply(a->link, v);
}

static void submit(struct apply *a)
{
	struct request request = {
		.build = build, .done = applied, .release = apply_free, .data = a,
	};

	storage_submit(a->m, &request);
}

static void on_copied(struct helper_result *result, void *userdata)
{
	_cleanup_error_ struct error e = {};
	struct apply *a = userdata;

	a->helper = NULL;
	if (result->status >= 0) {
		submit(a);
		return;
	}
	fail(&e, ERR_FAILED, "%s", result->message);
	refuse(a, &e);
	apply_free(a);
}

/* What is refused anyway is refused before anything is copied */
static int try(struct apply *a, struct error *e)
{
	struct change c;
	int r;

	change_begin(&c, &a->m->model);
	r = stack_build(a->m, &c, &a->stack, e);
	if (r >= 0)
		r = change_check(&c, e);
	if (r >= 0)
		r = stack_new_instances(&c, gather, a, e);
	change_undo(&c);
	change_free(&c);
	return r;
}

/**
 * varlink_apply - Apply of io.nitro.Network
 * @link: the connection
 * @m: the manager
 * @rq: the stack and what to do with it; not a dry run
 * @files: path -> index of a file that came along, or NULL
 *
 * Context: method call.
 * Return: what the method returns.
 */
int varlink_apply(sd_varlink *link, struct manager *m, const struct stack_request *rq,
		  sd_json_variant *files)
{
	_cleanup_error_ struct error e = {};
	struct apply *a = xcalloc(1, sizeof(*a));
	int r;

	a->m = m;
	a->link = sd_varlink_ref(link);
	a->stack = *rq;
	a->stack.stack = sd_json_variant_ref(rq->stack);
	a->stack.lines = sd_json_variant_ref(rq->lines);
	r = take_files(a, files, &e);
	if (r >= 0 && json_get(rq->stack, "instances"))
		r = try(a, &e);
	if (r >= 0 && a->n)
		r = helper_fork(m->event, copy_files, a, on_copied, a, &a->helper, &e);
	else if (r >= 0)
		submit(a);
	if (r >= 0)
		return 1;
	refuse(a, &e);
	apply_free(a);
	return 1;
}
