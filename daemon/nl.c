// SPDX-License-Identifier: GPL-2.0
/* Setting and deleting the objects of nitro_vpc. */

#include <linux/nitro_vpc.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <sys/socket.h>

#include "nl.h"

/* Most of a message: a mapping of IPv6 with 16 tags, a rule, a route, a prefix */
#define MAPPING_SIZE 256
#define RULE_SIZE 96
#define ROUTE_SIZE 64
#define PREFIX_SIZE 40
#define MAPPINGS_PER_MESSAGE 256

#define BUFFER (8 << 20)

/**
 * card_socket - a generic netlink socket
 * @ret: the socket
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_socket(struct nl_sock **ret, struct error *e)
{
	struct nl_sock *sk = nl_socket_alloc();
	int on = 1, size = BUFFER, fd;

	if (!sk)
		abort();
	if (genl_connect(sk) < 0) {
		nl_socket_free(sk);
		return fail(e, ERR_FAILED, "cannot open a netlink socket: %s", strerror(errno));
	}
	fd = nl_socket_get_fd(sk);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	(void)nl_socket_set_msg_buf_size(sk, 1 << 18);
	*ret = sk;
	return 0;
}

static int open_events(struct nl *nl, struct error *e)
{
	int group = genl_ctrl_resolve_grp(nl->genl, NITRO_VPC_FAMILY_NAME, "events");
	int r;

	if (group < 0)
		return fail(e, ERR_FAILED, "nitro_vpc has no multicast group 'events'");
	r = card_socket(&nl->events, e);
	if (r < 0)
		return r;
	nl_socket_disable_seq_check(nl->events);
	(void)nl_socket_set_nonblocking(nl->events);
	if (nl_socket_add_membership(nl->events, group) < 0)
		return fail(e, ERR_FAILED, "cannot listen to the events of nitro_vpc");
	return 0;
}

/**
 * card_open - find the family and open the sockets
 * @ret: the sockets
 * @e: says why not
 *
 * Asking for the family makes the kernel load the module if it may.
 *
 * Context: event loop; in the network namespace of the card.
 * Return: 0, -ENOENT if there is no such family.
 */
int card_open(struct nl **ret, struct error *e)
{
	struct nl *nl = xcalloc(1, sizeof(*nl));
	int r;

	r = card_socket(&nl->genl, e);
	if (r >= 0) {
		nl->family = genl_ctrl_resolve(nl->genl, NITRO_VPC_FAMILY_NAME);
		if (nl->family < 0) {
			fail(e, ERR_NOT_FOUND, "the kernel has no card (nitro_vpc)");
			r = -ENOENT;
		}
	}
	if (r >= 0)
		r = rtnl_open(&nl->route, e);
	if (r >= 0)
		r = open_events(nl, e);
	if (r < 0) {
		card_close(nl);
		return r;
	}
	*ret = nl;
	return 0;
}

/**
 * card_close - close the sockets
 * @nl: the sockets, may be NULL
 *
 * Context: event loop.
 * Return: NULL.
 */
struct nl *card_close(struct nl *nl)
{
	if (!nl)
		return NULL;
	if (nl->genl)
		nl_socket_free(nl->genl);
	if (nl->events)
		nl_socket_free(nl->events);
	rtnl_close(nl->route);
	free(nl);
	return NULL;
}

static int on_card(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *attr = nlmsg_find_attr(nlh, GENL_HDRLEN, NITRO_VPC_A_CARD_VERSION);
	char **version = userdata;

	if (attr && version && !*version)
		*version = xstrndup(nla_data(attr), strnlen(nla_data(attr), nla_len(attr)));
	return 0;
}

