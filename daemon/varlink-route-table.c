// SPDX-License-Identifier: GPL-2.0
/* io.nitro.RouteTable: where packets of a subnet go. */

#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("vpc", STRING, P_REQUIRED | P_FIXED, "The VPC."),
	PROPERTY_OF("routes", "Route", P_ARRAY, "Routes beside those of the VPC itself.",
		    .set_text = "Routes that replace the present ones."),
	{}
};

static const struct varlink_property route[] = {
	PROPERTY("cidr", STRING, P_REQUIRED, "Destination."),
	PROPERTY("to", STRING, P_REQUIRED, "eni:NAME, local or blackhole."),
	{}
};

static const struct varlink_property destination[] = {
	PROPERTY("cidr", STRING, P_REQUIRED, "Destination."),
	{}
};

static const struct varlink_type types[] = {
	{ "Route", "A route.", route },
	{}
};

VARLINK_METHOD(add_route, edit_add_route, "object")
VARLINK_METHOD(delete_route, edit_delete_route, "object")

static const struct varlink_method methods[] = {
	{ .name = "AddRoute", .parameters = route, .object = true, .serve = add_route,
	  .text = "Add a route, or lead the one for this destination elsewhere." },
	{ .name = "DeleteRoute", .parameters = destination, .object = true,
	  .serve = delete_route, .text = "Take the route for a destination away." },
	{}
};

VARLINK_OBJECT(route_table,
	.name = "RouteTable", .kind = KIND_ROUTE_TABLE,
	.text = "Route tables of VPCs. The longest prefix decides. The blocks of the VPC are always there, as local.",
	.properties = properties, .types = types, .methods = methods,
);
