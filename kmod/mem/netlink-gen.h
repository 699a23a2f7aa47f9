/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/nitro_mem.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_NITRO_MEM_GEN_H
#define _LINUX_NITRO_MEM_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/nitro_mem.h>

int nitro_mem_nl_admin_pre_doit(const struct genl_split_ops *ops,
				struct sk_buff *skb, struct genl_info *info);

int nitro_mem_nl_pool_set_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_mem_nl_pool_get_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_mem_nl_create_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_mem_nl_get_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_mem_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

enum {
	NITRO_MEM_NLGRP_EVENTS,
};

extern struct genl_family nitro_mem_nl_family;

#endif /* _LINUX_NITRO_MEM_GEN_H */
