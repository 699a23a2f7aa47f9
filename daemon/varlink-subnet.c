// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Subnet: parts of VPCs. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("vpc", STRING, P_REQUIRED | P_FIXED, "The VPC."),
	PROPERTY("cidrs", STRING, P_ARRAY | P_REQUIRED, "CIDR blocks within those of the VPC."),
	PROPERTY("route_table", STRING, P_NULLABLE,
		 "Route table of the same VPC; null: only the blocks of the VPC are reached.",
		 .set_text = "Route table of the same VPC; the empty string takes it away."),
	{}
};

VARLINK_OBJECT(subnet,
	.name = "Subnet", .kind = KIND_SUBNET,
	.text = "Subnets: parts of the CIDRs of a VPC. The first four and the last address of each block are reserved.",
	.properties = properties,
);
