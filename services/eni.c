// SPDX-License-Identifier: GPL-2.0
/* An ENI from nitrod's JSON. nitrod is believed, but a mistake is no crash. */

#include <stdio.h>

#include "eni.h"
#include "names.h"

static const char *string_of(sd_json_variant *v, const char *key)
{
	sd_json_variant *field = sd_json_variant_by_key(v, key);

	return field && sd_json_variant_is_string(field) ? sd_json_variant_string(field) : NULL;
}

static char *copy_of(sd_json_variant *v, const char *key)
{
	return xstrdup(string_of(v, key));
}

static void addresses_add(struct addresses *l, const struct prefix *p)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = *p;
}

/**
 * addresses_read - read a list of addresses and prefixes
 * @v: an object of JSON
 * @key: of the list in it
 * @ret: what is an address is appended to it
 *
 * Context: any.
 */
void addresses_read(sd_json_variant *v, const char *key, struct addresses *ret)
{
	sd_json_variant *list = sd_json_variant_by_key(v, key);
	_cleanup_error_ struct error ignored = {};
	struct prefix p;

	for (size_t i = 0; list && i < sd_json_variant_elements(list); i++) {
		const char *text = sd_json_variant_string(sd_json_variant_by_index(list, i));

		if (text && prefix_parse(text, &p, &ignored) >= 0)
			addresses_add(ret, &p);
	}
}

static void read_strings(sd_json_variant *list, const char *key, struct strings *ret)
{
	for (size_t i = 0; list && i < sd_json_variant_elements(list); i++) {
		sd_json_variant *element = sd_json_variant_by_index(list, i);
		const char *text = key ? string_of(element, key) :
					 sd_json_variant_string(element);

		strings_add(ret, text ? text : "");
	}
}

static void read_instance(sd_json_variant *v, struct instance *ret)
{
	sd_json_variant *field;

	if (!v || !sd_json_variant_is_object(v))
		return;
	ret->id = copy_of(v, "id");
	ret->name = copy_of(v, "name");
	ret->hostname = copy_of(v, "hostname");
	ret->type = copy_of(v, "type");
	ret->launched = copy_of(v, "launched");
	read_strings(sd_json_variant_by_key(v, "public_keys"), "name", &ret->key_names);
	read_strings(sd_json_variant_by_key(v, "public_keys"), "key", &ret->keys);
	field = sd_json_variant_by_key(v, "user_data");
	if (field && sd_json_variant_is_string(field))
		(void)sd_json_variant_unbase64(field, &ret->user_data, &ret->user_data_size);
}

static uint64_t number_of(sd_json_variant *v, const char *key)
{
	sd_json_variant *field = sd_json_variant_by_key(v, key);

	return field && sd_json_variant_is_unsigned(field) ? sd_json_variant_unsigned(field) : 0;
}

static enum metadata metadata_of(const char *text)
{
	return streq(text, "on") ? METADATA_ON : streq(text, "v1") ? METADATA_V1 : METADATA_OFF;
}

/**
 * eni_parse - read an ENI
 * @v: what nitrod tells of it
 *
 * Context: any.
 * Return: the ENI, NULL if it lacks what it cannot do without.
 */
struct eni *eni_parse(sd_json_variant *v)
{
	sd_json_variant *subnet = sd_json_variant_by_key(v, "subnet");
	sd_json_variant *vpc = sd_json_variant_by_key(v, "vpc");
	sd_json_variant *groups = sd_json_variant_by_key(v, "security_groups");
	_cleanup_error_ struct error ignored = {};
	uint64_t service = number_of(v, "service");
	struct eni *eni;

	if (!service || service > SERVICE_MAX || !subnet || !vpc || !string_of(v, "id") ||
	    !string_of(v, "name") || !string_of(v, "mac") || !string_of(subnet, "id") ||
	    !string_of(vpc, "id") || !string_of(vpc, "name"))
		return NULL;
	eni = xcalloc(1, sizeof(*eni));
	eni->service = service;
	eni->id = copy_of(v, "id");
	eni->name = copy_of(v, "name");
	eni->mac_text = copy_of(v, "mac");
	if (mac_parse(eni->mac_text, eni->mac, &ignored) < 0)
		return eni_free(eni);
	addresses_read(v, "ips", &eni->ips);
	eni->subnet_id = copy_of(subnet, "id");
	addresses_read(subnet, "cidrs", &eni->subnet_cidrs);
	eni->vpc_id = copy_of(vpc, "id");
	eni->vpc_name = copy_of(vpc, "name");
	addresses_read(vpc, "cidrs", &eni->vpc_cidrs);
	read_strings(groups, "id", &eni->group_ids);
	read_strings(groups, "name", &eni->group_names);
	eni->metadata = metadata_of(string_of(v, "metadata"));
	eni->hop_limit = number_of(v, "hop_limit");
	if (!eni->hop_limit || eni->hop_limit > 64)
		eni->hop_limit = 1;
	eni->mtu = number_of(v, "mtu");
	eni->domain = copy_of(v, "domain");
	addresses_read(v, "dns_servers", &eni->dns_servers);
	addresses_read(v, "ntp_servers", &eni->ntp_servers);
	read_instance(sd_json_variant_by_key(v, "instance"), &eni->instance);
	return eni;
}

