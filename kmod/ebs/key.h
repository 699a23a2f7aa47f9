/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_KEY_H
#define _NITRO_EBS_KEY_H

#include <linux/types.h>

#include "crypt.h"

struct netlink_ext_ack;

/**
 * struct nitro_ebs_key - a raw key, on its way to the cipher
 * @len: bytes
 * @bytes: the key. To be wiped by nitro_ebs_key_wipe().
 */
struct nitro_ebs_key {
	unsigned int len;
	u8 bytes[NITRO_EBS_KEY_MAX];
};

int nitro_ebs_key_copy(struct nitro_ebs_key *key, u32 serial,
		       struct netlink_ext_ack *extack);
int nitro_ebs_key_check(const struct nitro_ebs_key *key,
			struct netlink_ext_ack *extack);
void nitro_ebs_key_make(struct nitro_ebs_key *key);
void nitro_ebs_key_wipe(struct nitro_ebs_key *key);

#endif
