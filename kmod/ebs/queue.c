// SPDX-License-Identifier: GPL-2.0
/* I/O that has to wait: for a limit, for memory, or for a backing device that
 * would make its sender sleep. It waits in lists, not in its submitters, so it can
 * be ended at any time.
 */

#include "queue.h"

#include <linux/bio.h>
#include <linux/ktime.h>

#include "device.h"
#include "event.h"
#include "fault.h"
#include "io.h"

/* Looks again after this time, in ns, should nobody have noticed that the head of
 * the queue lacks memory.
 */
#define STARVING_RETRY	(5 * NSEC_PER_MSEC)

/* One work for each device; it may sleep in the backing device's queue */
struct workqueue_struct *nitro_ebs_queue_wq;

/* Charge for an I/O if it may pass. Caller holds queue_lock. */
static bool admit(struct nitro_ebs_device *dev, struct nitro_ebs_io *io)
{
	unsigned int bytes = io->parent_iter.bi_size;
	u64 delay;

	if (nitro_ebs_fault_paused(&dev->fault))
		return false;
	if (io->paid || !dev->qos.limited || io->kind == NITRO_EBS_STATS_FLUSH)
		return true;
	if (io->kind == NITRO_EBS_STATS_DISCARD)
		bytes = 0;
	delay = nitro_ebs_qos_take(&dev->qos, io->operations, bytes,
				   ktime_get_ns());
	if (delay) {
		hrtimer_start(&dev->queue_timer, ns_to_ktime(delay),
			      HRTIMER_MODE_REL_SOFT);
		nitro_ebs_event_throttled(dev);
		return false;
	}
	io->paid = true;
	return true;
}

/**
 * nitro_ebs_queue_ask() - may an I/O go at once, where something may be in its way?
 * @io: the I/O, owned by the caller
 *
 * Context: any.
 * Return: true; or false, and then the caller has it no longer.
 */
bool nitro_ebs_queue_ask(struct nitro_ebs_io *io)
{
	struct nitro_ebs_device *dev = io->dev;
	unsigned long flags;
	bool pass;

	spin_lock_irqsave(&dev->queue_lock, flags);
	pass = nitro_ebs_device_fails(dev) || (!dev->queued && admit(dev, io));
	if (!pass && !(io->parent->bi_opf & REQ_NOWAIT)) {
		list_add_tail(&io->list, &dev->queue);
		WRITE_ONCE(dev->queued, dev->queued + 1);
		io = NULL;
	}
	spin_unlock_irqrestore(&dev->queue_lock, flags);
	if (!pass && io)
		nitro_ebs_io_finish(io, BLK_STS_AGAIN);
	return pass;
}

/**
 * nitro_ebs_queue_first() - queue an I/O for which there are no pages
 * @io: the I/O, owned by the caller, which has it no longer
 *
 * Context: any.
 */
void nitro_ebs_queue_first(struct nitro_ebs_io *io)
{
	struct nitro_ebs_device *dev = io->dev;
	unsigned long flags;
	bool fails;

	if (io->parent->bi_opf & REQ_NOWAIT) {
		nitro_ebs_io_finish(io, BLK_STS_AGAIN);
		return;
	}
	io->paid = true;
	spin_lock_irqsave(&dev->queue_lock, flags);
	fails = nitro_ebs_device_fails(dev);
	if (!fails) {
		list_add(&io->list, &dev->queue);
		WRITE_ONCE(dev->queued, dev->queued + 1);
	}
	spin_unlock_irqrestore(&dev->queue_lock, flags);
	if (fails)
		nitro_ebs_io_finish(io, BLK_STS_IOERR);
	else
		nitro_ebs_queue_kick(dev);
}

/**
 * nitro_ebs_queue_starve() - queue a bio for which there is no I/O
 * @dev: the device
 * @bio: what is left of the bio
 *
 * Context: any.
 */
void nitro_ebs_queue_starve(struct nitro_ebs_device *dev, struct bio *bio)
{
	unsigned long flags;
	bool fails;

	if (bio->bi_opf & REQ_NOWAIT) {
		bio_wouldblock_error(bio);
		return;
	}
	spin_lock_irqsave(&dev->queue_lock, flags);
	fails = nitro_ebs_device_fails(dev);
	if (!fails) {
		bio_list_add(&dev->starved, bio);
		WRITE_ONCE(dev->queued, dev->queued + 1);
	}
	spin_unlock_irqrestore(&dev->queue_lock, flags);
	if (fails)
		bio_io_error(bio);
	else
		nitro_ebs_queue_kick(dev);
}

/**
 * nitro_ebs_queue_retry() - have an I/O sent again by someone who may sleep
 * @io: an I/O in flight that the backing device did not take
 *
 * Context: any.
 */
void nitro_ebs_queue_retry(struct nitro_ebs_io *io)
{
	struct nitro_ebs_device *dev = io->dev;
	unsigned long flags;

	spin_lock_irqsave(&dev->queue_lock, flags);
	bio_list_add(&dev->retries, &io->bio);
	spin_unlock_irqrestore(&dev->queue_lock, flags);
	nitro_ebs_queue_kick(dev);
}

/**
 * nitro_ebs_queue_kick() - look at the queue
 * @dev: the device
 *
 * Context: any.
 */
void nitro_ebs_queue_kick(struct nitro_ebs_device *dev)
{
	queue_work(nitro_ebs_queue_wq, &dev->queue_work);
}

/* The I/O at the head of the queue if it may go. It stays counted. */
static struct nitro_ebs_io *take_head(struct nitro_ebs_device *dev)
{
	struct nitro_ebs_io *io;

