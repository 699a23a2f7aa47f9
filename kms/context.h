/* SPDX-License-Identifier: GPL-2.0 */
/* What has to be said again to decrypt something. */
#ifndef _NITRO_KMS_CONTEXT_H
#define _NITRO_KMS_CONTEXT_H

#include <systemd/sd-json.h>

#include "why.h"

#define CONTEXT_MAX 8192

int context_read(sd_json_variant *from, sd_json_variant **ret, struct why *why);
int context_text(sd_json_variant *context, char **ret);

#endif
