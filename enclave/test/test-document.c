// SPDX-License-Identifier: GPL-2.0
/* Documents: what is signed is verified, and each check fails for its own reason. */

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "authority.h"
#include "fixture.h"
#include "nsm.h"
#include "signer.h"
#include "verify.h"

#define NOW 1800000000
#define DAY 86400

static EVP_PKEY *root_key;
static struct authority authority;

static X509 *issue(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, int path,
		   time_t from, time_t seconds)
{
	struct why why;
	X509 *x = authority_issue(&(struct issue){ name, key, issuer, issuer_key, path, from,
						   seconds }, &why);

	if (!x)
		abort();
	return x;
}

static const struct authority *signer(void)
{
	if (authority.root)
		return &authority;
	root_key = authority_key();
	authority.key = authority_key();
	authority.root = issue("root", root_key, NULL, root_key, 1, NOW - DAY, 100 * DAY);
	authority.certificate = issue("host", authority.key, authority.root, root_key, 0,
				      NOW - DAY, 50 * DAY);
	return &authority;
}

static struct document example(void)
{
	struct document d = {
		.module_id = { true, (const uint8_t *)"i-1-enc2", 8 },
		.timestamp = NOW * 1000ULL + 1,
		.present = 0x1ffff,
		.what.nonce = { true, (const uint8_t *)"nonce", 5 },
	};

	for (int i = 0; i < 17; i++)
		memset(d.pcrs[i].value, i + 1, PCR_SIZE);
	return d;
}

struct message {
	uint8_t data[DOCUMENT_MAX];
	size_t n;
};

static struct message sign_with(const struct leaf *leaf, const struct authority *a,
				struct document d)
{
	struct message m = {};
	struct item_writer w = { .data = m.data, .room = sizeof(m.data) };
	struct why why;

	if (leaf_sign(leaf, a, &d, &w, &why))
		abort();
	m.n = w.n;
	return m;
}

static struct message sign(struct document d)
{
	struct leaf leaf = {};
	struct message m;
	struct why why;

	EXPECT(!leaf_renew(&leaf, signer(), "i-1-enc2", NOW, &why));
	m = sign_with(&leaf, signer(), d);
	leaf_clear(&leaf);
	return m;
}

static struct expectation expected(void)
{
	struct expectation e = {
		.root = signer()->root,
		.at = NOW + 60,
		.nonce = { true, (const uint8_t *)"nonce", 5 },
		.present = 0x10001,
	};

	memset(e.pcrs[0].value, 1, PCR_SIZE);
	memset(e.pcrs[16].value, 17, PCR_SIZE);
	return e;
}

static const char *verdict(const struct message *m, const struct expectation *e)
{
	static struct why why;
	struct document d;
	uint8_t *copy = malloc(m->n);
	int err;

	/* Of exactly the size, so that ASan sees what goes beyond */
	memcpy(copy, m->data, m->n);
	err = document_verify(copy, m->n, e, &d, &why);
	free(copy);
	return err ? why.text : "good";
}

UNIT(signed_is_verified)
{
	struct message m = sign(example());
	struct expectation e = expected();
	struct document d;
	struct why why;

	EXPECT(!document_verify(m.data, m.n, &e, &d, &why));
	EXPECT(d.timestamp == NOW * 1000ULL + 1 && d.present == 0x1ffff && d.n_bundle == 2);
	EXPECT(d.module_id.size == 8 && !memcmp(d.module_id.data, "i-1-enc2", 8));
	EXPECT(d.what.nonce.size == 5 && !d.what.user_data.present && !d.what.public_key.present);
	/* It fits what Linux gives */
	EXPECT(m.n + 64 < NSM_RESPONSE_MAX);
}

UNIT(no_two_are_of_one_millisecond)
{
	uint64_t at = NOW * 1000ULL, before = document_time(at, 0);

	EXPECT(before == at);
	for (unsigned int i = 1; i < 10; i++) {
		before = document_time(at, before);
		EXPECT(before == at + i);
	}
	/* Until the clock has caught up, and then it is the clock's again */
	EXPECT(document_time(at + 8, before) == at + 10);
	EXPECT(document_time(at + 9, before) == at + 10);
	EXPECT(document_time(at + 10, before) == at + 10);
	EXPECT(document_time(at + 500, before) == at + 500);
	/* No document is of a future that only a wrong clock has seen */
	EXPECT(document_time(at - 1000 * 60, before) == at - 1000 * 60);
}

/* All of what is not signed, and some of the rest; tests/enclave/attest.py takes all */
UNIT(flipped_bits_are_found)
{
	struct message m = sign(example());
	struct expectation e = expected();
	unsigned int good = 0;

	for (size_t i = 0; i < 8 * m.n; i += i < 8 * 32 || i > 8 * (m.n - 100) ? 1 : 37) {
		m.data[i / 8] ^= 1 << i % 8;
		good += !strcmp(verdict(&m, &e), "good");
		m.data[i / 8] ^= 1 << i % 8;
	}
	EXPECT(!good);
	EXPECT_TEXT(verdict(&m, &e), "good");
}

