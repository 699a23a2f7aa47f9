/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_PORT_H
#define _NITRO_VPC_PORT_H

struct net_device;
struct netlink_ext_ack;

int nitro_vpc_port_add(struct net_device *dev, struct net_device *port,
		       struct netlink_ext_ack *extack);
int nitro_vpc_port_del(struct net_device *dev, struct net_device *port);
void nitro_vpc_port_gone(struct net_device *port);

#endif
