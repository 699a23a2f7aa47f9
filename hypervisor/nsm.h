/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_NSM_H
#define NITRO_HYPERVISOR_NSM_H

#include "loop.h"
#include "virtio.h"

/* What Linux sends at most, and the room that it gives for an answer */
#define NSM_REQUEST_MAX 0x1000
#define NSM_RESPONSE_MAX 0x3000

/**
 * struct nsm_request - a message to the security module. An answer is the response alone
 * @room: how much of a response the guest takes, little-endian
 * @request: the guest's request, as long as the message
 */
struct nsm_request {
	uint32_t room;
	uint8_t request[NSM_REQUEST_MAX];
};

/**
 * struct nsm_device - the guest's way to its security module
 * @device: the transport's part; its lock protects all of it
 * @module: a SOCK_SEQPACKET socket to the module, -1 once it is gone
 * @notified: source of device.notify
 * @answered: source of @module
 * @request: buffers of the request that the module is busy with, if @waiting
 * @response: buffers for its response
 * @waiting: the module is busy with a request
 * @stale: answers to come that nobody waits for any more
 * @gone: the driver has reset the device
 */
struct nsm_device {
	struct virtio_device device;
	int module;
	struct source notified, answered;
	struct chain request, response;
	bool waiting;
	unsigned int stale;
	bool gone;
};

struct nsm_setup {
	int module;
	int notify, irqfd;
	const struct memory *memory;
	struct loop *loop;
};

int nsm_init(struct nsm_device *n, const struct nsm_setup *setup);

#endif
