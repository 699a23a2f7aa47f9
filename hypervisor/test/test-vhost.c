// SPDX-License-Identifier: GPL-2.0
/* The vsock device of a parent, behind a VMM of the tests: a good one, and bad ones. */

#include <endian.h>
#include <linux/virtio_config.h>
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
#include "vhost.h"

#define HEADER sizeof(struct virtio_vsock_hdr)
#define ENCLAVE 16
#define GUEST_PORT 1234
#define PORT 5000
/* Where this VMM has its guest's RAM */
#define USER 0x7f0000000000ULL
#define FEATURES (1ULL << 32 | 1ULL << 30)

enum {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, SET_MEM_TABLE = 5, SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9, SET_VRING_BASE = 10, GET_VRING_BASE = 11, SET_VRING_KICK = 12,
	SET_VRING_CALL = 13, SET_VRING_ERR = 14, GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16, SET_VRING_ENABLE = 18, GET_CONFIG = 24,
};

/**
 * struct lab - a device, the VMM, its guest and the enclaves
 * @v: device
 * @h: what is behind it
 * @loop: its thread is ours
 * @driver: the guest
 * @ram: the guest's RAM, which the VMM shares
 * @vmm: the VMM's end
 * @asked: the broker's end
 * @address: where enclaves connect
 * @kicks: eventfds
 * @calls: eventfds
 */
struct lab {
	struct vsock v;
	struct vhost h;
	struct loop loop;
	struct driver driver;
	int ram, vmm, asked;
	struct sockaddr_un address;
	socklen_t address_size;
	int kicks[VHOST_RINGS], calls[VHOST_RINGS];
};

static const struct events nobody = { .fd = -1 };

static void settle(struct lab *l)
{
	while (loop_turn(&l->loop, 0) > 0)
		;
}

/* Return: what comes of a message: 0 if it was understood */
static int tell_with(struct lab *l, struct vhost_header head, const void *payload,
		     const int *fds, unsigned int n)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov[] = { { &head, sizeof(head) }, { (void *)payload, head.size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = head.size ? 2 : 1 };
	int r;

	if (n) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	}
	if (sendmsg(l->vmm, &msg, 0) < 0)
		abort();
	do {
		r = vhost_hear(&l->h);
	} while (r > 0);
	return r;
}

static int tell(struct lab *l, uint32_t request, const void *payload, uint32_t size, int fd)
{
	return tell_with(l, (struct vhost_header){ request, 1, size }, payload, &fd, fd >= 0);
}

static int tell_number(struct lab *l, uint32_t request, uint64_t n, int fd)
{
	return tell(l, request, &n, sizeof(n), fd);
}

static int tell_state(struct lab *l, uint32_t request, uint32_t index, uint32_t n)
{
	uint32_t state[2] = { index, n };

	return tell(l, request, state, sizeof(state), -1);
}

static int tell_address(struct lab *l, unsigned int i, uint64_t desc, uint64_t used,
			uint64_t avail)
{
	uint64_t addr[5] = { i, desc, used, avail };

	return tell(l, SET_VRING_ADDR, addr, sizeof(addr), -1);
}

static int tell_memory(struct lab *l, uint64_t addr, uint64_t size, uint64_t offset)
{
	uint64_t table[5] = { 1, addr, size, USER, offset };

	return tell(l, SET_MEM_TABLE, table, sizeof(table), l->ram);
}

static void hear_back(struct lab *l, void *to, size_t size)
{
	struct vhost_header head = {};

	EXPECT(recv(l->vmm, &head, sizeof(head), MSG_DONTWAIT) == sizeof(head));
	EXPECT(head.flags == 5 && head.size == size);
	EXPECT(recv(l->vmm, to, size, MSG_DONTWAIT) == (ssize_t)size);
}

