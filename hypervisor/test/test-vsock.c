// SPDX-License-Identifier: GPL-2.0
/* The vsock device between a driver and sockets of the tests: good ones, and bad ones. */

#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base.h"
#include "driver.h"
#include "unit.h"
#include "vsock.h"

#define CID 16
#define GUEST_PORT 1234
#define HOST_PORT 80
#define HEADER sizeof(struct virtio_vsock_hdr)

/**
 * struct lab - a device, its guest and its host
 * @v: device
 * @loop: its thread is ours
 * @driver: the guest
 * @asked: the broker's end
 * @told: events
 * @next_tx: the next buffer of the guest's packets
 * @credit: what the guest says that it takes
 */
struct lab {
	struct vsock v;
	struct loop loop;
	struct driver driver;
	struct events events;
	struct sockaddr_un address;
	int asked, told;
	unsigned int next_tx;
	uint32_t credit;
};

static void settle(struct lab *l)
{
	while (loop_turn(&l->loop, 0) > 0)
		;
}

/* Buffers for as many packets */
static void feed(struct lab *l, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		driver_give(&l->driver, VSOCK_RX, l->driver.given[VSOCK_RX] % DRIVER_QUEUE_SIZE,
			    DRIVER_BUFFER_SIZE, true);
	driver_write(&l->driver, VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_RX);
	settle(l);
}

static void open_lab(struct lab *l)
{
	int broker[2], events[2];
	struct vsock_setup s;

	memset(l, 0, sizeof(*l));
	l->address.sun_family = AF_UNIX;
	snprintf(l->address.sun_path + 1, 32, "nitro-test-vsock-%d", getpid());
	driver_ram(&l->driver);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, broker) < 0 || pipe(events) < 0 ||
	    loop_init(&l->loop) < 0)
		abort();
	l->asked = broker[0];
	l->told = events[0];
	l->events.fd = events[1];
	l->credit = 1 << 20;
	s = (struct vsock_setup){
		.cid = CID, .listener = socket(AF_UNIX, SOCK_STREAM, 0), .broker = broker[1],
		.relay = -1,
		.notify = eventfd(0, EFD_NONBLOCK), .irqfd = eventfd(0, EFD_NONBLOCK),
		.connections = CONNECTIONS_MAX, .memory = &l->driver.memory,
		.events = &l->events, .loop = &l->loop,
	};
	if (bind(s.listener, (void *)&l->address, sizeof(l->address)) < 0 ||
	    listen(s.listener, 100) < 0 || vsock_init(&l->v, &s) < 0)
		abort();
	driver_start(&l->driver, &l->v.device);
	feed(l, 64);
}

static void close_lab(struct lab *l)
{
	driver_write(&l->driver, VIRTIO_MMIO_STATUS, 0);
	settle(l);
	EXPECT(l->v.connections.count == 0);
	EXPECT(l->v.connections.n_free == BUFFERS_MAX);
	close(l->v.listener);
	if (l->v.broker >= 0)
		close(l->v.broker);
	if (l->asked >= 0)
		close(l->asked);
	close(l->told);
	close(l->events.fd);
	close(l->v.device.notify);
	close(l->v.device.irqfd);
	close(l->loop.fd);
	munmap(l->v.connections.all, CONNECTIONS_MAX * sizeof(struct connection));
	munmap(l->v.connections.buffers, (size_t)BUFFERS_MAX * BUFFER_SIZE);
	driver_free(&l->driver);
}

static struct virtio_vsock_hdr header(struct lab *l, uint32_t guest, uint32_t host, uint16_t op)
{
	return (struct virtio_vsock_hdr){
		.src_cid = htole64(CID), .dst_cid = htole64(VSOCK_PARENT_CID),
		.src_port = htole32(guest), .dst_port = htole32(host), .op = htole16(op),
		.type = htole16(VIRTIO_VSOCK_TYPE_STREAM), .buf_alloc = htole32(l->credit),
	};
}

static void send_packet(struct lab *l, const struct virtio_vsock_hdr *h, const void *data,
			size_t size)
{
	unsigned int i = l->next_tx++ % DRIVER_QUEUE_SIZE;
	uint8_t *buffer = driver_buffer(&l->driver, VSOCK_TX, i);

	memcpy(buffer, h, HEADER);
	if (size)
		memcpy(buffer + HEADER, data, size);
	driver_give(&l->driver, VSOCK_TX, i, HEADER + size, false);
	driver_write(&l->driver, VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_TX);
	settle(l);
}

