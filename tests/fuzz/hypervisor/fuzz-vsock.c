// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest sends to its vsock device, while the host does this and that. The input
 * is a sequence of steps: a byte that says what happens, and what that needs.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base.h"
#include "driver.h"
#include "vsock.h"

#define CID 16
#define STREAMS 4

/* Of the host's end of connections that it makes, the first */
#define HOST_PORTS 0x40000000U

enum step {
	PACKET, FEED, HOST_SENDS, HOST_READS, HOST_CLOSES, HOST_CONNECTS, REFUSE, RAW, BROKER_DIES,
	STEPS
};

static struct {
	struct vsock v;
	struct loop loop;
	struct driver driver;
	struct events events;
	struct memory memory;
	struct sockaddr_un addr;
	socklen_t addr_size;
	int asked, listener;
	int streams[STREAMS];
	unsigned int next;
} lab;

static void settle(void)
{
	for (int i = 0; i < 64 && loop_turn(&lab.loop, 0) > 0; i++)
		;
}

/* Where the host connects: the kernel chooses a name */
static int listen_somewhere(void)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	lab.addr_size = sizeof(lab.addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any.sun_family)) < 0 ||
	    listen(fd, STREAMS) < 0 ||
	    getsockname(fd, (struct sockaddr *)&lab.addr, &lab.addr_size) < 0)
		abort();
	return fd;
}

static void open_lab(void)
{
	struct vsock_setup s;
	struct driver driver;
	int broker[2];

	driver = lab.driver;
	memset(&lab, 0, sizeof(lab));
	lab.driver = driver;
	if (!lab.driver.memory.base)
		driver_ram(&lab.driver);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, broker) < 0 || loop_init(&lab.loop) < 0)
		abort();
	lab.asked = broker[0];
	lab.listener = listen_somewhere();
	lab.events.fd = -1;
	memset(lab.streams, -1, sizeof(lab.streams));
	s = (struct vsock_setup){
		.cid = CID, .listener = lab.listener, .broker = broker[1],
		.relay = -1,
		.irqfd = eventfd(0, EFD_NONBLOCK), .notify = eventfd(0, EFD_NONBLOCK),
		.connections = 16, .events = &lab.events, .memory = &lab.driver.memory,
		.loop = &lab.loop,
	};
	if (vsock_init(&lab.v, &s) < 0)
		abort();
	driver_start(&lab.driver, &lab.v.device);
}

static void close_lab(void)
{
	for (unsigned int i = 0; i < lab.v.connections.used; i++)
		if (lab.v.connections.all[i].state != CONNECTION_FREE)
			vsock_delete(&lab.v, &lab.v.connections.all[i]);
	if (lab.v.connections.count || lab.v.connections.n_free != BUFFERS_MAX)
		abort();
	munmap(lab.v.connections.all, CONNECTIONS_MAX * sizeof(struct connection));
	munmap(lab.v.connections.buffers, (size_t)BUFFERS_MAX * BUFFER_SIZE);
	for (int i = 0; i < STREAMS; i++)
		if (lab.streams[i] >= 0)
			close(lab.streams[i]);
	if (lab.v.broker >= 0)
		close(lab.v.broker);
	if (lab.asked >= 0)
		close(lab.asked);
	close(lab.listener);
	close(lab.v.device.notify);
	close(lab.v.device.irqfd);
	close(lab.loop.fd);
}

/* Few ports, so that packets meet connections */
static void packet(const uint8_t *p)
{
	unsigned int i = lab.next++ % DRIVER_QUEUE_SIZE;
	size_t size = (p[6] & 0x1f) * 256;
	uint8_t *buffer = driver_buffer(&lab.driver, VSOCK_TX, i);
	struct virtio_vsock_hdr h = {
		.src_cid = htole64(CID), .dst_cid = htole64(p[0] & 0x80 ? 2 : VSOCK_PARENT_CID),
		.src_port = htole32(p[0] & 3), .op = htole16(p[1] & 15),
		.dst_port = htole32(p[0] & 4 ? VSOCK_HEARTBEAT_PORT :
				    p[0] & 8 ? HOST_PORTS + (p[0] >> 4 & 7) : 1),
		.type = htole16(p[1] & 0x80 ? 2 : 1), .flags = htole32(p[2]),
		.buf_alloc = htole32(p[3] << (p[4] & 15)), .fwd_cnt = htole32(p[5] << (p[4] >> 4)),
		.len = htole32(p[6] & 0x80 ? 0xfffffff0 | p[6] : size),
	};

	memcpy(buffer, &h, sizeof(h));
	memset(buffer + sizeof(h), p[7], size < 64 ? size : 64);
	driver_give(&lab.driver, VSOCK_TX, i, sizeof(h) + (p[6] & 0x40 ? size / 2 : size), false);
	vsock_work(&lab.v);
}

