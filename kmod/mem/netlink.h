/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_NETLINK_H
#define _NITRO_MEM_NETLINK_H

#include <uapi/linux/nitro_mem.h>

struct nitro_mem_guest_info;

void nitro_mem_netlink_settled(void);
void nitro_mem_netlink_guest(enum nitro_mem_event_kind kind,
			     const struct nitro_mem_guest_info *guest);
int nitro_mem_netlink_init(void);
void nitro_mem_netlink_exit(void);

#endif
