/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_QUEUE_H
#define _NITRO_EBS_QUEUE_H

#include <linux/types.h>

#include "device.h"
#include "io.h"

void nitro_ebs_queue_setup(struct nitro_ebs_device *dev);
bool nitro_ebs_queue_ask(struct nitro_ebs_io *io);
void nitro_ebs_queue_first(struct nitro_ebs_io *io);
void nitro_ebs_queue_retry(struct nitro_ebs_io *io);
void nitro_ebs_queue_starve(struct nitro_ebs_device *dev, struct bio *bio);
void nitro_ebs_queue_kick(struct nitro_ebs_device *dev);
void nitro_ebs_queue_fail(struct nitro_ebs_device *dev);
u64 nitro_ebs_queue_oldest(struct nitro_ebs_device *dev);
void nitro_ebs_queue_stop(struct nitro_ebs_device *dev);

extern struct workqueue_struct *nitro_ebs_queue_wq;

/* May an I/O, owned by the caller, go at once? If not the caller has it no longer. */
static inline bool nitro_ebs_queue_pass(struct nitro_ebs_io *io)
{
	const struct nitro_ebs_device *dev = io->dev;

	if (likely(!READ_ONCE(dev->queued) && !READ_ONCE(dev->qos.limited) &&
		   !nitro_ebs_fault_paused(&dev->fault)))
		return true;
	return nitro_ebs_queue_ask(io);
}

#endif
