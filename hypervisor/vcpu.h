/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_VCPU_H
#define NITRO_HYPERVISOR_VCPU_H

#include "kernel.h"
#include "machine.h"

/**
 * struct vcpu - a processor of the guest and its thread
 * @fd: KVM's side of it
 * @size: how large the page that is shared with KVM is
 * @run: that page
 */
struct vcpu {
	int fd;
	int size;
	struct kvm_run *run;
};

int vcpu_create(struct vcpu *vcpu, const struct vm *vm, unsigned int id, unsigned int cpus,
		const struct kernel *kernel);
_Noreturn void vcpu_run(const struct vcpu *vcpu, struct machine *machine);

#endif
