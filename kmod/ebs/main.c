// SPDX-License-Identifier: GPL-2.0
/* nitro_ebs: the Nitro Card for EBS and instance storage. This file only wires. */

#include <linux/module.h>
#include <net/genetlink.h>

#include "crypt.h"
#include "device.h"
#include "fan.h"
#include "fault.h"
#include "io.h"
#include "netlink.h"
#include "pages.h"

static int __init nitro_ebs_init(void)
{
	int err;

	nitro_ebs_crypt_init();
	err = nitro_ebs_pages_init();
	if (err)
		return err;
	err = nitro_ebs_fan_init();
	if (err)
		goto err_pages;
	err = nitro_ebs_io_init();
	if (err)
		goto err_fan;
	err = nitro_ebs_device_init();
	if (err)
		goto err_io;
	nitro_ebs_fault_init();
	err = nitro_ebs_netlink_init();
	if (err)
		goto err_fault;
	return 0;

err_fault:
	nitro_ebs_fault_exit();
	nitro_ebs_device_exit();
err_io:
	nitro_ebs_io_exit();
err_fan:
	nitro_ebs_fan_exit();
err_pages:
	nitro_ebs_pages_exit();
	return err;
}

/* Each device holds a reference on the module: there is none left here */
static void __exit nitro_ebs_exit(void)
{
	nitro_ebs_netlink_exit();
	nitro_ebs_fault_exit();
	nitro_ebs_device_exit();
	nitro_ebs_io_exit();
	nitro_ebs_fan_exit();
	nitro_ebs_pages_exit();
}

module_init(nitro_ebs_init);
module_exit(nitro_ebs_exit);

MODULE_DESCRIPTION("Nitro Card for EBS and instance storage: encrypted block devices");
MODULE_LICENSE("GPL");
MODULE_VERSION(NITRO_VERSION);
MODULE_ALIAS_GENL_FAMILY("nitro_ebs");
