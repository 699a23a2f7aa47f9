// SPDX-License-Identifier: GPL-2.0
/* Images: what is written is read, and what is broken is refused with a sentence. */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "eif.h"
#include "fixture.h"
#include "image.h"

#define METADATA "{\"ImageName\":\"test\"}"

static struct eif plan(void)
{
	struct eif eif = { .version = EIF_VERSION, .memory = 1 << 30, .cpus = 2 };
	struct why why;

	EXPECT(!eif_add(&eif, EIF_KERNEL, "kernel", 6, &why));
	EXPECT(!eif_add(&eif, EIF_CMDLINE, "quiet", 5, &why));
	EXPECT(!eif_add(&eif, EIF_METADATA, METADATA, strlen(METADATA), &why));
	EXPECT(!eif_add(&eif, EIF_RAMDISK, "init", 4, &why));
	EXPECT(!eif_add(&eif, EIF_RAMDISK, "application", 11, &why));
	return eif;
}

/* Return: the file, to be freed */
static uint8_t *write_image(const struct eif *eif, size_t *size)
{
	int fd = memfd_create("eif", MFD_CLOEXEC);
	struct why why;
	uint8_t *data;

	if (eif_write(eif, fd, &why))
		abort();
	*size = lseek(fd, 0, SEEK_END);
	data = malloc(*size);
	if (!data || pread(fd, data, *size, 0) != (ssize_t)*size)
		abort();
	close(fd);
	return data;
}

static void free_data(uint8_t **data)
{
	free(*data);
}

#define _cleanup_data_ __attribute__((cleanup(free_data)))

UNIT(written_is_read)
{
	struct eif planned = plan(), eif;
	size_t size;
	_cleanup_data_ uint8_t *data = write_image(&planned, &size);
	struct why why;

	EXPECT(size == 548 + 5 * 12 + 6 + 5 + strlen(METADATA) + 4 + 11);
	EXPECT(!eif_read(data, size, &eif, &why));
	EXPECT(eif.version == 4 && eif.memory == 1 << 30 && eif.cpus == 2 && eif.n == 5);
	EXPECT(eif.sections[0].size == 6 && !memcmp(eif.sections[0].data, "kernel", 6));
	EXPECT(eif.sections[1].size == 5 && eif_section(&eif, EIF_METADATA));
	EXPECT(!eif_section(&eif, EIF_SIGNATURE));
	EXPECT(eif_is_undamaged(&eif) && !eif_check(&eif, 0, &why));
}

UNIT(every_byte_is_in_the_checksum)
{
	struct eif planned = plan(), eif;
	size_t size;
	_cleanup_data_ uint8_t *data = write_image(&planned, &size);
	struct why why;

	for (size_t i = 0; i < size; i++) {
		data[i] ^= 0x10;
		if (!eif_read(data, size, &eif, &why))
			EXPECT(eif_check(&eif, 0, &why));
		data[i] ^= 0x10;
	}
	EXPECT(!eif_read(data, size, &eif, &why) && !eif_check(&eif, 0, &why));
}

UNIT(every_length_but_one_is_refused)
{
	struct eif planned = plan(), eif;
	size_t size;
	_cleanup_data_ uint8_t *data = write_image(&planned, &size);
	struct why why;

	for (size_t n = 0; n < size; n++) {
		uint8_t *cut = malloc(n ?: 1);

		memcpy(cut, data, n);
		EXPECT(eif_read(cut, n, &eif, &why));
		free(cut);
	}
}

/* Places in the header */
enum { VERSION = 4, COUNT = 26, OFFSETS = 28, SIZES = OFFSETS + 32 * 8, SECTION_0 = 548 };

UNIT(what_is_broken_has_a_sentence)
{
	static const struct {
		size_t at;
		uint8_t value;
		const char *why;
	} rows[] = {
		{ 0, 'E', "it is no enclave image: it does not begin with '.eif'" },
		{ VERSION + 1, 1, "it is of version 1; known are 2 to 4" },
		{ VERSION + 1, 5, "it is of version 5; known are 2 to 4" },
		{ COUNT + 1, 33, "it has 33 sections, more than 32" },
		{ COUNT + 1, 4, "there are 23 bytes behind the last section" },
		{ COUNT + 1, 6, "section 5 begins at 0, not where the one before ends, at 654" },
		{ OFFSETS + 7, 0, "section 0 begins at 512, not where the one before ends, at 548" },
		{ SIZES, 1,
		  "section 0 has 6 bytes in its own header and 72057594037927942 in the table" },
		{ SECTION_0 + 1, 9, "section 0 is of type 9, which is not known" },
		{ SECTION_0 + 1, 3, "section 0 is a ramdisk, not the kernel" },
		{ SECTION_0 + 12 + 6 + 1, 3, "section 1 is a ramdisk, not the command line" },
		{ SECTION_0 + 12 + 6 + 12, 0, "the command line has a zero byte in it" },
	};
	struct eif planned = plan(), eif;
	size_t size;
	_cleanup_data_ uint8_t *data = write_image(&planned, &size);
	struct why why;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t was = data[rows[i].at];

		data[rows[i].at] = rows[i].value;
		EXPECT(eif_read(data, size, &eif, &why));
		EXPECT_TEXT(why.text, rows[i].why);
		data[rows[i].at] = was;
	}
	/* A section that goes on behind the end, as both headers say */
	data[SIZES] = 0x7f;
	data[SECTION_0 + 4] = 0x7f;
	EXPECT(eif_read(data, size, &eif, &why));
	EXPECT_TEXT(why.text,
		    "section 0 has 9151314442816847878 bytes, and the file ends after 94");
}

