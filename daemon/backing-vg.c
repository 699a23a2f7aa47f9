// SPDX-License-Identifier: GPL-2.0
/*
 * Pools that are LVM thin pools: a thin logical volume for each volume, made by
 * LVM's own tools. Its name is the volume's ID, never what a user gave.
 */

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "backing.h"

/* Run a tool and take what it says; @ret may be NULL */
static int lvm(char *const argv[], char **ret, struct error *e)
{
	posix_spawn_file_actions_t actions;
	_cleanup_text_ struct text out = {}, err = {};
	int out_pipe[2], status, r;
	char buf[4096];
	ssize_t n;
	pid_t pid;
	FILE *f = tmpfile();

	if (!f || pipe2(out_pipe, O_CLOEXEC) < 0)
		return fail(e, ERR_FAILED, "cannot run '%s': %s", argv[0], strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out_pipe[1], 1);
	posix_spawn_file_actions_adddup2(&actions, fileno(f), 2);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(out_pipe[1]);
	while (!r && (n = read(out_pipe[0], buf, sizeof(buf))) > 0)
		text_add(&out, "%.*s", (int)n, buf);
	close(out_pipe[0]);
	if (r) {
		fclose(f);
		return fail(e, ERR_FAILED, "cannot run '%s': %s; is lvm2 installed?", argv[0],
			    strerror(r));
	}
	if (waitpid(pid, &status, 0) < 0)
		status = -1;
	rewind(f);
	while (status && fgets(buf, sizeof(buf), f)) {
		buf[strcspn(buf, "\n")] = '\0';
		/* warnings come before the reason */
		if (*buf && !strstr(buf, "WARNING"))
			text_add(&err, "%s%s", err.n ? "; " : "", buf + strspn(buf, " "));
	}
	fclose(f);
	if (status)
		return fail(e, ERR_FAILED, "%s: %s", argv[0], err.s ? err.s : "failed");
	if (ret)
		*ret = xstrdup(out.s ? out.s : "");
	return 0;
}

/* What lvs says of a volume group */
struct listing {
	sd_json_variant *report, *rows;
};

static void listing_free(struct listing *l)
{
	sd_json_variant_unref(l->report);
	*l = (struct listing){};
}

static int list(const struct pool *p, struct listing *ret, struct error *e)
{
	static char fields[] =
		"lv_name,lv_uuid,lv_size,pool_lv,segtype,data_percent,metadata_percent,vg_extent_size";
	char *const argv[] = { (char *)"lvs", (char *)"--reportformat", (char *)"json",
			       (char *)"--units", (char *)"b", (char *)"--nosuffix",
			       (char *)"-a", (char *)"-o", fields, p->vg, NULL };
	_cleanup_error_ struct error why = {};
	_cleanup_free_ char *out = NULL;
	sd_json_variant *outer;

	*ret = (struct listing){};
	if (lvm(argv, &out, &why) < 0)
		return backing_vanished(p, e, "%s", why.message);
	if (sd_json_parse(out, 0, &ret->report, NULL, NULL) < 0)
		return fail(e, ERR_FAILED, "lvs says what is no JSON");
	outer = sd_json_variant_by_key(ret->report, "report");
	outer = outer ? sd_json_variant_by_index(outer, 0) : NULL;
	ret->rows = outer ? sd_json_variant_by_key(outer, "lv") : NULL;
	return 0;
}

static sd_json_variant *find(const struct listing *l, const char *name)
{
	for (size_t i = 0; l->rows && i < sd_json_variant_elements(l->rows); i++) {
		sd_json_variant *row = sd_json_variant_by_index(l->rows, i);

		if (streq(json_string(row, "lv_name"), name))
			return row;
	}
	return NULL;
}

static uint64_t bytes(sd_json_variant *row, const char *key)
{
	const char *text = json_string(row, key);
	uint64_t v = 0;

	return text && !parse_uint(text, 0, UINT64_MAX, &v) ? v : 0;
}

/* The thin pool itself, which has to be the one that the pool was made in */
static sd_json_variant *thin_pool(const struct pool *p, const struct listing *l, struct error *e)
{
	sd_json_variant *row = find(l, p->thin);

	if (!row) {
		backing_vanished(p, e, "volume group '%s' has no '%s'", p->vg, p->thin);
		return NULL;
	}
	if (!streq(json_string(row, "segtype"), "thin-pool")) {
		fail(e, ERR_INVALID, "'%s/%s' of pool '%s' is no thin pool", p->vg, p->thin,
		     p->o.name);
		return NULL;
	}
	if (p->uuid && !streq(json_string(row, "lv_uuid"), p->uuid)) {
		backing_vanished(p, e, "'%s/%s' is not the thin pool that it was made in", p->vg,
				 p->thin);
		return NULL;
	}
	return row;
}

/* Its label is the UUID that it has anyway */
static int check(const struct backing_job *job, struct error *e)
{
	_cleanup_(listing_free) struct listing l;
	sd_json_variant *row, *v = NULL;

	if (list(job->pool, &l, e) < 0)
		return -EIO;
	row = thin_pool(job->pool, &l, e);
	if (!row)
		return -EINVAL;
	json_set_string(&v, "uuid", json_string(row, "lv_uuid"));
	backing_print(v);
	sd_json_variant_unref(v);
	return 0;
}

static uint64_t percent(sd_json_variant *row, const char *key, uint64_t of)
{
	const char *text = json_string(row, key);

	return text ? strtod(text, NULL) / 100 * of : 0;
}

