// SPDX-License-Identifier: GPL-2.0
/*
 * A token is its time of expiry and a MAC over that and the ENI, so that however
 * many a guest asks for, none has to be remembered, and none is good for another
 * ENI.
 */

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <time.h>

#include "token.h"

#define MAC 34		/* bytes; 42 with the time, 56 characters */
#define RAW (8 + MAC)

/**
 * tokens_init - make a key
 * @t: set
 *
 * Context: at start.
 * Return: 0 or -EIO.
 */
int tokens_init(struct tokens *t)
{
	return RAND_bytes(t->key, sizeof(t->key)) == 1 ? 0 : -EIO;
}

/**
 * token_clock - the clock that tokens expire by
 *
 * Context: any.
 * Return: seconds since the host's boot.
 */
uint64_t token_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static bool mac_of(const struct tokens *t, const char *eni_id, const uint8_t expires[8],
		   uint8_t ret[MAC])
{
	size_t len = strlen(eni_id);
	uint8_t message[8 + 64], mac[64];
	unsigned int size;

	if (len > sizeof(message) - 8)
		return false;
	memcpy(message, expires, 8);
	memcpy(message + 8, eni_id, len);
	if (!HMAC(EVP_sha512(), t->key, sizeof(t->key), message, 8 + len, mac, &size))
		return false;
	memcpy(ret, mac, MAC);
	return true;
}

/**
 * token_make - a token
 * @t: the key
 * @eni_id: ID of the ENI that it is for
 * @expires: when, by token_clock()
 * @ret: the token
 *
 * Context: any.
 * Return: 0 or -EIO.
 */
int token_make(const struct tokens *t, const char *eni_id, uint64_t expires,
	       char ret[TOKEN_STRLEN])
{
	uint8_t raw[RAW];

	for (int i = 0; i < 8; i++)
		raw[i] = expires >> (56 - 8 * i);
	if (!mac_of(t, eni_id, raw, raw + 8))
		return -EIO;
	EVP_EncodeBlock((unsigned char *)ret, raw, RAW);
	/* as RFC 4648 section 5 has it: AWS's tokens go into headers and shells */
	for (char *p = ret; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	return 0;
}

/**
 * token_check - is a token good?
 * @t: the key
 * @eni_id: ID of the ENI that it comes from
 * @now: token_clock()
 * @token: what a guest wrote
 *
 * Context: any.
 * Return: true if it was made for this ENI and has not expired.
 */
bool token_check(const struct tokens *t, const char *eni_id, uint64_t now, const char *token)
{
	unsigned char text[TOKEN_STRLEN], raw[RAW + 3];
	uint8_t mac[MAC];
	uint64_t expires = 0;

	if (strlen(token) != TOKEN_STRLEN - 1)
		return false;
	for (int i = 0; i < TOKEN_STRLEN; i++)
		text[i] = token[i] == '-' ? '+' : token[i] == '_' ? '/' : token[i];
	if (EVP_DecodeBlock(raw, text, TOKEN_STRLEN - 1) != RAW ||
	    !mac_of(t, eni_id, raw, mac) || CRYPTO_memcmp(mac, raw + 8, MAC))
		return false;
	for (int i = 0; i < 8; i++)
		expires = expires << 8 | raw[i];
	return now < expires;
}
