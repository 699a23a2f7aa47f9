// SPDX-License-Identifier: GPL-2.0
/* The driver's side of virtio-mmio and of split virtqueues. */

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "driver.h"

void driver_ram(struct driver *d)
{
	void *ram = mmap(NULL, DRIVER_RAM, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ram == MAP_FAILED)
		abort();
	*d = (struct driver){};
	memory_init(&d->memory, ram, DRIVER_RAM);
}

void driver_free(struct driver *d)
{
	munmap(d->memory.base, d->memory.size);
}

uint32_t driver_read(struct driver *d, uint64_t offset)
{
	uint32_t value = 0;

	virtio_read(d->device, offset, &value, sizeof(value));
	return value;
}

void driver_write(struct driver *d, uint64_t offset, uint32_t value)
{
	virtio_write(d->device, offset, &value, sizeof(value));
}

static void set_up_queue(struct driver *d, unsigned int queue)
{
	driver_write(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	driver_write(d, VIRTIO_MMIO_QUEUE_NUM, DRIVER_QUEUE_SIZE);
	driver_write(d, VIRTIO_MMIO_QUEUE_DESC_LOW, DRIVER_DESC(queue));
	driver_write(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, DRIVER_AVAIL(queue));
	driver_write(d, VIRTIO_MMIO_QUEUE_USED_LOW, DRIVER_USED(queue));
	driver_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
	memset(memory_at(&d->memory, DRIVER_DESC(queue), 0x10000), 0, 0x10000);
	d->given[queue] = d->seen[queue] = 0;
}

void driver_start(struct driver *d, struct virtio_device *device)
{
	uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	d->device = device;
	driver_write(d, VIRTIO_MMIO_STATUS, 0);
	driver_write(d, VIRTIO_MMIO_STATUS, status);
	driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	driver_write(d, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	status |= VIRTIO_CONFIG_S_FEATURES_OK;
	driver_write(d, VIRTIO_MMIO_STATUS, status);
	for (unsigned int i = 0; i < device->ops->queues; i++)
		set_up_queue(d, i);
	driver_write(d, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

void *driver_buffer(struct driver *d, unsigned int queue, unsigned int i)
{
	return memory_at(&d->memory, DRIVER_BUFFER(queue, i), DRIVER_BUFFER_SIZE);
}

void driver_desc(struct driver *d, unsigned int queue, unsigned int i, uint64_t addr,
		 uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc *desc = memory_at(&d->memory, DRIVER_DESC(queue), sizeof(*desc));

	desc[i] = (struct vring_desc){ addr, len, flags, next };
}

/* The chain that begins with a descriptor is for the device */
void driver_offer(struct driver *d, unsigned int queue, uint16_t head)
{
	struct vring_avail *avail = memory_at(&d->memory, DRIVER_AVAIL(queue), sizeof(*avail));

	avail->ring[d->given[queue] % DRIVER_QUEUE_SIZE] = head;
	avail->idx = ++d->given[queue];
}

/* The buffer of a descriptor is for the device */
void driver_give(struct driver *d, unsigned int queue, unsigned int i, uint32_t len, bool in)
{
	driver_desc(d, queue, i, DRIVER_BUFFER(queue, i), len, in ? VRING_DESC_F_WRITE : 0, 0);
	driver_offer(d, queue, i);
}

/* Return: the head of a chain that the device has given back, -1 for none */
int driver_take(struct driver *d, unsigned int queue, uint32_t *ret_len)
{
	struct vring_used *used = memory_at(&d->memory, DRIVER_USED(queue), sizeof(*used));
	struct vring_used_elem *e;

	if (used->idx == d->seen[queue])
		return -1;
	e = &used->ring[d->seen[queue]++ % DRIVER_QUEUE_SIZE];
	*ret_len = e->len;
	return e->id;
}
