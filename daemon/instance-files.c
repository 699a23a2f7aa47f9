// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel and initial ramdisk of an instance that is being made: they come as open
 * files, so whoever asks has to be able to read them, and are copied beside the place
 * where they belong when the instance is in the store.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "instances.h"

#define FILE_MAX_SIZE (2ULL << 30)

/**
 * instance_file_check - can a file be a kernel or an initial ramdisk?
 * @fd: the file, below zero if there is none
 * @path: what the user calls it
 * @what: "kernel" or "initrd"
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int instance_file_check(int fd, const char *path, const char *what, struct error *e)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, ERR_INVALID, "'%s' was not sent along", path);
	if (!S_ISREG(st.st_mode))
		return fail(e, ERR_INVALID, "'%s' is no file", path);
	if (!st.st_size || (uint64_t)st.st_size > FILE_MAX_SIZE)
		return fail(e, ERR_INVALID, "'%s' cannot be a %s: it has %lld bytes", path, what,
			    (long long)st.st_size);
	return 0;
}

/**
 * instance_file_copy - keep a copy of a file
 * @from: the file
 * @path: the copy, which must not be there
 * @e: says why not
 *
 * Whoever the VMM runs as may read the copy, and reach it by nitrod only.
 *
 * Context: in a helper.
 * Return: 0 or a negative errno.
 */
int instance_file_copy(int from, const char *path, struct error *e)
{
	int to = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	off_t at = 0;
	ssize_t n = 1;

	while (to >= 0 && n > 0)
		n = copy_file_range(from, &at, to, NULL, 1 << 30, 0);
	if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP)) {
		char buf[65536];

		while ((n = pread(from, buf, sizeof(buf), at)) > 0 && write(to, buf, n) == n)
			at += n;
	}
	if (to < 0 || n || fchmod(to, 0444) < 0 || fsync(to) < 0) {
		fail(e, ERR_FAILED, "cannot write '%s': %s", path, strerror(errno));
		close_fd(&to);
		return -EIO;
	}
	close_fd(&to);
	return 0;
}

/**
 * instance_files_dir - where the files of an instance are gathered
 * @m: the manager
 * @kind: KIND_INSTANCE or KIND_ENCLAVE
 * @name: the instance, which is not in the store yet
 * @ret: the directory, to be freed; named by the ID, so that the next nitrod knows whose
 *	it is
 * @e: says why it cannot be made
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int instance_files_dir(const struct manager *m, enum object_kind kind, const char *name,
		       char **ret, struct error *e)
{
	_cleanup_free_ char *parent = xprintf("%s/instances", m->state_dir);
	_cleanup_free_ char *id = object_make_id(kind_ops[kind]->id_prefix, NULL, name, 0);
	char *dir = xprintf("%s/" INSTANCE_NEW "%s", parent, id);
	int r = 0;

	(void)mkdir(parent, 0700);
	if (mkdir(dir, 0700) < 0)
		r = errno == EEXIST ?
			fail(e, ERR_EXISTS, "%s '%s' is being made already",
			     kind_ops[kind]->label, name) :
			fail(e, ERR_FAILED, "cannot make '%s': %s", dir, strerror(errno));
	if (r < 0)
		free(dir);
	else
		*ret = dir;
	return r;
}
