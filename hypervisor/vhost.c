// SPDX-License-Identifier: GPL-2.0
/*
 * The vsock device in the guest of another VMM: the backend's side of the vhost-user
 * protocol, as much of it as QEMU needs for a device without migration. The VMM is as
 * hostile as its guest, as it may be in its guest's hands: what makes no sense ends us,
 * and the device with us.
 *
 * The VMM names places in rings by its own addresses, the guest those in descriptors by
 * its own. Both lie in regions that come as descriptors.
 */

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "complain.h"
#include "vhost.h"

#define FLAG_VERSION 0x1
#define FLAG_VERSION_MASK 0x3
#define FLAG_REPLY 0x4
#define F_PROTOCOL_FEATURES (1ULL << 30)
#define F_VERSION_1 (1ULL << VIRTIO_F_VERSION_1)
#define PROTOCOL_F_CONFIG (1ULL << 9)
#define NO_FD (1U << 8)
#define INDEX_MASK 0xff
#define RUNNING (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK)

enum request {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, SET_MEM_TABLE = 5, SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9, SET_VRING_BASE = 10, GET_VRING_BASE = 11, SET_VRING_KICK = 12,
	SET_VRING_CALL = 13, SET_VRING_ERR = 14, GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16, SET_VRING_ENABLE = 18, GET_CONFIG = 24, REQUESTS,
};

struct vring_state {
	uint32_t index, num;
};

struct vring_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct table {
	uint32_t n, padding;
	struct {
		uint64_t addr, size, user, offset;
	} regions[REGIONS_MAX];
};

struct config {
	uint32_t offset, size, flags;
	uint8_t data[sizeof(struct virtio_vsock_config)];
};

static void close_fds(struct vhost *h)
{
	while (h->n_fds)
		close(h->fds[--h->n_fds]);
}

/* Return: one that came with the message, no more ours to close; or -1 */
static int take_fd(struct vhost *h)
{
	return h->n_fds ? h->fds[--h->n_fds] : -1;
}