static void say(struct lab *l, uint16_t op)
{
	struct virtio_vsock_hdr h = header(l, GUEST_PORT, HOST_PORT, op);

	send_packet(l, &h, NULL, 0);
}

static void say_shutdown(struct lab *l, uint32_t flags)
{
	struct virtio_vsock_hdr h = header(l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_SHUTDOWN);

	h.flags = htole32(flags);
	send_packet(l, &h, NULL, 0);
}

static void say_data(struct lab *l, const void *data, size_t size)
{
	struct virtio_vsock_hdr h = header(l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_RW);

	h.len = htole32(size);
	send_packet(l, &h, data, size);
}

/* Return: the next packet that the guest gets, -1 for none */
static int hear(struct lab *l, struct virtio_vsock_hdr *ret, void *data, size_t *ret_size)
{
	uint32_t len;
	int i = driver_take(&l->driver, VSOCK_RX, &len);

	if (i < 0)
		return -1;
	memcpy(ret, driver_buffer(&l->driver, VSOCK_RX, i), HEADER);
	EXPECT(len >= HEADER && le32toh(ret->len) == len - HEADER);
	if (data)
		memcpy(data, (uint8_t *)driver_buffer(&l->driver, VSOCK_RX, i) + HEADER,
		       len - HEADER);
	if (ret_size)
		*ret_size = len - HEADER;
	feed(l, 1);
	return le16toh(ret->op);
}

static int hear_op(struct lab *l)
{
	struct virtio_vsock_hdr h;

	return hear(l, &h, NULL, NULL);
}

static bool hear_question(struct lab *l, struct vsock_question *q)
{
	return recv(l->asked, q, sizeof(*q), MSG_DONTWAIT) == sizeof(*q);
}

static void answer(struct lab *l, const struct vsock_question *q, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { (void *)q, sizeof(*q) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	}
	if (sendmsg(l->asked, &msg, 0) < 0)
		abort();
	settle(l);
}

