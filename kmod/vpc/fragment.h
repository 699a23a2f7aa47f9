/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_FRAGMENT_H
#define _NITRO_VPC_FRAGMENT_H

#include "packet.h"

struct nitro_vpc_eni;

extern u32 nitro_vpc_fragment_lifetime;

int nitro_vpc_fragment_init(void);
void nitro_vpc_fragment_exit(void);
enum nitro_vpc_drop nitro_vpc_fragment_check(struct nitro_vpc_eni *eni,
					     struct nitro_vpc_packet *pkt);
void nitro_vpc_fragment_store(struct nitro_vpc_eni *eni,
			      const struct nitro_vpc_packet *pkt);
void nitro_vpc_fragment_flush(struct nitro_vpc_eni *eni);

#endif
