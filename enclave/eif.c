// SPDX-License-Identifier: GPL-2.0
/*
 * Reading and writing of image files. The table of the header and the headers of the
 * sections say the same thing twice; the sections have to follow each other without a
 * gap, so that whoever goes by the one and whoever goes by the other see the same image.
 */

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "eif.h"

#define VERSION_MIN 2

/* As it lies in the file */
struct header {
	uint8_t magic[4];
	uint16_t version;
	uint16_t flags;
	uint64_t memory;
	uint64_t cpus;
	uint16_t reserved;
	uint16_t n;
	uint64_t offsets[EIF_SECTIONS_MAX];
	uint64_t sizes[EIF_SECTIONS_MAX];
	uint32_t unused;
	uint32_t crc;
} __attribute__((packed));

struct section_header {
	uint16_t type;
	uint16_t flags;
	uint64_t size;
} __attribute__((packed));

_Static_assert(sizeof(struct header) == 548, "the header of an EIF has 548 bytes");
_Static_assert(sizeof(struct section_header) == 12, "that of a section has 12");

static const uint8_t magic[4] = { '.', 'e', 'i', 'f' };

static const struct {
	const char *name;
	size_t most;
} types[] = {
	[EIF_KERNEL] = { "kernel", 512UL << 20 },
	/* COMMAND_LINE_SIZE of x86 and the zero byte */
	[EIF_CMDLINE] = { "command line", 2047 },
	[EIF_RAMDISK] = { "ramdisk", 64UL << 30 },
	[EIF_SIGNATURE] = { "signature", 64UL << 10 },
	[EIF_METADATA] = { "metadata", 1UL << 20 },
};

static bool is_type(unsigned int type)
{
	return type >= EIF_KERNEL && type <= EIF_METADATA;
}

/**
 * eif_section - find a section
 * @eif: the image
 * @type: what it has to be
 *
 * Context: any.
 * Return: the first of that type, or NULL.
 */
const struct eif_section *eif_section(const struct eif *eif, enum eif_type type)
{
	for (unsigned int i = 0; i < eif->n; i++)
		if (eif->sections[i].type == type)
			return &eif->sections[i];
	return NULL;
}

/* There is one of each but ramdisks, and what is measured has one order */
static int take(struct eif *eif, const struct eif_section *s, struct why *why)
{
	if (s->type != EIF_RAMDISK && eif_section(eif, s->type))
		return refuse(why, "there is a second %s in section %u", types[s->type].name,
			      eif->n);
	if (eif->n < 2 && s->type != (eif->n ? EIF_CMDLINE : EIF_KERNEL))
		return refuse(why, "section %u is a %s, not the %s", eif->n, types[s->type].name,
			      types[eif->n ? EIF_CMDLINE : EIF_KERNEL].name);
	if (s->size > types[s->type].most)
		return refuse(why, "the %s in section %u has %zu bytes, more than %zu",
			      types[s->type].name, eif->n, s->size, types[s->type].most);
	if (s->type == EIF_KERNEL && !s->size)
		return refuse(why, "the kernel is empty");
	if (s->type == EIF_CMDLINE && s->size && memchr(s->data, '\0', s->size))
		return refuse(why, "the command line has a zero byte in it");
	eif->sections[eif->n++] = *s;
	return 0;
}

static int is_whole(const struct eif *eif, struct why *why)
{
	if (!eif_section(eif, EIF_CMDLINE))
		return refuse(why, "there is no command line");
	if (eif->version >= 4 && !eif_section(eif, EIF_METADATA))
		return refuse(why, "there is no metadata, which version 4 has");
	if (!eif_section(eif, EIF_RAMDISK))
		return refuse(why, "there is no ramdisk");
	return 0;
}

/* Section @i begins at @at of @data */
static int read_section(const uint8_t *data, size_t size, const struct header *header,
			unsigned int i, size_t *at, struct eif *eif, struct why *why)
{
	struct eif_section section = {};
	struct section_header sh;
	uint64_t length;

	if (be64toh(header->offsets[i]) != *at)
		return refuse(why, "section %u begins at %llu, not where the one before ends, at %zu",
			      i, (unsigned long long)be64toh(header->offsets[i]), *at);
	if (size - *at < sizeof(sh))
		return refuse(why, "the file ends in the header of section %u", i);
	memcpy(&sh, data + *at, sizeof(sh));
	*at += sizeof(sh);
	length = be64toh(sh.size);
	if (length != be64toh(header->sizes[i]))
		return refuse(why, "section %u has %llu bytes in its own header and %llu in the table",
			      i, (unsigned long long)length,
			      (unsigned long long)be64toh(header->sizes[i]));
	if (length > size - *at)
		return refuse(why, "section %u has %llu bytes, and the file ends after %zu", i,
			      (unsigned long long)length, size - *at);
	if (!is_type(be16toh(sh.type)))
		return refuse(why, "section %u is of type %u, which is not known", i,
			      be16toh(sh.type));
	section.type = be16toh(sh.type);
	section.flags = be16toh(sh.flags);
	section.data = data + *at;
	section.size = length;
	*at += length;
	return take(eif, &section, why);
}

