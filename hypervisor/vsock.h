/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_VSOCK_H
#define NITRO_HYPERVISOR_VSOCK_H

#include <linux/virtio_vsock.h>

#include "connection.h"
#include "events.h"
#include "virtio.h"

#define VSOCK_PARENT_CID 3
#define VSOCK_CID_MIN 4
#define VSOCK_KMS_PORT 8000
#define VSOCK_HEARTBEAT_PORT 9000
#define VSOCK_HEARTBEAT 0xb7

enum { VSOCK_RX, VSOCK_TX, VSOCK_EVENT, VSOCK_QUEUES };

/* Answers to packets of no connection that wait for a buffer of the guest's */
#define VSOCK_RESETS_MAX 64

/**
 * struct vsock_question - what the broker is asked, and what it answers
 * @guest_port: who asks
 * @port: the port that it wants to reach. An answer has a connected socket, or none.
 * @cid: whose port
 * @relayed: of an answer: behind the socket is another guest, which is being asked. If it
 *	accepts, a line says so ("OK PORT") before anything else comes.
 */
struct vsock_question {
	uint32_t guest_port;
	uint32_t port;
	uint32_t cid;
	uint32_t relayed;
};

/**
 * struct vsock - the device. Its memory is the lock's of @device.
 * @device: the transport's part
 * @config: what the guest reads
 * @loop: of the I/O thread
 * @events: who is told of the first heartbeat
 * @listener: where the host connects, -1 for nowhere
 * @relay: where a guest connects that is the parent, -1 for nowhere
 * @broker: who connects for us, -1 for nobody
 * @notified: source of device.notify
 * @knocked: source of @listener
 * @relay_knocked: source of @relay
 * @answered: source of @broker
 * @connections: all of them
 * @ready: those with something for the guest
 * @asking: those that the broker is yet to be asked for
 * @resets: headers of packets that are to be answered so
 * @first_reset: the first of them
 * @n_resets: how many
 * @gone: the driver has reset the device: no connection is left
 * @alive: there was a heartbeat
 * @parent: the guest is a parent: it has to do with enclaves, and nobody has a heartbeat
 */
struct vsock {
	struct virtio_device device;
	struct virtio_vsock_config config;
	struct loop *loop;
	const struct events *events;
	int listener, relay, broker;
	struct source notified, knocked, relay_knocked, answered;
	struct connections connections;
	struct connection_list ready;
	struct connection_list asking;
	struct virtio_vsock_hdr resets[VSOCK_RESETS_MAX];
	unsigned int first_reset, n_resets;
	bool gone;
	bool alive;
	bool parent;
};

struct vsock_setup {
	uint32_t cid;
	bool parent;
	int listener, relay, broker;
	int notify, irqfd;
	unsigned int connections;
	const struct memory *memory;
	const struct events *events;
	struct loop *loop;
};

int vsock_init(struct vsock *v, const struct vsock_setup *setup);
void vsock_work(struct vsock *v);

/* vsock-host.c: the host's side */
int vsock_host_init(struct vsock *v);
struct connection *vsock_host_new(struct vsock *v);
bool vsock_host_hung_up(const struct connection *c);
bool vsock_host_ask(struct vsock *v, struct connection *c);
void vsock_host_deliver(struct vsock *v, struct connection *c, const struct iovec *iov,
			unsigned int n);
void vsock_host_accepted(struct vsock *v, struct connection *c);
void vsock_host_shut(struct vsock *v, struct connection *c);

/* vsock.c: for the host's side */
void vsock_queue(struct vsock *v, struct connection *c, uint8_t send);
void vsock_kill(struct vsock *v, struct connection *c);
void vsock_delete(struct vsock *v, struct connection *c);

#endif
