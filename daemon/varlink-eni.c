// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Eni: elastic network interfaces. */

#include "varlink.h"

static SD_VARLINK_DEFINE_STRUCT_TYPE(Attachment,
	SD_VARLINK_FIELD_COMMENT("netns, port, local or instance."),
	SD_VARLINK_DEFINE_FIELD(kind, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Network namespace, for kind netns."),
	SD_VARLINK_DEFINE_FIELD(netns, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Name of the interface where it is attached."),
	SD_VARLINK_DEFINE_FIELD(ifname, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("The tap or veth that is enslaved, for kind port."),
	SD_VARLINK_DEFINE_FIELD(port, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("The instance, for kind instance."),
	SD_VARLINK_DEFINE_FIELD(instance, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Flow,
	SD_VARLINK_FIELD_COMMENT("IP protocol."),
	SD_VARLINK_DEFINE_FIELD(protocol, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Address on the ENI's side."),
	SD_VARLINK_DEFINE_FIELD(local, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Port on the ENI's side, or the identifier of ICMP echo."),
	SD_VARLINK_DEFINE_FIELD(local_port, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Address of the other side."),
	SD_VARLINK_DEFINE_FIELD(remote, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Port of the other side."),
	SD_VARLINK_DEFINE_FIELD(remote_port, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("TCP state; single or stream for other protocols."),
	SD_VARLINK_DEFINE_FIELD(state, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("It outlives the rule that allowed it."),
	SD_VARLINK_DEFINE_FIELD(tracked, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("ingress or egress: the way of the first packet."),
	SD_VARLINK_DEFINE_FIELD(origin, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Packets to the ENI's holder."),
	SD_VARLINK_DEFINE_FIELD(packets_in, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Bytes to the ENI's holder."),
	SD_VARLINK_DEFINE_FIELD(bytes_in, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Packets from the ENI's holder."),
	SD_VARLINK_DEFINE_FIELD(packets_out, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Bytes from the ENI's holder."),
	SD_VARLINK_DEFINE_FIELD(bytes_out, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Seconds until it is forgotten if nothing comes."),
	SD_VARLINK_DEFINE_FIELD(expires, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Eni,
	VARLINK_COMMON_FIELDS,
	SD_VARLINK_FIELD_COMMENT("The VPC of the subnet."),
	SD_VARLINK_DEFINE_FIELD(vpc, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The subnet."),
	SD_VARLINK_DEFINE_FIELD(subnet, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The host; null: this host."),
	SD_VARLINK_DEFINE_FIELD(host, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Addresses and delegated prefixes; the first of each family is the primary one."),
	SD_VARLINK_DEFINE_FIELD(ips, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Security groups."),
	SD_VARLINK_DEFINE_FIELD(security_groups, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("MAC address."),
	SD_VARLINK_DEFINE_FIELD(mac, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("It may only send from and receive for its own addresses."),
	SD_VARLINK_DEFINE_FIELD(source_dest_check, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("Limit: bit/s in each direction; null: the default."),
	SD_VARLINK_DEFINE_FIELD(bandwidth, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: packets per second; null: the default."),
	SD_VARLINK_DEFINE_FIELD(pps, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: flows that it may have at a time; null: the default."),
	SD_VARLINK_DEFINE_FIELD(flows, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 60 to 432000; null: the default."),
	SD_VARLINK_DEFINE_FIELD(tcp_established_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 30 to 60; null: the default."),
	SD_VARLINK_DEFINE_FIELD(udp_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 60 to 180; null: the default."),
	SD_VARLINK_DEFINE_FIELD(udp_stream_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("How it is attached on this host, or null."),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(attachment, Attachment, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("The integer that the kernel knows it by on this host."),
	SD_VARLINK_DEFINE_FIELD(eni_id, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Why its state is failed."),
	SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Name of its netdev on this host."),
	SD_VARLINK_DEFINE_FIELD(ifname, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Its tap character device, for a VMM to open."),
	SD_VARLINK_DEFINE_FIELD(device, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Flows that it has now."),
	SD_VARLINK_DEFINE_FIELD(flow_count, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Counters of the kernel by name, as ethtool -S has them."),
	SD_VARLINK_DEFINE_FIELD(stats, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Its flow table, if Show was asked for it."),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(flow_table, Flow, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Dropped packets by reason, if Show was asked for them."),
	SD_VARLINK_DEFINE_FIELD(drops, SD_VARLINK_OBJECT, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(Create,
	VARLINK_NEW_NAME,
	SD_VARLINK_FIELD_COMMENT("The subnet: a name, an ID or VPC/NAME."),
	SD_VARLINK_DEFINE_INPUT(subnet, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The host that the ENI is on; null: this host."),
	SD_VARLINK_DEFINE_INPUT(host, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Addresses and delegated prefixes within the subnet. Null: the lowest free address of each family."),
	SD_VARLINK_DEFINE_INPUT(ips, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Security groups, 16 at most. Without one nothing passes."),
	SD_VARLINK_DEFINE_INPUT(security_groups, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("MAC address. Null: derived from the name."),
	SD_VARLINK_DEFINE_INPUT(mac, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("False: it may send from and receive for any address, as a router has to."),
	SD_VARLINK_DEFINE_INPUT(source_dest_check, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: bit/s in each direction. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(bandwidth, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: packets per second. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(pps, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: flows that it may have at a time. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(flows, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 60 to 432000. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(tcp_established_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 30 to 60. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(udp_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 60 to 180. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(udp_stream_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Eni));

static SD_VARLINK_DEFINE_METHOD(Set,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("The subnet: a name, an ID or VPC/NAME."),
	SD_VARLINK_DEFINE_INPUT(subnet, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("The host that the ENI is on; null: this host."),
	SD_VARLINK_DEFINE_INPUT(host, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Addresses and delegated prefixes within the subnet. Null: the lowest free address of each family."),
	SD_VARLINK_DEFINE_INPUT(ips, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Security groups, 16 at most. Without one nothing passes."),
	SD_VARLINK_DEFINE_INPUT(security_groups, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("MAC address. Null: derived from the name."),
	SD_VARLINK_DEFINE_INPUT(mac, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("False: it may send from and receive for any address, as a router has to."),
	SD_VARLINK_DEFINE_INPUT(source_dest_check, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: bit/s in each direction. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(bandwidth, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: packets per second. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(pps, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Limit: flows that it may have at a time. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(flows, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 60 to 432000. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(tcp_established_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 30 to 60. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(udp_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Idle timeout: seconds, 60 to 180. Null or 0: the default."),
	SD_VARLINK_DEFINE_INPUT(udp_stream_timeout, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Eni));

static SD_VARLINK_DEFINE_METHOD(List, VARLINK_OUT_OBJECTS(Eni));
static SD_VARLINK_DEFINE_METHOD(Delete, VARLINK_NAME);

static SD_VARLINK_DEFINE_METHOD(Show,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("With its flow table."),
	SD_VARLINK_DEFINE_INPUT(flows, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("With dropped packets by reason."),
	SD_VARLINK_DEFINE_INPUT(drops, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Eni));

static SD_VARLINK_DEFINE_METHOD(Attach,
	VARLINK_NAME,
	SD_VARLINK_FIELD_COMMENT("netns: the netdev moves there and gets its addresses; port: a tap or veth becomes its holder; local: this host is its holder; instance: a VMM opens its tap device."),
	SD_VARLINK_DEFINE_INPUT(kind, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Name of a network namespace, or path to one."),
	SD_VARLINK_DEFINE_INPUT(netns, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Name that the interface gets there."),
	SD_VARLINK_DEFINE_INPUT(ifname, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Name of the tap or veth."),
	SD_VARLINK_DEFINE_INPUT(port, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Name of the instance."),
	SD_VARLINK_DEFINE_INPUT(instance, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	VARLINK_OUT_OBJECT(Eni));

static SD_VARLINK_DEFINE_METHOD(Detach, VARLINK_NAME, VARLINK_OUT_OBJECT(Eni));

static int eni_show(sd_varlink *link, sd_json_variant *p, sd_varlink_method_flags_t flags,
		    void *userdata)
{
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *object = NULL, *v = NULL;
	struct manager *m = userdata;

	(void)flags;
	if (edit_show_eni(m, p, &object, &e) < 0)
		return varlink_fail(link, &e);
	json_set(&v, "object", sd_json_variant_ref(object));
	return sd_varlink_reply(link, v);
}

static int eni_attach(sd_varlink *link, sd_json_variant *p, sd_varlink_method_flags_t flags,
		      void *userdata)
{
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *id = NULL;

	(void)flags;
	if (edit_attach(userdata, p, true, &id, &e) < 0)
		return varlink_fail(link, &e);
	return varlink_reply_object(link, userdata, id);
}

static int eni_detach(sd_varlink *link, sd_json_variant *p, sd_varlink_method_flags_t flags,
		      void *userdata)
{
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *id = NULL;

	(void)flags;
	if (edit_attach(userdata, p, false, &id, &e) < 0)
		return varlink_fail(link, &e);
	return varlink_reply_object(link, userdata, id);
}

static SD_VARLINK_DEFINE_INTERFACE(io_nitro_Eni, "io.nitro.Eni",
	SD_VARLINK_INTERFACE_COMMENT("Elastic network interfaces. On their own host they are netdevs, on the others mappings of their addresses."),
	SD_VARLINK_SYMBOL_COMMENT("How an ENI is attached."),
	&vl_type_Attachment,
	SD_VARLINK_SYMBOL_COMMENT("A tracked or untracked flow of an ENI."),
	&vl_type_Flow,
	SD_VARLINK_SYMBOL_COMMENT("Give the ENI to its holder on this host."),
	&vl_method_Attach,
	SD_VARLINK_SYMBOL_COMMENT("Take the ENI from its holder; its flows are forgotten."),
	&vl_method_Detach,
	SD_VARLINK_SYMBOL_COMMENT("The object."),
	&vl_type_Eni,
	SD_VARLINK_SYMBOL_COMMENT("Make a new object; io.nitro.Exists if there is one of this name."),
	&vl_method_Create,
	SD_VARLINK_SYMBOL_COMMENT("Change an object; what is null stays as it is."),
	&vl_method_Set,
	SD_VARLINK_SYMBOL_COMMENT("Show one object."),
	&vl_method_Show,
	SD_VARLINK_SYMBOL_COMMENT("List the objects."),
	&vl_method_List,
	SD_VARLINK_SYMBOL_COMMENT("Delete an object that nothing uses."),
	&vl_method_Delete);

VARLINK_METHOD(create, eni, KIND_ENI)
VARLINK_METHOD(set, eni, KIND_ENI)
VARLINK_METHOD(list, eni, KIND_ENI)
VARLINK_METHOD(delete, eni, KIND_ENI)

/**
 * varlink_bind_eni - serve io.nitro.Eni
 * @s: the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_bind_eni(struct sd_varlink_server *s)
{
	int r = sd_varlink_server_add_interface(s, &vl_interface_io_nitro_Eni);

	if (r < 0)
		return r;
	return sd_varlink_server_bind_method_many(s,
		"io.nitro.Eni.Create", eni_create,
		"io.nitro.Eni.Set", eni_set,
		"io.nitro.Eni.Show", eni_show,
		"io.nitro.Eni.List", eni_list,
		"io.nitro.Eni.Delete", eni_delete,
		"io.nitro.Eni.Attach", eni_attach,
		"io.nitro.Eni.Detach", eni_detach);
}
