// SPDX-License-Identifier: GPL-2.0
/* AES-XTS with the IVs of dm-crypt's plain64: by an engine of ours, or by the
 * kernel's cipher.
 */

#include "crypt.h"

#include <crypto/skcipher.h>
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

/* The engine of new keys, or NULL for the kernel's cipher */
static const struct nitro_ebs_xts_engine *engine;

/* Bytes of one cipher section, in which preemption may be off */
#define SECTION_MAX	16384U

/* Of the test of an engine: a full batch of small sectors and some more */
#define TEST_SIZE	(SECTION_MAX + 3 * 4096)

/* The addresses of pages are taken without mapping them */
static_assert(!IS_ENABLED(CONFIG_HIGHMEM));

/* Is the fastest cipher one that may defer its work? Asking for one that does not
 * would give the slowest, which the compiler made of C.
 */
static bool fastest_is_async(void)
{
	struct crypto_skcipher *tfm = crypto_alloc_skcipher("xts(aes)", 0, 0);
	bool async;

	if (IS_ERR(tfm))
		return false;
	async = crypto_skcipher_tfm(tfm)->__crt_alg->cra_flags &
		CRYPTO_ALG_ASYNC;
	crypto_free_skcipher(tfm);
	return async;
}

/* A cipher that does its work before it returns, the fastest there is. Older
 * kernels have those that use the FPU behind a wrapper, which defers to a thread
 * where the FPU is taken; what it wraps is marked as internal, and may be called
 * by whoever looks at the FPU himself.
 */
static struct crypto_sync_skcipher *alloc_tfm(bool *ret_simd)
{
	struct crypto_sync_skcipher *tfm = ERR_PTR(-ENOENT);

	if (fastest_is_async())
		tfm = crypto_alloc_sync_skcipher("__xts(aes)",
						 CRYPTO_ALG_INTERNAL,
						 CRYPTO_ALG_INTERNAL);
	*ret_simd = !IS_ERR(tfm);
	if (IS_ERR(tfm))
		tfm = crypto_alloc_sync_skcipher("xts(aes)", 0, 0);
	return tfm;
}

static int set_tfm(struct nitro_ebs_crypt *crypt, const u8 *key,
		   unsigned int key_len)
{
	int err;

	crypt->tfm = alloc_tfm(&crypt->simd);
	if (IS_ERR(crypt->tfm))
		return PTR_ERR(crypt->tfm);
	err = crypto_sync_skcipher_setkey(crypt->tfm, key, key_len);
	if (err)
		crypto_free_sync_skcipher(crypt->tfm);
	return err;
}

static int set_engine(struct nitro_ebs_crypt *crypt, const u8 *key,
		      unsigned int key_len)
{
	crypt->simd = true;
	return nitro_ebs_xts_set_key(&crypt->xts, engine, key, key_len);
}

/**
 * nitro_ebs_crypt_new() - set up a key
 * @key: the key, 32 or 64 bytes
 * @key_len: its length
 * @sector_size: unit of encryption
 * @iv_offset: added to sectors, in 512-byte units
 * @large_iv: IVs count sectors, not 512-byte units
 *
 * Context: may sleep.
 * Return: the key in use or an ERR_PTR.
 */
struct nitro_ebs_crypt *
nitro_ebs_crypt_new(const u8 *key, unsigned int key_len,
		    unsigned int sector_size, u64 iv_offset, bool large_iv)
{
	struct nitro_ebs_crypt *crypt;
	int err;

	crypt = kzalloc(sizeof(*crypt), GFP_KERNEL);
	if (!crypt)
		return ERR_PTR(-ENOMEM);
	crypt->sector_size = sector_size;
	crypt->shift = large_iv ? ilog2(sector_size) - SECTOR_SHIFT : 0;
	crypt->step = large_iv ? 1 : sector_size >> SECTOR_SHIFT;
	crypt->iv_offset = iv_offset;

	err = engine ? set_engine(crypt, key, key_len) :
		       set_tfm(crypt, key, key_len);
	if (err) {
		kfree_sensitive(crypt);
		return ERR_PTR(err);
	}
	return crypt;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_crypt_new);

/**
 * nitro_ebs_crypt_free() - forget a key
 * @crypt: the key, used by no one any more; may be NULL
 *
 * The schedule is overwritten: the crypto API frees a cipher's memory by
 * kfree_sensitive().
 *
 * Context: may sleep.
 */
void nitro_ebs_crypt_free(struct nitro_ebs_crypt *crypt)
{
	if (!crypt)
		return;
	if (crypt->tfm)
		crypto_free_sync_skcipher(crypt->tfm);
	kfree_sensitive(crypt);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_crypt_free);

