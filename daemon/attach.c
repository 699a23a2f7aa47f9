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

#include "instances.h"
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

/* The namespace that an ENI belongs in, as a name or a path; NULL for this one */
static char *netns_of(struct manager *m, const struct eni *eni)
{
	const struct attachment *a = &eni->attachment;

	return a->kind == ATTACH_NETNS ? xstrdup(a->netns) :
	       a->kind == ATTACH_INSTANCE ? metal_netns(&m->model, a->instance) : NULL;
}

/* @away: in the holder's namespace, where the ENIs of an instance begin with eth0 */
static void netdev_name(const struct eni *eni, bool away, char name[16])
{
	if (eni->attachment.ifname)
		snprintf(name, 16, "%s", eni->attachment.ifname);
	else if (away && eni->attachment.kind == ATTACH_INSTANCE)
		snprintf(name, 16, "eth%u", eni->attachment.index);
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

static const struct prefix *block_of(const struct subnet *s, const struct prefix *address)
{
	for (size_t i = 0; i < s->cidrs.n; i++)
		if (prefix_contains(&s->cidrs.v[i], address))
			return &s->cidrs.v[i];
	return address;
}

static void add_route(struct link_config *c, const struct prefix *to, const struct prefix *via,
		      const struct prefix *source)
{
	for (size_t i = 0; i < c->n_routes; i++)
		if (prefix_equal(&c->routes[i].to, to))
			return;
	GROW(c->routes, c->n_routes, c->cap_routes);
	c->routes[c->n_routes++] = (struct link_route){
		.to = *to, .via = via ? *via : *to, .source = *source, .gateway = via,
	};
}

/* Routes to what is behind the router: everything for a guest, the VPC for this
 * host. The first address of a family is what is sent from.
 */
static void add_far_routes(struct link_config *c, const struct vpc *vpc, bool guest,
			   const struct prefix *block, const struct prefix *source)
{
	struct prefix all = { .v6 = source->v6 }, router;

	prefix_first(block, 1, &router);
	if (guest)
		add_route(c, &all, &router, source);
	for (size_t i = 0; !guest && i < vpc->cidrs.n; i++)
		if (vpc->cidrs.v[i].v6 == source->v6)
			add_route(c, &vpc->cidrs.v[i], &router, source);
}

/* Addresses, with their subnet on the link */
static void plan(struct manager *m, const struct eni *eni, bool guest, struct link_config *c)
{
	struct subnet *s = SUBNET(model_get(&m->model, KIND_SUBNET, eni->vpc, eni->subnet));
	struct vpc *vpc = VPC(model_get(&m->model, KIND_VPC, NULL, eni->vpc));
	bool have[2] = {};

	c->metric = eni->o.handle;
	for (size_t i = 0; i < eni->ips.n; i++) {
		const struct prefix *p = &eni->ips.v[i], *block = block_of(s, p);

		if (!prefix_is_host(p))
			continue;
		GROW(c->addresses, c->n_addresses, c->cap_addresses);
		c->addresses[c->n_addresses++] = (struct link_address){ *p, block->len };
		add_route(c, block, NULL, p);
		if (!have[p->v6])
			add_far_routes(c, vpc, guest, block, p);
		have[p->v6] = true;
	}
}

static char *holder_text(struct manager *m, const struct eni *eni)
{
	const struct attachment *a = &eni->attachment;
	_cleanup_free_ char *netns = netns_of(m, eni);

	return xprintf("%s:%s:%s:%s:%s ", attach_kind_name(a->kind), netns ? netns : "",
		       a->ifname ? a->ifname : "", a->port ? a->port : "",
		       a->instance ? a->instance : "");
}

/**
 * attach_text - what attaching an ENI comes to
 * @m: the manager
 * @eni: the ENI
 *
 * Context: any.
 * Return: a text that differs when the attachment does, or what the holder is
 * given: the holder (starting with "none:" for none), a space, the configuration.
 */
char *attach_text(struct manager *m, const struct eni *eni)
{
	const struct attachment *a = &eni->attachment;
	_cleanup_(link_config_free) struct link_config c = {};
	_cleanup_free_ char *holder = holder_text(m, eni);
	struct text t = {};

	text_add(&t, "%s", holder);
	if (a->kind != ATTACH_NETNS && a->kind != ATTACH_LOCAL)
		return t.s;
	plan(m, eni, a->kind == ATTACH_NETNS, &c);
	for (size_t i = 0; i < c.n_addresses; i++) {
		char buf[PREFIX_STRLEN];

		text_add(&t, "%s/%u ", prefix_format_short(&c.addresses[i].address, buf),
			 c.addresses[i].len);
	}
	for (size_t i = 0; i < c.n_routes; i++) {
		char to[PREFIX_STRLEN], via[PREFIX_STRLEN], source[PREFIX_STRLEN];

		text_add(&t, "%s>%s<%s ", prefix_format(&c.routes[i].to, to),
			 prefix_format(&c.routes[i].via, via),
			 prefix_format(&c.routes[i].source, source));
	}
	return t.s;
}

static int configure(struct manager *m, const struct eni *eni, struct nl_sock *sk,
		     uint32_t ifindex, bool guest, struct error *e)
{
	_cleanup_(link_config_free) struct link_config c = {};
	int r;

	plan(m, eni, guest, &c);
	r = rtnl_set_up(sk, ifindex, true, e);
	return r < 0 ? r : rtnl_configure(sk, ifindex, &c, e);
}

static int to_netns(struct manager *m, const struct eni *eni, const struct keni *k,
		    const char *netns, struct error *e)
{
	struct nl_sock *there = NULL;
	struct link link;
	char name[16];
	int fd = -1, r;

	netdev_name(eni, true, name);
	r = open_netns(m, netns, &fd, &there, e);
	if (r < 0)
		return r;
	if (k->ifindex)
		r = rtnl_move(m->kernel->nl->route, k->ifindex, fd, name, e);
	if (r >= 0)
		r = rtnl_find(there, 0, k->ifindex ? name : k->ifname, &link, e);
	if (r >= 0 && !streq(link.name, name))
		r = rtnl_set_name(there, link.ifindex, name, e);
	/* an operating system asks by DHCP what its addresses are */
	if (r >= 0 && eni->attachment.kind == ATTACH_NETNS)
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

/* A holder may have renamed what it holds */
static int name_back(struct manager *m, const struct eni *eni, const struct keni *k,
		     struct error *e)
{
	char name[16];

	netdev_name(eni, false, name);
	if (streq(name, k->ifname))
		return 0;
	return rtnl_set_name(m->kernel->nl->route, k->ifindex, name, e);
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
	_cleanup_free_ char *netns = netns_of(m, eni);
	struct nl_sock *sk = m->kernel->nl->route;
	int r;

	if (netns)
		return to_netns(m, eni, k, netns, e);
	r = name_back(m, eni, k, e);
	if (r < 0)
		return r;
	switch (eni->attachment.kind) {
	case ATTACH_PORT:
		return to_port(m, eni, k, e);
	case ATTACH_LOCAL:
		return configure(m, eni, sk, k->ifindex, false, e);
	case ATTACH_INSTANCE:
		return rtnl_set_up(sk, k->ifindex, true, e);
	default:
		return 0;
	}
}

/**
 * attach_moves - will attach_apply() change what the card tells of the netdev?
 * @m: the manager
 * @eni: the ENI
 * @k: its netdev
 *
 * Context: any.
 * Return: true if it goes elsewhere or gets another name or a port.
 */
bool attach_moves(struct manager *m, const struct eni *eni, const struct keni *k)
{
	_cleanup_free_ char *netns = netns_of(m, eni);
	char name[16];

	netdev_name(eni, false, name);
	return netns || eni->attachment.kind == ATTACH_PORT || !streq(name, k->ifname);
}

static bool same_holder(struct manager *m, const char *text, const struct eni *eni)
{
	_cleanup_free_ char *holder = holder_text(m, eni);

	return startswith(text, holder);
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
	_cleanup_free_ char *netns = netns_of(m, eni);
	_cleanup_error_ struct error ignored = {};
	const struct attachment *a = &eni->attachment;
	struct nl_sock *there = NULL;
	struct link link;
	char name[16];
	bool found;
	int fd;

	/* of a holder that has gone, its settings have to go, too */
	if (k->attached && !startswith(k->attached, "none:") && !same_holder(m, k->attached, eni))
		return false;
	netdev_name(eni, false, name);
	if (!netns)
		return k->ifindex && (a->kind == ATTACH_PORT || !k->port) &&
		       (a->kind != ATTACH_NONE || streq(k->ifname, name));
	if (k->ifindex)
		return !k->port;
	if (open_netns(m, netns, &fd, &there, &ignored) < 0)
		return false;
	found = rtnl_find(there, 0, k->ifname, &link, &ignored) >= 0 && streq(link.kind, "nitro");
	rtnl_close(there);
	close(fd);
	return found;
}
