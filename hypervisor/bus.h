/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_BUS_H
#define NITRO_HYPERVISOR_BUS_H

#include <stdbool.h>
#include <stdint.h>

struct power;
struct serial;
struct virtio_device;

/**
 * struct bus - what a guest's access can reach
 * @power: reset and off
 * @serial: serial port
 * @virtio: devices, from VIRTIO_ADDR on
 * @n_virtio: how many
 */
struct bus {
	struct power *power;
	struct serial *serial;
	struct virtio_device *virtio[2];
	unsigned int n_virtio;
};

bool bus_port(const struct bus *bus, uint16_t port, bool write, void *data, unsigned int size);
bool bus_memory(const struct bus *bus, uint64_t addr, bool write, void *data, unsigned int size);

#endif
