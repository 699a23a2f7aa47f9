/* SPDX-License-Identifier: GPL-2.0 */
/* The loops of AES-XTS, for an engine that has defined PAIRS, struct data, struct
 * round_key, load(), store(), load_key(), do_round() and do_last_round().
 *
 * A block of the first half of a sector and the one in the same place of the
 * second half make a pair. The tweak of the first is in the lower lane of a "pair",
 * that of the second in the upper one. Only to be called in a section of the FPU.
 */

/* What is carried out of a tweak and of its lower half comes in again as this */
static const s32 polynomials[8] __aligned(32) = { 0x87, 0, 1, 0, 0x87, 0, 1, 0 };

/**
 * struct whitening - what XTS and AES add to the data of a pair before and after
 *	the rounds, made of its tweaks and of a round key
 * @first: the first round key, in both lanes
 * @last: the last one, to be added to what @first was added to, instead of it
 * @kept: what makes the next whitening of twice a whitening where nothing was
 *	carried out of it
 * @carried: the same where something was
 *
 * If W is T + @first then the next one, T x + @first, is W x + @first x + @first.
 */
struct whitening {
	pair first;
	pair last;
	pair kept;
	pair carried;
};

/* For each half of a lane the dword whose sign is what is carried into it */
static __always_inline pair carries(pair lanes)
{
	pair signs;

	asm("vpshufd $0x13, %1, %0" : "=x" (signs) : "x" (lanes));
	return signs;
}

static __always_inline struct whitening make_whitening(const block_mem *first,
						       const block_mem *last)
{
	const pair polynomial = *(const pair_mem *)polynomials;
	struct whitening w;

	asm("vbroadcasti128 %1, %0" : "=x" (w.first) : "m" (*first));
	asm("vbroadcasti128 %1, %0" : "=x" (w.last) : "m" (*last));
	w.last ^= w.first;
	w.kept = (pair)((pair_dwords)carries(w.first) >> 31) & polynomial;
	w.kept ^= (w.first + w.first) ^ w.first;
	w.carried = w.kept ^ polynomial;
	return w;
}

static __always_inline pair next_whitening(const struct whitening *w, pair now)
{
	pair add;

	asm("vblendvps %3, %2, %1, %0" : "=x" (add) :
	    "x" (w->kept), "x" (w->carried), "x" (carries(now)));
	return (now + now) ^ add;
}

/* Both tweaks of a pair times x^(8 bytes), for up to 4 bytes: what is shifted out comes
 * in again times 1 + x + x^2 + x^7.
 */
#define TIMES_X(tweaks, bytes) ({					\
	pair carry_, product_;						\
									\
	asm("vpsrldq %2, %1, %0" : "=x" (carry_) :			\
	    "x" (tweaks), "i" (16 - (bytes)));				\
	asm("vpslldq %2, %1, %0" : "=x" (product_) :			\
	    "x" (tweaks), "i" (bytes));					\
	product_ ^ carry_ ^ (carry_ << 1) ^ (carry_ << 2) ^ (carry_ << 7); \
})

/* Of the tweaks of two sectors those that are @blocks further, 16 or a multiple of 32 */
static __always_inline pair far_tweaks(pair tweaks, unsigned long blocks)
{
	if (blocks == 16)
		return TIMES_X(tweaks, 2);
	do {
		tweaks = TIMES_X(tweaks, 4);
	} while (blocks -= 32);
	return tweaks;
}

static __always_inline void encrypt_ivs(const u32 (*keys)[4], unsigned int rounds,
					block_mem *ivs, unsigned int n)
{
	const block_mem *key = (const block_mem *)keys;
	block data[8] NITRO_UNINITIALIZED;
	unsigned int i, r;

	/* Or the address of each round key would want a register */
	asm("" : "+r" (key));
#pragma GCC unroll 8
	for (i = 0; i < n; i++)
		data[i] = ivs[i] ^ key[0];
#pragma GCC unroll 16
	for (r = 1; r < rounds; r++) {
#pragma GCC unroll 8
		for (i = 0; i < n; i++)
			AES_MEMORY("vaesenc", data[i], key[r]);
	}
#pragma GCC unroll 8
	for (i = 0; i < n; i++) {
		AES("vaesenclast", data[i], key[rounds]);
		ivs[i] = data[i];
	}
}

