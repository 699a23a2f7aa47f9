// SPDX-License-Identifier: GPL-2.0
/*
 * Trace: which rule, route or check decides over a packet. The card answers
 * for its ENIs in integers, which get their names here; without a card the
 * model answers, which knows everything but the flows.
 */

#include <linux/nitro_vpc.h>
#include <netinet/in.h>
#include <stdio.h>

#include "kernel.h"
#include "nl.h"
#include "object.h"

struct trace {
	struct manager *m;
	const struct eni *eni;
	struct trace_query q;
	struct trace_answer a;
	struct kpolicy policy;
	struct rule_sources sources;
	struct json_list checks;
	bool by_kernel;
};

static const struct {
	const char *reason, *text;
} reasons[] = {
	{ "source_address", "the source address is not one of the ENI's (source/dest check)" },
	{ "dest_address", "the destination address is not one of the ENI's (source/dest check)" },
	{ "no_route", "the route table has no route to the destination" },
	{ "blackhole", "the route to the destination is a blackhole" },
	{ "no_mapping", "no ENI of the VPC has the peer's address" },
	{ "egress_rule", "no egress rule allows it" },
	{ "ingress_rule", "no ingress rule allows it" },
	{ "flow_state", "it does not fit the state of its flow" },
	{ "flow_limit", "the ENI has as many flows as it may have" },
	{ "no_service", "no service answers at this link-local address" },
	{ "underlay", "the underlay has no route to the host" },
	{ "host", "the host of the other side does not own its address" },
};

static const char *reason_text(const char *reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (streq(reasons[i].reason, reason))
			return reasons[i].text;
	return reason;
}

static void check(struct trace *t, const char *fmt, ...) _printf_(2, 3);

static void check(struct trace *t, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		abort();
	va_end(ap);
	json_list_add_string(&t->checks, s);
}

static int get_port(sd_json_variant *p, const char *key, uint16_t *ret, struct error *e)
{
	sd_json_variant *v = json_get(p, key);

	if (!v)
		return 0;
	if (!sd_json_variant_is_unsigned(v) || sd_json_variant_unsigned(v) > 65535)
		return fail(e, ERR_INVALID, "%s is not from 0 to 65535", key);
	*ret = sd_json_variant_unsigned(v);
	return 0;
}

/* The protocol and ICMP type are read as those of a rule */
static int get_match(sd_json_variant *p, struct trace *t, struct error *e)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	uint16_t port = 0, source = 0;
	struct rule rule = {};
	int r;

	json_set_string(&v, "protocol", json_string(p, "protocol"));
	if (json_get(p, "icmp_type"))
		json_set_string(&v, "icmp_type", json_string(p, "icmp_type"));
	json_set_string(&v, "peer", "pl:any");
	r = rule_parse(v, "", &rule, e);
	if (r < 0)
		return r;
	t->q.protocol = rule.protocol;
	if (rule.protocol == PROTO_ALL)
		r = fail(e, ERR_INVALID, "a packet has one protocol; 'all' is none");
	if (r >= 0)
		r = get_port(p, "port", &port, e);
	if (r >= 0)
		r = get_port(p, "peer_port", &source, e);
	if (rule.protocol == IPPROTO_ICMP || rule.protocol == IPPROTO_ICMPV6) {
		int echo = rule.protocol == IPPROTO_ICMP ? 8 : 128;
		int type = rule.icmp_type >= 0 ? rule.icmp_type : echo;

		t->q.local_port = type * 256 + (rule.icmp_code >= 0 ? rule.icmp_code : 0);
	} else if (t->q.direction == EGRESS) {
		t->q.remote_port = port;
		t->q.local_port = source;
	} else {
		t->q.local_port = port;
		t->q.remote_port = source;
	}
	rule_free(&rule);
	return r;
}