static void open_lab(struct lab *l)
{
	struct vsock_setup s;
	int broker[2], vmm[2];
	void *ram;

	memset(l, 0, sizeof(*l));
	l->ram = memfd_create("ram", MFD_CLOEXEC);
	if (l->ram < 0 || ftruncate(l->ram, DRIVER_RAM) < 0 || loop_init(&l->loop) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, broker) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, vmm) < 0)
		abort();
	ram = mmap(NULL, DRIVER_RAM, PROT_READ | PROT_WRITE, MAP_SHARED, l->ram, 0);
	if (ram == MAP_FAILED)
		abort();
	memory_init(&l->driver.memory, ram, DRIVER_RAM);
	l->asked = broker[0];
	l->vmm = vmm[0];
	l->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	l->address_size = sizeof(l->address);
	s = (struct vsock_setup){
		.cid = VSOCK_PARENT_CID, .parent = true, .listener = -1,
		.relay = socket(AF_UNIX, SOCK_STREAM, 0), .broker = broker[1],
		.notify = eventfd(0, EFD_NONBLOCK), .irqfd = -1, .connections = 100,
		.memory = &l->h.memory, .events = &nobody, .loop = &l->loop,
	};
	/* the kernel chooses a name */
	if (bind(s.relay, (void *)&l->address, sizeof(sa_family_t)) < 0 ||
	    getsockname(s.relay, (void *)&l->address, &l->address_size) < 0 ||
	    listen(s.relay, 10) < 0 || vsock_init(&l->v, &s) < 0 ||
	    vhost_init(&l->h, vmm[1], &l->v, &l->loop) < 0)
		abort();
	for (int i = 0; i < VHOST_RINGS; i++) {
		l->kicks[i] = eventfd(0, EFD_NONBLOCK);
		l->calls[i] = eventfd(0, EFD_NONBLOCK);
	}
}

static void close_lab(struct lab *l)
{
	vhost_end(&l->h);
	vsock_work(&l->v);
	EXPECT(l->v.connections.count == 0);
	for (int i = 0; i < VHOST_RINGS; i++) {
		close(l->kicks[i]);
		close(l->calls[i]);
	}
	munmap(l->v.connections.all, CONNECTIONS_MAX * sizeof(struct connection));
	munmap(l->v.connections.buffers, (size_t)BUFFERS_MAX * BUFFER_SIZE);
	munmap(l->driver.memory.base, DRIVER_RAM);
	close(l->v.relay);
	close(l->v.broker);
	close(l->v.device.notify);
	close(l->loop.fd);
	close(l->h.fd);
	close(l->asked);
	close(l->vmm);
	close(l->ram);
}

static void start_ring(struct lab *l, unsigned int i)
{
	EXPECT(!tell_state(l, SET_VRING_NUM, i, DRIVER_QUEUE_SIZE));
	EXPECT(!tell_state(l, SET_VRING_BASE, i, l->driver.given[i]));
	EXPECT(!tell_address(l, i, USER + DRIVER_DESC(i), USER + DRIVER_USED(i),
			     USER + DRIVER_AVAIL(i)));
	EXPECT(!tell_number(l, SET_VRING_KICK, i, l->kicks[i]));
	EXPECT(!tell_number(l, SET_VRING_CALL, i, l->calls[i]));
	EXPECT(!tell_state(l, SET_VRING_ENABLE, i, 1));
}

static void kick(struct lab *l, unsigned int i)
{
	EXPECT(eventfd_write(l->kicks[i], 1) == 0);
	settle(l);
}

/* As QEMU does, and the guest has given buffers */
static void start(struct lab *l)
{
	EXPECT(!tell_number(l, SET_FEATURES, FEATURES, -1));
	EXPECT(!tell_memory(l, 0, DRIVER_RAM, 0));
	for (unsigned int i = 0; i < VHOST_RINGS; i++)
		start_ring(l, i);
	for (unsigned int i = 0; i < 32; i++)
		driver_give(&l->driver, VSOCK_RX, i, DRIVER_BUFFER_SIZE, true);
	kick(l, VSOCK_RX);
	EXPECT(virtio_running(&l->v.device, VSOCK_RX) && virtio_running(&l->v.device, VSOCK_TX));
}

static void say(struct lab *l, uint32_t cid, uint32_t port, uint16_t op)
{
	unsigned int i = l->driver.given[VSOCK_TX] % DRIVER_QUEUE_SIZE;
	struct virtio_vsock_hdr h = {
		.src_cid = htole64(VSOCK_PARENT_CID), .dst_cid = htole64(cid),
		.src_port = htole32(GUEST_PORT), .dst_port = htole32(port), .op = htole16(op),
		.type = htole16(VIRTIO_VSOCK_TYPE_STREAM), .buf_alloc = htole32(65536),
	};

	memcpy(driver_buffer(&l->driver, VSOCK_TX, i), &h, HEADER);
	driver_give(&l->driver, VSOCK_TX, i, HEADER, false);
	kick(l, VSOCK_TX);
}

