// SPDX-License-Identifier: GPL-2.0
/* The control interface. Its policies are generated from
 * docs/netlink/specs/nitro_mem.yaml into netlink-gen.c.
 */

#include "netlink.h"

#include <linux/ctype.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/numa.h>
#include <net/genetlink.h>

#include "alloc.h"
#include "guest.h"
#include "netlink-gen.h"
#include "pool.h"

/* The family is there: the pool may still tell of something when it is not any more */
static bool registered;

/**
 * nitro_mem_nl_admin_pre_doit() - only for whoever administers the host
 * @ops: the operation
 * @skb: request
 * @info: of the request
 *
 * Context: any.
 * Return: 0 or -EPERM.
 */
int nitro_mem_nl_admin_pre_doit(const struct genl_split_ops *ops,
				struct sk_buff *skb, struct genl_info *info)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	NL_SET_ERR_MSG(info->extack, "this needs CAP_SYS_ADMIN");
	return -EPERM;
}

static int put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put(skb, attr, sizeof(value), &value);
}

static int refuse(struct genl_info *info, int attr, const char *why)
{
	NL_SET_BAD_ATTR(info->extack, info->attrs[attr]);
	NL_SET_ERR_MSG_FMT(info->extack, "%s", why);
	return -EINVAL;
}

static int get_node(struct genl_info *info, int attr)
{
	return info->attrs[attr] ? nla_get_u32(info->attrs[attr]) :
				   NUMA_NO_NODE;
}

/* --- the pool --- */

