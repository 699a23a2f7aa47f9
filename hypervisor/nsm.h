/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_NSM_H
#define NITRO_HYPERVISOR_NSM_H

#include "loop.h"
#include "virtio.h"

/* What Linux sends at most, and the room that it gives for an answer */
#define NSM_REQUEST_MAX 0x1000
#define NSM_RESPONSE_MAX 0x3000

/**
 * struct nsm_request - a message to the security module
 * @number: no two requests have the same, little-endian as all numbers
 * @room: how much of a response the guest takes
 * @request: the guest's request, as long as the message
 */
struct nsm_request {
	uint64_t number;
	uint32_t room;
	uint8_t request[NSM_REQUEST_MAX];
};

/**
 * struct nsm_response - what comes back
 * @number: that of the request
 * @response: what the guest gets, as long as the message
 */
struct nsm_response {
	uint64_t number;
	uint8_t response[NSM_RESPONSE_MAX];
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
 * @number: that of the last request
 * @gone: the driver has reset the device
 */
struct nsm_device {
	struct virtio_device device;
	int module;
	struct source notified, answered;
	struct chain request, response;
	bool waiting;
	uint64_t number;
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
