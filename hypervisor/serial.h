/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_SERIAL_H
#define NITRO_HYPERVISOR_SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct serial - a 16550 that only sends
 * @lock: protects the registers
 * @fd: where it sends to, -1 if there is no serial port
 * @irqfd: its interrupt
 * @ier: interrupts that the guest wants
 * @lcr: line control, which switches to the divisor
 * @mcr: modem control
 * @fifo: bits of the interrupt register that say that there is one
 * @scratch: for the guest's use
 * @divisor: of the clock; any speed is the same to us
 * @empty: it can send, and the guest has not been told
 */
struct serial {
	pthread_mutex_t lock;
	int fd;
	int irqfd;
	uint8_t ier, lcr, mcr, fifo, scratch;
	uint8_t divisor[2];
	bool empty;
};

#define SERIAL_REGISTERS 8

void serial_init(struct serial *serial, int fd, int irqfd);
bool serial_read(struct serial *serial, unsigned int reg, uint8_t *ret);
bool serial_write(struct serial *serial, unsigned int reg, uint8_t value);

#endif
