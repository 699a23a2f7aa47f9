// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Vpc: address spaces. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("cidrs", STRING, P_ARRAY | P_REQUIRED, "CIDR blocks, IPv4 and IPv6."),
	PROPERTY("vni", INT, 0,
		 "Number of the VPC on the wire, derived from the name unless it was given.",
		 .create_text = "Number on the wire, 1 to 16777214. Null: derived from the name.",
		 .set_text = "Number on the wire, 1 to 16777214."),
	{}
};

VARLINK_OBJECT(vpc,
	.name = "Vpc", .kind = KIND_VPC,
	.text = "VPCs: address spaces of their own. CIDRs of different VPCs may overlap.",
	.properties = properties,
);
