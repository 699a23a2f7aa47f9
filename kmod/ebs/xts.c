// SPDX-License-Identifier: GPL-2.0
/* AES-XTS of many sectors in one section of the FPU.
 *
 * The kernel's ciphers take one sector at a time: with sectors of 512 bytes eight
 * sections, requests and encryptions of an IV for a page, each of which waits for
 * itself. Here the IVs are encrypted together, and the two halves of a sector go
 * side by side: the tweak of the second half is that of the first times a power of
 * x, so one sequence of instructions gives the next tweaks of both.
 */

#include "xts.h"

#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <crypto/aes.h>
#include <kunit/visibility.h>
#include <linux/errno.h>
#include <linux/kasan-checks.h>
#include <linux/minmax.h>
#include <linux/string.h>

/* Do the kernel and the processor keep the upper halves of the registers? In
 * User-Mode Linux that is the host's business.
 */
static bool has_ymm(void)
{
#ifdef CONFIG_UML
	return true;
#else
	return cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL);
#endif
}

static bool aesni_usable(void)
{
	return boot_cpu_has(X86_FEATURE_AES) && boot_cpu_has(X86_FEATURE_AVX2) &&
	       has_ymm();
}

static bool vaes_usable(void)
{
	return boot_cpu_has(X86_FEATURE_VAES) && aesni_usable();
}

/* The best one first */
static const struct nitro_ebs_xts_engine engines[] = {
	{
		.name = "nitro-vaes-avx2",
		.usable = vaes_usable,
		.encrypt = nitro_ebs_xts_encrypt_vaes,
		.decrypt = nitro_ebs_xts_decrypt_vaes,
	},
	{
		.name = "nitro-aesni-avx2",
		.usable = aesni_usable,
		.encrypt = nitro_ebs_xts_encrypt_aesni,
		.decrypt = nitro_ebs_xts_decrypt_aesni,
	},
};

/**
 * nitro_ebs_xts_engine() - what this processor can do
 * @n: which of them, 0 is the best
 *
 * Context: any.
 * Return: an engine, or NULL if there are no more.
 */
const struct nitro_ebs_xts_engine *nitro_ebs_xts_engine(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(engines); i++)
		if (engines[i].usable() && !n--)
			return &engines[i];
	return NULL;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_xts_engine);

/**
 * nitro_ebs_xts_run() - encrypt or decrypt sectors
 * @xts: the key
 * @encrypt: or decrypt
 * @number: of the first sector, for its IV
 * @step: difference of the numbers of neighbours
 * @sector_size: a power of two, 512 at least
 * @dst: where to; may be @src
 * @src: where from
 * @len: bytes, a multiple of @sector_size; so many that preemption may be off
 *
 * Context: where the FPU may be used.
 */
void nitro_ebs_xts_run(const struct nitro_ebs_xts *xts, bool encrypt,
		       u64 number, unsigned int step, unsigned int sector_size,
		       void *dst, const void *src, unsigned int len)
{
	struct nitro_ebs_xts_work work NITRO_UNINITIALIZED;
	unsigned int i, size;

	work.half = sector_size / 2;
	kasan_check_read(src, len);
	kasan_check_write(dst, len);
	kernel_fpu_begin();
	for (; len; dst += size, src += size, len -= size) {
		size = min(len, NITRO_EBS_XTS_TWEAKS_MAX * sector_size);
		work.count = size / sector_size;
		work.dst = dst;
		work.src = src;
		for (i = 0; i < work.count; i++, number += step) {
			work.tweaks[i][0] = cpu_to_le64(number);
			work.tweaks[i][1] = 0;
		}
		if (encrypt)
			xts->engine->encrypt(xts, &work);
		else
			xts->engine->decrypt(xts, &work);
	}
	kernel_fpu_end();
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_xts_run);

/**
 * nitro_ebs_xts_set_key() - expand a key
 * @xts: result; to be wiped
 * @engine: that is to use it
 * @key: the key, its two halves
 * @key_len: 64 or 32
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_xts_set_key(struct nitro_ebs_xts *xts,
			  const struct nitro_ebs_xts_engine *engine,
			  const u8 *key, unsigned int key_len)
{
	struct crypto_aes_ctx aes;
	int err;

	xts->engine = engine;
	xts->rounds = 6 + key_len / 8;
	err = aes_expandkey(&aes, key, key_len / 2);
	if (err)
		return err;
	memcpy(xts->enc, aes.key_enc, sizeof(xts->enc));
	memcpy(xts->dec, aes.key_dec, sizeof(xts->dec));
	err = aes_expandkey(&aes, key + key_len / 2, key_len / 2);
	memcpy(xts->tweak, aes.key_enc, sizeof(xts->tweak));
	memzero_explicit(&aes, sizeof(aes));
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_xts_set_key);
