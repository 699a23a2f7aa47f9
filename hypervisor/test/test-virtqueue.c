// SPDX-License-Identifier: GPL-2.0
/* Rings as drivers should make them, and as they should not. */

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base.h"
#include "driver.h"
#include "unit.h"

#define RAM_END ((uint64_t)DRIVER_RAM)

static int resets;

static void count_reset(struct virtio_device *device)
{
	(void)device;
	resets++;
}

static const struct virtio_ops ops = {
	.id = 42, .queues = 1, .config_size = 6, .reset = count_reset,
};

static const char config[] = "config";

static void open_device(struct driver *driver, struct virtio_device *device)
{
	driver_ram(driver);
	virtio_init(device, &ops, &driver->memory, config, eventfd(0, EFD_NONBLOCK),
		    eventfd(0, EFD_NONBLOCK));
	driver->device = device;
}

static void close_device(struct driver *driver)
{
	close(driver->device->notify);
	close(driver->device->irqfd);
	driver_free(driver);
}

static bool rung(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

UNIT(chains)
{
	struct virtio_device device;
	struct driver driver;
	struct virtqueue *q = &device.queues[0];
	struct chain chain;
	uint32_t len;

	open_device(&driver, &device);
	driver_start(&driver, &device);
	EXPECT(virtio_running(&device, 0));
	EXPECT(virtqueue_pop(q, &driver.memory, &chain) == 0);
	driver_desc(&driver, 0, 3, 0x5000, 10, VRING_DESC_F_NEXT, 7);
	driver_desc(&driver, 0, 7, RAM_END - 5, 5, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
	driver_desc(&driver, 0, 1, 0x6000, 0, VRING_DESC_F_WRITE, 99);
	driver_offer(&driver, 0, 3);
	EXPECT(virtqueue_pop(q, &driver.memory, &chain) == 1);
	EXPECT(chain.head == 3 && chain.n_out == 1 && chain.n_in == 2);
	EXPECT(chain.out == 10 && chain.in == 5);
	EXPECT(chain.iov[0].iov_base == memory_at(&driver.memory, 0x5000, 10));
	virtqueue_put_back(q);
	EXPECT(virtqueue_pop(q, &driver.memory, &chain) == 1);
	EXPECT(virtqueue_pop(q, &driver.memory, &chain) == 0);
	virtqueue_push(q, chain.head, 5);
	EXPECT(driver_take(&driver, 0, &len) == 3 && len == 5);
	EXPECT(driver_take(&driver, 0, &len) == -1);
	close_device(&driver);
}

/* Indices are of 16 bits and go round */
UNIT(goes_round)
{
	struct virtio_device device;
	struct driver driver;
	struct chain chain;
	uint32_t len;
	bool good = true;

	open_device(&driver, &device);
	driver_start(&driver, &device);
	for (unsigned int i = 0; i < 70000; i++) {
		driver_give(&driver, 0, i % DRIVER_QUEUE_SIZE, 1, false);
		good &= virtqueue_pop(&device.queues[0], &driver.memory, &chain) == 1;
		virtqueue_push(&device.queues[0], chain.head, i);
		good &= driver_take(&driver, 0, &len) == (int)(i % DRIVER_QUEUE_SIZE) && len == i;
	}
	EXPECT(good);
	close_device(&driver);
}

static const struct {
	const char *desc;
	struct vring_desc first, second;
	uint16_t head, count;
} broken[] = {
	{ "head beyond the table", {}, {}, DRIVER_QUEUE_SIZE, 1 },
	{ "head far beyond the table", {}, {}, 65535, 1 },
	{ "next beyond the table", { 0x5000, 1, VRING_DESC_F_NEXT, DRIVER_QUEUE_SIZE }, {}, 0, 1 },
	{ "a loop of one", { 0x5000, 1, VRING_DESC_F_NEXT, 0 }, {}, 0, 1 },
	{ "a loop of two", { 0x5000, 1, VRING_DESC_F_NEXT, 1 },
	  { 0x5000, 1, VRING_DESC_F_NEXT, 0 }, 0, 1 },
	{ "beyond the memory", { RAM_END, 1, 0, 0 }, {}, 0, 1 },
	{ "across the memory's end", { RAM_END - 1, 2, 0, 0 }, {}, 0, 1 },
	{ "all there is, and one more", { 1, DRIVER_RAM, 0, 0 }, {}, 0, 1 },
	{ "an address that overflows", { UINT64_MAX, 2, 0, 0 }, {}, 0, 1 },
	{ "an address in the hole", { 0xd0000000, 4, VRING_DESC_F_WRITE, 0 }, {}, 0, 1 },
	{ "an indirect table", { 0x5000, 16, VRING_DESC_F_INDIRECT, 0 }, {}, 0, 1 },
	{ "flags that nobody knows", { 0x5000, 16, 0x8000, 0 }, {}, 0, 1 },
	{ "what is read after what is written",
	  { 0x5000, 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 }, { 0x5000, 1, 0, 0 }, 0, 1 },
	{ "more than the ring holds", { 0x5000, 1, 0, 0 }, {}, 0, DRIVER_QUEUE_SIZE + 1 },
};

UNIT(broken_rings)
{
	struct virtio_device device;
	struct vring_avail *avail;
	struct driver driver;
	struct chain chain;

	open_device(&driver, &device);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		const struct vring_desc *d = &broken[i].first;

		driver_start(&driver, &device);
		driver_desc(&driver, 0, 0, d->addr, d->len, d->flags, d->next);
		d = &broken[i].second;
		driver_desc(&driver, 0, 1, d->addr, d->len, d->flags, d->next);
		driver_offer(&driver, 0, broken[i].head);
		avail = memory_at(&driver.memory, DRIVER_AVAIL(0), sizeof(*avail));
		avail->idx = broken[i].count;
		if (virtqueue_pop(&device.queues[0], &driver.memory, &chain) != -EPROTO)
			unit_fail(__FILE__, __LINE__, "%s", broken[i].desc);
	}
	close_device(&driver);
}

static const struct {
	const char *desc;
	uint32_t size;
	uint64_t desc_addr, avail_addr, used_addr;
} queues[] = {
	{ "no size", 0, 0x1000, 0x2000, 0x3000 },
	{ "no power of two", 3, 0x1000, 0x2000, 0x3000 },
	{ "larger than the largest", 512, 0x1000, 0x2000, 0x3000 },
	{ "a size of more than 16 bits", 65536 + 8, 0x1000, 0x2000, 0x3000 },
	{ "descriptors that are not aligned", 8, 0x1008, 0x2000, 0x3000 },
	{ "available ring that is not aligned", 8, 0x1000, 0x2001, 0x3000 },
	{ "used ring that is not aligned", 8, 0x1000, 0x2000, 0x3002 },
	{ "descriptors beyond the memory", 8, RAM_END - 16, 0x2000, 0x3000 },
	{ "available ring beyond the memory", 8, 0x1000, RAM_END - 2, 0x3000 },
	{ "used ring beyond the memory", 8, 0x1000, 0x2000, RAM_END - 4 },
	{ "used ring in the hole", 8, 0x1000, 0x2000, 0xd0000000 },
	{ "addresses that overflow", 8, 0xfffffffffffffff0, 0xfffffffffffffffe,
	  0xfffffffffffffffc },
};

UNIT(broken_queues)
{
	struct virtio_device device;
	struct driver driver;

	open_device(&driver, &device);
	for (size_t i = 0; i < ARRAY_SIZE(queues); i++) {
		driver_start(&driver, &device);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 0);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_NUM, queues[i].size);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_DESC_LOW, queues[i].desc_addr);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_DESC_HIGH, queues[i].desc_addr >> 32);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_AVAIL_LOW, queues[i].avail_addr);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, queues[i].avail_addr >> 32);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_USED_LOW, queues[i].used_addr);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_USED_HIGH, queues[i].used_addr >> 32);
		driver_write(&driver, VIRTIO_MMIO_QUEUE_READY, 1);
		if (driver_read(&driver, VIRTIO_MMIO_QUEUE_READY) || virtio_running(&device, 0) ||
		    !(driver_read(&driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET))
			unit_fail(__FILE__, __LINE__, "%s", queues[i].desc);
	}
	close_device(&driver);
}