/* Return: the next packet's kind, -1 if there is none */
static int hear(struct lab *l, struct virtio_vsock_hdr *ret)
{
	uint32_t len;
	int i = driver_take(&l->driver, VSOCK_RX, &len);

	if (i < 0)
		return -1;
	memcpy(ret, driver_buffer(&l->driver, VSOCK_RX, i), HEADER);
	return le16toh(ret->op);
}

static void answer(struct lab *l, struct vsock_question *q, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct iovec iov = { q, sizeof(*q) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	if (sendmsg(l->asked, &msg, 0) < 0)
		abort();
	settle(l);
}

/* The guest connects to an enclave. Return: that one's end, which has not accepted yet */
static int call_enclave(struct lab *l)
{
	struct vsock_question q = {};
	struct virtio_vsock_hdr h;
	int pair[2];

	say(l, ENCLAVE, PORT, VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(recv(l->asked, &q, sizeof(q), MSG_DONTWAIT) == sizeof(q));
	EXPECT(q.cid == ENCLAVE && q.port == PORT && q.guest_port == GUEST_PORT);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	q.relayed = 1;
	answer(l, &q, pair[1]);
	close(pair[1]);
	EXPECT(hear(l, &h) == -1);
	return pair[0];
}

UNIT(what_it_offers)
{
	struct {
		uint32_t offset, size, flags;
		uint64_t cid;
	} __attribute__((packed)) config = { .size = sizeof(uint64_t) };
	uint64_t n = 0;
	struct lab l;

	open_lab(&l);
	EXPECT(!tell(&l, GET_FEATURES, NULL, 0, -1));
	hear_back(&l, &n, sizeof(n));
	EXPECT(n == FEATURES);
	EXPECT(!tell(&l, SET_OWNER, NULL, 0, -1));
	EXPECT(!tell(&l, GET_PROTOCOL_FEATURES, NULL, 0, -1));
	hear_back(&l, &n, sizeof(n));
	EXPECT(!tell_number(&l, SET_PROTOCOL_FEATURES, n, -1));
	EXPECT(!tell(&l, GET_CONFIG, &config, sizeof(config), -1));
	hear_back(&l, &config, sizeof(config));
	EXPECT(config.cid == VSOCK_PARENT_CID);
	EXPECT(!tell_number(&l, SET_VRING_ERR, 0, l.kicks[0]));
	close_lab(&l);
}

UNIT(guest_calls_enclave)
{
	struct virtio_vsock_hdr h;
	struct lab l;
	uint64_t count;
	int enclave;

	open_lab(&l);
	start(&l);
	enclave = call_enclave(&l);
	/* the line comes in pieces, and data right behind it */
	EXPECT(send(enclave, "OK 107", 6, 0) == 6);
	settle(&l);
	EXPECT(hear(&l, &h) == -1);
	EXPECT(send(enclave, "\nhello", 6, 0) == 6);
	settle(&l);
	EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_RESPONSE && le64toh(h.src_cid) == ENCLAVE);
	EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_RW && le32toh(h.len) == 5);
	EXPECT(eventfd_read(l.calls[VSOCK_RX], &count) == 0);
	EXPECT(eventfd_read(l.calls[VSOCK_TX], &count) == 0);
	/* the same ports of another enclave are another connection */
	say(&l, ENCLAVE + 1, PORT, VIRTIO_VSOCK_OP_RW);
	EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_RST && le64toh(h.src_cid) == ENCLAVE + 1);
	close(enclave);
	settle(&l);
	EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_SHUTDOWN && le64toh(h.src_cid) == ENCLAVE);
	close_lab(&l);
}

UNIT(enclave_does_not_accept)
{
	static const char *const lines[] = { "", "NO\n", "OK 12345678901234567890123456789012345" };
	struct virtio_vsock_hdr h;
	struct lab l;
	int enclave;

	open_lab(&l);
	start(&l);
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		enclave = call_enclave(&l);
		EXPECT(send(enclave, lines[i], strlen(lines[i]), 0) >= 0);
		close(enclave);
		settle(&l);
		EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_RST && le64toh(h.src_cid) == ENCLAVE);
		EXPECT(l.v.connections.count == 0);
	}
	close_lab(&l);
}

