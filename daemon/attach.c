// SPDX-License-Identifier: GPL-2.0
/*
 * Giving an ENI to its holder: another network namespace, a tap or veth, this
 * host itself, or a VMM that opens the tap device. Taking it back is deleting
 * the netdev and making it anew, which forgets all that the holder has set.
 */

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>

#include "kernel.h"
#include "nl.h"
#include "object.h"

/**
 * eni_default_name - name of an ENI's netdev that is not attached
 * @id: handle of the ENI
 * @name: where to
 *
 * Context: any.
 */
void eni_default_name(uint32_t id, char name[16])
{
	snprintf(name, 16, "eni%u", id);
}

/**
 * attach_text - what attaching an ENI comes to
 * @eni: the ENI
 *
 * Context: any.
 * Return: a text that differs when the attachment does; "none" for none.
 */
char *attach_text(const struct eni *eni)
{
	const struct attachment *a = &eni->attachment;

	return xprintf("%s:%s:%s:%s:%s", attach_kind_name(a->kind), a->netns ? a->netns : "",
		       a->ifname ? a->ifname : "", a->port ? a->port : "",
		       a->instance ? a->instance : "");
}

static void netdev_name(const struct eni *eni, char name[16])
{
	if (eni->attachment.ifname)
		snprintf(name, 16, "%s", eni->attachment.ifname);
	else
		eni_default_name(eni->o.handle, name);
}

/* A socket in the holder's namespace. One thread: nothing else runs there. */
static int open_netns(struct manager *m, const char *netns, int *ret_fd,
		      struct nl_sock **ret, struct error *e)
{
	_cleanup_free_ char *path = *netns == '/' ? xstrdup(netns) :
						    xprintf("/run/netns/%s", netns);
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(e, ERR_INVALID, "network namespace '%s': %s", netns,
			    strerror(errno));
	if (setns(fd, CLONE_NEWNET) < 0) {
		r = fail(e, ERR_INVALID, "network namespace '%s': %s", netns, strerror(errno));
		close(fd);
		return r;
	}
	r = rtnl_open(ret, e);
	if (setns(m->kernel->home, CLONE_NEWNET) < 0)
		abort();
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

static unsigned int subnet_len(const struct subnet *s, const struct prefix *address,
			       struct prefix *ret_router)
{
	for (size_t i = 0; i < s->cidrs.n; i++) {
		if (!prefix_contains(&s->cidrs.v[i], address))
			continue;
		prefix_first(&s->cidrs.v[i], 1, ret_router);
		return s->cidrs.v[i].len;
	}
	*ret_router = *address;
	return address->len;
}

/* Addresses with the subnet on the link, and routes to what is behind the
 * router: everything for a guest, the VPC for this host.
 */
static int configure(struct manager *m, const struct eni *eni, struct nl_sock *sk,
		     uint32_t ifindex, bool guest, struct error *e)
{
	struct subnet *s = SUBNET(model_get(&m->model, KIND_SUBNET, eni->vpc, eni->subnet));
	struct vpc *vpc = VPC(model_get(&m->model, KIND_VPC, NULL, eni->vpc));
	struct prefix router[2];
	bool have[2] = {};
	int r;

	r = rtnl_set_up(sk, ifindex, true, e);
	for (size_t i = 0; r >= 0 && i < eni->ips.n; i++) {
		const struct prefix *p = &eni->ips.v[i];
		struct prefix via;
		unsigned int len;

		if (!prefix_is_host(p))
			continue;
		len = subnet_len(s, p, &via);
		r = rtnl_add_address(sk, ifindex, p, len, e);
		if (!have[p->v6])
			router[p->v6] = via;
		have[p->v6] = true;
	}
	for (int v6 = 0; r >= 0 && guest && v6 < 2; v6++) {
		struct prefix all = { .v6 = v6 };

		if (have[v6])
			r = rtnl_add_route(sk, ifindex, &all, &router[v6], e);
	}
	for (size_t i = 0; r >= 0 && !guest && i < vpc->cidrs.n; i++) {
		const struct prefix *to = &vpc->cidrs.v[i];

		if (have[to->v6])
			r = rtnl_add_route(sk, ifindex, to, &router[to->v6], e);
	}
	return r;
}

static int to_netns(struct manager *m, const struct eni *eni, const struct keni *k,
		    struct error *e)
{
	struct nl_sock *there = NULL;
	struct link link;
	char name[16];
	int fd = -1, r;

