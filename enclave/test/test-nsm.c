// SPDX-License-Identifier: GPL-2.0
/*
 * What the module answers: each request as it should be, in all ways to write it, and
 * each error. Requests and responses are hexadecimal, as other implementations make them.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "nsm.h"

#define ZERO_24 "000000000000000000000000000000000000000000000000"
#define ZERO_PCR ZERO_24 ZERO_24

#define ONE_24 "010101010101010101010101010101010101010101010101"
#define ONE_PCR ONE_24 ONE_24

/* {"Error": …} */
#define INVALID_ARGUMENT "a1654572726f726f496e76616c6964417267756d656e74"
#define INVALID_INDEX "a1654572726f726c496e76616c6964496e646578"
#define READ_ONLY_INDEX "a1654572726f726d526561644f6e6c79496e646578"
#define INVALID_OPERATION "a1654572726f7270496e76616c69644f7065726174696f6e"
#define BUFFER_TOO_SMALL "a1654572726f726e427566666572546f6f536d616c6c"
#define INPUT_TOO_LARGE "a1654572726f726d496e707574546f6f4c61726765"
#define INTERNAL_ERROR "a1654572726f726d496e7465726e616c4572726f72"

/* Names as CBOR texts */
#define T_DESCRIBE_PCR "6b4465736372696265504352"
#define T_EXTEND_PCR "69457874656e64504352"
#define T_LOCK_PCR "674c6f636b504352"
#define T_LOCK_PCRS "684c6f636b50435273"
#define T_DESCRIBE_NSM "6b44657363726962654e534d"
#define T_ATTESTATION "6b4174746573746174696f6e"
#define T_GET_RANDOM "6947657452616e646f6d"
#define T_INDEX "65696e646578"
#define T_RANGE "6572616e6765"
#define T_DATA "6464617461"
#define T_LOCK "646c6f636b"
#define T_USER_DATA "69757365725f64617461"
#define T_NONCE "656e6f6e6365"
#define T_PUBLIC_KEY "6a7075626c69635f6b6579"
#define T_24 "7818616161616161616161616161616161616161616161616161"
#define T_DOCUMENT "68646f63756d656e74"

static struct attestation asked;
static char asked_bytes[3][PUBLIC_KEY_MAX];

static void keep(struct blob *to, const struct blob *from, char *bytes)
{
	*to = *from;
	if (from->size)
		memcpy(bytes, from->data, from->size);
}

/* Documents of this signer are "doc" */
static int sign(const struct nsm *nsm, const struct attestation *what, uint8_t *document,
		size_t room, size_t *size)
{
	(void)nsm;
	keep(&asked.user_data, &what->user_data, asked_bytes[0]);
	keep(&asked.nonce, &what->nonce, asked_bytes[1]);
	keep(&asked.public_key, &what->public_key, asked_bytes[2]);
	if (room < 3)
		return -ENOBUFS;
	memcpy(document, "doc", 3);
	*size = 3;
	return 0;
}

static int cannot_sign(const struct nsm *nsm, const struct attestation *what, uint8_t *document,
		       size_t room, size_t *size)
{
	(void)nsm;
	(void)what;
	(void)document;
	(void)room;
	(void)size;
	return -ECONNRESET;
}

static struct nsm start(bool debug)
{
	struct pcr boot[PCR_BOOT_COUNT];
	struct nsm nsm;

	for (int i = 0; i < PCR_BOOT_COUNT; i++)
		memset(boot[i].value, i + 1, PCR_SIZE);
	nsm_start(&nsm, "i-1-enc2", boot, debug);
	nsm.attest = sign;
	return nsm;
}

/* Of exactly the size, so that ASan sees what goes beyond */
static char *answer(struct nsm *nsm, const char *request, size_t room)
{
	static char text[2 * NSM_RESPONSE_MAX + 1];
	size_t n = strlen(request) / 2;
	uint8_t *in = malloc(n ?: 1), *out = malloc(room ?: 1);

	if (hex_read(request, in, n, &n))
		abort();
	hex_write(out, nsm_answer(nsm, in, n, out, room), text);
	free(in);
	free(out);
	return text;
}

