/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_DISK_H
#define _NITRO_EBS_DISK_H

struct nitro_ebs_device;
struct netlink_ext_ack;

int nitro_ebs_disk_alloc(struct nitro_ebs_device *dev,
			 struct netlink_ext_ack *extack);
int nitro_ebs_disk_add(struct nitro_ebs_device *dev);
void nitro_ebs_disk_del(struct nitro_ebs_device *dev);
bool nitro_ebs_disk_close(struct nitro_ebs_device *dev);
int nitro_ebs_disk_zero_ends(struct nitro_ebs_device *dev);

#endif
