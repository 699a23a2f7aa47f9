/* SPDX-License-Identifier: GPL-2.0 */
/* The names of a VPC, for the resolver behind the service port. */
#ifndef _NITRO_NAMES_H
#define _NITRO_NAMES_H

#include "services.h"

/**
 * struct neighbour - an ENI of another host, in a VPC that has ENIs here
 * @name: its name
 * @vpc_id: of its VPC
 * @ips: its addresses
 * @connection: the last one over which nitrod told of it
 */
struct neighbour {
	char *name;
	char *vpc_id;
	struct addresses ips;
	uint64_t connection;
};

struct neighbour *neighbour_parse(sd_json_variant *v);
struct neighbour *neighbour_free(struct neighbour *n);

char *names_full(const char *name, const char *domain);
char *names_of_address(const struct prefix *ip, const char *domain);
bool names_domain_valid(const char *domain);
char *names_config(const struct services *s, const struct strings *upstream);

#endif
