/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_ACPI_H
#define NITRO_HYPERVISOR_ACPI_H

#include "memory.h"

/**
 * struct acpi - what the tables tell of
 * @cpus: processors
 * @devices: virtio-mmio devices
 * @serial: there is a serial port
 */
struct acpi {
	unsigned int cpus;
	unsigned int devices;
	bool serial;
};

void acpi_write(const struct acpi *acpi, const struct memory *memory);

#endif
