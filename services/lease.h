/* SPDX-License-Identifier: GPL-2.0 */
/* What DHCP tells a guest, and the messages it is told in. */
#ifndef _NITRO_LEASE_H
#define _NITRO_LEASE_H

#include "addr.h"

#define LEASE_SECONDS 3600	/* as EC2's */
#define LEASE_ADDRESSES 64
#define LEASE_SERVERS 4
#define DHCP_MESSAGE_MAX 1400

/**
 * struct lease - what a guest is told
 * @mac: of the ENI; a client has to have it
 * @address: of DHCP; length 0 for none
 * @len: prefix length of its subnet
 * @router: of @address
 * @addresses: of DHCPv6
 * @n_addresses: how many
 * @dns: resolvers, of one family
 * @n_dns: how many
 * @ntp: time servers, of one family
 * @n_ntp: how many
 * @hostname: the first label of the guest's name
 * @domain: the rest
 * @mtu: of the link, 0 to say nothing
 */
struct lease {
	uint8_t mac[6];
	struct prefix address;
	uint8_t len;
	struct prefix router;
	struct prefix addresses[LEASE_ADDRESSES];
	size_t n_addresses;
	struct prefix dns[LEASE_SERVERS];
	size_t n_dns;
	struct prefix ntp[LEASE_SERVERS];
	size_t n_ntp;
	char hostname[64];
	char domain[192];
	uint16_t mtu;
};

size_t dhcp4_answer(const struct lease *lease, const uint8_t *request, size_t n,
		    uint8_t answer[DHCP_MESSAGE_MAX]);
size_t dhcp6_answer(const struct lease *lease, const uint8_t *request, size_t n,
		    uint8_t answer[DHCP_MESSAGE_MAX]);

#endif
