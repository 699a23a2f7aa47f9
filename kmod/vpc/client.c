// SPDX-License-Identifier: GPL-2.0
/* Addresses of ENIs as the services behind the card see them: see service.h. */

#include <kunit/visibility.h>
#include <net/ipv6.h>

#include "eni.h"
#include "service.h"

#define CLIENT_IP4	0xf0000000
#define CLIENT_IP6	0xfd000ec3
#define REST4		4	/* bits */
#define PREFIX4		6
#define RESOLVER4	BIT(REST4 + PREFIX4)
#define SERVICE4	(REST4 + PREFIX4 + 1)

/* Of an address, the low bits */
static u64 low_bits(const struct in6_addr *addr, u32 bits)
{
	u64 low = get_unaligned_be64(&addr->s6_addr[8]);

	return bits < 64 ? low & (BIT_ULL(bits) - 1) : low;
}

/**
 * nitro_vpc_client_make() - who an ENI is when it sends from an address
 * @config: the ENI's configuration
 * @addr: the address; IPv4 as IPv4-mapped IPv6
 * @v6: it is an IPv6 one
 * @ret: set, but for the resolver
 *
 * Context: RCU read side.
 * Return: false if services do not know the address: it is not the ENI's, or
 * belongs to a prefix that is larger than those that EC2 delegates.
 */
bool nitro_vpc_client_make(const struct nitro_vpc_eni_config *config,
			   const struct in6_addr *addr, bool v6,
			   struct nitro_vpc_client *ret)
{
	const struct nitro_vpc_prefix *prefix;
	u32 i, bits;

	ret->service = config->service;
	ret->resolver = 0;
	if (v6 ? ipv6_addr_type(addr) & IPV6_ADDR_LINKLOCAL :
		 !addr->s6_addr32[3]) {
		ret->prefix = NITRO_VPC_CLIENT_NONE;
		ret->rest = v6 ? low_bits(addr, 64) : 0;
		return config->service;
	}
	for (i = 0; i < min(config->n_addresses, NITRO_VPC_CLIENT_NONE); i++) {
		prefix = &config->prefixes[i];
		bits = 128 - prefix->len;
		if (prefix->v6 != v6 || bits > (v6 ? 64 : REST4) ||
		    !ipv6_prefix_equal(&prefix->addr, addr, prefix->len))
			continue;
		ret->prefix = i;
		ret->rest = low_bits(addr, bits);
		return config->service;
	}
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_client_make);

/**
 * nitro_vpc_client_addr() - where the ENI wants its answer
 * @config: the ENI's configuration
 * @client: what the service port's address says
 * @v6: address family
 * @ret: set to the address
 *
 * Context: RCU read side.
 * Return: false if the ENI does not have the address (any more).
 */
bool nitro_vpc_client_addr(const struct nitro_vpc_eni_config *config,
			   const struct nitro_vpc_client *client, bool v6,
			   struct in6_addr *ret)
{
	const struct nitro_vpc_prefix *prefix;
	u64 low;
	u32 bits;

	if (client->prefix == NITRO_VPC_CLIENT_NONE) {
		if (v6) {
			ipv6_addr_set(ret, htonl(0xfe800000), 0, 0, 0);
			put_unaligned_be64(client->rest, &ret->s6_addr[8]);
		} else {
			ipv6_addr_set_v4mapped(htonl(INADDR_BROADCAST), ret);
		}
		return true;
	}
	if (client->prefix >= config->n_addresses)
		return false;
	prefix = &config->prefixes[client->prefix];
	bits = 128 - prefix->len;
	if (prefix->v6 != v6 || bits > 64 ||
	    (bits < 64 && client->rest >> bits))
		return false;
	ipv6_addr_prefix(ret, &prefix->addr, prefix->len);
	low = get_unaligned_be64(&ret->s6_addr[8]) | client->rest;
	put_unaligned_be64(low, &ret->s6_addr[8]);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_client_addr);

/**
 * nitro_vpc_client_encode() - the address of a client behind the service port
 * @client: the client
 * @v6: address family
 * @ret: set to it; IPv4 as IPv4-mapped IPv6
 *
 * Context: any.
 */
void nitro_vpc_client_encode(const struct nitro_vpc_client *client, bool v6,
			     struct in6_addr *ret)
{
	if (v6) {
		ipv6_addr_set(ret, htonl(CLIENT_IP6),
			      htonl(client->service << 8 | client->prefix),
			      0, 0);
		put_unaligned_be64(client->rest, &ret->s6_addr[8]);
		return;
	}
	ipv6_addr_set_v4mapped(htonl(CLIENT_IP4 | client->service << SERVICE4 |
				     (client->resolver ? RESOLVER4 : 0) |
				     client->prefix << REST4 |
				     (u32)client->rest), ret);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_client_encode);

/**
 * nitro_vpc_client_decode() - what an address behind the service port says
 * @addr: the address; IPv4 as IPv4-mapped IPv6
 * @ret: set to it
 *
 * Context: any.
 * Return: false if it is no address of a client.
 */
bool nitro_vpc_client_decode(const struct in6_addr *addr,
			     struct nitro_vpc_client *ret)
{
	u32 word;

	if (ipv6_addr_v4mapped(addr)) {
		word = ntohl(addr->s6_addr32[3]);
		if ((word & CLIENT_IP4) != CLIENT_IP4)
			return false;
		word &= ~CLIENT_IP4;
		ret->service = word >> SERVICE4;
		ret->resolver = !!(word & RESOLVER4);
		ret->prefix = word >> REST4 & (BIT(PREFIX4) - 1);
		ret->rest = word & (BIT(REST4) - 1);
		return true;
	}
	if (addr->s6_addr32[0] != htonl(CLIENT_IP6))
		return false;
	word = ntohl(addr->s6_addr32[1]);
	ret->service = word >> 8;
	ret->resolver = 0;
	ret->prefix = word & 0xff;
	ret->rest = get_unaligned_be64(&addr->s6_addr[8]);
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_client_decode);