	netdev_name(eni, name);
	r = open_netns(m, eni->attachment.netns, &fd, &there, e);
	if (r < 0)
		return r;
	if (k->ifindex)
		r = rtnl_move(m->kernel->nl->route, k->ifindex, fd, name, e);
	if (r >= 0)
		r = rtnl_find(there, 0, name, &link, e);
	if (r >= 0)
		r = configure(m, eni, there, link.ifindex, true, e);
	rtnl_close(there);
	close(fd);
	return r;
}

static int to_port(struct manager *m, const struct eni *eni, const struct keni *k,
		   struct error *e)
{
	struct nl_sock *sk = m->kernel->nl->route;
	struct link port;
	int r;

	r = rtnl_find(sk, 0, eni->attachment.port, &port, e);
	if (r >= 0 && port.master && port.master != k->ifindex)
		return fail(e, ERR_IN_USE, "port '%s' belongs to another master",
			    eni->attachment.port);
	if (r >= 0 && port.master != k->ifindex)
		r = rtnl_set_master(sk, port.ifindex, k->ifindex, e);
	if (r >= 0)
		r = rtnl_set_up(sk, port.ifindex, true, e);
	if (r >= 0)
		r = rtnl_set_up(sk, k->ifindex, true, e);
	return r;
}

static int to_local(struct manager *m, const struct eni *eni, const struct keni *k,
		    struct error *e)
{
	struct nl_sock *sk = m->kernel->nl->route;
	char name[16];
	int r = 0;

	netdev_name(eni, name);
	if (!streq(name, k->ifname))
		r = rtnl_set_name(sk, k->ifindex, name, e);
	return r < 0 ? r : configure(m, eni, sk, k->ifindex, false, e);
}

/**
 * attach_apply - attach a netdev that is not attached, or finish attaching
 * @m: the manager
 * @eni: the ENI
 * @k: its netdev
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int attach_apply(struct manager *m, const struct eni *eni, const struct keni *k,
		 struct error *e)
{
	switch (eni->attachment.kind) {
	case ATTACH_NONE:
		return 0;
	case ATTACH_NETNS:
		return to_netns(m, eni, k, e);
	case ATTACH_PORT:
		return to_port(m, eni, k, e);
	case ATTACH_LOCAL:
		return to_local(m, eni, k, e);
	case ATTACH_INSTANCE:
		return rtnl_set_up(m->kernel->nl->route, k->ifindex, true, e);
	}
	return 0;
}

/**
 * attach_in_place - can attach_apply() work with the netdev as it is?
 * @m: the manager
 * @eni: the ENI
 * @k: its netdev, as the kernel has just described it
 *
 * Context: event loop.
 * Return: false if the netdev has to be made anew first.
 */
bool attach_in_place(struct manager *m, const struct eni *eni, const struct keni *k)
{
	_cleanup_error_ struct error ignored = {};
	const struct attachment *a = &eni->attachment;
	struct nl_sock *there = NULL;
	struct link link;
	char name[16];
	bool found;
	int fd;

	netdev_name(eni, name);
	if (a->kind != ATTACH_NETNS)
		return k->ifindex && (a->kind == ATTACH_PORT || !k->port) &&
		       (a->kind == ATTACH_LOCAL || streq(k->ifname, name));
	if (k->ifindex)
		return !k->port;
	if (!streq(k->ifname, name) || open_netns(m, a->netns, &fd, &there, &ignored) < 0)
		return false;
	found = rtnl_find(there, 0, name, &link, &ignored) >= 0 && streq(link.kind, "nitro");
	rtnl_close(there);
	close(fd);
	return found;
}
