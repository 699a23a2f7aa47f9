// SPDX-License-Identifier: GPL-2.0
/* io.nitro.PrefixList: CIDR blocks under one name. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("vpc", STRING, P_NULLABLE | P_FIXED,
		 "The VPC whose rules may name it; null: those of all VPCs."),
	PROPERTY("entries", STRING, P_ARRAY, "CIDR blocks, 1000 at most.",
		 .set_text = "CIDR blocks that replace the present ones."),
	{}
};

VARLINK_OBJECT(prefix_list,
	.name = "PrefixList", .kind = KIND_PREFIX_LIST,
	.text = "Prefix lists: CIDR blocks that rules name together.",
	.properties = properties,
);