UNIT(what_fails_first_is_named)
{
	struct message m = sign(example());
	struct expectation e;
	struct document d;
	EVP_PKEY *key = authority_key();
	X509 *other = issue("root", key, NULL, key, 1, NOW - DAY, 100 * DAY);

	e = expected();
	e.root = other;
	EXPECT_TEXT(verdict(&m, &e), "chain: it begins with another root");
	e = expected();
	e.at = NOW + 3 * 3600 + 1;
	EXPECT_TEXT(verdict(&m, &e), "dates: 'i-1-enc2': certificate has expired");
	e.at = NOW - 1;
	EXPECT_TEXT(verdict(&m, &e), "dates: 'i-1-enc2': certificate is not yet valid");
	e.at = NOW + 60 * DAY;
	EXPECT(!strncmp(verdict(&m, &e), "dates: ", 7));

	e = expected();
	e.nonce.size = 4;
	EXPECT_TEXT(verdict(&m, &e), "nonce: it is another one");
	d = example();
	d.what.nonce.present = false;
	m = sign(d);
	e = expected();
	EXPECT_TEXT(verdict(&m, &e), "nonce: there is none");

	d = example();
	d.timestamp = (NOW - 1) * 1000ULL;
	m = sign(d);
	EXPECT_TEXT(verdict(&m, &e),
		    "dates: the timestamp is not within those of the certificate");

	m = sign(example());
	e = expected();
	e.present |= 1 << 17;
	EXPECT_TEXT(verdict(&m, &e), "PCRs: there is no PCR17");
	e = expected();
	e.pcrs[0].value[47] ^= 1;
	EXPECT_TEXT(verdict(&m, &e), "PCRs: PCR0 is 010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101");
	d = example();
	memset(&d.pcrs[0], 0, sizeof(d.pcrs[0]));
	m = sign(d);
	e = expected();
	EXPECT_TEXT(verdict(&m, &e), "PCRs: PCR0 is zero, so the enclave runs in debug mode");
	e.debug = true;
	e.present = 0;
	EXPECT_TEXT(verdict(&m, &e), "good");
	X509_free(other);
	EVP_PKEY_free(key);
}

/* Signs with a key whose certificate must not be believed */
static void expect_chain(X509 *leaf, EVP_PKEY *key, X509 *host, const char *wanted)
{
	const struct authority a = { .root = signer()->root, .certificate = host };
	const struct leaf l = { .certificate = leaf, .key = key };
	struct message m = sign_with(&l, &a, example());
	struct expectation e = expected();

	EXPECT_TEXT(verdict(&m, &e), wanted);
}

UNIT(chains_that_must_not_be)
{
	const struct authority *a = signer();
	EVP_PKEY *key = authority_key(), *sub_key = authority_key();
	EVP_PKEY *weak = EVP_EC_gen("P-256");
	X509 *leaf, *sub;

	/* Another host's name, another key */
	sub = issue("host", sub_key, a->root, sub_key, 0, NOW, DAY);
	leaf = issue("leaf", key, sub, sub_key, -1, NOW, 3600);
	expect_chain(leaf, key, sub, "chain: 'host': certificate signature failure");
	X509_free(leaf);
	X509_free(sub);

	/* A certificate of an enclave issues another one */
	sub = issue("sub", sub_key, a->root, root_key, -1, NOW, 3600);
	leaf = issue("leaf", key, sub, sub_key, -1, NOW, 3600);
	expect_chain(leaf, key, sub, "constraints: 'sub': invalid CA certificate");
	X509_free(leaf);
	X509_free(sub);

	/* A link is missing */
	sub = issue("sub", sub_key, a->certificate, a->key, 0, NOW, 3600);
	leaf = issue("leaf", key, sub, sub_key, -1, NOW, 3600);
	expect_chain(leaf, key, sub, "chain: 'sub': unable to get local issuer certificate");
	X509_free(leaf);
	X509_free(sub);

	/* An authority signs a document itself */
	leaf = issue("leaf", key, a->certificate, a->key, 0, NOW, 3600);
	EXPECT(X509_get_extension_flags(leaf) & EXFLAG_CA);
	expect_chain(leaf, key, a->certificate,
		     "constraints: 'leaf' is not one that signs documents");
	X509_free(leaf);

	leaf = issue("leaf", weak, a->certificate, a->key, -1, NOW, 3600);
	expect_chain(leaf, weak, a->certificate,
		     "chain: the key of 'leaf' is not of the curve P-384");
	X509_free(leaf);

	/* The signature of another enclave */
	leaf = issue("leaf", key, a->certificate, a->key, -1, NOW, 3600);
	expect_chain(leaf, sub_key, a->certificate, "signature: the signature is wrong");
	X509_free(leaf);
	EVP_PKEY_free(key);
	EVP_PKEY_free(sub_key);
	EVP_PKEY_free(weak);
}

