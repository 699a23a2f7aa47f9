/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_ROUTER_H
#define _NITRO_VPC_ROUTER_H

#include <linux/in6.h>

struct nitro_vpc_card;
struct nitro_vpc_eni;
struct nitro_vpc_eni_config;

void nitro_vpc_router_init(struct nitro_vpc_card *card);
void nitro_vpc_router_exit(struct nitro_vpc_card *card);
void nitro_vpc_router_start(struct nitro_vpc_card *card);
bool nitro_vpc_router_advertise(struct nitro_vpc_eni *eni,
				const struct nitro_vpc_eni_config *config,
				const struct in6_addr *to);

#endif