#define EXPECT_ANSWER(nsm, request, wanted) \
	EXPECT_TEXT(answer(nsm, request, NSM_RESPONSE_MAX), wanted)

/* Requests that leave the module as it is, each to a new one */
UNIT(conformance)
{
	static const struct {
		const char *what, *request, *response;
	} rows[] = {
		{ "a register that is locked", "a1" T_DESCRIBE_PCR "a1" T_INDEX "00",
		  "a1" T_DESCRIBE_PCR "a2" T_LOCK "f5" T_DATA "5830" ONE_PCR },
		{ "a register that is free", "a1" T_DESCRIBE_PCR "a1" T_INDEX "10",
		  "a1" T_DESCRIBE_PCR "a2" T_LOCK "f4" T_DATA "5830" ZERO_PCR },
#define FREE_16 "a1" T_DESCRIBE_PCR "a2" T_LOCK "f4" T_DATA "5830" ZERO_PCR
		{ "8 bits", "a1" T_DESCRIBE_PCR "a1" T_INDEX "1810", FREE_16 },
		{ "16 bits", "a1" T_DESCRIBE_PCR "a1" T_INDEX "190010", FREE_16 },
		{ "32 bits", "a1" T_DESCRIBE_PCR "a1" T_INDEX "1a00000010", FREE_16 },
		{ "64 bits", "a1" T_DESCRIBE_PCR "a1" T_INDEX "1b0000000000000010", FREE_16 },
		{ "indefinite maps", "bf" T_DESCRIBE_PCR "bf" T_INDEX "10ffff", FREE_16 },
		{ "a name in chunks", "a17f66446573637269656265504352ffa1" T_INDEX "10",
		  FREE_16 },
		{ "an unknown argument beside it",
		  "a1" T_DESCRIBE_PCR "a261788201a10203" T_INDEX "10", FREE_16 },
		{ "an unknown argument with a long name",
		  "a1" T_DESCRIBE_PCR "a2" T_24 "00" T_INDEX "10", FREE_16 },
		{ "index 31", "a1" T_DESCRIBE_PCR "a1" T_INDEX "181f", FREE_16 },
		{ "index 32", "a1" T_DESCRIBE_PCR "a1" T_INDEX "1820", INVALID_INDEX },
		{ "index 256", "a1" T_DESCRIBE_PCR "a1" T_INDEX "190100", INVALID_INDEX },
		{ "index 2^32", "a1" T_DESCRIBE_PCR "a1" T_INDEX "1b0000000100000000",
		  INVALID_INDEX },
		{ "index 2^64-1", "a1" T_DESCRIBE_PCR "a1" T_INDEX "1bffffffffffffffff",
		  INVALID_INDEX },
		{ "index -1", "a1" T_DESCRIBE_PCR "a1" T_INDEX "20", INVALID_ARGUMENT },
		{ "index as text", "a1" T_DESCRIBE_PCR "a1" T_INDEX "6130", INVALID_ARGUMENT },
		{ "index 1.0", "a1" T_DESCRIBE_PCR "a1" T_INDEX "f93c00", INVALID_ARGUMENT },
		{ "index null", "a1" T_DESCRIBE_PCR "a1" T_INDEX "f6", INVALID_ARGUMENT },
		{ "index twice", "a1" T_DESCRIBE_PCR "a2" T_INDEX "00" T_INDEX "00",
		  INVALID_ARGUMENT },
		{ "no index", "a1" T_DESCRIBE_PCR "a0", INVALID_ARGUMENT },
		{ "no arguments", T_DESCRIBE_PCR, INVALID_ARGUMENT },
		{ "null arguments", "a1" T_DESCRIBE_PCR "f6", INVALID_ARGUMENT },
		{ "a number as argument's name", "a1" T_DESCRIBE_PCR "a10000",
		  INVALID_ARGUMENT },

		{ "extending a locked one", "a1" T_EXTEND_PCR "a2" T_INDEX "0f" T_DATA "43616263",
		  READ_ONLY_INDEX },
		{ "extending none", "a1" T_EXTEND_PCR "a2" T_INDEX "1820" T_DATA "43616263",
		  INVALID_INDEX },
		{ "extending by nothing given", "a1" T_EXTEND_PCR "a1" T_INDEX "10",
		  INVALID_ARGUMENT },
		{ "extending by null", "a1" T_EXTEND_PCR "a2" T_INDEX "10" T_DATA "f6",
		  INVALID_ARGUMENT },
		{ "extending by a number", "a1" T_EXTEND_PCR "a2" T_INDEX "10" T_DATA "07",
		  INVALID_ARGUMENT },
		{ "extending by 256 in an array",
		  "a1" T_EXTEND_PCR "a2" T_INDEX "10" T_DATA "81190100", INVALID_ARGUMENT },

		{ "locking a locked one", "a1" T_LOCK_PCR "a1" T_INDEX "03", READ_ONLY_INDEX },
		{ "locking none", "a1" T_LOCK_PCR "a1" T_INDEX "1820", INVALID_INDEX },
		{ "locking a free one", "a1" T_LOCK_PCR "a1" T_INDEX "1a00000010", T_LOCK_PCR },
		{ "locking without an index", T_LOCK_PCR, INVALID_ARGUMENT },
		{ "locking a range of none", "a1" T_LOCK_PCRS "a1" T_RANGE "00", T_LOCK_PCRS },
		{ "locking all", "a1" T_LOCK_PCRS "a1" T_RANGE "190020", T_LOCK_PCRS },
		{ "locking more", "a1" T_LOCK_PCRS "a1" T_RANGE "1821", INVALID_INDEX },
		{ "locking far more", "a1" T_LOCK_PCRS "a1" T_RANGE "1bffffffffffffffff",
		  INVALID_INDEX },
		{ "locking a range named index", "a1" T_LOCK_PCRS "a1" T_INDEX "00",
		  INVALID_ARGUMENT },

#define DESCRIBED \
	"a1" T_DESCRIBE_NSM "a76d76657273696f6e5f6d616a6f7201" \
	"6d76657273696f6e5f6d696e6f72006d76657273696f6e5f706174636800" \
	"696d6f64756c655f696468692d312d656e6332686d61785f706372731820" \
	"6b6c6f636b65645f7063727390000102030405060708090a0b0c0d0e0f" \
	"6664696765737466534841333834"
		{ "the module", T_DESCRIBE_NSM, DESCRIBED },
		{ "the module, of null", "a1" T_DESCRIBE_NSM "f6", DESCRIBED },
		{ "the module, of nothing", "a1" T_DESCRIBE_NSM "a0", DESCRIBED },
		{ "the module, of a number", "a1" T_DESCRIBE_NSM "00", INVALID_ARGUMENT },

#define DOCUMENT "a1" T_ATTESTATION "a1" T_DOCUMENT "43646f63"
		{ "a document", "a1" T_ATTESTATION "a0", DOCUMENT },
		{ "a document with nulls",
		  "a1" T_ATTESTATION "a3" T_USER_DATA "f6" T_NONCE "f6" T_PUBLIC_KEY "f6",
		  DOCUMENT },
		{ "a document with bytes, text and numbers",
		  "a1" T_ATTESTATION "a3" T_PUBLIC_KEY "820102" T_NONCE "6161" T_USER_DATA "40",
		  DOCUMENT },
		{ "a nonce twice", "a1" T_ATTESTATION "a2" T_NONCE "f6" T_NONCE "f6",
		  INVALID_ARGUMENT },
		{ "a number for a nonce", "a1" T_ATTESTATION "a1" T_NONCE "00", INVALID_ARGUMENT },
		{ "a public key of nothing", "a1" T_ATTESTATION "a1" T_PUBLIC_KEY "40",
		  INVALID_ARGUMENT },
		{ "attestation alone", T_ATTESTATION, INVALID_ARGUMENT },

		{ "nothing", "", INVALID_OPERATION },
		{ "no text", "00", INVALID_OPERATION },
		{ "an empty map", "a0", INVALID_OPERATION },
		{ "an endless map", "bf" T_GET_RANDOM "f6", INVALID_OPERATION },
		{ "two requests", "a2" T_GET_RANDOM "f6" T_GET_RANDOM "f6", INVALID_OPERATION },
		{ "a request and a byte", T_GET_RANDOM "00", INVALID_OPERATION },
		{ "an unknown request", "6347657400", INVALID_OPERATION },
		{ "a name with a zero byte", "6a47657452616e646f6d00", INVALID_OPERATION },
		{ "another case", "6967657472616e646f6d", INVALID_OPERATION },
		{ "bytes for a name", "4947657452616e646f6d", INVALID_OPERATION },
		{ "half a request", "a1" T_DESCRIBE_PCR "a1" T_INDEX, INVALID_OPERATION },
		{ "half a name", "6b446573", INVALID_OPERATION },
		{ "reserved bits", "1c", INVALID_OPERATION },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nsm nsm = start(false);
		const char *got = answer(&nsm, rows[i].request, NSM_RESPONSE_MAX);

		if (strcmp(got, rows[i].response))
			unit_fail(__FILE__, __LINE__, "%s, not %s", rows[i].what, got);
	}
}

