/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_VIRTQUEUE_H
#define NITRO_HYPERVISOR_VIRTQUEUE_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

/* Of queues that we offer, and buffers in a chain */
#define VIRTQUEUE_SIZE_MAX 256
/* Of queues that another VMM offers for us */
#define VIRTQUEUE_SIZE_FOREIGN 1024

/**
 * struct virtqueue - a split virtqueue, as the device sees it
 * @ready: the driver has set it up; the rest of it holds
 * @size: number of descriptors, a power of two
 * @desc_addr: where the guest has its descriptors
 * @avail_addr: where it has what is for the device
 * @used_addr: where it wants back what the device has used
 * @desc: we have the same three here, as far as they reach
 * @avail: the same
 * @used: the same
 * @next: the entry of @avail that is taken next
 * @used_index: the entry of @used that is written next
 */
struct virtqueue {
	bool ready;
	uint16_t size;
	uint64_t desc_addr, avail_addr, used_addr;
	const struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next;
	uint16_t used_index;
};

/**
 * struct chain - buffers that the driver has given
 * @head: their name
 * @n_out: how many are for the device to read; they come first
 * @n_in: how many are for it to write
 * @out: bytes to read
 * @in: room to write
 * @iov: the buffers; all of them lie in the guest's RAM
 */
struct chain {
	uint16_t head;
	unsigned int n_out, n_in;
	size_t out, in;
	struct iovec iov[VIRTQUEUE_SIZE_MAX];
};

bool virtqueue_enable(struct virtqueue *q, const struct memory *memory);
int virtqueue_pop(struct virtqueue *q, const struct memory *memory, struct chain *ret);
void virtqueue_put_back(struct virtqueue *q);
void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written);
bool virtqueue_wants_interrupt(const struct virtqueue *q);

#endif
