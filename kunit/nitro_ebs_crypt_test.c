// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/crc32.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/unaligned.h>

#include "ebs/crypt.h"
#include "ebs/key.h"

/* IEEE 1619-2007, appendix B: the halves of the long keys are the digits of e and
 * of pi, the short ones are their first halves; plaintexts count bytes.
 */
static const u8 e_and_pi[64] = {
	0x27, 0x18, 0x28, 0x18, 0x28, 0x45, 0x90, 0x45,
	0x23, 0x53, 0x60, 0x28, 0x74, 0x71, 0x35, 0x26,
	0x62, 0x49, 0x77, 0x57, 0x24, 0x70, 0x93, 0x69,
	0x99, 0x59, 0x57, 0x49, 0x66, 0x96, 0x76, 0x27,
	0x31, 0x41, 0x59, 0x26, 0x53, 0x58, 0x97, 0x93,
	0x23, 0x84, 0x62, 0x64, 0x33, 0x83, 0x27, 0x95,
	0x02, 0x88, 0x41, 0x97, 0x16, 0x93, 0x99, 0x37,
	0x51, 0x05, 0x82, 0x09, 0x74, 0x94, 0x45, 0x92,
};

struct vector_case {
	const char *desc;
	unsigned int key_len;
	u64 number;
	unsigned int size;
	/* Of the ciphertext: the first and the last 8 bytes, and its CRC-32 */
	u64 head;
	u64 tail;
	u32 crc;
};

/* Those without a name of the standard are of OpenSSL */
static const struct vector_case vector_cases[] = {
	{ "XTS-AES 4", 32, 0x0, 512, 0x27a7479befa1d476, 0xbe421ee5319d0568,
	  0x2bfdc510 },
	{ "XTS-AES 10", 64, 0xff, 512, 0x1c3b3a102f770386, 0xb9c6e693e148c151,
	  0xff9e4679 },
	{ "XTS-AES 11", 64, 0xffff, 512, 0x77a31251618a15e6, 0xcb9d59cef9645803,
	  0xde7d6063 },
	{ "XTS-AES 12", 64, 0xffffff, 512, 0xe387aaa58ba483af,
	  0x8c309f5a7d712826, 0x44bdd752 },
	{ "XTS-AES 13", 64, 0xffffffff, 512, 0xbf53d2dade78e822,
	  0xa93411373aaa8220, 0x5f0aa245 },
	{ "XTS-AES 14", 64, 0xffffffffff, 512, 0x64497e5a831e4a93,
	  0x631c531f6a0a57b9, 0xf7748616 },
	{ "1024 bytes", 64, 0xff, 1024, 0x1c3b3a102f770386, 0x2e930aa006756067,
	  0x2845b78d },
	{ "2048 bytes", 64, 0xff, 2048, 0x1c3b3a102f770386, 0x2a7827c5162d19fb,
	  0x09055542 },
	{ "4096 bytes", 64, 0xff, 4096, 0x1c3b3a102f770386, 0xbe6eea1d496dbfd5,
	  0x9cb13fd7 },
	{ "4096 bytes, short key", 32, 0xffffffffff, 4096, 0x91ee1c7e738318ef,
	  0x75177ce7c8c83e1b, 0x396f7ad2 },
};

KUNIT_ARRAY_PARAM_DESC(vector, vector_cases, desc);

static void free_crypt(void *crypt)
{
	nitro_ebs_crypt_free(crypt);
}

static struct nitro_ebs_crypt *new_crypt(struct kunit *test,
					 unsigned int key_len,
					 unsigned int size, u64 iv_offset,
					 bool large)
{
	struct nitro_ebs_crypt *crypt;
	u8 key[64];

	memcpy(key, e_and_pi, key_len / 2);
	memcpy(key + key_len / 2, e_and_pi + 32, key_len / 2);
	crypt = nitro_ebs_crypt_new(key, key_len, size, iv_offset, large);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, crypt);
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, free_crypt, crypt));
	return crypt;
}

static u8 *counting(struct kunit *test, unsigned int size)
{
	u8 *bytes = (u8 *)__get_free_pages(GFP_KERNEL, get_order(size));
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, bytes);
	for (i = 0; i < size; i++)
		bytes[i] = i;
	return bytes;
}

