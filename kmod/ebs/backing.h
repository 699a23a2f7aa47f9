/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_BACKING_H
#define _NITRO_EBS_BACKING_H

#include <linux/types.h>

struct netlink_ext_ack;
struct nitro_ebs_device;

int nitro_ebs_backing_open(struct nitro_ebs_device *dev, dev_t number,
			   struct netlink_ext_ack *extack);
int nitro_ebs_backing_resize(struct nitro_ebs_device *dev, u64 size,
			     struct netlink_ext_ack *extack);
void nitro_ebs_backing_close(struct nitro_ebs_device *dev);
void nitro_ebs_backing_wait(u64 cookie, unsigned long timeout);

#endif
