/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_CONNECTION_H
#define NITRO_HYPERVISOR_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "loop.h"

struct vsock;

#define CONNECTIONS_MAX 10000
#define CONNECTION_BUCKETS 4096

/* What a guest may send ahead of the host's reading, by connection */
#define BUFFER_SIZE 65536U
/* So much of that is kept for all of them; whoever needs more is reset */
#define BUFFERS_MAX 1024

enum connection_state {
	CONNECTION_FREE,
	CONNECTION_GREETED,	/* the host has connected and says to which port */
	CONNECTION_OFFERED,	/* the guest is asked whether it takes it */
	CONNECTION_ASKING,	/* the guest has connected; the broker is asked */
	CONNECTION_PROMISED,	/* another guest is asked, behind the socket that there is */
	CONNECTION_OPEN,
	CONNECTION_DEAD,	/* the guest is yet to hear of the end */
};

/* Packets that the guest is to get, other than data */
#define SEND_REQUEST 0x01
#define SEND_RESPONSE 0x02
#define SEND_CREDIT 0x04
#define SEND_SHUTDOWN 0x08

/**
 * struct connection - a stream between a port of the guest and a socket of the host
 * @source: in the loop
 * @vsock: the device
 * @bucket: in the hash table, once the ports are known
 * @ready: in the list of those that have something for the guest, if @queued
 * @asking: in the list of those that the broker is yet to be asked for, if @waits
 * @fd: the host's socket, -1 for none
 * @peer: CID of the other end, as the guest has it
 * @guest_port: one end
 * @host_port: the other
 * @peer_buffer: how much the guest takes ahead of its reading
 * @peer_read: how much of what we sent it has read
 * @sent: how much we have sent it
 * @received: how much it has sent
 * @read: how much of that the host has taken
 * @told: what of that the guest was told last
 * @buffer: what the host has not taken, a ring of BUFFER_SIZE; NULL for nothing
 * @buffer_start: its first byte
 * @state: how far it is
 * @send: SEND_* bits
 * @guest_shut: VIRTIO_VSOCK_SHUTDOWN_* that the guest has said
 * @host_shut: those that we have said
 * @readable: the host's socket may have something
 * @ended: the host will send no more
 * @hung_up: nor will it read
 * @heartbeat: the host's end is ours: port 9000
 * @beats: answers that a heartbeat is yet to get
 */
struct connection {
	struct source source;
	struct vsock *vsock;
	LIST_ENTRY(connection) bucket;
	TAILQ_ENTRY(connection) ready;
	TAILQ_ENTRY(connection) asking;
	int fd;
	uint32_t peer, guest_port, host_port;
	uint32_t peer_buffer, peer_read, sent;
	uint32_t received, read, told;
	uint8_t *buffer;
	uint32_t buffer_start;
	uint8_t state;
	uint8_t send;
	uint8_t guest_shut, host_shut;
	uint8_t beats;
	bool queued : 1, waits : 1, readable : 1, ended : 1, hung_up : 1, heartbeat : 1;
};

TAILQ_HEAD(connection_list, connection);
LIST_HEAD(connection_bucket, connection);

/**
 * struct connections - all of a guest, in memory that is there from the start
 * @all: CONNECTIONS_MAX, of which those that were never used take no memory
 * @used: how many were ever used
 * @limit: how many there may be
 * @count: how many there are
 * @free: those that were used and are free
 * @buckets: those with ports
 * @buffers: BUFFERS_MAX of BUFFER_SIZE
 * @free_buffers: numbers of those that are free
 * @n_free: how many
 * @next_port: of the host's end of the next that the host makes
 */
struct connections {
	struct connection *all;
	unsigned int used, limit, count;
	struct connection_bucket free;
	struct connection_bucket buckets[CONNECTION_BUCKETS];
	uint8_t *buffers;
	uint16_t free_buffers[BUFFERS_MAX];
	unsigned int n_free;
	uint32_t next_port;
};

unsigned int connections_limit(unsigned int others);
int connections_init(struct connections *cs, unsigned int limit);
struct connection *connection_new(struct connections *cs);
void connection_set_ports(struct connections *cs, struct connection *c, uint32_t guest,
			  uint32_t host);
uint32_t connection_free_port(struct connections *cs, uint32_t peer, uint32_t guest);
struct connection *connection_find(struct connections *cs, uint32_t peer, uint32_t guest,
				   uint32_t host);
void connection_delete(struct connections *cs, struct connection *c);

uint32_t connection_buffered(const struct connection *c);
bool connection_keep(struct connections *cs, struct connection *c, const struct iovec *iov,
		     unsigned int n, size_t skip);
unsigned int connection_kept(const struct connection *c, struct iovec iov[2]);
void connection_taken(struct connections *cs, struct connection *c, uint32_t size);
void connection_drop_buffer(struct connections *cs, struct connection *c);

#endif
