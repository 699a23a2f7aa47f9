// SPDX-License-Identifier: GPL-2.0
/* Addresses of clients: the card made them, so that they can be believed. */

#include <netinet/in.h>
#include <stdio.h>

#include "client.h"

#define CLIENT_IP4 0xf0000000U
#define SERVICE_SHIFT4 11
#define CLIENT_IP6 0xfd000ec3U

static uint32_t word_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/**
 * client_service - the number of the ENI that an address stands for
 * @sa: the address
 *
 * Context: any.
 * Return: the number, 0 if it is no client's address.
 */
uint32_t client_service(const struct sockaddr *sa)
{
	uint32_t service = 0;

	if (sa->sa_family == AF_INET) {
		uint32_t ip = ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr);

		if ((ip & CLIENT_IP4) == CLIENT_IP4)
			service = (ip & ~CLIENT_IP4) >> SERVICE_SHIFT4;
	} else if (sa->sa_family == AF_INET6) {
		const uint8_t *a = ((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr;

		if (word_at(a) == CLIENT_IP6)
			service = word_at(a + 4) >> 8;
	}
	return service <= SERVICE_MAX ? service : 0;
}

/**
 * client_network - all addresses that an ENI may have here
 * @service: its number
 * @v6: of this family
 * @ret: set to the prefix, as text
 *
 * Context: any.
 */
void client_network(uint32_t service, bool v6, char ret[PREFIX_STRLEN])
{
	uint32_t ip = CLIENT_IP4 | service << SERVICE_SHIFT4;

	if (v6)
		snprintf(ret, PREFIX_STRLEN, "fd00:ec3:%x:%x::/56", service >> 8,
			 (service & 0xff) << 8);
	else
		snprintf(ret, PREFIX_STRLEN, "%u.%u.%u.%u/%d", ip >> 24, ip >> 16 & 0xff,
			 ip >> 8 & 0xff, ip & 0xff, 32 - SERVICE_SHIFT4);
}