/* The guest connects. Return: the host's end */
static int connect_guest(struct lab *l)
{
	struct vsock_question q = {};
	int pair[2];

	say(l, VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(hear_question(l, &q) && q.guest_port == GUEST_PORT && q.port == HOST_PORT);
	EXPECT(hear_op(l) == -1);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	answer(l, &q, pair[1]);
	close(pair[1]);
	EXPECT(hear_op(l) == VIRTIO_VSOCK_OP_RESPONSE);
	return pair[0];
}

UNIT(guest_connects)
{
	struct virtio_vsock_hdr h;
	struct lab l;
	char data[64];
	size_t size;
	int host;

	open_lab(&l);
	host = connect_guest(&l);
	say_data(&l, "question", 8);
	EXPECT(recv(host, data, sizeof(data), MSG_DONTWAIT) == 8 && !memcmp(data, "question", 8));
	EXPECT(send(host, "answer", 6, 0) == 6);
	settle(&l);
	EXPECT(hear(&l, &h, data, &size) == VIRTIO_VSOCK_OP_RW && size == 6);
	EXPECT(!memcmp(data, "answer", 6) && le32toh(h.fwd_cnt) == 8);
	EXPECT(le64toh(h.src_cid) == VSOCK_PARENT_CID && le64toh(h.dst_cid) == CID);
	/* the guest has no more to say, the host has */
	say_shutdown(&l, VIRTIO_VSOCK_SHUTDOWN_SEND);
	EXPECT(recv(host, data, sizeof(data), MSG_DONTWAIT) == 0);
	EXPECT(send(host, "!", 1, 0) == 1);
	close(host);
	settle(&l);
	EXPECT(hear(&l, &h, data, &size) == VIRTIO_VSOCK_OP_RW && size == 1);
	EXPECT(hear(&l, &h, NULL, NULL) == VIRTIO_VSOCK_OP_SHUTDOWN && le32toh(h.flags) == 3);
	say(&l, VIRTIO_VSOCK_OP_RST);
	EXPECT(l.v.connections.count == 0 && hear_op(&l) == -1);
	close_lab(&l);
}

UNIT(guest_is_refused)
{
	struct vsock_question q = {};
	struct lab l;

	open_lab(&l);
	say(&l, VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(hear_question(&l, &q));
	answer(&l, &q, -1);
	EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST && l.v.connections.count == 0);
	/* it has given up before there is an answer */
	say(&l, VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(hear_question(&l, &q));
	say(&l, VIRTIO_VSOCK_OP_RST);
	answer(&l, &q, l.told);
	EXPECT(hear_op(&l) == -1 && l.v.connections.count == 0);
	/* the broker dies while it is asked, and nobody is there afterwards */
	say(&l, VIRTIO_VSOCK_OP_REQUEST);
	close(l.asked);
	l.asked = -1;
	settle(&l);
	EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST && l.v.broker == -1);
	say(&l, VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST && l.v.connections.count == 0);
	close_lab(&l);
}

UNIT(host_connects)
{
	struct virtio_vsock_hdr h, r;
	struct lab l;
	char data[64];
	size_t size;
	int host;

	open_lab(&l);
	host = socket(AF_UNIX, SOCK_STREAM, 0);
	EXPECT(!connect(host, (void *)&l.address, sizeof(l.address)));
	EXPECT(send(host, "CONNECT 50", 10, 0) == 10);
	settle(&l);
	EXPECT(hear_op(&l) == -1);
	EXPECT(send(host, "00\nhello", 8, 0) == 8);
	settle(&l);
	EXPECT(hear(&l, &h, NULL, NULL) == VIRTIO_VSOCK_OP_REQUEST && le32toh(h.dst_port) == 5000);
	EXPECT(hear_op(&l) == -1 && recv(host, data, 1, MSG_DONTWAIT) < 0);
	r = header(&l, 5000, le32toh(h.src_port), VIRTIO_VSOCK_OP_RESPONSE);
	send_packet(&l, &r, NULL, 0);
	size = snprintf(data, sizeof(data), "OK %u\n", le32toh(h.src_port));
	EXPECT(recv(host, data + 32, 32, MSG_DONTWAIT) == (ssize_t)size);
	EXPECT(!memcmp(data, data + 32, size));
	EXPECT(hear(&l, &h, data, &size) == VIRTIO_VSOCK_OP_RW && size == 5);
	EXPECT(!memcmp(data, "hello", 5));
	r.op = htole16(VIRTIO_VSOCK_OP_RST);
	send_packet(&l, &r, NULL, 0);
	EXPECT(recv(host, data, 1, MSG_DONTWAIT) == 0);
	close(host);
	close_lab(&l);
}

/* The guest gets no more than it says that it takes */
UNIT(credit_of_the_guest)
{
	static char data[DRIVER_BUFFER_SIZE];
	struct virtio_vsock_hdr h;
	size_t size, all = 0;
	struct lab l;
	int host;

	open_lab(&l);
	l.credit = 10000;
	host = connect_guest(&l);
	for (int i = 0; i < 20; i++)
		EXPECT(send(host, data, 1000, 0) == 1000);
	settle(&l);
	while (hear(&l, &h, data, &size) == VIRTIO_VSOCK_OP_RW)
		all += size;
	EXPECT(all == 10000);
	h = header(&l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	h.fwd_cnt = htole32(4000);
	send_packet(&l, &h, NULL, 0);
	while (hear(&l, &h, data, &size) == VIRTIO_VSOCK_OP_RW)
		all += size;
	EXPECT(all == 14000);
	/* it takes back what it has offered, and says that it has read what it has not got */
	l.credit = 0;
	h = header(&l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	h.fwd_cnt = htole32(20000);
	send_packet(&l, &h, NULL, 0);
	EXPECT(hear_op(&l) == -1);
	close(host);
	close_lab(&l);
}

/* The host does not read: its socket fills, then our buffer, then the guest may not */
UNIT(host_does_not_read)
{
	static char data[4096], back[4096];
	size_t told = 0, sent = 0, got = 0;
	struct virtio_vsock_hdr h;
	bool same = true;
	struct lab l;
	ssize_t n;
	int host, small = 4096;

	open_lab(&l);
	host = connect_guest(&l);
	(void)setsockopt(host, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	while (sent - told + sizeof(data) <= BUFFER_SIZE) {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (sent + i) * 7 + (sent >> 12);
		say_data(&l, data, sizeof(data));
		sent += sizeof(data);
		while (hear(&l, &h, NULL, NULL) == VIRTIO_VSOCK_OP_CREDIT_UPDATE)
			told = le32toh(h.fwd_cnt);
	}
	EXPECT(sent >= BUFFER_SIZE && l.v.connections.n_free == BUFFERS_MAX - 1);
	say_shutdown(&l, VIRTIO_VSOCK_SHUTDOWN_SEND);
	while ((n = recv(host, back, sizeof(back), MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			same &= back[i] == (char)((got + i) * 7 + ((got + i) >> 12));
		got += n;
		settle(&l);
	}
	EXPECT(n == 0 && got == sent && same);
	EXPECT(l.v.connections.n_free == BUFFERS_MAX);
	close(host);
	close_lab(&l);
}

static void expect_reset(struct lab *l, int line)
{
	int op;

	do {
		op = hear_op(l);
	} while (op == VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	if (op != VIRTIO_VSOCK_OP_RST || l->v.connections.count)
		unit_fail(__FILE__, line, "the connection is not reset");
}

UNIT(guest_breaks_the_rules_of_a_connection)
{
	static char data[4096];
	struct virtio_vsock_hdr h;
	int host, small = 4096;
	struct lab l;

	open_lab(&l);
	/* more than it may send */
	host = connect_guest(&l);
	(void)setsockopt(host, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	for (int i = 0; i < 200 && l.v.connections.all[0].state == CONNECTION_OPEN; i++)
		say_data(&l, data, sizeof(data));
	expect_reset(&l, __LINE__);
	close(host);
	/* data after the end */
	host = connect_guest(&l);
	say_shutdown(&l, VIRTIO_VSOCK_SHUTDOWN_SEND);
	say_data(&l, data, 1);
	expect_reset(&l, __LINE__);
	close(host);
	/* a length that is not there */
	host = connect_guest(&l);
	h = header(&l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_RW);
	h.len = htole32(5000);
	send_packet(&l, &h, data, 100);
	expect_reset(&l, __LINE__);
	close(host);
	/* connected already; an answer to no question; what nobody knows */
	for (int i = 0; i < 3; i++) {
		static const uint16_t ops[] = {
			VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_RESPONSE, 77
		};

		host = connect_guest(&l);
		say(&l, ops[i]);
		expect_reset(&l, __LINE__);
		close(host);
	}
	close_lab(&l);
}

UNIT(packets_of_no_connection)
{
	static const uint16_t ops[] = {
		VIRTIO_VSOCK_OP_RESPONSE, VIRTIO_VSOCK_OP_SHUTDOWN, VIRTIO_VSOCK_OP_RW,
		VIRTIO_VSOCK_OP_CREDIT_UPDATE, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 77,
	};
	struct virtio_vsock_hdr h;
	struct lab l;

	open_lab(&l);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		say(&l, ops[i]);
		EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST);
	}
	say(&l, VIRTIO_VSOCK_OP_RST);
	EXPECT(hear_op(&l) == -1);
	/* of another type, to somebody else */
	h = header(&l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_REQUEST);
	h.type = htole16(VIRTIO_VSOCK_TYPE_SEQPACKET);
	send_packet(&l, &h, NULL, 0);
	EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST);
	h = header(&l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_REQUEST);
	h.dst_cid = htole64(2);
	send_packet(&l, &h, NULL, 0);
	EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST);
	/* of somebody else */
	h = header(&l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_REQUEST);
	h.src_cid = htole64(CID + 1);
	send_packet(&l, &h, NULL, 0);
	EXPECT(hear_op(&l) == -1 && l.v.connections.count == 0);
	close_lab(&l);
}

/* A guest that gives no buffers waits for itself; nothing is lost when it does */
UNIT(guest_does_not_read)
{
	unsigned int resets = 0;
	struct lab l;

	open_lab(&l);
	for (unsigned int i = 0; i < 64; i++)	/* those that it has given are used up */
		say(&l, VIRTIO_VSOCK_OP_RW);
	for (unsigned int i = 0; i < 100; i++)
		say(&l, VIRTIO_VSOCK_OP_RW);
	EXPECT(l.v.n_resets == VSOCK_RESETS_MAX);
	while (hear_op(&l) == VIRTIO_VSOCK_OP_RST)
		resets++;
	EXPECT(resets == 164);
	close_lab(&l);
}

UNIT(broken_chains)
{
	struct virtio_vsock_hdr h;
	struct lab l;

	open_lab(&l);
	/* a header in pieces is one */
	h = header(&l, GUEST_PORT, HOST_PORT, VIRTIO_VSOCK_OP_RW);
	memcpy(driver_buffer(&l.driver, VSOCK_TX, 0), &h, HEADER);
	for (unsigned int i = 0; i < HEADER; i++)
		driver_desc(&l.driver, VSOCK_TX, i, DRIVER_BUFFER(VSOCK_TX, 0) + i, 1,
			    i < HEADER - 1 ? VRING_DESC_F_NEXT : 0, i + 1);
	driver_offer(&l.driver, VSOCK_TX, 0);
	driver_write(&l.driver, VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_TX);
	settle(&l);
	EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST);
	/* one that is too short is none */
	driver_give(&l.driver, VSOCK_TX, 0, HEADER - 1, false);
	driver_write(&l.driver, VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_TX);
	settle(&l);
	EXPECT(hear_op(&l) == -1 && virtio_running(&l.v.device, VSOCK_TX));
	/* what is to be read must not be writable; the device waits for a reset */
	driver_give(&l.driver, VSOCK_TX, 1, 100, true);
	driver_write(&l.driver, VIRTIO_MMIO_QUEUE_NOTIFY, VSOCK_TX);
	settle(&l);
	EXPECT(driver_read(&l.driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	driver_start(&l.driver, &l.v.device);
	l.next_tx = 0;
	/* nor may what is to be written be short, or not be */
	driver_give(&l.driver, VSOCK_RX, 0, HEADER - 1, true);
	say(&l, VIRTIO_VSOCK_OP_RW);
	EXPECT(driver_read(&l.driver, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	driver_start(&l.driver, &l.v.device);
	l.next_tx = 0;
	feed(&l, 16);
	say(&l, VIRTIO_VSOCK_OP_RW);
	EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST);
	close_lab(&l);
}

UNIT(reset_ends_connections)
{
	char data[8];
	struct lab l;
	int host;

	open_lab(&l);
	host = connect_guest(&l);
	driver_start(&l.driver, &l.v.device);
	l.next_tx = 0;
	settle(&l);
	EXPECT(recv(host, data, sizeof(data), MSG_DONTWAIT) == 0);
	EXPECT(l.v.connections.count == 0);
	close(host);
	feed(&l, 16);
	host = connect_guest(&l);
	close(host);
	close_lab(&l);
}

UNIT(heartbeats)
{
	const uint8_t beat = VSOCK_HEARTBEAT;
	struct virtio_vsock_hdr h, r;
	uint8_t data[64];
	struct lab l;
	size_t size;

	open_lab(&l);
	for (int i = 0; i < 2; i++) {
		h = header(&l, GUEST_PORT, VSOCK_HEARTBEAT_PORT, VIRTIO_VSOCK_OP_REQUEST);
		send_packet(&l, &h, NULL, 0);
		EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RESPONSE);
		h.op = htole16(VIRTIO_VSOCK_OP_RW);
		h.len = htole32(1);
		send_packet(&l, &h, "x", 1);
		EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_CREDIT_UPDATE && hear_op(&l) == -1);
		send_packet(&l, &h, &beat, 1);
		EXPECT(hear(&l, &r, data, &size) == VIRTIO_VSOCK_OP_RW);
		EXPECT(size == 1 && data[0] == beat && le32toh(r.fwd_cnt) == 2);
		h.op = htole16(VIRTIO_VSOCK_OP_SHUTDOWN);
		h.flags = htole32(3);
		h.len = 0;
		send_packet(&l, &h, NULL, 0);
		EXPECT(hear_op(&l) == VIRTIO_VSOCK_OP_RST && l.v.connections.count == 0);
	}
	/* it is told once */
	EXPECT(read(l.told, data, sizeof(data)) == 10 && !memcmp(data, "heartbeat\n", 10));
	close_lab(&l);
}

UNIT(all_there_may_be)
{
	struct virtio_vsock_hdr h;
	unsigned int open = 0, refused = 0;
	struct lab l;

	open_lab(&l);
	for (unsigned int i = 0; i < CONNECTIONS_MAX + 10; i++) {
		int op;

		h = header(&l, i, VSOCK_HEARTBEAT_PORT, VIRTIO_VSOCK_OP_REQUEST);
		send_packet(&l, &h, NULL, 0);
		op = hear_op(&l);
		open += op == VIRTIO_VSOCK_OP_RESPONSE;
		refused += op == VIRTIO_VSOCK_OP_RST;
	}
	EXPECT(open == CONNECTIONS_MAX && refused == 10);
	close_lab(&l);
}
