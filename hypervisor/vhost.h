/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_VHOST_H
#define NITRO_HYPERVISOR_VHOST_H

#include "vsock.h"

/* The VMM keeps the queue of events for itself */
#define VHOST_RINGS 2
#define VHOST_PAYLOAD_MAX 512

/* A message's head, as it is on the wire: little-endian, as we are */
struct vhost_header {
	uint32_t request, flags, size;
};

struct vhost;

/**
 * struct vhost_ring - a queue, as the VMM tells of it
 * @kicked: source of @kick
 * @vhost: whose
 * @kick: an eventfd: the driver has put something into it; -1 while it is stopped
 * @enabled: it may be used
 * @known: @desc, @avail and @used were said
 * @base: the entry that is taken next
 * @size: number of descriptors
 * @desc: where the VMM has it
 * @avail: the same
 * @used: the same
 */
struct vhost_ring {
	struct source kicked;
	struct vhost *vhost;
	int kick;
	bool enabled, known;
	uint16_t base, size;
	uint64_t desc, avail, used;
};

/**
 * struct vhost - the other side of a vhost-user device
 * @source: of @fd
 * @loop: the one thread's
 * @vsock: the device
 * @memory: what the VMM shares of its guest's RAM
 * @user: where the VMM has each region of it
 * @fd: the connection to the VMM
 * @rings: its queues
 * @calls: their interrupts, -1 for none
 * @head: of the message that is coming
 * @payload: the rest of it
 * @have: bytes of both that are there
 * @fds: what came with it
 * @n_fds: how many
 */
struct vhost {
	struct source source;
	struct loop *loop;
	struct vsock *vsock;
	struct memory memory;
	uint64_t user[REGIONS_MAX];
	int fd;
	struct vhost_ring rings[VHOST_RINGS];
	int calls[VHOST_RINGS];
	struct vhost_header head;
	uint8_t payload[VHOST_PAYLOAD_MAX];
	size_t have;
	int fds[REGIONS_MAX];
	unsigned int n_fds;
};

int vhost_init(struct vhost *h, int fd, struct vsock *v, struct loop *loop);
int vhost_hear(struct vhost *h);
void vhost_end(struct vhost *h);

#endif
