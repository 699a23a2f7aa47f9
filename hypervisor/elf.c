// SPDX-License-Identifier: GPL-2.0
/*
 * An uncompressed kernel: ELF with a note that says where it begins by the PVH
 * protocol (Xen's HVM start info). Not trusted either.
 */

#include <elf.h>
#include <string.h>

#include "kernel.h"
#include "layout.h"

#define PROGRAM_HEADERS_MAX 64
#define NOTES_MAX 65536
#define XEN_NOTE_PHYS32_ENTRY 18

static const char *check_header(const Elf64_Ehdr *h)
{
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB ||
	    h->e_machine != EM_X86_64)
		return "is not for 64-bit x86";
	if (h->e_phentsize != sizeof(Elf64_Phdr) || !h->e_phnum ||
	    h->e_phnum > PROGRAM_HEADERS_MAX)
		return "has no program headers that make sense";
	return NULL;
}

static const char *load_segment(const struct image *image, const struct memory *memory,
				const Elf64_Phdr *p, struct kernel *k)
{
	uint8_t *to;

	if (!p->p_memsz)
		return NULL;
	if (p->p_filesz > p->p_memsz)
		return "has a segment that is larger in the file than in memory";
	to = memory_at(memory, p->p_paddr, p->p_memsz);
	if (!to || p->p_paddr < HIGH_RAM_ADDR || p->p_paddr >= memory->low)
		return "does not fit into the guest's memory";
	if (!image_load(image, p->p_offset, memory, p->p_paddr, p->p_filesz))
		return "is cut off";
	memset(to + p->p_filesz, 0, p->p_memsz - p->p_filesz);
	if (p->p_paddr + p->p_memsz > k->end)
		k->end = p->p_paddr + p->p_memsz;
	return NULL;
}

/* One note of those at @notes. Return: how long it is, 0 if it is no note */
static size_t read_note(const uint8_t *notes, size_t size, uint64_t *entry)
{
	size_t name, desc;
	uint32_t entry32;
	Elf64_Nhdr n;

	if (size < sizeof(n))
		return 0;
	memcpy(&n, notes, sizeof(n));
	size -= sizeof(n);
	name = ((size_t)n.n_namesz + 3) & ~3UL;
	desc = ((size_t)n.n_descsz + 3) & ~3UL;
	if (name > size || desc > size - name)
		return 0;
	notes += sizeof(n);
	if (n.n_type == XEN_NOTE_PHYS32_ENTRY && n.n_namesz == 4 && !memcmp(notes, "Xen", 4) &&
	    n.n_descsz >= sizeof(entry32)) {
		memcpy(&entry32, notes + name, sizeof(entry32));
		*entry = entry32;
	}
	return sizeof(n) + name + desc;
}

static const char *read_notes(const struct image *image, const Elf64_Phdr *p, struct kernel *k)
{
	static uint8_t notes[NOTES_MAX];
	size_t at = 0, n;

	if (p->p_filesz > sizeof(notes))
		return NULL;	/* not those that we look for */
	if (!image_read(image, p->p_offset, notes, p->p_filesz))
		return "is cut off";
	do {
		n = read_note(notes + at, p->p_filesz - at, &k->entry);
		at += n;
	} while (n);
	return NULL;
}

/**
 * elf_load - put an ELF file into the guest's memory
 * @image: the kernel
 * @memory: the guest's RAM
 * @ret: how it wants to be started
 *
 * Context: one thread at a time.
 * Return: NULL, or what is wrong with it.
 */
const char *elf_load(const struct image *image, const struct memory *memory, struct kernel *ret)
{
	struct kernel k = {
		.pvh = true, .initrd_max = UINT32_MAX, .cmdline_max = CMDLINE_MAX - 1,
	};
	const char *why;
	Elf64_Ehdr h;
	Elf64_Phdr p;

	if (!image_read(image, 0, &h, sizeof(h)))
		return "is cut off";
	why = check_header(&h);
	for (unsigned int i = 0; !why && i < h.e_phnum; i++) {
		if (h.e_phoff > image->size ||
		    !image_read(image, h.e_phoff + i * sizeof(p), &p, sizeof(p)))
			return "is cut off";
		if (p.p_type == PT_LOAD)
			why = load_segment(image, memory, &p, &k);
		else if (p.p_type == PT_NOTE)
			why = read_notes(image, &p, &k);
	}
	if (why)
		return why;
	if (k.entry < HIGH_RAM_ADDR || k.entry >= k.end)
		return "has no PVH entry";
	*ret = k;
	return NULL;
}
