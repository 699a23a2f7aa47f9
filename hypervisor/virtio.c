// SPDX-License-Identifier: GPL-2.0
/*
 * The virtio-mmio transport, version 2 (Virtual I/O Device specification 1.3, 4.2).
 * The driver is hostile: it may touch any register at any time, from any processor.
 */

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <unistd.h>

#include "virtio.h"

#define MAGIC 0x74726976	/* "virt" */
#define VERSION 2
#define VENDOR 0x4f52544e	/* "NTRO" */
#define OFFERED (1ULL << VIRTIO_F_VERSION_1)
#define STATUS_BITS (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | \
		     VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK | \
		     VIRTIO_CONFIG_S_FAILED)

/**
 * virtio_init - a device that no driver has seen
 * @d: to fill
 * @ops: what it is
 * @memory: the guest's RAM
 * @config: its configuration
 * @notify: the eventfd that tells of notifications
 * @irqfd: its interrupt
 */
void virtio_init(struct virtio_device *d, const struct virtio_ops *ops,
		 const struct memory *memory, const void *config, int notify, int irqfd)
{
	*d = (struct virtio_device){
		.ops = ops, .memory = memory, .config = config, .notify = notify, .irqfd = irqfd,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
}

static void ring(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;		/* it is so full that it will be heard */
}

static struct virtqueue *selected(struct virtio_device *d)
{
	return d->queue_select < d->ops->queues ? &d->queues[d->queue_select] : NULL;
}

static void reset(struct virtio_device *d)
{
	d->status = 0;
	d->features = 0;
	d->features_select = d->driver_select = d->queue_select = 0;
	d->interrupt = 0;
	memset(d->queues, 0, sizeof(d->queues));
	d->ops->reset(d);
	ring(d->notify);
}

/* A driver only ever adds to the status, and adds FEATURES_OK only if they are */
static void set_status(struct virtio_device *d, uint32_t value)
{
	uint32_t added = value & STATUS_BITS & ~d->status;

	if (!value) {
		reset(d);
		return;
	}
	if (added & VIRTIO_CONFIG_S_FEATURES_OK && d->features != OFFERED)
		added &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	d->status |= added;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		ring(d->notify);	/* queues may have something already */
}

static void set_features(struct virtio_device *d, uint32_t value)
{
	unsigned int shift = 32 * d->driver_select;

	if (d->driver_select > 1 || d->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	d->features = (d->features & ~(0xffffffffULL << shift)) | (uint64_t)value << shift;
}

static void enable_queue(struct virtio_device *d, struct virtqueue *q, uint32_t value)
{
	if (value != 1) {
		*q = (struct virtqueue){};
		return;
	}
	if (!(d->status & VIRTIO_CONFIG_S_FEATURES_OK) || !virtqueue_enable(q, d->memory))
		virtio_break(d);
}

static void set_half(uint64_t *addr, bool high, uint32_t value)
{
	*addr = high ? (*addr & 0xffffffff) | (uint64_t)value << 32 :
		       (*addr & ~0xffffffffULL) | value;
}

/* Return: false if there is no such register of a queue */
static bool write_queue(struct virtio_device *d, uint64_t offset, uint32_t value)
{
	struct virtqueue none = { .ready = true }, *q = selected(d);

	if (!q)
		q = &none;
	if (offset == VIRTIO_MMIO_QUEUE_READY) {
		if (q != &none && q->ready != (value == 1))
			enable_queue(d, q, value);
		return true;
	}
	/* Of a queue that is in use nothing changes */
	if (q->ready)
		q = &none;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value <= VIRTQUEUE_SIZE_MAX ? value : 0;
		return true;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc_addr, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		return true;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail_addr, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		return true;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used_addr, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		return true;
	default:
		return false;
	}
}

static bool write_register(struct virtio_device *d, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		d->features_select = value;
		return true;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		d->driver_select = value;
		return true;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		set_features(d, value);
		return true;
	case VIRTIO_MMIO_QUEUE_SEL:
		d->queue_select = value;
		return true;
	case VIRTIO_MMIO_QUEUE_NOTIFY:	/* KVM takes these; see vm_ioeventfd() */
		ring(d->notify);
		return true;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		d->interrupt &= ~value;
		return true;
	case VIRTIO_MMIO_STATUS:
		set_status(d, value);
		return true;
	default:
		return write_queue(d, offset, value);
	}
}

