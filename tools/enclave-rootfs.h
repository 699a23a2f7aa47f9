/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_ENCLAVE_ROOTFS_H
#define _NITRO_ENCLAVE_ROOTFS_H

#include "cli.h"
#include "image.h"

int enclave_rootfs_check(const struct cli_call *call);
char *enclave_rootfs_kernel(struct why *why);
int enclave_rootfs_pack(const struct cli_call *call, const char *release,
			struct image ramdisks[static 2], struct why *why);

#endif
