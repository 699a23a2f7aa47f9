// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses and routes of a link by rtnetlink, in the namespace of a socket.
 * Those that nitrod gives carry its mark, so that it can take them back without
 * knowing what it gave, and leaves alone what others gave.
 */

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <sys/socket.h>

#include "nl.h"

/* ifa_proto and rtm_protocol; not in the list of iproute2 */
#define MARK 110

static int family(bool v6)
{
	return v6 ? AF_INET6 : AF_INET;
}

static size_t size_of(const struct prefix *p)
{
	return p->v6 ? 16 : 4;
}

static struct nl_msg *new_msg(int type, int flags, void *header, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, header, size, NLMSG_ALIGNTO) < 0)
		abort();
	return msg;
}

/* When the first address of an IPv4 subnet goes, the others stay */
static int promote_secondaries(struct nl_sock *sk, uint32_t ifindex, struct error *e)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct nl_msg *msg = new_msg(RTM_NEWLINK, 0, &ifi, sizeof(ifi));
	struct nlattr *spec, *inet, *conf;

	spec = card_nest(msg, IFLA_AF_SPEC);
	inet = card_nest(msg, AF_INET);
	conf = card_nest(msg, IFLA_INET_CONF);
	card_put_u32(msg, IPV4_DEVCONF_PROMOTE_SECONDARIES, 1);
	nla_nest_end(msg, conf);
	nla_nest_end(msg, inet);
	nla_nest_end(msg, spec);
	return card_call(sk, msg, NULL, NULL, "keep secondary addresses of a link", e);
}

static int change_address(struct nl_sock *sk, uint32_t ifindex, const struct link_address *a,
			  bool add, struct error *e)
{
	struct ifaddrmsg ifa = {
		.ifa_family = family(a->address.v6), .ifa_prefixlen = a->len,
		.ifa_index = ifindex,
	};
	struct nl_msg *msg = new_msg(add ? RTM_NEWADDR : RTM_DELADDR,
				     add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &ifa, sizeof(ifa));
	/* the card answers for every address of a subnet */
	uint32_t flags = IFA_F_NOPREFIXROUTE | (a->address.v6 ? IFA_F_NODAD : 0);
	uint8_t mark = MARK;
	char buf[PREFIX_STRLEN];
	_cleanup_free_ char *what = xprintf("%s address '%s'", add ? "add" : "delete",
					    prefix_format_short(&a->address, buf));

	card_put(msg, IFA_LOCAL, size_of(&a->address), a->address.a);
	card_put(msg, IFA_ADDRESS, size_of(&a->address), a->address.a);
	if (add) {
		card_put_u32(msg, IFA_FLAGS, flags);
		card_put(msg, IFA_PROTO, sizeof(mark), &mark);
	}
	return card_call(sk, msg, NULL, NULL, what, e);
}

static int change_route(struct nl_sock *sk, uint32_t ifindex, uint32_t metric,
			const struct link_route *r, bool add, struct error *e)
{
	struct rtmsg rtm = {
		.rtm_family = family(r->to.v6), .rtm_dst_len = r->to.len,
		.rtm_table = RT_TABLE_MAIN, .rtm_protocol = MARK,
		.rtm_scope = !add ? RT_SCOPE_NOWHERE : r->gateway || r->to.v6 ?
			     RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST, .rtm_flags = r->gateway && add ? RTNH_F_ONLINK : 0,
	};
	struct nl_msg *msg = new_msg(add ? RTM_NEWROUTE : RTM_DELROUTE,
				     add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &rtm, sizeof(rtm));
	size_t size = size_of(&r->to);
	char buf[PREFIX_STRLEN];
	_cleanup_free_ char *what = xprintf("%s the route to '%s'", add ? "set" : "delete",
					    prefix_format(&r->to, buf));

	if (r->to.len)
		card_put(msg, RTA_DST, size, r->to.a);
	card_put_u32(msg, RTA_OIF, ifindex);
	card_put_u32(msg, RTA_PRIORITY, metric);
	if (add && r->gateway)
		card_put(msg, RTA_GATEWAY, size, r->via.a);
	if (add)
		card_put(msg, RTA_PREFSRC, size, r->source.a);
	return card_call(sk, msg, NULL, NULL, what, e);
}

/* What a dump has of the link that is marked and not wanted */
struct stale {
	uint32_t ifindex;
	const struct link_config *wanted;
	struct link_config found;
};

static void set_prefix(struct prefix *p, unsigned char af, unsigned int len,
		       const struct nlattr *attr)
{
	*p = (struct prefix){ .v6 = af == AF_INET6, .len = len };
	if (attr)
		memcpy(p->a, nla_data(attr), size_of(p));
}

