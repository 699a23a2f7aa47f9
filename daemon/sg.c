// SPDX-License-Identifier: GPL-2.0
/* Security group: allow rules for the ENIs that are its members. */

#include <netinet/in.h>
#include <stdio.h>

#include "object.h"

static const struct json_key keys[] = {
	{ "ingress", T_OBJECTS }, { "egress", T_OBJECTS },
};

const struct json_key rule_keys[5] = {
	{ "rule_id", T_STRING }, { "protocol", T_TEXT }, { "ports", T_TEXT },
	{ "icmp_type", T_TEXT }, { "peer", T_STRING },
};

static const struct {
	const char *name;
	unsigned int number;
} protocols[] = {
	{ "all", PROTO_ALL }, { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
	{ "icmp", IPPROTO_ICMP }, { "icmpv6", IPPROTO_ICMPV6 },
};

static int parse_protocol(const char *s, unsigned int *ret)
{
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (streq(protocols[i].name, s)) {
			*ret = protocols[i].number;
			return 0;
		}
	}
	if (parse_uint(s, 0, 255, &n) < 0)
		return -EINVAL;
	*ret = n;
	return 0;
}

static void protocol_text(unsigned int number, struct text *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i].number == number) {
			text_add(t, "%s", protocols[i].name);
			return;
		}
	}
	text_add(t, "%u", number);
}

/* "N" or "N<separator>M" */
static int parse_pair(const char *s, char separator, uint64_t max, uint64_t *a, uint64_t *b)
{
	_cleanup_free_ char *first = NULL;
	const char *sep = strchr(s, separator);

	first = sep ? xstrndup(s, sep - s) : xstrdup(s);
	if (parse_uint(first, 0, max, a) < 0)
		return -EINVAL;
	if (!sep)
		return 0;
	return parse_uint(sep + 1, 0, max, b) < 0 ? -EINVAL : 1;
}

static int parse_match(sd_json_variant *v, struct rule *r, struct error *e)
{
	_cleanup_free_ char *protocol = NULL, *ports = NULL, *icmp = NULL;
	sd_json_variant *field;
	uint64_t a, b = 0;
	int n;

	field = json_get(v, "protocol");
	if (!field)
		return fail(e, ERR_INVALID, "a rule needs 'protocol'");
	(void)json_text(field, &protocol);
	if (parse_protocol(protocol, &r->protocol) < 0)
		return fail_at(e, "/protocol",
			       "protocol '%s' is none of tcp, udp, icmp, icmpv6, all, 0 to 255",
			       protocol);
	r->port_hi = 65535;
	field = json_get(v, "ports");
	if (field) {
		(void)json_text(field, &ports);
		if (r->protocol != IPPROTO_TCP && r->protocol != IPPROTO_UDP)
			return fail_at(e, "/ports", "protocol '%s' has no ports", protocol);
		n = parse_pair(ports, '-', 65535, &a, &b);
		if (n < 0)
			return fail_at(e, "/ports", "'%s' is no port or range of ports", ports);
		r->port_lo = a;
		r->port_hi = n ? b : a;
		if (r->port_lo > r->port_hi)
			return fail_at(e, "/ports", "port range '%s' ends before it starts", ports);
	}
	r->icmp_type = -1;
	r->icmp_code = -1;
	field = json_get(v, "icmp_type");
	if (field) {
		(void)json_text(field, &icmp);
		if (r->protocol != IPPROTO_ICMP && r->protocol != IPPROTO_ICMPV6)
			return fail_at(e, "/icmp_type", "protocol '%s' has no ICMP type", protocol);
		n = parse_pair(icmp, '/', 255, &a, &b);
		if (n < 0)
			return fail_at(e, "/icmp_type", "'%s' is no ICMP type or type/code", icmp);
		r->icmp_type = a;
		r->icmp_code = n ? (int)b : -1;
	}
	return 0;
}

