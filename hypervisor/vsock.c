// SPDX-License-Identifier: GPL-2.0
/*
 * The vsock device, the guest's side: packets in, packets out, credit (Virtual I/O
 * Device specification 1.3, 5.10). All of it happens in the I/O thread; the lock is
 * for the registers, which processors touch.
 *
 * Nothing a guest does makes us wait for it or allocate for it. Packets that we owe it
 * are bits of their connection; those that belong to none are few, and when there are
 * more, its own packets wait until it has given buffers.
 */

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "vsock.h"

#define SHUT_BOTH (VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)
#define HEADER sizeof(struct virtio_vsock_hdr)
/* Packets of the guest in a turn: processors have to get at the registers, too */
#define TURN_MAX 256

/**
 * vsock_queue - a connection has something for the guest
 * @v: the device
 * @c: the connection
 * @send: SEND_* bits, 0 for data alone
 */
void vsock_queue(struct vsock *v, struct connection *c, uint8_t send)
{
	c->send |= send;
	if (c->queued)
		return;
	c->queued = true;
	TAILQ_INSERT_TAIL(&v->ready, c, ready);
}

static void unlist(struct vsock *v, struct connection *c)
{
	if (c->queued)
		TAILQ_REMOVE(&v->ready, c, ready);
	if (c->waits)
		TAILQ_REMOVE(&v->asking, c, asking);
	c->queued = c->waits = false;
}

/**
 * vsock_delete - a connection of which the guest knows nothing, any more or yet
 * @v: the device
 * @c: the connection
 */
void vsock_delete(struct vsock *v, struct connection *c)
{
	unlist(v, c);
	connection_delete(&v->connections, c);
}

/**
 * vsock_kill - end a connection; the guest hears of it
 * @v: the device
 * @c: the connection
 */
void vsock_kill(struct vsock *v, struct connection *c)
{
	if (c->state == CONNECTION_GREETED) {
		vsock_delete(v, c);
		return;
	}
	unlist(v, c);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	connection_drop_buffer(&v->connections, c);
	c->state = CONNECTION_DEAD;
	vsock_queue(v, c, 0);
}

/* Return: how much the guest takes now */
static uint32_t credit(const struct connection *c)
{
	uint32_t ahead = c->sent - c->peer_read;

	return ahead < c->peer_buffer ? c->peer_buffer - ahead : 0;
}

/* Take @skip bytes off the front of @from and leave @max. Return: how many are left of @n */
static unsigned int slice(struct iovec *to, const struct iovec *from, unsigned int n,
			  size_t skip, size_t max)
{
	unsigned int k = 0;

	for (unsigned int i = 0; i < n && max; i++) {
		size_t part = from[i].iov_len < skip ? from[i].iov_len : skip;
		struct iovec left = { (uint8_t *)from[i].iov_base + part, from[i].iov_len - part };

		skip -= part;
		if (!left.iov_len)
			continue;
		if (left.iov_len > max)
			left.iov_len = max;
		max -= left.iov_len;
		to[k++] = left;
	}
	return k;
}

static void put_header(struct chain *chain, const struct virtio_vsock_hdr *h)
{
	struct iovec iov[HEADER];	/* one byte each, at worst */
	unsigned int n = slice(iov, chain->iov, chain->n_in, 0, HEADER);
	const uint8_t *from = (const uint8_t *)h;

	for (unsigned int i = 0; i < n; i++) {
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
		from += iov[i].iov_len;
	}
}

