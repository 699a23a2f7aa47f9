// SPDX-License-Identifier: GPL-2.0
/* Signed images: whose they are, and what makes a signature worthless. */

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "authority.h"
#include "eif.h"
#include "fixture.h"

#define NOW 1800000000
#define DAY 86400

struct identity {
	EVP_PKEY *key;
	X509 *certificate;
	char *pem;
	size_t size;
};

static struct identity identity(const char *group, time_t from, time_t seconds)
{
	struct identity id = { .key = EVP_EC_gen(group) };
	struct why why;
	FILE *stream;

	id.certificate = authority_issue(&(struct issue){
		.name = "signer", .key = id.key, .issuer_key = id.key, .path = 0,
		.from = from, .seconds = seconds,
	}, &why);
	stream = open_memstream(&id.pem, &id.size);
	if (!id.certificate || PEM_write_X509(stream, id.certificate) != 1 || fclose(stream))
		abort();
	return id;
}

static void forget(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->certificate);
	free(id->pem);
}

static struct eif plan(const char *application)
{
	struct eif eif = { .version = EIF_VERSION };
	struct why why;

	EXPECT(!eif_add(&eif, EIF_KERNEL, "kernel", 6, &why));
	EXPECT(!eif_add(&eif, EIF_CMDLINE, "quiet", 5, &why));
	EXPECT(!eif_add(&eif, EIF_METADATA, "{}", 2, &why));
	EXPECT(!eif_add(&eif, EIF_RAMDISK, "init", 4, &why));
	EXPECT(!eif_add(&eif, EIF_RAMDISK, application, strlen(application), &why));
	return eif;
}

/* The image as a file, to be unmapped */
static const uint8_t *write_image(const struct eif *eif, size_t *size)
{
	int fd = memfd_create("eif", MFD_CLOEXEC);
	struct why why;
	void *data;

	if (eif_write(eif, fd, &why))
		abort();
	*size = lseek(fd, 0, SEEK_END);
	data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		abort();
	close(fd);
	return data;
}

/* What is said of an image with the signature of another one, or of the same */
static void expect_check(const char *application, const char *signed_application,
			 const struct identity *id, time_t at, const char *wanted)
{
	struct eif eif = plan(application), other = plan(signed_application), read;
	const uint8_t *file;
	uint8_t *section;
	size_t n, size;
	struct why why = { "good" };

	EXPECT(!eif_sign(&other, id->pem, id->size, id->key, NOW, &section, &n, &why));
	EXPECT(!eif_add(&eif, EIF_SIGNATURE, section, n, &why));
	file = write_image(&eif, &size);
	EXPECT(!eif_read(file, size, &read, &why));
	if (!eif_check(&read, at, &why))
		memcpy(why.text, "good", sizeof("good"));
	EXPECT_TEXT(why.text, wanted);
	munmap((void *)file, size);
	free(section);
}

UNIT(signatures_of_images)
{
	static const char *const groups[] = { "P-256", "P-384", "P-521" };

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		struct identity id = identity(groups[i], NOW - DAY, 2 * DAY);

		expect_check("a", "a", &id, NOW, "good");
		expect_check("a", "b", &id, NOW,
			     "the signature is not of this image, or not the certificate's");
		expect_check("a", "a", &id, NOW + DAY + 1, "the signing certificate has expired");
		expect_check("a", "a", &id, NOW - DAY - 1,
			     "the signing certificate is not valid yet");
		forget(&id);
	}
}

UNIT(the_signer_is_measured)
{
	struct identity id = identity("P-384", NOW - DAY, 2 * DAY);
	struct eif eif = plan("a");
	struct pcr pcrs[PCR_COUNT], wanted = {}, hash;
	unsigned char *der = NULL;
	uint8_t *section, *again;
	size_t n, m;
	struct why why;
	int size;

	EXPECT(!eif_measure(&eif, pcrs, &why) && pcr_is_zero(&pcrs[PCR_SIGNER]));
	EXPECT(!eif_sign(&eif, id.pem, id.size, id.key, NOW, &section, &n, &why));
	/* The same again is the same */
	EXPECT(!eif_sign(&eif, id.pem, id.size, id.key, NOW, &again, &m, &why));
	EXPECT(n == m && !memcmp(section, again, n));
	EXPECT(!eif_add(&eif, EIF_SIGNATURE, section, n, &why));
	EXPECT(!eif_measure(&eif, pcrs, &why));
	size = i2d_X509(id.certificate, &der);
	EXPECT(!sha384(&(struct piece){ der, size }, 1, &hash));
	EXPECT(!pcr_extend(&wanted, hash.value, PCR_SIZE));
	EXPECT(!memcmp(&pcrs[PCR_SIGNER], &wanted, sizeof(wanted)));
	for (unsigned int i = 3; i < PCR_COUNT; i++)
		EXPECT(i == PCR_SIGNER || pcr_is_zero(&pcrs[i]));
	OPENSSL_free(der);
	free(section);
	free(again);
	forget(&id);
}

UNIT(who_cannot_sign)
{
	struct identity id = identity("P-384", NOW - DAY, 2 * DAY);
	struct identity other = identity("P-384", NOW - DAY, 2 * DAY);
	struct identity curve = identity("secp224r1", NOW - DAY, 2 * DAY);
	struct eif eif = plan("a");
	uint8_t *section;
	struct why why;
	size_t n;

	EXPECT(eif_sign(&eif, id.pem, id.size, other.key, NOW, &section, &n, &why));
	EXPECT_TEXT(why.text, "the private key is not that of the signing certificate");
	EXPECT(eif_sign(&eif, "text", 4, id.key, NOW, &section, &n, &why));
	EXPECT_TEXT(why.text, "the signing certificate is no PEM certificate");
	EXPECT(eif_sign(&eif, id.pem, id.size, id.key, NOW + 2 * DAY, &section, &n, &why));
	EXPECT_TEXT(why.text, "the signing certificate has expired");
	EXPECT(eif_sign(&eif, id.pem, id.size, id.key, NOW - 2 * DAY, &section, &n, &why));
	EXPECT_TEXT(why.text, "the signing certificate is not valid yet");
	EXPECT(eif_sign(&eif, curve.pem, curve.size, curve.key, NOW, &section, &n, &why));
	EXPECT_TEXT(why.text, "the key is not of the elliptic curve P-256, P-384 or P-521");
	forget(&id);
	forget(&other);
	forget(&curve);
}
