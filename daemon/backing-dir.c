// SPDX-License-Identifier: GPL-2.0
/* Pools that are directories: a file for each volume. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "backing.h"

#define LABEL ".nitro-pool"

/* Not openat2(), which the RestrictSUIDSGID= of the unit takes away. A name is one
 * part of a path, so it is enough that this part is no link.
 */
static int open_at(int dir, const char *name, int flags, mode_t mode)
{
	return openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

static const char *why_not_dir(int dir, const char *part)
{
	int error = errno;
	struct stat st;

	if (error == ENOENT)
		return "does not exist";
	if (error != ENOTDIR && error != ELOOP)
		return strerror(error);
	if (!fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode))
		return "is a link; name the directory itself";
	return "is no directory";
}

/* Whoever may rename a part of the path decides what nitrod writes to */
static int check_owner(const struct pool *p, int fd, const char *part, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail(e, ERR_FAILED, "cannot look at '%s': %s", part, strerror(errno));
	if (st.st_uid && st.st_uid != geteuid())
		return fail(e, ERR_INVALID, "pool '%s': '%s' belongs to user %u, not to root",
			    p->o.name, part, st.st_uid);
	if ((st.st_mode & 0022) && !(st.st_mode & S_ISVTX))
		return fail(e, ERR_INVALID, "pool '%s': '%s' can be written by others than root",
			    p->o.name, part);
	return 0;
}

/* Each part of the path in turn, without following a link */
static int open_dir(const struct pool *p, struct error *e)
{
	_cleanup_free_ char *copy = xstrdup(p->path + 1), *shown = xstrdup("/");
	char *rest = copy, *part;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next, r = 0;

	while (r >= 0 && (part = strsep(&rest, "/"))) {
		char *longer = xprintf("%s%s%s", shown, shown[1] ? "/" : "", part);

		free(shown);
		shown = longer;
		next = open_at(fd, part, O_RDONLY | O_DIRECTORY, 0);
		if (next < 0)
			r = fail(e, ERR_INVALID, "pool '%s': '%s' %s", p->o.name, shown,
				 why_not_dir(fd, part));
		else
			r = check_owner(p, next, shown, e);
		close(fd);
		fd = next;
	}
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* Return: the label, NULL if the directory has none */
static char *read_label(int dir)
{
	_cleanup_close_ int fd = open_at(dir, LABEL, O_RDONLY | O_NONBLOCK, 0);
	char buf[128];
	ssize_t n;

	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n < 0)
		return NULL;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return xstrdup(buf);
}

static int open_pool(const struct pool *p, struct error *e)
{
	_cleanup_error_ struct error why = {};
	_cleanup_free_ char *label = NULL;
	int dir = open_dir(p, &why);

	if (dir < 0)
		return backing_vanished(p, e, "%s", why.message);
	label = read_label(dir);
	if (streq(label, p->uuid))
		return dir;
	close(dir);
	return backing_vanished(p, e, "'%s' is not the directory that it was made in%s", p->path,
				label ? "" : "; is its file system mounted?");
}

static int check(const struct backing_job *job, struct error *e)
{
	const struct pool *p = job->pool;
	_cleanup_close_ int dir = open_dir(p, e);
	_cleanup_free_ char *label = NULL;

	if (dir < 0)
		return dir;
	label = read_label(dir);
	if (p->uuid && !streq(label, p->uuid))
		return fail(e, ERR_INVALID, "'%s' is not the directory that pool '%s' was made in",
			    p->path, p->o.name);
	if (!p->uuid && label)
		return fail(e, ERR_INVALID,
			    "'%s' holds a pool already; if it is given up, delete '%s/" LABEL "'",
			    p->path, p->path);
	return 0;
}

static int write_label(const struct backing_job *job, struct error *e)
{
	_cleanup_close_ int dir = open_dir(job->pool, e), fd = -1;
	_cleanup_free_ char *text = xprintf("%s\n", job->uuid);
	int r;

	if (dir < 0)
		return dir;
	fd = open_at(dir, LABEL, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot write to '%s': %s", job->pool->path,
			    strerror(errno));
	r = backing_write(fd, LABEL, 0, text, strlen(text), e);
	if (r >= 0 && (fsync(fd) < 0 || fsync(dir) < 0))
		r = fail(e, ERR_FAILED, "cannot write to '%s': %s", job->pool->path,
			 strerror(errno));
	return r;
}

static int remove_label(const struct backing_job *job, struct error *e)
{
	_cleanup_close_ int dir = open_dir(job->pool, e);
	_cleanup_free_ char *label = dir < 0 ? NULL : read_label(dir);

	if (dir < 0)
		return dir;
	if (label && streq(label, job->uuid ? job->uuid : job->pool->uuid) &&
	    unlinkat(dir, LABEL, 0) < 0)
		return fail(e, ERR_FAILED, "cannot write to '%s': %s", job->pool->path,
			    strerror(errno));
	(void)fsync(dir);
	return 0;
}

