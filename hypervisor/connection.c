// SPDX-License-Identifier: GPL-2.0
/*
 * The table of connections and their buffers. All memory is reserved at the start and
 * becomes real when it is used, so that nothing is allocated for a guest later and what
 * a guest can make us use has a limit.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "complain.h"
#include "connection.h"

/* Ports of the host's end of connections that it makes: what ports of servers are not */
#define PORT_FIRST 0x40000000U
#define PORT_LAST 0x7fffffffU

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/**
 * connections_limit - how many connections there may be descriptors for
 * @others: descriptors that are no connection's
 *
 * Return: as many as the process may have, at most CONNECTIONS_MAX.
 */
unsigned int connections_limit(unsigned int others)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return 0;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur < others)
		return 0;
	return files.rlim_cur - others < CONNECTIONS_MAX ? files.rlim_cur - others :
							   CONNECTIONS_MAX;
}

/**
 * connections_init - a table without connections
 * @cs: to fill, zeroed
 * @limit: how many there may be
 *
 * Return: 0, or -1 after a complaint.
 */
int connections_init(struct connections *cs, unsigned int limit)
{
	cs->all = reserve(CONNECTIONS_MAX * sizeof(*cs->all));
	cs->buffers = reserve((size_t)BUFFERS_MAX * BUFFER_SIZE);
	if (!cs->all || !cs->buffers)
		return complain("cannot reserve memory: %s", strerror(errno));
	cs->limit = limit < CONNECTIONS_MAX ? limit : CONNECTIONS_MAX;
	cs->next_port = PORT_FIRST;
	/* The lowest is used first, so that the rest stays untouched */
	for (unsigned int i = 0; i < BUFFERS_MAX; i++)
		cs->free_buffers[cs->n_free++] = BUFFERS_MAX - 1 - i;
	return 0;
}

/**
 * connection_new - a connection without ports and socket
 * @cs: the table
 *
 * Return: the connection, or NULL if there are as many as may be.
 */
struct connection *connection_new(struct connections *cs)
{
	struct connection *c = LIST_FIRST(&cs->free);

	if (cs->count >= cs->limit)
		return NULL;
	if (c)
		LIST_REMOVE(c, bucket);
	else
		c = &cs->all[cs->used++];
	memset(c, 0, sizeof(*c));
	c->fd = -1;
	cs->count++;
	return c;
}

static struct connection_bucket *bucket_of(struct connections *cs, uint32_t guest, uint32_t host)
{
	uint32_t hash = (guest * 0x9e3779b1U) ^ (host * 0x85ebca77U);

	return &cs->buckets[(hash ^ hash >> 16) % CONNECTION_BUCKETS];
}

/**
 * connection_set_ports - a connection can be found from now on
 * @cs: the table
 * @c: the connection, whose peer is known
 * @guest: port of the guest
 * @host: port of the host
 */
void connection_set_ports(struct connections *cs, struct connection *c, uint32_t guest,
			  uint32_t host)
{
	c->guest_port = guest;
	c->host_port = host;
	LIST_INSERT_HEAD(bucket_of(cs, guest, host), c, bucket);
}

/**
 * connection_free_port - a port for the host's end of a connection
 * @cs: the table
 * @peer: its CID
 * @guest: the other end
 *
 * Return: a port that no connection to @guest has.
 */
uint32_t connection_free_port(struct connections *cs, uint32_t peer, uint32_t guest)
{
	uint32_t port;

	/* There are far more ports than connections */
	do {
		port = cs->next_port;
		cs->next_port = port == PORT_LAST ? PORT_FIRST : port + 1;
	} while (connection_find(cs, peer, guest, port));
	return port;
}

/**
 * connection_find - the connection between two ports
 * @cs: the table
 * @peer: CID of the host's end
 * @guest: port of the guest
 * @host: port of the host
 *
 * Return: the connection, or NULL.
 */