UNIT(every_shorter_request_is_refused)
{
	static const char *const requests[] = {
		"a1" T_DESCRIBE_PCR "a1" T_INDEX "1b0000000000000010",
		"a1" T_EXTEND_PCR "a2" T_INDEX "10" T_DATA "43616263",
		"a1" T_ATTESTATION "a1" T_NONCE "5f4161ff",
		T_GET_RANDOM,
	};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		for (size_t n = 0; n < strlen(requests[i]); n += 2) {
			struct nsm nsm = start(false), before = nsm;
			char *cut = strndup(requests[i], n);

			EXPECT(!strncmp(answer(&nsm, cut, NSM_RESPONSE_MAX), "a165457272", 10));
			EXPECT(!memcmp(&nsm, &before, sizeof(nsm)));
			free(cut);
		}
}

UNIT(extended_is_hashed)
{
	static const char *const ways[] = {
		"43616263", "63616263", "83186118621863", "5f4161426263ff", "7f61616262 63ff",
		"9f186118621863ff",
	};
	char wanted[PCR_HEX_SIZE], response[256];
	uint8_t bytes[PCR_SIZE + 3] = {};
	struct pcr pcr;

	memcpy(bytes + PCR_SIZE, "abc", 3);
	EXPECT(!sha384(&(struct piece){ bytes, sizeof(bytes) }, 1, &pcr));
	pcr_hex(&pcr, wanted);
	(void)snprintf(response, sizeof(response), "a1" T_EXTEND_PCR "a1" T_DATA "5830%s", wanted);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct nsm nsm = start(false);
		char request[256] = "a1" T_EXTEND_PCR "a2" T_DATA, *p = request + strlen(request);

		for (const char *c = ways[i]; *c; c++)
			if (*c != ' ')
				*p++ = *c;
		memcpy(p, T_INDEX "10", sizeof(T_INDEX "10"));
		EXPECT_ANSWER(&nsm, request, response);
		EXPECT(!memcmp(&nsm.pcrs[16], &pcr, sizeof(pcr)));
	}
}

