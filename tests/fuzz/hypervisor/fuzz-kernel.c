// SPDX-License-Identifier: GPL-2.0
/* Kernels as somebody may give them: bzImage and ELF, and what is made of them. */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot.h"
#include "driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct driver driver;
	static int fd = -1;
	struct image image, initrd;
	struct boot boot = { .initrd = &initrd, .n_initrd = 1, .cmdline = "quiet", .acpi = true };

	if (fd < 0) {
		driver_ram(&driver);
		fd = memfd_create("kernel", 0);
	}
	if (fd < 0 || ftruncate(fd, n) < 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
		abort();
	image = (struct image){ .fd = fd, .size = n };
	initrd = (struct image){ .fd = fd, .size = n / 2 };
	if (kernel_load(&image, &driver.memory, &boot.kernel))
		return 0;
	/* what it says of itself lies in memory */
	if (boot.kernel.entry >= boot.kernel.end || boot.kernel.end > driver.memory.size)
		abort();
	(void)boot_prepare(&boot, &driver.memory);
	return 0;
}
