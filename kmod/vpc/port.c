// SPDX-License-Identifier: GPL-2.0
/* Holders that bring their own tap or veth: `ip link set tap0 master ENI`.
 * What the port receives is the instance's egress; ingress is sent on it.
 */

#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>

#include "datapath.h"
#include "eni.h"
#include "port.h"

static rx_handler_result_t port_handle_frame(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct nitro_vpc_eni *eni;

	skb = skb_share_check(skb, GFP_ATOMIC);
	if (!skb)
		return RX_HANDLER_CONSUMED;
	eni = rcu_dereference(skb->dev->rx_handler_data);
	if (!(eni->dev->flags & IFF_UP)) {
		nitro_vpc_drop(eni->drops, skb, NITRO_VPC_DROP_HOLDER);
		return RX_HANDLER_CONSUMED;
	}
	skb_push(skb, ETH_HLEN);
	skb->dev = eni->dev;
	nitro_vpc_egress(eni, skb);
	return RX_HANDLER_CONSUMED;
}

/**
 * nitro_vpc_port_add() - enslave a tap or veth to an ENI (ndo_add_slave)
 * @dev: the ENI's netdev
 * @port: the device
 * @extack: for errors
 *
 * Context: RTNL.
 * Return: 0 or a negative errno, with nothing changed.
 */
int nitro_vpc_port_add(struct net_device *dev, struct net_device *port,
		       struct netlink_ext_ack *extack)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);
	int err;

	if (rtnl_dereference(eni->port)) {
		NL_SET_ERR_MSG(extack, "the ENI has a port already");
		return -EBUSY;
	}
	if (eni->tap.numvtaps) {
		NL_SET_ERR_MSG(extack, "the ENI's tap device is open");
		return -EBUSY;
	}
	if (port->type != ARPHRD_ETHER || port->flags & IFF_LOOPBACK ||
	    port->addr_len != ETH_ALEN) {
		NL_SET_ERR_MSG(extack, "only Ethernet devices can be a port");
		return -EINVAL;
	}
	if (port->rtnl_link_ops == &nitro_vpc_eni_link_ops) {
		NL_SET_ERR_MSG(extack, "an ENI cannot be the port of an ENI");
		return -ELOOP;
	}

	err = netdev_master_upper_dev_link(port, dev, NULL, NULL, extack);
	if (err)
		return err;
	err = netdev_rx_handler_register(port, port_handle_frame, eni);
	if (err) {
		NL_SET_ERR_MSG(extack,
			       "the device has another receive handler");
		goto err_unlink;
	}
	err = dev_set_promiscuity(port, 1);
	if (err)
		goto err_handler;
	dev_disable_lro(port);
	rcu_assign_pointer(eni->port, port);
	return 0;

err_handler:
	netdev_rx_handler_unregister(port);
err_unlink:
	netdev_upper_dev_unlink(port, dev);
	return err;
}

/**
 * nitro_vpc_port_del() - release an ENI's port (ndo_del_slave)
 * @dev: the ENI's netdev
 * @port: the device
 *
 * Context: RTNL.
 * Return: 0, or -EINVAL if it is not the ENI's port.
 */
int nitro_vpc_port_del(struct net_device *dev, struct net_device *port)
{
	struct nitro_vpc_eni *eni = netdev_priv(dev);

	if (rtnl_dereference(eni->port) != port)
		return -EINVAL;
	rcu_assign_pointer(eni->port, NULL);
	/* Waits for the packets that have seen the handler's data. */
	netdev_rx_handler_unregister(port);
	dev_set_promiscuity(port, -1);
	netdev_upper_dev_unlink(port, dev);
	return 0;
}

/**
 * nitro_vpc_port_gone() - a device is being unregistered
 * @port: the device, an ENI's port or not
 *
 * Context: RTNL, netdev notifier.
 */
void nitro_vpc_port_gone(struct net_device *port)
{
	struct net_device *master = netdev_master_upper_dev_get(port);

	if (master && master->rtnl_link_ops == &nitro_vpc_eni_link_ops)
		nitro_vpc_port_del(master, port);
}