UNIT(locked_stays_locked)
{
	struct nsm nsm = start(false);

	EXPECT_ANSWER(&nsm, "a1" T_LOCK_PCR "a1" T_INDEX "14", T_LOCK_PCR);
	EXPECT(nsm.locked == 0x10ffff);
	EXPECT_ANSWER(&nsm, "a1" T_EXTEND_PCR "a2" T_INDEX "14" T_DATA "40", READ_ONLY_INDEX);
	EXPECT_ANSWER(&nsm, "a1" T_LOCK_PCR "a1" T_INDEX "14", READ_ONLY_INDEX);
	EXPECT_ANSWER(&nsm, "a1" T_LOCK_PCRS "a1" T_RANGE "1812", T_LOCK_PCRS);
	EXPECT(nsm.locked == 0x13ffff);
	/* A smaller range unlocks nothing */
	EXPECT_ANSWER(&nsm, "a1" T_LOCK_PCRS "a1" T_RANGE "00", T_LOCK_PCRS);
	EXPECT_ANSWER(&nsm, "a1" T_LOCK_PCRS "a1" T_RANGE "1820", T_LOCK_PCRS);
	EXPECT(nsm.locked == UINT32_MAX);
	EXPECT(!strncmp(answer(&nsm, T_DESCRIBE_NSM, NSM_RESPONSE_MAX), "a16b44", 6));
}

