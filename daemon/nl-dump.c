// SPDX-License-Identifier: GPL-2.0
/* Reading what nitro_vpc holds: objects, counters, flows, traces. */

#include <linux/netlink.h>
#include <linux/nitro_vpc.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <stdio.h>

#include "nl.h"
#include "object.h"

static uint32_t get_u32(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 4 ? nla_get_u32(attr) : 0;
}

static uint16_t get_u16(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 2 ? nla_get_u16(attr) : 0;
}

static uint64_t get_u64(struct nlattr *attr)
{
	return attr && nla_len(attr) >= 8 ? nla_get_u64(attr) : 0;
}

static char *get_string(struct nlattr *attr)
{
	return attr ? xstrndup(nla_data(attr), strnlen(nla_data(attr), nla_len(attr))) : NULL;
}

static void get_mac(struct nlattr *attr, uint8_t mac[6])
{
	if (attr && nla_len(attr) >= 6)
		memcpy(mac, nla_data(attr), 6);
}

/* An address, and its length where the attribute is there */
static bool get_prefix(struct nlattr *ip4, struct nlattr *ip6, struct nlattr *len,
		       struct prefix *ret)
{
	struct prefix p = {};

	if (ip4 && nla_len(ip4) >= 4) {
		memcpy(p.a, nla_data(ip4), 4);
	} else if (ip6 && nla_len(ip6) >= 16) {
		memcpy(p.a, nla_data(ip6), 16);
		p.v6 = true;
	} else {
		return false;
	}
	p.len = prefix_max(&p);
	if (len && get_u32(len) <= prefix_max(&p))
		p.len = get_u32(len);
	*ret = p;
	return true;
}

static int parse(struct nlmsghdr *nlh, struct nlattr **tb, int max)
{
	return genlmsg_parse(nlh, 0, tb, max, NULL) < 0 ? -EBADMSG : 0;
}

static int on_host(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *tb[NITRO_VPC_A_HOST_MAX + 1];
	struct kstate *k = userdata;
	struct khost h = {};

	if (parse(nlh, tb, NITRO_VPC_A_HOST_MAX) < 0)
		return -EBADMSG;
	h.id = get_u32(tb[NITRO_VPC_A_HOST_ID]);
	h.local = tb[NITRO_VPC_A_HOST_LOCAL];
	h.port = get_u16(tb[NITRO_VPC_A_HOST_PORT]);
	(void)get_prefix(tb[NITRO_VPC_A_HOST_IP4], tb[NITRO_VPC_A_HOST_IP6], NULL, &h.address);
	GROW(k->hosts, k->n_hosts, k->cap_hosts);
	k->hosts[k->n_hosts++] = h;
	return 0;
}

static int parse_route(struct nlattr *nest, struct kroute *ret)
{
	struct nlattr *tb[NITRO_VPC_A_ROUTE_MAX + 1];
	struct kroute r = {};

	if (nla_parse_nested(tb, NITRO_VPC_A_ROUTE_MAX, nest, NULL) < 0)
		return -EBADMSG;
	(void)get_prefix(tb[NITRO_VPC_A_ROUTE_IP4], tb[NITRO_VPC_A_ROUTE_IP6],
			 tb[NITRO_VPC_A_ROUTE_PREFIX_LEN], &r.prefix);
	r.type = get_u32(tb[NITRO_VPC_A_ROUTE_TYPE]);
	get_mac(tb[NITRO_VPC_A_ROUTE_MAC], r.mac);
	*ret = r;
	return 0;
}

/* A table or policy that does not fit one message comes in several */
static int on_table(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *attr = nlmsg_find_attr(nlh, GENL_HDRLEN, NITRO_VPC_A_ROUTE_TABLE_ID);
	struct kstate *k = userdata;
	uint32_t id = get_u32(attr);
	struct kroute_table *t;
	int rem;

	if (!k->n_tables || k->tables[k->n_tables - 1].id != id) {
		GROW(k->tables, k->n_tables, k->cap_tables);
		k->tables[k->n_tables++] = (struct kroute_table){ .id = id };
	}
	t = &k->tables[k->n_tables - 1];
	nla_for_each_attr(attr, genlmsg_attrdata(genlmsg_hdr(nlh), 0),
			  genlmsg_attrlen(genlmsg_hdr(nlh), 0), rem) {
		if (nla_type(attr) != NITRO_VPC_A_ROUTE_TABLE_ROUTE)
			continue;
		GROW(t->routes, t->n, t->cap);
		if (parse_route(attr, &t->routes[t->n]) < 0)
			return -EBADMSG;
		t->n++;
	}
	return 0;
}

