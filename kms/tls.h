/* SPDX-License-Identifier: GPL-2.0 */
/* Who nitro-kms is to those who come over TCP. */
#ifndef _NITRO_KMS_TLS_H
#define _NITRO_KMS_TLS_H

#include <stdbool.h>

#include "why.h"

#define TLS_CERTIFICATE "nitro-kms.crt"
#define TLS_KEY "nitro-kms.key"

/* PEM, as it is in the files; both or none */
struct tls {
	char *certificate;
	char *key;
};

int tls_load(const char *folder, struct tls *tls, struct why *why);
void tls_clear(struct tls *tls);
bool tls_is_due(int fd);

#endif
