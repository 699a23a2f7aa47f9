// SPDX-License-Identifier: GPL-2.0
/* Processors: their state at the beginning, and what they leave the guest for. */

#include <asm/kvm.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "complain.h"
#include "cpuid.h"
#include "layout.h"
#include "vcpu.h"

#define CR0_PE (1ULL << 0)
#define CR0_ET (1ULL << 4)
#define CR0_PG (1ULL << 31)
#define CR4_PAE (1ULL << 5)
#define EFER_LME (1ULL << 8)
#define EFER_LMA (1ULL << 10)
#define RFLAGS_ALWAYS 2
#define MSR_MISC_ENABLE 0x1a0
#define MISC_FAST_STRING 1
#define MSR_MTRR_DEFAULT 0x2ff
#define MTRR_ENABLED_WRITE_BACK 0x806
#define FPU_CONTROL 0x37f
#define FPU_MXCSR 0x1f80
#define LAPIC_LINT0 0x350
#define LAPIC_LINT1 0x360
#define DELIVER_NMI (4 << 8)
#define DELIVER_EXTERNAL (7 << 8)

/* Selectors of write_tables() in boot.c */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18
#define SELECTOR_TSS 0x20
#define GDT_LIMIT 0x27

static int set_segments(const struct vcpu *vcpu, bool pvh)
{
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = SELECTOR_DATA, .type = 3, .present = 1, .db = 1,
		.s = 1, .g = 1,
	};
	struct kvm_sregs s;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &s) < 0)
		return -1;
	s.ds = s.es = s.fs = s.gs = s.ss = s.cs = data;
	s.cs.selector = SELECTOR_CODE;
	s.cs.type = 0xb;
	s.cs.db = pvh;
	s.cs.l = !pvh;
	s.tr = (struct kvm_segment){
		.limit = 0xffff, .selector = SELECTOR_TSS, .type = 0xb, .present = 1,
	};
	s.gdt.base = GDT_ADDR;
	s.gdt.limit = GDT_LIMIT;
	s.idt.base = 0;
	s.idt.limit = 0;
	s.cr0 = CR0_PE | CR0_ET;
	if (!pvh) {
		s.cr0 |= CR0_PG;
		s.cr3 = PAGE_TABLES_ADDR;
		s.cr4 = CR4_PAE;
		s.efer = EFER_LME | EFER_LMA;
	}
	return ioctl(vcpu->fd, KVM_SET_SREGS, &s);
}

static int set_registers(const struct vcpu *vcpu, const struct kernel *kernel)
{
	struct kvm_regs r = { .rflags = RFLAGS_ALWAYS, .rip = kernel->entry, .rsp = BOOT_STACK };

	if (kernel->pvh)
		r.rbx = START_INFO_ADDR;
	else
		r.rsi = BOOT_PARAMS_ADDR;
	return ioctl(vcpu->fd, KVM_SET_REGS, &r);
}

static int set_fpu(const struct vcpu *vcpu)
{
	struct kvm_fpu f = { .fcw = FPU_CONTROL, .mxcsr = FPU_MXCSR };

	return ioctl(vcpu->fd, KVM_SET_FPU, &f);
}

static int set_msrs(const struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entries[2];
	} m = {
		.head.nmsrs = 2,
		.entries = {
			{ .index = MSR_MISC_ENABLE, .data = MISC_FAST_STRING },
			{ .index = MSR_MTRR_DEFAULT, .data = MTRR_ENABLED_WRITE_BACK },
		},
	};

	return ioctl(vcpu->fd, KVM_SET_MSRS, &m) == 2 ? 0 : -1;
}

/* As firmware leaves it: the 8259 behind LINT0, for kernels without ACPI */
static int set_lapic(const struct vcpu *vcpu)
{
	const uint32_t lint0 = DELIVER_EXTERNAL, lint1 = DELIVER_NMI;
	struct kvm_lapic_state l;

	if (ioctl(vcpu->fd, KVM_GET_LAPIC, &l) < 0)
		return -1;
	memcpy(l.regs + LAPIC_LINT0, &lint0, sizeof(lint0));
	memcpy(l.regs + LAPIC_LINT1, &lint1, sizeof(lint1));
	return ioctl(vcpu->fd, KVM_SET_LAPIC, &l);
}

static int set_cpuid(const struct vcpu *vcpu, const struct vm *vm, unsigned int id,
		     unsigned int cpus)
{
	struct cpuid cpuid = {};

	if (cpuid_get(&cpuid, vm->kvm) < 0)
		return -1;
	cpuid_filter(&cpuid, id, cpus);
	return ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid);
}

/**
 * vcpu_create - a processor that waits for its first instruction
 * @vcpu: to fill
 * @vm: the VM
 * @id: its number; 0 begins with the kernel, others wait for it
 * @cpus: how many there are
 * @kernel: the kernel
 *
 * Return: 0, or -1 after a complaint.
 */
int vcpu_create(struct vcpu *vcpu, const struct vm *vm, unsigned int id, unsigned int cpus,
		const struct kernel *kernel)
{
	vcpu->size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0 || vcpu->size < 0)
		return complain("kvm: cannot make processor %u: %s", id, strerror(errno));
	vcpu->run = mmap(NULL, vcpu->size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return complain("kvm: cannot see processor %u: %s", id, strerror(errno));
	if (set_cpuid(vcpu, vm, id, cpus) < 0 || set_msrs(vcpu) < 0 || set_fpu(vcpu) < 0 ||
	    set_lapic(vcpu) < 0)
		return complain("kvm: cannot set up processor %u: %s", id, strerror(errno));
	if (!id && (set_segments(vcpu, kernel->pvh) < 0 || set_registers(vcpu, kernel) < 0))
		return complain("kvm: cannot set up processor %u: %s", id, strerror(errno));
	return 0;
}

/* IN and OUT; INS and OUTS do several at once */
static void do_port(const struct vcpu *vcpu, const struct machine *m)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	for (uint32_t i = 0; i < run->io.count; i++)
		bus_port(&m->bus, run->io.port, run->io.direction == KVM_EXIT_IO_OUT,
			 data + i * run->io.size, run->io.size);
}

static _Noreturn void fail(const struct vcpu *vcpu, const struct machine *m, const char *why)
{
	complain("processor: %s (exit %u, %u)", why, vcpu->run->exit_reason,
		 vcpu->run->internal.suberror);
	events_end(&m->events, END_FAILED, "error");
}

/**
 * vcpu_run - run a processor until the guest ends
 * @vcpu: the processor
 * @machine: the guest
 *
 * Context: its thread.
 */
_Noreturn void vcpu_run(const struct vcpu *vcpu, struct machine *machine)
{
	struct kvm_run *run = vcpu->run;

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			fail(vcpu, machine, strerror(errno));
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			do_port(vcpu, machine);
			break;
		case KVM_EXIT_MMIO:
			bus_memory(&machine->bus, run->mmio.phys_addr, run->mmio.is_write,
				   run->mmio.data, run->mmio.len);
			break;
		case KVM_EXIT_INTR:
			break;
		case KVM_EXIT_SHUTDOWN:
			events_end(&machine->events, END_CRASHED, "crash");
		default:
			fail(vcpu, machine, "KVM cannot go on");
		}
	}
}
