// SPDX-License-Identifier: GPL-2.0
/*
 * Pools that are a partition or disk: nitrod gives out extents of it. The first
 * MiB holds a label, so that another disk of the same name is not taken for it.
 */

#include <fcntl.h>
#include <linux/fs.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "backing.h"

#define MAGIC "nitro-pool 1 "
#define ZERO_STEP (64ULL << 20)

static int open_device(const struct pool *p, int flags, struct error *e)
{
	struct stat st;
	int fd;

	fd = open(p->path, flags | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(e, ERR_INVALID, "pool '%s': device '%s' %s", p->o.name, p->path,
			    errno == ENOENT ? "does not exist" :
			    errno == EBUSY ? "is in use: mounted, or part of something else" :
			    strerror(errno));
	if (fstat(fd, &st) >= 0 && S_ISBLK(st.st_mode))
		return fd;
	close(fd);
	return fail(e, ERR_INVALID, "pool '%s': '%s' is no block device", p->o.name, p->path);
}

static char *read_label(int fd)
{
	char buf[128] = "";
	ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);

	if (n < (ssize_t)strlen(MAGIC) || !startswith(buf, MAGIC))
		return NULL;
	buf[strcspn(buf, "\n")] = '\0';
	return xstrdup(buf + strlen(MAGIC));
}

static int open_pool(const struct pool *p, struct error *e)
{
	_cleanup_error_ struct error why = {};
	_cleanup_free_ char *label = NULL;
	int fd = open_device(p, O_RDWR, &why);

	if (fd < 0)
		return backing_vanished(p, e, "%s", why.message);
	label = read_label(fd);
	if (streq(label, p->uuid))
		return fd;
	close(fd);
	return backing_vanished(p, e, "'%s' is not the device that it was made on", p->path);
}

/* libblkid's own judgement, from its own tool */
static int check_signature(const struct pool *p, struct error *e)
{
	/* -D: that it is a partition itself is nothing that it holds */
	char *const argv[] = { (char *)"blkid", (char *)"-p", (char *)"-D", (char *)"-o",
			       (char *)"udev", (char *)"--", p->path, NULL };
	posix_spawn_file_actions_t quiet;
	int status, r;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, "blkid", &quiet, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&quiet);
	if (r || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return fail(e, ERR_FAILED, "cannot look for file systems on '%s'", p->path);
	/* 2: there is nothing */
	if (WEXITSTATUS(status) == 2)
		return 0;
	return fail(e, ERR_INVALID,
		    "device '%s' holds a file system, partitions or the like; 'wipefs -a %s' if they may go",
		    p->path, p->path);
}

static int check(const struct backing_job *job, struct error *e)
{
	const struct pool *p = job->pool;
	/* exclusive: neither mounted nor held by another driver */
	_cleanup_close_ int fd = open_device(p, O_RDWR | O_EXCL, e);
	_cleanup_free_ char *label = NULL;
	uint64_t size = 0;

	if (fd < 0)
		return fd;
	label = read_label(fd);
	if (p->uuid && !streq(label, p->uuid))
		return fail(e, ERR_INVALID, "'%s' is not the device that pool '%s' was made on",
			    p->path, p->o.name);
	if (!p->uuid && label)
		return fail(e, ERR_INVALID,
			    "'%s' holds a pool already; if it is given up, 'dd if=/dev/zero of=%s bs=4k count=1'",
			    p->path, p->path);
	if (ioctl(fd, BLKGETSIZE64, &size) < 0 || size < 4 * LABEL_SIZE)
		return fail(e, ERR_INVALID, "device '%s' is too small for a pool", p->path);
	return p->uuid ? 0 : check_signature(p, e);
}

