/* SPDX-License-Identifier: GPL-2.0 */
/* Keys on their way to the kernel. */
#ifndef _NITRO_KEYRING_H
#define _NITRO_KEYRING_H

#include "secret.h"

void keyring_open(const char *state_dir);
int keyring_add(const char *what, const struct secret *key, uint32_t *ret, struct error *e);
void keyring_remove(uint32_t serial);

#endif
