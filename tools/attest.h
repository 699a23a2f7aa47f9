/* SPDX-License-Identifier: GPL-2.0 */
/* Where the keys of attestation are made. */
#ifndef _NITRO_ATTEST_H
#define _NITRO_ATTEST_H

#include <openssl/x509.h>
#include <stdbool.h>

#include "why.h"

#define ATTEST_DIR "/var/lib/nitro/attest"

/* What "attest init" was given; without a root key one is made */
struct attest_init {
	const char *dir;
	const char *root_key;
	const char *root_certificate;
	bool replace;
};

int attest_init(const struct attest_init *init, struct why *why);
int attest_read_certificate(const char *path, X509 **ret, struct why *why);

#endif