static int parse_peer(const char *peer, struct rule *r, struct error *e)
{
	if (startswith(peer, "sg:") && peer[3]) {
		r->peer = PEER_GROUP;
		r->peer_name = xstrdup(peer + 3);
		return 0;
	}
	if (startswith(peer, "pl:") && peer[3]) {
		r->peer = PEER_PREFIX_LIST;
		r->peer_name = xstrdup(peer + 3);
		return 0;
	}
	if (prefix_parse(peer, &r->cidr, e) < 0) {
		error_prefix(e, "/peer");
		return -EINVAL;
	}
	if ((r->protocol == IPPROTO_ICMP && r->cidr.v6) ||
	    (r->protocol == IPPROTO_ICMPV6 && !r->cidr.v6))
		return fail_at(e, "/peer", "protocol %s never meets the peer '%s'",
			       r->cidr.v6 ? "icmp" : "icmpv6", peer);
	r->peer = PEER_CIDR;
	return 0;
}

/**
 * rule_free - release what a rule owns
 * @r: the rule
 *
 * Context: any.
 */
void rule_free(struct rule *r)
{
	free(r->id);
	free(r->peer_name);
}

/**
 * rule_text - print a rule in one line
 * @r: the rule
 * @t: where to
 *
 * Context: any.
 */
void rule_text(const struct rule *r, struct text *t)
{
	char buf[PREFIX_STRLEN];

	protocol_text(r->protocol, t);
	if (r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP) {
		if (r->port_lo == r->port_hi)
			text_add(t, " %u", r->port_lo);
		else if (r->port_lo || r->port_hi != 65535)
			text_add(t, " %u-%u", r->port_lo, r->port_hi);
	}
	if (r->icmp_type >= 0)
		text_add(t, " type %d", r->icmp_type);
	if (r->icmp_code >= 0)
		text_add(t, "/%d", r->icmp_code);
	if (r->peer == PEER_CIDR)
		text_add(t, " %s", prefix_format(&r->cidr, buf));
	else
		text_add(t, " %s:%s", r->peer == PEER_GROUP ? "sg" : "pl", r->peer_name);
}

/**
 * rule_parse - read a rule
 * @v: {protocol, ports, icmp_type, peer}
 * @scope: ID of the group and direction, which the rule's ID depends on
 * @ret: the rule; what it owns goes to the caller
 * @e: says what is wrong and where
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int rule_parse(sd_json_variant *v, const char *scope, struct rule *ret, struct error *e)
{
	_cleanup_text_ struct text text = {};
	const char *peer;
	struct rule r = {};
	int ret_code;

	ret_code = json_check_keys(v, rule_keys, ARRAY_SIZE(rule_keys), NULL, 0, e);
	if (ret_code < 0)
		return ret_code;
	peer = json_string(v, "peer");
	if (!peer)
		return fail(e, ERR_INVALID, "a rule needs 'peer'");
	ret_code = parse_match(v, &r, e);
	if (ret_code >= 0)
		ret_code = parse_peer(peer, &r, e);
	if (ret_code < 0) {
		rule_free(&r);
		return ret_code;
	}
	rule_text(&r, &text);
	r.id = object_make_id("sgr", scope, text.s, 0);
	*ret = r;
	return 0;
}

/**
 * rule_build - write a rule
 * @r: the rule
 *
 * Context: any.
 * Return: the JSON object.
 */
sd_json_variant *rule_build(const struct rule *r)
{
	bool ports = r->protocol == IPPROTO_TCP || r->protocol == IPPROTO_UDP;
	_cleanup_text_ struct text protocol = {};
	_cleanup_free_ char *port = NULL, *icmp = NULL, *peer = NULL;
	struct json_list v = {};
	char buf[PREFIX_STRLEN];

	protocol_text(r->protocol, &protocol);
	if (ports && r->port_lo == r->port_hi)
		port = xprintf("%u", r->port_lo);
	else if (ports && (r->port_lo || r->port_hi != 65535))
		port = xprintf("%u-%u", r->port_lo, r->port_hi);
	if (r->icmp_code >= 0)
		icmp = xprintf("%d/%d", r->icmp_type, r->icmp_code);
	else if (r->icmp_type >= 0)
		icmp = xprintf("%d", r->icmp_type);
	if (r->peer == PEER_CIDR)
		peer = xstrdup(prefix_format(&r->cidr, buf));
	else
		peer = xprintf("%s:%s", r->peer == PEER_GROUP ? "sg" : "pl", r->peer_name);
	json_pair_string(&v, "rule_id", r->id);
	json_pair_string(&v, "protocol", protocol.s);
	json_pair_string(&v, "ports", port);
	json_pair_string(&v, "icmp_type", icmp);
	json_pair_string(&v, "peer", peer);
	return json_object_take(&v);
}

