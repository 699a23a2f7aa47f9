// SPDX-License-Identifier: GPL-2.0
/*
 * Run: an instance with its ENIs and volumes is made as one change, or not at
 * all. Its kernel comes as an open file, so the caller has to be able to read
 * it; nitrod keeps a copy, so that it is the same when the host has restarted.
 */

#include <stdio.h>
#include <time.h>

#include "carrier.h"
#include "kernel.h"
#include "storage.h"
#include "varlink.h"

enum file { FILE_KERNEL, FILE_INITRD, FILES };

static const char *const file_names[FILES] = { "kernel", "initrd" };
static const char *const fd_names[FILES] = { "kernel_fd", "initrd_fd" };

/**
 * struct run - a call of Run under way
 * @m: the manager
 * @link: the connection
 * @p: the parameters
 * @dir: where the files are kept until the instance is made
 * @fds: the files
 * @helper: copies them
 */
struct run {
	struct manager *m;
	sd_varlink *link;
	sd_json_variant *p;
	char *dir;
	int fds[FILES];
	struct helper *helper;
};

static void run_free(void *data)
{
	struct run *run = data;

	helper_cancel(run->helper);
	if (run->dir)
		instance_dir_remove(run->m, strrchr(run->dir, '/') + 1);
	for (enum file f = 0; f < FILES; f++)
		close_fd(&run->fds[f]);
	sd_varlink_unref(run->link);
	sd_json_variant_unref(run->p);
	free(run->dir);
	free(run);
}

static int take_file(struct run *run, enum file f, struct error *e)
{
	sd_json_variant *index = json_get(run->p, fd_names[f]);
	const char *path = json_string(run->p, file_names[f]);

	if (!index && !path)
		return 0;
	if (!index || !path)
		return fail(e, ERR_INVALID, "'%s' and '%s' go together", file_names[f],
			    fd_names[f]);
	run->fds[f] = sd_varlink_take_fd(run->link, sd_json_variant_unsigned(index));
	return instance_file_check(run->fds[f], path, file_names[f], e);
}

static int copy_files(void *data, struct error *e)
{
	struct run *run = data;
	int r = 0;

	for (enum file f = 0; r >= 0 && f < FILES; f++) {
		_cleanup_free_ char *path = xprintf("%s/%s", run->dir, file_names[f]);

		if (run->fds[f] >= 0)
			r = instance_file_copy(run->fds[f], path, e);
	}
	return r;
}

static enum instance_kind kind_of(sd_json_variant *p)
{
	return json_flag(p, "metal") ? INSTANCE_METAL : INSTANCE_VM;
}

static sd_json_variant *properties_of(sd_json_variant *p)
{
	static const char *const own[] = {
		"enis", "volumes", "no_wait", "kernel_fd", "initrd_fd", "metal", NULL
	};
	sd_json_variant *v = sd_json_variant_ref(p);
	enum instance_kind kind = kind_of(p);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (sd_json_variant_filter(&v, (char **)own) < 0)
		abort();
	json_set_string(&v, "kind", instance_kind_name(kind));
	/* bare metal is this host, unless less of it is asked for */
	if (kind == INSTANCE_METAL && !json_get(p, "vcpus"))
		json_set_uint(&v, "vcpus", place_host_cpus());
	json_set_string(&v, "wish", wish_name(WISH_RUNNING));
	json_set_uint(&v, "launched", now.tv_sec);
	return v;
}

static int put_instance(struct change *c, struct run *run, struct error *e)
{
	_cleanup_json_ sd_json_variant *v = properties_of(run->p);
	const char *name = json_string(run->p, "name");
	struct object *old = model_get(c->model, KIND_INSTANCE, NULL, name ? name : "");
	struct object *o;

	/* one that is terminated leaves its name to others */
	if (change_put(c, KIND_INSTANCE, v, NULL,
		       old && INSTANCE(old)->ended ? PUT_REPLACE : PUT_CREATE, NULL, e) < 0)
		return -EINVAL;
	FOR_EACH_OBJECT(c->model, KIND_ENI, o)
		if (model_eni_is_held(o, name))
			return fail(e, ERR_IN_USE,
				    "ENI '%s' is attached to another '%s', which is not run by nitrod; 'eni detach %s' first",
				    o->name, name, o->name);
	FOR_EACH_OBJECT(c->model, KIND_VOLUME, o)
		if (model_volume_is_held(o, name))
			return fail(e, ERR_IN_USE,
				    "volume '%s' is attached to another '%s', which is not run by nitrod; 'volume detach %s' first",
				    o->name, name, o->name);
	return place_check(run->m, c->edits[0].new, e);
}

static int put_attached(struct change *c, struct object *o, const char *instance, size_t index,
			struct error *e)
{
	_cleanup_json_ sd_json_variant *body = object_body(o);
	sd_json_variant *attachment = NULL;

	json_set_string(&attachment, "kind", "instance");
	json_set_string(&attachment, "instance", instance);
	json_set_uint(&attachment, "index", index);
	json_set(&body, "attachment", attachment);
	return change_put(c, o->kind, body, NULL, PUT_REPLACE, NULL, e);
}