static int parse_rule(struct nlattr *nest, struct krule *ret)
{
	struct nlattr *tb[NITRO_VPC_A_RULE_MAX + 1];
	struct krule r = { .protocol = PROTO_ALL, .port_max = 65535 };

	if (nla_parse_nested(tb, NITRO_VPC_A_RULE_MAX, nest, NULL) < 0)
		return -EBADMSG;
	r.id = get_u32(tb[NITRO_VPC_A_RULE_ID]);
	r.direction = get_u32(tb[NITRO_VPC_A_RULE_DIRECTION]);
	if (tb[NITRO_VPC_A_RULE_PROTOCOL])
		r.protocol = get_u32(tb[NITRO_VPC_A_RULE_PROTOCOL]);
	r.port_min = get_u16(tb[NITRO_VPC_A_RULE_PORT_MIN]);
	if (tb[NITRO_VPC_A_RULE_PORT_MAX])
		r.port_max = get_u16(tb[NITRO_VPC_A_RULE_PORT_MAX]);
	if (tb[NITRO_VPC_A_RULE_TAG]) {
		r.peer = KRULE_TAG;
		r.tag = get_u32(tb[NITRO_VPC_A_RULE_TAG]);
	} else {
		(void)get_prefix(tb[NITRO_VPC_A_RULE_IP4], tb[NITRO_VPC_A_RULE_IP6],
				 tb[NITRO_VPC_A_RULE_PREFIX_LEN], &r.prefix);
	}
	*ret = r;
	return 0;
}

static int on_policy(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *attr = nlmsg_find_attr(nlh, GENL_HDRLEN, NITRO_VPC_A_POLICY_ID);
	struct kstate *k = userdata;
	uint32_t id = get_u32(attr);
	struct kpolicy *p;
	int rem;

	if (!k->n_policies || k->policies[k->n_policies - 1].id != id) {
		GROW(k->policies, k->n_policies, k->cap_policies);
		k->policies[k->n_policies++] = (struct kpolicy){ .id = id };
	}
	p = &k->policies[k->n_policies - 1];
	nla_for_each_attr(attr, genlmsg_attrdata(genlmsg_hdr(nlh), 0),
			  genlmsg_attrlen(genlmsg_hdr(nlh), 0), rem) {
		if (nla_type(attr) != NITRO_VPC_A_POLICY_RULE)
			continue;
		GROW(p->rules, p->n, p->cap);
		if (parse_rule(attr, &p->rules[p->n]) < 0)
			return -EBADMSG;
		p->n++;
	}
	return 0;
}

static int parse_mapping(struct nlattr *nest, struct kmapping *ret)
{
	struct nlattr *tb[NITRO_VPC_A_MAPPING_MAX + 1], *attr;
	struct kmapping m = {};
	int rem;

	if (nla_parse_nested(tb, NITRO_VPC_A_MAPPING_MAX, nest, NULL) < 0)
		return -EBADMSG;
	m.vni = get_u32(tb[NITRO_VPC_A_MAPPING_VNI]);
	(void)get_prefix(tb[NITRO_VPC_A_MAPPING_IP4], tb[NITRO_VPC_A_MAPPING_IP6],
			 tb[NITRO_VPC_A_MAPPING_PREFIX_LEN], &m.prefix);
	m.host = get_u32(tb[NITRO_VPC_A_MAPPING_HOST]);
	m.eni = get_u32(tb[NITRO_VPC_A_MAPPING_ENI]);
	get_mac(tb[NITRO_VPC_A_MAPPING_MAC], m.mac);
	m.forward = get_u32(tb[NITRO_VPC_A_MAPPING_FLAGS]) & NITRO_VPC_MAPPING_FLAGS_FORWARD;
	nla_for_each_nested(attr, nest, rem)
		if (nla_type(attr) == NITRO_VPC_A_MAPPING_TAG && m.n_tags < GROUPS_MAX)
			m.tags[m.n_tags++] = get_u32(attr);
	*ret = m;
	return 0;
}