UNIT(status)
{
	struct virtio_device device;
	struct driver driver;

	open_device(&driver, &device);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0xf);
	EXPECT(driver_read(&driver, VIRTIO_MMIO_STATUS) == 0x7);	/* without features */
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES, 1);		/* not offered */
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0xb);
	EXPECT(driver_read(&driver, VIRTIO_MMIO_STATUS) == 0x3);
	driver_start(&driver, &device);
	EXPECT(driver_read(&driver, VIRTIO_MMIO_STATUS) == 0xf);
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0x41);	/* takes nothing away, adds no */
	EXPECT(driver_read(&driver, VIRTIO_MMIO_STATUS) == 0xf);	/* status of ours */
	driver_write(&driver, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	EXPECT(device.features == 1ULL << VIRTIO_F_VERSION_1);
	resets = 0;
	driver_write(&driver, VIRTIO_MMIO_STATUS, 0);
	EXPECT(resets == 1 && !device.queues[0].ready && !driver_read(&driver, VIRTIO_MMIO_STATUS));
	close_device(&driver);
}

UNIT(interrupts)
{
	struct virtio_device device;
	struct vring_avail *avail;
	struct driver driver;

	open_device(&driver, &device);
	driver_start(&driver, &device);
	avail = memory_at(&driver.memory, DRIVER_AVAIL(0), sizeof(*avail));
	virtio_interrupt(&device, 0);
	EXPECT(rung(device.irqfd));
	EXPECT(driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS) == VIRTIO_MMIO_INT_VRING);
	driver_write(&driver, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	EXPECT(!driver_read(&driver, VIRTIO_MMIO_INTERRUPT_STATUS));
	avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	virtio_interrupt(&device, 0);
	EXPECT(!rung(device.irqfd));
	driver_write(&driver, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	EXPECT(rung(device.notify));
	close_device(&driver);
}

UNIT(configuration)
{
	struct virtio_device device;
	struct driver driver;
	char bytes[8] = "";

	open_device(&driver, &device);
	EXPECT(virtio_read(&device, VIRTIO_MMIO_CONFIG + 2, bytes, 4));
	EXPECT(!memcmp(bytes, "nfig", 4));
	EXPECT(!virtio_read(&device, VIRTIO_MMIO_CONFIG + 3, bytes, 4));
	EXPECT(!virtio_read(&device, VIRTIO_MMIO_CONFIG + 6, bytes, 1));
	EXPECT(!virtio_read(&device, 0xfff, bytes, 1));
	EXPECT(!virtio_write(&device, VIRTIO_MMIO_CONFIG, bytes, 4));
	EXPECT(!virtio_read(&device, VIRTIO_MMIO_MAGIC_VALUE, bytes, 2));
	EXPECT(!virtio_read(&device, VIRTIO_MMIO_MAGIC_VALUE + 1, bytes, 4));
	close_device(&driver);
}
