// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/nitro_mem.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/nitro_mem.h>

/* NITRO_MEM_CMD_POOL_SET - do */
static const struct nla_policy nitro_mem_pool_set_nl_policy[NITRO_MEM_A_POOL_NODE + 1] = {
	[NITRO_MEM_A_POOL_TARGET] = { .type = NLA_U64, },
	[NITRO_MEM_A_POOL_NODE] = NLA_POLICY_MAX(NLA_U32, 1023),
};

/* NITRO_MEM_CMD_CREATE - do */
static const struct nla_policy nitro_mem_create_nl_policy[NITRO_MEM_A_GUEST_OPENERS + 1] = {
	[NITRO_MEM_A_GUEST_NAME] = { .type = NLA_NUL_STRING, .len = NITRO_MEM_NAME_MAX, },
	[NITRO_MEM_A_GUEST_SIZE] = { .type = NLA_U64, },
	[NITRO_MEM_A_GUEST_NODE] = NLA_POLICY_MAX(NLA_U32, 1023),
	[NITRO_MEM_A_GUEST_OPENERS] = NLA_POLICY_RANGE(NLA_U32, 1, NITRO_MEM_OPENERS_MAX),
};

/* NITRO_MEM_CMD_GET - do */
static const struct nla_policy nitro_mem_get_nl_policy[NITRO_MEM_A_GUEST_ID + 1] = {
	[NITRO_MEM_A_GUEST_ID] = { .type = NLA_U32, },
};

/* Ops table for nitro_mem */
static const struct genl_split_ops nitro_mem_nl_ops[] = {
	{
		.cmd		= NITRO_MEM_CMD_POOL_SET,
		.pre_doit	= nitro_mem_nl_admin_pre_doit,
		.doit		= nitro_mem_nl_pool_set_doit,
		.policy		= nitro_mem_pool_set_nl_policy,
		.maxattr	= NITRO_MEM_A_POOL_NODE,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_MEM_CMD_POOL_GET,
		.doit	= nitro_mem_nl_pool_get_doit,
		.flags	= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_MEM_CMD_CREATE,
		.pre_doit	= nitro_mem_nl_admin_pre_doit,
		.doit		= nitro_mem_nl_create_doit,
		.policy		= nitro_mem_create_nl_policy,
		.maxattr	= NITRO_MEM_A_GUEST_OPENERS,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_MEM_CMD_GET,
		.doit		= nitro_mem_nl_get_doit,
		.policy		= nitro_mem_get_nl_policy,
		.maxattr	= NITRO_MEM_A_GUEST_ID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_MEM_CMD_GET,
		.dumpit	= nitro_mem_nl_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
};

static const struct genl_multicast_group nitro_mem_nl_mcgrps[] = {
	[NITRO_MEM_NLGRP_EVENTS] = { "events", },
};

struct genl_family nitro_mem_nl_family __ro_after_init = {
	.name		= NITRO_MEM_FAMILY_NAME,
	.version	= NITRO_MEM_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= nitro_mem_nl_ops,
	.n_split_ops	= ARRAY_SIZE(nitro_mem_nl_ops),
	.mcgrps		= nitro_mem_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(nitro_mem_nl_mcgrps),
};
