// SPDX-License-Identifier: GPL-2.0
/* Sockets on the service addresses. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "services.h"

/**
 * socket_bind - a socket on an address and port
 * @address: one of the service port's
 * @port: the port
 * @type: SOCK_STREAM or SOCK_DGRAM
 * @e: says why not
 *
 * The address may be away while the module is, hence FREEBIND.
 *
 * Context: may need CAP_NET_BIND_SERVICE.
 * Return: the socket, which does not block, or a negative errno.
 */
int socket_bind(const char *address, uint16_t port, int type, struct error *e)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool v6 = strchr(address, ':');
	int on = 1, fd;

	fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot make a socket: %s", strerror(errno));
	if (inet_pton(v6 ? AF_INET6 : AF_INET, address,
		      v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND,
		       &on, sizeof(on)) < 0 ||
	    bind(fd, v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
		 v6 ? sizeof(in6) : sizeof(in)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 1024) < 0)) {
		int r = fail(e, ERR_FAILED, "cannot listen on '%s' port %u: %s", address, port,
			     strerror(errno));

		close(fd);
		return r;
	}
	return fd;
}