UNIT(others_are_not_there)
{
	static const uint64_t others[] = { 0, 1, 2, VSOCK_PARENT_CID, UINT32_MAX };
	struct virtio_vsock_hdr h;
	char byte;
	struct lab l;

	open_lab(&l);
	start(&l);
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		say(&l, others[i], PORT, VIRTIO_VSOCK_OP_REQUEST);
		EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_RST && le64toh(h.src_cid) == others[i]);
	}
	/* nor has a parent a heartbeat */
	say(&l, ENCLAVE, VSOCK_HEARTBEAT_PORT, VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(hear(&l, &h) == -1);
	EXPECT(recv(l.asked, &byte, 1, MSG_DONTWAIT) == 1 &&
	       recv(l.asked, &byte, 1, MSG_DONTWAIT) < 0);
	close_lab(&l);
}

static int knock(struct lab *l, const char *line)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (void *)&l->address, l->address_size) < 0 ||
	    send(fd, line, strlen(line), 0) < 0)
		abort();
	settle(l);
	return fd;
}

UNIT(enclave_calls_guest)
{
	static const char *const bad[] = {
		"CONNECT 5000\n", "CONNECT 5000 3\n", "CONNECT 5000 4294967295\n", "CONNECT 5000 x\n",
		"CONNECT  16\n", "CONNECT 5000 -1\n", "CONNECT 5000 16 1\n",
	};
	struct virtio_vsock_hdr h;
	char text[32];
	struct lab l;
	int fd;

	open_lab(&l);
	start(&l);
	fd = knock(&l, "CONNECT 5000 16\n");
	EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(le64toh(h.src_cid) == 16 && le64toh(h.dst_cid) == 3 && le32toh(h.dst_port) == 5000);
	close(fd);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		fd = knock(&l, bad[i]);
		EXPECT(recv(fd, text, sizeof(text), MSG_DONTWAIT) <= 0);
		EXPECT(hear(&l, &h) == -1);
		close(fd);
	}
	close_lab(&l);
}

UNIT(rings_stop_and_start)
{
	struct virtio_vsock_hdr h;
	uint32_t state[2];
	struct lab l;
	int enclave;

	open_lab(&l);
	start(&l);
	enclave = call_enclave(&l);
	for (unsigned int i = 0; i < VHOST_RINGS; i++) {
		EXPECT(!tell_state(&l, GET_VRING_BASE, i, 0));
		hear_back(&l, state, sizeof(state));
		EXPECT(state[0] == i && state[1] == (i == VSOCK_TX ? 1 : 0));
	}
	EXPECT(l.v.connections.count == 0);
	EXPECT(recv(enclave, state, 1, MSG_DONTWAIT) == 0);
	close(enclave);
	/* memory comes anew, and so do the rings, where they were */
	EXPECT(!tell_memory(&l, 0, DRIVER_RAM, 0));
	l.driver.given[VSOCK_RX] = 0;
	start_ring(&l, VSOCK_RX);
	l.driver.given[VSOCK_RX] = 32;
	start_ring(&l, VSOCK_TX);
	close(call_enclave(&l));
	settle(&l);
	EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_RST);
	/* and once more while they are in use */
	EXPECT(!tell_memory(&l, 0, DRIVER_RAM, 0));
	say(&l, 2, PORT, VIRTIO_VSOCK_OP_REQUEST);
	EXPECT(hear(&l, &h) == VIRTIO_VSOCK_OP_RST);
	/* what they were in is gone */
	EXPECT(!tell_memory(&l, DRIVER_RAM, 4096, 0));
	EXPECT(!virtio_running(&l.v.device, VSOCK_TX));
	close_lab(&l);
}

/* Where a guest may put its rings, to its own harm */
UNIT(rings_where_none_can_be)
{
	static const uint64_t where[] = { 0, USER + DRIVER_RAM, USER + DRIVER_RAM - 16, USER + 8 };
	uint32_t state[2];
	struct lab l;

	open_lab(&l);
	start(&l);
	for (unsigned int i = 0; i < ARRAY_SIZE(where); i++) {
		EXPECT(!tell_state(&l, GET_VRING_BASE, VSOCK_TX, 0));
		hear_back(&l, state, sizeof(state));
		EXPECT(!tell_address(&l, VSOCK_TX, where[i], USER + DRIVER_USED(1),
				     USER + DRIVER_AVAIL(1)));
		EXPECT(!tell_number(&l, SET_VRING_KICK, VSOCK_TX, l.kicks[VSOCK_TX]));
		EXPECT(!virtio_running(&l.v.device, VSOCK_TX));
	}
	EXPECT(!tell_state(&l, GET_VRING_BASE, VSOCK_TX, 0));
	hear_back(&l, state, sizeof(state));
	start_ring(&l, VSOCK_TX);
	EXPECT(virtio_running(&l.v.device, VSOCK_TX));
	close_lab(&l);
}

