// SPDX-License-Identifier: GPL-2.0
/* Links by rtnetlink, in the namespace of a socket. */

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/nitro_vpc.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "nl.h"

/**
 * rtnl_open - open a socket in the current network namespace
 * @ret: the socket
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_open(struct nl_sock **ret, struct error *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int on = 1, fd;

	if (!sk)
		abort();
	if (nl_connect(sk, NETLINK_ROUTE) < 0) {
		nl_socket_free(sk);
		return fail(e, ERR_FAILED, "cannot open an rtnetlink socket: %s",
			    strerror(errno));
	}
	fd = nl_socket_get_fd(sk);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)nl_socket_set_msg_buf_size(sk, 1 << 16);
	*ret = sk;
	return 0;
}

/**
 * rtnl_close - close a socket
 * @sk: the socket, may be NULL
 *
 * Context: event loop.
 */
void rtnl_close(struct nl_sock *sk)
{
	if (sk)
		nl_socket_free(sk);
}

static struct nl_msg *link_msg(int type, int flags, uint32_t ifindex)
{
	struct ifinfomsg ifi = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) < 0)
		abort();
	return msg;
}

static int on_link(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct ifinfomsg *ifi = nlmsg_data(nlh);
	struct link *link = userdata;

	if (nlmsg_parse(nlh, sizeof(*ifi), tb, IFLA_MAX, NULL) < 0)
		return -EBADMSG;
	link->ifindex = ifi->ifi_index;
	link->up = ifi->ifi_flags & IFF_UP;
	link->master = tb[IFLA_MASTER] ? nla_get_u32(tb[IFLA_MASTER]) : 0;
	if (tb[IFLA_IFNAME])
		(void)nla_strlcpy(link->name, tb[IFLA_IFNAME], sizeof(link->name));
	if (tb[IFLA_LINKINFO] &&
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], NULL) >= 0 &&
	    info[IFLA_INFO_KIND])
		(void)nla_strlcpy(link->kind, info[IFLA_INFO_KIND], sizeof(link->kind));
	return 0;
}

/**
 * rtnl_find - look for a link
 * @sk: the socket
 * @ifindex: its number, or 0
 * @name: its name, if @ifindex is 0
 * @ret: the link
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0, -ENODEV if there is none, another negative errno.
 */
int rtnl_find(struct nl_sock *sk, uint32_t ifindex, const char *name, struct link *ret,
	      struct error *e)
{
	_cleanup_free_ char *what = NULL;
	struct nl_msg *msg = link_msg(RTM_GETLINK, 0, ifindex);

	*ret = (struct link){};
	if (!ifindex)
		card_put(msg, IFLA_IFNAME, strlen(name) + 1, name);
	what = ifindex ? xprintf("show link %u", ifindex) : xprintf("show link '%s'", name);
	return card_call(sk, msg, on_link, ret, what, e);
}

static int on_traffic(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *tb[IFLA_MAX + 1];
	struct link_traffic *t = userdata;
	struct rtnl_link_stats64 s;

	if (nlmsg_parse(nlh, sizeof(struct ifinfomsg), tb, IFLA_MAX, NULL) < 0)
		return -EBADMSG;
	if (!tb[IFLA_STATS64] || nla_len(tb[IFLA_STATS64]) < (int)sizeof(s))
		return 0;
	memcpy(&s, nla_data(tb[IFLA_STATS64]), sizeof(s));
	*t = (struct link_traffic){
		.packets_in = s.rx_packets, .bytes_in = s.rx_bytes,
		.packets_out = s.tx_packets, .bytes_out = s.tx_bytes,
	};
	return 0;
}