static bool read_register(struct virtio_device *d, uint64_t offset, uint32_t *ret)
{
	struct virtqueue *q = selected(d);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		*ret = MAGIC;
		return true;
	case VIRTIO_MMIO_VERSION:
		*ret = VERSION;
		return true;
	case VIRTIO_MMIO_DEVICE_ID:
		*ret = d->ops->id;
		return true;
	case VIRTIO_MMIO_VENDOR_ID:
		*ret = VENDOR;
		return true;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		*ret = d->features_select > 1 ? 0 : OFFERED >> (32 * d->features_select);
		return true;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		*ret = q ? VIRTQUEUE_SIZE_MAX : 0;
		return true;
	case VIRTIO_MMIO_QUEUE_READY:
		*ret = q && q->ready;
		return true;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		*ret = d->interrupt;
		return true;
	case VIRTIO_MMIO_STATUS:
		*ret = d->status;
		return true;
	case VIRTIO_MMIO_CONFIG_GENERATION:	/* configurations do not change */
		*ret = 0;
		return true;
	default:
		return false;
	}
}

static bool read_config(const struct virtio_device *d, uint64_t offset, void *data,
			unsigned int size)
{
	if (offset >= d->ops->config_size || size > d->ops->config_size - offset)
		return false;
	memcpy(data, (const uint8_t *)d->config + offset, size);
	return true;
}

/**
 * virtio_read - the guest reads a register
 * @d: device
 * @offset: of the register, in the device's window
 * @data: what it reads
 * @size: of the access
 *
 * Return: false if there is no such register.
 */
bool virtio_read(struct virtio_device *d, uint64_t offset, void *data, unsigned int size)
{
	uint32_t value = 0;
	bool there;

	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(d, offset - VIRTIO_MMIO_CONFIG, data, size);
	if (size != sizeof(value))
		return false;
	pthread_mutex_lock(&d->lock);
	there = read_register(d, offset, &value);
	pthread_mutex_unlock(&d->lock);
	if (there)
		memcpy(data, &value, sizeof(value));
	return there;
}

/**
 * virtio_write - the guest writes a register
 * @d: device
 * @offset: of the register, in the device's window
 * @data: what it writes
 * @size: of the access
 *
 * Return: false if there is no such register.
 */
bool virtio_write(struct virtio_device *d, uint64_t offset, const void *data, unsigned int size)
{
	uint32_t value;
	bool there;

	if (size != sizeof(value))
		return false;
	memcpy(&value, data, sizeof(value));
	pthread_mutex_lock(&d->lock);
	there = write_register(d, offset, value);
	pthread_mutex_unlock(&d->lock);
	return there;
}

/**
 * virtio_running - may the device use a queue?
 * @d: device, locked
 * @queue: number of the queue
 */
bool virtio_running(const struct virtio_device *d, unsigned int queue)
{
	return d->status & VIRTIO_CONFIG_S_DRIVER_OK &&
	       d->status & VIRTIO_CONFIG_S_FEATURES_OK &&
	       !(d->status & (VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)) &&
	       d->queues[queue].ready;
}

/**
 * virtio_interrupt - tell the driver of what was pushed
 * @d: device, locked
 * @queue: where
 */
void virtio_interrupt(struct virtio_device *d, unsigned int queue)
{
	if (!virtqueue_wants_interrupt(&d->queues[queue]))
		return;
	d->interrupt |= VIRTIO_MMIO_INT_VRING;
	ring(d->calls ? d->calls[queue] : d->irqfd);
}

/**
 * virtio_break - the driver has broken the rules: nothing goes on before it resets
 * @d: device, locked
 */
void virtio_break(struct virtio_device *d)
{
	d->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	d->interrupt |= VIRTIO_MMIO_INT_CONFIG;
	ring(d->irqfd);
}