static void get_header(const struct chain *chain, struct virtio_vsock_hdr *h)
{
	struct iovec iov[HEADER];
	unsigned int n = slice(iov, chain->iov, chain->n_out, 0, HEADER);
	uint8_t *to = (uint8_t *)h;

	for (unsigned int i = 0; i < n; i++) {
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
}

/* A packet to the guest, of a connection. Each tells how much was read, too */
static struct virtio_vsock_hdr packet(const struct vsock *v, struct connection *c, uint16_t op)
{
	c->told = c->read;
	return (struct virtio_vsock_hdr){
		.src_cid = htole64(c->peer), .dst_cid = v->config.guest_cid,
		.src_port = htole32(c->host_port), .dst_port = htole32(c->guest_port),
		.type = htole16(VIRTIO_VSOCK_TYPE_STREAM), .op = htole16(op),
		.buf_alloc = htole32(BUFFER_SIZE), .fwd_cnt = htole32(c->read),
	};
}

/* Read from the host's socket into the guest's buffer. Return: size, 0 if there is nothing */
static size_t read_data(struct vsock *v, struct connection *c, struct chain *chain)
{
	struct iovec iov[VIRTQUEUE_SIZE_MAX];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	if (c->heartbeat) {
		const uint8_t answer = VSOCK_HEARTBEAT;

		msg.msg_iovlen = slice(iov, chain->iov, chain->n_in, HEADER, sizeof(answer));
		if (!c->beats || !msg.msg_iovlen)
			return 0;
		memcpy(iov[0].iov_base, &answer, sizeof(answer));
		c->beats--;
		return sizeof(answer);
	}
	msg.msg_iovlen = slice(iov, chain->iov, chain->n_in, HEADER, credit(c));
	n = msg.msg_iovlen ? recvmsg(c->fd, &msg, MSG_DONTWAIT) : -1;
	if (n > 0)
		return n;
	if (!msg.msg_iovlen)
		return 0;
	c->readable = false;
	if (!n) {
		c->ended = true;
		c->hung_up = vsock_host_hung_up(c);
	} else if (errno != EAGAIN && errno != EINTR) {
		vsock_kill(v, c);
	}
	return 0;
}

static bool can_read(const struct connection *c)
{
	return c->state == CONNECTION_OPEN && credit(c) && (c->readable || c->beats) &&
	       !(c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV);
}

/* What the guest has not been told of the host's end */
static uint8_t unsaid(const struct connection *c)
{
	uint8_t shut = 0;

	if (c->ended)
		shut = c->hung_up ? SHUT_BOTH : VIRTIO_VSOCK_SHUTDOWN_SEND;
	return shut & ~c->host_shut;
}

static uint16_t next_op(const struct connection *c)
{
	if (c->state == CONNECTION_DEAD)
		return VIRTIO_VSOCK_OP_RST;
	if (c->send & SEND_REQUEST)
		return VIRTIO_VSOCK_OP_REQUEST;
	if (c->send & SEND_RESPONSE)
		return VIRTIO_VSOCK_OP_RESPONSE;
	if (can_read(c))
		return VIRTIO_VSOCK_OP_RW;
	if (c->send & SEND_CREDIT)
		return VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	if (c->state == CONNECTION_OPEN && unsaid(c))
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	return VIRTIO_VSOCK_OP_INVALID;
}

/*
 * The next packet of a connection that waits for the guest.
 * Return: its size, or 0 if there is none after all. The connection may be gone.
 */
static size_t write_packet(struct vsock *v, struct connection *c, struct chain *chain)
{
	uint16_t op = next_op(c);
	struct virtio_vsock_hdr h;
	size_t size = 0;

	if (op == VIRTIO_VSOCK_OP_RW) {
		size = read_data(v, c, chain);
		if (!size) {
			/* it has ended, perhaps */
			op = next_op(c);
			if (op == VIRTIO_VSOCK_OP_RW)
				op = VIRTIO_VSOCK_OP_INVALID;
		}
	}
	if (op == VIRTIO_VSOCK_OP_INVALID)
		return 0;
	h = packet(v, c, op);
	h.len = htole32(size);
	c->sent += size;
	switch (op) {
	case VIRTIO_VSOCK_OP_REQUEST:
		c->send &= ~SEND_REQUEST;
		break;
	case VIRTIO_VSOCK_OP_RESPONSE:
		c->send &= ~SEND_RESPONSE;
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		h.flags = htole32(unsaid(c) | c->host_shut);
		c->host_shut |= unsaid(c);
		break;
	}
	/* whatever it was, it has told of what was read */
	c->send &= ~SEND_CREDIT;
	put_header(chain, &h);
	if (op == VIRTIO_VSOCK_OP_RST)
		vsock_delete(v, c);
	else if (next_op(c) != VIRTIO_VSOCK_OP_INVALID)
		vsock_queue(v, c, 0);
	return HEADER + size;
}

/* Return: 1 with a buffer for a packet, 0 if there is none */
static int take_buffer(struct vsock *v, struct chain *chain)
{
	int r;

	if (!virtio_running(&v->device, VSOCK_RX))
		return 0;
	r = virtqueue_pop(&v->device.queues[VSOCK_RX], v->device.memory, chain);
	if (r < 0 || (r && (chain->n_out || chain->in < HEADER))) {
		virtio_break(&v->device);
		return 0;
	}
	return r;
}

static bool send_reset(struct vsock *v, struct chain *chain)
{
	struct virtio_vsock_hdr *h = &v->resets[v->first_reset];
	struct virtqueue *q = &v->device.queues[VSOCK_RX];

	if (!take_buffer(v, chain))
		return false;
	put_header(chain, h);
	virtqueue_push(q, chain->head, HEADER);
	v->first_reset = (v->first_reset + 1) % VSOCK_RESETS_MAX;
	v->n_resets--;
	return true;
}

/* Packets to the guest, as long as it has buffers. Return: true if there were any */
static bool send_all(struct vsock *v)
{
	struct virtqueue *q = &v->device.queues[VSOCK_RX];
	struct connection *c;
	struct chain chain;
	bool any = false;
	size_t size;

	while (v->n_resets && send_reset(v, &chain))
		any = true;
	while ((c = TAILQ_FIRST(&v->ready)) && take_buffer(v, &chain)) {
		/* to the end, so that each has its turn */
		TAILQ_REMOVE(&v->ready, c, ready);
		c->queued = false;
		size = write_packet(v, c, &chain);
		if (size) {
			virtqueue_push(q, chain.head, size);
			any = true;
		} else {
			virtqueue_put_back(q);
		}
	}
	return any;
}

/* A packet that belongs to no connection. There is room: see receive_all() */
static void answer_reset(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	unsigned int i = (v->first_reset + v->n_resets) % VSOCK_RESETS_MAX;

	if (le16toh(h->op) == VIRTIO_VSOCK_OP_RST)
		return;
	v->resets[i] = (struct virtio_vsock_hdr){
		.src_cid = h->dst_cid, .dst_cid = h->src_cid, .src_port = h->dst_port,
		.dst_port = h->src_port, .type = h->type, .op = htole16(VIRTIO_VSOCK_OP_RST),
	};
	v->n_resets++;
}

static void request(struct vsock *v, const struct virtio_vsock_hdr *h)
{
	struct connection *c = vsock_host_new(v);

	if (!c) {
		answer_reset(v, h);
		return;
	}
	c->state = CONNECTION_ASKING;
	c->peer = le64toh(h->dst_cid);
	c->peer_buffer = le32toh(h->buf_alloc);
	c->peer_read = le32toh(h->fwd_cnt);
	connection_set_ports(&v->connections, c, le32toh(h->src_port), le32toh(h->dst_port));
	if (c->host_port == VSOCK_HEARTBEAT_PORT && !v->parent) {
		c->heartbeat = true;
		c->state = CONNECTION_OPEN;
		vsock_queue(v, c, SEND_RESPONSE);
	} else if (!vsock_host_ask(v, c)) {
		vsock_kill(v, c);
	}
}

/* The parent's part of the boot protocol: say back what says that the enclave is up */
static void beat(struct vsock *v, struct connection *c, const struct iovec *iov, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		c->received += iov[i].iov_len;
		for (size_t k = 0; k < iov[i].iov_len; k++) {
			if (READ_ONCE(((uint8_t *)iov[i].iov_base)[k]) != VSOCK_HEARTBEAT)
				continue;
			if (!v->alive)
				events_say(v->events, "heartbeat\n");
			v->alive = true;
			if (c->beats < UINT8_MAX)
				c->beats++;
		}
	}
	c->read = c->received;
	vsock_queue(v, c, SEND_CREDIT);
}

