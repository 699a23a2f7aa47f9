/* SPDX-License-Identifier: GPL-2.0 */
/* A guest of the tests: RAM, and a driver that may be as bad as it likes. */
#ifndef NITRO_HYPERVISOR_TEST_DRIVER_H
#define NITRO_HYPERVISOR_TEST_DRIVER_H

#include "virtio.h"

#define DRIVER_RAM (16 << 20)
#define DRIVER_QUEUE_SIZE 128
/* Where a queue has its parts, and a buffer for each of its descriptors */
#define DRIVER_DESC(queue) (0x10000ULL * ((queue) + 1))
#define DRIVER_AVAIL(queue) (DRIVER_DESC(queue) + 0x4000)
#define DRIVER_USED(queue) (DRIVER_DESC(queue) + 0x8000)
#define DRIVER_BUFFER_SIZE 8192
#define DRIVER_BUFFER(queue, i) \
	((2ULL << 20) * ((queue) + 1) + (uint64_t)(i) * DRIVER_BUFFER_SIZE)

/**
 * struct driver - of one device
 * @memory: the guest's RAM
 * @device: device
 * @given: what the driver has given, by queue
 * @seen: what it has taken back, by queue
 */
struct driver {
	struct memory memory;
	struct virtio_device *device;
	uint16_t given[VIRTIO_QUEUES_MAX];
	uint16_t seen[VIRTIO_QUEUES_MAX];
};

void driver_ram(struct driver *d);
void driver_free(struct driver *d);
uint32_t driver_read(struct driver *d, uint64_t offset);
void driver_write(struct driver *d, uint64_t offset, uint32_t value);
void driver_start(struct driver *d, struct virtio_device *device);
void *driver_buffer(struct driver *d, unsigned int queue, unsigned int i);
void driver_desc(struct driver *d, unsigned int queue, unsigned int i, uint64_t addr,
		 uint32_t len, uint16_t flags, uint16_t next);
void driver_offer(struct driver *d, unsigned int queue, uint16_t head);
void driver_give(struct driver *d, unsigned int queue, unsigned int i, uint32_t len, bool in);
int driver_take(struct driver *d, unsigned int queue, uint32_t *ret_len);

#endif
