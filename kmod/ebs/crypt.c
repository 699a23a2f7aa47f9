// SPDX-License-Identifier: GPL-2.0
/* AES-XTS with the IVs of dm-crypt's plain64. */

#include "crypt.h"

#include <asm/simd.h>
#include <crypto/internal/simd.h>
#include <crypto/skcipher.h>
#include <kunit/visibility.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

/* Bytes of one cipher section, in which preemption may be off */
#define SECTION_MAX	16384U

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

	crypt->tfm = alloc_tfm(&crypt->simd);
	if (IS_ERR(crypt->tfm)) {
		err = PTR_ERR(crypt->tfm);
		goto err_crypt;
	}
	err = crypto_sync_skcipher_setkey(crypt->tfm, key, key_len);
	if (err)
		goto err_tfm;
	return crypt;

err_tfm:
	crypto_free_sync_skcipher(crypt->tfm);
err_crypt:
	kfree(crypt);
	return ERR_PTR(err);
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
	return crypto_skcipher_driver_name(&crypt->tfm->base);
}

/**
 * nitro_ebs_crypt_usable() - may the key be used just here?
 * @crypt: the key
 *
 * Context: any.
 * Return: false in hard interrupts, and where the FPU is taken.
 */
bool nitro_ebs_crypt_usable(const struct nitro_ebs_crypt *crypt)
{
	return !in_hardirq() && !irqs_disabled() &&
	       (!crypt->simd || crypto_simd_usable());
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
	u64 number = nitro_ebs_crypt_iv(crypt, sector);
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
 * @dst_iter: its position
 * @src: where from. Units that are torn between segments of @dst are
 *	overwritten, with zeros in the end.
 * @src_iter: its position
 *
 * Either side may have segments that are no multiples of the sector size, but
 * not both: one side is always pages of ours.
 *
 * Context: where nitro_ebs_crypt_usable() is true. Does not sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_crypt_bvecs(const struct nitro_ebs_crypt *crypt, bool encrypt,
			  sector_t sector, unsigned int len,
			  const struct bio_vec *dst, struct bvec_iter dst_iter,
			  const struct bio_vec *src, struct bvec_iter src_iter)
{
	while (len) {
		struct bio_vec to = mp_bvec_iter_bvec(dst, dst_iter);
		struct bio_vec from = mp_bvec_iter_bvec(src, src_iter);
		unsigned int run = min3(to.bv_len, from.bv_len, len);
		int err;

		run = min(run, SECTION_MAX) & ~(crypt->sector_size - 1);
		if (run) {
			err = nitro_ebs_crypt_run(crypt, encrypt, sector,
						  page_address(to.bv_page) +
						  to.bv_offset,
						  page_address(from.bv_page) +
						  from.bv_offset, run);
			bvec_iter_advance(dst, &dst_iter, run);
			bvec_iter_advance(src, &src_iter, run);
		} else {
			run = crypt->sector_size;
			err = crypt_torn(crypt, encrypt, sector, dst, &dst_iter,
					 src, &src_iter);
		}
		if (err)
			return err;
		sector += run >> SECTOR_SHIFT;
		len -= run;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_crypt_bvecs);
