// SPDX-License-Identifier: GPL-2.0
/*
 * One netlink request and its answer. Requests are carried out within the send,
 * so reading the answer never waits for anybody else.
 */

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdio.h>

#include "nl.h"

struct call {
	card_valid_fn fn;
	void *userdata;
	int error;		/* negative errno of the kernel */
	char text[256];		/* its extended acknowledgement */
	bool done;
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct call *c = arg;
	int r;

	r = c->fn ? c->fn(nlmsg_hdr(msg), c->userdata) : 0;
	if (r < 0 && !c->error)
		c->error = r;
	return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	struct call *c = arg;

	(void)msg;
	c->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *nla, struct nlmsgerr *err, void *arg)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)((char *)err - NLMSG_HDRLEN);
	struct call *c = arg;
	struct nlattr *attr;
	size_t skip;
	int rem;

	(void)nla;
	c->error = err->error ? err->error : -EIO;
	c->done = true;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NL_STOP;
	skip = sizeof(*err);
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (nlh->nlmsg_len < NLMSG_HDRLEN + skip)
		return NL_STOP;
	nla_for_each_attr(attr, (struct nlattr *)((char *)err + skip),
			  (int)(nlh->nlmsg_len - NLMSG_HDRLEN - skip), rem)
		if (nla_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(c->text, sizeof(c->text), "%.*s", nla_len(attr),
				 (char *)nla_data(attr));
	return NL_STOP;
}

static int report(const struct call *c, int libnl, const char *what, struct error *e)
{
	int error = c->error;

	if (!error)
		error = libnl == -NLE_MSG_TRUNC || libnl == -NLE_NOMEM ? -ENOBUFS : -EIO;
	fail(e, ERR_FAILED, "the kernel refuses to %s: %s%s%s%s", what,
	     *c->text ? c->text : strerror(-error), *c->text ? " (" : "",
	     *c->text ? strerror(-error) : "", *c->text ? ")" : "");
	return error;
}

/**
 * card_call - send a request and take its answer
 * @sk: the socket
 * @msg: the request, freed here
 * @fn: called for each message of the answer, or NULL
 * @userdata: for it
 * @what: completes "the kernel refuses to …"
 * @e: gets the kernel's own words
 *
 * Context: event loop.
 * Return: 0 or a negative errno of the kernel.
 */
int card_call(struct nl_sock *sk, struct nl_msg *msg, card_valid_fn fn, void *userdata,
	    const char *what, struct error *e)
{
	struct call c = { .fn = fn, .userdata = userdata };
	struct nl_cb *cb;
	int r;

	cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!cb)
		abort();
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &c);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &c);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_finish, &c);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &c);
	if (!(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP))
		nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	r = nl_send_auto(sk, msg);
	nlmsg_free(msg);
	while (r >= 0 && !c.done) {
		r = nl_recvmsgs(sk, cb);
		/* an object came or went during the dump: what is missing or
		 * stale is found when it is next looked at
		 */
		if (r == -NLE_DUMP_INTR)
			r = 0;
	}
	nl_cb_put(cb);
	if (r >= 0 && !c.error)
		return 0;
	return report(&c, r, what, e);
}

/**
 * card_new - a request to nitro_vpc
 * @nl: the sockets
 * @cmd: the command
 * @flags: NLM_F_… beside NLM_F_REQUEST
 * @size: room for attributes in bytes, beside some for the header
 *
 * Context: any.
 * Return: the message.
 */
struct nl_msg *card_new(struct nl *nl, int cmd, int flags, size_t size)
{
	struct nl_msg *msg = nlmsg_alloc_size(size + 256);

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, flags, cmd, 1))
		abort();
	return msg;
}

/**
 * card_put - append an attribute; there is room by construction
 * @msg: the message
 * @attr: the attribute
 * @len: length of its value
 * @data: its value
 *
 * Context: any.
 */
void card_put(struct nl_msg *msg, int attr, size_t len, const void *data)
{
	if (nla_put(msg, attr, len, data) < 0)
		abort();
}

/**
 * card_put_u16 - append an attribute
 * @msg: the message
 * @attr: the attribute
 * @v: its value
 *
 * Context: any.
 */
void card_put_u16(struct nl_msg *msg, int attr, uint16_t v)
{
	card_put(msg, attr, sizeof(v), &v);
}

/**
 * card_put_u32 - append an attribute
 * @msg: the message
 * @attr: the attribute
 * @v: its value
 *
 * Context: any.
 */
void card_put_u32(struct nl_msg *msg, int attr, uint32_t v)
{
	card_put(msg, attr, sizeof(v), &v);
}

/**
 * card_put_u64 - append an attribute
 * @msg: the message
 * @attr: the attribute
 * @v: its value
 *
 * Context: any.
 */
void card_put_u64(struct nl_msg *msg, int attr, uint64_t v)
{
	card_put(msg, attr, sizeof(v), &v);
}

/**
 * card_put_address - append an address in the attribute of its family
 * @msg: the message
 * @ip4: attribute of an IPv4 address
 * @ip6: attribute of an IPv6 address
 * @p: the address
 *
 * Context: any.
 */
void card_put_address(struct nl_msg *msg, int ip4, int ip6, const struct prefix *p)
{
	card_put(msg, p->v6 ? ip6 : ip4, p->v6 ? 16 : 4, p->a);
}

/**
 * card_nest - begin a nest
 * @msg: the message
 * @attr: its attribute
 *
 * Context: any.
 * Return: for nla_nest_end().
 */
struct nlattr *card_nest(struct nl_msg *msg, int attr)
{
	struct nlattr *nest = nla_nest_start(msg, attr | NLA_F_NESTED);

	if (!nest)
		abort();
	return nest;
}