	spin_lock_irq(&dev->queue_lock);
	io = list_first_entry_or_null(&dev->queue, struct nitro_ebs_io, list);
	if (io && admit(dev, io))
		list_del(&io->list);
	else
		io = NULL;
	spin_unlock_irq(&dev->queue_lock);
	return io;
}

static void uncount(struct nitro_ebs_device *dev)
{
	spin_lock_irq(&dev->queue_lock);
	WRITE_ONCE(dev->queued, dev->queued - 1);
	spin_unlock_irq(&dev->queue_lock);
}

/* Returns false if memory is lacking. */
static bool work_off_queue(struct nitro_ebs_device *dev)
{
	struct nitro_ebs_io *io;

	while ((io = take_head(dev))) {
		if (!nitro_ebs_io_issue(io, true)) {
			spin_lock_irq(&dev->queue_lock);
			list_add(&io->list, &dev->queue);
			spin_unlock_irq(&dev->queue_lock);
			return false;
		}
		uncount(dev);
		cond_resched();
	}
	return true;
}

static bool work_off_starved(struct nitro_ebs_device *dev)
{
	struct bio *bio;

	while (list_empty_careful(&dev->queue)) {
		spin_lock_irq(&dev->queue_lock);
		bio = bio_list_pop(&dev->starved);
		spin_unlock_irq(&dev->queue_lock);
		if (!bio)
			break;
		/* Goes into the queue, which is not empty by its count */
		if (!nitro_ebs_io_start(dev, bio)) {
			spin_lock_irq(&dev->queue_lock);
			bio_list_add_head(&dev->starved, bio);
			spin_unlock_irq(&dev->queue_lock);
			return false;
		}
		uncount(dev);
		if (!work_off_queue(dev))
			return false;
	}
	return true;
}

static void queue_work_fn(struct work_struct *work)
{
	struct nitro_ebs_device *dev =
		container_of(work, struct nitro_ebs_device, queue_work);
	struct bio_list retries;
	struct blk_plug plug;
	struct bio *bio;

	/* Each I/O holds a reference, but it may end here */
	percpu_ref_get(&dev->refs);
	blk_start_plug(&plug);
	spin_lock_irq(&dev->queue_lock);
	retries = dev->retries;
	bio_list_init(&dev->retries);
	spin_unlock_irq(&dev->queue_lock);
	while ((bio = bio_list_pop(&retries)))
		nitro_ebs_io_resend(container_of(bio, struct nitro_ebs_io, bio));

	WRITE_ONCE(dev->starving, true);
	if (work_off_queue(dev) && work_off_starved(dev))
		WRITE_ONCE(dev->starving, false);
	else
		hrtimer_start(&dev->queue_timer, ns_to_ktime(STARVING_RETRY),
			      HRTIMER_MODE_REL_SOFT);
	blk_finish_plug(&plug);
	nitro_ebs_device_put(dev);
}

static enum hrtimer_restart timer_fn(struct hrtimer *timer)
{
	nitro_ebs_queue_kick(container_of(timer, struct nitro_ebs_device,
					  queue_timer));
	return HRTIMER_NORESTART;
}

/**
 * nitro_ebs_queue_fail() - end all that waits with an error
 * @dev: a device that is not live any more
 *
 * Context: process context.
 */
void nitro_ebs_queue_fail(struct nitro_ebs_device *dev)
{
	struct bio_list starved;
	struct nitro_ebs_io *io, *next;
	LIST_HEAD(queue);
	struct bio *bio;

	spin_lock_irq(&dev->queue_lock);
	list_splice_init(&dev->queue, &queue);
	starved = dev->starved;
	bio_list_init(&dev->starved);
	WRITE_ONCE(dev->queued, dev->queued - list_count_nodes(&queue) -
		   bio_list_size(&starved));
	if (dev->qos.waiting)
		nitro_ebs_qos_settle(&dev->qos, NITRO_EBS_QOS_NONE,
				     ktime_get_ns());
	spin_unlock_irq(&dev->queue_lock);

	list_for_each_entry_safe(io, next, &queue, list)
		nitro_ebs_io_finish(io, BLK_STS_IOERR);
	while ((bio = bio_list_pop(&starved)))
		bio_io_error(bio);
}

/**
 * nitro_ebs_queue_oldest() - since when the head of the queue has been waiting
 * @dev: the device
 *
 * Context: process context.
 * Return: time in ns, U64_MAX if there is none.
 */
u64 nitro_ebs_queue_oldest(struct nitro_ebs_device *dev)
{
	struct nitro_ebs_io *io;
	u64 begun = U64_MAX;

	spin_lock_irq(&dev->queue_lock);
	io = list_first_entry_or_null(&dev->queue, struct nitro_ebs_io, list);
	/* Waiting for a limit is no stall */
	if (io && !dev->qos.waiting)
		begun = io->begun;
	spin_unlock_irq(&dev->queue_lock);
	return begun;
}

/**
 * nitro_ebs_queue_setup() - set up the queue of a new device
 * @dev: the device
 *
 * Context: any.
 */
void nitro_ebs_queue_setup(struct nitro_ebs_device *dev)
{
	INIT_LIST_HEAD(&dev->queue);
	bio_list_init(&dev->starved);
	bio_list_init(&dev->retries);
	spin_lock_init(&dev->queue_lock);
	INIT_WORK(&dev->queue_work, queue_work_fn);
	hrtimer_setup(&dev->queue_timer, timer_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_SOFT);
}

/**
 * nitro_ebs_queue_stop() - stop looking at the queue
 * @dev: a device without I/O
 *
 * Context: may sleep.
 */
void nitro_ebs_queue_stop(struct nitro_ebs_device *dev)
{
	hrtimer_cancel(&dev->queue_timer);
	cancel_work_sync(&dev->queue_work);
	hrtimer_cancel(&dev->queue_timer);
}