/**
 * card_alive - is the module still there?
 * @nl: the sockets
 * @ret_version: its version, or NULL
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_alive(struct nl *nl, char **ret_version)
{
	_cleanup_error_ struct error e = {};

	if (ret_version)
		*ret_version = NULL;
	return card_call(nl->genl, card_new(nl, NITRO_VPC_CMD_CARD_GET, 0, 0), on_card,
		       ret_version, "show the card", &e);
}

static int del(struct nl *nl, int cmd, int attr, uint32_t id, const char *what,
	       struct error *e)
{
	struct nl_msg *msg = card_new(nl, cmd, 0, 8);

	card_put_u32(msg, attr, id);
	return card_call(nl->genl, msg, NULL, NULL, what, e);
}

/**
 * card_host_set - make or replace a host
 * @nl: the sockets
 * @h: the host
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_host_set(struct nl *nl, const struct khost *h, struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_HOST_SET, 0, 64);

	card_put_u32(msg, NITRO_VPC_A_HOST_ID, h->id);
	if (h->local)
		card_put(msg, NITRO_VPC_A_HOST_LOCAL, 0, NULL);
	card_put_address(msg, NITRO_VPC_A_HOST_IP4, NITRO_VPC_A_HOST_IP6, &h->address);
	card_put_u16(msg, NITRO_VPC_A_HOST_PORT, h->port);
	return card_call(nl->genl, msg, NULL, NULL, "set a host", e);
}

/**
 * card_host_del - delete a host
 * @nl: the sockets
 * @id: its handle
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_host_del(struct nl *nl, uint32_t id, struct error *e)
{
	return del(nl, NITRO_VPC_CMD_HOST_DEL, NITRO_VPC_A_HOST_ID, id, "delete a host", e);
}

static void put_len(struct nl_msg *msg, int attr, const struct prefix *p)
{
	card_put_u32(msg, attr, p->len);
}

/**
 * card_table_set - make or replace a route table
 * @nl: the sockets
 * @t: the table
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_table_set(struct nl *nl, const struct kroute_table *t, struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_ROUTE_TABLE_SET, 0, t->n * ROUTE_SIZE);

	card_put_u32(msg, NITRO_VPC_A_ROUTE_TABLE_ID, t->id);
	for (size_t i = 0; i < t->n; i++) {
		const struct kroute *r = &t->routes[i];
		struct nlattr *nest = card_nest(msg, NITRO_VPC_A_ROUTE_TABLE_ROUTE);

		card_put_address(msg, NITRO_VPC_A_ROUTE_IP4, NITRO_VPC_A_ROUTE_IP6, &r->prefix);
		put_len(msg, NITRO_VPC_A_ROUTE_PREFIX_LEN, &r->prefix);
		card_put_u32(msg, NITRO_VPC_A_ROUTE_TYPE, r->type);
		if (r->type == NITRO_VPC_ROUTE_TYPE_ENI)
			card_put(msg, NITRO_VPC_A_ROUTE_MAC, 6, r->mac);
		nla_nest_end(msg, nest);
	}
	return card_call(nl->genl, msg, NULL, NULL, "set a route table", e);
}

/**
 * card_table_del - delete a route table
 * @nl: the sockets
 * @id: its handle
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_table_del(struct nl *nl, uint32_t id, struct error *e)
{
	return del(nl, NITRO_VPC_CMD_ROUTE_TABLE_DEL, NITRO_VPC_A_ROUTE_TABLE_ID, id,
		   "delete a route table", e);
}

static void put_rule(struct nl_msg *msg, const struct krule *r)
{
	struct nlattr *nest = card_nest(msg, NITRO_VPC_A_POLICY_RULE);

	card_put_u32(msg, NITRO_VPC_A_RULE_ID, r->id);
	card_put_u32(msg, NITRO_VPC_A_RULE_DIRECTION, r->direction);
	if (r->protocol != PROTO_ALL)
		card_put_u32(msg, NITRO_VPC_A_RULE_PROTOCOL, r->protocol);
	if (r->port_min || r->port_max != 65535) {
		card_put_u16(msg, NITRO_VPC_A_RULE_PORT_MIN, r->port_min);
		card_put_u16(msg, NITRO_VPC_A_RULE_PORT_MAX, r->port_max);
	}
	if (r->peer == KRULE_TAG) {
		card_put_u32(msg, NITRO_VPC_A_RULE_TAG, r->tag);
	} else {
		card_put_address(msg, NITRO_VPC_A_RULE_IP4, NITRO_VPC_A_RULE_IP6, &r->prefix);
		put_len(msg, NITRO_VPC_A_RULE_PREFIX_LEN, &r->prefix);
	}
	nla_nest_end(msg, nest);
}

/**
 * card_policy_set - make or replace a policy
 * @nl: the sockets
 * @p: the policy
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_policy_set(struct nl *nl, const struct kpolicy *p, struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_POLICY_SET, 0, p->n * RULE_SIZE);

	card_put_u32(msg, NITRO_VPC_A_POLICY_ID, p->id);
	for (size_t i = 0; i < p->n; i++)
		put_rule(msg, &p->rules[i]);
	return card_call(nl->genl, msg, NULL, NULL, "set a policy", e);
}

/**
 * card_policy_del - delete a policy
 * @nl: the sockets
 * @id: its handle
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_policy_del(struct nl *nl, uint32_t id, struct error *e)
{
	return del(nl, NITRO_VPC_CMD_POLICY_DEL, NITRO_VPC_A_POLICY_ID, id,
		   "delete a policy", e);
}

static void put_mapping(struct nl_msg *msg, const struct kmapping *m, bool whole)
{
	struct nlattr *nest = card_nest(msg, NITRO_VPC_A_MAPPING_LIST_ENTRY);

	card_put_u32(msg, NITRO_VPC_A_MAPPING_VNI, m->vni);
	card_put_address(msg, NITRO_VPC_A_MAPPING_IP4, NITRO_VPC_A_MAPPING_IP6, &m->prefix);
	put_len(msg, NITRO_VPC_A_MAPPING_PREFIX_LEN, &m->prefix);
	if (whole) {
		card_put_u32(msg, NITRO_VPC_A_MAPPING_HOST, m->host);
		card_put_u32(msg, NITRO_VPC_A_MAPPING_ENI, m->eni);
		card_put(msg, NITRO_VPC_A_MAPPING_MAC, 6, m->mac);
		for (size_t i = 0; i < m->n_tags; i++)
			card_put_u32(msg, NITRO_VPC_A_MAPPING_TAG, m->tags[i]);
		if (m->forward)
			card_put_u32(msg, NITRO_VPC_A_MAPPING_FLAGS,
				   NITRO_VPC_MAPPING_FLAGS_FORWARD);
	}
	nla_nest_end(msg, nest);
}

static int mappings(struct nl *nl, int cmd, const struct kmapping *const *v, size_t n,
		    const char *what, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i += MAPPINGS_PER_MESSAGE) {
		size_t end = n - i < MAPPINGS_PER_MESSAGE ? n : i + MAPPINGS_PER_MESSAGE;
		struct nl_msg *msg = card_new(nl, cmd, 0, (end - i) * MAPPING_SIZE);

		for (size_t j = i; j < end; j++)
			put_mapping(msg, v[j], cmd == NITRO_VPC_CMD_MAPPING_SET);
		r = card_call(nl->genl, msg, NULL, NULL, what, e);
	}
	return r;
}

/**
 * card_mappings_set - make or replace mappings
 * @nl: the sockets
 * @v: the mappings
 * @n: how many
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno; some may be set then.
 */
