/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_MACHINE_H
#define NITRO_HYPERVISOR_MACHINE_H

#include "bus.h"
#include "events.h"
#include "memory.h"
#include "nsm.h"
#include "power.h"
#include "serial.h"
#include "vm.h"
#include "vsock.h"

/**
 * struct machine - all of the guest
 * @events: whom its life is told
 * @memory: RAM
 * @vm: KVM's side
 * @serial: serial port, of a guest that is debugged
 * @power: reset and off
 * @vsock: vsock, of a guest that has an address
 * @nsm: security module, of a guest that has one
 * @bus: what of it the guest's accesses reach
 */
struct machine {
	struct events events;
	struct memory memory;
	struct vm vm;
	struct serial serial;
	struct power power;
	struct vsock vsock;
	struct nsm_device nsm;
	struct bus bus;
};

#endif
