/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_NETLINK_H
#define _NITRO_VPC_NETLINK_H

#include <net/genetlink.h>
#include <net/sock.h>
#include <uapi/linux/nitro_vpc.h>

#include "card.h"

struct nitro_vpc_drop_counters;
struct nitro_vpc_mapping;
struct nitro_vpc_prefix;
struct nitro_vpc_route;

int nitro_vpc_netlink_init(void);
void nitro_vpc_netlink_exit(void);

void nitro_vpc_netlink_notify(const struct nitro_vpc_card *card,
			      enum nitro_vpc_object_kind kind, u32 id,
			      bool deleted);

/* What follows is for the netlink-*.c only. */

int nitro_vpc_netlink_require(const struct genl_info *info, int attr,
			      const char *name);

/**
 * struct nitro_vpc_netlink_prefix - where a nest has its prefix
 * @ip4: type of the attribute with an IPv4 address
 * @ip6: type of the attribute with an IPv6 address
 * @len: type of the attribute with the prefix length, 0 if there is none
 */
struct nitro_vpc_netlink_prefix {
	int ip4;
	int ip6;
	int len;
};

int nitro_vpc_netlink_get_prefix(struct nlattr **tb,
				 const struct nitro_vpc_netlink_prefix *where,
				 struct nlattr *nest,
				 struct nitro_vpc_prefix *ret_prefix,
				 struct netlink_ext_ack *extack);
int nitro_vpc_netlink_put_prefix(struct sk_buff *skb,
				 const struct nitro_vpc_netlink_prefix *where,
				 bool v6, const struct in6_addr *addr, u8 len);
bool nitro_vpc_netlink_unicast(const struct nitro_vpc_prefix *prefix);
int nitro_vpc_netlink_put_counter(struct sk_buff *skb, int attr,
				  const char *name, u64 value);
int nitro_vpc_netlink_put_drops(struct sk_buff *skb, int attr,
				struct nitro_vpc_drop_counters __percpu *drops);
int nitro_vpc_netlink_put_route(struct sk_buff *skb, int attr,
				const struct nitro_vpc_route *route);
int nitro_vpc_netlink_put_mapping(struct sk_buff *skb, int attr,
				  const struct nitro_vpc_mapping *mapping);
u32 nitro_vpc_netlink_count(const struct genl_info *info, int attr);
void *nitro_vpc_netlink_put_dump(struct sk_buff *skb,
				 struct netlink_callback *cb, u8 cmd);

/* The part of a callback's context that a dump may use */
#define nitro_vpc_netlink_dump_state(cb, type) ({			\
	static_assert(sizeof(type) <=					\
		      sizeof_field(struct netlink_callback, ctx));	\
	(type *)(cb)->ctx;						\
})

static inline struct nitro_vpc_card *
nitro_vpc_netlink_dump_card(const struct netlink_callback *cb)
{
	return nitro_vpc_card_of(sock_net(cb->skb->sk));
}

int nitro_vpc_netlink_stage_init(void);
void nitro_vpc_netlink_stage_exit(void);
int nitro_vpc_netlink_stage(struct nitro_vpc_card *card, u32 portid, u32 vni,
			    struct nitro_vpc_mapping **mappings, u32 count,
			    bool and_commit, struct netlink_ext_ack *extack);

/* All attributes of one type of a request. */
#define nitro_vpc_netlink_for_each(pos, attr, info, rem)		\
	nlmsg_for_each_attr_type(pos, attr, (info)->nlhdr, GENL_HDRLEN, rem)

#endif
