/* SPDX-License-Identifier: GPL-2.0 */
/* Master keys at rest: files that systemd-creds has sealed for this host. */
#ifndef _NITRO_SEAL_H
#define _NITRO_SEAL_H

#include "helper.h"

int seal_start(sd_event *event, const char *id, uint64_t generation, bool host_key_only,
	       const struct secret *key, helper_done_fn done, void *userdata,
	       struct helper **ret, struct error *e);
int seal_keep(const char *dir, const char *id, uint64_t generation, const char *sealed,
	      size_t size, struct error *e);
int unseal_start(sd_event *event, const char *dir, const char *id, uint64_t generation,
		 helper_done_fn done, void *userdata, struct helper **ret, struct error *e);
bool seal_exists(const char *dir, const char *id);
int seal_sweep(const char *dir, const char *id, uint64_t keep, struct error *e);

#endif
