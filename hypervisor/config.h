/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_CONFIG_H
#define NITRO_HYPERVISOR_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "image.h"

#define INITRDS_MAX 28		/* as many as fit into an enclave's image */

/**
 * struct config - what the command line says; descriptors are -1 if it does not
 * @kvm: /dev/kvm
 * @memory: the guest's RAM
 * @serial: where the serial port sends to
 * @events: who is told of the guest's life
 * @vsock: where the host connects to the guest, a listening socket
 * @relay: the same, for a parent that is a guest itself
 * @broker: who connects to the host for the guest, a SOCK_SEQPACKET socket
 * @nsm: to the guest's security module, a SOCK_SEQPACKET socket
 * @kernel: kernel
 * @initrd: initial RAM disks
 * @n_initrd: how many
 * @cmdline: command line of the kernel
 * @cpus: number of processors
 * @cid: the guest's vsock address, 0 for no vsock
 * @acpi: tell of devices by ACPI; otherwise on the command line of the kernel
 */
struct config {
	int kvm, memory, serial, events, vsock, relay, broker, nsm;
	struct image kernel;
	struct image initrd[INITRDS_MAX];
	size_t n_initrd;
	const char *cmdline;
	unsigned int cpus;
	uint32_t cid;
	bool acpi;
};

int config_parse(struct config *ret, int argc, char *argv[]);

#endif