static void greet(const uint8_t *p)
{
	static const char *const lines[] = {
		"CONNECT 1\n", "CONNECT 99999999999\n", "CONNECT", "CONNECT 2\nmore of it", "X", "",
	};
	const char *line = lines[*p % (ARRAY_SIZE(lines))];
	int *stream = &lab.streams[*p % STREAMS];

	if (*stream >= 0)
		close(*stream);
	*stream = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (*stream < 0)
		abort();
	/* what does not fit into the backlog is turned away */
	if (connect(*stream, (struct sockaddr *)&lab.addr, lab.addr_size) == 0)
		(void)send(*stream, line, strlen(line), MSG_NOSIGNAL);
}

/* The broker's turn: every other question gets a socket */
static void answer(bool refuse)
{
	static const char *const promises[] = { "OK 7\nmore", "OK", "NO\n" };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct vsock_question q;
	struct iovec iov = { &q, sizeof(q) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2] = { -1, -1 };

	while (recv(lab.asked, &q, sizeof(q), MSG_DONTWAIT) == sizeof(q)) {
		if (!refuse && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
			msg.msg_control = control.buf;
			msg.msg_controllen = sizeof(control.buf);
			control.align.cmsg_level = SOL_SOCKET;
			control.align.cmsg_type = SCM_RIGHTS;
			control.align.cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(&control.align), &pair[1], sizeof(int));
			if (lab.streams[q.guest_port % STREAMS] >= 0)
				close(lab.streams[q.guest_port % STREAMS]);
			lab.streams[q.guest_port % STREAMS] = pair[0];
			/* behind some is another guest, which accepts, or does not */
			q.relayed = q.guest_port == 3;
			if (q.relayed)
				(void)send(pair[0], promises[lab.next % 3],
					   strlen(promises[lab.next % 3]), MSG_NOSIGNAL);
		}
		(void)sendmsg(lab.asked, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (pair[1] >= 0)
			close(pair[1]);
		pair[1] = -1;
		msg.msg_controllen = 0;
	}
}

static void host_does(enum step step, const uint8_t *p)
{
	static char buf[65536];
	int *stream = &lab.streams[p[0] % STREAMS];

	if (*stream < 0)
		return;
	if (step == HOST_SENDS)
		(void)send(*stream, buf, p[1] * 64, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (step == HOST_READS)
		(void)recv(*stream, buf, p[1] * 256, MSG_DONTWAIT);
	else if (p[1] & 1)
		(void)shutdown(*stream, p[1] & 2 ? SHUT_WR : SHUT_RD);
	else
		*stream = close(*stream) - 1;
}

/* No packet is larger than its buffer, and lengths are those of packets */
static void check(void)
{
	uint32_t len;
	int i;

	while ((i = driver_take(&lab.driver, VSOCK_RX, &len)) >= 0) {
		struct virtio_vsock_hdr *h = driver_buffer(&lab.driver, VSOCK_RX, i);

		if (len < sizeof(*h) || len > DRIVER_BUFFER_SIZE ||
		    len != sizeof(*h) + le32toh(h->len))
			abort();
	}
	for (unsigned int k = 0; k < lab.v.connections.used; k++) {
		struct connection *c = &lab.v.connections.all[k];

		if (c->state == CONNECTION_OPEN &&
		    (connection_buffered(c) > BUFFER_SIZE || !c->buffer != !connection_buffered(c)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	open_lab();
	for (; n >= 9; data += 9, n -= 9) {
		enum step step = data[0] % STEPS;
		const uint8_t *p = data + 1;

		if (step == PACKET)
			packet(p);
		else if (step == FEED)
			driver_give(&lab.driver, VSOCK_RX,
				    lab.driver.given[VSOCK_RX] % DRIVER_QUEUE_SIZE,
				    (p[0] + 1) * 32, true);
		else if (step == HOST_CONNECTS)
			greet(p);
		else if (step == RAW)
			driver_desc(&lab.driver, p[0] & 1, p[1] % DRIVER_QUEUE_SIZE,
				    (uint64_t)p[2] << 16 | p[3], p[4] << 4, p[5] & 7, p[6]);
		else if (step == BROKER_DIES)
			(void)shutdown(lab.asked, SHUT_RDWR);
		else if (step != REFUSE)
			host_does(step, p);
		answer(step == REFUSE);
		settle();
		vsock_work(&lab.v);
		check();
	}
	close_lab();
	return 0;
}
