// SPDX-License-Identifier: GPL-2.0
/* nitro_mem: memory of guests that the host's kernel does not have. This file only wires. */

#include <linux/module.h>
#include <linux/pgtable.h>
#include <net/genetlink.h>

#include "alloc.h"
#include "guest.h"
#include "netlink.h"
#include "pool.h"

static int __init nitro_mem_init(void)
{
	int err;

	BUILD_BUG_ON(PMD_SIZE != NITRO_MEM_GRAIN_SIZE);
	BUILD_BUG_ON(NITRO_MEM_GRAIN != NITRO_MEM_GRAIN_SIZE);
	err = nitro_mem_guest_init();
	if (err)
		return err;
	err = nitro_mem_pool_init();
	if (err)
		goto err_guest;
	err = nitro_mem_netlink_init();
	if (err)
		goto err_pool;
	return 0;

err_pool:
	nitro_mem_pool_exit();
err_guest:
	nitro_mem_guest_exit();
	return err;
}

/* Guests and what is in the pool hold references on the module: there are none here */
static void __exit nitro_mem_exit(void)
{
	nitro_mem_netlink_exit();
	nitro_mem_pool_exit();
	nitro_mem_guest_exit();
}

module_init(nitro_mem_init);
module_exit(nitro_mem_exit);

MODULE_DESCRIPTION("Memory of guests that the host's kernel cannot reach");
MODULE_LICENSE("GPL");
MODULE_VERSION(NITRO_VERSION);
MODULE_ALIAS_GENL_FAMILY("nitro_mem");