/**
 * nitro_ebs_crypt_name() - who does the work
 * @crypt: the key
 *
 * Context: any.
 * Return: name of the implementation, for people.
 */
const char *nitro_ebs_crypt_name(const struct nitro_ebs_crypt *crypt)
{
	if (crypt->xts.engine)
		return crypt->xts.engine->name;
	return crypto_skcipher_driver_name(&crypt->tfm->base);
}

/* The kernel's cipher takes a request for each unit. */
static int run_tfm(const struct nitro_ebs_crypt *crypt, bool encrypt, u64 number,
		   void *dst, const void *src, unsigned int len)
{
	unsigned int size = crypt->sector_size;
	struct scatterlist sg_src, sg_dst;
	__le64 iv[2];
	int err = 0;

	SYNC_SKCIPHER_REQUEST_ON_STACK(req, crypt->tfm);

	skcipher_request_set_sync_tfm(req, crypt->tfm);
	skcipher_request_set_callback(req, 0, NULL, NULL);
	sg_init_table(&sg_src, 1);
	sg_init_table(&sg_dst, 1);
	while (len) {
		sg_set_buf(&sg_src, src, size);
		sg_set_buf(&sg_dst, dst, size);
		iv[0] = cpu_to_le64(number);
		iv[1] = 0;
		skcipher_request_set_crypt(req, &sg_src,
					   dst == src ? &sg_src : &sg_dst,
					   size, iv);
		err = encrypt ? crypto_skcipher_encrypt(req) :
				crypto_skcipher_decrypt(req);
		if (err)
			break;
		number += crypt->step;
		dst += size;
		src += size;
		len -= size;
	}
	skcipher_request_zero(req);
	return err;
}

static __always_inline int run_any(const struct nitro_ebs_crypt *crypt,
				   bool encrypt, sector_t sector, void *dst,
				   const void *src, unsigned int len)
{
	u64 number = nitro_ebs_crypt_iv(crypt, sector);

	if (!crypt->xts.engine)
		return run_tfm(crypt, encrypt, number, dst, src, len);
	nitro_ebs_xts_run(&crypt->xts, encrypt, number, crypt->step,
			  crypt->sector_size, dst, src, len);
	return 0;
}

/**
 * nitro_ebs_crypt_run() - encrypt or decrypt units that are contiguous
 * @crypt: the key
 * @encrypt: or decrypt
 * @sector: of the first unit, in 512-byte units
 * @dst: where to; may be @src
 * @src: where from
 * @len: bytes, a multiple of the sector size
 *
 * Context: where nitro_ebs_crypt_usable() is true. Does not sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_crypt_run(const struct nitro_ebs_crypt *crypt, bool encrypt,
			sector_t sector, void *dst, const void *src,
			unsigned int len)
{
	return run_any(crypt, encrypt, sector, dst, src, len);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_crypt_run);

/* A unit of which a buffer has only a part: copied to where it has to be and
 * worked on there, or the other way round, whichever of them is in one piece.
 * If none is there is no way, but pages of ours always are.
 */
static int crypt_torn(const struct nitro_ebs_crypt *crypt, bool encrypt,
		      sector_t sector, const struct bio_vec *dst,
		      struct bvec_iter *dst_iter, const struct bio_vec *src,
		      struct bvec_iter *src_iter)
{
	struct bio_vec to = mp_bvec_iter_bvec(dst, *dst_iter);
	struct bio_vec from = mp_bvec_iter_bvec(src, *src_iter);
	unsigned int size = crypt->sector_size, done, part;
	void *whole;
	int err;

	if (to.bv_len >= size) {
		whole = page_address(to.bv_page) + to.bv_offset;
		for (done = 0; done < size; done += part) {
			from = mp_bvec_iter_bvec(src, *src_iter);
			part = min(from.bv_len, size - done);
			memcpy(whole + done, page_address(from.bv_page) +
			       from.bv_offset, part);
			bvec_iter_advance(src, src_iter, part);
		}
		bvec_iter_advance(dst, dst_iter, size);
		return nitro_ebs_crypt_run(crypt, encrypt, sector, whole, whole,
					   size);
	}
	if (WARN_ON_ONCE(from.bv_len < size))
		return -EINVAL;
	whole = page_address(from.bv_page) + from.bv_offset;
	err = nitro_ebs_crypt_run(crypt, encrypt, sector, whole, whole, size);
	for (done = 0; !err && done < size; done += part) {
		to = mp_bvec_iter_bvec(dst, *dst_iter);
		part = min(to.bv_len, size - done);
		memcpy(page_address(to.bv_page) + to.bv_offset, whole + done,
		       part);
		bvec_iter_advance(dst, dst_iter, part);
	}
	/* No plaintext stays in pages that go to the next one */
	memzero_explicit(whole, size);
	bvec_iter_advance(src, src_iter, size);
	return err;
}

