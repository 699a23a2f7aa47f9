// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/nitro_ebs.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/nitro_ebs.h>

/* Integer value ranges */
static const struct netlink_range_validation nitro_ebs_a_device_id_range = {
	.max	= 65535ULL,
};

static const struct netlink_range_validation nitro_ebs_a_stats_id_range = {
	.max	= 65535ULL,
};

/* NITRO_EBS_CMD_ATTACH - do */
static const struct nla_policy nitro_ebs_attach_nl_policy[NITRO_EBS_A_DEVICE_VOLUME + 1] = {
	[NITRO_EBS_A_DEVICE_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_ebs_a_device_id_range),
	[NITRO_EBS_A_DEVICE_BACKING_FD] = { .type = NLA_U32, },
	[NITRO_EBS_A_DEVICE_KEY] = NLA_POLICY_MIN(NLA_U32, 1),
	[NITRO_EBS_A_DEVICE_INSTANCE_STORE] = { .type = NLA_FLAG, },
	[NITRO_EBS_A_DEVICE_SECTOR_SIZE] = { .type = NLA_U32, },
	[NITRO_EBS_A_DEVICE_START] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_SIZE] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_IV_OFFSET] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_IV_LARGE_SECTORS] = { .type = NLA_FLAG, },
	[NITRO_EBS_A_DEVICE_READ_ONLY] = { .type = NLA_FLAG, },
	[NITRO_EBS_A_DEVICE_DISCARD] = { .type = NLA_FLAG, },
	[NITRO_EBS_A_DEVICE_IOPS] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_IOPS_BURST] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_THROUGHPUT] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_THROUGHPUT_BURST] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_SERIAL] = { .type = NLA_NUL_STRING, .len = NITRO_EBS_SERIAL_MAX, },
	[NITRO_EBS_A_DEVICE_VOLUME] = { .type = NLA_NUL_STRING, .len = NITRO_EBS_VOLUME_MAX, },
};

/* NITRO_EBS_CMD_DETACH - do */
static const struct nla_policy nitro_ebs_detach_nl_policy[NITRO_EBS_A_DEVICE_FORCE + 1] = {
	[NITRO_EBS_A_DEVICE_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_ebs_a_device_id_range),
	[NITRO_EBS_A_DEVICE_FORCE] = { .type = NLA_FLAG, },
};

/* NITRO_EBS_CMD_SET - do */
static const struct nla_policy nitro_ebs_set_nl_policy[NITRO_EBS_A_DEVICE_THROUGHPUT_BURST + 1] = {
	[NITRO_EBS_A_DEVICE_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_ebs_a_device_id_range),
	[NITRO_EBS_A_DEVICE_SIZE] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_IOPS] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_IOPS_BURST] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_THROUGHPUT] = { .type = NLA_U64, },
	[NITRO_EBS_A_DEVICE_THROUGHPUT_BURST] = { .type = NLA_U64, },
};

/* NITRO_EBS_CMD_ERASE - do */
static const struct nla_policy nitro_ebs_erase_nl_policy[NITRO_EBS_A_DEVICE_ID + 1] = {
	[NITRO_EBS_A_DEVICE_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_ebs_a_device_id_range),
};

/* NITRO_EBS_CMD_GET - do */
static const struct nla_policy nitro_ebs_get_nl_policy[NITRO_EBS_A_DEVICE_ID + 1] = {
	[NITRO_EBS_A_DEVICE_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_ebs_a_device_id_range),
};

/* NITRO_EBS_CMD_STATS_GET - do */
static const struct nla_policy nitro_ebs_stats_get_nl_policy[NITRO_EBS_A_STATS_ID + 1] = {
	[NITRO_EBS_A_STATS_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_ebs_a_stats_id_range),
};

/* Ops table for nitro_ebs */
static const struct genl_split_ops nitro_ebs_nl_ops[] = {
	{
		.cmd		= NITRO_EBS_CMD_ATTACH,
		.pre_doit	= nitro_ebs_nl_admin_pre_doit,
		.doit		= nitro_ebs_nl_attach_doit,
		.policy		= nitro_ebs_attach_nl_policy,
		.maxattr	= NITRO_EBS_A_DEVICE_VOLUME,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_EBS_CMD_DETACH,
		.pre_doit	= nitro_ebs_nl_admin_pre_doit,
		.doit		= nitro_ebs_nl_detach_doit,
		.policy		= nitro_ebs_detach_nl_policy,
		.maxattr	= NITRO_EBS_A_DEVICE_FORCE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_EBS_CMD_SET,
		.pre_doit	= nitro_ebs_nl_admin_pre_doit,
		.doit		= nitro_ebs_nl_set_doit,
		.policy		= nitro_ebs_set_nl_policy,
		.maxattr	= NITRO_EBS_A_DEVICE_THROUGHPUT_BURST,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_EBS_CMD_ERASE,
		.pre_doit	= nitro_ebs_nl_admin_pre_doit,
		.doit		= nitro_ebs_nl_erase_doit,
		.policy		= nitro_ebs_erase_nl_policy,
		.maxattr	= NITRO_EBS_A_DEVICE_ID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_EBS_CMD_GET,
		.doit		= nitro_ebs_nl_get_doit,
		.policy		= nitro_ebs_get_nl_policy,
		.maxattr	= NITRO_EBS_A_DEVICE_ID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_EBS_CMD_GET,
		.dumpit	= nitro_ebs_nl_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= NITRO_EBS_CMD_STATS_GET,
		.doit		= nitro_ebs_nl_stats_get_doit,
		.policy		= nitro_ebs_stats_get_nl_policy,
		.maxattr	= NITRO_EBS_A_STATS_ID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_EBS_CMD_STATS_GET,
		.dumpit	= nitro_ebs_nl_stats_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
};

static const struct genl_multicast_group nitro_ebs_nl_mcgrps[] = {
	[NITRO_EBS_NLGRP_EVENTS] = { "events", },
};

struct genl_family nitro_ebs_nl_family __ro_after_init = {
	.name		= NITRO_EBS_FAMILY_NAME,
	.version	= NITRO_EBS_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= nitro_ebs_nl_ops,
	.n_split_ops	= ARRAY_SIZE(nitro_ebs_nl_ops),
	.mcgrps		= nitro_ebs_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(nitro_ebs_nl_mcgrps),
};
