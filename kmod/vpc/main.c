// SPDX-License-Identifier: GPL-2.0
/* nitro_vpc: the Nitro Card for VPC. This file only wires. */

#include <linux/module.h>
#include <net/genetlink.h>
#include <net/rtnetlink.h>

#include "card.h"
#include "eni.h"
#include "flow.h"
#include "fragment.h"
#include "netlink.h"
#include "service.h"

static int __init nitro_vpc_init(void)
{
	int err;

	err = nitro_vpc_flow_init();
	if (err)
		return err;

	err = nitro_vpc_fragment_init();
	if (err)
		goto err_flow;

	err = nitro_vpc_card_init();
	if (err)
		goto err_fragment;

	err = nitro_vpc_eni_init();
	if (err)
		goto err_card;

	err = nitro_vpc_service_init();
	if (err)
		goto err_eni;

	err = nitro_vpc_netlink_init();
	if (err)
		goto err_service;

	return 0;

err_service:
	nitro_vpc_service_exit();
err_eni:
	nitro_vpc_eni_exit();
err_card:
	nitro_vpc_card_exit();
err_fragment:
	nitro_vpc_fragment_exit();
err_flow:
	nitro_vpc_flow_exit();
	rcu_barrier();
	return err;
}

static void __exit nitro_vpc_exit(void)
{
	nitro_vpc_netlink_exit();
	nitro_vpc_service_exit();
	nitro_vpc_eni_exit();
	nitro_vpc_card_exit();
	nitro_vpc_fragment_exit();
	nitro_vpc_flow_exit();
	rcu_barrier();
}

module_init(nitro_vpc_init);
module_exit(nitro_vpc_exit);

MODULE_DESCRIPTION("Nitro Card for VPC: ENIs, Geneve, stateful security groups");
MODULE_LICENSE("GPL");
MODULE_VERSION(NITRO_VERSION);
MODULE_ALIAS_RTNL_LINK("nitro");
MODULE_ALIAS_RTNL_LINK("nitro_service");
MODULE_ALIAS_GENL_FAMILY("nitro_vpc");
