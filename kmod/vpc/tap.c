// SPDX-License-Identifier: GPL-2.0
/* The ENI's tap character device, /dev/nitro-eniN, which any VMM that takes a
 * tap file descriptor can use and which stock vhost-net accepts (macvtap's
 * pattern: tap.ko does the work).
 */

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "eni.h"
#include "tap.h"

#define TAP_OFFLOADS	(NETIF_F_HW_CSUM | NETIF_F_TSO_ECN | NETIF_F_TSO | \
			 NETIF_F_TSO6)

static const struct class tap_class = {
	.name = "nitro-eni",
};

static dev_t tap_major;
static struct cdev tap_cdev;

static void count_tx_dropped(struct tap_dev *tap)
{
	struct nitro_vpc_eni *eni = container_of(tap, struct nitro_vpc_eni, tap);

	this_cpu_inc(eni->drops->count[NITRO_VPC_DROP_HOLDER]);
}

static void count_rx_dropped(struct tap_dev *tap)
{
	count_tx_dropped(tap);
}

static void update_features(struct tap_dev *tap, netdev_features_t features)
{
	/* What the guest's driver can take is looked at for each packet, in
	 * tap_handle_frame(); the netdev's own features do not depend on it.
	 */
}

/**
 * nitro_vpc_tap_name() - name of an ENI's tap device below /dev
 * @eni: the ENI
 * @buf: set to it
 * @size: of @buf
 *
 * Context: RTNL.
 * Return: length of the name.
 */
int nitro_vpc_tap_name(const struct nitro_vpc_eni *eni, char *buf, size_t size)
{
	return scnprintf(buf, size, "nitro-eni%d", eni->tap.minor);
}

/**
 * nitro_vpc_tap_prepare() - make an ENI ready to have tap queues
 * @eni: the ENI, before its netdev is registered
 *
 * Context: RTNL.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_tap_prepare(struct nitro_vpc_eni *eni)
{
	INIT_LIST_HEAD(&eni->tap.queue_list);
	eni->tap.dev = eni->dev;
	eni->tap.tap_features = TAP_OFFLOADS;
	eni->tap.count_tx_dropped = count_tx_dropped;
	eni->tap.count_rx_dropped = count_rx_dropped;
	eni->tap.update_features = update_features;
	return netdev_rx_handler_register(eni->dev, tap_handle_frame,
					  &eni->tap);
}

/**
 * nitro_vpc_tap_release() - take the tap queues away
 * @eni: the ENI
 *
 * Open files stay and answer with errors.
 *
 * Context: RTNL.
 */
void nitro_vpc_tap_release(struct nitro_vpc_eni *eni)
{
	netdev_rx_handler_unregister(eni->dev);
	tap_del_queues(&eni->tap);
}

static int node_create(struct nitro_vpc_eni *eni)
{
	struct device *node;
	char name[32];
	int err;

	err = tap_get_minor(tap_major, &eni->tap);
	if (err)
		return err;
	nitro_vpc_tap_name(eni, name, sizeof(name));
	node = device_create(&tap_class, NULL,
			     MKDEV(MAJOR(tap_major), eni->tap.minor), NULL,
			     "%s", name);
	if (IS_ERR(node)) {
		tap_free_minor(tap_major, &eni->tap);
		return PTR_ERR(node);
	}
	return 0;
}

static void node_destroy(struct nitro_vpc_eni *eni)
{
	/* 0 if node_create() failed */
	if (!eni->tap.minor)
		return;
	device_destroy(&tap_class, MKDEV(MAJOR(tap_major), eni->tap.minor));
	tap_free_minor(tap_major, &eni->tap);
}

/**
 * nitro_vpc_tap_event() - the device node comes and goes with the netdev
 * @eni: the ENI
 * @event: NETDEV_* of its netdev
 *
 * Context: RTNL, netdev notifier.
 * Return: 0 or a negative errno.
 */
int nitro_vpc_tap_event(struct nitro_vpc_eni *eni, unsigned long event)
{
	switch (event) {
	case NETDEV_REGISTER:
		return node_create(eni);
	case NETDEV_UNREGISTER:
		node_destroy(eni);
		return 0;
	case NETDEV_CHANGE_TX_QUEUE_LEN:
		return tap_queue_resize(&eni->tap);
	default:
		return 0;
	}
}

/**
 * nitro_vpc_tap_init() - register the character device
 *
 * Context: module load; may sleep.
 * Return: 0 or a negative errno.
 */
int __init nitro_vpc_tap_init(void)
{
	int err;

	err = tap_create_cdev(&tap_cdev, &tap_major, "nitro-eni", THIS_MODULE);
	if (err)
		return err;
	err = class_register(&tap_class);
	if (err)
		tap_destroy_cdev(tap_major, &tap_cdev);
	return err;
}

/**
 * nitro_vpc_tap_exit() - unregister the character device
 *
 * Context: module load or unload; may sleep.
 */
void nitro_vpc_tap_exit(void)
{
	class_unregister(&tap_class);
	tap_destroy_cdev(tap_major, &tap_cdev);
}
