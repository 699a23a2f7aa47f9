// SPDX-License-Identifier: GPL-2.0
/*
 * A POST of "/" without a query, so the canonical request is headers and body. Signed have to
 * be Host, X-Amz-Date and X-Amz-Target, or somebody could use them for another request.
 */

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pcr.h"
#include "signature.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HASH_SIZE 32
#define HASH_HEX_SIZE (2 * HASH_SIZE + 1)
#define HEADERS_MAX 4096
#define CANONICAL_MAX 16384
#define DATE_SIZE 16	/* 20261128T180000Z */

#define INCOMPLETE "IncompleteSignatureException"
#define INVALID "InvalidSignatureException"
#define UNKNOWN "UnrecognizedClientException"

/* What Authorization says, in a copy of it */
struct authorization {
	char text[HEADERS_MAX];
	const char *id, *date, *region, *service, *end, *headers, *signature;
};

static int hash(const void *data, size_t size, char to[static HASH_HEX_SIZE])
{
	unsigned char digest[HASH_SIZE];

	if (EVP_Digest(data, size, digest, NULL, EVP_sha256(), NULL) != 1)
		return -1;
	hex_write(digest, sizeof(digest), to);
	return 0;
}

static int hmac(const void *key, size_t key_size, const char *text, unsigned char to[static HASH_SIZE])
{
	size_t n;

	return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, key_size,
			 (const unsigned char *)text, strlen(text), to, HASH_SIZE, &n) ? 0 : -1;
}

/* "Name=value" with @end behind it */
static char *take(char **rest, const char *name, char end)
{
	size_t n = strlen(name);
	char *value;

	*rest += strspn(*rest, " ");
	if (strncmp(*rest, name, n) || (*rest)[n] != '=')
		return NULL;
	value = *rest + n + 1;
	*rest = value + strcspn(value, (char[]){ end, '\0' });
	if (**rest)
		*(*rest)++ = '\0';
	return value;
}

static int parse(const char *header, struct authorization *a)
{
	size_t n = strlen(ALGORITHM " ");
	char *rest = a->text, *scope;

	if (strlen(header) >= sizeof(a->text) || strncmp(header, ALGORITHM " ", n))
		return -1;
	memcpy(a->text, header + n, strlen(header + n) + 1);
	scope = take(&rest, "Credential", ',');
	a->headers = scope ? take(&rest, "SignedHeaders", ',') : NULL;
	a->signature = a->headers ? take(&rest, "Signature", ',') : NULL;
	if (!a->signature)
		return -1;
	a->id = strsep(&scope, "/");
	a->date = scope ? strsep(&scope, "/") : NULL;
	a->region = scope ? strsep(&scope, "/") : NULL;
	a->service = scope ? strsep(&scope, "/") : NULL;
	a->end = scope;
	return a->end && !strcmp(a->end, "aws4_request") && !strcmp(a->service, "kms") ? 0 : -1;
}

static bool is_signed(const char *headers, const char *name)
{
	size_t n = strlen(name);

	for (; headers; headers = strchr(headers, ';')) {
		headers += *headers == ';';
		if (!strncmp(headers, name, n) && (!headers[n] || headers[n] == ';'))
			return true;
		if (!*headers)
			break;
	}
	return false;
}

struct text {
	char *s;
	size_t n, room;
};

static void add(struct text *t, const char *s, size_t n)
{
	if (n >= t->room - t->n) {
		t->room = 0;
		t->n = 0;
		return;
	}
	memcpy(t->s + t->n, s, n);
	t->n += n;
	t->s[t->n] = '\0';
}

/* Spaces around are left out, spaces within are one */
static void add_value(struct text *t, const char *value)
{
	bool first = true;

	for (;;) {
		size_t n;

		value += strspn(value, " \t");
		n = strcspn(value, " \t");
		if (!n)
			return;
		if (!first)
			add(t, " ", 1);
		add(t, value, n);
		value += n;
		first = false;
	}
}

