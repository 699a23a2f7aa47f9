// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's RAM: one descriptor, one mapping, shared with KVM; or what another VMM shares
 * of its guest's (vhost.c). Every address that a
 * guest names goes through memory_at().
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "complain.h"
#include "layout.h"
#include "memory.h"

/**
 * memory_init - RAM that is mapped already
 * @memory: to fill
 * @base: the mapping
 * @size: its size
 */
void memory_init(struct memory *memory, void *base, uint64_t size)
{
	uint64_t low = size < HOLE_ADDR ? size : HOLE_ADDR;

	*memory = (struct memory){
		.base = base, .size = size, .fd = -1, .low = low,
		.regions = {
			{ .addr = 0, .size = low, .base = base },
			{ .addr = HOLE_END, .size = size - low, .base = (uint8_t *)base + low },
		},
		.n_regions = size > low ? 2 : 1,
	};
}

/* What nitro_mem gives is a handle: it is opened once, by the process that maps it */
static void *map_opened(int fd, size_t size)
{
	char path[32];
	void *base = MAP_FAILED;
	int opened;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = open(path, O_RDWR | O_CLOEXEC);
	if (opened >= 0) {
		base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, opened, 0);
		close(opened);
	}
	return base;
}

/**
 * memory_map - take the guest's RAM
 * @memory: to fill
 * @fd: a memfd, or memory of nitro_mem; as large as the guest's RAM shall be
 *
 * Return: 0, or -1 after a complaint.
 */
int memory_map(struct memory *memory, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	void *base;

	if (size < 0)
		return complain("memory: its size is unknown: %s", strerror(errno));
	if ((uint64_t)size < MEMORY_MIN || (uint64_t)size > MEMORY_MAX || size % MEMORY_GRAIN)
		return complain("memory: %lld bytes are too few, too many or no whole pages",
				(long long)size);
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED && errno == EACCES)
		base = map_opened(fd, size);
	if (base == MAP_FAILED)
		return complain("memory: cannot map it: %s", strerror(errno));
	/* It is in no core dump and no child, and comes in large pages where it may */
	(void)madvise(base, size, MADV_DONTDUMP);
	(void)madvise(base, size, MADV_DONTFORK);
	(void)madvise(base, size, MADV_HUGEPAGE);
	memory_init(memory, base, size);
	memory->fd = fd;
	return 0;
}

/**
 * memory_at - where we have what the guest has at an address
 * @memory: the guest's RAM
 * @addr: what the guest calls it
 * @size: how much of it
 *
 * Return: a pointer to @size bytes, or NULL unless all of them are RAM, in one piece.
 */
void *memory_at(const struct memory *memory, uint64_t addr, uint64_t size)
{
	for (unsigned int i = 0; i < memory->n_regions; i++) {
		const struct region *r = &memory->regions[i];
		uint64_t offset = addr - r->addr;

		if (addr >= r->addr && offset <= r->size && size <= r->size - offset)
			return r->base + offset;
	}
	return NULL;
}
