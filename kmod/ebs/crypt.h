/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_CRYPT_H
#define _NITRO_EBS_CRYPT_H

#include <asm/simd.h>
#include <crypto/internal/simd.h>
#include <linux/blk_types.h>
#include <linux/bvec.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#define NITRO_EBS_KEY_MAX	64

#include "xts.h"

struct crypto_sync_skcipher;

/**
 * struct nitro_ebs_crypt - a key and how it is used
 * @xts: the key for an engine of ours
 * @tfm: or the kernel's cipher with the key in it, if none of ours can be used
 * @sector_size: unit of encryption
 * @shift: from 512-byte units to units of @step
 * @step: difference of the IVs of two neighbours
 * @iv_offset: added to sectors, in 512-byte units
 * @simd: the FPU is used, and who calls has to look whether it may be
 */
struct nitro_ebs_crypt {
	struct nitro_ebs_xts xts;
	struct crypto_sync_skcipher *tfm;
	unsigned int sector_size;
	unsigned int shift;
	unsigned int step;
	u64 iv_offset;
	bool simd;
};

/* The number in the IV of the unit that begins at @sector */
static inline u64 nitro_ebs_crypt_iv(const struct nitro_ebs_crypt *crypt,
				     sector_t sector)
{
	return (sector + crypt->iv_offset) >> crypt->shift;
}

/* May a key be used just here? If it uses the FPU (@simd), not where that is taken. */
static inline bool nitro_ebs_crypt_usable(bool simd)
{
	return !in_hardirq() && !irqs_disabled() &&
	       (!simd || crypto_simd_usable());
}

struct nitro_ebs_crypt *
nitro_ebs_crypt_new(const u8 *key, unsigned int key_len,
		    unsigned int sector_size, u64 iv_offset, bool large_iv);
void nitro_ebs_crypt_free(struct nitro_ebs_crypt *crypt);
const char *nitro_ebs_crypt_name(const struct nitro_ebs_crypt *crypt);
int nitro_ebs_crypt_run(const struct nitro_ebs_crypt *crypt, bool encrypt,
			sector_t sector, void *dst, const void *src,
			unsigned int len);
int nitro_ebs_crypt_bvecs(const struct nitro_ebs_crypt *crypt, bool encrypt,
			  sector_t sector, unsigned int len,
			  const struct bio_vec *dst, struct bvec_iter *dst_iter,
			  const struct bio_vec *src, struct bvec_iter *src_iter);
void nitro_ebs_crypt_init(void);

#endif
