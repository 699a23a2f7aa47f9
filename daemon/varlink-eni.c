// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Eni: elastic network interfaces. */

#include "instances.h"
#include "varlink.h"

static const struct varlink_property attachment[] = {
	PROPERTY("kind", STRING, 0, "netns, port, local or instance."),
	PROPERTY("netns", STRING, P_NULLABLE, "Network namespace, for kind netns."),
	PROPERTY("ifname", STRING, P_NULLABLE, "Name of the interface where it is attached."),
	PROPERTY("port", STRING, P_NULLABLE, "The tap or veth that is enslaved, for kind port."),
	PROPERTY("instance", STRING, P_NULLABLE, "The instance, for kind instance."),
	PROPERTY("index", INT, P_NULLABLE,
		 "Which of the ENIs of its instance it is, from 0; for kind instance."),
	{}
};

static const struct varlink_property flow[] = {
	PROPERTY("protocol", STRING, 0, "IP protocol."),
	PROPERTY("local", STRING, 0, "Address on the ENI's side."),
	PROPERTY("local_port", INT, P_NULLABLE,
		 "Port on the ENI's side, or the identifier of ICMP echo."),
	PROPERTY("remote", STRING, 0, "Address of the other side."),
	PROPERTY("remote_port", INT, P_NULLABLE, "Port of the other side."),
	PROPERTY("state", STRING, 0, "TCP state; single or stream for other protocols."),
	PROPERTY("tracked", BOOL, 0, "It outlives the rule that allowed it."),
	PROPERTY("origin", STRING, 0, "ingress or egress: the way of the first packet."),
	PROPERTY("packets_in", INT, 0, "Packets to the ENI's holder."),
	PROPERTY("bytes_in", INT, 0, "Bytes to the ENI's holder."),
	PROPERTY("packets_out", INT, 0, "Packets from the ENI's holder."),
	PROPERTY("bytes_out", INT, 0, "Bytes from the ENI's holder."),
	PROPERTY("expires", INT, 0, "Seconds until it is forgotten if nothing comes."),
	{}
};

#define LIMIT(_name, _text) \
	PROPERTY(_name, INT, P_NULLABLE, _text "; null: the default.", \
		 .create_text = _text ". Null or 0: the default.")

static const struct varlink_property properties[] = {
	PROPERTY("vpc", STRING, P_READ_ONLY, "The VPC of the subnet."),
	PROPERTY("subnet", STRING, P_REQUIRED, "The subnet.",
		 .create_text = "The subnet: a name, an ID or VPC/NAME."),
	PROPERTY("host", STRING, P_NULLABLE, "The host that it is on; null: this host."),
	PROPERTY("ips", STRING, P_ARRAY,
		 "Addresses and delegated prefixes; the first of each family is the primary one.",
		 .create_text = "Addresses and delegated prefixes within the subnet. Null: the lowest free address of each family.",
		 .set_text = "Addresses and delegated prefixes that replace the present ones."),
	PROPERTY("security_groups", STRING, P_ARRAY, "Security groups.",
		 .create_text = "Security groups, 16 at most. Without one nothing passes."),
	PROPERTY("mac", STRING, 0, "MAC address.",
		 .create_text = "MAC address. Null: derived from the name.",
		 .set_text = "MAC address."),
	PROPERTY("source_dest_check", BOOL, 0,
		 "It may only send from and receive for its own addresses.",
		 .create_text = "False: it may send from and receive for any address, as a router has to."),
	LIMIT("bandwidth", "Limit: bit/s in each direction"),
	LIMIT("pps", "Limit: packets per second"),
	LIMIT("flows", "Limit: flows that it may have at a time"),
	LIMIT("tcp_established_timeout", "Idle timeout: seconds, 60 to 432000"),
	LIMIT("udp_timeout", "Idle timeout: seconds, 30 to 60"),
	LIMIT("udp_stream_timeout", "Idle timeout: seconds, 60 to 180"),
	PROPERTY("metadata", STRING, 0,
		 "The instance metadata service: on (with tokens, IMDSv2), v1 (without, too) or off."),
	PROPERTY("metadata_hop_limit", INT, 0,
		 "Hops that a metadata token may go: 1 to 64; 1 keeps it from what is behind the instance."),
	PROPERTY_OF("attachment", "Attachment", P_NULLABLE | P_READ_ONLY,
		    "How it is attached on this host, or null."),
	PROPERTY("eni_id", INT, P_NULLABLE | P_READ_ONLY,
		 "The integer that the kernel knows it by on this host."),
	PROPERTY("reason", STRING, P_NULLABLE | P_READ_ONLY, "Why its state is failed."),
	PROPERTY("ifname", STRING, P_NULLABLE | P_READ_ONLY, "Name of its netdev on this host."),
	PROPERTY("device", STRING, P_NULLABLE | P_READ_ONLY,
		 "Its tap character device, for a VMM to open."),
	PROPERTY("flow_count", INT, P_NULLABLE | P_READ_ONLY, "Flows that it has now."),
	PROPERTY("stats", OBJECT, P_NULLABLE | P_READ_ONLY,
		 "Counters of the kernel by name, as ethtool -S has them."),
	PROPERTY_OF("flow_table", "Flow", P_ARRAY | P_NULLABLE | P_READ_ONLY,
		    "Its flow table, if Show was asked for it."),
	PROPERTY("drops", OBJECT, P_NULLABLE | P_READ_ONLY,
		 "Dropped packets by reason, if Show was asked for them."),
	{}
};

static const struct varlink_property show[] = {
	PROPERTY("flows", BOOL, 0, "With its flow table."),
	PROPERTY("drops", BOOL, 0, "With dropped packets by reason."),
	{}
};

static const struct varlink_property attach[] = {
	PROPERTY("kind", STRING, P_REQUIRED,
		 "netns: the netdev moves there and gets its addresses; port: a tap or veth becomes its holder; local: this host is its holder; instance: a VMM opens its tap device."),
	PROPERTY("netns", STRING, 0, "Name of a network namespace, or path to one."),
	PROPERTY("ifname", STRING, 0, "Name that the interface gets there."),
	PROPERTY("port", STRING, 0, "Name of the tap or veth."),
	PROPERTY("instance", STRING, 0, "Name of the instance."),
	{}
};

static const struct varlink_type types[] = {
	{ "Attachment", "How an ENI is attached.", attachment },
	{ "Flow", "A tracked or untracked flow of an ENI.", flow },
	{}
};

VARLINK_METHOD(show_eni, edit_show_eni, "object")
VARLINK_FUNCTION(attach_eni, serve_eni_attach(link, p, m))
VARLINK_FUNCTION(detach_eni, serve_eni_detach(link, p, m))

static const struct varlink_method methods[] = {
	{ .name = "Show", .parameters = show, .object = true, .serve = show_eni, .reads = true,
	  .text = "Show one object." },
	{ .name = "Attach", .parameters = attach, .object = true, .serve = attach_eni,
	  .text = "Give the ENI to its holder on this host." },
	{ .name = "Detach", .object = true, .serve = detach_eni,
	  .text = "Take the ENI from its holder; its flows are forgotten." },
	{}
};

VARLINK_OBJECT(eni,
	.name = "Eni", .kind = KIND_ENI,
	.text = "Elastic network interfaces. On their own host they are netdevs, on the others mappings of their addresses.",
	.state_text = "State: available, attached, remote (of another host) or failed.",
	.properties = properties, .types = types, .methods = methods,
);
