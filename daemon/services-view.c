// SPDX-License-Identifier: GPL-2.0
/* An ENI as the services see it: all that a guest may learn about itself. */

#include <stdio.h>
#include <time.h>

#include "instances.h"
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

/* Keys are listed by what they are called, as EC2 does */
static sd_json_variant *keys_of(const struct instance *i)
{
	struct json_list list = {};

	for (size_t k = 0; k < i->public_keys.n; k++) {
		const char *key = i->public_keys.v[k], *comment = strchr(key, ' ');
		_cleanup_free_ char *name = xprintf("key-%zu", k);
		struct json_list v = {};

		comment = comment ? strchr(comment + 1, ' ') : NULL;
		json_pair_string(&v, "name", comment && comment[1] ? comment + 1 : name);
		json_pair_string(&v, "key", key);
		json_list_add(&list, json_object_take(&v));
	}
	return json_list_take(&list);
}

static sd_json_variant *known_instance(const struct object *o)
{
	const struct instance *i = INSTANCE(o);
	time_t launched = i->launched;
	struct json_list v = {};
	char date[40] = "";
	struct tm tm;

	if (gmtime_r(&launched, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_pair_string(&v, "id", o->id);
	json_pair_string(&v, "name", o->name);
	json_pair_string(&v, "launched", date);
	json_pair_string(&v, "user_data", i->user_data);
	json_pair(&v, "public_keys", keys_of(i));
	return json_object_take(&v);
}

/* Whoever holds the ENI is an instance, for what runs in it: if nitrod does not
 * know it as one, it has the digits of the ENI's ID.
 */
static sd_json_variant *instance_of(const struct model *m, const struct eni *eni)
{
	const struct attachment *a = &eni->attachment;
	struct object *known = a->instance ? model_get(m, KIND_INSTANCE, NULL, a->instance) :
			       a->kind == ATTACH_LOCAL ? instances_host(m) : NULL;
	_cleanup_free_ char *id = a->instance ? object_make_id("i", NULL, a->instance, 0) :
						xprintf("i-%s", strchr(eni->o.id, '-') + 1);
	struct json_list v = {};

	if (known)
		return known_instance(known);
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
	json_pair(&v, "instance", instance_of(&m->model, eni));
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
