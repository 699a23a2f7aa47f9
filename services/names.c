// SPDX-License-Identifier: GPL-2.0
/*
 * What the resolver, unbound, is told: who asks, by the address that the service
 * port gave it, and what the names of its VPC are. Every VPC is a view.
 */

#include <ctype.h>

#include "names.h"

#define TTL 60
#define TCP_PER_ENI 8	/* connections */

/**
 * struct view - a VPC being written
 * @id: its ID
 * @domain: of its names
 * @own: it was told to have this domain, in which others may have names, too
 * @clients: whose it is
 * @data: what is in it
 */
struct view {
	const char *id;
	const char *domain;
	bool own;
	struct text clients;
	struct text data;
};

struct views {
	struct view *v;
	size_t n, cap;
	struct map by_id;	/* VPC -> place in @v, from 1 on */
};

/**
 * neighbour_parse - read an ENI of another host
 * @v: what nitrod tells of it
 *
 * Context: any.
 * Return: the neighbour, NULL if it lacks what it cannot do without.
 */
struct neighbour *neighbour_parse(sd_json_variant *v)
{
	sd_json_variant *name = sd_json_variant_by_key(v, "name");
	sd_json_variant *vpc = sd_json_variant_by_key(v, "vpc");
	struct neighbour *n;

	if (!name || !vpc || !sd_json_variant_is_string(name) || !sd_json_variant_is_string(vpc))
		return NULL;
	n = xcalloc(1, sizeof(*n));
	n->name = xstrdup(sd_json_variant_string(name));
	n->vpc_id = xstrdup(sd_json_variant_string(vpc));
	addresses_read(v, "ips", &n->ips);
	return n;
}

/**
 * neighbour_free - release a neighbour
 * @n: the neighbour, may be NULL
 *
 * Context: any.
 * Return: NULL.
 */
struct neighbour *neighbour_free(struct neighbour *n)
{
	if (!n)
		return NULL;
	free(n->name);
	free(n->vpc_id);
	free(n->ips.v);
	free(n);
	return NULL;
}

/**
 * names_domain_valid - whether a name can be written down
 * @domain: labels with dots between them
 *
 * Context: any.
 * Return: true if it has nothing but letters, digits and hyphens in its labels,
 * and they and it are not too long.
 */
