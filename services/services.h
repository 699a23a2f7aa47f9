/* SPDX-License-Identifier: GPL-2.0 */
/* nitro-services: what it holds. */
#ifndef _NITRO_SERVICES_SERVICES_H
#define _NITRO_SERVICES_SERVICES_H

#include <systemd/sd-event.h>

#include "eni.h"
#include "identity.h"
#include "token.h"

struct link;
struct metadata_server;
struct dhcp_server;
struct resolver;

/**
 * struct services - the one process
 * @event: the event loop
 * @enis: the ENIs of this host
 * @neighbours: ID -> struct neighbour, ENIs of other hosts in their VPCs
 * @complete: @enis has them all, since the first time nitrod was reached
 * @link: the connection to nitrod
 * @dhcp: DHCP and DHCPv6
 * @metadata: the metadata service
 * @resolver: what tells unbound of names
 * @tokens: what makes its tokens
 * @identity: what signs its identity documents
 * @socket_path: where nitrod listens
 * @region: of placement/region
 * @zone: of placement/availability-zone
 * @domain: of guests whose VPC has none
 * @runtime: directory of what the resolver is told
 * @control: where the resolver takes commands
 * @upstream: resolvers of names that are no VPC's; those of this host if empty
 */
struct services {
	sd_event *event;
	struct enis enis;
	struct map neighbours;
	bool complete;
	struct link *link;
	struct dhcp_server *dhcp;
	struct metadata_server *metadata;
	struct resolver *resolver;
	struct tokens tokens;
	struct identity *identity;
	const char *socket_path;
	const char *region;
	const char *zone;
	const char *domain;
	const char *runtime;
	const char *control;
	struct strings upstream;
};

/* link.c */
int link_open_port(const char *socket_path, struct error *e);
int link_start(struct services *s);
void link_stop(struct services *s);

/* dhcp.c */
int dhcp_start(struct services *s, struct error *e);
void dhcp_stop(struct services *s);

/* metadata.c */
int metadata_start(struct services *s, struct error *e);
void metadata_stop(struct services *s);

/* resolver.c */
int resolver_start(struct services *s, struct error *e);
void resolver_changed(struct services *s);
void resolver_look(struct services *s);
void resolver_stop(struct services *s);

/* socket.c */
int socket_bind(const char *address, uint16_t port, int type, struct error *e);

#endif
