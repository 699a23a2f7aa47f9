// SPDX-License-Identifier: GPL-2.0
/*
 * Who a machine without UEFI is. QEMU's -smbios is for larger machines than a
 * microvm, whose firmware, SeaBIOS, takes the same tables if it finds them in
 * QEMU's firmware interface: it copies them to where an operating system looks.
 */

#include <endian.h>
#include <stdio.h>
#include <sys/mman.h>
#include <systemd/sd-id128.h>

#include "instances.h"

#define MANUFACTURER "nitro"
#define TYPE_SYSTEM 1
#define TYPE_END 127

/* DSP0134, 5.2.2: the 64-bit entry point. Firmware fills in address and checksum */
struct anchor {
	char anchor[5];
	uint8_t checksum, length, major, minor, docrev, revision, reserved;
	uint32_t size;
	uint64_t address;
} __attribute__((packed));

struct header {
	uint8_t type, length;
	uint16_t handle;
} __attribute__((packed));

/* 7.2: a string is told by its number, from 1, among those that follow; 0 is none */
struct system {
	struct header header;
	uint8_t manufacturer, product, version, serial, uuid[16], wake_up, sku, family;
} __attribute__((packed));

/* Its first three fields are numbers, and little-endian */
static void write_uuid(uint8_t *to, const uint8_t *from)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

	for (size_t i = 0; i < sizeof(order); i++)
		to[i] = from[order[i]];
}

/**
 * smbios_tables - tables that say which machine it is
 * @uuid: its UUID, which is its serial number, too
 * @size: gets their length
 *
 * Context: any.
 * Return: the tables, to be freed; NULL if that is no UUID.
 */
uint8_t *smbios_tables(const char *uuid, size_t *size)
{
	struct system system = {
		.header = { TYPE_SYSTEM, sizeof(system), htole16(0x100) },
		.manufacturer = 1,
		.serial = 2,
		.wake_up = 6, /* power switch */
	};
	struct header end = { TYPE_END, sizeof(end), htole16(0x7f00) };
	size_t strings = sizeof(MANUFACTURER) + strlen(uuid) + 1;
	uint8_t *tables, *p;
	sd_id128_t id;

	if (sd_id128_from_string(uuid, &id) < 0)
		return NULL;
	write_uuid(system.uuid, id.bytes);
	/* an empty string ends the strings, and two those of a table that has none */
	*size = sizeof(system) + strings + 1 + sizeof(end) + 2;
	tables = xcalloc(1, *size);
	p = mempcpy(tables, &system, sizeof(system));
	p = mempcpy(p, MANUFACTURER, sizeof(MANUFACTURER));
	p = mempcpy(p, uuid, strlen(uuid) + 1);
	memcpy(p + 1, &end, sizeof(end));
	return tables;
}

/* QEMU reads it once, by a path */
static int give_item(struct launch *launch, const char *name, const void *data, size_t size,
		     struct error *e)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, data, size, 0) != (ssize_t)size) {
		close_fd(&fd);
		return fail(e, ERR_FAILED, "there is no memory for SMBIOS tables: %s",
			    strerror(errno));
	}
	launch_arg(launch, "-fw_cfg");
	launch_arg(launch, "name=etc/smbios/%s,file=/proc/self/fd/%d", name,
		   launch_fd(launch, fd));
	return 0;
}

/**
 * smbios_give - tell a microvm's firmware which machine it is
 * @launch: gets the descriptors and the options
 * @uuid: its UUID
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int smbios_give(struct launch *launch, const char *uuid, struct error *e)
{
	struct anchor anchor = {
		.anchor = { '_', 'S', 'M', '3', '_' },
		.length = sizeof(anchor),
		.major = 3,
		.revision = 1,
	};
	_cleanup_free_ uint8_t *tables = NULL;
	size_t size;
	int r;

	tables = smbios_tables(uuid, &size);
	if (!tables)
		return fail(e, ERR_FAILED, "'%s' is no UUID", uuid);
	anchor.size = htole32(size);
	r = give_item(launch, "smbios-anchor", &anchor, sizeof(anchor), e);
	return r < 0 ? r : give_item(launch, "smbios-tables", tables, size, e);
}
