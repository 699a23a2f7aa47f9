/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_NETLINK_H
#define _NITRO_EBS_NETLINK_H

#include <linux/types.h>
#include <uapi/linux/nitro_ebs.h>

struct nitro_ebs_device;

/**
 * struct nitro_ebs_netlink_event - what an event says besides what it is of
 * @kind: what happened
 * @waited: with stall, us that the oldest I/O has been waiting
 * @errors: with error, how many
 * @error: the last one's errno
 * @sector: where it was
 * @write: what it was
 */
struct nitro_ebs_netlink_event {
	enum nitro_ebs_event_kind kind;
	u64 waited;
	u64 errors;
	int error;
	sector_t sector;
	bool write;
};

void nitro_ebs_netlink_event(const struct nitro_ebs_device *dev,
			     const struct nitro_ebs_netlink_event *event);
int nitro_ebs_netlink_init(void);
void nitro_ebs_netlink_exit(void);

#endif
