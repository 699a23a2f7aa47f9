// SPDX-License-Identifier: GPL-2.0
/* What happens to devices, for those who listen; and the search for stalls. */

#include "event.h"

#include <linux/ktime.h>
#include <linux/moduleparam.h>

#include "device.h"
#include "io.h"
#include "netlink.h"
#include "trace.h"

static unsigned int stall_timeout = 60000;
module_param(stall_timeout, uint, 0644);
MODULE_PARM_DESC(stall_timeout,
		 "ms that an I/O waits for the backing device before that is an event");

/* Events of one kind and device that nobody asked for come once in this time */
#define PACE	HZ

static unsigned long watch_interval(void)
{
	unsigned long interval = msecs_to_jiffies(READ_ONCE(stall_timeout) / 8);

	return clamp(interval, 1UL, 5UL * HZ);
}

static void watch(struct work_struct *work)
{
	struct nitro_ebs_device *dev =
		container_of(to_delayed_work(work), struct nitro_ebs_device,
			     watch_work);
	u64 oldest = nitro_ebs_io_oldest(dev), now = ktime_get_ns();
	u64 waited = now > oldest ? now - oldest : 0;
	bool stalled = waited > READ_ONCE(stall_timeout) * (u64)NSEC_PER_MSEC;

	if (nitro_ebs_device_fails(dev))
		return;
	if (stalled != dev->stalled) {
		struct nitro_ebs_netlink_event event = {
			.kind = stalled ? NITRO_EBS_EVENT_KIND_STALL :
					  NITRO_EBS_EVENT_KIND_RESUME,
			.waited = div_u64(waited, NSEC_PER_USEC),
		};

		WRITE_ONCE(dev->stalled, stalled);
		trace_nitro_ebs_event(dev->id, event.kind);
		nitro_ebs_netlink_event(dev, &event);
	}
	queue_delayed_work(system_dfl_wq, &dev->watch_work,
			   watch_interval());
}

/**
 * nitro_ebs_event() - tell that something was done to a device
 * @dev: the device
 * @kind: what
 *
 * Context: may sleep; after the change is visible.
 */
void nitro_ebs_event(struct nitro_ebs_device *dev,
		     enum nitro_ebs_event_kind kind)
{
	struct nitro_ebs_netlink_event event = { .kind = kind };

	trace_nitro_ebs_event(dev->id, kind);
	nitro_ebs_netlink_event(dev, &event);
}

static void send_pending(struct work_struct *work)
{
	struct nitro_ebs_device *dev =
		container_of(to_delayed_work(work), struct nitro_ebs_device,
			     event_work);
	struct nitro_ebs_event_state *events = &dev->events;
	struct nitro_ebs_netlink_event error = {
		.kind = NITRO_EBS_EVENT_KIND_ERROR,
	};
	bool throttled;

	spin_lock_irq(&events->lock);
	error.errors = events->errors;
	error.error = -blk_status_to_errno(events->error);
	error.sector = events->sector;
	error.write = events->write;
	throttled = events->throttled;
	events->errors = 0;
	events->throttled = false;
	events->next = jiffies + PACE;
	spin_unlock_irq(&events->lock);

	if (error.errors) {
		trace_nitro_ebs_event(dev->id, error.kind);
		nitro_ebs_netlink_event(dev, &error);
	}
	if (throttled)
		nitro_ebs_event(dev, NITRO_EBS_EVENT_KIND_LIMIT_EXCEEDED);
}

/* Caller holds events.lock */
static void schedule_pending(struct nitro_ebs_device *dev)
{
	unsigned long now = jiffies, next = dev->events.next;

	queue_delayed_work(system_dfl_wq, &dev->event_work,
			   time_after(next, now) ? next - now : 0);
}

/**
 * nitro_ebs_event_error() - tell that an I/O failed
 * @dev: the device
 * @io: the I/O
 * @status: how
 *
 * Context: any.
 */
void nitro_ebs_event_error(struct nitro_ebs_device *dev,
			   const struct nitro_ebs_io *io, blk_status_t status)
{
	struct nitro_ebs_event_state *events = &dev->events;
	unsigned long flags;

	spin_lock_irqsave(&events->lock, flags);
	events->errors++;
	events->error = status;
	events->sector = io->parent_iter.bi_sector;
	events->write = io->kind != NITRO_EBS_STATS_READ;
	schedule_pending(dev);
	spin_unlock_irqrestore(&events->lock, flags);
}

/**
 * nitro_ebs_event_throttled() - tell that an I/O has to wait for a limit
 * @dev: the device
 *
 * Context: any.
 */
void nitro_ebs_event_throttled(struct nitro_ebs_device *dev)
{
	struct nitro_ebs_event_state *events = &dev->events;
	unsigned long flags;

	spin_lock_irqsave(&events->lock, flags);
	if (!events->throttled) {
		events->throttled = true;
		schedule_pending(dev);
	}
	spin_unlock_irqrestore(&events->lock, flags);
}

/**
 * nitro_ebs_event_setup() - set up the events of a new device
 * @dev: the device
 *
 * Context: any.
 */
void nitro_ebs_event_setup(struct nitro_ebs_device *dev)
{
	spin_lock_init(&dev->events.lock);
	dev->events.next = jiffies;
	INIT_DELAYED_WORK(&dev->event_work, send_pending);
	INIT_DELAYED_WORK(&dev->watch_work, watch);
}

/**
 * nitro_ebs_event_start() - begin to look for stalls
 * @dev: a device that is live
 *
 * Context: any.
 */
void nitro_ebs_event_start(struct nitro_ebs_device *dev)
{
	queue_delayed_work(system_dfl_wq, &dev->watch_work,
			   watch_interval());
}

/**
 * nitro_ebs_event_stop() - no more events but those of nitro_ebs_event()
 * @dev: a device that is not live any more
 *
 * Context: may sleep.
 */
void nitro_ebs_event_stop(struct nitro_ebs_device *dev)
{
	cancel_delayed_work_sync(&dev->watch_work);
	cancel_delayed_work_sync(&dev->event_work);
}
