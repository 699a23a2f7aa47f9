// SPDX-License-Identifier: GPL-2.0
/*
 * The way from an access of the guest to a register. registers.tsv has all that can be
 * reached this way, and a test counts them: an access to anything else does nothing,
 * and reads as ones.
 */

#include <string.h>

#include "bus.h"
#include "layout.h"
#include "power.h"
#include "serial.h"
#include "virtio.h"

/**
 * bus_port - the guest has used IN or OUT
 * @bus: what it can reach
 * @port: the port
 * @write: it was OUT
 * @data: what it writes or gets
 * @size: 1, 2 or 4
 *
 * Context: any vCPU's thread.
 * Return: false if there is nothing.
 */
bool bus_port(const struct bus *bus, uint16_t port, bool write, void *data, unsigned int size)
{
	unsigned int reg = port - SERIAL_PORT;

	if (!write)
		memset(data, 0xff, size);
	if (size != 1)
		return false;
	if (reg < SERIAL_REGISTERS)
		return write ? serial_write(bus->serial, reg, *(uint8_t *)data) :
			       serial_read(bus->serial, reg, data);
	return write ? power_write(bus->power, port, *(uint8_t *)data) :
		       power_read(bus->power, port, data);
}

/**
 * bus_memory - the guest has used an address where no RAM is
 * @bus: what it can reach
 * @addr: the address
 * @write: it writes
 * @data: what it writes or gets
 * @size: 1 to 8
 *
 * Context: any vCPU's thread.
 * Return: false if there is nothing.
 */
bool bus_memory(const struct bus *bus, uint64_t addr, bool write, void *data, unsigned int size)
{
	uint64_t i = (addr - VIRTIO_ADDR) / VIRTIO_SIZE, offset = addr % VIRTIO_SIZE;

	if (!write)
		memset(data, 0xff, size);
	if (addr < VIRTIO_ADDR || i >= bus->n_virtio)
		return false;
	return write ? virtio_write(bus->virtio[i], offset, data, size) :
		       virtio_read(bus->virtio[i], offset, data, size);
}
