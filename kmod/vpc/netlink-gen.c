// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	docs/netlink/specs/nitro_vpc.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink-gen.h"

#include <uapi/linux/nitro_vpc.h>

/* Integer value ranges */
static const struct netlink_range_validation nitro_vpc_a_mapping_vni_range = {
	.max	= 16777215ULL,
};

static const struct netlink_range_validation nitro_vpc_a_mapping_list_vni_range = {
	.max	= 16777215ULL,
};

static const struct netlink_range_validation nitro_vpc_a_eni_vni_range = {
	.max	= 16777215ULL,
};

static const struct netlink_range_validation nitro_vpc_a_eni_tcp_established_timeout_range = {
	.max	= 432000ULL,
};

static const struct netlink_range_validation nitro_vpc_a_eni_service_range = {
	.max	= NITRO_VPC_SERVICE_MAX,
};

/* Common nested types */
const struct nla_policy nitro_vpc_mapping_nl_policy[NITRO_VPC_A_MAPPING_FLAGS + 1] = {
	[NITRO_VPC_A_MAPPING_VNI] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_vpc_a_mapping_vni_range),
	[NITRO_VPC_A_MAPPING_IP4] = { .type = NLA_U32, },
	[NITRO_VPC_A_MAPPING_IP6] = NLA_POLICY_EXACT_LEN(16),
	[NITRO_VPC_A_MAPPING_PREFIX_LEN] = NLA_POLICY_MAX(NLA_U32, 128),
	[NITRO_VPC_A_MAPPING_HOST] = { .type = NLA_U32, },
	[NITRO_VPC_A_MAPPING_ENI] = { .type = NLA_U32, },
	[NITRO_VPC_A_MAPPING_MAC] = NLA_POLICY_EXACT_LEN(6),
	[NITRO_VPC_A_MAPPING_TAG] = { .type = NLA_U32, },
	[NITRO_VPC_A_MAPPING_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x1),
};

const struct nla_policy nitro_vpc_prefix_nl_policy[NITRO_VPC_A_PREFIX_PREFIX_LEN + 1] = {
	[NITRO_VPC_A_PREFIX_IP4] = { .type = NLA_U32, },
	[NITRO_VPC_A_PREFIX_IP6] = NLA_POLICY_EXACT_LEN(16),
	[NITRO_VPC_A_PREFIX_PREFIX_LEN] = NLA_POLICY_MAX(NLA_U32, 128),
};

const struct nla_policy nitro_vpc_route_nl_policy[NITRO_VPC_A_ROUTE_MAC + 1] = {
	[NITRO_VPC_A_ROUTE_IP4] = { .type = NLA_U32, },
	[NITRO_VPC_A_ROUTE_IP6] = NLA_POLICY_EXACT_LEN(16),
	[NITRO_VPC_A_ROUTE_PREFIX_LEN] = NLA_POLICY_MAX(NLA_U32, 128),
	[NITRO_VPC_A_ROUTE_TYPE] = NLA_POLICY_MAX(NLA_U32, 2),
	[NITRO_VPC_A_ROUTE_MAC] = NLA_POLICY_EXACT_LEN(6),
};

