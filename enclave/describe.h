/* SPDX-License-Identifier: GPL-2.0 */
/* Images in the JSON of nitro-cli. */
#ifndef _NITRO_ENCLAVE_DESCRIBE_H
#define _NITRO_ENCLAVE_DESCRIBE_H

#include <systemd/sd-json.h>

#include "eif.h"

int describe_measurements(const struct eif *eif, sd_json_variant **ret, struct why *why);
int describe_image(const struct eif *eif, time_t at, sd_json_variant **ret, struct why *why);

#endif