static void data(struct vsock *v, struct connection *c, const struct chain *chain, uint32_t size)
{
	struct iovec iov[VIRTQUEUE_SIZE_MAX];
	unsigned int n = slice(iov, chain->iov, chain->n_out, HEADER, size);

	/* A guest that sends more than it may, or after it said that it will not */
	if (size > chain->out - HEADER || size > BUFFER_SIZE - connection_buffered(c) ||
	    c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND) {
		vsock_kill(v, c);
		return;
	}
	if (c->heartbeat)
		beat(v, c, iov, n);
	else if (n)
		vsock_host_deliver(v, c, iov, n);
}

static void shut(struct vsock *v, struct connection *c, uint32_t flags)
{
	c->guest_shut |= flags & SHUT_BOTH;
	if (c->heartbeat && c->guest_shut == SHUT_BOTH)
		vsock_kill(v, c);
	else if (!c->heartbeat)
		vsock_host_shut(v, c);
}

static void receive_open(struct vsock *v, struct connection *c, const struct virtio_vsock_hdr *h,
			 const struct chain *chain)
{
	switch (le16toh(h->op)) {
	case VIRTIO_VSOCK_OP_RW:
		data(v, c, chain, le32toh(h->len));
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		shut(v, c, le32toh(h->flags));
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		vsock_queue(v, c, SEND_CREDIT);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		vsock_kill(v, c);
	}
}