/**
 * rtnl_traffic - what a link has carried
 * @sk: the socket
 * @nsid: ID of the namespace that it is in, -1 for that of the socket
 * @name: its name
 * @ret: the counters
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_traffic(struct nl_sock *sk, int nsid, const char *name, struct link_traffic *ret,
		 struct error *e)
{
	struct nl_msg *msg = link_msg(RTM_GETLINK, 0, 0);
	_cleanup_free_ char *what = xprintf("show link '%s'", name);

	*ret = (struct link_traffic){};
	card_put(msg, IFLA_IFNAME, strlen(name) + 1, name);
	if (nsid >= 0)
		card_put_u32(msg, IFLA_TARGET_NETNSID, nsid);
	return card_call(sk, msg, on_traffic, ret, what, e);
}

/**
 * rtnl_new_eni - make the netdev of an ENI
 * @sk: the socket
 * @name: its name
 * @mac: its MAC address
 * @id: handle of the ENI
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_new_eni(struct nl_sock *sk, const char *name, const uint8_t mac[6], uint32_t id,
		 struct error *e)
{
	struct nl_msg *msg = link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	_cleanup_free_ char *what = xprintf("make link '%s' of kind nitro", name);
	struct nlattr *info, *data;

	card_put(msg, IFLA_IFNAME, strlen(name) + 1, name);
	card_put(msg, IFLA_ADDRESS, 6, mac);
	info = card_nest(msg, IFLA_LINKINFO);
	card_put(msg, IFLA_INFO_KIND, sizeof("nitro"), "nitro");
	data = card_nest(msg, IFLA_INFO_DATA);
	card_put_u32(msg, NITRO_VPC_A_ENI_ID, id);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return card_call(sk, msg, NULL, NULL, what, e);
}

/**
 * rtnl_new_service - make a service port in another network namespace
 * @sk: the socket, in the card's namespace
 * @name: its name there
 * @netns_fd: the namespace
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_new_service(struct nl_sock *sk, const char *name, int netns_fd, struct error *e)
{
	struct nl_msg *msg = link_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *info;

	card_put(msg, IFLA_IFNAME, strlen(name) + 1, name);
	card_put_u32(msg, IFLA_NET_NS_FD, netns_fd);
	info = card_nest(msg, IFLA_LINKINFO);
	card_put(msg, IFLA_INFO_KIND, sizeof("nitro_service"), "nitro_service");
	nla_nest_end(msg, info);
	return card_call(sk, msg, NULL, NULL, "make the service port", e);
}

/**
 * rtnl_delete - delete a link
 * @sk: the socket
 * @nsid: ID of the namespace that it is in, -1 for that of the socket
 * @name: its name
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno; 0 if there is none, or no such namespace any more.
 */
int rtnl_delete(struct nl_sock *sk, int nsid, const char *name, struct error *e)
{
	_cleanup_error_ struct error mine = {};
	struct nl_msg *msg = link_msg(RTM_DELLINK, 0, 0);
	_cleanup_free_ char *what = xprintf("delete link '%s'", name);
	int r;

	card_put(msg, IFLA_IFNAME, strlen(name) + 1, name);
	if (nsid >= 0)
		card_put_u32(msg, IFLA_TARGET_NETNSID, nsid);
	r = card_call(sk, msg, NULL, NULL, what, &mine);
	/* the kernel knows an ID no more as soon as its namespace begins to go */
	if (r >= 0 || r == -ENODEV || (r == -EINVAL && nsid >= 0))
		return 0;
	fail(e, ERR_FAILED, "%s", mine.message);
	return r;
}