UNIT(sections_that_must_not_be)
{
	struct eif eif = plan();
	struct why why;
	char *long_line = calloc(1, 4096);
	int fd = memfd_create("eif", MFD_CLOEXEC);

	EXPECT(eif_add(&eif, EIF_KERNEL, "again", 5, &why));
	EXPECT_TEXT(why.text, "there is a second kernel in section 5");
	while (!eif_add(&eif, EIF_RAMDISK, "x", 1, &why))
		;
	EXPECT_TEXT(why.text, "there are more than 32 sections");

	eif = (struct eif){ .version = EIF_VERSION };
	EXPECT(eif_add(&eif, EIF_KERNEL, "", 0, &why));
	EXPECT_TEXT(why.text, "the kernel is empty");
	EXPECT(!eif_add(&eif, EIF_KERNEL, "kernel", 6, &why));
	memset(long_line, 'x', 4095);
	EXPECT(eif_add(&eif, EIF_CMDLINE, long_line, 4095, &why));
	EXPECT_TEXT(why.text, "the command line in section 1 has 4095 bytes, more than 2047");
	EXPECT(eif_write(&eif, fd, &why));
	EXPECT_TEXT(why.text, "there is no command line");
	EXPECT(!eif_add(&eif, EIF_CMDLINE, "", 0, &why));
	EXPECT(eif_write(&eif, fd, &why));
	EXPECT_TEXT(why.text, "there is no metadata, which version 4 has");
	EXPECT(!eif_add(&eif, EIF_METADATA, "{}", 2, &why));
	EXPECT(eif_write(&eif, fd, &why));
	EXPECT_TEXT(why.text, "there is no ramdisk");
	EXPECT(lseek(fd, 0, SEEK_END) == 0);
	close(fd);
	free(long_line);
}

UNIT(signature_sections_of_nobody)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} rows[] = {
#define ROW(bytes, why) { bytes, sizeof(bytes) - 1, why }
#define BAD "the signature section is not what one has to be"
#define PEM "\x73signing_certificate"
#define MESSAGE "\x69signature"
		ROW("", BAD),
		ROW("\x80", BAD),
		ROW("\xa0", BAD),
		ROW("\x81\xa1" MESSAGE "\x81\x01", BAD),
		ROW("\x81\xa1" MESSAGE "\x43\x61\x62\x63", BAD),
		ROW("\x81\xa2" MESSAGE "\x81\x01" MESSAGE "\x81\x01", BAD),
		ROW("\x81\xa2" MESSAGE "\x81\x01" PEM "\x82\x01\x19\x01\x00", BAD),
		ROW("\x81\xa2" MESSAGE "\x81\x01\x61\x78\x81\x01", BAD),
		ROW("\x81\xa2" MESSAGE "\x81\x01" PEM "\x81\x01",
		    "the signing certificate is no PEM certificate"),
		ROW("\x82\xa2" MESSAGE "\x81\x01" PEM "\x81\x01\xa0",
		    "there is more than one signature"),
	};
	struct pcr pcrs[PCR_COUNT];
	struct why why;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct eif eif = plan();

		EXPECT(!eif_add(&eif, EIF_SIGNATURE, rows[i].bytes, rows[i].n, &why));
		EXPECT(eif_measure(&eif, pcrs, &why));
		EXPECT_TEXT(why.text, rows[i].why);
	}
}

UNIT(kernels)
{
	uint8_t file[1024] = {};
	uint16_t flags, at = 0x100;
	char release[16];

	EXPECT(eif_kernel(file, sizeof(file), &flags, release, sizeof(release)));
	EXPECT(eif_kernel("", 0, &flags, release, sizeof(release)));
	memcpy(file + 0x202, "HdrS", 4);
	EXPECT(!eif_kernel(file, sizeof(file), &flags, release, sizeof(release)) && !flags);
	EXPECT_TEXT(release, "Unknown");
	memcpy(file + 0x20e, &at, sizeof(at));
	memcpy(file + 0x300, "6.12.1-test (somebody) #1", 25);
	EXPECT(!eif_kernel(file, sizeof(file), &flags, release, sizeof(release)));
	EXPECT_TEXT(release, "6.12.1-test");
	/* A release that the file does not have */
	EXPECT(!eif_kernel(file, 0x300, &flags, release, sizeof(release)));
	EXPECT_TEXT(release, "Unknown");
	memset(file, 0, sizeof(file));
	memcpy(file + 56, "ARM\x64", 4);
	EXPECT(!eif_kernel(file, sizeof(file), &flags, release, sizeof(release)));
	EXPECT(flags == EIF_ARM64);
}

UNIT(copies_cannot_be_changed)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct image image;
	struct why why;

	EXPECT(write(fd, "contents", 8) == 8 && lseek(fd, 0, SEEK_SET) == 0);
	EXPECT(!image_load(fd, 8, &image, &why));
	EXPECT(image.size == 8 && !memcmp(image.data, "contents", 8));
	EXPECT(pwrite(image.fd, "x", 1, 0) < 0 && ftruncate(image.fd, 0) < 0);
	EXPECT(mmap(NULL, 8, PROT_WRITE, MAP_SHARED, image.fd, 0) == MAP_FAILED);
	image_close(&image);
	EXPECT(lseek(fd, 0, SEEK_SET) == 0 && image_load(fd, 7, &image, &why));
	EXPECT_TEXT(why.text, "it has more than 7 bytes");
	close(fd);
}
