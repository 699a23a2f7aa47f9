// SPDX-License-Identifier: GPL-2.0
/* Kernels that boot, and those that cannot; what they are told. */

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "driver.h"
#include "layout.h"
#include "unit.h"

#define FILE_SIZE 4096

static struct setup_header *bzimage(uint8_t file[FILE_SIZE])
{
	struct setup_header *h = (void *)(file + 0x1f1);

	memset(file, 0, FILE_SIZE);
	*h = (struct setup_header){
		.setup_sects = 1, .boot_flag = 0xaa55, .jump = 0x6aeb, .header = 0x53726448,
		.version = 0x20f, .loadflags = 1, .xloadflags = 1, .cmdline_size = 100,
		.initrd_addr_max = 0x7fffffff, .pref_address = 0x200000, .init_size = 0x10000,
	};
	memset(file + 1024, 0x5a, FILE_SIZE - 1024);
	return h;
}

static const char *load(const struct driver *d, const void *file, size_t size, struct kernel *k)
{
	struct image image = { .fd = memfd_create("kernel", 0), .size = size };
	const char *why;

	if (image.fd < 0 || write(image.fd, file, size) != (ssize_t)size)
		abort();
	why = kernel_load(&image, &d->memory, k);
	close(image.fd);
	return why;
}

static bool says(const char *why, const char *part)
{
	return why && strstr(why, part);
}

UNIT(bzimage_loads)
{
	uint8_t file[FILE_SIZE];
	struct driver d;
	struct kernel k;

	driver_ram(&d);
	bzimage(file);
	EXPECT(!load(&d, file, sizeof(file), &k));
	EXPECT(!k.pvh && k.entry == 0x200200 && k.end == 0x210000 && k.cmdline_max == 100);
	EXPECT(!memcmp(d.memory.base + 0x200000, file + 1024, FILE_SIZE - 1024));
	EXPECT(!d.memory.base[0x200000 + FILE_SIZE - 1024]);
	driver_free(&d);
}

/* What cannot be written to as a file is written to where it is mapped */
UNIT(memory_is_a_file)
{
	uint8_t file[FILE_SIZE];
	struct memory m;
	struct driver d;
	struct kernel k;
	int fd = memfd_create("memory", 0), unwritable;

	EXPECT(!ftruncate(fd, DRIVER_RAM) && !memory_map(&m, fd));
	d.memory = m;
	bzimage(file);
	EXPECT(!load(&d, file, sizeof(file), &k) && m.fd == fd);
	EXPECT(!memcmp(m.base + 0x200000, file + 1024, FILE_SIZE - 1024));
	unwritable = open("/proc/self/exe", O_RDONLY);
	memset(m.base + 0x200000, 0, FILE_SIZE);
	d.memory.fd = unwritable;
	EXPECT(!load(&d, file, sizeof(file), &k));
	EXPECT(!memcmp(m.base + 0x200000, file + 1024, FILE_SIZE - 1024));
	close(unwritable);
	close(fd);
	driver_free(&d);
}

UNIT(bzimage_is_refused)
{
	uint8_t file[FILE_SIZE];
	struct driver d;
	struct kernel k;

	driver_ram(&d);
	bzimage(file)->boot_flag = 0;
	EXPECT(says(load(&d, file, sizeof(file), &k), "is no bzImage"));
	bzimage(file)->header = 0;
	EXPECT(says(load(&d, file, sizeof(file), &k), "is no bzImage"));
	bzimage(file)->version = 0x20b;
	EXPECT(says(load(&d, file, sizeof(file), &k), "64-bit"));
	bzimage(file)->xloadflags = 0;
	EXPECT(says(load(&d, file, sizeof(file), &k), "64-bit"));
	bzimage(file)->loadflags = 0;
	EXPECT(says(load(&d, file, sizeof(file), &k), "high"));
	bzimage(file)->cmdline_size = 0;
	EXPECT(says(load(&d, file, sizeof(file), &k), "command line"));
	bzimage(file)->setup_sects = 200;
	EXPECT(says(load(&d, file, sizeof(file), &k), "cut off"));
	bzimage(file)->pref_address = 0x1000;
	EXPECT(says(load(&d, file, sizeof(file), &k), "fit"));
	bzimage(file)->pref_address = DRIVER_RAM - 0x1000;
	EXPECT(says(load(&d, file, sizeof(file), &k), "fit"));
	bzimage(file)->pref_address = UINT64_MAX - 10;
	EXPECT(says(load(&d, file, sizeof(file), &k), "fit"));
	bzimage(file)->init_size = 0xffffffff;
	EXPECT(says(load(&d, file, sizeof(file), &k), "fit"));
	bzimage(file);
	EXPECT(says(load(&d, file, 0x220, &k), "cut off"));
	EXPECT(load(&d, file, 3, &k));
	EXPECT(says(load(&d, file, 1024 + 0x200, &k), "cut off"));
	driver_free(&d);
}

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr load, note;
	Elf64_Nhdr note_header;
	char note_name[4];
	uint32_t note_entry;
	char text[16];
};