static void test_vector(struct kunit *test)
{
	const struct vector_case *c = test->param_value;
	struct nitro_ebs_crypt *crypt = new_crypt(test, c->key_len, c->size, 0,
						  true);
	u8 *plain = counting(test, c->size), *data = counting(test, c->size);
	sector_t sector = c->number * (c->size / 512);

	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_crypt_run(crypt, true, sector, data,
						     plain, c->size));
	KUNIT_EXPECT_EQ(test, c->head, get_unaligned_be64(data));
	KUNIT_EXPECT_EQ(test, c->tail, get_unaligned_be64(data + c->size - 8));
	KUNIT_EXPECT_EQ(test, c->crc, ~crc32_le(~0, data, c->size));
	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_crypt_run(crypt, false, sector, data,
						     data, c->size));
	KUNIT_EXPECT_MEMEQ(test, data, plain, c->size);
	free_pages((unsigned long)plain, get_order(c->size));
	free_pages((unsigned long)data, get_order(c->size));
}

/* Every engine that the processor has, not only the best one */
static void test_engines(struct kunit *test)
{
	const struct vector_case *c = test->param_value;
	u8 *plain = counting(test, c->size), *data = counting(test, c->size);
	const struct nitro_ebs_xts_engine *engine;
	struct nitro_ebs_xts xts;
	unsigned int n;
	u8 key[64];

	memcpy(key, e_and_pi, c->key_len / 2);
	memcpy(key + c->key_len / 2, e_and_pi + 32, c->key_len / 2);
	for (n = 0; (engine = nitro_ebs_xts_engine(n)); n++) {
		KUNIT_ASSERT_EQ(test, 0, nitro_ebs_xts_set_key(&xts, engine, key,
							       c->key_len));
		nitro_ebs_xts_run(&xts, true, c->number, 1, c->size, data, plain,
				  c->size);
		KUNIT_EXPECT_EQ_MSG(test, c->crc, ~crc32_le(~0, data, c->size),
				    "%s", engine->name);
		nitro_ebs_xts_run(&xts, false, c->number, 1, c->size, data, data,
				  c->size);
		KUNIT_EXPECT_MEMEQ(test, data, plain, c->size);
	}
	free_pages((unsigned long)plain, get_order(c->size));
	free_pages((unsigned long)data, get_order(c->size));
	if (!n)
		kunit_skip(test, "this processor has no engine of ours");
}

/* Many sectors at once are what they are one by one, with IVs that do not fit into
 * 32 bits and that wrap
 */
static void test_engines_batch(struct kunit *test)
{
	static const u64 numbers[] = { 0, 0xfffffff0, ~0ULL - 5 };
	const struct nitro_ebs_xts_engine *engine;
	unsigned int n, size, at, i, len = 40 * 512 + 4096;
	u8 *plain = counting(test, len), *one = counting(test, len);
	u8 *all = counting(test, len);
	struct nitro_ebs_xts xts;

	for (n = 0; (engine = nitro_ebs_xts_engine(n)); n++) {
		KUNIT_ASSERT_EQ(test, 0, nitro_ebs_xts_set_key(&xts, engine,
							       e_and_pi, 64));
		for (size = 512; size <= 4096; size *= 2) {
			for (i = 0; i < ARRAY_SIZE(numbers); i++) {
				u64 number = numbers[i];

				nitro_ebs_xts_run(&xts, true, number, 3, size,
						  all, plain, len);
				for (at = 0; at < len; at += size, number += 3)
					nitro_ebs_xts_run(&xts, true, number, 3,
							  size, one + at,
							  plain + at, size);
				KUNIT_EXPECT_TRUE(test, !memcmp(one, all, len));
				nitro_ebs_xts_run(&xts, false, numbers[i], 3,
						  size, all, all, len);
				KUNIT_EXPECT_TRUE(test,
						  !memcmp(plain, all, len));
			}
		}
	}
	free_pages((unsigned long)plain, get_order(len));
	free_pages((unsigned long)one, get_order(len));
	free_pages((unsigned long)all, get_order(len));
	if (!n)
		kunit_skip(test, "this processor has no engine of ours");
}

struct iv_case {
	const char *desc;
	unsigned int size;
	u64 iv_offset;
	bool large;
	sector_t sector;
	u64 number;
	unsigned int step;
};

static const struct iv_case iv_cases[] = {
	{ "512", 512, 0, false, 7, 7, 1 },
	{ "512, offset", 512, 100, false, 7, 107, 1 },
	{ "4096 counts in 512", 4096, 0, false, 16, 16, 8 },
	{ "4096 counts in 4096", 4096, 0, true, 16, 2, 1 },
	{ "4096, offset is divided, too", 4096, 80, true, 16, 12, 1 },
	{ "2048", 2048, 4, true, 8, 3, 1 },
	{ "beyond 32 bits", 512, 1ULL << 40, false, 1ULL << 35,
	  (1ULL << 40) + (1ULL << 35), 1 },
};

KUNIT_ARRAY_PARAM_DESC(iv, iv_cases, desc);

