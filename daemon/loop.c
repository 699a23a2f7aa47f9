// SPDX-License-Identifier: GPL-2.0
/*
 * Loop devices: block devices for the files of a pool. They end by themselves
 * with their last user, so a nitrod that is killed leaves none behind.
 */

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "backing.h"

#define TRIES 64

static int configure(int loop, int file, uint32_t block_size)
{
	struct loop_config config = {
		.fd = file, .block_size = block_size,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO,
	};

	return ioctl(loop, LOOP_CONFIGURE, &config);
}

/**
 * loop_attach - a loop device for a file
 * @file: the file
 * @sector_size: of the volume; the loop's sectors are no larger
 * @e: says why not
 *
 * With direct I/O where the file system has it.
 *
 * Context: event loop.
 * Return: a file descriptor of the device, or a negative errno.
 */
int loop_attach(int file, uint32_t sector_size, struct error *e)
{
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return fail(e, ERR_FAILED, "cannot get a loop device: %s", strerror(errno));
	for (int i = 0; i < TRIES; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE), loop;
		_cleanup_free_ char *path = NULL;

		if (n < 0)
			break;
		path = xprintf("/dev/loop%d", n);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop < 0)
			break;
		if (!configure(loop, file, sector_size) ||
		    (errno == EINVAL && !configure(loop, file, 0)))
			return loop;
		close(loop);
		/* somebody else was faster with this one */
		if (errno != EBUSY)
			break;
	}
	return fail(e, ERR_FAILED, "cannot get a loop device: %s", strerror(errno));
}

/**
 * loop_resize - let a loop device see that its file has grown
 * @minor: the device
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int loop_resize(uint32_t minor, struct error *e)
{
	_cleanup_free_ char *path = xprintf("/dev/loop%u", minor);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, LOOP_SET_CAPACITY) < 0)
		return fail(e, ERR_FAILED, "cannot resize '%s': %s", path, strerror(errno));
	return 0;
}