static int on_mappings(struct nlmsghdr *nlh, void *userdata)
{
	struct kstate *k = userdata;
	struct nlattr *attr;
	int rem;

	nla_for_each_attr(attr, genlmsg_attrdata(genlmsg_hdr(nlh), 0),
			  genlmsg_attrlen(genlmsg_hdr(nlh), 0), rem) {
		if (nla_type(attr) != NITRO_VPC_A_MAPPING_LIST_ENTRY)
			continue;
		GROW(k->mappings, k->n_mappings, k->cap_mappings);
		if (parse_mapping(attr, &k->mappings[k->n_mappings]) < 0)
			return -EBADMSG;
		k->n_mappings++;
	}
	return 0;
}

static void parse_prefixes(struct nlmsghdr *nlh, int type, struct prefixes *ret)
{
	struct nlattr *tb[NITRO_VPC_A_PREFIX_MAX + 1], *attr;
	struct prefix p;
	int rem;

	nla_for_each_attr(attr, genlmsg_attrdata(genlmsg_hdr(nlh), 0),
			  genlmsg_attrlen(genlmsg_hdr(nlh), 0), rem)
		if (nla_type(attr) == type &&
		    nla_parse_nested(tb, NITRO_VPC_A_PREFIX_MAX, attr, NULL) >= 0 &&
		    get_prefix(tb[NITRO_VPC_A_PREFIX_IP4], tb[NITRO_VPC_A_PREFIX_IP6],
			       tb[NITRO_VPC_A_PREFIX_PREFIX_LEN], &p))
			prefixes_add(ret, &p);
}

static int parse_eni(struct nlmsghdr *nlh, struct keni *ret)
{
	struct nlattr *tb[NITRO_VPC_A_ENI_MAX + 1];
	struct keni k = { .nsid = -1 };

	if (parse(nlh, tb, NITRO_VPC_A_ENI_MAX) < 0)
		return -EBADMSG;
	k.id = get_u32(tb[NITRO_VPC_A_ENI_ID]);
	k.ifindex = get_u32(tb[NITRO_VPC_A_ENI_IFINDEX]);
	k.ifname = get_string(tb[NITRO_VPC_A_ENI_IFNAME]);
	if (tb[NITRO_VPC_A_ENI_NETNS_ID])
		k.nsid = (int32_t)get_u32(tb[NITRO_VPC_A_ENI_NETNS_ID]);
	k.vni = get_u32(tb[NITRO_VPC_A_ENI_VNI]);
	parse_prefixes(nlh, NITRO_VPC_A_ENI_ADDRESS, &k.addresses);
	parse_prefixes(nlh, NITRO_VPC_A_ENI_SUBNET, &k.subnets);
	k.policy = get_u32(tb[NITRO_VPC_A_ENI_POLICY]);
	k.route_table = get_u32(tb[NITRO_VPC_A_ENI_ROUTE_TABLE]);
	k.no_check = get_u32(tb[NITRO_VPC_A_ENI_FLAGS]) & NITRO_VPC_ENI_FLAGS_NO_SOURCE_DEST_CHECK;
	k.service = get_u32(tb[NITRO_VPC_A_ENI_SERVICE]);
	if (tb[NITRO_VPC_A_ENI_RESOLVER] && nla_len(tb[NITRO_VPC_A_ENI_RESOLVER]) == 4)
		memcpy(k.resolver, nla_data(tb[NITRO_VPC_A_ENI_RESOLVER]), 4);
	get_mac(tb[NITRO_VPC_A_ENI_MAC], k.mac);
	k.limit[LIMIT_BANDWIDTH] = get_u64(tb[NITRO_VPC_A_ENI_BANDWIDTH_IN]);
	k.limit[LIMIT_PPS] = get_u32(tb[NITRO_VPC_A_ENI_PPS]);
	k.limit[LIMIT_FLOWS] = get_u32(tb[NITRO_VPC_A_ENI_FLOW_LIMIT]);
	k.limit[LIMIT_TCP_ESTABLISHED] = get_u32(tb[NITRO_VPC_A_ENI_TCP_ESTABLISHED_TIMEOUT]);
	k.limit[LIMIT_UDP] = get_u32(tb[NITRO_VPC_A_ENI_UDP_TIMEOUT]);
	k.limit[LIMIT_UDP_STREAM] = get_u32(tb[NITRO_VPC_A_ENI_UDP_STREAM_TIMEOUT]);
	k.port = get_u32(tb[NITRO_VPC_A_ENI_PORT_IFINDEX]);
	k.tap = get_string(tb[NITRO_VPC_A_ENI_TAP]);
	*ret = k;
	return 0;
}

