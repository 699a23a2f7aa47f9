// SPDX-License-Identifier: GPL-2.0
/*
 * nitro-hypervisor: one guest. Everything it uses is open when it starts. This thread
 * does all I/O, each processor of the guest has one more.
 */

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "complain.h"
#include "config.h"
#include "layout.h"
#include "loop.h"
#include "machine.h"
#include "sandbox.h"
#include "vcpu.h"

/* They run a loop over KVM_RUN, with nothing large on their stacks */
#define VCPU_STACK 65536

/* What the processors' threads need; they wait for @go */
struct start {
	struct machine machine;
	struct vcpu vcpus[CPUS_MAX];
	struct kernel kernel;
	pthread_barrier_t go;
};

static struct start start;

static const char *load(struct config *c, struct machine *m)
{
	static char cmdline[CMDLINE_MAX];
	struct boot boot = {
		.initrd = c->initrd, .n_initrd = c->n_initrd, .cmdline = cmdline, .acpi = c->acpi,
	};
	size_t n = strlen(c->cmdline);
	const char *why;

	if (n >= sizeof(cmdline))
		return "the command line is longer than the kernel takes";
	memcpy(cmdline, c->cmdline, n + 1);
	for (unsigned int i = 0; !c->acpi && i < m->bus.n_virtio; i++) {
		n += snprintf(cmdline + n, sizeof(cmdline) - n, " virtio_mmio.device=4K@0x%llx:%u",
			      VIRTIO_ADDR + i * VIRTIO_SIZE, VIRTIO_GSI + i);
		if (n >= sizeof(cmdline))
			return "the command line is longer than the kernel takes";
	}
	why = kernel_load(&c->kernel, &m->memory, &start.kernel);
	if (why)
		return why;
	boot.kernel = start.kernel;
	if (c->acpi)
		acpi_write(&(struct acpi){ c->cpus, m->bus.n_virtio, c->serial >= 0 }, &m->memory);
	return boot_prepare(&boot, &m->memory);
}

/* Descriptors that are no connection's */
#define OTHER_FDS (32 + CPUS_MAX)

/* A place on the bus, an interrupt, notifications. Return: 0, or -1 after a complaint */
static int add_device(struct machine *m, struct virtio_device *d, int *ret_notify, int *ret_irqfd)
{
	unsigned int i = m->bus.n_virtio++;

	m->bus.virtio[i] = d;
	*ret_notify = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*ret_irqfd = vm_irqfd(&m->vm, VIRTIO_GSI + i);
	if (*ret_notify < 0)
		return complain("cannot make an eventfd: %s", strerror(errno));
	if (*ret_irqfd < 0)
		return -1;
	return vm_ioeventfd(&m->vm, VIRTIO_ADDR + i * VIRTIO_SIZE + VIRTIO_MMIO_QUEUE_NOTIFY,
			    *ret_notify);
}

static int make_vsock(const struct config *c, struct machine *m, struct loop *loop)
{
	struct vsock_setup setup = {
		.cid = c->cid, .listener = c->vsock, .relay = c->relay, .broker = c->broker,
		.memory = &m->memory, .events = &m->events, .loop = loop,
		.connections = connections_limit(OTHER_FDS),
	};

	if (!c->cid)
		return 0;
	if (add_device(m, &m->vsock.device, &setup.notify, &setup.irqfd) < 0)
		return -1;
	return vsock_init(&m->vsock, &setup);
}

static int make_nsm(const struct config *c, struct machine *m, struct loop *loop)
{
	struct nsm_setup setup = { .module = c->nsm, .memory = &m->memory, .loop = loop };

	if (c->nsm < 0)
		return 0;
	if (add_device(m, &m->nsm.device, &setup.notify, &setup.irqfd) < 0)
		return -1;
	return nsm_init(&m->nsm, &setup);
}

static int make_machine(struct config *c, struct machine *m, struct loop *loop)
{
	int irqfd = -1;
	const char *why;

	m->events.fd = c->events;
	if (memory_map(&m->memory, c->memory) < 0 || vm_create(&m->vm, c->kvm, &m->memory) < 0)
		return -1;
	if (c->serial >= 0) {
		irqfd = vm_irqfd(&m->vm, SERIAL_GSI);
		if (irqfd < 0)
			return -1;
	}
	serial_init(&m->serial, c->serial, irqfd);
	m->power.events = &m->events;
	m->bus.power = &m->power;
	m->bus.serial = &m->serial;
	if (make_vsock(c, m, loop) < 0 || make_nsm(c, m, loop) < 0)
		return -1;
	why = load(c, m);
	if (why)
		return complain("kernel: %s", why);
	return 0;
}

static void *run_vcpu(void *arg)
{
	const struct vcpu *vcpu = arg;

	if (sandbox_enter(SANDBOX_VCPU) < 0)
		events_end(&start.machine.events, END_FAILED, "error");
	pthread_barrier_wait(&start.go);
	vcpu_run(vcpu, &start.machine);
}

static int make_vcpus(const struct config *c)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (pthread_attr_init(&attr) || pthread_attr_setstacksize(&attr, VCPU_STACK) ||
	    pthread_barrier_init(&start.go, NULL, c->cpus + 1))
		return complain("cannot make a thread");
	for (unsigned int i = 0; i < c->cpus; i++) {
		struct vcpu *vcpu = &start.vcpus[i];

		if (vcpu_create(vcpu, &start.machine.vm, i, c->cpus, &start.kernel) < 0)
			return -1;
		if (pthread_create(&thread, &attr, run_vcpu, vcpu))
			return complain("cannot make a thread");
	}
	return 0;
}

/* What is in the guest is in it now */
static void close_sources(const struct config *c)
{
	close(c->memory);
	start.machine.memory.fd = -1;
	close(c->kernel.fd);
	for (size_t i = 0; i < c->n_initrd; i++)
		close(c->initrd[i].fd);
	close(start.machine.vm.kvm);
}

static void say_started(const struct events *events)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0)
		events_say(events, "started cpu_us=%lld\n",
			   (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
}

int main(int argc, char *argv[])
{
	static struct config config;
	struct loop loop;

	if (config_parse(&config, argc, argv) < 0)
		return END_USAGE;
	/* One arena: threads of ours allocate while they start and never again */
	(void)mallopt(M_ARENA_MAX, 1);
	/* A reader that goes away is found by write() */
	(void)signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return complain("cannot forbid core dumps: %s", strerror(errno)), END_FAILED;
	if (loop_init(&loop) < 0 || make_machine(&config, &start.machine, &loop) < 0 ||
	    make_vcpus(&config) < 0)
		return END_FAILED;
	close_sources(&config);
	say_started(&start.machine.events);
	if (sandbox_enter(SANDBOX_IO) < 0)
		events_end(&start.machine.events, END_FAILED, "error");
	pthread_barrier_wait(&start.go);
	loop_run(&loop);
}
