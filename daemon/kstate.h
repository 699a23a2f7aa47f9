/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of nitro_vpc as integers, one structure per netlink object: what
 * the model asks for, or what a dump of the kernel says. Every array is
 * sorted, so that the difference is one walk.
 */
#ifndef _NITRO_KSTATE_H
#define _NITRO_KSTATE_H

#include "handles.h"
#include "model.h"

struct khost {
	uint32_t id;
	struct prefix address;
	uint16_t port;
	bool local;
};

struct kroute {
	struct prefix prefix;
	uint32_t type;		/* enum nitro_vpc_route_type */
	uint8_t mac[6];
};

struct kroute_table {
	uint32_t id;
	struct kroute *routes;
	size_t n, cap;
};

#define KRULE_CIDR 0
#define KRULE_TAG 1

struct krule {
	uint32_t id;
	uint32_t direction;	/* enum nitro_vpc_direction */
	uint32_t protocol;	/* PROTO_ALL for all */
	uint16_t port_min, port_max;
	uint32_t peer;		/* KRULE_… */
	uint32_t tag;
	struct prefix prefix;
};

struct kpolicy {
	uint32_t id;
	struct krule *rules;
	size_t n, cap;
};

struct kmapping {
	uint32_t vni;
	struct prefix prefix;
	uint32_t host;
	uint32_t eni;
	uint8_t mac[6];
	bool forward;
	size_t n_tags;
	uint32_t tags[GROUPS_MAX];
};

/**
 * struct keni - an ENI of this host
 * @id: its handle
 * @vni: its VPC
 * @addresses: its addresses and prefixes
 * @subnets: the blocks on its link
 * @policy: handle of its policy
 * @route_table: handle of its route table
 * @no_check: source/dest check is off
 * @service: its number at the service port
 * @resolver: address of the VPC's resolver, zeros for none
 * @limit: allowances and timeouts, 0 for the module's default
 * @mac: its MAC address
 * @ifindex: its netdev (dump only), 0 if the netdev is in another namespace
 * @ifname: name of the netdev (dump only)
 * @nsid: ID of the namespace that the netdev was moved to, -1 for none (dump only)
 * @port: ifindex of the enslaved port (dump only)
 * @tap: name of the tap device below /dev (dump only)
 * @attached: what attach.c has done with the netdev, NULL if that is not known
 */
struct keni {
	uint32_t id;
	uint32_t vni;
	struct prefixes addresses;
	struct prefixes subnets;
	uint32_t policy;
	uint32_t route_table;
	bool no_check;
	uint32_t service;
	uint8_t resolver[4];
	uint64_t limit[LIMIT_MAX];
	uint8_t mac[6];
	uint32_t ifindex;
	char *ifname;
	int nsid;
	uint32_t port;
	char *tap;
	char *attached;
};

struct kstate {
	struct khost *hosts;
	size_t n_hosts, cap_hosts;
	struct kroute_table *tables;
	size_t n_tables, cap_tables;
	struct kpolicy *policies;
	size_t n_policies, cap_policies;
	struct kmapping *mappings;
	size_t n_mappings, cap_mappings;
	struct keni *enis;
	size_t n_enis, cap_enis;
};

/* Handles are never reused; handles.c sees to it that no two ENIs have one number */
static inline uint32_t keni_service(uint32_t handle)
{
	return (handle - 1) % HANDLE_NUMBERS + 1;
}

void kstate_compile(const struct model *m, struct handles *h, struct kstate *ret);
void kstate_sort(struct kstate *k);
void kstate_free(struct kstate *k);
void keni_release(struct keni *k);
struct keni *kstate_eni(const struct kstate *k, uint32_t id);

int khost_compare(const void *a, const void *b);
int ktable_compare(const void *a, const void *b);
int kpolicy_compare(const void *a, const void *b);
int kmapping_compare(const void *a, const void *b);
int keni_compare(const void *a, const void *b);
bool ktable_equal(const struct kroute_table *a, const struct kroute_table *b);
bool kpolicy_equal(const struct kpolicy *a, const struct kpolicy *b);
bool kmapping_equal(const struct kmapping *a, const struct kmapping *b);
bool khost_equal(const struct khost *a, const struct khost *b);
bool keni_equal(const struct keni *a, const struct keni *b);

/* policy.c */

/* Where a compiled rule comes from */
struct rule_source {
	struct security_group *group;
	const struct rule *rule;	/* NULL: the default egress rule */
};

struct rule_sources {
	struct rule_source *v;
	size_t n, cap;
};

char *policy_key(const struct model *m, const struct eni *eni);
void policy_compile(const struct model *m, const struct eni *eni, struct kpolicy *ret,
		    struct rule_sources *sources);

#endif