/* Return: false if it was understood */
static bool refuses(uint32_t request, uint32_t flags, const void *payload, uint32_t size,
		    unsigned int n)
{
	int fds[16];
	struct lab l;
	bool refused;

	open_lab(&l);
	start(&l);
	for (unsigned int i = 0; i < n; i++)
		fds[i] = l.ram;
	refused = tell_with(&l, (struct vhost_header){ request, flags, size }, payload, fds, n) < 0;
	close_lab(&l);
	return refused;
}

static bool refuses_region(uint64_t addr, uint64_t size, uint64_t offset)
{
	uint64_t table[5] = { 1, addr, size, USER, offset };

	return refuses(SET_MEM_TABLE, 1, table, sizeof(table), 1);
}

UNIT(messages_that_make_no_sense)
{
	uint64_t nothing[80] = {}, many[80] = { 9 }, bad[2] = { 2 };

	EXPECT(refuses(0, 1, nothing, 0, 0));
	EXPECT(refuses(25, 1, nothing, 0, 0));
	EXPECT(refuses(UINT32_MAX, 1, nothing, 0, 0));
	EXPECT(refuses(GET_FEATURES, 0, nothing, 0, 0));
	EXPECT(refuses(GET_FEATURES, 5, nothing, 0, 0));
	EXPECT(refuses(SET_OWNER, 1, nothing, VHOST_PAYLOAD_MAX + 1, 0));
	EXPECT(refuses(SET_FEATURES, 1, nothing, 4, 0));
	EXPECT(refuses(SET_FEATURES, 1, (uint64_t[]){ UINT64_MAX }, 8, 0));
	EXPECT(refuses(SET_PROTOCOL_FEATURES, 1, (uint64_t[]){ 1 }, 8, 0));
	EXPECT(refuses(SET_VRING_KICK, 1, nothing, 8, 0));
	EXPECT(refuses(SET_VRING_KICK, 1, nothing, 8, 1));	/* a file is no eventfd */
	EXPECT(refuses(SET_VRING_KICK, 1, bad, 8, 1));
	EXPECT(refuses(SET_VRING_CALL, 1, bad, 8, 1));
	EXPECT(refuses(SET_VRING_NUM, 1, bad, 8, 0));
	EXPECT(refuses(SET_VRING_BASE, 1, (uint32_t[]){ 0, 65536 }, 8, 0));
	EXPECT(refuses(GET_VRING_BASE, 1, bad, 8, 0));
	EXPECT(refuses(SET_VRING_ADDR, 1, nothing, 40, 0));	/* it is in use */
	EXPECT(refuses(SET_MEM_TABLE, 1, many, 296, 9));
	EXPECT(refuses(SET_MEM_TABLE, 1, bad, 16, 2));
	EXPECT(refuses(SET_MEM_TABLE, 1, (uint64_t[]){ 1, 0, 0, 0, 0 }, 40, 0));
	EXPECT(refuses(GET_CONFIG, 1, (uint32_t[]){ 8, 8, 0, 0, 0 }, 20, 0));
	EXPECT(refuses(GET_CONFIG, 1, (uint32_t[]){ 0, 256, 0, 0, 0 }, 20, 0));
	EXPECT(refuses_region(0, 0, 0));
	EXPECT(refuses_region(0, DRIVER_RAM + 4096, 0));
	EXPECT(refuses_region(0, DRIVER_RAM, 4096));
	EXPECT(refuses_region(0, 4096, UINT64_MAX - 4095));
	EXPECT(refuses_region(0, 4095, 0));
	EXPECT(refuses_region(0, 4096, 1));
	EXPECT(refuses_region(UINT64_MAX - 4095, 8192, 0));
	EXPECT(!refuses_region(1ULL << 40, 8192, 4096));
}
