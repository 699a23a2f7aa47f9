// SPDX-License-Identifier: GPL-2.0
/* AES-XTS with AES-NI and AVX2: the tweaks of two blocks at a time, AES of one. */

#include <linux/build_bug.h>
#include <linux/types.h>

#include "xts.h"
#include "xts-vector.h"

/* Eight blocks fill the pipeline */
#define PAIRS	4U

struct data {
	block lower;
	block upper;
};

struct round_key {
	const block_mem *key;
};

static __always_inline struct data load(const u8 *lower, const u8 *upper,
					pair whitening)
{
	struct data data;

	asm("vpxor %2, %x1, %0" : "=x" (data.lower) :
	    "x" (whitening), "m" (*(const block_mem *)lower));
	asm("vextracti128 $1, %1, %0" : "=x" (data.upper) : "x" (whitening));
	data.upper ^= *(const block_mem *)upper;
	return data;
}

static __always_inline void store(u8 *lower, u8 *upper, struct data data)
{
	*(block_mem *)lower = data.lower;
	*(block_mem *)upper = data.upper;
}

static __always_inline struct round_key load_key(const block_mem *key)
{
	return (struct round_key){ key };
}

static __always_inline void do_round(struct data *data, struct round_key round_key,
				     bool encrypt)
{
	if (encrypt) {
		AES_MEMORY("vaesenc", data->lower, *round_key.key);
		AES_MEMORY("vaesenc", data->upper, *round_key.key);
	} else {
		AES_MEMORY("vaesdec", data->lower, *round_key.key);
		AES_MEMORY("vaesdec", data->upper, *round_key.key);
	}
}

/* With the last round key and the tweak in one */
static __always_inline void do_last_round(struct data *data,
					  const pair_mem *whitening, bool encrypt)
{
	const block_mem *keys = (const block_mem *)whitening;

	if (encrypt) {
		AES_MEMORY("vaesenclast", data->lower, keys[0]);
		AES_MEMORY("vaesenclast", data->upper, keys[1]);
	} else {
		AES_MEMORY("vaesdeclast", data->lower, keys[0]);
		AES_MEMORY("vaesdeclast", data->upper, keys[1]);
	}
}

#include "xts-loops.h"

void nitro_ebs_xts_encrypt_aesni(const struct nitro_ebs_xts *xts,
				struct nitro_ebs_xts_work *work)
{
	if (xts->rounds == 14)
		crypt_sectors(xts, work, 14, true);
	else
		crypt_sectors(xts, work, 10, true);
}

void nitro_ebs_xts_decrypt_aesni(const struct nitro_ebs_xts *xts,
				struct nitro_ebs_xts_work *work)
{
	if (xts->rounds == 14)
		crypt_sectors(xts, work, 14, false);
	else
		crypt_sectors(xts, work, 10, false);
}
