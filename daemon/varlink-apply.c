// SPDX-License-Identifier: GPL-2.0
/*
 * Apply of io.nitro.Network: a stack as one change. Kernels of instances and images of
 * enclaves that it makes come along as open files, and are copied before anything changes.
 */

#include <stdio.h>

#include "change.h"
#include "enclaves.h"
#include "storage.h"
#include "varlink.h"

#define FILES_MAX 128	/* that come along */

enum file { FILE_KERNEL, FILE_INITRD, FILES };

static const char *const file_names[FILES] = { "kernel", "initrd" };

/**
 * struct gathered - an instance or an enclave that will be made
 * @dir: where its files will be
 * @fds: of an instance: its files
 * @image: of an enclave: its image; -1 for an instance
 * @copy: a memfd, where that is copied to
 * @name: its name
 * @measured: the image, once it was measured
 */
struct gathered {
	char *dir;
	int fds[FILES];
	int image, copy;
	char *name;
	struct measured *measured;
};

/**
 * struct apply - a call of Apply under way
 * @m: the manager
 * @link: the connection
 * @stack: the stack
 * @paths: the files that came along
 * @fds: they, in this order
 * @v: what will be made
 * @n: how many
 * @cap: room in @v
 * @helper: copies their files, and measures images
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
		free(a->v[i].name);
		close_fd(&a->v[i].copy);
		enclave_image_free(a->v[i].measured);
	}
	for (size_t i = 0; i < a->paths.n; i++)
		close_fd(&a->fds[i]);
	strings_free(&a->paths);
	free(a->v);
	sd_varlink_unref(a->link);
	sd_json_variant_unref(a->stack.stack);
	sd_json_variant_unref(a->stack.lines);
	sd_json_variant_unref(a->stack.measured);
	free(a);
}

static void tell_why(struct apply *a, struct error *e)
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

/* The file of an object that @key names */
static int gather_file(const struct apply *a, const struct object *o, const char *key,
		       const char *path, int *ret, struct error *e)
{
	*ret = find_file(a, path);
	if (*ret >= 0)
		return 0;
	return fail(e, ERR_INVALID, "%s '%s' of %s '%s' cannot be opened by who applies the stack",
		    key, path, kind_ops[o->kind]->label, o->name);
}

static int gather_files(const struct apply *a, const struct object *o, struct gathered *g,
			struct error *e)
{
	const char *const paths[FILES] = { INSTANCE(o)->kernel, INSTANCE(o)->initrd };

	for (enum file f = 0; f < FILES; f++) {
		if (!paths[f])
			continue;
		if (gather_file(a, o, file_names[f], paths[f], &g->fds[f], e) < 0 ||
		    instance_file_check(g->fds[f], paths[f], file_names[f], e) < 0) {
			error_prefix(e, "/%s", file_names[f]);
			return -EINVAL;
		}
	}
	return 0;
}

static int gather_image(const struct apply *a, const struct object *o, struct gathered *g,
			struct error *e)
{
	uint64_t size;
	int r;

	r = gather_file(a, o, "image", ENCLAVE(o)->image, &g->image, e);
	if (r >= 0)
		r = enclave_image_check(g->image, ENCLAVE(o)->image, &size, e);
	if (r >= 0)
		r = enclave_check_size(o, enclave_memory_min(size), e);
	if (r >= 0)
		r = g->copy = enclave_image_new(e);
	if (r < 0)
		error_prefix(e, "/image");
	return r;
}

static int gather(const struct object *o, void *data, struct error *e)
{
	struct apply *a = data;
	struct gathered *g;
	int r;

	GROW(a->v, a->n, a->cap);
	g = &a->v[a->n++];
	*g = (struct gathered){ .fds = { -1, -1 }, .image = -1, .copy = -1,
			       .name = xstrdup(o->name) };
	r = o->kind == KIND_ENCLAVE ? gather_image(a, o, g, e) : gather_files(a, o, g, e);
	if (r < 0) {
		error_prefix(e, "%s", o->origin ? o->origin : "");
		return r;
	}
	return instance_files_dir(a->m, o->kind, o->name, &g->dir, e);
}

