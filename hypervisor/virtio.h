/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_VIRTIO_H
#define NITRO_HYPERVISOR_VIRTIO_H

#include <pthread.h>

#include "virtqueue.h"

#define VIRTIO_QUEUES_MAX 3

struct virtio_device;

/**
 * struct virtio_ops - what makes a device the one it is
 * @id: of its kind
 * @queues: how many it has
 * @config_size: bytes of its configuration
 * @reset: the driver has reset it. Called on a vCPU's thread with the lock held; what
 *	belongs to the I/O thread is left for its next turn.
 */
struct virtio_ops {
	uint32_t id;
	unsigned int queues;
	unsigned int config_size;
	void (*reset)(struct virtio_device *device);
};

/**
 * struct virtio_device - a device behind the virtio-mmio transport
 * @lock: protects all of it and what it is part of. vCPUs' threads take it for each
 *	access to a register, the I/O thread for each turn. The first three are constant.
 * @ops: what it is
 * @memory: the guest's RAM
 * @config: its configuration, of which the guest reads ops->config_size bytes
 * @notify: an eventfd: the driver has put something into a queue
 * @irqfd: its interrupt
 * @calls: an interrupt for each queue instead, -1 for none; or NULL
 * @status: how far the driver is
 * @features: that the driver has chosen
 * @features_select: half of the device's features that the driver reads
 * @driver_select: half of @features that the driver writes
 * @queue_select: the queue that the driver sets up
 * @interrupt: why it has interrupted the guest
 * @queues: its queues
 */
struct virtio_device {
	const struct virtio_ops *ops;
	const struct memory *memory;
	const void *config;
	pthread_mutex_t lock;
	int notify;
	int irqfd;
	const int *calls;
	uint32_t status;
	uint64_t features;
	uint32_t features_select;
	uint32_t driver_select;
	uint32_t queue_select;
	uint32_t interrupt;
	struct virtqueue queues[VIRTIO_QUEUES_MAX];
};

void virtio_init(struct virtio_device *d, const struct virtio_ops *ops,
		 const struct memory *memory, const void *config, int notify, int irqfd);
bool virtio_read(struct virtio_device *d, uint64_t offset, void *data, unsigned int size);
bool virtio_write(struct virtio_device *d, uint64_t offset, const void *data, unsigned int size);
bool virtio_running(const struct virtio_device *d, unsigned int queue);
void virtio_interrupt(struct virtio_device *d, unsigned int queue);
void virtio_break(struct virtio_device *d);

#endif