static int on_eni(struct nlmsghdr *nlh, void *userdata)
{
	struct kstate *k = userdata;

	GROW(k->enis, k->n_enis, k->cap_enis);
	if (parse_eni(nlh, &k->enis[k->n_enis]) < 0)
		return -EBADMSG;
	k->n_enis++;
	return 0;
}

/**
 * card_dump - read everything that the card holds
 * @nl: the sockets
 * @ret: the sorted state
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_dump(struct nl *nl, struct kstate *ret, struct error *e)
{
	static const struct {
		int cmd;
		card_valid_fn fn;
		const char *what;
	} dumps[] = {
		{ NITRO_VPC_CMD_HOST_GET, on_host, "list its hosts" },
		{ NITRO_VPC_CMD_ROUTE_TABLE_GET, on_table, "list its route tables" },
		{ NITRO_VPC_CMD_POLICY_GET, on_policy, "list its policies" },
		{ NITRO_VPC_CMD_MAPPING_GET, on_mappings, "list its mappings" },
		{ NITRO_VPC_CMD_ENI_GET, on_eni, "list its ENIs" },
	};
	struct kstate k = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(dumps); i++)
		r = card_call(nl->genl, card_new(nl, dumps[i].cmd, NLM_F_DUMP, 0), dumps[i].fn, &k,
			    dumps[i].what, e);
	if (r < 0) {
		kstate_free(&k);
		return r;
	}
	kstate_sort(&k);
	*ret = k;
	return 0;
}

static int on_one_eni(struct nlmsghdr *nlh, void *userdata)
{
	return parse_eni(nlh, userdata);
}

/**
 * card_eni_get - read one ENI
 * @nl: the sockets
 * @id: its handle
 * @ret: the ENI; the caller frees what it owns
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_eni_get(struct nl *nl, uint32_t id, struct keni *ret, struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_ENI_GET, 0, 8);

	*ret = (struct keni){ .nsid = -1 };
	card_put_u32(msg, NITRO_VPC_A_ENI_ID, id);
	return card_call(nl->genl, msg, on_one_eni, ret, "show an ENI", e);
}

struct counters {
	sd_json_variant *stats, *drops;
	uint32_t flows;
};

static void add_counter(struct nlattr *nest, sd_json_variant **v)
{
	_cleanup_free_ char *name = NULL;
	struct nlattr *tb[NITRO_VPC_A_COUNTER_MAX + 1];

	if (nla_parse_nested(tb, NITRO_VPC_A_COUNTER_MAX, nest, NULL) < 0)
		return;
	name = get_string(tb[NITRO_VPC_A_COUNTER_NAME]);
	if (name)
		json_set_uint(v, name, get_u64(tb[NITRO_VPC_A_COUNTER_VALUE]));
}

static int on_counters(struct nlmsghdr *nlh, void *userdata)
{
	struct counters *c = userdata;
	struct nlattr *attr;
	int rem;

	nla_for_each_attr(attr, genlmsg_attrdata(genlmsg_hdr(nlh), 0),
			  genlmsg_attrlen(genlmsg_hdr(nlh), 0), rem) {
		if (nla_type(attr) == NITRO_VPC_A_ENI_STAT)
			add_counter(attr, &c->stats);
		else if (nla_type(attr) == NITRO_VPC_A_ENI_DROP)
			add_counter(attr, &c->drops);
		else if (nla_type(attr) == NITRO_VPC_A_ENI_FLOWS)
			c->flows = get_u32(attr);
	}
	return 0;
}

static void or_empty(sd_json_variant **v)
{
	if (!*v && sd_json_variant_new_object(v, NULL, 0) < 0)
		abort();
}

/**
 * card_eni_counters - what is counted for an ENI
 * @nl: the sockets
 * @id: its handle
 * @ret_stats: counter -> value
 * @ret_drops: reason -> packets
 * @ret_flows: flows that it has
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_eni_counters(struct nl *nl, uint32_t id, sd_json_variant **ret_stats,
		    sd_json_variant **ret_drops, uint32_t *ret_flows, struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_ENI_GET, 0, 8);
	struct counters c = {};
	int r;

	card_put_u32(msg, NITRO_VPC_A_ENI_ID, id);
	r = card_call(nl->genl, msg, on_counters, &c, "show an ENI", e);
	if (r < 0) {
		sd_json_variant_unref(c.stats);
		sd_json_variant_unref(c.drops);
		return r;
	}
	or_empty(&c.stats);
	or_empty(&c.drops);
	*ret_stats = c.stats;
	*ret_drops = c.drops;
	*ret_flows = c.flows;
	return 0;
}

/**
 * flow_state_name - a flow's state in JSON
 * @state: enum nitro_vpc_flow_state
 *
 * Context: any.
 * Return: the name.
 */
