/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/nitro_vpc.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_NITRO_VPC_GEN_H
#define _LINUX_NITRO_VPC_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/nitro_vpc.h>

/* Common nested types */
extern const struct nla_policy nitro_vpc_mapping_nl_policy[NITRO_VPC_A_MAPPING_FLAGS + 1];
extern const struct nla_policy nitro_vpc_prefix_nl_policy[NITRO_VPC_A_PREFIX_PREFIX_LEN + 1];
extern const struct nla_policy nitro_vpc_route_nl_policy[NITRO_VPC_A_ROUTE_MAC + 1];
extern const struct nla_policy nitro_vpc_rule_nl_policy[NITRO_VPC_A_RULE_TAG + 1];

int nitro_vpc_nl_eni_get_start(struct netlink_callback *cb);

int nitro_vpc_nl_card_get_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_host_set_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_host_del_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_host_get_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_host_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int nitro_vpc_nl_mapping_set_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_mapping_del_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_mapping_get_dumpit(struct sk_buff *skb,
				    struct netlink_callback *cb);
int nitro_vpc_nl_route_table_set_doit(struct sk_buff *skb,
				      struct genl_info *info);
int nitro_vpc_nl_route_table_del_doit(struct sk_buff *skb,
				      struct genl_info *info);
int nitro_vpc_nl_route_table_get_dumpit(struct sk_buff *skb,
					struct netlink_callback *cb);
int nitro_vpc_nl_policy_set_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_policy_del_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_policy_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);
int nitro_vpc_nl_eni_set_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_eni_get_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_eni_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int nitro_vpc_nl_flow_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int nitro_vpc_nl_flow_del_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_vpc_nl_trace_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	NITRO_VPC_NLGRP_EVENTS,
};

extern struct genl_family nitro_vpc_nl_family;

#endif /* _LINUX_NITRO_VPC_GEN_H */
