/* SPDX-License-Identifier: GPL-2.0 */
/* The ENIs of this host, as nitrod tells of them. */
#ifndef _NITRO_SERVICES_ENI_H
#define _NITRO_SERVICES_ENI_H

#include "addr.h"
#include "client.h"

struct addresses {
	struct prefix *v;
	size_t n, cap;
};

enum metadata { METADATA_OFF, METADATA_ON, METADATA_V1 };

/**
 * struct instance - who holds the ENI
 * @id: "i-…"; NULL if nobody holds it
 * @name: its name
 * @hostname: what it was told to be called, or NULL
 * @type: or NULL
 * @launched: when, as RFC 3339, or NULL
 * @user_data: what it was started with, or NULL
 * @user_data_size: bytes
 * @key_names: of its SSH keys
 * @keys: its SSH keys, as in authorized_keys
 */
struct instance {
	char *id;
	char *name;
	char *hostname;
	char *type;
	char *launched;
	void *user_data;
	size_t user_data_size;
	struct strings key_names;
	struct strings keys;
};

/**
 * struct signatures - the instance's identity document, signed when it was
 *	first asked for
 */
struct signatures {
	char *document;
	char *signature;
	char *pkcs7;
};

/* All strings and lists are owned; domain may be NULL */
struct eni {
	uint32_t service;
	char *id;
	char *name;
	char *mac_text;
	uint8_t mac[6];
	struct addresses ips;
	char *subnet_id;
	struct addresses subnet_cidrs;
	char *vpc_id;
	char *vpc_name;
	struct addresses vpc_cidrs;
	struct strings group_ids;
	struct strings group_names;
	enum metadata metadata;
	unsigned int hop_limit;
	uint16_t mtu;
	char *domain;
	struct addresses dns_servers;
	struct addresses ntp_servers;
	struct instance instance;
	struct signatures signatures;
};

/**
 * struct enis - a table of ENIs by their number
 * @slots: by number
 * @n: numbers there is room for
 * @count: ENIs
 */
struct enis {
	struct eni_slot {
		struct eni *eni;
		unsigned int connections;	/* of HTTP, kept when the ENI changes */
	} *slots;
	size_t n;
	size_t count;
};

struct eni *eni_parse(sd_json_variant *v);
struct eni *eni_free(struct eni *eni);
const struct prefix *eni_primary(const struct eni *eni, bool v6);
const struct prefix *eni_cidr(const struct eni *eni, bool v6);
bool eni_resolver(const struct eni *eni, bool v6, struct prefix *ret);
void addresses_read(sd_json_variant *v, const char *key, struct addresses *ret);
char *eni_hostname(const struct eni *eni, const char *default_domain);

void enis_put(struct enis *t, struct eni *eni);
void enis_remove(struct enis *t, uint32_t service);
struct eni *enis_get(const struct enis *t, uint32_t service);
struct eni_slot *enis_slot(struct enis *t, uint32_t service);
struct eni *enis_next(const struct enis *t, uint32_t *at);
void enis_free(struct enis *t);

#endif
