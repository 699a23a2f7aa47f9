// SPDX-License-Identifier: GPL-2.0
/* DHCP and DHCPv6: the sockets, and an ENI's lease. */

#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "lease.h"
#include "services.h"

#define BURST 64	/* messages before others have their turn */

struct dhcp_server {
	struct services *s;
	int fd[2];
	sd_event_source *source[2];
};

static size_t servers(struct prefix ret[LEASE_SERVERS], const struct addresses *list, bool v6)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n && n < LEASE_SERVERS; i++)
		if (list->v[i].v6 == v6)
			ret[n++] = list->v[i];
	return n;
}

static void set_names(struct lease *lease, const struct services *s, const struct eni *eni)
{
	_cleanup_free_ char *name = eni_hostname(eni, s->domain);
	const char *dot = strchr(name, '.');

	snprintf(lease->hostname, sizeof(lease->hostname), "%.*s", (int)(dot - name), name);
	snprintf(lease->domain, sizeof(lease->domain), "%s", dot + 1);
}

static void make_lease(const struct services *s, const struct eni *eni, bool v6,
		       struct lease *ret)
{
	static const char *const time_servers[] = { "169.254.169.123", "fd00:ec2::123" };
	const struct prefix *address = eni_primary(eni, v6), *cidr = eni_cidr(eni, v6);
	_cleanup_error_ struct error ignored = {};

	*ret = (struct lease){};
	memcpy(ret->mac, eni->mac, sizeof(ret->mac));
	if (!v6 && address && cidr) {
		ret->address = *address;
		ret->len = cidr->len;
		prefix_first(cidr, 1, &ret->router);
	}
	for (size_t i = 0; v6 && i < eni->ips.n && ret->n_addresses < LEASE_ADDRESSES; i++)
		if (eni->ips.v[i].v6 && prefix_is_host(&eni->ips.v[i]))
			ret->addresses[ret->n_addresses++] = eni->ips.v[i];
	ret->n_dns = servers(ret->dns, &eni->dns_servers, v6);
	if (!eni->dns_servers.n && eni_resolver(eni, v6, &ret->dns[0]))
		ret->n_dns = 1;
	ret->n_ntp = servers(ret->ntp, &eni->ntp_servers, v6);
	if (!eni->ntp_servers.n && address_parse(time_servers[v6], &ret->ntp[0], &ignored) >= 0)
		ret->n_ntp = 1;
	ret->mtu = eni->mtu;
	set_names(ret, s, eni);
}

static void answer(struct dhcp_server *d, int fd, const uint8_t *request, size_t n,
		   const struct sockaddr_storage *peer, socklen_t len)
{
	bool v6 = peer->ss_family == AF_INET6;
	uint8_t reply[DHCP_MESSAGE_MAX];
	struct lease lease;
	struct eni *eni;
	size_t size;

	eni = enis_get(&d->s->enis, client_service((const struct sockaddr *)peer));
	if (!eni)
		return;
	make_lease(d->s, eni, v6, &lease);
	size = v6 ? dhcp6_answer(&lease, request, n, reply) :
		    dhcp4_answer(&lease, request, n, reply);
	if (size)
		(void)sendto(fd, reply, size, MSG_DONTWAIT, (const struct sockaddr *)peer, len);
}

static int on_message(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct dhcp_server *d = userdata;
	uint8_t request[2048];

	(void)source;
	(void)revents;
	for (int i = 0; i < BURST; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		ssize_t n = recvfrom(fd, request, sizeof(request), MSG_DONTWAIT,
				     (struct sockaddr *)&peer, &len);

		if (n < 0)
			break;
		answer(d, fd, request, n, &peer, len);
	}
	return 0;
}

/**
 * dhcp_start - answer DHCP and DHCPv6
 * @s: the services
 * @e: says why not
 *
 * Context: at start; binds ports below 1024.
 * Return: 0 or a negative errno.
 */
int dhcp_start(struct services *s, struct error *e)
{
	struct dhcp_server *d = xcalloc(1, sizeof(*d));

	s->dhcp = d;
	d->s = s;
	d->fd[0] = socket_bind("169.254.169.254", 67, SOCK_DGRAM, e);
	d->fd[1] = d->fd[0] < 0 ? -1 : socket_bind("fd00:ec2::254", 547, SOCK_DGRAM, e);
	for (int i = 0; i < 2; i++) {
		int r;

		if (d->fd[i] < 0)
			return -EIO;
		r = sd_event_add_io(s->event, &d->source[i], d->fd[i], EPOLLIN, on_message, d);
		if (r < 0)
			return fail(e, ERR_FAILED, "cannot listen for DHCP: %s", strerror(-r));
	}
	return 0;
}

/**
 * dhcp_stop - answer no more
 * @s: the services
 *
 * Context: at the end.
 */
void dhcp_stop(struct services *s)
{
	struct dhcp_server *d = s->dhcp;

	if (!d)
		return;
	for (int i = 0; i < 2; i++) {
		sd_event_source_disable_unref(d->source[i]);
		close_fd(&d->fd[i]);
	}
	free(d);
	s->dhcp = NULL;
}
