// SPDX-License-Identifier: GPL-2.0
/*
 * The format "newc" of Documentation/driver-api/early-userspace/buffer-format.rst. Times,
 * owners and inode numbers are not the files' own, and names are sorted, so that what was
 * copied or unpacked elsewhere gives the same archive.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cpio.h"

#define TRAILER "TRAILER!!!"
#define FILE_MAX ((1UL << 32) - 1)
#define CHUNK 65536
/* How the kernel's buffers are aligned; what comes behind begins there */
#define ALIGNMENT 4

static int failed(const char *name, struct why *why)
{
	return refuse_error(why, errno ?: EIO, "cannot pack '%s'", name);
}

static int put(struct cpio *cpio, const void *data, size_t n)
{
	if (n && fwrite(data, 1, n, cpio->file) != n)
		return -EIO;
	cpio->size += n;
	return 0;
}

static int pad(struct cpio *cpio)
{
	static const char zeros[ALIGNMENT];

	return put(cpio, zeros, -cpio->size % ALIGNMENT);
}

static int put_head(struct cpio *cpio, const char *name, mode_t mode, dev_t device, size_t size)
{
	char head[111];

	/* A number of its own for each, or they were links to each other */
	(void)snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		       ++cpio->entries, (unsigned int)mode, 0, 0, 1, 0, (unsigned int)size, 0, 0,
		       major(device), minor(device), (unsigned int)strlen(name) + 1, 0);
	return put(cpio, head, sizeof(head) - 1) ?: put(cpio, name, strlen(name) + 1) ?: pad(cpio);
}

/**
 * cpio_begin - begin an archive
 * @cpio: the archive
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int cpio_begin(struct cpio *cpio, struct why *why)
{
	int fd = memfd_create("nitro-ramdisk", MFD_CLOEXEC);

	*cpio = (struct cpio){ .file = fd < 0 ? NULL : fdopen(fd, "w") };
	if (cpio->file)
		return 0;
	if (fd >= 0)
		close(fd);
	return refuse_error(why, ENOMEM, "cannot make a ramdisk");
}

/**
 * cpio_add - add what is in memory
 * @cpio: the archive
 * @name: without a slash in front
 * @mode: kind and rights
 * @data: the contents
 * @size: their size
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int cpio_add(struct cpio *cpio, const char *name, mode_t mode, const void *data, size_t size,
	     struct why *why)
{
	errno = 0;
	if (size > FILE_MAX)
		return refuse(why, "'%s' has more than %lu bytes", name, FILE_MAX);
	if (put_head(cpio, name, mode, 0, size) || put(cpio, data, size) || pad(cpio))
		return failed(name, why);
	return 0;
}

static int add_contents(struct cpio *cpio, int fd, size_t size)
{
	char chunk[CHUNK];

	while (size) {
		ssize_t n = read(fd, chunk, size < CHUNK ? size : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || put(cpio, chunk, n))
			return -EIO;
		size -= n;
	}
	return pad(cpio);
}

static int add_file(struct cpio *cpio, int dir, const char *entry, const char *name,
		    struct why *why)
{
	int fd = openat(dir, entry, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), r = -EIO;
	struct stat st;

	errno = fd < 0 ? errno : 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if ((size_t)st.st_size > FILE_MAX) {
			close(fd);
			return refuse(why, "'%s' has more than %lu bytes", name, FILE_MAX);
		}
		r = put_head(cpio, name, st.st_mode, 0, st.st_size) ?:
			add_contents(cpio, fd, st.st_size);
	}
	if (r)
		(void)failed(name, why);
	if (fd >= 0)
		close(fd);
	return r;
}

static int add_link(struct cpio *cpio, int dir, const char *entry, const char *name,
		    struct why *why)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, entry, target, sizeof(target));

	return n < 0 ? failed(name, why) : cpio_add(cpio, name, S_IFLNK | 0777, target, n, why);
}

static int add_directory(struct cpio *cpio, int fd, const char *prefix, struct why *why);

static int add_entry(struct cpio *cpio, int dir, const char *entry, const char *prefix,
		     struct why *why)
{
	char name[PATH_MAX];
	struct stat st;
	int fd, n;

	n = snprintf(name, sizeof(name), "%s/%s", prefix, entry);
	if (n < 0 || (size_t)n >= sizeof(name))
		return refuse(why, "'%s/%s' is too long", prefix, entry);
	if (fstatat(dir, entry, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(name, why);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return add_file(cpio, dir, entry, name, why);
	case S_IFLNK:
		return add_link(cpio, dir, entry, name, why);
	case S_IFDIR:
		fd = openat(dir, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		return fd < 0 ? failed(name, why) : add_directory(cpio, fd, name, why);
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		errno = 0;
		return put_head(cpio, name, st.st_mode, st.st_rdev, 0) ? failed(name, why) : 0;
	default:
		return refuse(why, "'%s' is a socket, which no archive can have", name);
	}
}

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

/* By bytes: no language of the builder's */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Takes @fd */
static int add_directory(struct cpio *cpio, int fd, const char *prefix, struct why *why)
{
	struct dirent **entries = NULL;
	struct stat st;
	int n = -1, r = 0;

	if (fstat(fd, &st) == 0)
		r = cpio_add(cpio, prefix, st.st_mode, NULL, 0, why);
	if (!r)
		n = scandirat(fd, ".", &entries, is_entry, by_name);
	if (!r && n < 0)
		r = failed(prefix, why);
	for (int i = 0; i < n; i++) {
		if (!r)
			r = add_entry(cpio, fd, entries[i]->d_name, prefix, why);
		free(entries[i]);
	}
	free(entries);
	close(fd);
	return r;
}

/**
 * cpio_add_tree - add a directory and all that is in it
 * @cpio: the archive
 * @dir: the directory
 * @prefix: what it is called in the archive
 * @why: says why not
 *
 * All is root's, and what were links to one file are files of their own.
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int cpio_add_tree(struct cpio *cpio, const char *dir, const char *prefix, struct why *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? refuse_error(why, errno, "cannot open '%s'", dir) :
		add_directory(cpio, fd, prefix, why);
}

/**
 * cpio_end - end an archive
 * @cpio: the archive
 * @image: receives it
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int cpio_end(struct cpio *cpio, struct image *image, struct why *why)
{
	void *data = MAP_FAILED;

	*image = (struct image){ .fd = -1 };
	errno = 0;
	if (put_head(cpio, TRAILER, 0, 0, 0) || fflush(cpio->file) == EOF)
		return failed(TRAILER, why);
	image->fd = fcntl(fileno(cpio->file), F_DUPFD_CLOEXEC, 3);
	if (image->fd >= 0)
		data = mmap(NULL, cpio->size, PROT_READ, MAP_SHARED, image->fd, 0);
	if (data == MAP_FAILED) {
		(void)failed(TRAILER, why);
		if (image->fd >= 0)
			close(image->fd);
		return -EIO;
	}
	image->data = data;
	image->size = cpio->size;
	cpio_abort(cpio);
	return 0;
}

/**
 * cpio_abort - forget an archive
 * @cpio: the archive
 *
 * Context: any.
 */
void cpio_abort(struct cpio *cpio)
{
	if (cpio->file)
		(void)fclose(cpio->file);
	cpio->file = NULL;
}
