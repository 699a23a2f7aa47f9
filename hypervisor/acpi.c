// SPDX-License-Identifier: GPL-2.0
/*
 * ACPI tables: hardware-reduced, so that the guest looks for no PIT, PIC, RTC or
 * keyboard. They say how many processors there are, where the virtio devices are, and
 * how to turn off.
 */

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "acpi.h"
#include "layout.h"

#define TABLES_MAX 3
#define SPACE_IO 1
#define ACCESS_BYTE 1

/* Flags of the FADT */
#define RESET_REG_SUPPORTED (1U << 10)
#define HW_REDUCED (1U << 20)
#define POWER_BUTTON_IS_DEVICE (1U << 4)
#define SLEEP_BUTTON_IS_DEVICE (1U << 5)
#define BOOT_NO_VGA (1U << 2)
#define BOOT_NO_MSI (1U << 3)
#define BOOT_NO_RTC (1U << 5)

/* AML, ACPI specification 6.5, chapter 20 */
#define AML_NAME 0x08
#define AML_BYTE 0x0a
#define AML_STRING 0x0d
#define AML_SCOPE 0x10
#define AML_BUFFER 0x11
#define AML_PACKAGE 0x12
#define AML_EXTENDED 0x5b
#define AML_DEVICE 0x82
#define AML_MAX 1024
#define RESOURCE_MEMORY32 0x86
#define RESOURCE_INTERRUPT 0x89
#define RESOURCE_IO 0x47
#define RESOURCE_END 0x79
#define INTERRUPT_CONSUMER_EDGE 0x03

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct address {
	uint8_t space;
	uint8_t width;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct fadt {
	struct header header;
	uint8_t legacy1[73];
	uint16_t boot_flags;
	uint8_t reserved;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_revision;
	uint64_t x_facs;
	uint64_t x_dsdt;
	uint8_t legacy2[96];
	struct address sleep_control;
	struct address sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));

struct madt {
	struct header header;
	uint32_t lapic_addr;
	uint32_t flags;
	struct {
		uint8_t type, length, id, reserved;
		uint32_t addr, gsi;
	} __attribute__((packed)) ioapic;
	struct madt_cpu {
		uint8_t type, length, uid, id;
		uint32_t flags;
	} __attribute__((packed)) cpus[CPUS_MAX];
} __attribute__((packed));

static_assert(sizeof(struct header) == 36 && sizeof(struct rsdp) == 36, "ACPI 5.2");
static_assert(offsetof(struct fadt, reset) == 116 && offsetof(struct fadt, x_dsdt) == 140,
	      "ACPI 5.2.9");
static_assert(offsetof(struct fadt, sleep_control) == 244 && sizeof(struct fadt) == 276,
	      "ACPI 5.2.9");

/**
 * struct writer - tables, one after the other
 * @base: where they are for us
 * @at: the end of what is written
 * @tables: addresses of those that the XSDT names
 * @n: how many
 */
struct writer {
	uint8_t *base;
	size_t at;
	uint64_t tables[TABLES_MAX];
	size_t n;
};

static uint8_t checksum(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint8_t sum = 0;

	while (n--)
		sum -= *p++;
	return sum;
}

static struct header header(const char *signature, uint8_t revision)
{
	struct header h = {
		.revision = revision, .oem = "NITRO ", .oem_table = "ENCLAVE ",
		.oem_revision = 1, .creator = "NTRO", .creator_revision = 1,
	};

	memcpy(h.signature, signature, sizeof(h.signature));
	return h;
}

/* Return: its address */
static uint64_t put_table(struct writer *w, void *table, size_t size)
{
	uint64_t addr = ACPI_ADDR + w->at;
	struct header *h = table;

	h->length = size;
	h->checksum = 0;
	h->checksum = checksum(table, size);
	memcpy(w->base + w->at, table, size);
	w->at = (w->at + size + 15) & ~15UL;
	return addr;
}

/*
 * AML comes from the inside out: a package begins with its length, so what is in it is
 * written first. A length has two bytes here, which holds 4,095.
 */
struct aml {
	uint8_t data[AML_MAX];
	size_t size;
};

static void put(struct aml *a, const void *data, size_t size)
{
	assert(a->size + size <= sizeof(a->data));
	memcpy(a->data + a->size, data, size);
	a->size += size;
}

static void put_byte(struct aml *a, uint8_t byte)
{
	put(a, &byte, 1);
}

static void put_package(struct aml *a, const struct aml *content)
{
	size_t size = content->size + 2;

	put_byte(a, 0x40 | (size & 0xf));
	put_byte(a, size >> 4);
	put(a, content->data, content->size);
}

static void put_name(struct aml *a, const char name[4])
{
	put_byte(a, AML_NAME);
	put(a, name, 4);
}

/* A buffer's content is a package too: its size, then its bytes */
static void put_resources(struct aml *a, struct aml *resources)
{
	struct aml buffer = {};

	put_byte(resources, RESOURCE_END);
	put_byte(resources, 0);
	put_byte(&buffer, AML_BYTE);
	put_byte(&buffer, resources->size);
	put(&buffer, resources->data, resources->size);
	put_name(a, "_CRS");
	put_byte(a, AML_BUFFER);
	put_package(a, &buffer);
}

static void put_interrupt(struct aml *resources, uint32_t gsi)
{
	const uint8_t head[] = { RESOURCE_INTERRUPT, 6, 0, INTERRUPT_CONSUMER_EDGE, 1 };

	put(resources, head, sizeof(head));
	put(resources, &gsi, sizeof(gsi));
}

/* Device (@name) { _HID, _UID, _CRS } */
static void put_device(struct aml *a, const char name[4], const char *hid, uint8_t uid,
		       struct aml *resources)
{
	struct aml device = {};