int card_mappings_set(struct nl *nl, const struct kmapping *const *v, size_t n,
		    struct error *e)
{
	return mappings(nl, NITRO_VPC_CMD_MAPPING_SET, v, n, "set mappings", e);
}

/**
 * card_mappings_del - delete mappings
 * @nl: the sockets
 * @v: the mappings
 * @n: how many
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno; some may be deleted then.
 */
int card_mappings_del(struct nl *nl, const struct kmapping *const *v, size_t n,
		    struct error *e)
{
	return mappings(nl, NITRO_VPC_CMD_MAPPING_DEL, v, n, "delete mappings", e);
}

static void put_prefixes(struct nl_msg *msg, int attr, const struct prefixes *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct nlattr *nest = card_nest(msg, attr);

		card_put_address(msg, NITRO_VPC_A_PREFIX_IP4, NITRO_VPC_A_PREFIX_IP6, &l->v[i]);
		put_len(msg, NITRO_VPC_A_PREFIX_PREFIX_LEN, &l->v[i]);
		nla_nest_end(msg, nest);
	}
}

/**
 * card_eni_set - configure an ENI whose netdev exists
 * @nl: the sockets
 * @k: the ENI
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_eni_set(struct nl *nl, const struct keni *k, struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_ENI_SET, 0, 256 +
				    (k->addresses.n + k->subnets.n) * PREFIX_SIZE);

	card_put_u32(msg, NITRO_VPC_A_ENI_ID, k->id);
	card_put_u32(msg, NITRO_VPC_A_ENI_VNI, k->vni);
	put_prefixes(msg, NITRO_VPC_A_ENI_ADDRESS, &k->addresses);
	put_prefixes(msg, NITRO_VPC_A_ENI_SUBNET, &k->subnets);
	card_put_u32(msg, NITRO_VPC_A_ENI_POLICY, k->policy);
	card_put_u32(msg, NITRO_VPC_A_ENI_ROUTE_TABLE, k->route_table);
	card_put_u32(msg, NITRO_VPC_A_ENI_FLAGS,
		   k->no_check ? NITRO_VPC_ENI_FLAGS_NO_SOURCE_DEST_CHECK : 0);
	card_put_u64(msg, NITRO_VPC_A_ENI_BANDWIDTH_IN, k->limit[LIMIT_BANDWIDTH]);
	card_put_u64(msg, NITRO_VPC_A_ENI_BANDWIDTH_OUT, k->limit[LIMIT_BANDWIDTH]);
	card_put_u32(msg, NITRO_VPC_A_ENI_PPS, k->limit[LIMIT_PPS]);
	card_put_u32(msg, NITRO_VPC_A_ENI_FLOW_LIMIT, k->limit[LIMIT_FLOWS]);
	card_put_u32(msg, NITRO_VPC_A_ENI_TCP_ESTABLISHED_TIMEOUT,
		   k->limit[LIMIT_TCP_ESTABLISHED]);
	card_put_u32(msg, NITRO_VPC_A_ENI_UDP_TIMEOUT, k->limit[LIMIT_UDP]);
	card_put_u32(msg, NITRO_VPC_A_ENI_UDP_STREAM_TIMEOUT, k->limit[LIMIT_UDP_STREAM]);
	card_put_u32(msg, NITRO_VPC_A_ENI_SERVICE, k->service);
	card_put(msg, NITRO_VPC_A_ENI_RESOLVER, 4, k->resolver);
	return card_call(nl->genl, msg, NULL, NULL, "configure an ENI", e);
}

/**
 * card_flows_del - forget the flows of an ENI
 * @nl: the sockets
 * @id: handle of the ENI
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_flows_del(struct nl *nl, uint32_t id, struct error *e)
{
	return del(nl, NITRO_VPC_CMD_FLOW_DEL, NITRO_VPC_A_FLOW_ENI, id, "forget flows", e);
}

/**
 * card_events_fd - what to poll for events
 * @nl: the sockets
 *
 * Context: any.
 * Return: the file descriptor.
 */
