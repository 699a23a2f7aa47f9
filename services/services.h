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

/**
 * struct services - the one process
 * @event: the event loop
 * @enis: the ENIs of this host
 * @complete: @enis has them all, since the first time nitrod was reached
 * @link: the connection to nitrod
 * @dhcp: DHCP and DHCPv6
 * @metadata: the metadata service
 * @tokens: what makes its tokens
 * @identity: what signs its identity documents
 * @socket_path: where nitrod listens
 * @region: of placement/region
 * @zone: of placement/availability-zone
 * @domain: of guests whose VPC has none
 */
struct services {
	sd_event *event;
	struct enis enis;
	bool complete;
	struct link *link;
	struct dhcp_server *dhcp;
	struct metadata_server *metadata;
	struct tokens tokens;
	struct identity *identity;
	const char *socket_path;
	const char *region;
	const char *zone;
	const char *domain;
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

/* socket.c */
int socket_bind(const char *address, uint16_t port, int type, struct error *e);

#endif
