// SPDX-License-Identifier: GPL-2.0
/* What is measured has to be what runs, so it is copied first and sealed. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"

#define CHUNK (1UL << 20)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t written = write(fd, p, n);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		p += written;
		n -= written;
	}
	return 0;
}

/* Any file, pipes too */
static int copy(int from, int to, size_t most, size_t *size, struct why *why)
{
	uint8_t *chunk = malloc(CHUNK);
	int err = chunk ? 0 : -ENOMEM;

	*size = 0;
	while (!err) {
		ssize_t n = read(from, chunk, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : 0;
			break;
		}
		*size += n;
		if (*size > most) {
			free(chunk);
			return refuse(why, "it has more than %zu bytes", most);
		}
		err = write_all(to, chunk, n);
	}
	free(chunk);
	return err ? refuse_error(why, -err, "cannot read it") : 0;
}

/**
 * image_fill - copy a file into a memfd and seal that
 * @fd: the file, from where it stands
 * @most: how large it may be
 * @image: has the memfd, empty; receives the contents
 * @why: says why not
 *
 * Context: waits for the file.
 * Return: 0 or a negative errno.
 */
int image_fill(int fd, size_t most, struct image *image, struct why *why)
{
	void *data;
	int err;

	err = copy(fd, image->fd, most, &image->size, why);
	if (err)
		return err;
	if (fcntl(image->fd, F_ADD_SEALS, SEALS) < 0)
		return refuse_error(why, errno, "it cannot be sealed");
	if (!image->size)
		return 0;
	data = mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, image->fd, 0);
	if (data == MAP_FAILED)
		return refuse_error(why, errno, "it cannot be mapped");
	image->data = data;
	return 0;
}

/**
 * image_load - make a sealed copy of a file
 * @fd: the file, from where it stands
 * @most: how large it may be
 * @image: receives the copy
 * @why: says why not
 *
 * Context: waits for the file.
 * Return: 0 or a negative errno.
 */
int image_load(int fd, size_t most, struct image *image, struct why *why)
{
	int err;

	*image = (struct image){ .fd = -1 };
	image->fd = memfd_create("nitro-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (image->fd < 0)
		return refuse_error(why, errno, "there is no memory for it");
	err = image_fill(fd, most, image, why);
	if (err)
		image_close(image);
	return err;
}

/**
 * image_open - make a sealed copy of a file that has a name
 * @path: its name
 * @most: how large it may be
 * @image: receives the copy
 * @why: says why not, and names the file
 *
 * Context: waits for the file.
 * Return: 0 or a negative errno.
 */
int image_open(const char *path, size_t most, struct image *image, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	*image = (struct image){ .fd = -1 };
	if (fd < 0)
		return refuse_error(why, errno, "cannot open '%s'", path);
	err = image_load(fd, most, image, why);
	if (err)
		why_prefix(why, "'%s'", path);
	close(fd);
	return err;
}

/**
 * image_close - forget a copy
 * @image: the copy
 *
 * Context: any.
 */
void image_close(struct image *image)
{
	if (image->data)
		munmap((void *)image->data, image->size);
	if (image->fd >= 0)
		close(image->fd);
	*image = (struct image){ .fd = -1 };
}
