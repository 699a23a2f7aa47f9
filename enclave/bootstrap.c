// SPDX-License-Identifier: GPL-2.0
/*
 * Two ramdisks, as AWS's images have: the first has what is the same for every application
 * (PCR1), the second the application (PCR2), in a directory that the first changes into.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bootstrap.h"

#define INIT_MAX (64UL << 20)
#define ROOTFS "rootfs"

static int add_init(struct cpio *cpio, const char *path, struct why *why)
{
	struct image file;
	int r = image_open(path, INIT_MAX, &file, why);

	if (r)
		return r;
	r = cpio_add(cpio, "init", S_IFREG | 0755, file.data, file.size, why);
	image_close(&file);
	return r;
}

static int add_directories(struct cpio *cpio, const char *const names[], struct why *why)
{
	int r = 0;

	for (size_t i = 0; !r && names[i]; i++)
		r = cpio_add(cpio, names[i], S_IFDIR | 0755, NULL, 0, why);
	return r;
}

/**
 * bootstrap_first - make the first ramdisk
 * @b: what the enclave is made of
 * @ramdisk: receives it
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int bootstrap_first(const struct bootstrap *b, struct image *ramdisk, struct why *why)
{
	static const char *const directories[] = { "dev", "modules", ROOTFS, NULL };
	struct cpio cpio;
	int r = cpio_begin(&cpio, why);

	if (r)
		return r;
	r = add_directories(&cpio, directories, why);
	if (!r)
		r = add_init(&cpio, b->init, why);
	if (!r)
		r = modules_add(&cpio, b->modules, why);
	if (!r)
		r = cpio_end(&cpio, ramdisk, why);
	if (r)
		cpio_abort(&cpio);
	return r;
}

/* What runs has to be there, and nobody sees why an enclave does not start */
static int check_program(const struct bootstrap *b, struct why *why)
{
	const char *command = b->command ?: "/init";
	size_t n = strcspn(command, " ");
	char path[PATH_MAX];
	int length, fd;

	if (*command != '/' || n == 1)
		return refuse(why, "the command '%s' does not begin with '/'", command);
	fd = open(b->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return refuse_error(why, errno, "cannot open '%s'", b->rootfs);
	length = snprintf(path, sizeof(path), "%.*s", (int)n - 1, command + 1);
	/* A link may lead to where it does from the enclave's root alone */
	if (length < 0 || (size_t)length >= sizeof(path) ||
	    faccessat(fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		close(fd);
		return refuse(why, "there is no '%.*s' in '%s'", (int)n, command, b->rootfs);
	}
	close(fd);
	return 0;
}

/* A word per line */
static int add_command(struct cpio *cpio, const char *command, struct why *why)
{
	char *lines = strdup(command), *p = lines;
	int r;

	if (!lines)
		return refuse_error(why, ENOMEM, "cannot keep the command");
	while ((p = strchr(p, ' ')))
		*p = '\n';
	r = cpio_add(cpio, "command", S_IFREG | 0644, lines, strlen(lines), why);
	free(lines);
	return r;
}

/**
 * bootstrap_application - make the second ramdisk
 * @b: what the enclave is made of
 * @ramdisk: receives it
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int bootstrap_application(const struct bootstrap *b, struct image *ramdisk, struct why *why)
{
	/* Mounted over; a directory that is there already keeps its contents */
	static const char *const directories[] = {
		ROOTFS, ROOTFS "/dev", ROOTFS "/proc", ROOTFS "/run", ROOTFS "/sys", ROOTFS "/tmp",
		NULL
	};
	struct cpio cpio;
	int r = check_program(b, why);

	if (!r)
		r = cpio_begin(&cpio, why);
	if (r)
		return r;
	r = add_directories(&cpio, directories, why);
	if (!r && b->command)
		r = add_command(&cpio, b->command, why);
	if (!r)
		r = cpio_add_tree(&cpio, b->rootfs, ROOTFS, why);
	if (!r)
		r = cpio_end(&cpio, ramdisk, why);
	if (r)
		cpio_abort(&cpio);
	return r;
}