const struct nla_policy nitro_vpc_rule_nl_policy[NITRO_VPC_A_RULE_TAG + 1] = {
	[NITRO_VPC_A_RULE_ID] = { .type = NLA_U32, },
	[NITRO_VPC_A_RULE_DIRECTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[NITRO_VPC_A_RULE_PROTOCOL] = NLA_POLICY_MAX(NLA_U32, 255),
	[NITRO_VPC_A_RULE_PORT_MIN] = { .type = NLA_U16, },
	[NITRO_VPC_A_RULE_PORT_MAX] = { .type = NLA_U16, },
	[NITRO_VPC_A_RULE_IP4] = { .type = NLA_U32, },
	[NITRO_VPC_A_RULE_IP6] = NLA_POLICY_EXACT_LEN(16),
	[NITRO_VPC_A_RULE_PREFIX_LEN] = NLA_POLICY_MAX(NLA_U32, 128),
	[NITRO_VPC_A_RULE_TAG] = { .type = NLA_U32, },
};

/* NITRO_VPC_CMD_HOST_SET - do */
static const struct nla_policy nitro_vpc_host_set_nl_policy[NITRO_VPC_A_HOST_PORT + 1] = {
	[NITRO_VPC_A_HOST_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NITRO_VPC_A_HOST_LOCAL] = { .type = NLA_FLAG, },
	[NITRO_VPC_A_HOST_IP4] = { .type = NLA_U32, },
	[NITRO_VPC_A_HOST_IP6] = NLA_POLICY_EXACT_LEN(16),
	[NITRO_VPC_A_HOST_PORT] = NLA_POLICY_MIN(NLA_U16, 1),
};

/* NITRO_VPC_CMD_HOST_DEL - do */
static const struct nla_policy nitro_vpc_host_del_nl_policy[NITRO_VPC_A_HOST_ID + 1] = {
	[NITRO_VPC_A_HOST_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* NITRO_VPC_CMD_HOST_GET - do */
static const struct nla_policy nitro_vpc_host_get_nl_policy[NITRO_VPC_A_HOST_ID + 1] = {
	[NITRO_VPC_A_HOST_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* NITRO_VPC_CMD_MAPPING_SET - do */
static const struct nla_policy nitro_vpc_mapping_set_nl_policy[NITRO_VPC_A_MAPPING_LIST_COMMIT + 1] = {
	[NITRO_VPC_A_MAPPING_LIST_ENTRY] = NLA_POLICY_NESTED(nitro_vpc_mapping_nl_policy),
	[NITRO_VPC_A_MAPPING_LIST_VNI] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_vpc_a_mapping_list_vni_range),
	[NITRO_VPC_A_MAPPING_LIST_STAGE] = { .type = NLA_FLAG, },
	[NITRO_VPC_A_MAPPING_LIST_COMMIT] = { .type = NLA_FLAG, },
};

/* NITRO_VPC_CMD_MAPPING_DEL - do */
static const struct nla_policy nitro_vpc_mapping_del_nl_policy[NITRO_VPC_A_MAPPING_LIST_VNI + 1] = {
	[NITRO_VPC_A_MAPPING_LIST_ENTRY] = NLA_POLICY_NESTED(nitro_vpc_mapping_nl_policy),
	[NITRO_VPC_A_MAPPING_LIST_VNI] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_vpc_a_mapping_list_vni_range),
};

/* NITRO_VPC_CMD_MAPPING_GET - dump */
static const struct nla_policy nitro_vpc_mapping_get_nl_policy[NITRO_VPC_A_MAPPING_LIST_VNI + 1] = {
	[NITRO_VPC_A_MAPPING_LIST_VNI] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_vpc_a_mapping_list_vni_range),
};

/* NITRO_VPC_CMD_ROUTE_TABLE_SET - do */
static const struct nla_policy nitro_vpc_route_table_set_nl_policy[NITRO_VPC_A_ROUTE_TABLE_ROUTE + 1] = {
	[NITRO_VPC_A_ROUTE_TABLE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NITRO_VPC_A_ROUTE_TABLE_ROUTE] = NLA_POLICY_NESTED(nitro_vpc_route_nl_policy),
};

/* NITRO_VPC_CMD_ROUTE_TABLE_DEL - do */
static const struct nla_policy nitro_vpc_route_table_del_nl_policy[NITRO_VPC_A_ROUTE_TABLE_ID + 1] = {
	[NITRO_VPC_A_ROUTE_TABLE_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* NITRO_VPC_CMD_POLICY_SET - do */
static const struct nla_policy nitro_vpc_policy_set_nl_policy[NITRO_VPC_A_POLICY_RULE + 1] = {
	[NITRO_VPC_A_POLICY_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NITRO_VPC_A_POLICY_RULE] = NLA_POLICY_NESTED(nitro_vpc_rule_nl_policy),
};

/* NITRO_VPC_CMD_POLICY_DEL - do */
static const struct nla_policy nitro_vpc_policy_del_nl_policy[NITRO_VPC_A_POLICY_ID + 1] = {
	[NITRO_VPC_A_POLICY_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* NITRO_VPC_CMD_ENI_SET - do */
static const struct nla_policy nitro_vpc_eni_set_nl_policy[NITRO_VPC_A_ENI_RESOLVER + 1] = {
	[NITRO_VPC_A_ENI_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NITRO_VPC_A_ENI_IFINDEX] = { .type = NLA_U32, },
	[NITRO_VPC_A_ENI_VNI] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_vpc_a_eni_vni_range),
	[NITRO_VPC_A_ENI_ADDRESS] = NLA_POLICY_NESTED(nitro_vpc_prefix_nl_policy),
	[NITRO_VPC_A_ENI_SUBNET] = NLA_POLICY_NESTED(nitro_vpc_prefix_nl_policy),
	[NITRO_VPC_A_ENI_POLICY] = { .type = NLA_U32, },
	[NITRO_VPC_A_ENI_ROUTE_TABLE] = { .type = NLA_U32, },
	[NITRO_VPC_A_ENI_FLAGS] = NLA_POLICY_MASK(NLA_U32, 0x1),
	[NITRO_VPC_A_ENI_BANDWIDTH_IN] = { .type = NLA_U64, },
	[NITRO_VPC_A_ENI_BANDWIDTH_OUT] = { .type = NLA_U64, },
	[NITRO_VPC_A_ENI_PPS] = { .type = NLA_U32, },
	[NITRO_VPC_A_ENI_CONNECTION_RATE] = { .type = NLA_U32, },
	[NITRO_VPC_A_ENI_FLOW_LIMIT] = { .type = NLA_U32, },
	[NITRO_VPC_A_ENI_TCP_ESTABLISHED_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_vpc_a_eni_tcp_established_timeout_range),
	[NITRO_VPC_A_ENI_UDP_TIMEOUT] = NLA_POLICY_MAX(NLA_U32, 60),
	[NITRO_VPC_A_ENI_UDP_STREAM_TIMEOUT] = NLA_POLICY_MAX(NLA_U32, 180),
	[NITRO_VPC_A_ENI_SERVICE] = NLA_POLICY_FULL_RANGE(NLA_U32, &nitro_vpc_a_eni_service_range),
	[NITRO_VPC_A_ENI_RESOLVER] = { .type = NLA_U32, },
};

/* NITRO_VPC_CMD_ENI_GET - do */
static const struct nla_policy nitro_vpc_eni_get_nl_policy[NITRO_VPC_A_ENI_IFINDEX + 1] = {
	[NITRO_VPC_A_ENI_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NITRO_VPC_A_ENI_IFINDEX] = { .type = NLA_U32, },
};

/* NITRO_VPC_CMD_FLOW_GET - dump */
static const struct nla_policy nitro_vpc_flow_get_nl_policy[NITRO_VPC_A_FLOW_ENI + 1] = {
	[NITRO_VPC_A_FLOW_ENI] = { .type = NLA_U32, },
};

/* NITRO_VPC_CMD_FLOW_DEL - do */
static const struct nla_policy nitro_vpc_flow_del_nl_policy[NITRO_VPC_A_FLOW_ENI + 1] = {
	[NITRO_VPC_A_FLOW_ENI] = { .type = NLA_U32, },
};

/* NITRO_VPC_CMD_TRACE - do */
static const struct nla_policy nitro_vpc_trace_nl_policy[NITRO_VPC_A_TRACE_REMOTE_PORT + 1] = {
	[NITRO_VPC_A_TRACE_ENI] = { .type = NLA_U32, },
	[NITRO_VPC_A_TRACE_DIRECTION] = NLA_POLICY_MAX(NLA_U32, 1),
	[NITRO_VPC_A_TRACE_PROTOCOL] = NLA_POLICY_MAX(NLA_U32, 255),
	[NITRO_VPC_A_TRACE_LOCAL_IP4] = { .type = NLA_U32, },
	[NITRO_VPC_A_TRACE_LOCAL_IP6] = NLA_POLICY_EXACT_LEN(16),
	[NITRO_VPC_A_TRACE_REMOTE_IP4] = { .type = NLA_U32, },
	[NITRO_VPC_A_TRACE_REMOTE_IP6] = NLA_POLICY_EXACT_LEN(16),
	[NITRO_VPC_A_TRACE_LOCAL_PORT] = { .type = NLA_U16, },
	[NITRO_VPC_A_TRACE_REMOTE_PORT] = { .type = NLA_U16, },
};

/* Ops table for nitro_vpc */
static const struct genl_split_ops nitro_vpc_nl_ops[] = {
	{
		.cmd	= NITRO_VPC_CMD_CARD_GET,
		.doit	= nitro_vpc_nl_card_get_doit,
		.flags	= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_HOST_SET,
		.doit		= nitro_vpc_nl_host_set_doit,
		.policy		= nitro_vpc_host_set_nl_policy,
		.maxattr	= NITRO_VPC_A_HOST_PORT,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_HOST_DEL,
		.doit		= nitro_vpc_nl_host_del_doit,
		.policy		= nitro_vpc_host_del_nl_policy,
		.maxattr	= NITRO_VPC_A_HOST_ID,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_HOST_GET,
		.doit		= nitro_vpc_nl_host_get_doit,
		.policy		= nitro_vpc_host_get_nl_policy,
		.maxattr	= NITRO_VPC_A_HOST_ID,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_VPC_CMD_HOST_GET,
		.dumpit	= nitro_vpc_nl_host_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= NITRO_VPC_CMD_MAPPING_SET,
		.doit		= nitro_vpc_nl_mapping_set_doit,
		.policy		= nitro_vpc_mapping_set_nl_policy,
		.maxattr	= NITRO_VPC_A_MAPPING_LIST_COMMIT,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_MAPPING_DEL,
		.doit		= nitro_vpc_nl_mapping_del_doit,
		.policy		= nitro_vpc_mapping_del_nl_policy,
		.maxattr	= NITRO_VPC_A_MAPPING_LIST_VNI,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_MAPPING_GET,
		.dumpit		= nitro_vpc_nl_mapping_get_dumpit,
		.policy		= nitro_vpc_mapping_get_nl_policy,
		.maxattr	= NITRO_VPC_A_MAPPING_LIST_VNI,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= NITRO_VPC_CMD_ROUTE_TABLE_SET,
		.doit		= nitro_vpc_nl_route_table_set_doit,
		.policy		= nitro_vpc_route_table_set_nl_policy,
		.maxattr	= NITRO_VPC_A_ROUTE_TABLE_ROUTE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_ROUTE_TABLE_DEL,
		.doit		= nitro_vpc_nl_route_table_del_doit,
		.policy		= nitro_vpc_route_table_del_nl_policy,
		.maxattr	= NITRO_VPC_A_ROUTE_TABLE_ID,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_VPC_CMD_ROUTE_TABLE_GET,
		.dumpit	= nitro_vpc_nl_route_table_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= NITRO_VPC_CMD_POLICY_SET,
		.doit		= nitro_vpc_nl_policy_set_doit,
		.policy		= nitro_vpc_policy_set_nl_policy,
		.maxattr	= NITRO_VPC_A_POLICY_RULE,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_POLICY_DEL,
		.doit		= nitro_vpc_nl_policy_del_doit,
		.policy		= nitro_vpc_policy_del_nl_policy,
		.maxattr	= NITRO_VPC_A_POLICY_ID,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_VPC_CMD_POLICY_GET,
		.dumpit	= nitro_vpc_nl_policy_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= NITRO_VPC_CMD_ENI_SET,
		.doit		= nitro_vpc_nl_eni_set_doit,
		.policy		= nitro_vpc_eni_set_nl_policy,
		.maxattr	= NITRO_VPC_A_ENI_RESOLVER,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_ENI_GET,
		.doit		= nitro_vpc_nl_eni_get_doit,
		.policy		= nitro_vpc_eni_get_nl_policy,
		.maxattr	= NITRO_VPC_A_ENI_IFINDEX,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= NITRO_VPC_CMD_ENI_GET,
		.start	= nitro_vpc_nl_eni_get_start,
		.dumpit	= nitro_vpc_nl_eni_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= NITRO_VPC_CMD_FLOW_GET,
		.dumpit		= nitro_vpc_nl_flow_get_dumpit,
		.policy		= nitro_vpc_flow_get_nl_policy,
		.maxattr	= NITRO_VPC_A_FLOW_ENI,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= NITRO_VPC_CMD_FLOW_DEL,
		.doit		= nitro_vpc_nl_flow_del_doit,
		.policy		= nitro_vpc_flow_del_nl_policy,
		.maxattr	= NITRO_VPC_A_FLOW_ENI,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= NITRO_VPC_CMD_TRACE,
		.doit		= nitro_vpc_nl_trace_doit,
		.policy		= nitro_vpc_trace_nl_policy,
		.maxattr	= NITRO_VPC_A_TRACE_REMOTE_PORT,
		.flags		= GENL_UNS_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group nitro_vpc_nl_mcgrps[] = {
	[NITRO_VPC_NLGRP_EVENTS] = { "events", },
};

struct genl_family nitro_vpc_nl_family __ro_after_init = {
	.name		= NITRO_VPC_FAMILY_NAME,
	.version	= NITRO_VPC_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= nitro_vpc_nl_ops,
	.n_split_ops	= ARRAY_SIZE(nitro_vpc_nl_ops),
	.mcgrps		= nitro_vpc_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(nitro_vpc_nl_mcgrps),
};
