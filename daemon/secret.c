// SPDX-License-Identifier: GPL-2.0
/* Locked memory for keys, and what is done with the keys in it. */

#include <openssl/evp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "secret.h"

#define NONCE_SIZE 12
#define TAG_SIZE 16

/* A page of its own for each: what is freed is gone, whatever lies beside it */
static size_t pages(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

/**
 * secret_new - locked memory for a key
 * @s: gets the memory, zeroed
 * @size: bytes, SECRET_MAX at most
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int secret_new(struct secret *s, size_t size, struct error *e)
{
	void *p;

	*s = (struct secret){};
	if (size > SECRET_MAX)
		return fail(e, ERR_FAILED, "a key of %zu bytes is too long", size);
	p = mmap(NULL, pages(size), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		return fail(e, ERR_FAILED, "cannot get memory for a key: %s", strerror(errno));
	/* MAP_LOCKED alone does not say when it could not be done */
	if (mlock(p, pages(size)) < 0 || madvise(p, pages(size), MADV_DONTDUMP) < 0 ||
	    madvise(p, pages(size), MADV_WIPEONFORK) < 0) {
		fail(e, ERR_FAILED, "cannot lock memory for a key: %s", strerror(errno));
		munmap(p, pages(size));
		return -EIO;
	}
	s->data = p;
	s->size = size;
	return 0;
}

/**
 * secret_random - a new key
 * @s: gets the key
 * @size: its length
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int secret_random(struct secret *s, size_t size, struct error *e)
{
	int r = secret_new(s, size, e);

	if (r < 0)
		return r;
	if (getrandom(s->data, size, 0) == (ssize_t)size)
		return 0;
	secret_free(s);
	return fail(e, ERR_FAILED, "the kernel gives no random numbers");
}

/**
 * secret_free - wipe a key
 * @s: the key, may be empty
 *
 * Context: event loop.
 */
void secret_free(struct secret *s)
{
	if (s->data) {
		explicit_bzero(s->data, pages(s->size));
		munmap(s->data, pages(s->size));
	}
	*s = (struct secret){};
}

static char *encode(const uint8_t *data, size_t size)
{
	char *text = xcalloc((size + 2) / 3 * 4 + 1, 1);

	EVP_EncodeBlock((unsigned char *)text, data, size);
	return text;
}

/* Strict: this length, no white space, nothing behind it */
static int decode(const char *text, uint8_t *ret, size_t size)
{
	size_t len = strlen(text), padding = (3 - size % 3) % 3;
	uint8_t buf[(DATA_KEY_SIZE + NONCE_SIZE + TAG_SIZE + 2) / 3 * 3];

	if (len != (size + 2) / 3 * 4 || len / 4 * 3 > sizeof(buf))
		return -EINVAL;
	for (size_t i = 0; i < padding; i++)
		if (text[len - 1 - i] != '=')
			return -EINVAL;
	if (strcspn(text, "=") != len - padding ||
	    EVP_DecodeBlock(buf, (const unsigned char *)text, len) < 0)
		return -EINVAL;
	memcpy(ret, buf, size);
	return 0;
}

struct wrapped {
	uint8_t nonce[NONCE_SIZE];
	uint8_t text[DATA_KEY_SIZE];
	uint8_t tag[TAG_SIZE];
};

_Static_assert(sizeof(struct wrapped) == NONCE_SIZE + DATA_KEY_SIZE + TAG_SIZE, "no gaps");

static bool seal(EVP_CIPHER_CTX *c, const struct secret *master, const char *aad,
		 const struct secret *key, struct wrapped *w)
{
	int n;

	return EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, master->data, w->nonce) == 1 &&
		EVP_EncryptUpdate(c, NULL, &n, (const uint8_t *)aad, strlen(aad)) == 1 &&
		EVP_EncryptUpdate(c, w->text, &n, key->data, key->size) == 1 &&
		EVP_EncryptFinal_ex(c, w->text + n, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, w->tag) == 1;
}

/**
 * secret_wrap - encrypt a data key with a master key
 * @master: the master key
 * @aad: what the result belongs to; the same is needed to unwrap it
 * @key: the data key
 * @e: says why not
 *
 * AES-256-GCM with a random nonce. A master key wraps as many keys as there are
 * volumes, far from the number at which random nonces meet.
 *
 * Context: event loop.
 * Return: the wrapped key in base64, NULL with @e set.
 */
