// SPDX-License-Identifier: GPL-2.0
/*
 * Run: the image comes as an open file, so whoever asks has to be able to read it. What is
 * refused anyway is refused first; then a helper copies and measures the image, and then
 * the enclave is made and started, or nothing is.
 */

#include <stdio.h>
#include <time.h>

#include "carrier.h"
#include "enclaves.h"
#include "helper.h"
#include "kernel.h"
#include "memory.h"
#include "storage.h"
#include "varlink.h"

/**
 * struct run - a call of Run under way
 * @m: the manager
 * @link: the connection
 * @p: the parameters
 * @dir: where its logs will be
 * @file: the image
 * @copy: a memfd, where it is copied to
 * @least: how much memory it needs, as far as that is known
 * @v: what the helper has told of it, NULL before
 * @image: the image, once it was measured
 * @helper: measures it
 */
struct run {
	struct manager *m;
	sd_varlink *link;
	sd_json_variant *p;
	char *dir;
	int file, copy;
	uint64_t least;
	sd_json_variant *v;
	struct measured *image;
	struct helper *helper;
};

static void run_free(void *data)
{
	struct run *run = data;

	helper_cancel(run->helper);
	if (run->dir)
		instance_dir_remove(run->m, strrchr(run->dir, '/') + 1);
	close_fd(&run->file);
	close_fd(&run->copy);
	enclave_image_free(run->image);
	sd_varlink_unref(run->link);
	sd_json_variant_unref(run->p);
	sd_json_variant_unref(run->v);
	free(run->dir);
	free(run);
}

static int take_image(struct run *run, struct error *e)
{
	sd_json_variant *index = json_get(run->p, "image_fd");
	const char *path = json_string(run->p, "image");
	uint64_t size;
	int r;

	if (!index || !path)
		return fail(e, ERR_INVALID, "'image' and 'image_fd' are needed");
	run->file = sd_varlink_take_fd(run->link, sd_json_variant_unsigned(index));
	r = enclave_image_check(run->file, path, &size, e);
	if (r < 0)
		return r;
	run->least = enclave_memory_min(size);
	run->copy = enclave_image_new(e);
	return run->copy < 0 ? run->copy : 0;
}

static sd_json_variant *properties_of(const struct run *run, const struct model *model)
{
	static const char *const own[] = { "image_fd", "no_wait", NULL };
	static const char *const told[] = {
		"measurements", "image_name", "image_version"
	};
	sd_json_variant *v = sd_json_variant_ref(run->p);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (sd_json_variant_filter(&v, (char **)own) < 0)
		abort();
	if (!json_get(v, "cid"))
		json_set_uint(&v, "cid", enclave_free_cid(model));
	for (size_t i = 0; run->v && i < ARRAY_SIZE(told); i++)
		json_set(&v, told[i], sd_json_variant_ref(json_get(run->v, told[i])));
	json_set_bool(&v, "pool", memory_is_set(run->m));
	json_set_string(&v, "wish", wish_name(WISH_RUNNING));
	json_set_uint(&v, "launched", now.tv_sec);
	return v;
}

static int build(struct change *c, void *data, struct error *e)
{
	struct run *run = data;
	_cleanup_json_ sd_json_variant *v = properties_of(run, c->model);
	const char *name = json_string(run->p, "name");
	struct object *old = model_get(c->model, KIND_ENCLAVE, NULL, name ? name : "");
	struct object *o;
	int r;

	/* one that is terminated leaves its name to others */
	r = change_put(c, KIND_ENCLAVE, v, NULL,
		       old && INSTANCE(old)->ended ? PUT_REPLACE : PUT_CREATE, NULL, e);
	if (r < 0)
		return r;
	o = c->edits[0].new;
	r = enclave_check_size(o, run->least, e);
	return r < 0 ? r : enclave_check_start(run->m, c->model, o, false, e);
}

static void done(struct manager *m, const struct change *c, struct error *e, void *data)
{
	struct run *run = data;
	struct object *o;
	struct life *l;
	bool no_wait;

	if (e->code) {
		(void)varlink_fail(run->link, e);
		return;
	}
	o = c->edits[0].new;
	free(run->dir);
	run->dir = NULL;
	l = instances_begin(m, o);
	enclave_cell(l)->image = run->image;
	run->image = NULL;
	no_wait = json_flag(run->p, "no_wait");
	l->fresh = !no_wait;
	instances_wait(m, run->link, o->id, no_wait ? 0 : 1U << LIFE_RUNNING);
}

static int measure(void *data, struct error *e)
{
	struct run *run = data;

	return enclave_image_measure(run->file, run->copy, e);
}

static int take_measured(struct run *run, const struct helper_result *result, struct error *e)
{
	if (result->status < 0)
		return fail(e, ERR_INVALID, "'%s': %s", json_string(run->p, "image"),
			    result->message);
	if (sd_json_parse(result->output, 0, &run->v, NULL, NULL) < 0)
		return fail(e, ERR_FAILED, "the image was not measured");
	run->least = json_uint(run->v, "memory_min", 0);
	run->image = enclave_image_take(run->copy, run->v, e);
	run->copy = -1;
	return run->image ? 0 : -EINVAL;
}

static void on_measured(struct helper_result *result, void *userdata)
{
	_cleanup_error_ struct error e = {};
	struct run *run = userdata;
	struct request rq = { .build = build, .done = done, .release = run_free, .data = run };

	run->helper = NULL;
	if (take_measured(run, result, &e) >= 0) {
		storage_submit(run->m, &rq);
		return;
	}
	(void)varlink_fail(run->link, &e);
	run_free(run);
}

/**
 * serve_enclave_run - Run of io.nitro.Enclave
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_enclave_run(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct run *run = xcalloc(1, sizeof(*run));
	int r;

	run->m = m;
	run->link = sd_varlink_ref(link);
	run->p = sd_json_variant_ref(p);
	run->file = run->copy = -1;
	r = take_image(run, &e);
	/* what is refused anyway is refused before anything is copied */
	if (r >= 0)
		r = change_try(&m->model, build, run, &e);
	if (r >= 0 && m->instances->problem)
		r = fail(&e, ERR_FAILED, "%s", m->instances->problem);
	if (r >= 0)
		r = carrier_enclave.check(&e);
	if (r >= 0)
		r = instance_files_dir(m, KIND_ENCLAVE, json_string(p, "name"), &run->dir, &e);
	if (r >= 0)
		r = helper_fork(m->event, measure, run, on_measured, run, &run->helper, &e);
	if (r >= 0)
		return 1;
	r = varlink_fail(link, &e);
	run_free(run);
	return r;
}
