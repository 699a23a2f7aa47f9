// SPDX-License-Identifier: GPL-2.0
/*
 * Registers and rings as guests write them. The input is the guest's memory, and before
 * it a byte that says how many registers are written first, five bytes each: which
 * one, and what.
 */

#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define POPS_MAX 600

static void reset(struct virtio_device *device)
{
	(void)device;
}

static const struct virtio_ops ops = { .id = 1, .queues = 2, .config_size = 8, .reset = reset };

/* What a chain has is the guest's memory, all of it, and its sums are right */
static void check(const struct memory *m, const struct chain *c)
{
	size_t out = 0, in = 0;

	for (unsigned int i = 0; i < c->n_out + c->n_in; i++) {
		const uint8_t *p = c->iov[i].iov_base;

		if (p < m->base || p + c->iov[i].iov_len > m->base + m->size)
			abort();
		if (i < c->n_out)
			out += c->iov[i].iov_len;
		else
			in += c->iov[i].iov_len;
	}
	if (out != c->out || in != c->in)
		abort();
}

static void use(struct virtio_device *d, unsigned int queue)
{
	struct virtqueue *q = &d->queues[queue];
	struct chain chain;

	for (unsigned int i = 0; i < POPS_MAX && virtio_running(d, queue); i++) {
		int r = virtqueue_pop(q, d->memory, &chain);

		if (r < 0)
			virtio_break(d);
		if (r <= 0)
			return;
		check(d->memory, &chain);
		virtqueue_push(q, chain.head, chain.in);
		virtio_interrupt(d, queue);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct virtio_device device;
	static struct driver driver;
	size_t writes, size;
	uint8_t part[8];
	uint64_t config = 0;

	if (!n)
		return -1;
	if (!driver.memory.base)
		driver_ram(&driver);
	memset(driver.memory.base, 0, 0x40000);
	virtio_init(&device, &ops, &driver.memory, &config, -1, -1);
	writes = *data++;
	n--;
	/* the guest begins where drivers are when they set up queues, or may go back */
	driver_start(&driver, &device);
	for (; writes && n >= 5; writes--, data += 5, n -= 5) {
		uint32_t value;

		memcpy(&value, data + 1, sizeof(value));
		driver_write(&driver, data[0], value);
		driver_read(&driver, data[0]);
		/* of the configuration any part */
		virtio_read(&device, VIRTIO_MMIO_CONFIG + data[1], part,
			    data[2] % (sizeof(part) + 1));
	}
	size = n < 0x40000 - 0x10000 ? n : 0x40000 - 0x10000;
	memcpy(driver.memory.base + 0x10000, data, size);
	use(&device, 0);
	use(&device, 1);
	return 0;
}
