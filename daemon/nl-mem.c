// SPDX-License-Identifier: GPL-2.0
/* Calls of the generic netlink family nitro_mem. */

#include <linux/netlink.h>
#include <linux/nitro_mem.h>
#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>

#include "memory.h"
#include "nl.h"

static struct nl_msg *request(struct memory *k, int cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc_size(1024);

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, k->family, 0, flags, cmd, 1))
		abort();
	return msg;
}

/* Numbers come as u32 or u64, an absent one is 0 */
static uint64_t get(struct nlattr *attr)
{
	if (!attr)
		return 0;
	return nla_len(attr) >= 8 ? nla_get_u64(attr) : nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

/**
 * mem_open - find the family and open the sockets
 * @k: gets them
 * @e: says why not
 *
 * Asking for the family makes the kernel load the module if it may.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int mem_open(struct memory *k, struct error *e)
{
	int group, r = card_socket(&k->genl, e);

	if (r >= 0) {
		k->family = genl_ctrl_resolve(k->genl, NITRO_MEM_FAMILY_NAME);
		if (k->family < 0)
			r = fail(e, ERR_FAILED, "the kernel has no nitro_mem");
	}
	if (r >= 0)
		r = card_socket(&k->events, e);
	if (r >= 0) {
		group = genl_ctrl_resolve_grp(k->genl, NITRO_MEM_FAMILY_NAME,
					      NITRO_MEM_MCGRP_EVENTS);
		nl_socket_disable_seq_check(k->events);
		(void)nl_socket_set_nonblocking(k->events);
		if (group < 0 || nl_socket_add_membership(k->events, group) < 0)
			r = fail(e, ERR_FAILED, "cannot listen to the events of nitro_mem");
	}
	if (r < 0)
		mem_close(k);
	return r < 0 ? r : 0;
}

/**
 * mem_close - close the sockets
 * @k: the pool
 *
 * Context: event loop.
 */
void mem_close(struct memory *k)
{
	if (k->genl)
		nl_socket_free(k->genl);
	if (k->events)
		nl_socket_free(k->events);
	k->genl = k->events = NULL;
}

/**
 * mem_pool_set - say how large the pool should be
 * @k: the pool
 * @target: bytes
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int mem_pool_set(struct memory *k, uint64_t target, struct error *e)
{
	struct nl_msg *msg = request(k, NITRO_MEM_CMD_POOL_SET, 0);

	card_put_u64(msg, NITRO_MEM_A_POOL_TARGET, target);
	return card_call(k->genl, msg, NULL, NULL, "change the pool", e);
}

static int on_pool(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *tb[NITRO_MEM_A_POOL_MAX + 1];
	struct kpool *ret = userdata;

	if (nlmsg_parse(nlh, GENL_HDRLEN, tb, NITRO_MEM_A_POOL_MAX, NULL) < 0)
		return -EBADMSG;
	*ret = (struct kpool){
		.target = get(tb[NITRO_MEM_A_POOL_TARGET]),
		.size = get(tb[NITRO_MEM_A_POOL_SIZE]),
		.free = get(tb[NITRO_MEM_A_POOL_FREE]),
		.largest = get(tb[NITRO_MEM_A_POOL_LARGEST]),
		.reserved = get(tb[NITRO_MEM_A_POOL_RESERVED]),
		.unerased = get(tb[NITRO_MEM_A_POOL_UNERASED]),
		.block = get(tb[NITRO_MEM_A_POOL_BLOCK_SIZE]),
		.skipped = get(tb[NITRO_MEM_A_POOL_SKIPPED]),
		.state = get(tb[NITRO_MEM_A_POOL_STATE]),
		.guests = get(tb[NITRO_MEM_A_POOL_GUESTS]),
		.short_of_memory = tb[NITRO_MEM_A_POOL_SHORT],
	};
	return 0;
}

/**
 * mem_pool_get - what of the pool?
 * @k: the pool
 * @ret: gets it
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int mem_pool_get(struct memory *k, struct kpool *ret, struct error *e)
{
	return card_call(k->genl, request(k, NITRO_MEM_CMD_POOL_GET, 0), on_pool, ret,
			 "show the pool", e);
}

static int read_guest(struct nlmsghdr *nlh, struct kguest *ret)
{
	struct nlattr *tb[NITRO_MEM_A_GUEST_MAX + 1];

	if (nlmsg_parse(nlh, GENL_HDRLEN, tb, NITRO_MEM_A_GUEST_MAX, NULL) < 0 ||
	    !tb[NITRO_MEM_A_GUEST_ID] || !tb[NITRO_MEM_A_GUEST_NAME])
		return -EBADMSG;
	*ret = (struct kguest){
		.id = get(tb[NITRO_MEM_A_GUEST_ID]),
		.size = get(tb[NITRO_MEM_A_GUEST_SIZE]),
		.state = get(tb[NITRO_MEM_A_GUEST_STATE]),
		.ranges = get(tb[NITRO_MEM_A_GUEST_RANGES]),
		.huge = get(tb[NITRO_MEM_A_GUEST_HUGE]),
		.fd = tb[NITRO_MEM_A_GUEST_FD] ? (int)get(tb[NITRO_MEM_A_GUEST_FD]) : -1,
	};
	(void)snprintf(ret->name, sizeof(ret->name), "%.*s", nla_len(tb[NITRO_MEM_A_GUEST_NAME]),
		       (char *)nla_data(tb[NITRO_MEM_A_GUEST_NAME]));
	return 0;
}

static int on_created(struct nlmsghdr *nlh, void *userdata)
{
	return read_guest(nlh, userdata);
}

/**
 * mem_create - take memory for a guest
 * @k: the pool
 * @name: its name
 * @size: bytes
 * @openers: how many processes open it
 * @ret: gets what it is, with its descriptor
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int mem_create(struct memory *k, const char *name, uint64_t size, uint32_t openers,
	       struct kguest *ret, struct error *e)
{
	struct nl_msg *msg = request(k, NITRO_MEM_CMD_CREATE, 0);
	int r;

	*ret = (struct kguest){ .fd = -1 };
	card_put(msg, NITRO_MEM_A_GUEST_NAME, strlen(name) + 1, name);
	card_put_u64(msg, NITRO_MEM_A_GUEST_SIZE, size);
	card_put_u32(msg, NITRO_MEM_A_GUEST_OPENERS, openers);
	r = card_call(k->genl, msg, on_created, ret, "take memory", e);
	if (r >= 0 && ret->fd < 0)
		return fail(e, ERR_FAILED, "nitro_mem gave no descriptor");
	return r;
}

struct dump {
	mem_guest_fn fn;
	void *userdata;
};

static int on_guest(struct nlmsghdr *nlh, void *userdata)
{
	struct dump *dump = userdata;
	struct kguest guest;

	if (!read_guest(nlh, &guest))
		dump->fn(&guest, dump->userdata);
	return 0;
}

/**
 * mem_dump - every guest of the pool
 * @k: the pool
 * @fn: called for each
 * @userdata: for it
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int mem_dump(struct memory *k, mem_guest_fn fn, void *userdata, struct error *e)
{
	struct dump dump = { .fn = fn, .userdata = userdata };

	return card_call(k->genl, request(k, NITRO_MEM_CMD_GET, NLM_F_DUMP), on_guest, &dump,
			 "list the guests of the pool", e);
}

/**
 * mem_events_fd - what to poll for events
 * @k: the pool
 *
 * Context: any.
 * Return: the file descriptor.
 */
int mem_events_fd(struct memory *k)
{
	return nl_socket_get_fd(k->events);
}

static int on_event(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *hdr = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *tb[NITRO_MEM_A_EVENT_MAX + 1];
	bool *settled = arg;

	if (hdr->cmd == NITRO_MEM_CMD_EVENT &&
	    nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, tb, NITRO_MEM_A_EVENT_MAX, NULL) >= 0 &&
	    get(tb[NITRO_MEM_A_EVENT_KIND]) == NITRO_MEM_EVENT_KIND_SETTLED)
		*settled = true;
	return NL_OK;
}

/**
 * mem_events_read - read what has been announced
 * @k: the pool
 * @fn: called if it has done what it could, or might have
 * @userdata: for it
 *
 * Context: event loop.
 */
void mem_events_read(struct memory *k, mem_settled_fn fn, void *userdata)
{
	bool settled = false;
	int r;

	nl_socket_modify_cb(k->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, &settled);
	do {
		r = nl_recvmsgs_default(k->events);
	} while (r >= 0);
	/* what was lost may have been that */
	if (settled || r != -NLE_AGAIN)
		fn(userdata);
}
