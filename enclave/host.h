/* SPDX-License-Identifier: GPL-2.0 */
/* What the host is, for registers 5 to 7. */
#ifndef _NITRO_ENCLAVE_HOST_H
#define _NITRO_ENCLAVE_HOST_H

#include <stddef.h>

#include "pcr.h"

/* The registers, and the texts that they are made of, to be freed */
struct host {
	char *modules, *kernel, *cpu;
	struct pcr pcrs[3];	/* 5, 6 and 7 */
};

int host_measure(const char *sys, const char *proc, struct host *host, struct why *why);
void host_clear(struct host *host);

#endif
