/* SPDX-License-Identifier: GPL-2.0 */
/* The host's key, which vouches for its instances. */
#ifndef _NITRO_IDENTITY_H
#define _NITRO_IDENTITY_H

#include "base.h"

struct identity;

int identity_open(struct identity **ret, const char *dir, struct error *e);
struct identity *identity_free(struct identity *id);
char *identity_signature(struct identity *id, const char *document);
char *identity_pkcs7(struct identity *id, const char *document);

#endif