static int reply(struct vhost *h, const void *data, size_t size)
{
	struct vhost_header head = {
		.request = h->head.request, .flags = FLAG_VERSION | FLAG_REPLY, .size = size,
	};
	struct iovec iov[] = {
		{ &head, sizeof(head) }, { (void *)data, size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };

	/* a VMM that does not read what it has asked for has gone mad */
	return sendmsg(h->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		       (ssize_t)(sizeof(head) + size) ? 0 : -1;
}

static int reply_number(struct vhost *h, uint64_t n)
{
	return reply(h, &n, sizeof(n));
}

static void unmap(struct memory *memory)
{
	for (unsigned int i = 0; i < memory->n_regions; i++)
		munmap(memory->regions[i].base, memory->regions[i].size);
	memory->n_regions = 0;
}

/* Return: false if what the VMM says of it is not so */
static bool map_region(struct memory *memory, uint64_t addr, uint64_t size, uint64_t offset,
		       int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	void *base;

	/* no page of it may lack something behind it */
	if (end < 0 || !size || offset > (uint64_t)end || size > (uint64_t)end - offset ||
	    addr > UINT64_MAX - size || offset % MEMORY_GRAIN || size % MEMORY_GRAIN)
		return false;
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (base == MAP_FAILED)
		return false;
	(void)madvise(base, size, MADV_DONTDUMP);
	memory->regions[memory->n_regions++] = (struct region){ addr, size, base };
	return true;
}

/* Where the guest has what the VMM has there; or 1, which nothing of a ring can be at */
static uint64_t guest_address(const struct vhost *h, uint64_t user)
{
	for (unsigned int i = 0; i < h->memory.n_regions; i++)
		if (user >= h->user[i] && user - h->user[i] < h->memory.regions[i].size)
			return user - h->user[i] + h->memory.regions[i].addr;
	return 1;
}

static bool find_ring(struct vhost *h, unsigned int i)
{
	const struct vhost_ring *r = &h->rings[i];
	struct virtqueue *q = &h->vsock->device.queues[i];

	q->size = r->size;
	q->desc_addr = guest_address(h, r->desc);
	q->avail_addr = guest_address(h, r->avail);
	q->used_addr = guest_address(h, r->used);
	return virtqueue_enable(q, &h->memory);
}

/* Begin with a ring if all of it was said. A guest that has put it where it cannot be has
 * broken its device, until it resets it.
 */
static void start_ring(struct vhost *h, unsigned int i)
{
	struct virtio_device *d = &h->vsock->device;
	struct vhost_ring *r = &h->rings[i];
	struct virtqueue *q = &d->queues[i];

	if (q->ready || r->kick < 0 || !r->enabled || !r->known || !(d->status & RUNNING))
		return;
	if (!find_ring(h, i)) {
		virtio_break(d);
		return;
	}
	q->next = r->base;
	q->used_index = READ_ONCE(q->used->idx);
}

static void stop_kick(struct vhost *h, struct vhost_ring *r)
{
	if (r->kick < 0)
		return;
	loop_remove(h->loop, r->kick);
	close(r->kick);
	r->kick = -1;
}

/* The VMM stops its rings when the guest resets the device, or is reset itself. Return: the
 * entry that would have been taken next.
 */
static uint16_t stop_ring(struct vhost *h, unsigned int i)
{
	struct virtio_device *d = &h->vsock->device;
	uint16_t next = d->queues[i].ready ? d->queues[i].next : h->rings[i].base;

	stop_kick(h, &h->rings[i]);
	d->queues[i] = (struct virtqueue){};
	d->status &= ~VIRTIO_CONFIG_S_NEEDS_RESET;
	d->ops->reset(d);
	h->rings[i].base = next;
	h->rings[i].known = false;
	return next;
}

/* The rings are where they were, in memory that has been mapped anew */
static void find_rings(struct vhost *h)
{
	struct virtio_device *d = &h->vsock->device;

	for (unsigned int i = 0; i < VHOST_RINGS; i++) {
		struct virtqueue was = d->queues[i];

		if (!was.ready)
			continue;
		d->queues[i].ready = false;
		if (!find_ring(h, i)) {
			virtio_break(d);
			continue;
		}
		d->queues[i].next = was.next;
		d->queues[i].used_index = was.used_index;
	}
}

static int set_memory(struct vhost *h, const struct table *t, size_t size)
{
	struct memory old = h->memory;
	bool good = true;

	if (size < 2 * sizeof(uint32_t) || t->n > REGIONS_MAX || t->n != h->n_fds ||
	    size < offsetof(struct table, regions) + t->n * sizeof(*t->regions))
		return -1;
	h->memory.n_regions = 0;
	for (unsigned int i = 0; i < t->n && good; i++) {
		h->user[i] = t->regions[i].user;
		good = map_region(&h->memory, t->regions[i].addr, t->regions[i].size,
				  t->regions[i].offset, h->fds[i]);
	}
	unmap(&old);
	if (!good)
		return -1;
	find_rings(h);
	return 0;
}

static int set_features(struct vhost *h, uint64_t features)
{
	struct virtio_device *d = &h->vsock->device;

	if (features & ~(F_VERSION_1 | F_PROTOCOL_FEATURES))
		return -1;
	d->features = features & F_VERSION_1;
	d->status &= ~RUNNING;
	if (d->features)
		d->status |= RUNNING;
	/* without these features rings are enabled from the start */
	for (unsigned int i = 0; i < VHOST_RINGS; i++) {
		if (!(features & F_PROTOCOL_FEATURES))
			h->rings[i].enabled = true;
		start_ring(h, i);
	}
	return 0;
}

static int set_address(struct vhost *h, const struct vring_addr *a)
{
	struct vhost_ring *r;

	if (a->index >= VHOST_RINGS || h->vsock->device.queues[a->index].ready)
		return -1;
	r = &h->rings[a->index];
	r->desc = a->desc;
	r->avail = a->avail;
	r->used = a->used;
	r->known = true;
	start_ring(h, a->index);
	return 0;
}

static void kicked(struct source *source, uint32_t events)
{
	struct vhost_ring *r = CONTAINER_OF(source, struct vhost_ring, kicked);
	uint64_t count;

	(void)events;
	if (r->kick < 0 || read(r->kick, &count, sizeof(count)) < 0)
		return;
	vsock_work(r->vhost->vsock);
}

static int set_kick(struct vhost *h, uint64_t what)
{
	unsigned int i = what & INDEX_MASK;
	struct vhost_ring *r;

	if (i >= VHOST_RINGS || what & NO_FD)
		return -1;
	r = &h->rings[i];
	stop_kick(h, r);
	r->kick = take_fd(h);
	/* each edge: a descriptor that is none of ours to read cannot keep us busy */
	if (r->kick < 0 || !loop_add(h->loop, r->kick, EPOLLIN | EPOLLET, &r->kicked))
		return -1;
	start_ring(h, i);
	return 0;
}

static int set_call(struct vhost *h, uint64_t what)
{
	unsigned int i = what & INDEX_MASK;

	if (i >= VHOST_RINGS)
		return -1;
	if (h->calls[i] >= 0)
		close(h->calls[i]);
	h->calls[i] = what & NO_FD ? -1 : take_fd(h);
	return 0;
}

static int set_state(struct vhost *h, const struct vring_state *s)
{
	struct vhost_ring *r;

	if (s->index >= VHOST_RINGS || s->num > UINT16_MAX)
		return -1;
	r = &h->rings[s->index];
	if (h->head.request == SET_VRING_NUM) {
		r->size = s->num;
	} else if (h->head.request == SET_VRING_BASE) {
		r->base = s->num;
	} else {
		r->enabled = s->num;
		start_ring(h, s->index);
	}
	return 0;
}

static int get_base(struct vhost *h, const struct vring_state *s)
{
	struct vring_state answer = { .index = s->index };

	if (s->index >= VHOST_RINGS)
		return -1;
	answer.num = stop_ring(h, s->index);
	return reply(h, &answer, sizeof(answer));
}

static int get_config(struct vhost *h, const struct config *asked)
{
	struct config c = { .offset = asked->offset, .size = asked->size };

	if (asked->offset || asked->size != sizeof(c.data) ||
	    h->head.size != sizeof(c))
		return -1;
	memcpy(c.data, &h->vsock->config, sizeof(c.data));
	return reply(h, &c, sizeof(c));
}

/* The least that a message has to have behind its head */
static const size_t sizes[REQUESTS] = {
	[SET_FEATURES] = sizeof(uint64_t), [SET_PROTOCOL_FEATURES] = sizeof(uint64_t),
	[SET_MEM_TABLE] = 2 * sizeof(uint32_t), [SET_VRING_NUM] = sizeof(struct vring_state),
	[SET_VRING_ADDR] = sizeof(struct vring_addr), [SET_VRING_BASE] = sizeof(struct vring_state),
	[GET_VRING_BASE] = sizeof(struct vring_state), [SET_VRING_KICK] = sizeof(uint64_t),
	[SET_VRING_CALL] = sizeof(uint64_t), [SET_VRING_ERR] = sizeof(uint64_t),
	[SET_VRING_ENABLE] = sizeof(struct vring_state), [GET_CONFIG] = sizeof(struct config),
};

static int obey(struct vhost *h)
{
	union {
		uint64_t number;
		struct vring_state state;
		struct vring_addr addr;
		struct table table;
		struct config config;
	} p = {};
	size_t size = h->head.size < sizeof(p) ? h->head.size : sizeof(p);

	memcpy(&p, h->payload, size);
	switch (h->head.request) {
	case GET_FEATURES:
		return reply_number(h, F_VERSION_1 | F_PROTOCOL_FEATURES);
	case SET_FEATURES:
		return set_features(h, p.number);
	case SET_OWNER:
	case SET_VRING_ERR:
		return 0;
	case GET_PROTOCOL_FEATURES:
		return reply_number(h, PROTOCOL_F_CONFIG);
	case SET_PROTOCOL_FEATURES:
		return p.number & ~PROTOCOL_F_CONFIG ? -1 : 0;
	case SET_MEM_TABLE:
		return set_memory(h, &p.table, size);
	case SET_VRING_NUM:
	case SET_VRING_BASE:
	case SET_VRING_ENABLE:
		return set_state(h, &p.state);
	case SET_VRING_ADDR:
		return set_address(h, &p.addr);
	case GET_VRING_BASE:
		return get_base(h, &p.state);
	case SET_VRING_KICK:
		return set_kick(h, p.number);
	case SET_VRING_CALL:
		return set_call(h, p.number);
	case GET_CONFIG:
		return get_config(h, &p.config);
	default:
		return -1;
	}
}

/* Return: bytes, 0 if there are none now, or a negative errno */
static ssize_t receive(struct vhost *h, void *to, size_t size)
{
	union {
		char buf[CMSG_SPACE(REGIONS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = to, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = sizeof(control.buf),
	};
	ssize_t n = recvmsg(h->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		close_fds(h);
		h->n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(h->fds, CMSG_DATA(c), h->n_fds * sizeof(int));
	}
	if (msg.msg_flags & MSG_CTRUNC)
		return -EPROTO;
	return n ? n : -ENOTCONN;
}

/**
 * vhost_hear - take what there is of a message, and do what it says
 * @h: the connection
 *
 * Return: 1 if there may be more, 0 if there is not, -EPROTO if it makes no sense, another
 * negative errno if the VMM is gone.
 */
int vhost_hear(struct vhost *h)
{
	bool head = h->have < sizeof(h->head);
	size_t at = head ? h->have : h->have - sizeof(h->head);
	ssize_t n;
	int r;

	if (head)
		n = receive(h, (uint8_t *)&h->head + at, sizeof(h->head) - at);
	else
		n = receive(h, h->payload + at, h->head.size - at);
	if (n <= 0)
		return n;
	h->have += n;
	if (h->have < sizeof(h->head))
		return 1;
	if ((h->head.flags & (FLAG_VERSION_MASK | FLAG_REPLY)) != FLAG_VERSION ||
	    h->head.size > sizeof(h->payload) || h->head.request >= REQUESTS ||
	    h->head.size < sizes[h->head.request])
		return -EPROTO;
	if (h->have < sizeof(h->head) + h->head.size)
		return 1;
	r = obey(h);
	close_fds(h);
	h->have = 0;
	if (r < 0)
		return -EPROTO;
	vsock_work(h->vsock);
	return 1;
}

static void happened(struct source *source, uint32_t events)
{
	struct vhost *h = CONTAINER_OF(source, struct vhost, source);
	int r;

	(void)events;
	do {
		r = vhost_hear(h);
	} while (r > 0);
	if (r == -EPROTO) {
		complain("vhost-user: message %u makes no sense", h->head.request);
		_exit(1);
	}
	/* the VMM is gone, as it is at the guest's end */
	if (r < 0)
		_exit(0);
}

/**
 * vhost_end - let go of what the VMM has given
 * @h: the connection, which stays open
 */
void vhost_end(struct vhost *h)
{
	for (unsigned int i = 0; i < VHOST_RINGS; i++) {
		(void)stop_ring(h, i);
		if (h->calls[i] >= 0)
			close(h->calls[i]);
		h->calls[i] = -1;
	}
	close_fds(h);
	unmap(&h->memory);
}

/**
 * vhost_init - wait for what the VMM says
 * @h: to fill, zeroed
 * @fd: the connection to it
 * @v: the device, whose memory is @h->memory
 * @loop: the one thread's
 *
 * Return: 0, or -1 after a complaint.
 */
int vhost_init(struct vhost *h, int fd, struct vsock *v, struct loop *loop)
{
	h->source.happened = happened;
	h->fd = fd;
	h->vsock = v;
	h->loop = loop;
	for (unsigned int i = 0; i < VHOST_RINGS; i++) {
		h->rings[i] = (struct vhost_ring){
			.kicked.happened = kicked, .vhost = h, .kick = -1,
		};
		h->calls[i] = -1;
	}
	v->device.calls = h->calls;
	if (!loop_add(loop, fd, EPOLLIN, &h->source))
		return complain("vhost-user: cannot listen: %s", strerror(errno));
	return 0;
}
