/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_GENEVE_H
#define _NITRO_VPC_GENEVE_H

#include "drop.h"

struct netlink_ext_ack;
struct nitro_vpc_card;
struct nitro_vpc_host;
struct sk_buff;

int nitro_vpc_geneve_open(struct nitro_vpc_card *card, bool v6, __be16 port,
			  struct netlink_ext_ack *extack);
void nitro_vpc_geneve_close(struct nitro_vpc_card *card);
u32 nitro_vpc_geneve_pmtu(struct nitro_vpc_card *card,
			  struct nitro_vpc_host *host);

#endif
