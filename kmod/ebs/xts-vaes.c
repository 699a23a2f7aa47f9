// SPDX-License-Identifier: GPL-2.0
/* AES-XTS with VAES and AVX2: everything of two blocks at a time. */

#include <linux/build_bug.h>
#include <linux/types.h>

#include "xts.h"
#include "xts-vector.h"

/* So many fill the pipeline, and a half of 512 bytes has them */
#define PAIRS	8U

struct data {
	pair both;
};

struct round_key {
	pair both;
};

static __always_inline struct data load(const u8 *lower, const u8 *upper,
					pair whitening)
{
	struct data data;

	asm("vmovdqu %1, %x0" : "=x" (data.both) :
	    "m" (*(const block_mem *)lower));
	asm("vinserti128 $1, %1, %0, %0" : "+x" (data.both) :
	    "m" (*(const block_mem *)upper));
	data.both ^= whitening;
	return data;
}

static __always_inline void store(u8 *lower, u8 *upper, struct data data)
{
	asm("vmovdqu %x1, %0" : "=m" (*(block_mem *)lower) : "x" (data.both));
	asm("vextracti128 $1, %1, %0" : "=m" (*(block_mem *)upper) :
	    "x" (data.both));
}

static __always_inline struct round_key load_key(const block_mem *key)
{
	struct round_key round_key;

	asm("vbroadcasti128 %1, %0" : "=x" (round_key.both) : "m" (*key));
	return round_key;
}

static __always_inline void do_round(struct data *data, struct round_key round_key,
				     bool encrypt)
{
	if (encrypt)
		AES("vaesenc", data->both, round_key.both);
	else
		AES("vaesdec", data->both, round_key.both);
}

/* With the last round key and the tweak in one */
static __always_inline void do_last_round(struct data *data,
					  const pair_mem *whitening, bool encrypt)
{
	if (encrypt)
		AES_MEMORY("vaesenclast", data->both, *whitening);
	else
		AES_MEMORY("vaesdeclast", data->both, *whitening);
}

#include "xts-loops.h"

void nitro_ebs_xts_encrypt_vaes(const struct nitro_ebs_xts *xts,
				struct nitro_ebs_xts_work *work)
{
	if (xts->rounds == 14)
		crypt_sectors(xts, work, 14, true);
	else
		crypt_sectors(xts, work, 10, true);
}

void nitro_ebs_xts_decrypt_vaes(const struct nitro_ebs_xts *xts,
				struct nitro_ebs_xts_work *work)
{
	if (xts->rounds == 14)
		crypt_sectors(xts, work, 14, false);
	else
		crypt_sectors(xts, work, 10, false);
}
