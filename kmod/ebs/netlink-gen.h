/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/nitro_ebs.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_NITRO_EBS_GEN_H
#define _LINUX_NITRO_EBS_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/nitro_ebs.h>

int nitro_ebs_nl_admin_pre_doit(const struct genl_split_ops *ops,
				struct sk_buff *skb, struct genl_info *info);

int nitro_ebs_nl_attach_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_ebs_nl_detach_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_ebs_nl_set_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_ebs_nl_erase_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_ebs_nl_get_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_ebs_nl_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int nitro_ebs_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info);
int nitro_ebs_nl_stats_get_dumpit(struct sk_buff *skb,
				  struct netlink_callback *cb);

enum {
	NITRO_EBS_NLGRP_EVENTS,
};

extern struct genl_family nitro_ebs_nl_family;

#endif /* _LINUX_NITRO_EBS_GEN_H */
