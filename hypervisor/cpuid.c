// SPDX-License-Identifier: GPL-2.0
/*
 * What CPUID says: what KVM supports, without what a guest has no business with. A
 * feature that is hidden here is refused by KVM, too.
 */

#include <asm/kvm_para.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base.h"
#include "complain.h"
#include "cpuid.h"

#define LEAF_KVM_FEATURES 0x40000001
/* Hypervisor leaves of others: KVM lists none, unless they are asked for */
#define LEAF_KVM_LAST 0x40000001
#define LEAF_HYPERVISORS 0x40000000
#define LEAF_HYPERVISORS_END 0x4fffffff

enum reg { EAX, EBX, ECX, EDX };

#define BIT(n) (1U << (n))

/* Features that are taken away */
static const struct {
	uint32_t leaf, index;
	enum reg reg;
	uint32_t bits;
} hidden[] = {
	/* DTES64, MONITOR, DS-CPL, VMX, SMX, EIST, TM2; PDCM; DCA */
	{ 1, 0, ECX, BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) |
		     BIT(15) | BIT(18) },
	/* DS, ACPI, TM, PBE */
	{ 1, 0, EDX, BIT(21) | BIT(22) | BIT(29) | BIT(31) },
	/* SGX, HLE, PQM, RTM, PQE, Processor Trace */
	{ 7, 0, EBX, BIT(2) | BIT(4) | BIT(11) | BIT(12) | BIT(15) | BIT(25) },
	/* WAITPKG, SGX_LC, PKS */
	{ 7, 0, ECX, BIT(5) | BIT(30) | BIT(31) },
	/* Architectural LBR, UINTR */
	{ 7, 0, EDX, BIT(19) | BIT(5) },
	/* SVM, IBS, SKINIT, LWP, NodeId, PerfCtr core and NB, PerfTsc, PerfCtr LLC, MWAITX */
	{ 0x80000001, 0, ECX, BIT(2) | BIT(10) | BIT(12) | BIT(15) | BIT(19) | BIT(23) | BIT(24) |
			      BIT(27) | BIT(28) | BIT(29) },
};

/* Leaves that say nothing: MWAIT, power, PMU, RDT, SGX, trace, LBR, SVM, IBS, SEV */
static const uint32_t empty[] = {
	5, 6, 0xa, 0xf, 0x10, 0x12, 0x14, 0x1c, 0x8000000a, 0x8000001b, 0x8000001f, 0x80000022,
};

/* Of what KVM offers a Linux guest, clocks and waking each other; no page faults of the
 * host's, no time that was stolen, no migration
 */
static const uint32_t kvm_features = BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_CLOCKSOURCE2) |
	BIT(KVM_FEATURE_NOP_IO_DELAY) | BIT(KVM_FEATURE_PV_EOI) | BIT(KVM_FEATURE_PV_UNHALT) |
	BIT(KVM_FEATURE_PV_TLB_FLUSH) | BIT(KVM_FEATURE_PV_SEND_IPI) |
	BIT(KVM_FEATURE_POLL_CONTROL) | BIT(KVM_FEATURE_PV_SCHED_YIELD) |
	BIT(KVM_FEATURE_MSI_EXT_DEST_ID) | BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);

/**
 * cpuid_get - what KVM supports
 * @ret: to fill
 * @kvm: /dev/kvm
 *
 * Return: 0, or -1 after a complaint.
 */
int cpuid_get(struct cpuid *ret, int kvm)
{
	ret->head.nent = CPUID_ENTRIES_MAX;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, ret) < 0)
		return complain("kvm: cannot tell what processor it has: %s", strerror(errno));
	return 0;
}

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	switch (reg) {
	case EAX: return &e->eax;
	case EBX: return &e->ebx;
	case ECX: return &e->ecx;
	default: return &e->edx;
	}
}

static void hide(struct kvm_cpuid_entry2 *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (e->function == hidden[i].leaf && e->index == hidden[i].index)
			*reg_of(e, hidden[i].reg) &= ~hidden[i].bits;
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		if (e->function == empty[i])
			e->eax = e->ebx = e->ecx = e->edx = 0;
	if (e->function > LEAF_KVM_LAST && e->function <= LEAF_HYPERVISORS_END)
		e->eax = e->ebx = e->ecx = e->edx = 0;
	if (e->function == LEAF_HYPERVISORS)
		e->eax = LEAF_KVM_LAST;
	if (e->function == LEAF_KVM_FEATURES) {
		e->eax &= kvm_features;
		e->edx = 0;
	}
}

/* How many bits of an APIC ID tell the processors of one package apart */
static unsigned int id_bits(unsigned int cpus)
{
	unsigned int bits = 0;

	while (1U << bits < cpus)
		bits++;
	return bits;
}

/* One package of cores with one thread each: nobody else runs on them */
static void set_topology(struct kvm_cpuid_entry2 *e, unsigned int cpu, unsigned int cpus)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0x0000ffff) | cpu << 24 | cpus << 16;
		e->ecx |= BIT(31) | BIT(24);		/* a guest; TSC deadline timer */
		e->edx = cpus > 1 ? e->edx | BIT(28) : e->edx & ~BIT(28);
		break;
	case 4:
		e->eax &= ~0xfc000000U;
		if (e->eax & 0x1f) {
			bool shared = (e->eax >> 5 & 7) >= 3;

			e->eax = (e->eax & ~0x03ffc000U) | (shared ? cpus - 1 : 0) << 14;
			e->eax |= (cpus - 1 > 63 ? 63 : cpus - 1) << 26;
		}
		break;
	case 0xb:
	case 0x1f:
		e->edx = cpu;
		e->eax = e->index == 1 ? id_bits(cpus) : 0;
		e->ebx = e->index == 0 ? 1 : e->index == 1 ? cpus : 0;
		e->ecx = e->index | (e->index == 0 ? 1 : e->index == 1 ? 2 : 0) << 8;
		break;
	case 0x80000008:
		e->ecx = (e->ecx & 0xffff0000) | id_bits(cpus) << 12 | (cpus - 1);
		break;
	case 0x8000001d:
		if (e->eax & 0x1f) {
			bool shared = (e->eax >> 5 & 7) >= 3;

			e->eax = (e->eax & ~0x03ffc000U) | (shared ? cpus - 1 : 0) << 14;
		}
		break;
	case 0x8000001e:
		e->eax = cpu;
		e->ebx = cpu;		/* one thread per core */
		e->ecx = 0;
		break;
	}
}

/**
 * cpuid_filter - what one processor of a guest says
 * @cpuid: from cpuid_get(), changed
 * @cpu: which
 * @cpus: how many there are
 */
void cpuid_filter(struct cpuid *cpuid, unsigned int cpu, unsigned int cpus)
{
	for (uint32_t i = 0; i < cpuid->head.nent; i++) {
		hide(&cpuid->entries[i]);
		set_topology(&cpuid->entries[i], cpu, cpus);
	}
}
