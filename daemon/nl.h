/* SPDX-License-Identifier: GPL-2.0 */
/* Calls of the generic netlink family nitro_vpc and of rtnetlink. */
#ifndef _NITRO_NL_H
#define _NITRO_NL_H

#include "kstate.h"

struct nl_sock;

/**
 * struct nl - sockets of this network namespace
 * @genl: requests to nitro_vpc
 * @family: number of the family
 * @route: requests to rtnetlink
 * @events: multicast of nitro_vpc
 */
struct nl {
	struct nl_sock *genl;
	int family;
	struct nl_sock *route;
	struct nl_sock *events;
};

struct nl_sock;

int card_socket(struct nl_sock **ret, struct error *e);
int card_open(struct nl **ret, struct error *e);
struct nl *card_close(struct nl *nl);
int card_alive(struct nl *nl, char **ret_version);

int card_dump(struct nl *nl, struct kstate *ret, struct error *e);
int card_host_set(struct nl *nl, const struct khost *h, struct error *e);
int card_host_del(struct nl *nl, uint32_t id, struct error *e);
int card_table_set(struct nl *nl, const struct kroute_table *t, struct error *e);
int card_table_del(struct nl *nl, uint32_t id, struct error *e);
int card_policy_set(struct nl *nl, const struct kpolicy *p, struct error *e);
int card_policy_del(struct nl *nl, uint32_t id, struct error *e);
int card_mappings_set(struct nl *nl, const struct kmapping *const *v, size_t n,
		    struct error *e);
int card_mappings_del(struct nl *nl, const struct kmapping *const *v, size_t n,
		    struct error *e);
int card_eni_set(struct nl *nl, const struct keni *k, struct error *e);
int card_eni_get(struct nl *nl, uint32_t id, struct keni *ret, struct error *e);
int card_eni_counters(struct nl *nl, uint32_t id, sd_json_variant **ret_stats,
		    sd_json_variant **ret_drops, uint32_t *ret_flows, struct error *e);
int card_flows(struct nl *nl, uint32_t id, sd_json_variant **ret, struct error *e);
int card_flows_del(struct nl *nl, uint32_t id, struct error *e);

/* What a trace of the kernel says; see struct trace_query for the question */
struct trace_query {
	uint32_t eni;
	enum direction direction;
	uint32_t protocol;
	struct prefix local;
	struct prefix remote;
	uint16_t local_port, remote_port;
};

struct trace_answer {
	bool allowed;
	bool tracked;
	char *reason;
	uint32_t rule;		/* 0: none */
	int flow_state;		/* -1: no flow decides */
	bool has_route;
	struct kroute route;
	bool has_mapping;
	struct kmapping mapping;
};

int card_trace(struct nl *nl, const struct trace_query *q, struct trace_answer *ret,
	     struct error *e);

typedef void (*card_change_fn)(uint32_t kind, uint32_t id, bool deleted, void *userdata);
int card_events_fd(struct nl *nl);
int card_events_read(struct nl *nl, card_change_fn fn, void *userdata);

const char *flow_state_name(uint32_t state);

/* nl-request.c: one request, its answer and the kernel's own words */
struct nl_msg;
struct nlmsghdr;

typedef int (*card_valid_fn)(struct nlmsghdr *nlh, void *userdata);

struct nl_msg *card_new(struct nl *nl, int cmd, int flags, size_t size);
int card_call(struct nl_sock *sk, struct nl_msg *msg, card_valid_fn fn, void *userdata,
	    const char *what, struct error *e);
void card_put_u16(struct nl_msg *msg, int attr, uint16_t v);
void card_put_u32(struct nl_msg *msg, int attr, uint32_t v);
void card_put_u64(struct nl_msg *msg, int attr, uint64_t v);
void card_put(struct nl_msg *msg, int attr, size_t len, const void *data);
void card_put_address(struct nl_msg *msg, int ip4, int ip6, const struct prefix *p);
struct nlattr *card_nest(struct nl_msg *msg, int attr);

/* rtnl.c: links and what is set on them; sk decides the namespace */
struct link {
	uint32_t ifindex;
	uint32_t master;
	bool up;
	char kind[16];
	char name[16];
};

/* A link has come, changed or gone; nsid is -1 in the socket's own namespace */
struct link_event {
	struct link link;
	int nsid;
	bool gone;
};

/* As the holder of a link sees it */
struct link_traffic {
	uint64_t packets_in, bytes_in, packets_out, bytes_out;
};

int rtnl_open(struct nl_sock **ret, struct error *e);
void rtnl_close(struct nl_sock *sk);
int rtnl_find(struct nl_sock *sk, uint32_t ifindex, const char *name, struct link *ret,
	      struct error *e);
int rtnl_traffic(struct nl_sock *sk, int nsid, const char *name, struct link_traffic *ret,
		 struct error *e);
int rtnl_new_eni(struct nl_sock *sk, const char *name, const uint8_t mac[6], uint32_t id,
		 struct error *e);
int rtnl_listen(struct nl_sock **ret, struct error *e);
int rtnl_events_read(struct nl_sock *sk, void (*fn)(const struct link_event *ev, void *userdata),
		     void *userdata);
int rtnl_new_service(struct nl_sock *sk, const char *name, int netns_fd, struct error *e);
int rtnl_delete(struct nl_sock *sk, int nsid, const char *name, struct error *e);
int rtnl_set_up(struct nl_sock *sk, uint32_t ifindex, bool up, struct error *e);
int rtnl_set_name(struct nl_sock *sk, uint32_t ifindex, const char *name, struct error *e);
int rtnl_set_mac(struct nl_sock *sk, uint32_t ifindex, const uint8_t mac[6],
		 struct error *e);
int rtnl_set_master(struct nl_sock *sk, uint32_t ifindex, uint32_t master,
		    struct error *e);
int rtnl_move(struct nl_sock *sk, uint32_t ifindex, int netns_fd, const char *name,
	      struct error *e);

struct link_address {
	struct prefix address;
	unsigned int len;	/* of its subnet */
};

struct link_route {
	struct prefix to;
	struct prefix via;	/* if @gateway; it is on the link */
	struct prefix source;	/* what the holder sends from */
	bool gateway;
};

/* The addresses and routes of a link that nitrod gives it */
struct link_config {
	struct link_address *addresses;
	size_t n_addresses, cap_addresses;
	struct link_route *routes;
	size_t n_routes, cap_routes;
	uint32_t metric;	/* of the routes: tells those of two ENIs apart */
};

/* rtnl-address.c */
int rtnl_configure(struct nl_sock *sk, uint32_t ifindex, const struct link_config *c,
		   struct error *e);
void link_config_free(struct link_config *c);

#endif
