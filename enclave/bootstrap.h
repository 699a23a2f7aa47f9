/* SPDX-License-Identifier: GPL-2.0 */
/* The ramdisks of an enclave that is made from a directory. */
#ifndef _NITRO_ENCLAVE_BOOTSTRAP_H
#define _NITRO_ENCLAVE_BOOTSTRAP_H

#include "cpio.h"

#define BOOTSTRAP_INIT "/usr/lib/nitro/enclave-init"
#define BOOTSTRAP_CMDLINE "console=ttyS0 quiet reboot=k panic=-1 random.trust_cpu=on"

/**
 * struct bootstrap - what an enclave is made of
 * @init: the program that starts it
 * @modules: where the kernel's modules are, such as /usr/lib/modules/6.12.118
 * @rootfs: the directory
 * @command: what runs in it, words with spaces between; NULL: /init
 */
struct bootstrap {
	const char *init;
	const char *modules;
	const char *rootfs;
	const char *command;
};

int bootstrap_first(const struct bootstrap *b, struct image *ramdisk, struct why *why);
int bootstrap_application(const struct bootstrap *b, struct image *ramdisk, struct why *why);
int modules_add(struct cpio *cpio, const char *dir, struct why *why);

#endif