static int measure(const struct gathered *g, struct error *e)
{
	_cleanup_error_ struct error why = {};

	if (enclave_image_measure(g->image, g->copy, &why) >= 0)
		return 0;
	return fail(e, why.code, "image of enclave '%s': %s", g->name, why.message);
}

/* What is measured is told in this order */
static int copy_files(void *data, struct error *e)
{
	struct apply *a = data;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < a->n; i++) {
		for (enum file f = 0; r >= 0 && f < FILES; f++) {
			_cleanup_free_ char *path = xprintf("%s/%s", a->v[i].dir, file_names[f]);

			if (a->v[i].fds[f] >= 0)
				r = instance_file_copy(a->v[i].fds[f], path, e);
		}
		if (r >= 0 && a->v[i].image >= 0)
			r = measure(&a->v[i], e);
	}
	return r;
}

/* Of what it is gathered for */
static const char *gathered_id(const struct gathered *g)
{
	return strrchr(g->dir, '/') + 1 + strlen(INSTANCE_NEW);
}

static int is_gathered(const struct object *o, void *data, struct error *e)
{
	struct apply *a = data;

	for (size_t i = 0; i < a->n; i++)
		if (streq(gathered_id(&a->v[i]), o->id))
			return 0;
	return fail(e, ERR_FAILED, "%s '%s' has gone meanwhile; try again",
		    kind_ops[o->kind]->label, o->name);
}

static int build(struct change *c, void *data, struct error *e)
{
	struct apply *a = data;
	int r = stack_build(a->m, c, &a->stack, e);

	return r < 0 ? r : stack_new_instances(c, is_gathered, a, e);
}

/* They start from what was measured */
static void give_images(struct manager *m, struct apply *a)
{
	for (size_t i = 0; i < a->n; i++) {
		struct gathered *g = &a->v[i];
		struct life *l = g->measured ? instances_get(m, gathered_id(g)) : NULL;

		if (!l)
			continue;
		enclave_cell(l)->image = g->measured;
		g->measured = NULL;
	}
}

static void applied(struct manager *m, const struct change *c, struct error *e, void *data)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct apply *a = data;

	if (e->code) {
		tell_why(a, e);
		return;
	}
	json_set(&v, "changes", stack_describe(c));
	stack_instances_applied(m, c);
	give_images(m, a);
	(void)sd_varlink_reply(a->link, v);
}

static void submit(struct apply *a)
{
	struct request request = {
		.build = build, .done = applied, .release = apply_free, .data = a,
	};

	storage_submit(a->m, &request);
}

static int take_measured(struct apply *a, const char *output, struct error *e)
{
	const char *p = output;

	for (size_t i = 0; i < a->n; i++) {
		_cleanup_json_ sd_json_variant *v = NULL;
		struct gathered *g = &a->v[i];

		if (g->image < 0)
			continue;
		if (sd_json_parse_continue(&p, 0, &v, NULL, NULL) < 0)
			return fail(e, ERR_FAILED, "the images were not measured");
		g->measured = enclave_image_take(g->copy, v, e);
		g->copy = -1;
		if (!g->measured)
			return -EINVAL;
		json_set(&a->stack.measured, gathered_id(g), sd_json_variant_ref(v));
	}
	return 0;
}

static void on_copied(struct helper_result *result, void *userdata)
{
	_cleanup_error_ struct error e = {};
	struct apply *a = userdata;

	a->helper = NULL;
	if (result->status < 0) {
		fail(&e, ERR_FAILED, "%s", result->message);
	} else if (take_measured(a, result->output, &e) >= 0) {
		submit(a);
		return;
	}
	tell_why(a, &e);
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
	if (r >= 0 && (json_get(rq->stack, "instances") || json_get(rq->stack, "enclaves")))
		r = try(a, &e);
	if (r >= 0 && a->n)
		r = helper_fork(m->event, copy_files, a, on_copied, a, &a->helper, &e);
	else if (r >= 0)
		submit(a);
	if (r >= 0)
		return 1;
	tell_why(a, &e);
	apply_free(a);
	return 1;
}