static void receive(struct vsock *v, struct connection *c, const struct virtio_vsock_hdr *h,
		    const struct chain *chain)
{
	uint16_t op = le16toh(h->op);

	if (op == VIRTIO_VSOCK_OP_RST) {
		vsock_delete(v, c);
		return;
	}
	if (c->state == CONNECTION_DEAD)
		return;		/* it will hear */
	c->peer_buffer = le32toh(h->buf_alloc);
	c->peer_read = le32toh(h->fwd_cnt);
	if (c->state == CONNECTION_OFFERED && op == VIRTIO_VSOCK_OP_RESPONSE) {
		c->state = CONNECTION_OPEN;
		vsock_host_accepted(v, c);
	} else if (c->state == CONNECTION_OPEN) {
		receive_open(v, c, h, chain);
		if (c->state == CONNECTION_OPEN && can_read(c))
			vsock_queue(v, c, 0);
	} else if (op != VIRTIO_VSOCK_OP_CREDIT_UPDATE) {
		vsock_kill(v, c);
	}
}

/* A parent talks to enclaves, and an enclave to its parent */
static bool is_peer(const struct vsock *v, uint64_t cid)
{
	return v->parent ? cid >= VSOCK_CID_MIN && cid < UINT32_MAX : cid == VSOCK_PARENT_CID;
}

static void receive_packet(struct vsock *v, const struct chain *chain)
{
	struct virtio_vsock_hdr h;
	struct connection *c;

	if (chain->out < HEADER)
		return;
	get_header(chain, &h);
	if (h.src_cid != v->config.guest_cid)
		return;		/* it is not who it says */
	if (!is_peer(v, le64toh(h.dst_cid)) ||
	    le16toh(h.type) != VIRTIO_VSOCK_TYPE_STREAM) {
		answer_reset(v, &h);
		return;
	}
	c = connection_find(&v->connections, le64toh(h.dst_cid), le32toh(h.src_port),
			    le32toh(h.dst_port));
	if (c)
		receive(v, c, &h, chain);
	else if (le16toh(h.op) == VIRTIO_VSOCK_OP_REQUEST)
		request(v, &h);
	else
		answer_reset(v, &h);
}

