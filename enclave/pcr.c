// SPDX-License-Identifier: GPL-2.0
/* What a register becomes, and how it looks. */

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "pcr.h"

/**
 * sha384 - hash pieces one after the other
 * @pieces: the pieces
 * @n: how many
 * @to: receives the hash
 *
 * Context: any.
 * Return: 0, or -ENOMEM.
 */
int sha384(const struct piece *pieces, size_t n, struct pcr *to)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestInit_ex2(ctx, EVP_sha384(), NULL) == 1;

	for (size_t i = 0; good && i < n; i++)
		good = EVP_DigestUpdate(ctx, pieces[i].data, pieces[i].size) == 1;
	good = good && EVP_DigestFinal_ex(ctx, to->value, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -ENOMEM;
}

/**
 * sha384_prefix - hash pieces one after the other, and the first of them by themselves
 * @pieces: the pieces
 * @n: how many
 * @first: how many are the first
 * @to: receives the hash of all
 * @prefix: receives the hash of the first
 *
 * What both hashes begin with is read once.
 *
 * Context: any.
 * Return: 0, or -ENOMEM.
 */
int sha384_prefix(const struct piece *pieces, size_t n, size_t first, struct pcr *to,
		  struct pcr *prefix)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *copy = EVP_MD_CTX_new();
	bool good = ctx && copy && EVP_DigestInit_ex2(ctx, EVP_sha384(), NULL) == 1;

	for (size_t i = 0; good && i < n; i++) {
		if (i == first)
			good = EVP_MD_CTX_copy_ex(copy, ctx) == 1;
		good = good && EVP_DigestUpdate(ctx, pieces[i].data, pieces[i].size) == 1;
	}
	if (good && first == n)
		good = EVP_MD_CTX_copy_ex(copy, ctx) == 1;
	good = good && EVP_DigestFinal_ex(ctx, to->value, NULL) == 1 &&
	       EVP_DigestFinal_ex(copy, prefix->value, NULL) == 1;
	EVP_MD_CTX_free(copy);
	EVP_MD_CTX_free(ctx);
	return good ? 0 : -ENOMEM;
}

/**
 * pcr_extend - make a register the hash of what it was and of data
 * @pcr: the register
 * @data: the data
 * @size: how much
 *
 * Context: any.
 * Return: 0, or -ENOMEM and the register is what it was.
 */
int pcr_extend(struct pcr *pcr, const void *data, size_t size)
{
	const struct piece pieces[] = { { pcr->value, PCR_SIZE }, { data, size } };
	struct pcr extended;

	if (sha384(pieces, 2, &extended))
		return -ENOMEM;
	*pcr = extended;
	return 0;
}

/**
 * pcr_is_zero - is nothing in a register
 * @pcr: the register
 *
 * Context: any.
 * Return: true if so.
 */
bool pcr_is_zero(const struct pcr *pcr)
{
	static const struct pcr zero;

	return !memcmp(pcr, &zero, sizeof(zero));
}

/**
 * hex_write - write bytes as hexadecimal digits
 * @data: the bytes
 * @size: how many
 * @to: receives twice as many digits, and a zero byte
 *
 * Context: any.
 */
void hex_write(const void *data, size_t size, char *to)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < size; i++) {
		*to++ = digits[p[i] >> 4];
		*to++ = digits[p[i] & 15];
	}
	*to = '\0';
}

/**
 * pcr_hex - write a register as hexadecimal digits
 * @pcr: the register
 * @to: receives them
 *
 * Context: any.
 */
void pcr_hex(const struct pcr *pcr, char to[static PCR_HEX_SIZE])
{
	hex_write(pcr->value, PCR_SIZE, to);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/**
 * hex_read - read hexadecimal digits, two for a byte
 * @text: the digits, and nothing else
 * @to: receives the bytes
 * @room: how many fit
 * @n: receives how many there are
 *
 * Context: any.
 * Return: 0, or -EINVAL.
 */
int hex_read(const char *text, uint8_t *to, size_t room, size_t *n)
{
	size_t digits = strlen(text);

	if (digits % 2 || digits / 2 > room)
		return -EINVAL;
	for (size_t i = 0; i < digits; i += 2) {
		int high = digit(text[i]), low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		to[i / 2] = high << 4 | low;
	}
	*n = digits / 2;
	return 0;
}