static int put_eni(struct change *c, const char *name, const char *instance, size_t index,
		   struct error *e)
{
	struct object *o = model_lookup(c->model, KIND_ENI, NULL, name, e);

	if (!o)
		return -ENOENT;
	if (!model_eni_is_local(c->model, ENI(o)))
		return fail(e, ERR_INVALID, "ENI '%s' is of host '%s', not of this one", o->name,
			    ENI(o)->host);
	if (ENI(o)->attachment.kind != ATTACH_NONE)
		return fail(e, ERR_IN_USE, "ENI '%s' is attached already; 'eni detach %s' first",
			    o->name, o->name);
	return put_attached(c, o, instance, index, e);
}

static int put_volume(struct change *c, const char *name, const char *instance, size_t index,
		      struct error *e)
{
	struct object *o = model_lookup(c->model, KIND_VOLUME, NULL, name, e);

	if (!o)
		return -ENOENT;
	if (VOLUME(o)->holder != HOLDER_NONE)
		return fail(e, ERR_IN_USE, "volume '%s' is attached already; 'volume detach %s' first",
			    o->name, o->name);
	return put_attached(c, o, instance, index, e);
}

static int put_list(struct change *c, sd_json_variant *list, const char *instance, size_t first,
		    size_t max, int (*put)(struct change *c, const char *name,
					   const char *instance, size_t index, struct error *e),
		    struct error *e)
{
	size_t n = list ? sd_json_variant_elements(list) : 0;
	int r = 0;

	if (n + first > max)
		return fail(e, ERR_INVALID, "instance '%s' would have %zu %ss, %zu are allowed",
			    instance, n + first, put == put_eni ? "ENI" : "volume", max);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = put(c, sd_json_variant_string(sd_json_variant_by_index(list, i)), instance,
			first + i, e);
	return r;
}

static int build(struct change *c, void *data, struct error *e)
{
	struct run *run = data;
	const char *name, *boot;
	int r = put_instance(c, run, e);

	if (r < 0)
		return r;
	name = c->edits[0].new->name;
	boot = INSTANCE(c->edits[0].new)->boot;
	r = boot ? put_volume(c, boot, name, 0, e) : 0;
	if (r >= 0)
		r = put_list(c, json_get(run->p, "volumes"), name, boot ? 1 : 0,
			     INSTANCE_VOLUMES_MAX, put_volume, e);
	if (r >= 0)
		r = put_list(c, json_get(run->p, "enis"), name, 0, INSTANCE_ENIS_MAX, put_eni, e);
	return r;
}

static void done(struct manager *m, const struct change *c, struct error *e, void *data)
{
	bool no_wait;
	struct run *run = data;
	struct object *o;
	struct life *l;

	if (e->code) {
		(void)varlink_fail(run->link, e);
		return;
	}
	o = c->edits[0].new;
	free(run->dir);
	run->dir = NULL;
	l = instances_begin(m, o);
	no_wait = json_flag(run->p, "no_wait");
	l->fresh = !no_wait;
	instances_wait(m, run->link, o->id, no_wait ? 0 : 1U << LIFE_RUNNING);
}

static void submit(struct run *run)
{
	struct request rq = { .build = build, .done = done, .release = run_free, .data = run };

	storage_submit(run->m, &rq);
}

static void on_copied(struct helper_result *result, void *userdata)
{
	_cleanup_error_ struct error e = {};
	struct run *run = userdata;

	run->helper = NULL;
	if (result->status >= 0) {
		submit(run);
		return;
	}
	fail(&e, ERR_FAILED, "%s", result->message);
	(void)varlink_fail(run->link, &e);
	run_free(run);
}

/**
 * serve_instance_run - Run of io.nitro.Instance
 * @link: the connection
 * @p: the parameters
 * @m: the manager
 *
 * Context: method call.
 * Return: what the method returns.
 */
int serve_instance_run(sd_varlink *link, sd_json_variant *p, struct manager *m)
{
	_cleanup_error_ struct error e = {};
	struct run *run = xcalloc(1, sizeof(*run));
	int r;

	run->m = m;
	run->link = sd_varlink_ref(link);
	run->p = sd_json_variant_ref(p);
	for (enum file f = 0; f < FILES; f++)
		run->fds[f] = -1;
	r = take_file(run, FILE_KERNEL, &e);
	if (r >= 0)
		r = take_file(run, FILE_INITRD, &e);
	/* what is refused anyway is refused before anything is copied */
	if (r >= 0)
		r = change_try(&m->model, build, run, &e);
	if (r >= 0 && m->instances->problem)
		r = fail(&e, ERR_FAILED, "%s", m->instances->problem);
	if (r >= 0)
		r = carrier_of_kind(kind_of(p))->check(&e);
	if (r >= 0)
		r = instance_files_dir(m, KIND_INSTANCE, json_string(p, "name"), &run->dir, &e);
	if (r >= 0 && run->fds[FILE_KERNEL] >= 0)
		r = helper_fork(m->event, copy_files, run, on_copied, run, &run->helper, &e);
	else if (r >= 0)
		submit(run);
	if (r >= 0)
		return 1;
	r = varlink_fail(link, &e);
	run_free(run);
	return r;
}
