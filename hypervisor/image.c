// SPDX-License-Identifier: GPL-2.0
/*
 * What is loaded into the guest comes from descriptors; several images may be sections
 * of one file. They go straight into the guest's memory.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"
#include "image.h"

/* Return: false unless @text begins with a number that ends at @end */
static bool number(const char **text, char end, uint64_t max, uint64_t *ret)
{
	char *rest;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret = strtoull(*text, &rest, 10);
	if (errno || *ret > max || *rest != end)
		return false;
	*text = end ? rest + 1 : rest;
	return true;
}

/**
 * image_parse - an image of the command line
 * @image: to fill
 * @text: FD or FD,OFFSET,SIZE
 *
 * Return: 0, or -1 after a complaint.
 */
int image_parse(struct image *image, const char *text)
{
	const char *all = text, *rest = text;
	uint64_t fd, offset = 0, size = 0;
	struct stat st;
	bool part;

	part = number(&rest, ',', INT32_MAX, &fd);
	if (part ? !number(&rest, ',', INT64_MAX, &offset) || !number(&rest, 0, INT64_MAX, &size) :
		   !number(&text, 0, INT32_MAX, &fd))
		return complain("image '%s': want DESCRIPTOR or DESCRIPTOR,OFFSET,SIZE", all);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return complain("image '%s': is no open file", all);
	if (!part)
		size = st.st_size;
	if (offset > (uint64_t)st.st_size || size > st.st_size - offset)
		return complain("image '%s': reaches beyond the end of its file", all);
	*image = (struct image){ .fd = fd, .offset = offset, .size = size };
	return 0;
}

/**
 * image_read - a piece of an image
 * @image: the image
 * @offset: where the piece begins
 * @to: where it goes
 * @size: how long it is
 *
 * Return: true if all of it is there.
 */
bool image_read(const struct image *image, uint64_t offset, void *to, uint64_t size)
{
	if (offset > image->size || size > image->size - offset)
		return false;
	while (size) {
		ssize_t n = pread(image->fd, to, size, image->offset + offset);

		if (n <= 0)
			return false;
		to = (uint8_t *)to + n;
		offset += n;
		size -= n;
	}
	return true;
}

/**
 * image_load - put a piece of an image into the guest's memory
 * @image: the image
 * @offset: where the piece begins
 * @memory: the guest's RAM
 * @addr: where it goes
 * @size: how long it is
 *
 * Return: true if all of it is there.
 */
bool image_load(const struct image *image, uint64_t offset, const struct memory *memory,
		uint64_t addr, uint64_t size)
{
	uint8_t *to = memory_at(memory, addr, size);
	off_t from = image->offset + offset;
	ssize_t n;

	if (!to || offset > image->size || size > image->size - offset)
		return false;
	/* From file to file a page is neither zeroed nor faulted in before it is written */
	if (memory->fd >= 0 && lseek(memory->fd, to - memory->base, SEEK_SET) >= 0)
		while (size && (n = sendfile(memory->fd, image->fd, &from, size)) > 0) {
			offset += n;
			to += n;
			size -= n;
		}
	/* Memory of nitro_mem is no file that can be written to */
	return image_read(image, offset, to, size);
}
