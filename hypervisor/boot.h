/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_BOOT_H
#define NITRO_HYPERVISOR_BOOT_H

#include <stddef.h>

#include "kernel.h"

/**
 * struct boot - what a guest is started with
 * @kernel: loaded already
 * @initrd: initial RAM disks, one after the other
 * @n_initrd: how many
 * @cmdline: command line
 * @acpi: there are ACPI tables
 */
struct boot {
	struct kernel kernel;
	const struct image *initrd;
	size_t n_initrd;
	const char *cmdline;
	bool acpi;
};

const char *boot_prepare(const struct boot *boot, const struct memory *memory);

#endif
