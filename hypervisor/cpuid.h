/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_CPUID_H
#define NITRO_HYPERVISOR_CPUID_H

#include <linux/kvm.h>

#define CPUID_ENTRIES_MAX 256

/**
 * struct cpuid - what CPUID says
 * @head: KVM's head of the table
 * @entries: the table
 */
struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
};

int cpuid_get(struct cpuid *ret, int kvm);
void cpuid_filter(struct cpuid *cpuid, unsigned int cpu, unsigned int cpus);

#endif
