/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_XTS_H
#define _NITRO_EBS_XTS_H

#include <linux/errno.h>
#include <linux/types.h>

#define NITRO_EBS_XTS_ROUND_KEYS	15
#define NITRO_EBS_XTS_TWEAKS_MAX	8

/**
 * struct nitro_ebs_xts - the expanded halves of a key
 * @enc: round keys that encrypt data, as the processor wants them
 * @dec: round keys that decrypt data
 * @tweak: round keys that encrypt IVs
 * @rounds: 14 for AES-256, 10 for AES-128
 * @engine: what does the work
 */
struct nitro_ebs_xts {
	u32 enc[NITRO_EBS_XTS_ROUND_KEYS][4];
	u32 dec[NITRO_EBS_XTS_ROUND_KEYS][4];
	u32 tweak[NITRO_EBS_XTS_ROUND_KEYS][4];
	unsigned int rounds;
	const struct nitro_ebs_xts_engine *engine;
};

/**
 * struct nitro_ebs_xts_work - sectors that follow each other
 * @dst: where to; may be @src
 * @src: where from
 * @half: half of the size of a sector
 * @count: of the sectors
 * @tweaks: the IV of each sector; overwritten by its tweak
 * @far: room for the tweaks of the second halves
 */
struct nitro_ebs_xts_work {
	u8 *dst;
	const u8 *src;
	unsigned long half;
	unsigned int count;
	__le64 tweaks[NITRO_EBS_XTS_TWEAKS_MAX][2];
	__le64 far[NITRO_EBS_XTS_TWEAKS_MAX][2];
};

/**
 * struct nitro_ebs_xts_engine - instructions of a processor
 * @name: for people
 * @usable: does this processor have them?
 * @encrypt: encrypts the IVs and then the data. Uses the FPU.
 * @decrypt: encrypts the IVs and decrypts the data. Uses the FPU.
 */
struct nitro_ebs_xts_engine {
	const char *name;
	bool (*usable)(void);
	void (*encrypt)(const struct nitro_ebs_xts *xts,
			struct nitro_ebs_xts_work *work);
	void (*decrypt)(const struct nitro_ebs_xts *xts,
			struct nitro_ebs_xts_work *work);
};

void nitro_ebs_xts_encrypt_aesni(const struct nitro_ebs_xts *xts,
				 struct nitro_ebs_xts_work *work);
void nitro_ebs_xts_decrypt_aesni(const struct nitro_ebs_xts *xts,
				 struct nitro_ebs_xts_work *work);
void nitro_ebs_xts_encrypt_vaes(const struct nitro_ebs_xts *xts,
				struct nitro_ebs_xts_work *work);
void nitro_ebs_xts_decrypt_vaes(const struct nitro_ebs_xts *xts,
				struct nitro_ebs_xts_work *work);

#ifdef CONFIG_X86_64
const struct nitro_ebs_xts_engine *nitro_ebs_xts_engine(unsigned int n);
int nitro_ebs_xts_set_key(struct nitro_ebs_xts *xts,
			  const struct nitro_ebs_xts_engine *engine,
			  const u8 *key, unsigned int key_len);
void nitro_ebs_xts_run(const struct nitro_ebs_xts *xts, bool encrypt,
		       u64 number, unsigned int step, unsigned int sector_size,
		       void *dst, const void *src, unsigned int len);
#else
static inline const struct nitro_ebs_xts_engine *
nitro_ebs_xts_engine(unsigned int n)
{
	return NULL;
}

static inline int
nitro_ebs_xts_set_key(struct nitro_ebs_xts *xts,
		      const struct nitro_ebs_xts_engine *engine, const u8 *key,
		      unsigned int key_len)
{
	return -EOPNOTSUPP;
}

static inline void
nitro_ebs_xts_run(const struct nitro_ebs_xts *xts, bool encrypt, u64 number,
		  unsigned int step, unsigned int sector_size, void *dst,
		  const void *src, unsigned int len)
{
}
#endif

#endif