	put(&device, name, 4);
	put_name(&device, "_HID");
	put_byte(&device, AML_STRING);
	put(&device, hid, strlen(hid) + 1);
	put_name(&device, "_UID");
	put_byte(&device, AML_BYTE);
	put_byte(&device, uid);
	put_resources(&device, resources);
	put_byte(a, AML_EXTENDED);
	put_byte(a, AML_DEVICE);
	put_package(a, &device);
}

static void put_virtio(struct aml *a, unsigned int i)
{
	const char name[4] = { 'V', 'I', 'R', '0' + i };
	const struct {
		uint8_t type;
		uint16_t length;
		uint8_t writable;
		uint32_t addr, size;
	} __attribute__((packed)) window = {
		RESOURCE_MEMORY32, 9, 1, VIRTIO_ADDR + i * VIRTIO_SIZE, VIRTIO_SIZE
	};
	struct aml resources = {};

	put(&resources, &window, sizeof(window));
	put_interrupt(&resources, VIRTIO_GSI + i);
	put_device(a, name, "LNRO0005", i, &resources);
}

static void put_serial(struct aml *a)
{
	const struct {
		uint8_t type, decode16;
		uint16_t min, max;
		uint8_t align, length;
	} __attribute__((packed)) ports = { RESOURCE_IO, 1, SERIAL_PORT, SERIAL_PORT, 1, 8 };
	struct aml resources = {};

	put(&resources, &ports, sizeof(ports));
	put_interrupt(&resources, SERIAL_GSI);
	put_device(a, "COM1", "PNP0501", 0, &resources);
}

/* Name (_S5, Package { 5, 0 }) */
static void put_off(struct aml *a)
{
	const uint8_t values[] = { 2, AML_BYTE, SLEEP_TYPE_OFF, AML_BYTE, 0 };
	struct aml package = {};

	put(&package, values, sizeof(values));
	put_name(a, "_S5_");
	put_byte(a, AML_PACKAGE);
	put_package(a, &package);
}

static uint64_t put_dsdt(struct writer *w, const struct acpi *acpi)
{
	struct {
		struct header header;
		uint8_t aml[AML_MAX];
	} __attribute__((packed)) dsdt = { .header = header("DSDT", 2) };
	struct aml aml = {}, scope = {};

	put(&scope, "\\_SB_", 5);
	for (unsigned int i = 0; i < acpi->devices; i++)
		put_virtio(&scope, i);
	if (acpi->serial)
		put_serial(&scope);
	put_off(&aml);
	put_byte(&aml, AML_SCOPE);
	put_package(&aml, &scope);
	memcpy(dsdt.aml, aml.data, aml.size);
	return put_table(w, &dsdt, sizeof(dsdt.header) + aml.size);
}

static struct address port(uint16_t number)
{
	return (struct address){
		.space = SPACE_IO, .width = 8, .access = ACCESS_BYTE, .address = number,
	};
}

static void put_fadt(struct writer *w, uint64_t dsdt)
{
	struct fadt f = {
		.header = header("FACP", 6), .minor_revision = 5,
		.boot_flags = BOOT_NO_VGA | BOOT_NO_MSI | BOOT_NO_RTC,
		.flags = HW_REDUCED | RESET_REG_SUPPORTED | POWER_BUTTON_IS_DEVICE |
			 SLEEP_BUTTON_IS_DEVICE,
		.reset = port(RESET_PORT), .reset_value = RESET_VALUE, .x_dsdt = dsdt,
		.sleep_control = port(SLEEP_CONTROL_PORT), .sleep_status = port(SLEEP_STATUS_PORT),
	};

	w->tables[w->n++] = put_table(w, &f, sizeof(f));
}

static void put_madt(struct writer *w, unsigned int cpus)
{
	struct madt m = {
		.header = header("APIC", 5), .lapic_addr = LAPIC_ADDR,
		.ioapic = { .type = 1, .length = sizeof(m.ioapic), .id = cpus, .addr = IOAPIC_ADDR },
	};

	for (unsigned int i = 0; i < cpus; i++)
		m.cpus[i] = (struct madt_cpu){ 0, sizeof(m.cpus[i]), i, i, 1 };
	w->tables[w->n++] = put_table(w, &m, offsetof(struct madt, cpus[cpus]));
}

static uint64_t put_xsdt(struct writer *w)
{
	struct {
		struct header header;
		uint64_t tables[TABLES_MAX];
	} __attribute__((packed)) x = { .header = header("XSDT", 1) };

	memcpy(x.tables, w->tables, w->n * sizeof(*w->tables));
	return put_table(w, &x, sizeof(x.header) + w->n * sizeof(*x.tables));
}

/**
 * acpi_write - put the tables into the guest's memory
 * @acpi: what they tell of
 * @memory: the guest's RAM
 */
void acpi_write(const struct acpi *acpi, const struct memory *memory)
{
	struct writer w = {
		.base = memory_at(memory, ACPI_ADDR, ACPI_SIZE),
		.at = (sizeof(struct rsdp) + 15) & ~15UL,
	};
	struct rsdp rsdp = {
		.signature = "RSD PTR ", .oem = "NITRO ", .revision = 2, .length = sizeof(rsdp),
	};

	put_fadt(&w, put_dsdt(&w, acpi));
	put_madt(&w, acpi->cpus);
	rsdp.xsdt = put_xsdt(&w);
	assert(w.at <= ACPI_SIZE);
	rsdp.checksum = checksum(&rsdp, offsetof(struct rsdp, length));
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	memcpy(w.base, &rsdp, sizeof(rsdp));
}