bool names_domain_valid(const char *domain)
{
	size_t label = 0;

	if (!*domain || strlen(domain) > 190)
		return false;
	for (const char *p = domain; *p; p++) {
		if (*p == '.' ? !label || !p[1] : !isalnum((unsigned char)*p) && *p != '-')
			return false;
		label = *p == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return true;
}

/* A label of a name: what DNS does not take becomes a hyphen */
static size_t make_label(char ret[64], const char *name)
{
	size_t n = 0;

	for (; *name && n < 63; name++) {
		bool plain = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
			     (*name >= '0' && *name <= '9');

		if (plain || n)
			ret[n++] = plain ? *name : '-';
	}
	while (n && ret[n - 1] == '-')
		n--;
	ret[n] = '\0';
	return n;
}

/**
 * names_full - the full name of an object
 * @name: what it is called
 * @domain: where
 *
 * Context: any.
 * Return: the name, NULL if nothing of it can be a name.
 */
char *names_full(const char *name, const char *domain)
{
	char label[64];

	return make_label(label, name) ? xprintf("%s.%s", label, domain) : NULL;
}

/**
 * names_of_address - the full name of an address, as on EC2
 * @ip: an address of IPv4
 * @domain: where
 *
 * Context: any.
 * Return: the name.
 */
char *names_of_address(const struct prefix *ip, const char *domain)
{
	return xprintf("ip-%u-%u-%u-%u.%s", ip->a[0], ip->a[1], ip->a[2], ip->a[3], domain);
}

static void client_config(struct view *view, uint32_t service)
{
	char net[2][PREFIX_STRLEN];

	client_network(service, false, net[0]);
	client_network(service, true, net[1]);
	for (int i = 0; i < 2; i++)
		text_add(&view->clients,
			 "\taccess-control: %s allow\n\taccess-control-view: %s \"%s\"\n"
			 "\ttcp-connection-limit: %s %d\n",
			 net[i], net[i], view->id, net[i], TCP_PER_ENI);
}

static void add_name(struct view *view, const char *name, const struct prefix *address)
{
	char text[PREFIX_STRLEN];

	if (names_domain_valid(name))
		text_add(&view->data, "\tlocal-data: \"%s. %d IN %s %s\"\n", name, TTL,
			 address->v6 ? "AAAA" : "A", prefix_format_short(address, text));
}

static void add_reverse(struct view *view, const char *name, const struct prefix *address)
{
	char text[PREFIX_STRLEN];

	if (names_domain_valid(name))
		text_add(&view->data, "\tlocal-data-ptr: \"%s %d %s.\"\n",
			 prefix_format_short(address, text), TTL, name);
}

static const struct prefix *first(const struct addresses *ips, bool v6)
{
	for (size_t i = 0; i < ips->n; i++)
		if (ips->v[i].v6 == v6 && prefix_is_host(&ips->v[i]))
			return &ips->v[i];
	return NULL;
}

static void add_host(struct view *view, const char *name, const struct addresses *ips)
{
	for (int v6 = 0; v6 < 2; v6++)
		if (first(ips, v6))
			add_name(view, name, first(ips, v6));
}

/* An ENI has its name, and every address one that is made of it. Back, an IPv4
 * address has the latter, as on EC2; an IPv6 address has no such name.
 */
static void add_eni(struct view *view, const char *name, const struct addresses *ips)
{
	_cleanup_free_ char *full = names_full(name, view->domain);

	if (full)
		add_host(view, full, ips);
	for (size_t i = 0; i < ips->n; i++) {
		const struct prefix *ip = &ips->v[i];
		_cleanup_free_ char *by_address = NULL;

		if (!prefix_is_host(ip))
			continue;
		if (ip->v6 && full)
			add_reverse(view, full, ip);
		if (ip->v6)
			continue;
		by_address = names_of_address(ip, view->domain);
		add_name(view, by_address, ip);
		add_reverse(view, by_address, ip);
	}
}

/* What the instance is called, unless the ENI is called so, too */
static void add_instance(struct view *view, const struct services *s, const struct eni *eni)
{
	_cleanup_free_ char *host = eni_hostname(eni, s->domain);
	_cleanup_free_ char *name = eni->instance.name ?
		names_full(eni->instance.name, view->domain) : NULL;
	_cleanup_free_ char *of_eni = names_full(eni->name, view->domain);

	if (name && !streq(name, of_eni))
		add_host(view, name, &eni->ips);
	if (eni->instance.hostname && !streq(host, name) && !streq(host, of_eni))
		add_host(view, host, &eni->ips);
}

static struct view *view_get(struct views *views, const char *vpc_id)
{
	size_t place = (size_t)map_get(&views->by_id, vpc_id);

	return place ? &views->v[place - 1] : NULL;
}

static struct view *view_of(struct views *views, const struct services *s, const struct eni *eni)
{
	struct view *view = view_get(views, eni->vpc_id);

	if (view)
		return view;
	GROW(views->v, views->n, views->cap);
	view = &views->v[views->n++];
	*view = (struct view){ .id = eni->vpc_id, .domain = eni->domain ? eni->domain : s->domain,
			       .own = eni->domain };
	map_put(&views->by_id, eni->vpc_id, (void *)views->n);
	return view;
}

static void write_views(const struct views *views, struct text *t)
{
	text_add(t, "server:\n");
	for (size_t i = 0; i < views->n; i++)
		text_add(t, "%s", views->v[i].clients.s);
	for (size_t i = 0; i < views->n; i++) {
		const struct view *view = &views->v[i];

		text_add(t, "view:\n\tname: \"%s\"\n\tview-first: yes\n", view->id);
		/* Of the card's own domain nobody else has names */
		if (names_domain_valid(view->domain))
			text_add(t, "\tlocal-zone: \"%s.\" %s\n", view->domain,
				 view->own ? "transparent" : "static");
		text_add(t, "%s", view->data.s ? view->data.s : "");
	}
}

static void views_free(struct views *views)
{
	for (size_t i = 0; i < views->n; i++) {
		text_free(&views->v[i].clients);
		text_free(&views->v[i].data);
	}
	free(views->v);
	map_free(&views->by_id);
}

/**
 * names_config - what the resolver is told
 * @s: the services
 * @upstream: resolvers of all other names
 *
 * Context: any.
 * Return: a configuration of unbound, to be included in its own.
 */
char *names_config(const struct services *s, const struct strings *upstream)
{
	_cleanup_(views_free) struct views views = {};
	struct text t = {};
	struct eni *eni;
	uint32_t at = 0;

	while ((eni = enis_next(&s->enis, &at))) {
		struct view *view = view_of(&views, s, eni);

		client_config(view, eni->service);
		add_eni(view, eni->name, &eni->ips);
		add_instance(view, s, eni);
	}
	for (size_t i = 0; i < s->neighbours.cap; i++) {
		const struct neighbour *n = s->neighbours.slots[i].value;
		struct view *view = n ? view_get(&views, n->vpc_id) : NULL;

		if (view)
			add_eni(view, n->name, &n->ips);
	}
	text_add(&t, "# Written by nitro-services\n");
	write_views(&views, &t);
	text_add(&t, "forward-zone:\n\tname: \".\"\n");
	for (size_t i = 0; i < upstream->n; i++)
		text_add(&t, "\tforward-addr: %s\n", upstream->v[i]);
	return t.s;
}