int card_events_fd(struct nl *nl)
{
	return nl_socket_get_fd(nl->events);
}

struct events {
	card_change_fn fn;
	void *userdata;
};

static int on_event(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *hdr = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *tb[NITRO_VPC_A_CHANGE_MAX + 1];
	struct events *ev = arg;

	if (hdr->cmd != NITRO_VPC_CMD_CHANGE_NTF ||
	    nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, tb, NITRO_VPC_A_CHANGE_MAX, NULL) < 0 ||
	    !tb[NITRO_VPC_A_CHANGE_KIND] || !tb[NITRO_VPC_A_CHANGE_ID])
		return NL_OK;
	ev->fn(nla_get_u32(tb[NITRO_VPC_A_CHANGE_KIND]), nla_get_u32(tb[NITRO_VPC_A_CHANGE_ID]),
	       tb[NITRO_VPC_A_CHANGE_DELETED], ev->userdata);
	return NL_OK;
}

/**
 * card_events_read - read what has been announced
 * @nl: the sockets
 * @fn: called for each change
 * @userdata: for it
 *
 * Context: event loop.
 * Return: 0, -ENOBUFS if announcements were lost.
 */
int card_events_read(struct nl *nl, card_change_fn fn, void *userdata)
{
	struct events ev = { .fn = fn, .userdata = userdata };
	int r;

	nl_socket_modify_cb(nl->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, &ev);
	do {
		r = nl_recvmsgs_default(nl->events);
	} while (r >= 0);
	return r == -NLE_AGAIN ? 0 : -ENOBUFS;
}