static struct elf elf(void)
{
	return (struct elf){
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			.e_machine = EM_X86_64, .e_phoff = offsetof(struct elf, load),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		},
		.load = { .p_type = PT_LOAD, .p_offset = offsetof(struct elf, text),
			  .p_paddr = 0x100000, .p_filesz = 16, .p_memsz = 0x1000 },
		.note = { .p_type = PT_NOTE, .p_offset = offsetof(struct elf, note_header),
			  .p_filesz = 20, .p_memsz = 20 },
		.note_header = { 4, 4, 18 }, .note_name = "Xen", .note_entry = 0x100010,
		.text = "0123456789abcde",
	};
}

UNIT(elf_loads)
{
	struct elf e = elf();
	struct driver d;
	struct kernel k;

	driver_ram(&d);
	memset(d.memory.base + 0x100000, 0xff, 0x2000);
	EXPECT(!load(&d, &e, sizeof(e), &k));
	EXPECT(k.pvh && k.entry == 0x100010 && k.end == 0x101000);
	EXPECT(!memcmp(d.memory.base + 0x100000, e.text, 16));
	EXPECT(!d.memory.base[0x100fff] && d.memory.base[0x101000] == 0xff);
	driver_free(&d);
}

UNIT(elf_is_refused)
{
	struct driver d;
	struct kernel k;
	struct elf e;

	driver_ram(&d);
	e = elf();
	e.header.e_machine = EM_386;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "x86"));
	e = elf();
	e.header.e_phnum = 65;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "program headers"));
	e = elf();
	e.header.e_phoff = UINT64_MAX - 50;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "cut off"));
	e = elf();
	e.load.p_memsz = 8;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "larger"));
	e = elf();
	e.load.p_paddr = 0x8000;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "fit"));
	e = elf();
	e.load.p_memsz = UINT64_MAX - 0x1000;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "fit"));
	e = elf();
	e.load.p_offset = UINT64_MAX - 8;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "cut off"));
	e = elf();
	e.note_entry = 0x200000;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "no PVH entry"));
	e = elf();
	e.note_header.n_namesz = 0xfffffffe;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "no PVH entry"));
	e = elf();
	e.note.p_filesz = UINT64_MAX;
	EXPECT(says(load(&d, &e, sizeof(e), &k), "no PVH entry"));
	EXPECT(says(load(&d, &e, 40, &k), "cut off"));
	driver_free(&d);
}