static int get_query(sd_json_variant *p, struct trace *t, struct error *e)
{
	const char *eni = json_string(p, "eni"), *peer = json_string(p, "peer");
	const char *direction = json_string(p, "direction");
	struct object *o;

	o = model_lookup(&t->m->model, KIND_ENI, NULL, eni ? eni : "", e);
	if (!o)
		return -ENOENT;
	t->eni = ENI(o);
	t->q.eni = o->handle;
	if (!streq(direction, "ingress") && !streq(direction, "egress"))
		return fail(e, ERR_INVALID, "direction must be ingress or egress");
	t->q.direction = streq(direction, "ingress") ? INGRESS : EGRESS;
	if (address_parse(peer ? peer : "", &t->q.remote, e) < 0 || get_match(p, t, e) < 0)
		return -EINVAL;
	for (size_t i = 0; i < t->eni->ips.n; i++) {
		if (t->eni->ips.v[i].v6 != t->q.remote.v6)
			continue;
		t->q.local = t->eni->ips.v[i];
		return 0;
	}
	return fail(e, ERR_INVALID, "ENI '%s' has no %s address to talk to '%s'", o->name,
		    t->q.remote.v6 ? "IPv6" : "IPv4", peer);
}

/* The ENI of the VPC that has an address */
static struct object *owner_of(struct trace *t, const struct prefix *address)
{
	struct object *o, *found = NULL;

	FOR_EACH_OBJECT(&t->m->model, KIND_ENI, o) {
		if (!streq(ENI(o)->vpc, t->eni->vpc))
			continue;
		for (size_t i = 0; i < ENI(o)->ips.n; i++)
			if (prefix_contains(&ENI(o)->ips.v[i], address))
				found = o;
	}
	return found;
}

static const struct route_table *table_of(struct trace *t)
{
	struct object *s = model_get(&t->m->model, KIND_SUBNET, t->eni->vpc, t->eni->subnet);
	const char *table = SUBNET(s)->route_table;

	return table ? ROUTE_TABLE(model_get(&t->m->model, KIND_ROUTE_TABLE, t->eni->vpc,
					     table)) : NULL;
}

/* Longest prefix of the subnet's table and the VPC's own blocks */
static bool find_route(struct trace *t, struct kroute *ret)
{
	struct vpc *vpc = VPC(model_get(&t->m->model, KIND_VPC, NULL, t->eni->vpc));
	const struct route_table *table = table_of(t);
	bool found = false;

	for (size_t i = 0; table && i < table->n_routes; i++) {
		const struct route *r = &table->routes[i];
		struct object *eni;

		if (!prefix_contains(&r->cidr, &t->q.remote) ||
		    (found && r->cidr.len <= ret->prefix.len))
			continue;
		*ret = (struct kroute){ .prefix = r->cidr, .type = r->kind == ROUTE_ENI ?
			NITRO_VPC_ROUTE_TYPE_ENI : r->kind == ROUTE_LOCAL ?
			NITRO_VPC_ROUTE_TYPE_LOCAL : NITRO_VPC_ROUTE_TYPE_BLACKHOLE };
		eni = r->eni ? model_get(&t->m->model, KIND_ENI, NULL, r->eni) : NULL;
		if (eni)
			memcpy(ret->mac, ENI(eni)->mac, 6);
		found = true;
	}
	for (size_t i = 0; i < vpc->cidrs.n; i++) {
		if (!prefix_contains(&vpc->cidrs.v[i], &t->q.remote) ||
		    (found && vpc->cidrs.v[i].len <= ret->prefix.len))
			continue;
		*ret = (struct kroute){ .prefix = vpc->cidrs.v[i],
					.type = NITRO_VPC_ROUTE_TYPE_LOCAL };
		found = true;
	}
	return found;
}

static bool peer_matches(struct trace *t, const struct krule *r, const struct object *owner)
{
	if (r->peer == KRULE_CIDR)
		return prefix_contains(&r->prefix, &t->q.remote);
	for (size_t i = 0; owner && i < ENI(owner)->groups.n; i++) {
		struct object *g = model_get(&t->m->model, KIND_SECURITY_GROUP,
					     ENI(owner)->vpc, ENI(owner)->groups.v[i]);

		if (g && g->handle == r->tag)
			return true;
	}
	return false;
}