static int write_label(const struct backing_job *job, const char *text, struct error *e)
{
	_cleanup_close_ int fd = open_device(job->pool, O_RDWR, e);
	char block[4096] = "";
	int r;

	if (fd < 0)
		return fd;
	(void)snprintf(block, sizeof(block), "%s%s", text ? MAGIC : "", text ? text : "");
	if (text)
		block[strlen(block)] = '\n';
	r = backing_write(fd, job->pool->path, 0, block, sizeof(block), e);
	if (r >= 0 && fsync(fd) < 0)
		r = fail(e, ERR_FAILED, "cannot write '%s': %s", job->pool->path, strerror(errno));
	return r;
}

static int remove_label(const struct backing_job *job, struct error *e)
{
	_cleanup_close_ int fd = open_device(job->pool, O_RDONLY, e);
	_cleanup_free_ char *label = fd < 0 ? NULL : read_label(fd);

	if (fd < 0)
		return fd;
	return label && streq(label, job->uuid ? job->uuid : job->pool->uuid) ?
		write_label(job, NULL, e) : 0;
}

static int usage(const struct backing_job *job, struct error *e)
{
	_cleanup_close_ int fd = open_pool(job->pool, e);
	sd_json_variant *v = NULL;
	uint64_t size;

	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return backing_vanished(job->pool, e, "%s", strerror(errno));
	json_set_uint(&v, "size", size);
	backing_print(v);
	sd_json_variant_unref(v);
	return 0;
}

static int zero_range(const struct backing_job *job, int fd, uint64_t from, uint64_t to,
		struct error *e)
{
	for (uint64_t at = from; at < to; at += ZERO_STEP) {
		uint64_t range[2] = { at, to - at < ZERO_STEP ? to - at : ZERO_STEP };

		if (ioctl(fd, BLKZEROOUT, range) < 0)
			return fail(e, ERR_FAILED, "cannot zero '%s': %s", job->pool->path,
				    strerror(errno));
	}
	return 0;
}

/*
 * What was a volume's before is the ciphertext of a key that is gone. What has
 * never been one may be somebody's plaintext, and is zeroed.
 */
static int clean(const struct backing_job *job, int fd, uint64_t from, struct error *e)
{
	uint64_t to = job->offset + job->size;

	from = from > job->clean_to ? from : job->clean_to;
	return from < to ? zero_range(job, fd, from, to, e) : 0;
}

static int run(const struct backing_job *job, struct error *e)
{
	_cleanup_close_ int fd = -1;
	uint64_t size = 0;
	int r;

	switch (job->action) {
	case BACKING_CHECK:
		return check(job, e);
	case BACKING_LABEL:
		return write_label(job, job->uuid, e);
	case BACKING_UNLABEL:
		return remove_label(job, e);
	case BACKING_USAGE:
		return usage(job, e);
	default:
		break;
	}
	fd = open_pool(job->pool, e);
	if (fd < 0)
		return fd;
	if (job->action == BACKING_SETTLE) {
		uint64_t range[2] = { job->offset, job->old_size };

		/* without a volume nobody needs the bytes; a hint, no more */
		if (!job->size && job->old_size)
			(void)ioctl(fd, BLKDISCARD, range);
		return 0;
	}
	if (ioctl(fd, BLKGETSIZE64, &size) < 0 || job->offset + job->size > size)
		return fail(e, ERR_FAILED, "pool '%s' ends before %s does", job->pool->o.name,
			    job->id);
	r = backing_too_coarse(fd, job, e);
	if (r >= 0 && job->action == BACKING_GROW)
		r = clean(job, fd, job->offset + job->old_size, e);
	if (r >= 0 && job->action == BACKING_CREATE)
		r = clean(job, fd, job->offset, e);
	if (r >= 0 && job->action == BACKING_CREATE)
		r = backing_blank(fd, job, job->offset, e);
	if (r >= 0 && fsync(fd) < 0)
		r = fail(e, ERR_FAILED, "cannot write '%s': %s", job->pool->path, strerror(errno));
	return r;
}

static int open_volume(const struct pool *p, const struct volume *v, struct error *e)
{
	(void)v;
	return open_pool(p, e);
}

const struct backing_ops backing_device = { .run = run, .open = open_volume };