UNIT(leaves_are_renewed)
{
	struct leaf leaf = {};
	struct why why;
	X509 *first;

	EXPECT(!leaf_renew(&leaf, signer(), "i-1-enc2", NOW, &why));
	first = leaf.certificate;
	EXPECT(!leaf_renew(&leaf, signer(), "i-1-enc2", NOW + 3600, &why));
	EXPECT(leaf.certificate == first);
	X509_up_ref(first);
	EXPECT(!leaf_renew(&leaf, signer(), "i-1-enc2", NOW + 5401, &why));
	EXPECT(leaf.certificate != first);
	X509_free(first);
	/* The clock was set back */
	first = leaf.certificate;
	X509_up_ref(first);
	EXPECT(!leaf_renew(&leaf, signer(), "i-1-enc2", NOW, &why));
	EXPECT(leaf.certificate != first);
	X509_free(first);
	leaf_clear(&leaf);
}

UNIT(fields_and_their_limits)
{
	static const char *const names[] = { "user_data", "nonce", "public_key" };
	static const size_t most[] = { USER_DATA_MAX, NONCE_MAX, PUBLIC_KEY_MAX };
	static const uint8_t bytes[PUBLIC_KEY_MAX + 1];

	for (int i = 0; i < 3; i++)
		for (int more = 0; more < 2; more++) {
			struct document d = example();
			struct blob *blobs[] = { &d.what.user_data, &d.what.nonce,
						 &d.what.public_key };
			struct expectation e = expected();
			struct message m;
			char wanted[128] = "good";

			*blobs[i] = (struct blob){ true, bytes, most[i] + more };
			e.nonce.present = false;
			m = sign(d);
			if (more)
				(void)snprintf(wanted, sizeof(wanted),
					       "fields: %s has %zu bytes, not %d to %zu", names[i],
					       most[i] + 1, i == 2, most[i]);
			EXPECT_TEXT(verdict(&m, &e), wanted);
		}
}

UNIT(payloads_that_are_none)
{
	static const struct {
		const char *hex, *why;
	} rows[] = {
		{ "80", "the payload is no map" },
		{ "a0", "module_id is missing" },
		{ "a000", "there are 1 bytes behind the payload" },
		{ "a10000", "the name of a field is no text" },
		{ "a1617800", "there is a field that a document has not" },
		{ "a1696d6f64756c655f696400", "module_id is no text" },
		{ "a1696d6f64756c655f696460", "module_id has 0 bytes, not 1 to 256" },
		{ "a1696d6f64756c655f6964610a", "module_id has more than printable ASCII in it" },
		{ "a16674696d65737400", "there is a field that a document has not" },
		{ "a16664696765737466534841353132", "digest is not SHA384" },
		{ "a2696d6f64756c655f69646161696d6f64756c655f69646161", "module_id is there twice" },
		{ "a16474696d6500", "there is a field that a document has not" },
		{ "a16470637273a0", "pcrs is empty" },
		{ "a16470637273a1182040", "pcrs has an index that is not 0 to 31" },
		{ "a16470637273a10040", "PCR0 has not the 48 bytes of SHA-384" },
		{ "a168636162756e646c6580", "cabundle is empty" },
		{ "a168636162756e646c658140",
		  "a certificate of cabundle has 0 bytes, not 1 to 1024" },
		{ "a16a7075626c69635f6b657940", "public_key has 0 bytes, not 1 to 1024" },
		{ "a1656e6f6e636500", "nonce is no byte string" },
	};
	uint8_t bytes[256];
	struct document d;
	struct why why;
	size_t n;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT(!hex_read(rows[i].hex, bytes, sizeof(bytes), &n));
		EXPECT(document_read(bytes, n, &d, &why));
		EXPECT_TEXT(why.text, rows[i].why);
	}
}

UNIT(messages_that_are_none)
{
	static const struct {
		const char *hex, *why;
	} rows[] = {
		{ "", "message: it is no CBOR" },
		{ "d1844040a04040", "message: its tag is 17, not 18 of a signed message" },
		{ "d2", "message: it is no CBOR" },
		{ "83", "message: it is no COSE_Sign1 message: not an array of four" },
		{ "9f40a04040ff", "message: it is no COSE_Sign1 message: not an array of four" },
		{ "84a0a04040", "message: the protected header is no byte string" },
		{ "8440a101004040", "message: the unprotected header is not empty" },
		{ "8440bfff4040", "message: the unprotected header is not empty" },
		{ "8440a0f640", "message: the payload is no byte string" },
		{ "8440a040a0", "message: the signature is no byte string" },
		{ "8440a0404000", "message: there are 1 bytes behind the signature" },
		{ "8440a04040", "fields: the payload is no map" },
	};
	struct expectation e = expected();
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		EXPECT(!hex_read(rows[i].hex, m.data, sizeof(m.data), &m.n));
		EXPECT_TEXT(verdict(&m, &e), rows[i].why);
	}
}