static int on_address(struct nlmsghdr *nlh, void *userdata)
{
	struct ifaddrmsg *ifa = nlmsg_data(nlh);
	struct nlattr *tb[IFA_MAX + 1];
	struct stale *s = userdata;
	struct link_address a = { .len = ifa->ifa_prefixlen };

	if (ifa->ifa_index != s->ifindex)
		return 0;
	if (nlmsg_parse(nlh, sizeof(*ifa), tb, IFA_MAX, NULL) < 0)
		return -EBADMSG;
	if (!tb[IFA_PROTO] || nla_get_u8(tb[IFA_PROTO]) != MARK)
		return 0;
	set_prefix(&a.address, ifa->ifa_family, ifa->ifa_family == AF_INET6 ? 128 : 32,
		   tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS]);
	for (size_t i = 0; i < s->wanted->n_addresses; i++) {
		const struct link_address *w = &s->wanted->addresses[i];

		if (w->len == a.len && prefix_equal(&w->address, &a.address))
			return 0;
	}
	GROW(s->found.addresses, s->found.n_addresses, s->found.cap_addresses);
	s->found.addresses[s->found.n_addresses++] = a;
	return 0;
}

static int on_route(struct nlmsghdr *nlh, void *userdata)
{
	struct rtmsg *rtm = nlmsg_data(nlh);
	struct nlattr *tb[RTA_MAX + 1];
	struct link_route route = {};
	struct stale *s = userdata;

	if (rtm->rtm_protocol != MARK || rtm->rtm_table != RT_TABLE_MAIN)
		return 0;
	if (nlmsg_parse(nlh, sizeof(*rtm), tb, RTA_MAX, NULL) < 0)
		return -EBADMSG;
	if (!tb[RTA_OIF] || nla_get_u32(tb[RTA_OIF]) != s->ifindex)
		return 0;
	set_prefix(&route.to, rtm->rtm_family, rtm->rtm_dst_len, tb[RTA_DST]);
	for (size_t i = 0; i < s->wanted->n_routes; i++)
		if (prefix_equal(&s->wanted->routes[i].to, &route.to))
			return 0;
	GROW(s->found.routes, s->found.n_routes, s->found.cap_routes);
	s->found.routes[s->found.n_routes++] = route;
	return 0;
}

static int delete_stale(struct nl_sock *sk, uint32_t ifindex, const struct link_config *wanted,
			struct error *e)
{
	struct stale s = { .ifindex = ifindex, .wanted = wanted };
	struct ifaddrmsg ifa = {};
	struct rtmsg rtm = {};
	int r;

	r = card_call(sk, new_msg(RTM_GETROUTE, NLM_F_DUMP, &rtm, sizeof(rtm)), on_route, &s,
		      "show routes", e);
	for (size_t i = 0; r >= 0 && i < s.found.n_routes; i++)
		r = change_route(sk, ifindex, wanted->metric, &s.found.routes[i], false, e);
	if (r >= 0)
		r = card_call(sk, new_msg(RTM_GETADDR, NLM_F_DUMP, &ifa, sizeof(ifa)),
			      on_address, &s, "show addresses", e);
	for (size_t i = 0; r >= 0 && i < s.found.n_addresses; i++)
		r = change_address(sk, ifindex, &s.found.addresses[i], false, e);
	link_config_free(&s.found);
	return r;
}

/**
 * rtnl_configure - give a link its addresses and routes, and take back others
 * @sk: the socket
 * @ifindex: the link
 * @c: what nitrod gives it
 * @e: gets the kernel's words
 *
 * What stays is not touched. A route is led to its new source before an old
 * source goes, as the kernel would delete it with the address.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_configure(struct nl_sock *sk, uint32_t ifindex, const struct link_config *c,
		   struct error *e)
{
	int r = promote_secondaries(sk, ifindex, e);

	for (size_t i = 0; r >= 0 && i < c->n_addresses; i++)
		r = change_address(sk, ifindex, &c->addresses[i], true, e);
	for (size_t i = 0; r >= 0 && i < c->n_routes; i++)
		r = change_route(sk, ifindex, c->metric, &c->routes[i], true, e);
	return r < 0 ? r : delete_stale(sk, ifindex, c, e);
}

/**
 * link_config_free - release a configuration
 * @c: the configuration
 *
 * Context: any.
 */
void link_config_free(struct link_config *c)
{
	free(c->addresses);
	free(c->routes);
}
