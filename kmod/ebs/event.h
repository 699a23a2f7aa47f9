/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_EVENT_H
#define _NITRO_EBS_EVENT_H

#include <linux/blk_types.h>
#include <uapi/linux/nitro_ebs.h>

struct nitro_ebs_device;
struct nitro_ebs_io;

void nitro_ebs_event_setup(struct nitro_ebs_device *dev);
void nitro_ebs_event_start(struct nitro_ebs_device *dev);
void nitro_ebs_event_stop(struct nitro_ebs_device *dev);
void nitro_ebs_event(struct nitro_ebs_device *dev,
		     enum nitro_ebs_event_kind kind);
void nitro_ebs_event_error(struct nitro_ebs_device *dev,
			   const struct nitro_ebs_io *io, blk_status_t status);
void nitro_ebs_event_throttled(struct nitro_ebs_device *dev);

#endif
