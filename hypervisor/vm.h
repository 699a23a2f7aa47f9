/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_VM_H
#define NITRO_HYPERVISOR_VM_H

#include <stdint.h>

#include "memory.h"

/**
 * struct vm - KVM's side of the machine
 * @kvm: /dev/kvm
 * @fd: the VM
 */
struct vm {
	int kvm;
	int fd;
};

int vm_create(struct vm *vm, int kvm, const struct memory *memory);
int vm_irqfd(const struct vm *vm, uint32_t gsi);
int vm_ioeventfd(const struct vm *vm, uint64_t addr, int fd);

#endif
