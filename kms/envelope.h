/* SPDX-License-Identifier: GPL-2.0 */
/* What only one recipient can open: CMS EnvelopedData (RFC 5652). */
#ifndef _NITRO_KMS_ENVELOPE_H
#define _NITRO_KMS_ENVELOPE_H

#include <openssl/evp.h>
#include <stddef.h>

#include "why.h"

int envelope_key(const void *der, size_t size, EVP_PKEY **ret, struct why *why);
int envelope_make(EVP_PKEY *key, const void *data, size_t size, unsigned char **ret,
		  size_t *ret_size, struct why *why);

#endif