const char *flow_state_name(uint32_t state)
{
	static const char *const names[] = {
		[NITRO_VPC_FLOW_STATE_NONE] = "none",
		[NITRO_VPC_FLOW_STATE_SYN_SENT] = "syn-sent",
		[NITRO_VPC_FLOW_STATE_SYN_RECV] = "syn-recv",
		[NITRO_VPC_FLOW_STATE_ESTABLISHED] = "established",
		[NITRO_VPC_FLOW_STATE_FIN_WAIT] = "fin-wait",
		[NITRO_VPC_FLOW_STATE_CLOSE_WAIT] = "close-wait",
		[NITRO_VPC_FLOW_STATE_LAST_ACK] = "last-ack",
		[NITRO_VPC_FLOW_STATE_TIME_WAIT] = "time-wait",
		[NITRO_VPC_FLOW_STATE_CLOSE] = "close",
		[NITRO_VPC_FLOW_STATE_SINGLE] = "single",
		[NITRO_VPC_FLOW_STATE_STREAM] = "stream",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "unknown";
}

static void set_protocol(struct json_list *v, uint32_t protocol)
{
	char number[8];

	snprintf(number, sizeof(number), "%u", protocol & 0xff);
	json_pair_string(v, "protocol", protocol == IPPROTO_TCP ? "tcp" :
			protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_ICMP ? "icmp" :
			protocol == IPPROTO_ICMPV6 ? "icmpv6" : number);
}

static int on_flow(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *tb[NITRO_VPC_A_FLOW_MAX + 1];
	struct json_list *list = userdata;
	char buf[PREFIX_STRLEN];
	struct json_list v = {};
	struct prefix p = {};
	uint32_t flags;

	if (parse(nlh, tb, NITRO_VPC_A_FLOW_MAX) < 0)
		return -EBADMSG;
	flags = get_u32(tb[NITRO_VPC_A_FLOW_FLAGS]);
	set_protocol(&v, get_u32(tb[NITRO_VPC_A_FLOW_PROTOCOL]));
	(void)get_prefix(tb[NITRO_VPC_A_FLOW_LOCAL_IP4], tb[NITRO_VPC_A_FLOW_LOCAL_IP6], NULL, &p);
	json_pair_string(&v, "local", prefix_format_short(&p, buf));
	json_pair_uint(&v, "local_port", get_u16(tb[NITRO_VPC_A_FLOW_LOCAL_PORT]));
	(void)get_prefix(tb[NITRO_VPC_A_FLOW_REMOTE_IP4], tb[NITRO_VPC_A_FLOW_REMOTE_IP6], NULL,
			 &p);
	json_pair_string(&v, "remote", prefix_format_short(&p, buf));
	json_pair_uint(&v, "remote_port", get_u16(tb[NITRO_VPC_A_FLOW_REMOTE_PORT]));
	json_pair_string(&v, "state", flow_state_name(get_u32(tb[NITRO_VPC_A_FLOW_STATE])));
	json_pair_bool(&v, "tracked", flags & NITRO_VPC_FLOW_FLAGS_TRACKED);
	json_pair_string(&v, "origin", flags & NITRO_VPC_FLOW_FLAGS_INGRESS_ORIGIN ? "ingress" :
			"egress");
	json_pair_uint(&v, "packets_in", get_u64(tb[NITRO_VPC_A_FLOW_PACKETS_IN]));
	json_pair_uint(&v, "bytes_in", get_u64(tb[NITRO_VPC_A_FLOW_BYTES_IN]));
	json_pair_uint(&v, "packets_out", get_u64(tb[NITRO_VPC_A_FLOW_PACKETS_OUT]));
	json_pair_uint(&v, "bytes_out", get_u64(tb[NITRO_VPC_A_FLOW_BYTES_OUT]));
	json_pair_uint(&v, "expires", get_u32(tb[NITRO_VPC_A_FLOW_EXPIRES]));
	json_list_add(list, json_object_take(&v));
	/* a reply has to fit a Varlink message; more is nothing to look at */
	return list->n < 20000 ? 0 : -EFBIG;
}

/**
 * card_flows - the flow table of an ENI
 * @nl: the sockets
 * @id: its handle
 * @ret: the flows
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_flows(struct nl *nl, uint32_t id, sd_json_variant **ret, struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_FLOW_GET, NLM_F_DUMP, 8);
	struct json_list list = {};
	int r;

	card_put_u32(msg, NITRO_VPC_A_FLOW_ENI, id);
	r = card_call(nl->genl, msg, on_flow, &list, "list flows", e);
	*ret = json_list_take(&list);
	if (r >= 0)
		return 0;
	*ret = sd_json_variant_unref(*ret);
	return r;
}

static int on_trace(struct nlmsghdr *nlh, void *userdata)
{
	struct nlattr *tb[NITRO_VPC_A_TRACE_MAX + 1];
	struct trace_answer *a = userdata;

	if (parse(nlh, tb, NITRO_VPC_A_TRACE_MAX) < 0)
		return -EBADMSG;
	a->allowed = tb[NITRO_VPC_A_TRACE_ALLOWED];
	a->tracked = tb[NITRO_VPC_A_TRACE_TRACKED];
	a->reason = get_string(tb[NITRO_VPC_A_TRACE_REASON]);
	a->rule = get_u32(tb[NITRO_VPC_A_TRACE_RULE]);
	a->flow_state = tb[NITRO_VPC_A_TRACE_FLOW_STATE] ?
		(int)get_u32(tb[NITRO_VPC_A_TRACE_FLOW_STATE]) : -1;
	a->has_route = tb[NITRO_VPC_A_TRACE_ROUTE] &&
		       parse_route(tb[NITRO_VPC_A_TRACE_ROUTE], &a->route) >= 0;
	a->has_mapping = tb[NITRO_VPC_A_TRACE_MAPPING] &&
			 parse_mapping(tb[NITRO_VPC_A_TRACE_MAPPING], &a->mapping) >= 0;
	return 0;
}

/**
 * card_trace - what would become of a packet
 * @nl: the sockets
 * @q: the packet
 * @ret: the answer; the caller frees @ret->reason
 * @e: gets the kernel's words
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int card_trace(struct nl *nl, const struct trace_query *q, struct trace_answer *ret,
	     struct error *e)
{
	struct nl_msg *msg = card_new(nl, NITRO_VPC_CMD_TRACE, 0, 128);

	*ret = (struct trace_answer){ .flow_state = -1 };
	card_put_u32(msg, NITRO_VPC_A_TRACE_ENI, q->eni);
	card_put_u32(msg, NITRO_VPC_A_TRACE_DIRECTION, q->direction == INGRESS ?
		   NITRO_VPC_DIRECTION_INGRESS : NITRO_VPC_DIRECTION_EGRESS);
	card_put_u32(msg, NITRO_VPC_A_TRACE_PROTOCOL, q->protocol);
	card_put_address(msg, NITRO_VPC_A_TRACE_LOCAL_IP4, NITRO_VPC_A_TRACE_LOCAL_IP6, &q->local);
	card_put_address(msg, NITRO_VPC_A_TRACE_REMOTE_IP4, NITRO_VPC_A_TRACE_REMOTE_IP6,
		       &q->remote);
	card_put_u16(msg, NITRO_VPC_A_TRACE_LOCAL_PORT, q->local_port);
	card_put_u16(msg, NITRO_VPC_A_TRACE_REMOTE_PORT, q->remote_port);
	return card_call(nl->genl, msg, on_trace, ret, "trace", e);
}
