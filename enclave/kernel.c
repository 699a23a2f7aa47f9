// SPDX-License-Identifier: GPL-2.0
/* What a kernel file says of itself. */

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "eif.h"

/* Documentation/arch/x86/boot.rst, and Documentation/arch/arm64/booting.rst */
#define X86_MAGIC_AT 0x202
#define X86_VERSION_AT 0x20e
#define X86_SETUP_AT 0x200
#define ARM64_MAGIC_AT 56

static bool has(const void *data, size_t size, size_t at, const char *magic)
{
	return size >= at + strlen(magic) && !memcmp((const char *)data + at, magic, strlen(magic));
}

/* "6.12.118+deb13-cloud-amd64 (builder) #1 SMP ...": up to the first space */
static void copy_release(const uint8_t *data, size_t size, char *to, size_t room)
{
	uint16_t at;
	size_t n = 0;

	if (size < X86_VERSION_AT + sizeof(at))
		return;
	memcpy(&at, data + X86_VERSION_AT, sizeof(at));
	at = le16toh(at);
	if (!at || (size_t)at + X86_SETUP_AT >= size)
		return;
	data += at + X86_SETUP_AT;
	size -= at + X86_SETUP_AT;
	while (n < size && n < room - 1 && data[n] > ' ' && data[n] < 0x7f)
		n++;
	if (n)
		(void)snprintf(to, room, "%.*s", (int)n, (const char *)data);
}

/**
 * eif_kernel - find out what kind of kernel a file is
 * @data: the file
 * @size: its size
 * @flags: receives EIF_ARM64 or nothing
 * @release: receives its release, "Unknown" where it does not say
 * @room: how much fits there
 *
 * Context: any; the file may be hostile.
 * Return: 0, or -EINVAL if it is no kernel.
 */
int eif_kernel(const void *data, size_t size, uint16_t *flags, char *release, size_t room)
{
	Elf64_Ehdr elf;

	(void)snprintf(release, room, "Unknown");
	*flags = 0;
	if (has(data, size, X86_MAGIC_AT, "HdrS")) {
		copy_release(data, size, release, room);
		return 0;
	}
	if (has(data, size, ARM64_MAGIC_AT, "ARM\x64")) {
		*flags = EIF_ARM64;
		return 0;
	}
	if (!has(data, size, 0, ELFMAG) || size < sizeof(elf))
		return -EINVAL;
	memcpy(&elf, data, sizeof(elf));
	if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB)
		return -EINVAL;
	if (le16toh(elf.e_machine) == EM_AARCH64)
		*flags = EIF_ARM64;
	else if (le16toh(elf.e_machine) != EM_X86_64)
		return -EINVAL;
	return 0;
}