static int canonical(const struct signed_request *r, const struct authorization *a, char *to,
		     size_t room)
{
	struct text t = { .s = to, .room = room };
	char body[HASH_HEX_SIZE], name[128];
	const char *p = a->headers;

	if (hash(r->body, r->size, body) < 0)
		return -1;
	add(&t, "POST\n/\n\n", 8);
	while (*p) {
		size_t n = strcspn(p, ";");
		const char *value;

		if (!n || n >= sizeof(name))
			return -1;
		memcpy(name, p, n);
		name[n] = '\0';
		value = r->header(r->userdata, name);
		if (!value)
			return -1;
		add(&t, name, n);
		add(&t, ":", 1);
		add_value(&t, value);
		add(&t, "\n", 1);
		p += n;
		p += *p == ';';
	}
	add(&t, "\n", 1);
	add(&t, a->headers, strlen(a->headers));
	add(&t, "\n", 1);
	add(&t, body, HASH_HEX_SIZE - 1);
	return t.room ? 0 : -1;
}

static int sign(const struct signed_request *r, const struct authorization *a, const char *date,
		const char *secret, char to[static HASH_HEX_SIZE])
{
	unsigned char key[HASH_SIZE];
	char request[CANONICAL_MAX], digest[HASH_HEX_SIZE], text[HEADERS_MAX];
	char first[CALLER_TEXT_MAX + 8];
	int n, err;

	if (canonical(r, a, request, sizeof(request)) < 0 ||
	    hash(request, strlen(request), digest) < 0)
		return -1;
	n = snprintf(text, sizeof(text), ALGORITHM "\n%s\n%s/%s/%s/%s\n%s", date, a->date,
		     a->region, a->service, a->end, digest);
	if (n < 0 || (size_t)n >= sizeof(text))
		return -1;
	n = snprintf(first, sizeof(first), "AWS4%s", secret);
	err = hmac(first, n, a->date, key) || hmac(key, sizeof(key), a->region, key) ||
	      hmac(key, sizeof(key), a->service, key) || hmac(key, sizeof(key), a->end, key) ||
	      hmac(key, sizeof(key), text, key);
	hex_write(key, sizeof(key), to);
	OPENSSL_cleanse(key, sizeof(key));
	OPENSSL_cleanse(first, sizeof(first));
	return err ? -1 : 0;
}

static int check_date(const char *date, const struct authorization *a, time_t now)
{
	struct tm tm = {};
	const char *end;
	time_t at;

	if (strlen(date) != DATE_SIZE || strncmp(date, a->date, 8) || strlen(a->date) != 8)
		return -1;
	end = strptime(date, "%Y%m%dT%H%M%SZ", &tm);
	if (!end || *end)
		return -1;
	at = timegm(&tm);
	return at < now - SIGNATURE_SECONDS || at > now + SIGNATURE_SECONDS ? -1 : 0;
}

/**
 * signature_check - who has signed a request
 * @request: the request
 * @callers: who may
 * @now: the time
 * @ret_error: receives AWS's name of what is wrong
 * @why: and a sentence
 *
 * Context: any; the request may be hostile.
 * Return: the caller, or NULL.
 */
const struct caller_secret *signature_check(const struct signed_request *request,
					    const struct callers *callers, time_t now,
					    const char **ret_error, struct why *why)
{
	const char *header = request->header(request->userdata, "authorization");
	const char *date = request->header(request->userdata, "x-amz-date");
	const struct caller_secret *caller;
	char wanted[HASH_HEX_SIZE];
	struct authorization a;

	if (!header) {
		*ret_error = "MissingAuthenticationTokenException";
		(void)refuse(why, "the request is not signed");
		return NULL;
	}
	*ret_error = INCOMPLETE;
	if (parse(header, &a) < 0 || !date || !is_signed(a.headers, "host") ||
	    !is_signed(a.headers, "x-amz-date") || !is_signed(a.headers, "x-amz-target")) {
		(void)refuse(why, "Authorization is no signature version 4 for kms of host, x-amz-date and x-amz-target");
		return NULL;
	}
	caller = callers_find(callers, a.id);
	if (!caller) {
		*ret_error = UNKNOWN;
		(void)refuse(why, "the access key is not known");
		return NULL;
	}
	*ret_error = INVALID;
	if (check_date(date, &a, now) < 0) {
		(void)refuse(why, "the signature is not of the last %d seconds", SIGNATURE_SECONDS);
		return NULL;
	}
	if (sign(request, &a, date, caller->secret, wanted) < 0 ||
	    strlen(a.signature) != HASH_HEX_SIZE - 1 ||
	    CRYPTO_memcmp(a.signature, wanted, HASH_HEX_SIZE - 1)) {
		(void)refuse(why, "the signature does not match");
		return NULL;
	}
	return caller;
}
