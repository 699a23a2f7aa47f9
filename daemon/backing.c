// SPDX-License-Identifier: GPL-2.0
/* What the kinds of pools share. */

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "backing.h"

static const struct backing_ops *const ops[POOL_KIND_MAX] = {
	[POOL_DIR] = &backing_dir, [POOL_VG] = &backing_vg, [POOL_DEVICE] = &backing_device,
};

/**
 * backing_run - do a job
 * @job: struct backing_job
 * @e: says why it cannot be done
 *
 * Context: helper process.
 * Return: 0 or a negative errno.
 */
int backing_run(void *job, struct error *e)
{
	const struct backing_job *j = job;

	return ops[j->pool->kind]->run(j, e);
}

/**
 * backing_open - open the block device that a volume's bytes lie on
 * @p: its pool
 * @v: the volume, its space made ready by BACKING_ACTIVATE
 * @e: says why not
 *
 * Context: event loop.
 * Return: a file descriptor of a block device, or a negative errno.
 */
int backing_open(const struct pool *p, const struct volume *v, struct error *e)
{
	return ops[p->kind]->open(p, v, e);
}

/**
 * backing_write - write all of a buffer
 * @fd: the file or device
 * @what: its name, for errors
 * @at: where
 * @data: what
 * @size: how much
 * @e: says why not
 *
 * Context: helper process.
 * Return: 0 or a negative errno.
 */
int backing_write(int fd, const char *what, uint64_t at, const void *data, size_t size,
		  struct error *e)
{
	const char *p = data;

	while (size) {
		ssize_t n = pwrite(fd, p, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(e, ERR_FAILED, "cannot write '%s': %s", what,
				    strerror(n ? errno : ENOSPC));
		p += n;
		at += n;
		size -= n;
	}
	return 0;
}

/**
 * backing_blank - let a new volume begin and end with zeros
 * @fd: the file or device
 * @job: the job
 * @base: where the volume begins
 * @e: says why not
 *
 * Context: helper process.
 * Return: 0 or a negative errno; what was written is on disk.
 */
int backing_blank(int fd, const struct backing_job *job, uint64_t base, struct error *e)
{
	int r = 0;

	if (job->head)
		r = backing_write(fd, job->id, base, job->head, BLANK_SIZE, e);
	if (r >= 0 && job->tail)
		r = backing_write(fd, job->id, base + job->size - BLANK_SIZE, job->tail,
				  BLANK_SIZE, e);
	if (r >= 0 && fsync(fd) < 0)
		r = fail(e, ERR_FAILED, "cannot write '%s': %s", job->id, strerror(errno));
	return r;
}

/**
 * backing_vanished - a pool is not what it was
 * @p: the pool
 * @e: gets the sentence
 * @fmt: printf format of the reason
 *
 * Context: any.
 * Return: a negative errno.
 */
int backing_vanished(const struct pool *p, struct error *e, const char *fmt, ...)
{
	_cleanup_free_ char *reason = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&reason, fmt, ap) < 0)
		abort();
	va_end(ap);
	/* what has no label yet is only about to become a pool */
	return fail(e, ERR_FAILED, "pool '%s' %s: %s", p->o.name,
		    p->uuid ? "has vanished" : "cannot be made", reason);
}

/**
 * backing_too_coarse - are the sectors of the device larger than the volume's?
 * @fd: the device
 * @job: the job
 * @e: says so
 *
 * Context: helper process.
 * Return: 0 or a negative errno.
 */
int backing_too_coarse(int fd, const struct backing_job *job, struct error *e)
{
	int size = 512;

	if (ioctl(fd, BLKSSZGET, &size) < 0 || (uint32_t)size <= job->sector_size)
		return 0;
	return fail(e, ERR_INVALID,
		    "pool '%s' has sectors of %d bytes, so a volume in it cannot have sectors of %u",
		    job->pool->o.name, size, job->sector_size);
}

/**
 * backing_print - give a result to nitrod
 * @v: the result
 *
 * Context: helper process, once.
 */
void backing_print(sd_json_variant *v)
{
	_cleanup_free_ char *text = NULL;

	if (sd_json_variant_format(v, 0, &text) < 0)
		abort();
	dprintf(STDOUT_FILENO, "%s\n", text);
}
