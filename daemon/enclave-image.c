// SPDX-License-Identifier: GPL-2.0
/*
 * The image of an enclave. A helper copies it into a memfd that nitrod has made, seals
 * that, checks and measures what is in it, and tells nitrod in JSON where the parts are:
 * nitrod itself parses no image, and what the hypervisor is given is what was measured.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "../enclave/describe.h"
#include "../enclave/image.h"
#include "enclaves.h"
#include "object.h"

#define MIB (1ULL << 20)
#define IMAGE_MAX (64ULL << 30)
#define MEMORY_MIN (64 * MIB)
/* As nitro-cli: the kernel, the RAM disks, and what is unpacked of them are there at once */
#define MEMORY_RATIO 4
/* Documentation/arch/x86/boot.rst: where a bzImage is put, and how much it takes there */
#define MAGIC_AT 0x202
#define PREF_ADDRESS_AT 0x258
#define INIT_SIZE_AT 0x260
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/**
 * enclave_memory_min - how much memory an image of a size needs at least
 * @image_size: its size in bytes
 *
 * Context: any.
 * Return: bytes, a multiple of ENCLAVE_GRAIN.
 */
uint64_t enclave_memory_min(uint64_t image_size)
{
	uint64_t size = image_size * MEMORY_RATIO;

	size = (size + ENCLAVE_GRAIN - 1) / ENCLAVE_GRAIN * ENCLAVE_GRAIN;
	return size < MEMORY_MIN ? MEMORY_MIN : size;
}

/**
 * enclave_image_check - can a file be an image?
 * @fd: the file, below zero if there is none
 * @path: what the user calls it
 * @ret_size: gets its size
 * @e: says why not
 *
 * Context: method call.
 * Return: 0 or a negative errno.
 */
int enclave_image_check(int fd, const char *path, uint64_t *ret_size, struct error *e)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(e, ERR_INVALID, "'%s' was not sent along", path);
	if (!S_ISREG(st.st_mode))
		return fail(e, ERR_INVALID, "'%s' is no file", path);
	if ((uint64_t)st.st_size > IMAGE_MAX)
		return fail(e, ERR_INVALID, "'%s' cannot be an image: it has %lld bytes", path,
			    (long long)st.st_size);
	*ret_size = st.st_size;
	return 0;
}

/**
 * enclave_image_new - room for an image
 * @e: says why there is none
 *
 * Context: method call.
 * Return: a memfd, empty, or a negative errno.
 */
int enclave_image_new(struct error *e)
{
	int fd = memfd_create("nitro-enclave-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	return fd < 0 ? fail(e, ERR_FAILED, "there is no memory for the image: %s",
			     strerror(errno)) : fd;
}

static uint64_t little_endian(const uint8_t *data, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | data[n];
	return value;
}

/* With a bzImage, that says where it lies and what it takes while it unpacks itself */
static uint64_t memory_min(const struct eif *eif)
{
	const struct eif_section *kernel = eif_section(eif, EIF_KERNEL);
	uint64_t by_size = enclave_memory_min(eif->size), address, need;

	if (kernel->size < INIT_SIZE_AT + 4 || memcmp(kernel->data + MAGIC_AT, "HdrS", 4))
		return by_size;
	address = little_endian(kernel->data + PREF_ADDRESS_AT, 8);
	if (address > UINT32_MAX)
		return by_size;
	need = address + little_endian(kernel->data + INIT_SIZE_AT, 4);
	for (unsigned int i = 0; i < eif->n; i++)
		if (eif->sections[i].type == EIF_RAMDISK)
			need += eif->sections[i].size;
	need = (need + ENCLAVE_GRAIN - 1) / ENCLAVE_GRAIN * ENCLAVE_GRAIN;
	return need > by_size ? need : by_size;
}

static sd_json_variant *place_of(const struct eif *eif, const struct eif_section *s)
{
	sd_json_variant *v = NULL;

	json_set_uint(&v, "offset", s->data - eif->file);
	json_set_uint(&v, "size", s->size);
	return v;
}

/* What the image says of itself is its builder's; a name that is none is left out */
static void add_metadata(sd_json_variant **v, const struct eif *eif)
{
	static const char *const wanted[][2] = {
		{ "ImageName", "image_name" }, { "ImageVersion", "image_version" },
	};
	const struct eif_section *s = eif_section(eif, EIF_METADATA);
	_cleanup_free_ char *text = s ? xstrndup((const char *)s->data, s->size) : NULL;
	_cleanup_json_ sd_json_variant *metadata = NULL;

	if (!text || sd_json_parse(text, 0, &metadata, NULL, NULL) < 0 ||
	    !sd_json_variant_is_object(metadata))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		sd_json_variant *value = sd_json_variant_by_key(metadata, wanted[i][0]);

		if (value && sd_json_variant_is_string(value) &&
		    strlen(sd_json_variant_string(value)) < 256)
			json_set_string(v, wanted[i][1], sd_json_variant_string(value));
	}
}