static int put_node(struct sk_buff *skb, int node)
{
	struct nitro_mem_node_info info;
	struct nlattr *nest;

	if (!nitro_mem_pool_get_node(node, &info))
		return 0;
	nest = nla_nest_start(skb, NITRO_MEM_A_POOL_NODES);
	if (!nest ||
	    nla_put_u32(skb, NITRO_MEM_A_NODE_ID, node) ||
	    put_u64(skb, NITRO_MEM_A_NODE_SIZE, info.size) ||
	    put_u64(skb, NITRO_MEM_A_NODE_FREE, info.free) ||
	    put_u64(skb, NITRO_MEM_A_NODE_LARGEST, info.largest))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_pool(struct sk_buff *skb)
{
	struct nitro_mem_pool_info info;
	int node;

	nitro_mem_pool_get(&info);
	if (put_u64(skb, NITRO_MEM_A_POOL_TARGET, info.target) ||
	    put_u64(skb, NITRO_MEM_A_POOL_SIZE, info.size) ||
	    put_u64(skb, NITRO_MEM_A_POOL_FREE, info.free) ||
	    put_u64(skb, NITRO_MEM_A_POOL_LARGEST, info.largest) ||
	    put_u64(skb, NITRO_MEM_A_POOL_RESERVED, info.reserved) ||
	    put_u64(skb, NITRO_MEM_A_POOL_UNERASED, info.unerased) ||
	    put_u64(skb, NITRO_MEM_A_POOL_BLOCK_SIZE, info.block) ||
	    nla_put_u32(skb, NITRO_MEM_A_POOL_SKIPPED, info.skipped) ||
	    (info.short_of_memory &&
	     nla_put_flag(skb, NITRO_MEM_A_POOL_SHORT)) ||
	    nla_put_u32(skb, NITRO_MEM_A_POOL_STATE, info.state) ||
	    nla_put_u32(skb, NITRO_MEM_A_POOL_GUESTS, nitro_mem_guest_count()))
		return -EMSGSIZE;
	for_each_online_node(node)
		if (put_node(skb, node))
			return -EMSGSIZE;
	return 0;
}

/**
 * nitro_mem_nl_pool_set_doit() - pool-set
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_mem_nl_pool_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	if (GENL_REQ_ATTR_CHECK(info, NITRO_MEM_A_POOL_TARGET)) {
		NL_SET_ERR_MSG(info->extack, "'target' is missing");
		return -EINVAL;
	}
	return nitro_mem_pool_set(nla_get_u64(info->attrs[NITRO_MEM_A_POOL_TARGET]),
				  get_node(info, NITRO_MEM_A_POOL_NODE),
				  info->extack);
}

/**
 * nitro_mem_nl_pool_get_doit() - pool-get
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_mem_nl_pool_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	size_t size = 512 + 64 * num_online_nodes();
	struct sk_buff *msg;
	void *header;

	msg = genlmsg_new(size, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	header = genlmsg_iput(msg, info);
	if (!header || put_pool(msg)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, header);
	return genlmsg_reply(msg, info);
}

/* --- guests --- */

static int put_guest(struct sk_buff *skb,
		     const struct nitro_mem_guest_info *guest)
{
	return nla_put_u32(skb, NITRO_MEM_A_GUEST_ID, guest->id) ||
	       nla_put_string(skb, NITRO_MEM_A_GUEST_NAME, guest->name) ||
	       put_u64(skb, NITRO_MEM_A_GUEST_SIZE, guest->size) ||
	       nla_put_u32(skb, NITRO_MEM_A_GUEST_STATE, guest->state) ||
	       nla_put_u32(skb, NITRO_MEM_A_GUEST_RANGES, guest->ranges) ||
	       put_u64(skb, NITRO_MEM_A_GUEST_HUGE, guest->huge) ||
	       nla_put_u32(skb, NITRO_MEM_A_GUEST_OPENERS, guest->openers) ?
	       -EMSGSIZE : 0;
}

static int check_create(struct genl_info *info)
{
	const char *name;
	u64 size;

	if (GENL_REQ_ATTR_CHECK(info, NITRO_MEM_A_GUEST_NAME)) {
		NL_SET_ERR_MSG(info->extack, "'name' is missing");
		return -EINVAL;
	}
	if (GENL_REQ_ATTR_CHECK(info, NITRO_MEM_A_GUEST_SIZE)) {
		NL_SET_ERR_MSG(info->extack, "'size' is missing");
		return -EINVAL;
	}
	name = nla_data(info->attrs[NITRO_MEM_A_GUEST_NAME]);
	if (!*name)
		return refuse(info, NITRO_MEM_A_GUEST_NAME, "'name' is empty");
	for (; *name; name++)
		if (!isascii(*name) || !isgraph(*name) || *name == '/')
			return refuse(info, NITRO_MEM_A_GUEST_NAME,
				      "'name' is not printable ASCII without spaces and slashes");
	size = nla_get_u64(info->attrs[NITRO_MEM_A_GUEST_SIZE]);
	if (!size || size % NITRO_MEM_GRAIN_SIZE)
		return refuse(info, NITRO_MEM_A_GUEST_SIZE,
			      "'size' is not a multiple of 2 MiB");
	return 0;
}

/**
 * nitro_mem_nl_create_doit() - create
 * @skb: request
 * @info: of the request
 *
 * Context: the process that sent it; may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_mem_nl_create_doit(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *attr = info->attrs[NITRO_MEM_A_GUEST_OPENERS];
	u32 openers = attr ? nla_get_u32(attr) : 1;
	struct nitro_mem_guest_info guest;
	struct sk_buff *msg = NULL;
	struct file *file = NULL;
	void *header;
	int fd, err;

	err = check_create(info);
	if (err)
		return err;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	file = nitro_mem_guest_create(nla_data(info->attrs[NITRO_MEM_A_GUEST_NAME]),
				      nla_get_u64(info->attrs[NITRO_MEM_A_GUEST_SIZE]),
				      get_node(info, NITRO_MEM_A_GUEST_NODE),
				      openers, &guest, info->extack);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		file = NULL;
		goto err_put;
	}
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	err = -ENOMEM;
	if (!msg)
		goto err_put;
	header = genlmsg_iput(msg, info);
	err = -EMSGSIZE;
	if (!header || put_guest(msg, &guest) ||
	    nla_put_u32(msg, NITRO_MEM_A_GUEST_FD, fd))
		goto err_put;
	genlmsg_end(msg, header);
	/* It takes the message, whether it can be delivered or not */
	err = genlmsg_reply(msg, info);
	msg = NULL;
	if (err)
		goto err_put;
	fd_install(fd, file);
	return 0;

err_put:
	nlmsg_free(msg);
	if (file)
		fput(file);
	put_unused_fd(fd);
	return err;
}