static __always_inline void make_tweaks(const struct nitro_ebs_xts *xts,
					struct nitro_ebs_xts_work *work,
					unsigned int rounds)
{
	block_mem *ivs = (block_mem *)work->tweaks;
	unsigned int n, count = work->count;
	unsigned long blocks = work->half / BLOCK;

	for (n = count; n >= 8; n -= 8, ivs += 8)
		encrypt_ivs(xts->tweak, rounds, ivs, 8);
	for (; n; n--, ivs++)
		encrypt_ivs(xts->tweak, rounds, ivs, 1);

	/* Of a number that is odd, one more than there is */
	for (n = 0; n < count; n += 2)
		*(pair_mem *)work->far[n] =
			far_tweaks(*(pair_mem *)work->tweaks[n], blocks);
}

/* PAIRS pairs of blocks. Returns the whitening of those that follow. */
static __always_inline pair crypt_pairs(const block_mem *key, unsigned int rounds,
					bool encrypt, u8 *dst, const u8 *src,
					unsigned long half, pair before,
					const struct whitening *w)
{
	pair_mem after[PAIRS] NITRO_UNINITIALIZED;
	struct data data[PAIRS] NITRO_UNINITIALIZED;
	unsigned int i, r;

	/* As above */
	asm("" : "+r" (key));
#pragma GCC unroll 8
	for (i = 0; i < PAIRS; i++) {
		data[i] = load(src + i * BLOCK, src + half + i * BLOCK, before);
		/* The compiler would keep them, and has not the registers */
		asm("vmovdqu %1, %0" : "=m" (after[i]) : "x" (before ^ w->last));
		before = next_whitening(w, before);
	}
#pragma GCC unroll 16
	for (r = 1; r < rounds; r++) {
		struct round_key round_key = load_key(key + r);

#pragma GCC unroll 8
		for (i = 0; i < PAIRS; i++)
			do_round(&data[i], round_key, encrypt);
	}
#pragma GCC unroll 8
	for (i = 0; i < PAIRS; i++) {
		do_last_round(&data[i], &after[i], encrypt);
		store(dst + i * BLOCK, dst + half + i * BLOCK, data[i]);
	}
	return before;
}

static __always_inline void crypt_sectors(const struct nitro_ebs_xts *xts,
					  struct nitro_ebs_xts_work *work,
					  unsigned int rounds, bool encrypt)
{
	const block_mem *key = (const block_mem *)(encrypt ? xts->enc : xts->dec);
	const u8 *src = work->src, *end;
	unsigned int i, count = work->count;
	unsigned long half = work->half;
	struct whitening w;
	u8 *dst = work->dst;

	w = make_whitening(&key[0], &key[rounds]);
	make_tweaks(xts, work, rounds);
	for (i = 0; i < count; i++) {
		pair before;

		asm("vinserti128 $1, %1, %t2, %0" : "=x" (before) :
		    "m" (*(const block_mem *)work->far[i]),
		    "x" (*(const block_mem *)work->tweaks[i]));
		before ^= w.first;

		for (end = src + half; src < end;
		     src += PAIRS * BLOCK, dst += PAIRS * BLOCK)
			before = crypt_pairs(key, rounds, encrypt, dst, src,
					     half, before, &w);
		src += half;
		dst += half;
	}
	/* Round keys and data do not stay in registers */
	asm volatile("vzeroall" ::: "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		     "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
		     "xmm13", "xmm14", "xmm15");
}