char *secret_wrap(const struct secret *master, const char *aad, const struct secret *key,
		  struct error *e)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	struct wrapped w = {};
	bool good = c && key->size == DATA_KEY_SIZE && master->size == MASTER_KEY_SIZE &&
		getrandom(w.nonce, sizeof(w.nonce), 0) == sizeof(w.nonce) &&
		seal(c, master, aad, key, &w);

	EVP_CIPHER_CTX_free(c);
	if (good)
		return encode((const uint8_t *)&w, sizeof(w));
	fail(e, ERR_FAILED, "cannot wrap a data key");
	return NULL;
}

static bool open_sealed(EVP_CIPHER_CTX *c, const struct secret *master, const char *aad,
			struct wrapped *w, struct secret *ret)
{
	int n;

	return EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, master->data, w->nonce) == 1 &&
		EVP_DecryptUpdate(c, NULL, &n, (const uint8_t *)aad, strlen(aad)) == 1 &&
		EVP_DecryptUpdate(c, ret->data, &n, w->text, sizeof(w->text)) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, w->tag) == 1 &&
		EVP_DecryptFinal_ex(c, ret->data + n, &n) == 1;
}

/**
 * secret_unwrap - decrypt a data key
 * @master: the master key
 * @aad: what the key belongs to
 * @wrapped: what secret_wrap() gave
 * @ret: gets the data key
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int secret_unwrap(const struct secret *master, const char *aad, const char *wrapped,
		  struct secret *ret, struct error *e)
{
	EVP_CIPHER_CTX *c;
	struct wrapped w;
	bool good;

	if (!wrapped || decode(wrapped, (uint8_t *)&w, sizeof(w)) < 0)
		return fail(e, ERR_INVALID, "the wrapped data key is damaged");
	if (secret_new(ret, DATA_KEY_SIZE, e) < 0)
		return -EIO;
	c = EVP_CIPHER_CTX_new();
	good = c && master->size == MASTER_KEY_SIZE && open_sealed(c, master, aad, &w, ret);
	EVP_CIPHER_CTX_free(c);
	if (good)
		return 0;
	secret_free(ret);
	return fail(e, ERR_FAILED, "the data key was not wrapped by this master key");
}

/**
 * secret_wrapped_check - can this be a wrapped data key?
 * @wrapped: the text
 *
 * Context: any.
 * Return: true if it has the form of one.
 */
bool secret_wrapped_check(const char *wrapped)
{
	struct wrapped w;

	return decode(wrapped, (uint8_t *)&w, sizeof(w)) == 0;
}

/**
 * secret_blank - what zeros look like on the backing device
 * @key: the data key
 * @sector_size: unit of encryption
 * @offset: where in the volume, a multiple of the sector size
 * @size: how many bytes, a multiple of the sector size
 * @e: says why not
 *
 * A new volume reads as zeros where signatures lie, instead of as noise that
 * may look like one. aes-xts-plain64: the IV is the number of the 512-byte
 * sector.
 *
 * Context: event loop; a millisecond per MiB.
 * Return: the ciphertext, to be freed; NULL with @e set.
 */
uint8_t *secret_blank(const struct secret *key, uint32_t sector_size, uint64_t offset,
		      size_t size, struct error *e)
{
	static const uint8_t zeros[4096];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t *out = xcalloc(size, 1);
	bool good = c && key->size == DATA_KEY_SIZE && sector_size <= sizeof(zeros) &&
		EVP_EncryptInit_ex(c, EVP_aes_256_xts(), NULL, key->data, NULL) == 1;

	for (size_t at = 0; good && at < size; at += sector_size) {
		uint64_t sector = (offset + at) / 512;
		uint8_t iv[16] = {};
		int n;

		for (int i = 0; i < 8; i++)
			iv[i] = sector >> (8 * i);
		good = EVP_EncryptInit_ex(c, NULL, NULL, NULL, iv) == 1 &&
			EVP_EncryptUpdate(c, out + at, &n, zeros, sector_size) == 1;
	}
	EVP_CIPHER_CTX_free(c);
	if (good)
		return out;
	free(out);
	fail(e, ERR_FAILED, "cannot encrypt with the data key");
	return NULL;
}