/**
 * nitro_mem_nl_get_doit() - get
 * @skb: request
 * @info: of the request
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_mem_nl_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct nitro_mem_guest_info guest;
	struct sk_buff *msg;
	void *header;
	u32 id;

	if (GENL_REQ_ATTR_CHECK(info, NITRO_MEM_A_GUEST_ID)) {
		NL_SET_ERR_MSG(info->extack, "'id' is missing");
		return -EINVAL;
	}
	id = nla_get_u32(info->attrs[NITRO_MEM_A_GUEST_ID]);
	if (!nitro_mem_guest_get(id, true, &guest)) {
		NL_SET_BAD_ATTR(info->extack, info->attrs[NITRO_MEM_A_GUEST_ID]);
		NL_SET_ERR_MSG_FMT(info->extack, "there is no guest %u", id);
		return -ENOENT;
	}
	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	header = genlmsg_iput(msg, info);
	if (!header || put_guest(msg, &guest)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, header);
	return genlmsg_reply(msg, info);
}

/**
 * nitro_mem_nl_get_dumpit() - get, of all guests
 * @skb: message
 * @cb: state of the dump
 *
 * Context: may sleep.
 * Return: length of the message, or a negative errno.
 */
int nitro_mem_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	unsigned long *next = (unsigned long *)cb->ctx;
	struct nitro_mem_guest_info guest;
	void *header;

	while (nitro_mem_guest_get(*next, false, &guest)) {
		header = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				     cb->nlh->nlmsg_seq, &nitro_mem_nl_family,
				     NLM_F_MULTI, NITRO_MEM_CMD_GET);
		if (!header || put_guest(skb, &guest)) {
			if (header)
				genlmsg_cancel(skb, header);
			return skb->len ? skb->len : -EMSGSIZE;
		}
		genlmsg_end(skb, header);
		*next = guest.id + 1UL;
	}
	return skb->len;
}

/* --- events --- */

static void send_event(enum nitro_mem_event_kind kind,
		       const struct nitro_mem_guest_info *guest)
{
	struct nitro_mem_pool_info pool;
	struct genl_info info;
	struct sk_buff *skb;
	void *header;

	if (!READ_ONCE(registered) ||
	    !genl_has_listeners(&nitro_mem_nl_family, &init_net,
				NITRO_MEM_NLGRP_EVENTS))
		return;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		goto err_lost;
	nitro_mem_pool_get(&pool);
	genl_info_init_ntf(&info, &nitro_mem_nl_family, NITRO_MEM_CMD_EVENT);
	header = genlmsg_iput(skb, &info);
	if (!header ||
	    nla_put_u32(skb, NITRO_MEM_A_EVENT_KIND, kind) ||
	    (guest &&
	     (nla_put_u32(skb, NITRO_MEM_A_EVENT_ID, guest->id) ||
	      nla_put_string(skb, NITRO_MEM_A_EVENT_NAME, guest->name))) ||
	    put_u64(skb, NITRO_MEM_A_EVENT_SIZE,
		    guest ? guest->size : pool.size) ||
	    put_u64(skb, NITRO_MEM_A_EVENT_FREE, pool.free)) {
		nlmsg_free(skb);
		goto err_lost;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast(&nitro_mem_nl_family, skb, 0, NITRO_MEM_NLGRP_EVENTS,
			  GFP_KERNEL);
	return;

err_lost:
	/* The listeners' next read says ENOBUFS, as for any lost message */
	genl_set_err(&nitro_mem_nl_family, &init_net, 0, NITRO_MEM_NLGRP_EVENTS,
		     -ENOBUFS);
}

/**
 * nitro_mem_netlink_settled() - tell whoever listens that the pool did what it could
 *
 * Context: may sleep.
 */
void nitro_mem_netlink_settled(void)
{
	send_event(NITRO_MEM_EVENT_KIND_SETTLED, NULL);
}

/**
 * nitro_mem_netlink_guest() - tell whoever listens what became of a guest
 * @kind: what
 * @guest: which
 *
 * Context: may sleep.
 */
void nitro_mem_netlink_guest(enum nitro_mem_event_kind kind,
			     const struct nitro_mem_guest_info *guest)
{
	send_event(kind, guest);
}

/**
 * nitro_mem_netlink_init() - open the control interface
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_mem_netlink_init(void)
{
	int err;

	err = genl_register_family(&nitro_mem_nl_family);
	WRITE_ONCE(registered, !err);
	return err;
}

/**
 * nitro_mem_netlink_exit() - close the control interface
 *
 * Context: module unload; may sleep.
 */
void nitro_mem_netlink_exit(void)
{
	WRITE_ONCE(registered, false);
	genl_unregister_family(&nitro_mem_nl_family);
}