/* Packets of the guest, as long as we can answer. Return: true if there were any */
static bool receive_all(struct vsock *v, bool *ret_more)
{
	struct virtqueue *q = &v->device.queues[VSOCK_TX];
	struct chain chain;
	unsigned int n;

	for (n = 0; n < TURN_MAX && v->n_resets < VSOCK_RESETS_MAX; n++) {
		int r;

		if (!virtio_running(&v->device, VSOCK_TX))
			break;
		r = virtqueue_pop(q, v->device.memory, &chain);
		if (r < 0 || (r && chain.n_in))
			virtio_break(&v->device);
		if (r <= 0 || chain.n_in)
			break;
		receive_packet(v, &chain);
		virtqueue_push(q, chain.head, 0);
	}
	*ret_more = n == TURN_MAX;
	return n;
}

static void forget_all(struct vsock *v)
{
	for (unsigned int i = 0; i < v->connections.used; i++) {
		struct connection *c = &v->connections.all[i];

		/* one that is being greeted is the host's alone */
		if (c->state != CONNECTION_FREE && c->state != CONNECTION_GREETED)
			vsock_delete(v, c);
	}
	v->n_resets = 0;
	v->gone = false;
}

/**
 * vsock_work - do what there is to do for the guest
 * @v: the device, locked
 *
 * Context: the I/O thread, after anything has happened.
 */
void vsock_work(struct vsock *v)
{
	const uint64_t one = 1;
	bool more = false, full;

	if (v->gone)
		forget_all(v);
	if (virtio_running(&v->device, VSOCK_TX) && receive_all(v, &more))
		virtio_interrupt(&v->device, VSOCK_TX);
	full = v->n_resets == VSOCK_RESETS_MAX;
	if (send_all(v))
		virtio_interrupt(&v->device, VSOCK_RX);
	/* Answers that went out make room for packets that have waited for it */
	if (full && v->n_resets < VSOCK_RESETS_MAX)
		more = true;
	if (more && write(v->device.notify, &one, sizeof(one)) < 0)
		return;		/* full, so it will be read */
}

static void vsock_reset(struct virtio_device *device)
{
	struct vsock *v = (struct vsock *)device;

	v->gone = true;
}

static const struct virtio_ops vsock_ops = {
	.id = VIRTIO_ID_VSOCK, .queues = VSOCK_QUEUES,
	.config_size = sizeof(struct virtio_vsock_config), .reset = vsock_reset,
};

static void notified(struct source *source, uint32_t events)
{
	struct vsock *v = CONTAINER_OF(source, struct vsock, notified);
	uint64_t count;

	(void)events;
	if (read(v->device.notify, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&v->device.lock);
	vsock_work(v);
	pthread_mutex_unlock(&v->device.lock);
}

/**
 * vsock_init - a device that no driver has seen
 * @v: to fill, zeroed
 * @setup: what it has
 *
 * Return: 0, or -1 after a complaint.
 */
int vsock_init(struct vsock *v, const struct vsock_setup *setup)
{
	virtio_init(&v->device, &vsock_ops, setup->memory, &v->config, setup->notify,
		    setup->irqfd);
	v->config.guest_cid = htole64(setup->cid);
	v->loop = setup->loop;
	v->events = setup->events;
	v->parent = setup->parent;
	v->listener = setup->listener;
	v->relay = setup->relay;
	v->broker = setup->broker;
	v->notified.happened = notified;
	TAILQ_INIT(&v->ready);
	TAILQ_INIT(&v->asking);
	if (connections_init(&v->connections, setup->connections) < 0)
		return -1;
	return vsock_host_init(v);
}
