// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM says to the vsock device of its guest (vhost-user), with its guest's rings in
 * memory that it shares. The input is a sequence of messages: a byte for the kind, one for
 * descriptors, one for the size of what follows.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base.h"
#include "vhost.h"

#define RAM (1 << 20)
#define KICKS 4

enum { A_FILE, AN_EVENTFD, KINDS };

static struct {
	struct vsock v;
	struct vhost h;
	struct loop loop;
	struct events nobody;
	int ram, vmm, kicks[KICKS];
	unsigned int next;
	uint8_t *base;
} lab;

static void begin(void)
{
	struct vsock_setup s = {
		.cid = VSOCK_PARENT_CID, .parent = true, .listener = -1, .relay = -1,
		.broker = -1, .irqfd = -1, .connections = 16, .memory = &lab.h.memory,
		.events = &lab.nobody, .loop = &lab.loop,
	};

	lab.nobody.fd = -1;
	lab.ram = memfd_create("ram", MFD_CLOEXEC);
	s.notify = eventfd(0, EFD_NONBLOCK);
	if (lab.ram < 0 || ftruncate(lab.ram, RAM) < 0 || loop_init(&lab.loop) < 0 ||
	    vsock_init(&lab.v, &s) < 0)
		abort();
	lab.base = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, lab.ram, 0);
	if (lab.base == MAP_FAILED)
		abort();
}

static void open_lab(void)
{
	int pair[2];

	if (!lab.base)
		begin();
	memset(lab.base, 0, 65536);
	memset(&lab.h, 0, sizeof(lab.h));
	lab.v.device.status = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0 ||
	    vhost_init(&lab.h, pair[1], &lab.v, &lab.loop) < 0)
		abort();
	lab.vmm = pair[0];
	for (int i = 0; i < KICKS; i++)
		lab.kicks[i] = eventfd(0, EFD_NONBLOCK);
}

static void close_lab(void)
{
	vhost_end(&lab.h);
	vsock_work(&lab.v);
	if (lab.v.connections.count || lab.v.connections.n_free != BUFFERS_MAX)
		abort();
	close(lab.h.fd);
	close(lab.vmm);
	for (int i = 0; i < KICKS; i++)
		close(lab.kicks[i]);
}

static bool say(const uint8_t *p, size_t size)
{
	union {
		char buf[CMSG_SPACE((REGIONS_MAX + 1) * sizeof(int))];
		struct cmsghdr align;
	} control = {};
	struct vhost_header head = {
		.request = p[0] & 31, .flags = p[0] & 32 ? p[1] : 1,
		.size = p[0] & 64 ? size + 1 : size,
	};
	struct iovec iov[] = { { &head, sizeof(head) }, { (void *)(p + 3), size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	unsigned int n = (p[1] & 15) % (REGIONS_MAX + 2);
	int fds[REGIONS_MAX + 1], r;

	for (unsigned int i = 0; i < n; i++)
		fds[i] = (p[1] >> 4) % KINDS == A_FILE ? lab.ram : lab.kicks[lab.next++ % KICKS];
	if (n) {
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	}
	if (sendmsg(lab.vmm, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	do {
		r = vhost_hear(&lab.h);
	} while (r > 0);
	return r == 0;
}

/* The guest's turn: something in its RAM, and a kick */
static void write_ram(const uint8_t *p, size_t size)
{
	size_t at = (size_t)p[1] << 8;

	memcpy(lab.base + at, p + 3, size);
	(void)eventfd_write(lab.kicks[p[0] % KICKS], 1);
	loop_turn(&lab.loop, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char answers[512];
	bool more = true;

	open_lab();
	while (n >= 3 && more) {
		size_t size = data[2] < n - 3 ? data[2] : n - 3;

		if (data[0] & 128)
			write_ram(data, size);
		else
			more = say(data, size);
		data += 3 + size;
		n -= 3 + size;
		while (recv(lab.vmm, answers, sizeof(answers), MSG_DONTWAIT) > 0)
			;
	}
	close_lab();
	return 0;
}
