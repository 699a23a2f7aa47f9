/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_SERVICE_H
#define _NITRO_VPC_SERVICE_H

#include <linux/in6.h>
#include <linux/skbuff.h>

#include "drop.h"
#include "packet.h"

struct nitro_vpc_card;
struct nitro_vpc_eni;
struct nitro_vpc_eni_config;

/**
 * struct nitro_vpc_client - who an address of the service port stands for
 * @service: number of the ENI
 * @prefix: which of the ENI's addresses and prefixes, NITRO_VPC_CLIENT_NONE
 * @resolver: it asked its resolver by the address of the VPC
 * @rest: host part below the prefix; the interface identifier of a link-local
 *	address
 *
 * Behind the service port, clients are addresses that say which ENI the packet
 * came from and which of its addresses it was sent from. They are made of what
 * the card knows, not of what the packet says, so overlapping VPCs are apart
 * and nothing can be forged. There is no state: the same rule backwards gives
 * the ENI and the address to reply to.
 *
 *	IPv4  240.0.0.0/4: 17 bits service, 1 resolver, 6 prefix, 4 rest
 *	IPv6  fd00:ec3::/32: 24 bits service, 8 prefix, 64 rest
 */
struct nitro_vpc_client {
	u32 service;
	u8 prefix;
	u8 resolver;
	u64 rest;
};

/* No address of the ENI's: the unspecified one of IPv4 (DHCP), which replies to
 * go to the broadcast address; a link-local one of IPv6.
 */
#define NITRO_VPC_CLIENT_NONE	63

bool nitro_vpc_client_make(const struct nitro_vpc_eni_config *config,
			   const struct in6_addr *addr, bool v6,
			   struct nitro_vpc_client *ret);
bool nitro_vpc_client_addr(const struct nitro_vpc_eni_config *config,
			   const struct nitro_vpc_client *client, bool v6,
			   struct in6_addr *ret);
void nitro_vpc_client_encode(const struct nitro_vpc_client *client, bool v6,
			     struct in6_addr *ret);
bool nitro_vpc_client_decode(const struct in6_addr *addr,
			     struct nitro_vpc_client *ret);

int nitro_vpc_service_init(void);
void nitro_vpc_service_exit(void);
void nitro_vpc_service_dellink(struct net_device *dev, struct list_head *head);
void nitro_vpc_service_flush(struct nitro_vpc_card *card,
			     struct list_head *head);

/* Both consume the packet if they return NITRO_VPC_PASS; RCU read side, bottom
 * halves off, skb->data at the MAC header.
 */
enum nitro_vpc_drop
nitro_vpc_service_send(struct nitro_vpc_eni *eni,
		       const struct nitro_vpc_eni_config *config,
		       struct sk_buff *skb, const struct nitro_vpc_packet *pkt);
enum nitro_vpc_drop
nitro_vpc_service_multicast(struct nitro_vpc_eni *eni,
			    const struct nitro_vpc_eni_config *config,
			    struct sk_buff *skb);

#endif