static int parse_rules(struct object *o, enum direction dir, sd_json_variant *list,
		       struct error *e)
{
	_cleanup_(map_free) struct map seen = {};
	const char *key = dir == INGRESS ? "ingress" : "egress";
	_cleanup_free_ char *scope = xprintf("%s/%s", o->id, key);
	struct rules *rules = &SECURITY_GROUP(o)->rules[dir];
	size_t n = sd_json_variant_elements(list);
	int r;

	if (n > RULES_MAX)
		return fail(e, ERR_INVALID, "security group '%s' has %zu %s rules, %d are allowed",
			    o->name, n, key, RULES_MAX);
	for (size_t i = 0; i < n; i++) {
		struct rule rule;

		r = rule_parse(sd_json_variant_by_index(list, i), scope, &rule, e);
		if (r < 0) {
			error_prefix(e, "/%s/%zu", key, i);
			return r;
		}
		if (map_get(&seen, rule.id)) {
			_cleanup_text_ struct text t = {};
			_cleanup_free_ char *path = xprintf("/%s/%zu", key, i);

			rule_text(&rule, &t);
			rule_free(&rule);
			return fail_at(e, path, "security group '%s' has the %s rule '%s' twice",
				       o->name, key, t.s);
		}
		map_put(&seen, rule.id, o);
		GROW(rules->v, rules->n, rules->cap);
		rules->v[rules->n++] = rule;
	}
	return 0;
}

static int parse(struct object *o, sd_json_variant *v, struct error *e)
{
	sd_json_variant *ingress = json_get(v, "ingress"), *egress = json_get(v, "egress");
	int r;

	if (ingress) {
		r = parse_rules(o, INGRESS, ingress, e);
		if (r < 0)
			return r;
	}
	SECURITY_GROUP(o)->egress_default = !egress;
	return egress ? parse_rules(o, EGRESS, egress, e) : 0;
}

static sd_json_variant *build_rules(const struct rules *rules)
{
	struct json_list list = {};

	for (size_t i = 0; i < rules->n; i++)
		json_list_add(&list, rule_build(&rules->v[i]));
	return json_list_take(&list);
}

static sd_json_variant *build(const struct object *o)
{
	struct security_group *g = SECURITY_GROUP(o);
	struct json_list v = {};

	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "vpc", o->vpc);
	json_pair(&v, "ingress", build_rules(&g->rules[INGRESS]));
	json_pair(&v, "egress", g->egress_default ? NULL : build_rules(&g->rules[EGRESS]));
	return json_object_take(&v);
}

static int references(const struct object *o, reference_fn fn, void *userdata)
{
	struct reference ref = { .kind = KIND_VPC, .name = o->vpc, .path = "/vpc" };
	int r = fn(o, &ref, userdata);

	for (enum direction d = INGRESS; d <= EGRESS; d++) {
		const struct rules *rules = &SECURITY_GROUP(o)->rules[d];

		for (size_t i = 0; !r && i < rules->n; i++) {
			const struct rule *rule = &rules->v[i];

			if (rule->peer == PEER_CIDR)
				continue;
			ref = (struct reference){
				.kind = rule->peer == PEER_GROUP ? KIND_SECURITY_GROUP :
					KIND_PREFIX_LIST,
				.vpc = o->vpc, .name = rule->peer_name,
			};
			snprintf(ref.path, sizeof(ref.path), "/%s/%zu",
				 d == INGRESS ? "ingress" : "egress", i);
			r = fn(o, &ref, userdata);
		}
	}
	return r;
}

static void release(struct object *o)
{
	for (enum direction d = INGRESS; d <= EGRESS; d++) {
		struct rules *rules = &SECURITY_GROUP(o)->rules[d];

		for (size_t i = 0; i < rules->n; i++)
			rule_free(&rules->v[i]);
		free(rules->v);
	}
}

const struct kind_ops security_group_ops = {
	.name = "security_group", .verb = "sg", .label = "security group",
	.id_prefix = "sg", .scoped = true,
	.size = sizeof(struct security_group),
	.keys = keys, .n_keys = ARRAY_SIZE(keys),
	.parse = parse, .build = build, .references = references, .free = release,
};
