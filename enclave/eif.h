/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enclave image files. Numbers in them are big-endian; a header with a table of
 * sections, and the sections one after the other.
 */
#ifndef _NITRO_ENCLAVE_EIF_H
#define _NITRO_ENCLAVE_EIF_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "pcr.h"
#include "why.h"

#define EIF_VERSION 4
#define EIF_ARM64 0x1
#define EIF_SECTIONS_MAX 32
/* Kernel, command line, metadata and signature are sections, too */
#define EIF_RAMDISKS_MAX (EIF_SECTIONS_MAX - 4)

enum eif_type {
	EIF_KERNEL = 1,
	EIF_CMDLINE = 2,
	EIF_RAMDISK = 3,
	EIF_SIGNATURE = 4,
	EIF_METADATA = 5,
};

/* The contents are not the image's own: they stay where they were read */
struct eif_section {
	enum eif_type type;
	uint16_t flags;
	const uint8_t *data;
	size_t size;
};

/**
 * struct eif - an image, read or to be written
 * @version: of the format
 * @flags: EIF_ARM64 or none
 * @memory: how much the image asks for, in bytes
 * @cpus: how many
 * @crc: what the header says
 * @file: the file that it was read from, or NULL
 * @size: its size
 * @n: number of sections
 * @sections: in their order: the kernel, the command line, others
 */
struct eif {
	uint16_t version;
	uint16_t flags;
	uint64_t memory;
	uint64_t cpus;
	uint32_t crc;
	const uint8_t *file;
	size_t size;
	unsigned int n;
	struct eif_section sections[EIF_SECTIONS_MAX];
};

/* Who signed an image. Free with eif_signer_clear(). */
struct eif_signer {
	X509 *certificate;
	bool right;	/* the signature is the certificate's, and of this image */
};

int eif_read(const void *data, size_t size, struct eif *eif, struct why *why);
int eif_add(struct eif *eif, enum eif_type type, const void *data, size_t size, struct why *why);
const struct eif_section *eif_section(const struct eif *eif, enum eif_type type);
bool eif_is_undamaged(const struct eif *eif);
int eif_write(const struct eif *eif, int fd, struct why *why);
int eif_measure_image(const struct eif *eif, struct pcr *pcr);
int eif_measure(const struct eif *eif, struct pcr pcrs[static PCR_COUNT], struct why *why);
int eif_check(const struct eif *eif, time_t at, struct why *why);

int eif_sign(const struct eif *eif, const void *pem, size_t size, EVP_PKEY *key, time_t at,
	     uint8_t **section, size_t *section_size, struct why *why);
int eif_certificate(const struct eif *eif, X509 **certificate, struct why *why);
int eif_signer(const struct eif *eif, struct eif_signer *signer, struct why *why);
void eif_signer_clear(struct eif_signer *signer);

int eif_kernel(const void *data, size_t size, uint16_t *flags, char *release, size_t room);

#endif
