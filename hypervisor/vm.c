// SPDX-License-Identifier: GPL-2.0
/*
 * The VM in KVM: memory and interrupt controllers, and nothing that a Linux guest of
 * today can do without. There is no PIT; Hyper-V's and Xen's interfaces are not asked for.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "base.h"
#include "complain.h"
#include "layout.h"
#include "vm.h"

static const struct {
	int number;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "memory" },
	{ KVM_CAP_IRQCHIP, "interrupt controllers" },
	{ KVM_CAP_IRQFD, "interrupts by eventfd" },
	{ KVM_CAP_IOEVENTFD, "notification by eventfd" },
	{ KVM_CAP_TSC_DEADLINE_TIMER, "the TSC deadline timer" },
};

static int check(int kvm)
{
	int version = ioctl(kvm, KVM_GET_API_VERSION, 0);

	if (version < 0)
		return complain("kvm: the descriptor is not /dev/kvm: %s", strerror(errno));
	if (version != KVM_API_VERSION)
		return complain("kvm: version %d of its interface is not ours", version);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, needed[i].number) <= 0)
			return complain("kvm: it lacks %s", needed[i].name);
	return 0;
}

static int add_memory(const struct vm *vm, uint32_t slot, uint64_t addr, void *base, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = addr, .memory_size = size,
		.userspace_addr = (uintptr_t)base,
	};

	if (size && ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return complain("kvm: it does not take the memory: %s", strerror(errno));
	return 0;
}

/**
 * vm_create - a VM with memory and interrupt controllers
 * @vm: to fill
 * @kvm: /dev/kvm
 * @memory: the guest's RAM
 *
 * Return: 0, or -1 after a complaint.
 */
int vm_create(struct vm *vm, int kvm, const struct memory *memory)
{
	uint64_t identity_map = KVM_IDENTITY_MAP_ADDR;

	if (check(kvm) < 0)
		return -1;
	vm->kvm = kvm;
	vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return complain("kvm: cannot make a VM: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0 ||
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)KVM_TSS_ADDR) < 0)
		return complain("kvm: cannot place its pages: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return complain("kvm: cannot make interrupt controllers: %s", strerror(errno));
	if (add_memory(vm, 0, 0, memory->base, memory->low) < 0)
		return -1;
	return add_memory(vm, 1, HOLE_END, memory->base + memory->low, memory->size - memory->low);
}

/**
 * vm_irqfd - a descriptor that interrupts the guest when it is written to
 * @vm: the VM
 * @gsi: number of the interrupt, edge-triggered
 *
 * Return: an eventfd, or -1 after a complaint.
 */
int vm_irqfd(const struct vm *vm, uint32_t gsi)
{
	struct kvm_irqfd irqfd = { .gsi = gsi };
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	irqfd.fd = fd;
	if (fd < 0 || ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0)
		return complain("kvm: cannot connect interrupt %u: %s", gsi, strerror(errno));
	return fd;
}

/**
 * vm_ioeventfd - have the guest's writes to an address counted by a descriptor
 * @vm: the VM
 * @addr: 32 bits that the guest writes to; it does not leave the kernel for that
 * @fd: an eventfd
 *
 * Return: 0, or -1 after a complaint.
 */
int vm_ioeventfd(const struct vm *vm, uint64_t addr, int fd)
{
	struct kvm_ioeventfd notify = { .addr = addr, .len = 4, .fd = fd };

	if (ioctl(vm->fd, KVM_IOEVENTFD, &notify) < 0)
		return complain("kvm: cannot connect a notification: %s", strerror(errno));
	return 0;
}