static uint32_t find_rule(struct trace *t, const struct object *owner)
{
	bool icmp = t->q.protocol == IPPROTO_ICMP || t->q.protocol == IPPROTO_ICMPV6;
	uint16_t port = icmp || t->q.direction == INGRESS ? t->q.local_port : t->q.remote_port;

	for (size_t i = 0; i < t->policy.n; i++) {
		const struct krule *r = &t->policy.rules[i];

		if (r->direction == (t->q.direction == INGRESS ? NITRO_VPC_DIRECTION_INGRESS :
				     NITRO_VPC_DIRECTION_EGRESS) &&
		    (r->protocol == PROTO_ALL || r->protocol == t->q.protocol) &&
		    port >= r->port_min && port <= r->port_max && peer_matches(t, r, owner))
			return r->id;
	}
	return 0;
}

static void drop(struct trace *t, const char *reason)
{
	t->a.allowed = false;
	t->a.reason = xstrdup(reason);
}

static void ask_model(struct trace *t)
{
	struct object *owner = owner_of(t, &t->q.remote);

	t->a.flow_state = -1;
	if (t->q.direction == EGRESS) {
		t->a.has_route = find_route(t, &t->a.route);
		if (!t->a.has_route)
			return drop(t, "no_route");
		if (t->a.route.type == NITRO_VPC_ROUTE_TYPE_BLACKHOLE)
			return drop(t, "blackhole");
		if (t->a.route.type == NITRO_VPC_ROUTE_TYPE_LOCAL && !owner)
			return drop(t, "no_mapping");
	}
	t->a.rule = find_rule(t, owner);
	if (!t->a.rule)
		return drop(t, t->q.direction == INGRESS ? "ingress_rule" : "egress_rule");
	t->a.allowed = true;
}

static int decide(struct trace *t, struct error *e)
{
	bool local = model_eni_is_local(&t->m->model, t->eni);

	policy_compile(&t->m->model, t->eni, &t->policy, &t->sources);
	t->by_kernel = local && t->m->kernel->nl &&
		       kstate_eni(&t->m->kernel->actual, t->q.eni);
	if (t->by_kernel)
		return card_trace(t->m->kernel->nl, &t->q, &t->a, e);
	check(t, "the card of this host does not have the ENI, so flows are not looked at");
	ask_model(t);
	return 0;
}

static sd_json_variant *show_rule(struct trace *t)
{
	_cleanup_text_ struct text text = {};
	const struct rule_source *s;
	sd_json_variant *v = NULL;

	if (!t->a.rule || t->a.rule > t->sources.n)
		return NULL;
	s = &t->sources.v[t->a.rule - 1];
	if (s->rule)
		rule_text(s->rule, &text);
	else
		text_add(&text, "all egress (default)");
	json_set_string(&v, "security_group", s->group->o.name);
	json_set_string(&v, "rule_id", s->rule ? s->rule->id : NULL);
	json_set_string(&v, "text", text.s);
	check(t, "%s rule of security group '%s' allows it: %s",
	      t->q.direction == INGRESS ? "ingress" : "egress", s->group->o.name, text.s);
	return v;
}

static sd_json_variant *show_route(struct trace *t)
{
	const struct route_table *table = table_of(t);
	const struct kroute *r = &t->a.route;
	_cleanup_free_ char *to = NULL;
	char buf[PREFIX_STRLEN];
	sd_json_variant *v = NULL;
	struct object *o;

	if (!t->a.has_route)
		return NULL;
	if (r->type == NITRO_VPC_ROUTE_TYPE_ENI) {
		FOR_EACH_OBJECT(&t->m->model, KIND_ENI, o)
			if (!to && streq(ENI(o)->vpc, t->eni->vpc) &&
			    !memcmp(ENI(o)->mac, r->mac, 6))
				to = xprintf("eni:%s", o->name);
	}
	if (!to)
		to = xstrdup(r->type == NITRO_VPC_ROUTE_TYPE_LOCAL ? "local" :
			     r->type == NITRO_VPC_ROUTE_TYPE_ENI ? "eni" : "blackhole");
	json_set_string(&v, "route_table", table ? table->o.name : NULL);
	json_set_string(&v, "cidr", prefix_format(&r->prefix, buf));
	json_set_string(&v, "to", to);
	check(t, "route %s leads to %s", buf, to);
	return v;
}