UNIT(told)
{
	struct boot boot = { .cmdline = "quiet", .acpi = true, .n_initrd = 2 };
	struct image initrd[2];
	uint8_t file[FILE_SIZE];
	struct boot_params *p;
	struct driver d;

	driver_ram(&d);
	bzimage(file);
	EXPECT(!load(&d, file, sizeof(file), &boot.kernel));
	initrd[0] = (struct image){ .fd = memfd_create("initrd", 0), .offset = 2, .size = 3 };
	initrd[1] = (struct image){ .fd = initrd[0].fd, .size = 4 };
	if (write(initrd[0].fd, "abcdefgh", 8) != 8)
		abort();
	boot.initrd = initrd;
	EXPECT(!boot_prepare(&boot, &d.memory));
	p = memory_at(&d.memory, BOOT_PARAMS_ADDR, sizeof(*p));
	EXPECT(p->hdr.ramdisk_size == 7 && p->hdr.ramdisk_image == DRIVER_RAM - 4096);
	EXPECT(!memcmp(d.memory.base + p->hdr.ramdisk_image, "cdeabcd", 7));
	EXPECT(!strcmp((char *)d.memory.base + p->hdr.cmd_line_ptr, "quiet"));
	EXPECT(p->e820_entries == 3 && p->e820_table[2].addr == 0x100000);
	EXPECT(p->e820_table[2].addr + p->e820_table[2].size == DRIVER_RAM);
	EXPECT(p->acpi_rsdp_addr == ACPI_ADDR);
	/* what does not fit */
	boot.kernel.cmdline_max = 4;
	EXPECT(says(boot_prepare(&boot, &d.memory), "command line"));
	boot.kernel.cmdline_max = 100;
	boot.kernel.initrd_max = 0x210fff;
	EXPECT(!boot_prepare(&boot, &d.memory) && p->hdr.ramdisk_image == 0x210000);
	boot.kernel.initrd_max = 0x20ffff;
	EXPECT(says(boot_prepare(&boot, &d.memory), "RAM disk"));
	boot.kernel.initrd_max = UINT64_MAX;
	initrd[0].size = UINT64_MAX;
	EXPECT(says(boot_prepare(&boot, &d.memory), "RAM disk"));
	close(initrd[0].fd);
	driver_free(&d);
}

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t total = 0;

	while (n--)
		total += *p++;
	return total;
}

/* Whether Linux likes them is seen when it boots; that they are whole is seen here */
UNIT(acpi_tables)
{
	uint8_t *base, *table;
	uint64_t xsdt, at;
	struct driver d;
	uint32_t length;

	driver_ram(&d);
	acpi_write(&(struct acpi){ .cpus = CPUS_MAX, .devices = 2, .serial = true }, &d.memory);
	base = d.memory.base;
	EXPECT(!memcmp(base + ACPI_ADDR, "RSD PTR ", 8));
	EXPECT(!sum(base + ACPI_ADDR, 20) && !sum(base + ACPI_ADDR, 36));
	memcpy(&xsdt, base + ACPI_ADDR + 24, sizeof(xsdt));
	EXPECT(!memcmp(base + xsdt, "XSDT", 4));
	memcpy(&length, base + xsdt + 4, sizeof(length));
	EXPECT(length == 36 + 2 * 8 && !sum(base + xsdt, length));
	for (unsigned int i = 0; i < 2; i++) {
		memcpy(&at, base + xsdt + 36 + 8 * i, sizeof(at));
		table = base + at;
		EXPECT(!memcmp(table, i ? "APIC" : "FACP", 4));
		memcpy(&length, table + 4, sizeof(length));
		EXPECT(!sum(table, length));
	}
	EXPECT(length == 44 + 12 + 8 * CPUS_MAX);
	driver_free(&d);
}

UNIT(holes)
{
	static uint8_t byte;
	struct memory m;

	memory_init(&m, &byte, HOLE_ADDR + 4096);
	EXPECT(memory_at(&m, 0, HOLE_ADDR) == &byte && !memory_at(&m, 0, HOLE_ADDR + 1));
	EXPECT(memory_at(&m, HOLE_ADDR - 1, 1) == &byte + HOLE_ADDR - 1);
	EXPECT(!memory_at(&m, HOLE_ADDR - 1, 2) && !memory_at(&m, HOLE_ADDR, 1));
	EXPECT(!memory_at(&m, HOLE_END - 1, 1) && !memory_at(&m, HOLE_END - 1, 2));
	EXPECT(memory_at(&m, HOLE_END, 4096) == &byte + HOLE_ADDR);
	EXPECT(!memory_at(&m, HOLE_END, 4097) && !memory_at(&m, HOLE_END + 4096, 1));
	EXPECT(!memory_at(&m, UINT64_MAX, 2) && !memory_at(&m, 1, UINT64_MAX));
}