/* What the files of volumes take, and what there is left for more */
static int usage(const struct backing_job *job, struct error *e)
{
	_cleanup_close_ int dir = open_pool(job->pool, e);
	uint64_t used = 0, promised = 0;
	struct json_list volumes = {};
	sd_json_variant *v = NULL;
	struct statvfs fs;
	struct dirent *entry;
	struct stat st;
	DIR *d;

	if (dir < 0)
		return dir;
	d = fdopendir(dup(dir));
	if (!d || fstatvfs(dir, &fs) < 0)
		return fail(e, ERR_FAILED, "cannot look at '%s': %s", job->pool->path,
			    strerror(errno));
	while ((entry = readdir(d))) {
		if (!startswith(entry->d_name, "vol-") ||
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		json_list_add_string(&volumes, entry->d_name);
		used += st.st_blocks * 512ULL;
		if (st.st_size > st.st_blocks * 512LL)
			promised += st.st_size - st.st_blocks * 512ULL;
	}
	closedir(d);
	json_set_uint(&v, "used", used);
	json_set_uint(&v, "promised", promised);
	json_set(&v, "volumes", json_list_take(&volumes));
	json_set_uint(&v, "free", (uint64_t)fs.f_bavail * fs.f_frsize);
	backing_print(v);
	sd_json_variant_unref(v);
	return 0;
}

/* Space for good, unless the pool is sparse; new bytes read as zeros */
static int extend(const struct backing_job *job, int fd, struct error *e)
{
	int r = job->pool->sparse ? ftruncate(fd, job->size) :
		fallocate(fd, 0, 0, job->size);

	if (r < 0)
		return errno == EOPNOTSUPP ?
			fail(e, ERR_INVALID,
			     "the file system of pool '%s' cannot reserve space; make the pool with --sparse",
			     job->pool->o.name) :
			fail(e, ERR_FAILED, "pool '%s' has no space for %s: %s",
			     job->pool->o.name, job->id, strerror(errno));
	if (fsync(fd) < 0)
		return fail(e, ERR_FAILED, "cannot write to '%s': %s", job->pool->path,
			    strerror(errno));
	return 0;
}

static int create(const struct backing_job *job, int dir, struct error *e)
{
	_cleanup_close_ int fd = open_at(dir, job->id, O_RDWR | O_CREAT | O_EXCL, 0600);
	int r;

	if (fd < 0 && errno == EEXIST)
		return fail(e, ERR_FAILED,
			    "pool '%s' has a file '%s' already, which nitrod does not know; apply the export that it belongs to, or move it away",
			    job->pool->o.name, job->id);
	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot write to '%s': %s", job->pool->path,
			    strerror(errno));
	r = extend(job, fd, e);
	if (r >= 0)
		r = backing_blank(fd, job, 0, e);
	if (r >= 0 && fsync(dir) < 0)
		r = fail(e, ERR_FAILED, "cannot write to '%s': %s", job->pool->path,
			 strerror(errno));
	return r;
}

static int open_file(const struct pool *p, int dir, const char *id, int flags, struct stat *st,
		     struct error *e)
{
	int fd = open_at(dir, id, flags | O_NONBLOCK, 0);

	if (fd < 0)
		return fail(e, ERR_FAILED, "pool '%s' does not have the file '%s': %s", p->o.name,
			    id, strerror(errno));
	if (fstat(fd, st) >= 0 && S_ISREG(st->st_mode))
		return fd;
	close(fd);
	return fail(e, ERR_FAILED, "'%s' in pool '%s' is no file", id, p->o.name);
}

static int resize(const struct backing_job *job, int dir, struct error *e)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = open_file(job->pool, dir, job->id, O_RDWR, &st, e);
	if (fd < 0)
		return fd;
	if (job->action == BACKING_ADOPT)
		return (uint64_t)st.st_size >= job->size ? 0 :
			fail(e, ERR_FAILED, "the file '%s' in pool '%s' is too short", job->id,
			     job->pool->o.name);
	if (job->action == BACKING_GROW)
		return extend(job, fd, e);
	/* what lies behind the end was never the volume's */
	if ((uint64_t)st.st_size > job->size && (ftruncate(fd, job->size) < 0 || fsync(fd) < 0))
		return fail(e, ERR_FAILED, "cannot write to '%s': %s", job->pool->path,
			    strerror(errno));
	return 0;
}

static int run(const struct backing_job *job, struct error *e)
{
	_cleanup_close_ int dir = -1;

	switch (job->action) {
	case BACKING_CHECK:
		return check(job, e);
	case BACKING_LABEL:
		return write_label(job, e);
	case BACKING_UNLABEL:
		return remove_label(job, e);
	case BACKING_USAGE:
		return usage(job, e);
	default:
		break;
	}
	dir = open_pool(job->pool, e);
	if (dir < 0)
		return dir;
	if (job->action == BACKING_CREATE)
		return create(job, dir, e);
	if (job->action == BACKING_ACTIVATE)
		return 0;
	if (job->action != BACKING_SETTLE || job->size)
		return resize(job, dir, e);
	if (unlinkat(dir, job->id, 0) < 0 && errno != ENOENT)
		return fail(e, ERR_FAILED, "cannot delete '%s' in pool '%s': %s", job->id,
			    job->pool->o.name, strerror(errno));
	(void)fsync(dir);
	return 0;
}

static int open_volume(const struct pool *p, const struct volume *v, struct error *e)
{
	_cleanup_close_ int dir = open_pool(p, e), fd = -1;
	struct stat st;

	if (dir < 0)
		return dir;
	fd = open_file(p, dir, v->o.id, O_RDWR, &st, e);
	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size < v->size)
		return fail(e, ERR_FAILED, "the file '%s' in pool '%s' is too short", v->o.id,
			    p->o.name);
	return loop_attach(fd, v->sector_size, e);
}

const struct backing_ops backing_dir = { .run = run, .open = open_volume };
