// SPDX-License-Identifier: GPL-2.0
/* registers.tsv is what a guest can reach: no more, no less. */

#include <linux/serial_reg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "bus.h"
#include "driver.h"
#include "layout.h"
#include "nsm.h"
#include "power.h"
#include "serial.h"
#include "unit.h"
#include "vsock.h"

#define PORTS 65536
#define READS 1
#define WRITES 2

/* What the table says of each port, and of each offset in each device's window */
static uint8_t ports[PORTS], windows[2][VIRTIO_SIZE];

enum { VSOCK, NSM };

static int ended;

static void count_end(const char *why)
{
	(void)why;
	ended++;
}

static void add(const char *space, unsigned long addr, unsigned long size, const char *access)
{
	uint8_t bits = (strchr(access, 'r') ? READS : 0) | (strchr(access, 'w') ? WRITES : 0);

	if (!strcmp(space, "port") && addr < PORTS)
		ports[addr] = bits;
	else if (!strcmp(space, "virtio") && addr < VIRTIO_SIZE)
		windows[VSOCK][addr] = windows[NSM][addr] = bits;
	else if (!strcmp(space, "vsock") && addr + size <= VIRTIO_SIZE)
		memset(&windows[VSOCK][addr], bits, size);
	else
		unit_fail(__FILE__, __LINE__, "a line that names no place");
}

static unsigned int read_table(void)
{
	FILE *file = fopen(REGISTERS, "re");
	char line[256], space[16], access[4];
	unsigned long addr, size;
	unsigned int n = 0;

	if (!file)
		abort();
	while (fgets(line, sizeof(line), file)) {
		if (*line == '#')
			continue;
		if (sscanf(line, "%15s %lx %lu %3s", space, &addr, &size, access) != 4)
			unit_fail(__FILE__, __LINE__, "%s", line);
		else
			add(space, addr, size, access);
		n++;
	}
	fclose(file);
	return n;
}

static void compare(const char *where, unsigned long addr, uint8_t says, uint8_t is)
{
	char text[64];

	if (says == is)
		return;
	snprintf(text, sizeof(text), "%s 0x%lx: the table says %u, it is %u", where, addr, says, is);
	unit_fail(__FILE__, __LINE__, "%s", text);
}

static void try_ports(const struct bus *bus)
{
	uint32_t value;

	for (unsigned int port = 0; port < PORTS; port++) {
		uint8_t is = 0;

		value = 0;
		is |= bus_port(bus, port, false, &value, 1) ? READS : 0;
		value = 0;
		is |= bus_port(bus, port, true, &value, 1) ? WRITES : 0;
		compare("port", port, ports[port], is);
		for (unsigned int size = 2; size <= 4; size += 2) {
			EXPECT(!bus_port(bus, port, false, &value, size));
			EXPECT(value == (size == 2 ? 0xffff : 0xffffffff));
			value = 0;
			EXPECT(!bus_port(bus, port, true, &value, size));
		}
	}
}

/* Registers take accesses of 4 bytes alone; configurations are read by the byte */
static void try_window(const struct bus *bus, unsigned int device)
{
	const uint64_t base = VIRTIO_ADDR + device * VIRTIO_SIZE;
	uint64_t value;

	for (unsigned int offset = 0; offset < VIRTIO_SIZE; offset++) {
		unsigned int size = offset < 0x100 ? 4 : 1;
		uint8_t is = 0;

		is |= bus_memory(bus, base + offset, false, &value, size) ? READS : 0;
		value = 0;
		is |= bus_memory(bus, base + offset, true, &value, size) ? WRITES : 0;
		compare(device == VSOCK ? "vsock" : "nsm", offset, windows[device][offset], is);
		for (unsigned int other = 1; other <= 8; other *= 2)
			if (offset < 0x100 && other != size) {
				EXPECT(!bus_memory(bus, base + offset, false, &value, other));
				EXPECT(!bus_memory(bus, base + offset, true, &value, other));
			}
	}
}

