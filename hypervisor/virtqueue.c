// SPDX-License-Identifier: GPL-2.0
/*
 * Split virtqueues (Virtual I/O Device specification 1.3, 2.7). The driver is hostile
 * and writes to its memory while we read it: whatever is read is read once, and
 * checked afterwards. It is little-endian, as we are.
 */

#include <errno.h>

#include "base.h"
#include "virtqueue.h"

/* A driver that is sane with its own memory can have no more in a chain than this */
#define CHAIN_BYTES_MAX (1ULL << 32)

static bool aligned(uint64_t addr, uint64_t to)
{
	return !(addr & (to - 1));
}

/**
 * virtqueue_enable - look at a queue that the driver has set up
 * @q: with size and addresses
 * @memory: the guest's RAM
 *
 * Return: false if it makes no sense; the queue stays as it was.
 */
bool virtqueue_enable(struct virtqueue *q, const struct memory *memory)
{
	uint64_t n = q->size;
	void *desc, *avail, *used;

	if (!n || n > VIRTQUEUE_SIZE_FOREIGN || n & (n - 1))
		return false;
	if (!aligned(q->desc_addr, VRING_DESC_ALIGN_SIZE) ||
	    !aligned(q->avail_addr, VRING_AVAIL_ALIGN_SIZE) ||
	    !aligned(q->used_addr, VRING_USED_ALIGN_SIZE))
		return false;
	desc = memory_at(memory, q->desc_addr, n * sizeof(struct vring_desc));
	avail = memory_at(memory, q->avail_addr,
			  sizeof(struct vring_avail) + (n + 1) * sizeof(uint16_t));
	used = memory_at(memory, q->used_addr, sizeof(struct vring_used) +
			 n * sizeof(struct vring_used_elem) + sizeof(uint16_t));
	if (!desc || !avail || !used)
		return false;
	q->desc = desc;
	q->avail = avail;
	q->used = used;
	q->next = q->used_index = 0;
	q->ready = true;
	return true;
}

/* Return: 0, or -EPROTO if it is none that a driver may give */
static int add_buffer(struct chain *c, const struct vring_desc *d, const struct memory *memory)
{
	void *p = memory_at(memory, d->addr, d->len);

	if (!p || d->flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE))
		return -EPROTO;
	if (!(d->flags & VRING_DESC_F_WRITE) && c->n_in)
		return -EPROTO;		/* what is read comes first */
	if (c->out + c->in + d->len > CHAIN_BYTES_MAX)
		return -EPROTO;
	c->iov[c->n_out + c->n_in] = (struct iovec){ .iov_base = p, .iov_len = d->len };
	if (d->flags & VRING_DESC_F_WRITE) {
		c->n_in++;
		c->in += d->len;
	} else {
		c->n_out++;
		c->out += d->len;
	}
	return 0;
}

/**
 * virtqueue_pop - take what the driver has given next
 * @q: a queue that is ready
 * @memory: the guest's RAM
 * @ret: what it has given
 *
 * Return: 1, 0 if there is nothing, or -EPROTO if the driver breaks the rules, after
 * which the queue must not be used any more.
 */
int virtqueue_pop(struct virtqueue *q, const struct memory *memory, struct chain *ret)
{
	uint16_t there = __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) - q->next, i;
	struct vring_desc d;

	if (!there)
		return 0;
	if (there > q->size)
		return -EPROTO;
	i = READ_ONCE(q->avail->ring[q->next & (q->size - 1)]);
	ret->head = i;
	ret->n_out = ret->n_in = 0;
	ret->out = ret->in = 0;
	do {
		/* As many as there are descriptors: one that comes again is a loop */
		if (i >= q->size || ret->n_out + ret->n_in >= q->size ||
		    ret->n_out + ret->n_in == VIRTQUEUE_SIZE_MAX)
			return -EPROTO;
		d.addr = READ_ONCE(q->desc[i].addr);
		d.len = READ_ONCE(q->desc[i].len);
		d.flags = READ_ONCE(q->desc[i].flags);
		d.next = READ_ONCE(q->desc[i].next);
		if (add_buffer(ret, &d, memory) < 0)
			return -EPROTO;
		i = d.next;
	} while (d.flags & VRING_DESC_F_NEXT);
	q->next++;
	return 1;
}

/**
 * virtqueue_put_back - what was taken last has not been
 * @q: a queue that nothing was pushed to since
 */
void virtqueue_put_back(struct virtqueue *q)
{
	q->next--;
}

/**
 * virtqueue_push - give buffers back to the driver
 * @q: a queue that is ready
 * @head: which
 * @written: how many bytes were written to them
 */
void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written)
{
	q->used->ring[q->used_index & (q->size - 1)] = (struct vring_used_elem){ head, written };
	__atomic_store_n(&q->used->idx, ++q->used_index, __ATOMIC_RELEASE);
}

/**
 * virtqueue_wants_interrupt - does the driver want to hear of what was pushed?
 * @q: a queue that is ready
 */
bool virtqueue_wants_interrupt(const struct virtqueue *q)
{
	/* After the index, or a driver that wants one from now on could wait in vain */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(READ_ONCE(q->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}
