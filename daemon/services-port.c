// SPDX-License-Identifier: GPL-2.0
/* The service port: a netdev in the network namespace of nitro-services. */

#include <sched.h>
#include <sys/stat.h>

#include "kernel.h"
#include "nl.h"
#include "object.h"
#include "services.h"

#define PORT "services"

static const char *const addresses[] = {
	"169.254.169.254", "169.254.169.253", "169.254.169.123",
	"fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::123",
};

/* Where the ENIs are, see kmod/vpc/service.h */
static const struct {
	const char *to, *source;
} clients[] = {
	{ "240.0.0.0/4", "169.254.169.254" },
	{ "fd00:ec3::/32", "fd00:ec2::254" },
};

static int add_address(struct link_config *c, const char *text, struct error *e)
{
	struct link_address a = {};
	int r = address_parse(text, &a.address, e);

	if (r < 0)
		return r;
	a.len = a.address.len;
	GROW(c->addresses, c->n_addresses, c->cap_addresses);
	c->addresses[c->n_addresses++] = a;
	return 0;
}

static int add_route(struct link_config *c, const char *to, const char *source, struct error *e)
{
	struct link_route route = {};
	int r = prefix_parse(to, &route.to, e);

	if (r >= 0)
		r = address_parse(source, &route.source, e);
	if (r < 0)
		return r;
	GROW(c->routes, c->n_routes, c->cap_routes);
	c->routes[c->n_routes++] = route;
	return 0;
}

static int configure(struct nl_sock *sk, uint32_t ifindex, struct error *e)
{
	_cleanup_(link_config_free) struct link_config c = {};
	int r = rtnl_set_up(sk, 1, true, e);

	if (r >= 0)
		r = rtnl_set_up(sk, ifindex, true, e);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(addresses); i++)
		r = add_address(&c, addresses[i], e);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(clients); i++)
		r = add_route(&c, clients[i].to, clients[i].source, e);
	return r < 0 ? r : rtnl_configure(sk, ifindex, &c, e);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) < 0 || fstat(b, &y) < 0 ||
	       (x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static int open_in(struct manager *m, int netns_fd, struct nl_sock **ret, struct error *e)
{
	int r;

	if (setns(netns_fd, CLONE_NEWNET) < 0)
		return fail(e, ERR_INVALID, "the network namespace of the services: %s",
			    strerror(errno));
	r = rtnl_open(ret, e);
	if (setns(m->kernel->home, CLONE_NEWNET) < 0)
		abort();
	return r;
}

/**
 * services_open - make the service port in a network namespace
 * @m: the manager
 * @netns_fd: the namespace, not this host's own
 * @ret_created: it was not there before
 * @e: says why not
 *
 * The port ends with the namespace.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int services_open(struct manager *m, int netns_fd, bool *ret_created, struct error *e)
{
	_cleanup_error_ struct error none = {};
	struct nl_sock *there = NULL;
	struct link link;
	int r;

	if (same_file(netns_fd, m->kernel->home))
		return fail(e, ERR_INVALID,
			    "the services need a network namespace of their own, not the host's");
	if (!m->kernel->nl)
		return fail(e, ERR_FAILED, "%s", m->kernel->problem ? m->kernel->problem :
			    "this host has no card");
	r = open_in(m, netns_fd, &there, e);
	if (r < 0)
		return r;
	*ret_created = rtnl_find(there, 0, PORT, &link, &none) < 0;
	if (*ret_created) {
		r = rtnl_new_service(m->kernel->nl->route, PORT, netns_fd, e);
		if (r >= 0)
			r = rtnl_find(there, 0, PORT, &link, e);
	} else if (!streq(link.kind, "nitro_service")) {
		r = fail(e, ERR_INVALID, "link '%s' of the services is no service port", PORT);
	}
	if (r >= 0)
		r = configure(there, link.ifindex, e);
	rtnl_close(there);
	return r;
}