UNIT(table)
{
	static struct vsock vsock;
	static struct nsm_device nsm;
	struct serial serial;
	struct power power = { .ended = count_end };
	struct bus bus = {
		.power = &power, .serial = &serial, .n_virtio = 2,
		.virtio = { &vsock.device, &nsm.device },
	};
	struct vsock_setup vsock_setup;
	struct nsm_setup nsm_setup;
	struct driver driver;
	struct loop loop;
	int null = eventfd(0, EFD_NONBLOCK), pair[2];
	uint64_t value = 0;

	driver_ram(&driver);
	serial_init(&serial, null, null);
	if (loop_init(&loop) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		abort();
	vsock_setup = (struct vsock_setup){
		.cid = 16, .listener = -1, .broker = -1, .relay = -1, .notify = eventfd(0, EFD_NONBLOCK),
		.irqfd = null, .memory = &driver.memory, .loop = &loop,
	};
	nsm_setup = (struct nsm_setup){
		.module = pair[1], .notify = eventfd(0, EFD_NONBLOCK), .irqfd = null,
		.memory = &driver.memory, .loop = &loop,
	};
	if (vsock_init(&vsock, &vsock_setup) < 0 || nsm_init(&nsm, &nsm_setup) < 0)
		abort();
	EXPECT(read_table() == 37);
	try_ports(&bus);
	try_window(&bus, VSOCK);
	try_window(&bus, NSM);
	EXPECT(!bus_memory(&bus, VIRTIO_ADDR - 1, false, &value, 1));
	EXPECT(!bus_memory(&bus, VIRTIO_ADDR + 2 * VIRTIO_SIZE, false, &value, 4));
	EXPECT(!bus_memory(&bus, UINT64_MAX, false, &value, 4) && (uint32_t)value == UINT32_MAX);
	/* nothing of a serial port that is not there */
	serial_init(&serial, -1, -1);
	for (unsigned int i = 0; i < SERIAL_REGISTERS; i++)
		EXPECT(!bus_port(&bus, SERIAL_PORT + i, false, &value, 1));
	EXPECT(!ended);
}

UNIT(serial_port)
{
	int out[2], irqfd = eventfd(0, EFD_NONBLOCK);
	struct serial s;
	uint64_t count;
	uint8_t value;
	char text[3];

	EXPECT(pipe(out) == 0);
	serial_init(&s, out[1], irqfd);
	EXPECT(serial_read(&s, UART_IIR, &value) && value == UART_IIR_NO_INT);
	serial_write(&s, UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT(serial_read(&s, UART_IIR, &value) && value == (0xc0 | UART_IIR_NO_INT));
	serial_write(&s, UART_LCR, UART_LCR_DLAB);
	serial_write(&s, UART_TX, 'x');			/* is the divisor */
	EXPECT(serial_read(&s, UART_RX, &value) && value == 'x');
	serial_write(&s, UART_LCR, UART_LCR_WLEN8);
	serial_write(&s, UART_TX, 'a');
	EXPECT(read(irqfd, &count, sizeof(count)) < 0);
	serial_write(&s, UART_IER, 0xff);
	EXPECT(serial_read(&s, UART_IER, &value) && value == 0x0f);
	EXPECT(read(irqfd, &count, sizeof(count)) == sizeof(count));
	serial_read(&s, UART_IIR, &value);
	EXPECT(value == (0xc0 | UART_IIR_THRI));
	serial_read(&s, UART_IIR, &value);
	EXPECT(value == (0xc0 | UART_IIR_NO_INT));
	serial_write(&s, UART_TX, 'b');
	EXPECT(read(irqfd, &count, sizeof(count)) == sizeof(count));
	serial_write(&s, UART_TX, 'c');			/* it knows already */
	EXPECT(read(irqfd, &count, sizeof(count)) < 0);
	EXPECT(read(out[0], text, sizeof(text)) == 3 && text[0] == 'a' && text[1] == 'b');
	close(out[0]);
	close(out[1]);
	close(irqfd);
}

UNIT(ends)
{
	static const struct {
		uint16_t port;
		uint8_t value;
		bool ends;
	} writes[] = {
		{ KEYBOARD_PORT, 0xfe, true }, { KEYBOARD_PORT, 0xff, false },
		{ KEYBOARD_DATA_PORT, 0xfe, false }, { RESET_PORT, RESET_VALUE, true },
		{ RESET_PORT, 2, false }, { SLEEP_CONTROL_PORT, 5 << 2 | 1 << 5, true },
		{ SLEEP_CONTROL_PORT, 5 << 2, false }, { SLEEP_CONTROL_PORT, 4 << 2 | 1 << 5, false },
		{ SLEEP_STATUS_PORT, 5 << 2 | 1 << 5, false },
	};
	struct power power = { .ended = count_end };

	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		ended = 0;
		EXPECT(power_write(&power, writes[i].port, writes[i].value));
		EXPECT(ended == writes[i].ends);
	}
}