static sd_json_variant *show_mapping(struct trace *t)
{
	struct object *o = owner_of(t, &t->q.remote);
	struct host *self = model_local_host(&t->m->model);
	const char *host;
	char buf[PREFIX_STRLEN];
	sd_json_variant *v = NULL;

	if (!o)
		return NULL;
	host = ENI(o)->host ? ENI(o)->host : self ? self->o.name : NULL;
	json_set_string(&v, "eni", o->name);
	json_set_string(&v, "host", host);
	json_set_string(&v, "address", prefix_format_short(&t->q.remote, buf));
	json_set(&v, "security_groups", json_from_strings(&ENI(o)->groups));
	check(t, "%s is ENI '%s' on %s", buf, o->name, host ? host : "this host");
	return v;
}

static char *sentence(struct trace *t, sd_json_variant *rule)
{
	const char *dir = t->q.direction == INGRESS ? "ingress" : "egress";

	if (!t->a.allowed)
		return xprintf("%s is dropped: %s", dir, reason_text(t->a.reason));
	if (t->a.flow_state >= 0)
		return xprintf("%s is allowed by an existing flow (%s)", dir,
			       flow_state_name(t->a.flow_state));
	if (rule)
		return xprintf("%s is allowed by security group '%s': %s", dir,
			       json_string(rule, "security_group"), json_string(rule, "text"));
	return xprintf("%s is allowed", dir);
}

static sd_json_variant *answer(struct trace *t)
{
	_cleanup_free_ char *text = NULL;
	sd_json_variant *v = NULL, *rule, *route, *mapping;
	const char *reason;

	route = show_route(t);
	mapping = show_mapping(t);
	if (t->a.flow_state >= 0)
		check(t, "a flow in state %s exists", flow_state_name(t->a.flow_state));
	rule = show_rule(t);
	if (!t->a.allowed)
		check(t, "%s", reason_text(t->a.reason));
	text = sentence(t, rule);
	reason = !t->a.allowed ? t->a.reason : t->a.flow_state >= 0 ? "flow" :
		 rule ? "rule" : "pass";
	json_set_string(&v, "verdict", t->a.allowed ? "allow" : "drop");
	json_set_string(&v, "reason", reason ? reason : "unknown");
	json_set(&v, "rule", rule);
	json_set(&v, "route", route);
	json_set(&v, "mapping", mapping);
	json_set(&v, "checks", json_list_take(&t->checks));
	json_set_string(&v, "source", t->by_kernel ? "kernel" : "model");
	json_set_string(&v, "text", text);
	return v;
}

/**
 * trace_run - say what would become of a packet
 * @m: the manager
 * @params: {eni, direction, protocol, peer, port, peer_port, icmp_type}
 * @ret: the answer
 * @e: says what is wrong with the question
 *
 * Context: method call; asks the kernel, sends no packet.
 * Return: 0 or a negative errno.
 */
int trace_run(struct manager *m, sd_json_variant *params, sd_json_variant **ret,
	      struct error *e)
{
	struct trace t = { .m = m };
	int r;

	r = get_query(params, &t, e);
	if (r >= 0)
		r = decide(&t, e);
	if (r >= 0)
		*ret = answer(&t);
	sd_json_variant_unref(json_list_take(&t.checks));
	free(t.a.reason);
	free(t.policy.rules);
	free(t.sources.v);
	return r;
}
