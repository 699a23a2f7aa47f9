// SPDX-License-Identifier: GPL-2.0
/* What of an image goes into which register, and whether the image may run. */

#include <errno.h>
#include <string.h>

#include "eif.h"

/* A register that nothing was in before */
static int fill(struct pcr *to, const struct pcr *hash)
{
	*to = (struct pcr){};
	return pcr_extend(to, hash->value, sizeof(hash->value));
}

static int measure(const struct piece *pieces, size_t n, struct pcr *to)
{
	struct pcr hash;
	int err;

	err = sha384(pieces, n, &hash);
	return err ? err : fill(to, &hash);
}

/* Kernel and command line are the first two */
static size_t image_pieces(const struct eif *eif, struct piece pieces[static EIF_SECTIONS_MAX])
{
	size_t n = 0;

	for (unsigned int i = 0; i < eif->n; i++)
		if (i < 2 || eif->sections[i].type == EIF_RAMDISK)
			pieces[n++] = (struct piece){ eif->sections[i].data,
						      eif->sections[i].size };
	return n;
}

static int measure_signer(const struct eif *eif, struct pcr *to, struct why *why)
{
	X509 *certificate;
	uint8_t *der = NULL;
	int err, n;

	err = eif_certificate(eif, &certificate, why);
	if (err)
		return err;
	n = i2d_X509(certificate, &der);
	X509_free(certificate);
	err = n > 0 ? measure(&(struct piece){ der, n }, 1, to) : -ENOMEM;
	OPENSSL_free(der);
	return err ? refuse(why, "the signing certificate cannot be hashed") : 0;
}

/**
 * eif_measure_image - make the register of kernel, command line and all ramdisks
 * @eif: the image
 * @pcr: receives it
 *
 * Context: any; takes as long as hashing the image.
 * Return: 0 or -ENOMEM.
 */
int eif_measure_image(const struct eif *eif, struct pcr *pcr)
{
	struct piece image[EIF_SECTIONS_MAX];

	return measure(image, image_pieces(eif, image), pcr);
}

/**
 * eif_measure - make the registers that an image fills
 * @eif: the image
 * @pcrs: receives them; the others are zero
 * @why: says why not
 *
 * Context: any; takes as long as hashing the image, and its ramdisks but the first again.
 * Return: 0 or -EINVAL.
 */
int eif_measure(const struct eif *eif, struct pcr pcrs[static PCR_COUNT], struct why *why)
{
	struct piece image[EIF_SECTIONS_MAX];
	size_t n = image_pieces(eif, image);
	struct pcr all, bootstrap;

	memset(pcrs, 0, PCR_COUNT * sizeof(*pcrs));
	if (n < 3)
		return refuse(why, "there is no ramdisk");
	if (sha384_prefix(image, n, 3, &all, &bootstrap) || fill(&pcrs[PCR_IMAGE], &all) ||
	    fill(&pcrs[PCR_BOOTSTRAP], &bootstrap) ||
	    measure(image + 3, n - 3, &pcrs[PCR_APPLICATION]))
		return refuse(why, "the image cannot be hashed");
	return eif_section(eif, EIF_SIGNATURE) ? measure_signer(eif, &pcrs[PCR_SIGNER], why) : 0;
}

static int check_dates(X509 *certificate, time_t at, struct why *why)
{
	if (X509_cmp_time(X509_get0_notBefore(certificate), &at) > 0)
		return refuse(why, "the signing certificate is not valid yet");
	if (X509_cmp_time(X509_get0_notAfter(certificate), &at) < 0)
		return refuse(why, "the signing certificate has expired");
	return 0;
}

/**
 * eif_check - may an image run
 * @eif: the image, as it was read
 * @at: the time, for which the signing certificate has to be valid
 * @why: says what is wrong with it
 *
 * Context: any; takes as long as reading the file twice.
 * Return: 0 or -EINVAL.
 */
int eif_check(const struct eif *eif, time_t at, struct why *why)
{
	struct eif_signer signer;
	int err;

	if (!eif_is_undamaged(eif))
		return refuse(why, "the checksum is wrong: the file is damaged");
	if (!eif_section(eif, EIF_SIGNATURE))
		return 0;
	err = eif_signer(eif, &signer, why);
	if (err)
		return err;
	if (!signer.right)
		err = refuse(why, "the signature is not of this image, or not the certificate's");
	else
		err = check_dates(signer.certificate, at, why);
	eif_signer_clear(&signer);
	return err;
}