struct connection *connection_find(struct connections *cs, uint32_t peer, uint32_t guest,
				   uint32_t host)
{
	struct connection *c;

	LIST_FOREACH(c, bucket_of(cs, guest, host), bucket)
		if (c->peer == peer && c->guest_port == guest && c->host_port == host)
			return c;
	return NULL;
}

/**
 * connection_delete - take a connection out of the table
 * @cs: the table
 * @c: the connection, in no list any more
 */
void connection_delete(struct connections *cs, struct connection *c)
{
	if (c->state != CONNECTION_GREETED)
		LIST_REMOVE(c, bucket);
	if (c->fd >= 0)
		close(c->fd);
	connection_drop_buffer(cs, c);
	c->state = CONNECTION_FREE;
	c->fd = -1;
	LIST_INSERT_HEAD(&cs->free, c, bucket);
	cs->count--;
}

/**
 * connection_buffered - how much the guest has sent and the host has not taken
 * @c: the connection
 */
uint32_t connection_buffered(const struct connection *c)
{
	return c->received - c->read;
}

/**
 * connection_keep - keep what the host does not take
 * @cs: the table
 * @c: the connection; c->received counts it already
 * @iov: what the guest has sent
 * @n: how many buffers those are
 * @skip: how much of it the host has taken
 *
 * Return: false if no memory is left for it.
 */
bool connection_keep(struct connections *cs, struct connection *c, const struct iovec *iov,
		     unsigned int n, size_t skip)
{
	size_t size = 0;
	uint32_t end;

	for (unsigned int i = 0; i < n; i++)
		size += iov[i].iov_len;
	size -= skip;
	if (!c->buffer) {
		if (!cs->n_free)
			return false;
		c->buffer = cs->buffers + (size_t)cs->free_buffers[--cs->n_free] * BUFFER_SIZE;
		c->buffer_start = 0;
	}
	end = c->buffer_start + connection_buffered(c) - size;
	for (unsigned int i = 0; i < n; i++) {
		const uint8_t *from = iov[i].iov_base;
		size_t length = iov[i].iov_len, part = length < skip ? length : skip;

		from += part;
		length -= part;
		skip -= part;
		while (length) {
			end %= BUFFER_SIZE;
			part = length < BUFFER_SIZE - end ? length : BUFFER_SIZE - end;
			memcpy(c->buffer + end, from, part);
			from += part;
			length -= part;
			end += part;
		}
	}
	return true;
}

/**
 * connection_kept - what the host is to take
 * @c: a connection with a buffer
 * @iov: to fill
 *
 * Return: how many of @iov it is.
 */
unsigned int connection_kept(const struct connection *c, struct iovec iov[2])
{
	uint32_t size = connection_buffered(c), first = BUFFER_SIZE - c->buffer_start;

	iov[0] = (struct iovec){ c->buffer + c->buffer_start, size < first ? size : first };
	iov[1] = (struct iovec){ c->buffer, size < first ? 0 : size - first };
	return iov[1].iov_len ? 2 : 1;
}

/**
 * connection_taken - the host has taken some of what was kept
 * @cs: the table
 * @c: the connection
 * @size: how much
 */
void connection_taken(struct connections *cs, struct connection *c, uint32_t size)
{
	c->read += size;
	c->buffer_start = (c->buffer_start + size) % BUFFER_SIZE;
	if (!connection_buffered(c))
		connection_drop_buffer(cs, c);
}

/**
 * connection_drop_buffer - forget what was kept
 * @cs: the table
 * @c: the connection
 */
void connection_drop_buffer(struct connections *cs, struct connection *c)
{
	if (!c->buffer)
		return;
	/* It may not be needed again for long */
	(void)madvise(c->buffer, BUFFER_SIZE, MADV_DONTNEED);
	cs->free_buffers[cs->n_free++] = (c->buffer - cs->buffers) / BUFFER_SIZE;
	c->buffer = NULL;
}
