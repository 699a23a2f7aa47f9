// SPDX-License-Identifier: GPL-2.0
/* Calls of the generic netlink family nitro_ebs. */

#include <linux/netlink.h>
#include <linux/nitro_ebs.h>
#include <netlink/attr.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <time.h>

#include "ebs.h"
#include "nl.h"

static struct nl_msg *request(int family, int cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc_size(1024);

	if (!msg || !genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, cmd, 1))
		abort();
	return msg;
}

static void put_string(struct nl_msg *msg, int attr, const char *text)
{
	card_put(msg, attr, strlen(text) + 1, text);
}

/* Numbers come as u32 or u64, an absent one is 0 */
static uint64_t get(struct nlattr *attr)
{
	if (!attr)
		return 0;
	return nla_len(attr) >= 8 ? nla_get_u64(attr) : nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

static void get_text(struct nlattr *attr, char *ret, size_t size)
{
	*ret = '\0';
	if (attr)
		(void)snprintf(ret, size, "%.*s", nla_len(attr), (char *)nla_data(attr));
}

static int find_family(struct nl_sock *sk, struct error *e)
{
	int family = genl_ctrl_resolve(sk, NITRO_EBS_FAMILY_NAME);

	return family < 0 ? fail(e, ERR_FAILED, "the kernel has no nitro_ebs") : family;
}

/**
 * ebs_open - find the family and open the sockets
 * @k: gets them
 * @e: says why not
 *
 * Asking for the family makes the kernel load the module if it may.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int ebs_open(struct ebs *k, struct error *e)
{
	int group, r = card_socket(&k->genl, e);

	if (r >= 0)
		r = k->family = find_family(k->genl, e);
	if (r >= 0)
		r = card_socket(&k->events, e);
	if (r >= 0) {
		group = genl_ctrl_resolve_grp(k->genl, NITRO_EBS_FAMILY_NAME,
					      NITRO_EBS_MCGRP_EVENTS);
		nl_socket_disable_seq_check(k->events);
		(void)nl_socket_set_nonblocking(k->events);
		if (group < 0 || nl_socket_add_membership(k->events, group) < 0)
			r = fail(e, ERR_FAILED, "cannot listen to the events of nitro_ebs");
	}
	if (r < 0)
		ebs_close(k);
	return r < 0 ? r : 0;
}

/**
 * ebs_close - close the sockets
 * @k: the card
 *
 * Context: event loop.
 */
void ebs_close(struct ebs *k)
{
	if (k->genl)
		nl_socket_free(k->genl);
	if (k->events)
		nl_socket_free(k->events);
	k->genl = k->events = NULL;
	k->n = 0;
}

static int read_device(struct nlmsghdr *nlh, struct kdevice *ret)
{
	struct nlattr *tb[NITRO_EBS_A_DEVICE_MAX + 1];

	if (nlmsg_parse(nlh, GENL_HDRLEN, tb, NITRO_EBS_A_DEVICE_MAX, NULL) < 0 ||
	    !tb[NITRO_EBS_A_DEVICE_ID])
		return -EBADMSG;
	*ret = (struct kdevice){
		.id = get(tb[NITRO_EBS_A_DEVICE_ID]),
		.backing_major = get(tb[NITRO_EBS_A_DEVICE_BACKING_MAJOR]),
		.backing_minor = get(tb[NITRO_EBS_A_DEVICE_BACKING_MINOR]),
		.size = get(tb[NITRO_EBS_A_DEVICE_SIZE]),
		.iops = get(tb[NITRO_EBS_A_DEVICE_IOPS]),
		.throughput = get(tb[NITRO_EBS_A_DEVICE_THROUGHPUT]),
		.state = get(tb[NITRO_EBS_A_DEVICE_STATE]),
		.stalled = tb[NITRO_EBS_A_DEVICE_STALLED],
		.opens = get(tb[NITRO_EBS_A_DEVICE_OPENS]),
	};
	get_text(tb[NITRO_EBS_A_DEVICE_SERIAL], ret->serial, sizeof(ret->serial));
	get_text(tb[NITRO_EBS_A_DEVICE_CIPHER], ret->cipher, sizeof(ret->cipher));
	return 0;
}

static int on_device(struct nlmsghdr *nlh, void *userdata)
{
	struct ebs *k = userdata;

	GROW(k->devices, k->n, k->cap);
	if (!read_device(nlh, &k->devices[k->n]))
		k->n++;
	return 0;
}

/**
 * ebs_dump - see what the kernel holds
 * @k: the card
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int ebs_dump(struct ebs *k, struct error *e)
{
	k->n = 0;
	return card_call(k->genl, request(k->family, NITRO_EBS_CMD_GET, NLM_F_DUMP), on_device, k,
			 "list volumes", e);
}

static int on_attached(struct nlmsghdr *nlh, void *userdata)
{
	return read_device(nlh, userdata);
}

/**
 * ebs_attach - make a device
 * @k: the card
 * @a: what it should be
 * @ret: what it is
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int ebs_attach(struct ebs *k, const struct kattach *a, struct kdevice *ret, struct error *e)
{
	struct nl_msg *msg = request(k->family, NITRO_EBS_CMD_ATTACH, 0);

	card_put_u32(msg, NITRO_EBS_A_DEVICE_BACKING_FD, a->fd);
	if (a->key)
		card_put_u32(msg, NITRO_EBS_A_DEVICE_KEY, a->key);
	else
		card_put(msg, NITRO_EBS_A_DEVICE_INSTANCE_STORE, 0, NULL);
	card_put_u32(msg, NITRO_EBS_A_DEVICE_SECTOR_SIZE, a->sector_size);
	card_put_u64(msg, NITRO_EBS_A_DEVICE_START, a->start);
	card_put_u64(msg, NITRO_EBS_A_DEVICE_SIZE, a->size);
	card_put_u64(msg, NITRO_EBS_A_DEVICE_IOPS, a->iops);
	card_put_u64(msg, NITRO_EBS_A_DEVICE_THROUGHPUT, a->throughput);
	put_string(msg, NITRO_EBS_A_DEVICE_SERIAL, a->serial);
	put_string(msg, NITRO_EBS_A_DEVICE_VOLUME, a->name);
	return card_call(k->genl, msg, on_attached, ret, "attach it", e);
}

/**
 * ebs_set - grow a device, set its limits
 * @k: the card
 * @id: the device
 * @size: bytes
 * @iops: operations a second, 0 for no limit
 * @throughput: bytes a second, 0 for no limit
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int ebs_set(struct ebs *k, uint32_t id, uint64_t size, uint64_t iops, uint64_t throughput,
	    struct error *e)
{
	struct nl_msg *msg = request(k->family, NITRO_EBS_CMD_SET, 0);

	card_put_u32(msg, NITRO_EBS_A_DEVICE_ID, id);
	card_put_u64(msg, NITRO_EBS_A_DEVICE_SIZE, size);
	card_put_u64(msg, NITRO_EBS_A_DEVICE_IOPS, iops);
	card_put_u64(msg, NITRO_EBS_A_DEVICE_THROUGHPUT, throughput);
	return card_call(k->genl, msg, NULL, NULL, "change it", e);
}

/**
 * ebs_detach - take a device away
 * @data: struct ebs_detach
 * @e: says why it stays
 *
 * Context: helper process; the kernel may wait for I/O.
 * Return: 0 or a negative errno.
 */
int ebs_detach(void *data, struct error *e)
{
	const struct ebs_detach *d = data;
	_cleanup_error_ struct error why = {};
	struct nl_sock *sk = NULL;
	struct nl_msg *msg;
	int family, r = card_socket(&sk, e);

	if (r < 0)
		return r;
	family = find_family(sk, e);
	if (family < 0)
		return family;
	msg = request(family, NITRO_EBS_CMD_DETACH, 0);
	card_put_u32(msg, NITRO_EBS_A_DEVICE_ID, d->id);
	if (d->force)
		card_put(msg, NITRO_EBS_A_DEVICE_FORCE, 0, NULL);
	r = card_call(sk, msg, NULL, NULL, "detach it", &why);
	nl_socket_free(sk);
	if (r == -EBUSY)
		return fail(e, ERR_IN_USE,
			    "volume '%s' is in use: unmount or close /dev/nitro_ebs%u first, or detach it with --force",
			    d->name, d->id);
	/* somebody else was faster */
	if (r == -ENODEV || r == -ENOENT)
		return 0;
	return r < 0 ? fail(e, ERR_FAILED, "volume '%s': %s", d->name, why.message) : 0;
}

static void read_latency(struct nlattr *attr, struct ksample *s, int d)
{
	struct nlattr *tb[NITRO_EBS_A_LATENCY_MAX + 1];

	if (s->n_latency[d] >= LATENCY_BINS ||
	    nla_parse_nested(tb, NITRO_EBS_A_LATENCY_MAX, attr, NULL) < 0)
		return;
	s->latency[d][s->n_latency[d]++] = (struct kbin){
		.from = get(tb[NITRO_EBS_A_LATENCY_FROM]), .to = get(tb[NITRO_EBS_A_LATENCY_TO]),
		.count = get(tb[NITRO_EBS_A_LATENCY_COUNT]),
	};
}

static int on_stats(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *tb[NITRO_EBS_A_STATS_MAX + 1], *attr;
	struct ksample *s = userdata;
	int rem;

	if (nlmsg_parse(nlh, GENL_HDRLEN, tb, NITRO_EBS_A_STATS_MAX, NULL) < 0)
		return -EBADMSG;
	s->ops[0] = get(tb[NITRO_EBS_A_STATS_READ_OPS]);
	s->ops[1] = get(tb[NITRO_EBS_A_STATS_WRITE_OPS]);
	s->bytes[0] = get(tb[NITRO_EBS_A_STATS_READ_BYTES]);
	s->bytes[1] = get(tb[NITRO_EBS_A_STATS_WRITE_BYTES]);
	s->time_us[0] = get(tb[NITRO_EBS_A_STATS_READ_TIME]);
	s->time_us[1] = get(tb[NITRO_EBS_A_STATS_WRITE_TIME]);
	s->discard_ops = get(tb[NITRO_EBS_A_STATS_DISCARD_OPS]);
	s->flush_ops = get(tb[NITRO_EBS_A_STATS_FLUSH_OPS]);
	s->discard_bytes = get(tb[NITRO_EBS_A_STATS_DISCARD_BYTES]);
	s->iops_exceeded = get(tb[NITRO_EBS_A_STATS_IOPS_EXCEEDED]);
	s->throughput_exceeded = get(tb[NITRO_EBS_A_STATS_THROUGHPUT_EXCEEDED]);
	s->queue_length = get(tb[NITRO_EBS_A_STATS_QUEUE_LENGTH]);
	s->errors = get(tb[NITRO_EBS_A_STATS_ERRORS]);
	nlmsg_for_each_attr(attr, nlh, GENL_HDRLEN, rem) {
		if (nla_type(attr) == NITRO_EBS_A_STATS_READ_LATENCY)
			read_latency(attr, s, 0);
		else if (nla_type(attr) == NITRO_EBS_A_STATS_WRITE_LATENCY)
			read_latency(attr, s, 1);
	}
	return 0;
}

/**
 * ebs_stats - read the counters of a device
 * @k: the card
 * @id: the device
 * @ret: the counters
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int ebs_stats(struct ebs *k, uint32_t id, struct ksample *ret, struct error *e)
{
	struct nl_msg *msg = request(k->family, NITRO_EBS_CMD_STATS_GET, 0);
	struct timespec now;

	*ret = (struct ksample){};
	clock_gettime(CLOCK_MONOTONIC, &now);
	ret->time = now.tv_sec * 1000000ULL + now.tv_nsec / 1000;
	card_put_u32(msg, NITRO_EBS_A_STATS_ID, id);
	return card_call(k->genl, msg, on_stats, ret, "show its counters", e);
}

/**
 * ebs_events_fd - what to poll for events
 * @k: the card
 *
 * Context: any.
 * Return: the file descriptor.
 */
int ebs_events_fd(struct ebs *k)
{
	return nl_socket_get_fd(k->events);
}

struct events {
	ebs_event_fn fn;
	void *userdata;
};

static int on_event(struct nl_msg *msg, void *arg)
{
	struct genlmsghdr *hdr = nlmsg_data(nlmsg_hdr(msg));
	struct nlattr *tb[NITRO_EBS_A_EVENT_MAX + 1];
	struct events *events = arg;
	struct kevent ev;

	if (hdr->cmd != NITRO_EBS_CMD_EVENT ||
	    nlmsg_parse(nlmsg_hdr(msg), GENL_HDRLEN, tb, NITRO_EBS_A_EVENT_MAX, NULL) < 0)
		return NL_OK;
	ev = (struct kevent){
		.kind = get(tb[NITRO_EBS_A_EVENT_KIND]), .id = get(tb[NITRO_EBS_A_EVENT_ID]),
		.state = get(tb[NITRO_EBS_A_EVENT_STATE]), .size = get(tb[NITRO_EBS_A_EVENT_SIZE]),
		.waited = get(tb[NITRO_EBS_A_EVENT_WAITED]),
		.errors = get(tb[NITRO_EBS_A_EVENT_ERRORS]),
		.direction = get(tb[NITRO_EBS_A_EVENT_DIRECTION]),
		.sector = get(tb[NITRO_EBS_A_EVENT_SECTOR]),
		.error = get(tb[NITRO_EBS_A_EVENT_ERROR]),
	};
	get_text(tb[NITRO_EBS_A_EVENT_SERIAL], ev.serial, sizeof(ev.serial));
	events->fn(&ev, events->userdata);
	return NL_OK;
}

/**
 * ebs_events_read - read what has been announced
 * @k: the card
 * @fn: called for each event
 * @userdata: for it
 *
 * Context: event loop.
 * Return: 0, -ENOBUFS if announcements were lost.
 */
int ebs_events_read(struct ebs *k, ebs_event_fn fn, void *userdata)
{
	struct events events = { .fn = fn, .userdata = userdata };
	int r;

	nl_socket_modify_cb(k->events, NL_CB_VALID, NL_CB_CUSTOM, on_event, &events);
	do {
		r = nl_recvmsgs_default(k->events);
	} while (r >= 0);
	return r == -NLE_AGAIN ? 0 : -ENOBUFS;
}
