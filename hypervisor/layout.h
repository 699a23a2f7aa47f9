/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where things are in the guest's physical address space. What the guest reads once
 * while it boots is in the first megabyte, as on every PC.
 */
#ifndef NITRO_HYPERVISOR_LAYOUT_H
#define NITRO_HYPERVISOR_LAYOUT_H

#define GDT_ADDR		0x500
#define START_INFO_ADDR		0x6000		/* PVH: what the guest is told */
#define BOOT_PARAMS_ADDR	0x7000		/* bzImage: the zero page */
#define BOOT_STACK		0x8ff0
#define PAGE_TABLES_ADDR	0x9000		/* PML4, PDPT, PD: the first GiB */
#define CMDLINE_ADDR		0x20000
#define CMDLINE_MAX		4096		/* with its end */
#define LOW_RAM_END		0x9fc00
#define ACPI_ADDR		0xe0000		/* the guest looks for the RSDP here */
#define ACPI_SIZE		0x2000
#define HIGH_RAM_ADDR		0x100000

/* RAM leaves room for devices below 4 GiB */
#define HOLE_ADDR		0xc0000000ULL
#define HOLE_END		0x100000000ULL

#define VIRTIO_ADDR		0xd0000000ULL
#define VIRTIO_SIZE		0x1000ULL
#define VIRTIO_GSI		5
#define VIRTIO_DEVICES_MAX	2

#define IOAPIC_ADDR		0xfec00000U
#define LAPIC_ADDR		0xfee00000U
/* Three pages and one for KVM on Intel, which nothing else uses */
#define KVM_TSS_ADDR		0xfffbd000U
#define KVM_IDENTITY_MAP_ADDR	0xfffbc000ULL

#define SERIAL_PORT		0x3f8
#define SERIAL_GSI		4
#define KEYBOARD_DATA_PORT	0x60
#define KEYBOARD_PORT		0x64
#define SLEEP_CONTROL_PORT	0x600
#define SLEEP_STATUS_PORT	0x601
#define RESET_PORT		0x602
#define RESET_VALUE		0x01
#define SLEEP_TYPE_OFF		5		/* \_S5 */

#define CPUS_MAX		64

#endif
