// SPDX-License-Identifier: GPL-2.0
/* Attestation documents are good for a few minutes, from whichever root is trusted. */

#include <stdlib.h>
#include <string.h>

#include "cose.h"
#include "envelope.h"
#include "evidence.h"
#include "verify.h"

static bool begins_with(const struct document *d, X509 *root)
{
	unsigned char *der = NULL;
	int n = i2d_X509(root, &der);
	bool same = n > 0 && d->n_bundle && d->bundle[0].size == (size_t)n &&
		!memcmp(d->bundle[0].data, der, n);

	OPENSSL_free(der);
	return same;
}

/* What is wrong is what the root that the document names has against it */
static int verify(const void *message, size_t size, STACK_OF(X509) *roots, time_t now,
		  struct document *document, struct why *why)
{
	/* Whether an enclave in debug mode will do is asked when all the rest is right */
	struct expectation e = { .at = now, .debug = true };
	int r = refuse(why, "chain: no root is trusted");

	for (int i = 0; r && i < sk_X509_num(roots); i++) {
		e.root = sk_X509_value(roots, i);
		r = document_verify(message, size, &e, document, why);
		if (r && begins_with(document, e.root))
			break;
	}
	return r;
}

static int check_age(const struct document *d, time_t now, struct why *why)
{
	time_t made = (time_t)(d->timestamp / 1000);

	if (made > now + EVIDENCE_SECONDS)
		return refuse(why, "dates: it was made in the future");
	if (made < now - EVIDENCE_SECONDS)
		return refuse(why, "dates: it is older than %d seconds", EVIDENCE_SECONDS);
	return 0;
}

/* Of what is signed, not of the signature: that could be written in another way */
static int digest(const void *message, size_t size, struct pcr *to, struct why *why)
{
	struct cose cose;
	struct piece piece;
	int r = cose_read(message, size, &cose, why);

	if (r)
		return r;
	piece = (struct piece){ cose.payload, cose.payload_size };
	return sha384(&piece, 1, to) ? refuse(why, "cannot be hashed") : 0;
}

/**
 * evidence_read - check an attestation document
 * @message: the signed message; is the evidence's from now on
 * @size: its length
 * @roots: the roots that are trusted
 * @now: the time
 * @evidence: receives what it says, to be cleared in any case
 * @why: says why it is not good
 *
 * Context: any; the document may be hostile.
 * Return: 0 or -EINVAL.
 */
int evidence_read(void *message, size_t size, STACK_OF(X509) *roots, time_t now,
		  struct evidence *evidence, struct why *why)
{
	struct document *d = &evidence->document;
	int r;

	*evidence = (struct evidence){ .message = message };
	r = verify(message, size, roots, now, d, why);
	if (!r)
		r = check_age(d, now, why);
	if (!r && !d->what.public_key.present)
		r = refuse(why, "fields: there is no public_key");
	if (!r)
		r = envelope_key(d->what.public_key.data, d->what.public_key.size, &evidence->key,
				 why);
	if (!r)
		r = digest(message, size, &evidence->digest, why);
	evidence->until = (time_t)(d->timestamp / 1000) + EVIDENCE_SECONDS;
	return r;
}

/**
 * evidence_debug - can the enclave be looked into
 * @evidence: what it proves
 *
 * Context: any.
 * Return: true if it is in debug mode, and keeps nothing to itself.
 */
bool evidence_debug(const struct evidence *evidence)
{
	return pcr_is_zero(&evidence->document.pcrs[PCR_IMAGE]);
}

/**
 * evidence_clear - forget what was proved
 * @evidence: the evidence
 *
 * Context: any.
 */
void evidence_clear(struct evidence *evidence)
{
	EVP_PKEY_free(evidence->key);
	free(evidence->message);
	*evidence = (struct evidence){};
}