/**
 * rtnl_set_up - set a link up or down
 * @sk: the socket
 * @ifindex: the link
 * @up: up, else down
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_set_up(struct nl_sock *sk, uint32_t ifindex, bool up, struct error *e)
{
	struct ifinfomsg ifi = {
		.ifi_family = AF_UNSPEC, .ifi_index = ifindex,
		.ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (!msg || nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) < 0)
		abort();
	return card_call(sk, msg, NULL, NULL, up ? "set a link up" : "set a link down", e);
}

/**
 * rtnl_set_name - rename a link
 * @sk: the socket
 * @ifindex: the link
 * @name: the new name
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_set_name(struct nl_sock *sk, uint32_t ifindex, const char *name, struct error *e)
{
	struct nl_msg *msg = link_msg(RTM_NEWLINK, 0, ifindex);
	_cleanup_free_ char *what = xprintf("name a link '%s'", name);

	card_put(msg, IFLA_IFNAME, strlen(name) + 1, name);
	return card_call(sk, msg, NULL, NULL, what, e);
}

/**
 * rtnl_set_mac - set a link's MAC address
 * @sk: the socket
 * @ifindex: the link
 * @mac: the address
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_set_mac(struct nl_sock *sk, uint32_t ifindex, const uint8_t mac[6],
		 struct error *e)
{
	struct nl_msg *msg = link_msg(RTM_NEWLINK, 0, ifindex);

	card_put(msg, IFLA_ADDRESS, 6, mac);
	return card_call(sk, msg, NULL, NULL, "set a MAC address", e);
}

/**
 * rtnl_set_master - enslave a link, or free it
 * @sk: the socket
 * @ifindex: the link
 * @master: its master, 0 for none
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_set_master(struct nl_sock *sk, uint32_t ifindex, uint32_t master,
		    struct error *e)
{
	struct nl_msg *msg = link_msg(RTM_NEWLINK, 0, ifindex);

	card_put_u32(msg, IFLA_MASTER, master);
	return card_call(sk, msg, NULL, NULL, master ? "enslave a port" : "free a port", e);
}

/**
 * rtnl_move - move a link to another network namespace
 * @sk: the socket
 * @ifindex: the link
 * @netns_fd: the namespace
 * @name: its name there
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_move(struct nl_sock *sk, uint32_t ifindex, int netns_fd, const char *name,
	      struct error *e)
{
	struct nl_msg *msg = link_msg(RTM_NEWLINK, 0, ifindex);
	_cleanup_free_ char *what = xprintf("move a link, as '%s', to another network namespace",
					    name);

	card_put_u32(msg, IFLA_NET_NS_FD, netns_fd);
	card_put(msg, IFLA_IFNAME, strlen(name) + 1, name);
	return card_call(sk, msg, NULL, NULL, what, e);
}

/**
 * rtnl_listen - open a socket that hears of links
 * @ret: the socket
 * @e: says why not
 *
 * It hears of those in other namespaces, too, that have an ID in this one, as all
 * have that an ENI was moved to.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int rtnl_listen(struct nl_sock **ret, struct error *e)
{
	int r, fd, on = 1;

	r = rtnl_open(ret, e);
	if (r < 0)
		return r;
	fd = nl_socket_get_fd(*ret);
	(void)nl_socket_set_buffer_size(*ret, 4 << 20, 0);
	if (nl_socket_set_nonblocking(*ret) < 0 ||
	    nl_socket_add_membership(*ret, RTNLGRP_LINK) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) < 0) {
		rtnl_close(*ret);
		*ret = NULL;
		return fail(e, ERR_FAILED, "cannot listen to rtnetlink");
	}
	return 0;
}

static int nsid_of(struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			return *(int *)CMSG_DATA(c);
	return -1;
}

/**
 * rtnl_events_read - read what the links of a listening socket did
 * @sk: the socket
 * @fn: called for each event
 * @userdata: for it
 *
 * libnl does not tell which namespace a message is from.
 *
 * Context: event loop.
 * Return: 0, -ENOBUFS if events were lost.
 */
int rtnl_events_read(struct nl_sock *sk, void (*fn)(const struct link_event *ev, void *userdata),
		     void *userdata)
{
	static char buffer[1 << 16] __attribute__((aligned(NLMSG_ALIGNTO)));
	char control[CMSG_SPACE(64)];
	ssize_t n;

	for (;;) {
		struct iovec iov = { buffer, sizeof(buffer) };
		struct msghdr mh = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control, .msg_controllen = sizeof(control),
		};
		int left;

		n = recvmsg(nl_socket_get_fd(sk), &mh, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -ENOBUFS;
		left = n;
		for (struct nlmsghdr *h = (void *)buffer; nlmsg_ok(h, left);
		     h = nlmsg_next(h, &left)) {
			struct link_event ev = { .nsid = nsid_of(&mh) };

			ev.gone = h->nlmsg_type == RTM_DELLINK;
			if ((ev.gone || h->nlmsg_type == RTM_NEWLINK) && on_link(h, &ev.link) >= 0)
				fn(&ev, userdata);
		}
	}
}
