// SPDX-License-Identifier: GPL-2.0
/* What a kernel finds in memory when it begins, by either boot protocol. */

#include <string.h>

#include "boot.h"
#include "layout.h"

#define PAGE 4096
#define PTE_PRESENT_RW 0x3
#define PTE_LARGE 0x80
#define LOADER_UNDEFINED 0xff
#define MEMORY_RANGES_MAX 4
#define RANGE_RAM 1
#define RANGE_RESERVED 2
#define START_MAGIC 0x336ec578

/* Xen's public/arch-x86/hvm/start_info.h */
struct start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t n_modules;
	uint64_t modules;
	uint64_t cmdline;
	uint64_t rsdp;
	uint64_t memory;
	uint32_t n_memory;
	uint32_t reserved;
};

struct start_module {
	uint64_t addr;
	uint64_t size;
	uint64_t cmdline;
	uint64_t reserved;
};

struct start_memory {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

struct range {
	uint64_t addr;
	uint64_t size;
	uint32_t type;
};

static size_t memory_ranges(const struct memory *memory, struct range r[MEMORY_RANGES_MAX])
{
	size_t n = 0;

	r[n++] = (struct range){ 0, LOW_RAM_END, RANGE_RAM };
	r[n++] = (struct range){ LOW_RAM_END, HIGH_RAM_ADDR - LOW_RAM_END, RANGE_RESERVED };
	r[n++] = (struct range){ HIGH_RAM_ADDR, memory->low - HIGH_RAM_ADDR, RANGE_RAM };
	if (memory->size > memory->low)
		r[n++] = (struct range){ HOLE_END, memory->size - memory->low, RANGE_RAM };
	return n;
}

/* As high as the kernel lets us, for it to have room. Return: NULL or what is wrong */
static const char *load_initrd(const struct boot *b, const struct memory *memory,
			       uint64_t *ret_addr, uint64_t *ret_size)
{
	uint64_t top = memory->low, size = 0, at;

	if (b->kernel.initrd_max < top)
		top = b->kernel.initrd_max + 1;
	for (size_t i = 0; i < b->n_initrd; i++) {
		if (b->initrd[i].size > memory->low - size)
			return "the initial RAM disk does not fit into the guest's memory";
		size += b->initrd[i].size;
	}
	*ret_addr = *ret_size = 0;
	if (!size)
		return NULL;
	if (size > top || ((top - size) & ~(PAGE - 1ULL)) < b->kernel.end)
		return "the initial RAM disk does not fit into the guest's memory";
	*ret_addr = at = (top - size) & ~(PAGE - 1ULL);
	*ret_size = size;
	for (size_t i = 0; i < b->n_initrd; i++) {
		const struct image *image = &b->initrd[i];

		if (!image_load(image, 0, memory, at, image->size))
			return "the initial RAM disk cannot be read";
		at += image->size;
	}
	return NULL;
}

static void write_zero_page(const struct boot *b, const struct memory *memory,
			    uint64_t initrd, uint64_t initrd_size)
{
	struct boot_params *p = memory_at(memory, BOOT_PARAMS_ADDR, sizeof(*p));
	struct range ranges[MEMORY_RANGES_MAX];

	memset(p, 0, sizeof(*p));
	p->hdr = b->kernel.header;
	p->hdr.type_of_loader = LOADER_UNDEFINED;
	p->hdr.cmd_line_ptr = CMDLINE_ADDR;
	p->hdr.ramdisk_image = initrd;
	p->hdr.ramdisk_size = initrd_size;
	p->ext_ramdisk_size = initrd_size >> 32;
	p->acpi_rsdp_addr = b->acpi ? ACPI_ADDR : 0;
	p->e820_entries = memory_ranges(memory, ranges);
	for (size_t i = 0; i < p->e820_entries; i++)
		p->e820_table[i] = (struct boot_e820_entry){
			ranges[i].addr, ranges[i].size, ranges[i].type
		};
}

static void write_start_info(const struct boot *b, const struct memory *memory,
			     uint64_t initrd, uint64_t initrd_size)
{
	struct {
		struct start_info info;
		struct start_module module;
		struct start_memory memory[MEMORY_RANGES_MAX];
	} *p = memory_at(memory, START_INFO_ADDR, sizeof(*p));
	struct range ranges[MEMORY_RANGES_MAX];

	memset(p, 0, sizeof(*p));
	p->info = (struct start_info){
		.magic = START_MAGIC, .version = 1, .cmdline = CMDLINE_ADDR,
		.rsdp = b->acpi ? ACPI_ADDR : 0,
		.n_modules = initrd_size ? 1 : 0,
		.modules = START_INFO_ADDR + ((uint8_t *)&p->module - (uint8_t *)p),
		.memory = START_INFO_ADDR + ((uint8_t *)p->memory - (uint8_t *)p),
		.n_memory = memory_ranges(memory, ranges),
	};
	p->module = (struct start_module){ .addr = initrd, .size = initrd_size };
	for (size_t i = 0; i < p->info.n_memory; i++)
		p->memory[i] = (struct start_memory){
			.addr = ranges[i].addr, .size = ranges[i].size, .type = ranges[i].type
		};
}

/* Flat segments; the first GiB where it is. The kernel brings its own soon */
static void write_tables(const struct boot *b, const struct memory *memory)
{
	const uint64_t gdt[] = {
		0, 0,
		b->kernel.pvh ? 0x00cf9b000000ffff : 0x00af9b000000ffff,	/* code */
		0x00cf93000000ffff,						/* data */
		0x008f8b000000ffff,						/* TSS */
	};
	uint64_t *tables = memory_at(memory, PAGE_TABLES_ADDR, 3 * PAGE);
	const size_t entries = PAGE / sizeof(*tables);

	memcpy(memory_at(memory, GDT_ADDR, sizeof(gdt)), gdt, sizeof(gdt));
	memset(tables, 0, 3 * PAGE);
	tables[0] = (PAGE_TABLES_ADDR + PAGE) | PTE_PRESENT_RW;
	tables[entries] = (PAGE_TABLES_ADDR + 2 * PAGE) | PTE_PRESENT_RW;
	for (size_t i = 0; i < entries; i++)
		tables[2 * entries + i] = i << 21 | PTE_PRESENT_RW | PTE_LARGE;
}

/**
 * boot_prepare - write down what the kernel is told
 * @boot: what the guest is started with
 * @memory: the guest's RAM
 *
 * Return: NULL, or what is wrong.
 */
const char *boot_prepare(const struct boot *boot, const struct memory *memory)
{
	size_t length = strlen(boot->cmdline);
	uint64_t initrd, size;
	const char *why;

	if (length >= CMDLINE_MAX || length > boot->kernel.cmdline_max)
		return "the command line is longer than the kernel takes";
	why = load_initrd(boot, memory, &initrd, &size);
	if (why)
		return why;
	memcpy(memory_at(memory, CMDLINE_ADDR, length + 1), boot->cmdline, length + 1);
	write_tables(boot, memory);
	if (boot->kernel.pvh)
		write_start_info(boot, memory, initrd, size);
	else
		write_zero_page(boot, memory, initrd, size);
	return NULL;
}
