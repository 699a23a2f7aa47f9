/* SPDX-License-Identifier: GPL-2.0 */
/* Production mode of this host. */
#ifndef _NITRO_HARDEN_H
#define _NITRO_HARDEN_H

#include "manager.h"

sd_json_variant *hardening_show(void);
void hardening_stop(struct manager *m);
int serve_hardening_apply(sd_varlink *link, sd_json_variant *p, struct manager *m);

#endif