/**
 * eif_read - read an image
 * @data: the file; it has to stay as long as @eif
 * @size: its size
 * @eif: receives the image
 * @why: says what is wrong with it
 *
 * The checksum and the signature are eif_check()'s business.
 *
 * Context: any; the file may be hostile.
 * Return: 0, or -EINVAL.
 */
int eif_read(const void *data, size_t size, struct eif *eif, struct why *why)
{
	size_t at = sizeof(struct header);
	struct header header;
	unsigned int n;
	int err;

	*eif = (struct eif){ .file = data, .size = size };
	if (size < sizeof(header))
		return refuse(why, "it has %zu bytes, fewer than the header of an enclave image",
			      size);
	memcpy(&header, data, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(magic)))
		return refuse(why, "it is no enclave image: it does not begin with '.eif'");
	eif->version = be16toh(header.version);
	eif->flags = be16toh(header.flags);
	eif->memory = be64toh(header.memory);
	eif->cpus = be64toh(header.cpus);
	eif->crc = be32toh(header.crc);
	if (eif->version < VERSION_MIN || eif->version > EIF_VERSION)
		return refuse(why, "it is of version %u; known are %u to %u", eif->version,
			      VERSION_MIN, EIF_VERSION);
	n = be16toh(header.n);
	if (n > EIF_SECTIONS_MAX)
		return refuse(why, "it has %u sections, more than %u", n, EIF_SECTIONS_MAX);
	for (unsigned int i = 0; i < n; i++) {
		err = read_section(data, size, &header, i, &at, eif, why);
		if (err)
			return err;
	}
	if (at != size)
		return refuse(why, "there are %zu bytes behind the last section", size - at);
	return is_whole(eif, why);
}

/**
 * eif_add - append a section
 * @eif: the image; the first two sections are its kernel and its command line
 * @type: what it is
 * @data: its contents, which have to stay as long as @eif
 * @size: how many bytes
 * @why: says why it must not be
 *
 * Context: any.
 * Return: 0, or -EINVAL.
 */
int eif_add(struct eif *eif, enum eif_type type, const void *data, size_t size, struct why *why)
{
	const struct eif_section section = { .type = type, .data = data, .size = size };

	if (eif->n == EIF_SECTIONS_MAX)
		return refuse(why, "there are more than %u sections", EIF_SECTIONS_MAX);
	return take(eif, &section, why);
}

static void make_header(const struct eif *eif, struct header *header)
{
	uint64_t at = sizeof(*header);

	*header = (struct header){
		.version = htobe16(eif->version),
		.flags = htobe16(eif->flags),
		.memory = htobe64(eif->memory),
		.cpus = htobe64(eif->cpus),
		.n = htobe16(eif->n),
	};
	memcpy(header->magic, magic, sizeof(magic));
	for (unsigned int i = 0; i < eif->n; i++) {
		header->offsets[i] = htobe64(at);
		header->sizes[i] = htobe64(eif->sections[i].size);
		at += sizeof(struct section_header) + eif->sections[i].size;
	}
}

static struct section_header make_section_header(const struct eif_section *s)
{
	return (struct section_header){
		.type = htobe16(s->type),
		.flags = htobe16(s->flags),
		.size = htobe64(s->size),
	};
}

static uint32_t crc_of(const struct eif *eif, const struct header *header)
{
	unsigned long crc = crc32_z(0, (const void *)header, offsetof(struct header, crc));

	for (unsigned int i = 0; i < eif->n; i++) {
		const struct section_header sh = make_section_header(&eif->sections[i]);

		crc = crc32_z(crc, (const void *)&sh, sizeof(sh));
		if (eif->sections[i].size)
			crc = crc32_z(crc, eif->sections[i].data, eif->sections[i].size);
	}
	return crc;
}

/**
 * eif_is_undamaged - is the checksum of a file right
 * @eif: an image that was read
 *
 * Context: any; takes as long as reading the file.
 * Return: true if so.
 */
bool eif_is_undamaged(const struct eif *eif)
{
	unsigned long crc = crc32_z(0, eif->file, offsetof(struct header, crc));

	crc = crc32_z(crc, eif->file + sizeof(struct header), eif->size - sizeof(struct header));
	return crc == eif->crc;
}

static int write_all(int fd, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		size -= n;
	}
	return 0;
}

/**
 * eif_write - write an image
 * @eif: the image
 * @fd: the file, which is empty
 * @why: says why not
 *
 * Context: waits for the disk.
 * Return: 0 or a negative errno.
 */
int eif_write(const struct eif *eif, int fd, struct why *why)
{
	struct header header;
	int err;

	err = is_whole(eif, why);
	if (err)
		return err;
	make_header(eif, &header);
	header.crc = htobe32(crc_of(eif, &header));
	err = write_all(fd, &header, sizeof(header));
	for (unsigned int i = 0; !err && i < eif->n; i++) {
		const struct section_header sh = make_section_header(&eif->sections[i]);

		err = write_all(fd, &sh, sizeof(sh));
		if (!err)
			err = write_all(fd, eif->sections[i].data, eif->sections[i].size);
	}
	return err ? refuse_error(why, -err, "cannot write the image") : 0;
}