static void instance_release(struct instance *i)
{
	free(i->id);
	free(i->name);
	free(i->hostname);
	free(i->type);
	free(i->launched);
	free(i->user_data);
	strings_free(&i->key_names);
	strings_free(&i->keys);
}

/**
 * eni_free - release an ENI
 * @eni: the ENI, may be NULL
 *
 * Context: any.
 * Return: NULL.
 */
struct eni *eni_free(struct eni *eni)
{
	if (!eni)
		return NULL;
	free(eni->id);
	free(eni->name);
	free(eni->mac_text);
	free(eni->ips.v);
	free(eni->subnet_id);
	free(eni->subnet_cidrs.v);
	free(eni->vpc_id);
	free(eni->vpc_name);
	free(eni->vpc_cidrs.v);
	strings_free(&eni->group_ids);
	strings_free(&eni->group_names);
	free(eni->domain);
	free(eni->dns_servers.v);
	free(eni->ntp_servers.v);
	instance_release(&eni->instance);
	free(eni->signatures.document);
	free(eni->signatures.signature);
	free(eni->signatures.pkcs7);
	free(eni);
	return NULL;
}

/**
 * eni_primary - the ENI's own address
 * @eni: the ENI
 * @v6: of this family
 *
 * Context: any.
 * Return: the address (borrowed), NULL if it has none.
 */
const struct prefix *eni_primary(const struct eni *eni, bool v6)
{
	for (size_t i = 0; i < eni->ips.n; i++)
		if (eni->ips.v[i].v6 == v6 && prefix_is_host(&eni->ips.v[i]))
			return &eni->ips.v[i];
	return NULL;
}

/**
 * eni_cidr - the block of the subnet that the ENI's own address is in
 * @eni: the ENI
 * @v6: of this family
 *
 * Context: any.
 * Return: the block (borrowed), NULL if it has no address of the family.
 */
const struct prefix *eni_cidr(const struct eni *eni, bool v6)
{
	const struct prefix *address = eni_primary(eni, v6);

	for (size_t i = 0; address && i < eni->subnet_cidrs.n; i++)
		if (prefix_contains(&eni->subnet_cidrs.v[i], address))
			return &eni->subnet_cidrs.v[i];
	return NULL;
}

/**
 * eni_resolver - the address of the VPC's resolver
 * @eni: the ENI
 * @v6: of this family
 * @ret: set to it
 *
 * Context: any.
 * Return: false if there is none.
 */
bool eni_resolver(const struct eni *eni, bool v6, struct prefix *ret)
{
	_cleanup_error_ struct error ignored = {};

	if (v6)
		return address_parse("fd00:ec2::253", ret, &ignored) >= 0;
	for (size_t i = 0; i < eni->vpc_cidrs.n; i++) {
		if (eni->vpc_cidrs.v[i].v6)
			continue;
		prefix_first(&eni->vpc_cidrs.v[i], 2, ret);
		return true;
	}
	return false;
}

/**
 * eni_hostname - the full name of whoever holds the ENI
 * @eni: the ENI
 * @default_domain: domain if the VPC has none
 *
 * As on EC2 it is made of the address, ip-10-0-1-10.DOMAIN, unless the instance
 * was given another.
 *
 * Context: any.
 * Return: the name.
 */
char *eni_hostname(const struct eni *eni, const char *default_domain)
{
	const char *domain = eni->domain ? eni->domain : default_domain;
	const struct prefix *ip = eni_primary(eni, false);
	char *name;

	if (eni->instance.hostname && strchr(eni->instance.hostname, '.'))
		return xstrdup(eni->instance.hostname);
	name = eni->instance.hostname ? names_full(eni->instance.hostname, domain) : NULL;
	if (!name && ip)
		name = names_of_address(ip, domain);
	return name ? name : names_full(eni->instance.id ? eni->instance.id : eni->id, domain);
}