static int usage(const struct backing_job *job, struct error *e)
{
	_cleanup_(listing_free) struct listing l;
	sd_json_variant *row, *v = NULL;
	uint64_t size, promised = 0;
	struct json_list volumes = {};

	if (list(job->pool, &l, e) < 0)
		return -EIO;
	row = thin_pool(job->pool, &l, e);
	if (!row)
		return -EINVAL;
	size = bytes(row, "lv_size");
	for (size_t i = 0; i < sd_json_variant_elements(l.rows); i++) {
		sd_json_variant *lv = sd_json_variant_by_index(l.rows, i);

		const char *name = json_string(lv, "lv_name");

		if (name && startswith(name, "vol-"))
			json_list_add_string(&volumes, name);
		if (streq(json_string(lv, "pool_lv"), job->pool->thin))
			promised += bytes(lv, "lv_size");
	}
	json_set_uint(&v, "size", size);
	json_set(&v, "volumes", json_list_take(&volumes));
	json_set_uint(&v, "used", percent(row, "data_percent", size));
	json_set_uint(&v, "promised", promised);
	json_set_uint(&v, "metadata_percent", percent(row, "metadata_percent", 100));
	backing_print(v);
	sd_json_variant_unref(v);
	return 0;
}

static char *device_path(const struct pool *p, const char *id)
{
	return xprintf("/dev/%s/%s", p->vg, id);
}

static int activate(const struct pool *p, const char *id, struct error *e)
{
	_cleanup_free_ char *lv = xprintf("%s/%s", p->vg, id);
	char *const argv[] = { (char *)"lvchange", (char *)"-K", (char *)"-ay", lv, NULL };

	return lvm(argv, NULL, e);
}

static int create(const struct backing_job *job, struct error *e)
{
	const struct pool *p = job->pool;
	_cleanup_free_ char *size = xprintf("%llub", (unsigned long long)job->size);
	_cleanup_free_ char *path = device_path(p, job->id), *pool = xprintf("%s/%s", p->vg, p->thin);
	char *const argv[] = { (char *)"lvcreate", (char *)"--yes", (char *)"--wipesignatures",
			       (char *)"n", (char *)"--addtag", (char *)"nitro", (char *)"-V", size,
			       (char *)"--thinpool", pool, (char *)"--name", (char *)job->id, NULL };
	_cleanup_close_ int fd = -1;
	int r = lvm(argv, NULL, e);

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot open '%s': %s", path, strerror(errno));
	r = backing_too_coarse(fd, job, e);
	return r < 0 ? r : backing_blank(fd, job, 0, e);
}

static int resize(const struct backing_job *job, struct error *e)
{
	_cleanup_free_ char *size = xprintf("%llub", (unsigned long long)job->size);
	_cleanup_free_ char *lv = xprintf("%s/%s", job->pool->vg, job->id);
	char *const argv[] = { (char *)"lvresize", (char *)"--yes", (char *)"--force",
			       (char *)"--fs", (char *)"ignore", (char *)"-L", size, lv, NULL };

	return lvm(argv, NULL, e);
}

static int remove_volume(const struct backing_job *job, struct error *e)
{
	_cleanup_free_ char *lv = xprintf("%s/%s", job->pool->vg, job->id);
	char *const argv[] = { (char *)"lvremove", (char *)"--yes", (char *)"--force", lv, NULL };

	return lvm(argv, NULL, e);
}

/* LVM rounds sizes up to whole extents */
static uint64_t rounded(sd_json_variant *row, uint64_t size)
{
	uint64_t extent = bytes(row, "vg_extent_size");

	return extent ? (size + extent - 1) / extent * extent : size;
}

static int change(const struct backing_job *job, sd_json_variant *row, struct error *e)
{
	uint64_t have = bytes(row, "lv_size");

	switch (job->action) {
	case BACKING_GROW:
		return have >= job->size ? 0 : resize(job, e);
	case BACKING_SETTLE:
		if (!job->size)
			return remove_volume(job, e);
		/* to the size that it has lvresize does not change it, which it calls a failure */
		return job->old_size && have > rounded(row, job->size) && have >= job->old_size ?
			resize(job, e) : 0;
	case BACKING_ADOPT:
		if (have < job->size)
			return fail(e, ERR_FAILED, "'%s/%s' is too short", job->pool->vg, job->id);
		break;
	default:
		break;
	}
	return activate(job->pool, job->id, e);
}

static int run(const struct backing_job *job, struct error *e)
{
	_cleanup_(listing_free) struct listing l = {};
	sd_json_variant *row;

	switch (job->action) {
	case BACKING_CHECK:
		return check(job, e);
	case BACKING_LABEL:
	case BACKING_UNLABEL:
		return 0;
	case BACKING_USAGE:
		return usage(job, e);
	default:
		break;
	}
	if (list(job->pool, &l, e) < 0 || !thin_pool(job->pool, &l, e))
		return -EIO;
	row = find(&l, job->id);
	if (job->action == BACKING_CREATE)
		return row ? fail(e, ERR_FAILED,
				  "volume group '%s' has a '%s' already, which nitrod does not know; apply the export that it belongs to, or remove it",
				  job->pool->vg, job->id) : create(job, e);
	if (row && !streq(json_string(row, "pool_lv"), job->pool->thin))
		return fail(e, ERR_FAILED, "'%s/%s' is not of thin pool '%s'", job->pool->vg,
			    job->id, job->pool->thin);
	if (row)
		return change(job, row, e);
	if (job->action == BACKING_SETTLE)
		return 0;
	return fail(e, ERR_FAILED, "pool '%s' does not have '%s/%s'", job->pool->o.name,
		    job->pool->vg, job->id);
}

static int open_volume(const struct pool *p, const struct volume *v, struct error *e)
{
	_cleanup_free_ char *path = device_path(p, v->o.id);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? fail(e, ERR_FAILED, "cannot open '%s': %s", path, strerror(errno)) : fd;
}

const struct backing_ops backing_vg = { .run = run, .open = open_volume };