static sd_json_variant *describe(const struct eif *eif, sd_json_variant *measurements)
{
	const struct eif_section *cmdline = eif_section(eif, EIF_CMDLINE);
	_cleanup_free_ char *text = xstrndup((const char *)cmdline->data, cmdline->size);
	struct json_list ramdisks = {};
	sd_json_variant *v = NULL;

	for (unsigned int i = 0; i < eif->n; i++)
		if (eif->sections[i].type == EIF_RAMDISK)
			json_list_add(&ramdisks, place_of(eif, &eif->sections[i]));
	json_set(&v, "kernel", place_of(eif, eif_section(eif, EIF_KERNEL)));
	json_set(&v, "ramdisks", json_list_take(&ramdisks));
	json_set_string(&v, "cmdline", text);
	json_set(&v, "measurements", sd_json_variant_ref(measurements));
	json_set_uint(&v, "memory_min", memory_min(eif));
	add_metadata(&v, eif);
	return v;
}

static bool is_text(const struct eif_section *s)
{
	for (size_t i = 0; i < s->size; i++)
		if (s->data[i] > '~' || (s->data[i] < ' ' && !strchr("\t\n", s->data[i])))
			return false;
	return true;
}

static int check(const struct image *image, struct eif *eif, struct why *why)
{
	int r = eif_read(image->data, image->size, eif, why);

	if (r < 0)
		return r;
#ifdef __x86_64__
	if (eif->flags & EIF_ARM64)
		return refuse(why, "it is for arm64, and this host is x86-64");
#endif
	if (!is_text(eif_section(eif, EIF_CMDLINE)))
		return refuse(why, "its command line has characters that are not ASCII");
	return eif_check(eif, time(NULL), why);
}

/**
 * enclave_image_measure - copy, seal, check and measure an image
 * @from: the file
 * @to: a memfd, empty
 * @e: says why it cannot be run
 *
 * What enclave_image_take() has to know is written to stdout.
 *
 * Context: in a helper.
 * Return: 0 or a negative errno.
 */
int enclave_image_measure(int from, int to, struct error *e)
{
	_cleanup_json_ sd_json_variant *measurements = NULL, *v = NULL;
	struct image image = { .fd = to };
	struct eif eif;
	struct why why;
	int r;

	r = image_fill(from, IMAGE_MAX, &image, &why);
	if (r >= 0)
		r = check(&image, &eif, &why);
	if (r >= 0)
		r = describe_measurements(&eif, &measurements, &why);
	if (r < 0)
		return fail(e, ERR_INVALID, "%s", why.text);
	v = describe(&eif, measurements);
	r = sd_json_variant_dump(v, 0, stdout, NULL);
	if (r < 0 || fflush(stdout))
		return fail(e, ERR_FAILED, "cannot tell nitrod of the image");
	return 0;
}

static bool read_extent(sd_json_variant *v, struct extent *ret)
{
	sd_json_variant *offset = json_get(v, "offset"), *size = json_get(v, "size");

	if (!offset || !size)
		return false;
	*ret = (struct extent){ sd_json_variant_unsigned(offset), sd_json_variant_unsigned(size) };
	return true;
}

/**
 * enclave_image_take - an image that was measured
 * @fd: its sealed copy, taken over
 * @v: what the helper has told of it
 * @e: says why it cannot be
 *
 * Context: event loop.
 * Return: the image, NULL with an error.
 */
struct measured *enclave_image_take(int fd, sd_json_variant *v, struct error *e)
{
	sd_json_variant *ramdisks = json_get(v, "ramdisks"), *kernel = json_get(v, "kernel");
	struct measured *image = xcalloc(1, sizeof(*image));
	const char *cmdline = json_string(v, "cmdline");
	int seals = fcntl(fd, F_GET_SEALS);
	bool good;

	image->fd = fd;
	image->n = ramdisks ? sd_json_variant_elements(ramdisks) : 0;
	good = kernel && seals >= 0 && (seals & SEALS) == SEALS && image->n &&
		image->n <= EIF_RAMDISKS_MAX && read_extent(kernel, &image->kernel);
	for (size_t i = 0; good && i < image->n; i++)
		good = read_extent(sd_json_variant_by_index(ramdisks, i), &image->ramdisks[i]);
	if (good) {
		image->cmdline = xstrdup(cmdline ? cmdline : "");
		return image;
	}
	fail(e, ERR_FAILED, "the image was not measured");
	return enclave_image_free(image);
}

/**
 * enclave_image_free - nobody will be started from an image
 * @image: the image, may be NULL
 *
 * Context: event loop.
 * Return: NULL.
 */
struct measured *enclave_image_free(struct measured *image)
{
	if (!image)
		return NULL;
	close_fd(&image->fd);
	free(image->cmdline);
	free(image);
	return NULL;
}
