/* SPDX-License-Identifier: GPL-2.0 */
/* Who may do what with a key: a part of AWS's policy language. */
#ifndef _NITRO_KMS_POLICY_H
#define _NITRO_KMS_POLICY_H

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "evidence.h"

/**
 * struct question - may somebody do something?
 * @action: what, such as "kms:Decrypt"
 * @principal: who, such as "user/alice" or "vsock/16"
 * @evidence: what they prove, NULL for nothing
 * @context: the encryption context, NULL for none
 */
struct question {
	const char *action;
	const char *principal;
	const struct evidence *evidence;
	sd_json_variant *context;
};

int policy_check(const char *text, struct why *why);
bool policy_allows(const char *text, const struct question *question);

#endif