static void test_iv(struct kunit *test)
{
	const struct iv_case *c = test->param_value;
	struct nitro_ebs_crypt *crypt = new_crypt(test, 64, c->size,
						  c->iv_offset, c->large);

	KUNIT_EXPECT_EQ(test, c->number, nitro_ebs_crypt_iv(crypt, c->sector));
	KUNIT_EXPECT_EQ(test, c->step, crypt->step);
	KUNIT_EXPECT_EQ(test, c->number + c->step,
			nitro_ebs_crypt_iv(crypt, c->sector + c->size / 512));
}

#define LEN	(8 * PAGE_SIZE)

/* Cut @len bytes at @bytes into segments of random lengths */
static unsigned int cut(struct rnd_state *rnd, struct bio_vec *vecs, u8 *bytes,
			unsigned int len, unsigned int unit)
{
	unsigned int n = 0, part;

	while (len) {
		part = min(len, (prandom_u32_state(rnd) % 40 + 1) * unit);
		bvec_set_virt(&vecs[n++], bytes, part);
		bytes += part;
		len -= part;
	}
	return n;
}

/* However the caller's memory is cut, what comes out is the same */
static void test_segments(struct kunit *test)
{
	static const unsigned int units[] = { 512, 256, 100, 4 };
	struct bio_vec *vecs = kunit_kcalloc(test, LEN, sizeof(*vecs), GFP_KERNEL);
	u8 *plain = counting(test, LEN), *whole = counting(test, LEN);
	u8 *data = counting(test, LEN);
	struct bvec_iter cut_iter, one_iter;
	struct nitro_ebs_crypt *crypts[4], *crypt;
	struct rnd_state rnd;
	struct bio_vec one;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, vecs);
	prandom_seed_state(&rnd, 1);
	for (i = 0; i < 4; i++)
		crypts[i] = new_crypt(test, 64, 512 << i, 0, false);
	for (i = 0; i < 40; i++) {
		crypt = crypts[i % 4];
		KUNIT_ASSERT_EQ(test, 0,
				nitro_ebs_crypt_run(crypt, true, 64, whole,
						    plain, LEN));
		cut(&rnd, vecs, plain, LEN, units[i / 4 % 4]);
		memset(data, 0, LEN);
		bvec_set_virt(&one, data, LEN);
		cut_iter = (struct bvec_iter){ .bi_size = LEN };
		one_iter = cut_iter;
		KUNIT_EXPECT_EQ(test, 0,
				nitro_ebs_crypt_bvecs(crypt, true, 64, LEN,
						      &one, &one_iter,
						      vecs, &cut_iter));
		KUNIT_EXPECT_MEMEQ(test, data, whole, LEN);

		cut(&rnd, vecs, data, LEN, units[i / 4 % 4]);
		memset(data, 0, LEN);
		bvec_set_virt(&one, whole, LEN);
		cut_iter = (struct bvec_iter){ .bi_size = LEN };
		one_iter = cut_iter;
		KUNIT_EXPECT_EQ(test, 0,
				nitro_ebs_crypt_bvecs(crypt, false, 64, LEN,
						      vecs, &cut_iter,
						      &one, &one_iter));
		KUNIT_EXPECT_MEMEQ(test, data, plain, LEN);
	}
	free_pages((unsigned long)plain, get_order(LEN));
	free_pages((unsigned long)whole, get_order(LEN));
	free_pages((unsigned long)data, get_order(LEN));
}

static void test_key(struct kunit *test)
{
	struct nitro_ebs_key key = { .len = 64 };

	KUNIT_EXPECT_EQ(test, -EINVAL, nitro_ebs_key_check(&key, NULL));
	memcpy(key.bytes, e_and_pi, 64);
	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_key_check(&key, NULL));
	key.len = 32;
	KUNIT_EXPECT_EQ(test, 0, nitro_ebs_key_check(&key, NULL));
	key.len = 48;
	KUNIT_EXPECT_EQ(test, -EINVAL, nitro_ebs_key_check(&key, NULL));
	key.len = 0;
	KUNIT_EXPECT_EQ(test, -EINVAL, nitro_ebs_key_check(&key, NULL));
}

static struct kunit_case cases[] = {
	KUNIT_CASE_PARAM(test_vector, vector_gen_params),
	KUNIT_CASE_PARAM(test_engines, vector_gen_params),
	KUNIT_CASE(test_engines_batch),
	KUNIT_CASE_PARAM(test_iv, iv_gen_params),
	KUNIT_CASE(test_segments),
	KUNIT_CASE(test_key),
	{}
};

static struct kunit_suite suite = {
	.name = "nitro_ebs_crypt",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of nitro_ebs: IVs and AES-XTS");
MODULE_LICENSE("GPL");
NITRO_IMPORT_NS_KUNIT;
