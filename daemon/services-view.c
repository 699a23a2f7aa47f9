// SPDX-License-Identifier: GPL-2.0
/* An ENI as the services see it: all that a guest may learn about itself. */

#include <stdio.h>

#include "object.h"
#include "services.h"

#define MTU 9001	/* what netdevs of kind nitro are made with */

static sd_json_variant *id_and_name(const struct object *o)
{
	struct json_list v = {};

	json_pair_string(&v, "id", o->id);
	json_pair_string(&v, "name", o->name);
	return json_object_take(&v);
}

static sd_json_variant *block(const struct object *o, const struct prefixes *cidrs)
{
	struct json_list v = {};

	json_pair_string(&v, "id", o->id);
	json_pair_string(&v, "name", o->name);
	json_pair(&v, "cidrs", json_from_prefixes(cidrs, false));
	return json_object_take(&v);
}

static sd_json_variant *groups_of(const struct model *m, const struct eni *eni)
{
	struct json_list list = {};

	for (size_t i = 0; i < eni->groups.n; i++)
		json_list_add(&list, id_and_name(model_get(m, KIND_SECURITY_GROUP, eni->vpc,
							   eni->groups.v[i])));
	return json_list_take(&list);
}

/* Whoever holds the ENI is an instance, for what runs in it: if nitrod does not
 * know it as one, it has the digits of the ENI's ID.
 */
static sd_json_variant *instance_of(const struct eni *eni)
{
	const struct attachment *a = &eni->attachment;
	_cleanup_free_ char *id = a->instance ? object_make_id("i", NULL, a->instance, 0) :
						xprintf("i-%s", strchr(eni->o.id, '-') + 1);
	struct json_list v = {};

	if (a->kind == ATTACH_NONE)
		return NULL;
	json_pair_string(&v, "id", id);
	json_pair_string(&v, "name", a->instance ? a->instance : eni->o.name);
	return json_object_take(&v);
}

/**
 * services_view - what the services have to know of an ENI
 * @m: the manager
 * @eni: an ENI of this host
 *
 * Context: event loop.
 * Return: the JSON object, see io.nitro.Services.
 */
sd_json_variant *services_view(struct manager *m, const struct eni *eni)
{
	struct object *subnet = model_get(&m->model, KIND_SUBNET, eni->vpc, eni->subnet);
	struct object *vpc = model_get(&m->model, KIND_VPC, NULL, eni->vpc);
	struct json_list v = {}, prefixes = {};
	char mac[MAC_STRLEN], buf[PREFIX_STRLEN];

	json_pair_uint(&v, "service", keni_service(eni->o.handle));
	json_pair_string(&v, "id", eni->o.id);
	json_pair_string(&v, "name", eni->o.name);
	json_pair_string(&v, "mac", mac_format(eni->mac, mac));
	for (size_t i = 0; i < eni->ips.n; i++)
		json_list_add_string(&prefixes, prefix_format_short(&eni->ips.v[i], buf));
	json_pair(&v, "ips", json_list_take(&prefixes));
	json_pair(&v, "subnet", block(subnet, &SUBNET(subnet)->cidrs));
	json_pair(&v, "vpc", block(vpc, &VPC(vpc)->cidrs));
	json_pair(&v, "security_groups", groups_of(&m->model, eni));
	json_pair_string(&v, "metadata", metadata_name(eni->metadata));
	json_pair_uint(&v, "hop_limit", eni->hop_limit);
	json_pair_uint(&v, "mtu", MTU);
	json_pair_string(&v, "domain", VPC(vpc)->domain);
	json_pair(&v, "dns_servers", json_from_prefixes(&VPC(vpc)->dns_servers, true));
	json_pair(&v, "ntp_servers", json_from_prefixes(&VPC(vpc)->ntp_servers, true));
	json_pair(&v, "instance", instance_of(eni));
	return json_object_take(&v);
}

/**
 * services_neighbour - what the services have to know of an ENI of another host
 * @m: the manager
 * @eni: an ENI of a VPC that has ENIs here
 *
 * Context: event loop.
 * Return: the JSON object, see io.nitro.Services.
 */
sd_json_variant *services_neighbour(struct manager *m, const struct eni *eni)
{
	struct object *vpc = model_get(&m->model, KIND_VPC, NULL, eni->vpc);
	struct json_list v = {}, addresses = {};
	char buf[PREFIX_STRLEN];

	json_pair_string(&v, "id", eni->o.id);
	json_pair_string(&v, "name", eni->o.name);
	json_pair_string(&v, "vpc", vpc->id);
	for (size_t i = 0; i < eni->ips.n; i++)
		if (prefix_is_host(&eni->ips.v[i]))
			json_list_add_string(&addresses,
					     prefix_format_short(&eni->ips.v[i], buf));
	json_pair(&v, "ips", json_list_take(&addresses));
	return json_object_take(&v);
}
