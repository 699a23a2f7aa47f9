// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Host: the machines of the network. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("underlay", STRING, 0,
		 "IPv4 or IPv6 address that the other hosts reach it at."),
	PROPERTY("local", BOOL, 0, "This nitrod runs on it. One host at most is local."),
	PROPERTY("port", INT, 0, "UDP port of its Geneve endpoint, 6081 by default."),
	{}
};

VARLINK_OBJECT(host,
	.name = "Host", .kind = KIND_HOST,
	.text = "The machines of the network and where they are reached.",
	.properties = properties,
	.set_creates = true, .lacks = 1U << VARLINK_CREATE,
);