/**
 * nitro_ebs_crypt_bvecs() - encrypt or decrypt from bvecs to bvecs
 * @crypt: the key
 * @encrypt: or decrypt
 * @sector: of the first unit, in 512-byte units
 * @len: bytes, a multiple of the sector size
 * @dst: where to
 * @dst_iter: its position; changed
 * @src: where from. Units that are torn between segments of @dst are
 *	overwritten, with zeros in the end.
 * @src_iter: its position; changed
 *
 * Either side may have segments that are no multiples of the sector size, but
 * not both: one side is always pages of ours.
 *
 * Context: where nitro_ebs_crypt_usable() is true. Does not sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_crypt_bvecs(const struct nitro_ebs_crypt *crypt, bool encrypt,
			  sector_t sector, unsigned int len,
			  const struct bio_vec *dst, struct bvec_iter *dst_iter,
			  const struct bio_vec *src, struct bvec_iter *src_iter)
{
	while (len) {
		struct bio_vec to = mp_bvec_iter_bvec(dst, *dst_iter);
		struct bio_vec from = mp_bvec_iter_bvec(src, *src_iter);
		unsigned int run = min3(to.bv_len, from.bv_len, len);
		int err;

		run = min(run, SECTION_MAX) & ~(crypt->sector_size - 1);
		if (run) {
			err = run_any(crypt, encrypt, sector,
				      page_address(to.bv_page) + to.bv_offset,
				      page_address(from.bv_page) +
				      from.bv_offset, run);
			if (likely(run == len))
				return err;
			bvec_iter_advance(dst, dst_iter, run);
			bvec_iter_advance(src, src_iter, run);
		} else {
			run = crypt->sector_size;
			err = crypt_torn(crypt, encrypt, sector, dst, dst_iter,
					 src, src_iter);
		}
		if (err)
			return err;
		sector += run >> SECTOR_SHIFT;
		len -= run;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_crypt_bvecs);

/* Does the engine make of some random data what the kernel's cipher makes of it? */
static bool engine_is_right(const struct nitro_ebs_xts_engine *candidate,
			    unsigned int key_len, unsigned int sector_size,
			    u8 *data)
{
	u8 *plain = data, *ours = data + TEST_SIZE, *kernel = ours + TEST_SIZE;
	struct nitro_ebs_crypt crypt = {
		.sector_size = sector_size,
		.step = sector_size >> SECTOR_SHIFT,
	};
	u8 key[NITRO_EBS_KEY_MAX];
	bool right = false;
	u64 number;

	get_random_bytes(key, sizeof(key));
	get_random_bytes(&number, sizeof(number));
	get_random_bytes(plain, TEST_SIZE);
	if (set_tfm(&crypt, key, key_len))
		return false;
	if (nitro_ebs_xts_set_key(&crypt.xts, candidate, key, key_len) ||
	    run_tfm(&crypt, true, number, kernel, plain, TEST_SIZE))
		goto free;
	nitro_ebs_xts_run(&crypt.xts, true, number, crypt.step, sector_size,
			  ours, plain, TEST_SIZE);
	right = !memcmp(ours, kernel, TEST_SIZE);
	nitro_ebs_xts_run(&crypt.xts, false, number, crypt.step, sector_size,
			  ours, ours, TEST_SIZE);
	right = right && !memcmp(ours, plain, TEST_SIZE);
free:
	crypto_free_sync_skcipher(crypt.tfm);
	return right;
}

static bool engine_passes(const struct nitro_ebs_xts_engine *candidate)
{
	unsigned int key_len, size;
	bool passes = true;
	u8 *data;

	data = kmalloc(3 * TEST_SIZE, GFP_KERNEL);
	if (!data)
		return false;
	for (key_len = 32; key_len <= 64; key_len += 32)
		for (size = 512; size <= 4096; size *= 2)
			passes = passes && engine_is_right(candidate, key_len,
							   size, data);
	kfree(data);
	return passes;
}

/**
 * nitro_ebs_crypt_init() - choose what does the work
 *
 * The best engine that agrees with the kernel's cipher here and now: what a
 * compiler or a processor gets wrong is not to be found out by users.
 *
 * Context: module load; may sleep.
 */
void __init nitro_ebs_crypt_init(void)
{
	const struct nitro_ebs_xts_engine *candidate;
	unsigned int n;

	for (n = 0; !engine && (candidate = nitro_ebs_xts_engine(n)); n++) {
		if (engine_passes(candidate))
			engine = candidate;
		else
			pr_warn("nitro_ebs: %s does not agree with the kernel's cipher and is not used\n",
				candidate->name);
	}
}
