// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Vpc: address spaces. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("cidrs", STRING, P_ARRAY | P_REQUIRED, "CIDR blocks, IPv4 and IPv6."),
	PROPERTY("vni", INT, 0,
		 "Number of the VPC on the wire, derived from the name unless it was given.",
		 .create_text = "Number on the wire, 1 to 16777214. Null: derived from the name.",
		 .set_text = "Number on the wire, 1 to 16777214."),
	PROPERTY("domain", STRING, P_NULLABLE,
		 "Domain of the guests' names, told by DHCP. Null: the services' own."),
	PROPERTY("dns_servers", STRING, P_ARRAY | P_NULLABLE,
		 "Resolvers that DHCP tells, 4 at most. Null: the VPC's own."),
	PROPERTY("ntp_servers", STRING, P_ARRAY | P_NULLABLE,
		 "Time servers that DHCP tells, 4 at most. Null: the card's."),
	{}
};

VARLINK_OBJECT(vpc,
	.name = "Vpc", .kind = KIND_VPC,
	.text = "VPCs: address spaces of their own. CIDRs of different VPCs may overlap.",
	.properties = properties,
);