UNIT(debug_shows)
{
	struct nsm nsm = start(true);

	EXPECT_ANSWER(&nsm, "a1" T_DESCRIBE_PCR "a1" T_INDEX "00",
		      "a1" T_DESCRIBE_PCR "a2" T_LOCK "f5" T_DATA "5830" ZERO_PCR);
	EXPECT_ANSWER(&nsm, "a1" T_EXTEND_PCR "a2" T_INDEX "00" T_DATA "40", READ_ONLY_INDEX);
}

UNIT(limits_of_a_document)
{
	static const struct {
		const char *name;
		size_t most;
		int at;
	} rows[] = {
		{ T_USER_DATA, USER_DATA_MAX, 0 },
		{ T_NONCE, NONCE_MAX, 1 },
		{ T_PUBLIC_KEY, PUBLIC_KEY_MAX, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int more = 0; more < 2; more++) {
			const struct blob *got[] = { &asked.user_data, &asked.nonce,
						     &asked.public_key };
			struct nsm nsm = start(false);
			char request[4096];
			size_t n = rows[i].most + more;

			asked = (struct attestation){};
			n = snprintf(request, sizeof(request), "a1" T_ATTESTATION "a1%s59%04zx",
				     rows[i].name, n);
			memset(request + n, '7', 2 * (rows[i].most + more));
			request[n + 2 * (rows[i].most + more)] = '\0';
			EXPECT_ANSWER(&nsm, request, more ? INPUT_TOO_LARGE : DOCUMENT);
			for (int k = 0; k < 3; k++)
				EXPECT(got[k]->present == (!more && k == rows[i].at));
			EXPECT(more || (got[rows[i].at]->size == rows[i].most &&
					asked_bytes[rows[i].at][rows[i].most - 1] == 0x77));
		}
}

UNIT(who_does_not_sign)
{
	struct nsm nsm = start(false);

	nsm.attest = cannot_sign;
	EXPECT_ANSWER(&nsm, "a1" T_ATTESTATION "a0", INTERNAL_ERROR);
	nsm.attest = NULL;
	EXPECT_ANSWER(&nsm, "a1" T_ATTESTATION "a0", INTERNAL_ERROR);
}

UNIT(requests_that_are_too_large)
{
	struct nsm nsm = start(false);
	char *request = malloc(2 * NSM_REQUEST_MAX + 3);
	size_t n;

	/* As large as can be */
	n = sprintf(request, "a1" T_EXTEND_PCR "a2" T_INDEX "10" T_DATA "59%04x",
		    NSM_REQUEST_MAX - 27);
	memset(request + n, '0', 2 * NSM_REQUEST_MAX - n);
	request[2 * NSM_REQUEST_MAX] = '\0';
	EXPECT(!strncmp(answer(&nsm, request, NSM_RESPONSE_MAX), "a1" T_EXTEND_PCR, 22));
	strcat(request, "00");
	EXPECT_ANSWER(&nsm, request, INPUT_TOO_LARGE);
	free(request);
}

UNIT(random_is_long_and_random)
{
	struct nsm nsm = start(false);
	char *first = strdup(answer(&nsm, T_GET_RANDOM, NSM_RESPONSE_MAX));
	char *second = answer(&nsm, T_GET_RANDOM, NSM_RESPONSE_MAX);

	/* 256 bytes; Linux misreads fewer than 24 */
	EXPECT(!strncmp(first, "a1" T_GET_RANDOM "a16672616e646f6d590100", 44));
	EXPECT(strlen(first) == 44 + 512 && strlen(second) == 44 + 512);
	EXPECT(strcmp(first, second));
	free(first);
}

UNIT(room_that_is_too_small)
{
	struct nsm nsm = start(false);

	for (size_t room = 0; room < 300; room++) {
		const char *got = answer(&nsm, T_GET_RANDOM, room);

		if (room < strlen(BUFFER_TOO_SMALL) / 2)
			EXPECT_TEXT(got, "");
		else if (room < 22 + 256)
			EXPECT_TEXT(got, BUFFER_TOO_SMALL);
		else
			EXPECT(strlen(got) == 2 * (22 + 256));
	}
}
