/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_MEMORY_H
#define NITRO_HYPERVISOR_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* As many as there may be of a guest of another VMM */
#define REGIONS_MAX 8

/**
 * struct region - a part of the guest's RAM, in one piece for both
 * @addr: where the guest has it
 * @size: its size
 * @base: where we have it
 */
struct region {
	uint64_t addr, size;
	uint8_t *base;
};

/**
 * struct memory - the guest's RAM
 * @base: where we have it, one mapping
 * @size: all of it
 * @fd: what is mapped, while it is loaded; -1 if there is none
 * @low: what of it lies below the hole; the rest begins at HOLE_END
 * @regions: all of it, by the guest's addresses
 * @n_regions: how many there are
 */
struct memory {
	uint8_t *base;
	uint64_t size;
	int fd;
	uint64_t low;
	struct region regions[REGIONS_MAX];
	unsigned int n_regions;
};

/* Guests with less do not boot, and offsets would not fit into what ACPI says of more */
#define MEMORY_MIN (16ULL << 20)
#define MEMORY_MAX (1ULL << 40)
#define MEMORY_GRAIN 4096

void memory_init(struct memory *memory, void *base, uint64_t size);
int memory_map(struct memory *memory, int fd);
void *memory_at(const struct memory *memory, uint64_t addr, uint64_t size);

#endif
