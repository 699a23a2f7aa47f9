// SPDX-License-Identifier: GPL-2.0
/* The life of an I/O.
 *
 *	submit -> (queue) -> issue: pages, encrypt -> sent -> ended: decrypt -> finish
 *
 * At the arrows nobody sleeps. Between "sent" and "ended" the I/O is in a list of
 * those in flight, from which its parent can be taken to end with an error.
 */

#include "io.h"

#include <linux/blk-cgroup.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>

#include "crypt.h"
#include "device.h"
#include "event.h"
#include "fan.h"
#include "fault.h"
#include "pages.h"
#include "queue.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

/* What of the caller's flags the backing device has to know */
#define FLAGS_KEPT	(REQ_SYNC | REQ_META | REQ_PRIO | REQ_FUA |	\
			 REQ_PREFLUSH | REQ_IDLE | REQ_RAHEAD |		\
			 REQ_BACKGROUND | REQ_NOWAIT)

/* More than this is too long for a bottom half */
#define BOTTOM_HALF_MAX	(64U << 10)

/**
 * struct hop - I/O that ended where it cannot be decrypted, of one CPU
 * @ended: in an interrupt, for the bottom half that follows
 * @bottom_half: that
 * @left: by the bottom half, because it interrupted who uses the FPU, or because
 *	of its size; for a task
 * @task: that
 */
struct hop {
	struct llist_head ended;
	struct work_struct bottom_half;
	struct llist_head left;
	struct work_struct task;
};

static DEFINE_PER_CPU(struct hop, hops);
static struct workqueue_struct *hop_wq;

static enum nitro_ebs_stats_kind kind_of(const struct bio *bio)
{
	if (!bio_sectors(bio))
		return NITRO_EBS_STATS_FLUSH;
	if (bio_op(bio) == REQ_OP_DISCARD)
		return NITRO_EBS_STATS_DISCARD;
	return op_is_write(bio_op(bio)) ? NITRO_EBS_STATS_WRITE :
					  NITRO_EBS_STATS_READ;
}

/* The first part of @bio, or all of it, as an I/O that owns a share of it */
static struct nitro_ebs_io *new_io(struct nitro_ebs_device *dev,
				   struct bio *bio, u64 now)
{
	unsigned int left = bio->bi_iter.bi_size, len = left, vecs = 0;
	enum nitro_ebs_stats_kind kind = kind_of(bio);
	struct nitro_ebs_io *io;
	struct bio *child;
	blk_opf_t opf;

	if (kind <= NITRO_EBS_STATS_WRITE) {
		len = min(len, dev->io_max);
		vecs = DIV_ROUND_UP(len, PAGE_SIZE);
	}
	opf = bio_op(bio) | (bio->bi_opf & FLAGS_KEPT) | REQ_ALLOC_CACHE;
	child = bio_alloc_bioset(NULL, vecs, opf, GFP_NOWAIT, &dev->bios);
	/* Who cannot sleep gets of the reserve only if he asks for the most */
	if (unlikely(!child) && vecs)
		child = bio_alloc_bioset(NULL, BIO_MAX_VECS, opf, GFP_NOWAIT,
					 &dev->bios);
	if (unlikely(!child))
		return NULL;
	child->bi_bdev = dev->bdev;
	bio_clone_blkg_association(child, bio);
	child->bi_ioprio = bio->bi_ioprio;
	child->bi_write_hint = bio->bi_write_hint;

	io = container_of(child, struct nitro_ebs_io, bio);
	io->dev = dev;
	io->parent = bio;
	io->parent_iter = bio->bi_iter;
	io->parent_iter.bi_size = len;
	io->kind = kind;
	io->status = BLK_STS_OK;
	io->paid = false;
	io->begun = now;
	io->last = len == left;
	io->operations = 1;
	io->nowait = READ_ONCE(dev->nowait) && !(bio->bi_opf & REQ_NOWAIT);
	io->accounted = blk_queue_io_stat(dev->disk->queue);
	if (io->accounted)
		io->jiffies = bdev_start_io_acct(bio->bi_bdev, bio_op(bio),
						 jiffies);
	this_cpu_inc(dev->stats->begun);
	percpu_ref_get(&dev->refs);

	if (kind <= NITRO_EBS_STATS_WRITE)
		io->operations = nitro_ebs_qos_operations(left, left - len);
	if (!io->last) {
		bio_inc_remaining(bio);
		bio_advance(bio, len);
	} else {
		bio->bi_iter.bi_size = 0;
		bio->bi_iter.bi_sector += len >> SECTOR_SHIFT;
	}
	return io;
}

/**
 * nitro_ebs_io_start() - begin the I/O of a bio
 * @dev: the device
 * @bio: what is left of a bio
 *
 * Context: may be called where nothing may sleep but for submit_bio().
 * Return: true if that was all of it, false if memory for an I/O is lacking.
 */
bool nitro_ebs_io_start(struct nitro_ebs_device *dev, struct bio *bio)
{
	u64 now = ktime_get_ns();
	bool more;

	do {
		struct nitro_ebs_io *io = new_io(dev, bio, now);

		if (!io)
			return false;
		more = !io->last;
		if (nitro_ebs_queue_pass(io) && !nitro_ebs_io_issue(io, false))
			nitro_ebs_queue_first(io);
	} while (more);
	return true;
}

/**
 * nitro_ebs_io_submit() - the disk's submit_bio()
 * @bio: an I/O
 *
 * Context: as for any ->submit_bio(): no waiting for other I/O.
 */
void nitro_ebs_io_submit(struct bio *bio)
{
	struct nitro_ebs_device *dev = bio->bi_bdev->bd_disk->private_data;
	unsigned int mask = dev->config.sector_size - 1;

	if (unlikely(nitro_ebs_device_fails(dev) ||
		     (op_is_write(bio_op(bio)) && dev->config.read_only &&
		      bio_sectors(bio)))) {
		bio_io_error(bio);
		return;
	}
	if (unlikely((bio->bi_iter.bi_size & mask) ||
		     ((bio->bi_iter.bi_sector << SECTOR_SHIFT) & mask))) {
		bio->bi_status = BLK_STS_INVAL;
		bio_endio(bio);
		return;
	}
	if (!nitro_ebs_io_start(dev, bio))
		nitro_ebs_queue_starve(dev, bio);
}

/* Let the parent be ended by others as long as the backing device has the I/O.
 * Returns false if it has to end now.
 */
static bool put_in_flight(struct nitro_ebs_io *io)
{
	struct nitro_ebs_device *dev = io->dev;
	struct nitro_ebs_inflight *inflight;
	unsigned long flags;
	bool fails;

	io->sent = jiffies;
	io->cpu = raw_smp_processor_id();
	inflight = per_cpu_ptr(dev->inflight, io->cpu);
	spin_lock_irqsave(&inflight->lock, flags);
	/* nitro_ebs_io_fail_all() comes after the change of state */
	fails = nitro_ebs_device_fails(dev);
	if (!fails)
		hlist_add_head(&io->node, &inflight->ios);
	spin_unlock_irqrestore(&inflight->lock, flags);
	return !fails;
}

/* Returns false if someone else has ended the parent. */
static bool take_from_flight(struct nitro_ebs_io *io)
{
	struct nitro_ebs_inflight *inflight = per_cpu_ptr(io->dev->inflight,
							  io->cpu);
	unsigned long flags;
	bool ours;

	spin_lock_irqsave(&inflight->lock, flags);
	ours = io->parent;
	if (ours)
		__hlist_del(&io->node);
	spin_unlock_irqrestore(&inflight->lock, flags);
	return ours;
}

/* Count the I/O as ended and end its share of the parent. */
static void end_parent(struct nitro_ebs_device *dev, struct nitro_ebs_io *io,
		       struct bio *parent, blk_status_t status)
{
	unsigned int bytes = io->parent_iter.bi_size;
	u64 ns = ktime_get_ns() - io->begun;

	trace_nitro_ebs_io(dev->id, io->kind, io->parent_iter.bi_sector, bytes,
			   ns, (__force u8)status);
	nitro_ebs_stats_end(dev->stats, io->kind, io->last, bytes, ns, status);
	if (unlikely(status)) {
		if (status != BLK_STS_AGAIN && !nitro_ebs_device_fails(dev))
			nitro_ebs_event_error(dev, io, status);
		cmpxchg(&parent->bi_status, BLK_STS_OK, status);
	}
	if (io->accounted)
		bdev_end_io_acct(parent->bi_bdev, bio_op(parent),
				 bytes >> SECTOR_SHIFT, io->jiffies);
	bio_endio(parent);
}

/* The end of what is ours. */
static void free_io(struct nitro_ebs_io *io)
{
	struct nitro_ebs_device *dev = io->dev;

	if (nitro_ebs_io_has_data(io))
		nitro_ebs_pages_free(dev, &io->bio);
	bio_put(&io->bio);
	if (unlikely(READ_ONCE(dev->starving)))
		nitro_ebs_queue_kick(dev);
	nitro_ebs_device_put(dev);
}

/**
 * nitro_ebs_io_finish() - the I/O has ended
 * @io: the I/O, owned by the caller; freed
 * @status: how
 *
 * Context: any.
 */
void nitro_ebs_io_finish(struct nitro_ebs_io *io, blk_status_t status)
{
	end_parent(io->dev, io, io->parent, status);
	free_io(io);
}

static void prepare(struct nitro_ebs_io *io)
{
	io->bio.bi_iter = (struct bvec_iter) {
		.bi_sector = io->dev->first + io->parent_iter.bi_sector,
		.bi_size = io->parent_iter.bi_size,
	};
}

/* A read has its data, and a write is ready for the backing device */
static void ended(struct bio *bio);

static enum hrtimer_restart delay_over(struct hrtimer *timer)
{
	struct nitro_ebs_io *io = container_of(timer, struct nitro_ebs_io, timer);

	queue_work(nitro_ebs_queue_wq, &io->work);
	return HRTIMER_NORESTART;
}

static void delayed_send(struct work_struct *work)
{
	struct nitro_ebs_io *io = container_of(work, struct nitro_ebs_io, work);

	submit_bio_noacct(&io->bio);
}

static void send(struct nitro_ebs_io *io)
{
	u64 delay = 0;

	prepare(io);
	io->bio.bi_end_io = ended;
	if (io->nowait)
		io->bio.bi_opf |= REQ_NOWAIT;
	if (nitro_ebs_fault_active(&io->dev->fault)) {
		if (nitro_ebs_fault_error(&io->dev->fault)) {
			nitro_ebs_io_finish(io, BLK_STS_IOERR);
			return;
		}
		delay = nitro_ebs_fault_delay(&io->dev->fault);
	}
	if (!put_in_flight(io)) {
		nitro_ebs_io_finish(io, BLK_STS_IOERR);
		return;
	}
	if (unlikely(delay)) {
		io->bio.bi_opf &= ~REQ_NOWAIT;
		INIT_WORK(&io->work, delayed_send);
		hrtimer_setup(&io->timer, delay_over, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_SOFT);
		hrtimer_start(&io->timer, ns_to_ktime(delay),
			      HRTIMER_MODE_REL_SOFT);
		return;
	}
	submit_bio_noacct(&io->bio);
}

/**
 * nitro_ebs_io_resend() - send again what the backing device did not take
 * @io: in flight, of the device's list of retries
 *
 * Context: process context; sleeps for as long as the backing device wants.
 */
void nitro_ebs_io_resend(struct nitro_ebs_io *io)
{
	struct bio *bio = &io->bio;

	if (nitro_ebs_device_fails(io->dev)) {
		if (take_from_flight(io))
			nitro_ebs_io_finish(io, BLK_STS_IOERR);
		else
			free_io(io);
		return;
	}
	prepare(io);
	bio->bi_status = BLK_STS_OK;
	bio->bi_opf &= ~REQ_NOWAIT;
	/* It may be remapped to a partition, again */
	bio_set_dev(bio, io->dev->bdev);
	submit_bio_noacct(bio);
}

/**
 * nitro_ebs_io_ciphered() - all of an I/O is encrypted or decrypted
 * @io: the I/O, owned by the caller
 *
 * Context: any for reads; may sleep for writes, but for waiting in
 * submit_bio_noacct().
 */
void nitro_ebs_io_ciphered(struct nitro_ebs_io *io)
{
	if (io->status || io->kind == NITRO_EBS_STATS_READ)
		nitro_ebs_io_finish(io, io->status);
	else
		send(io);
}

/**
 * nitro_ebs_io_issue() - give an I/O to the backing device
 * @io: the I/O, owned by the caller
 * @reserve: the caller is the only one who may use the reserve of pages
 *
 * Context: may sleep only in submit_bio_noacct().
 * Return: false if pages are lacking; then the caller still owns @io.
 */
bool nitro_ebs_io_issue(struct nitro_ebs_io *io, bool reserve)
{
	struct nitro_ebs_device *dev = io->dev;

	if (nitro_ebs_device_fails(dev)) {
		nitro_ebs_io_finish(io, BLK_STS_IOERR);
		return true;
	}
	if (nitro_ebs_io_has_data(io) &&
	    !nitro_ebs_pages_add(dev, &io->bio, io->parent_iter.bi_size,
				 reserve))
		return false;
	if (io->kind == NITRO_EBS_STATS_WRITE)
		nitro_ebs_fan_cipher(io, true);
	else
		send(io);
	return true;
}

static void ended(struct bio *bio)
{
	struct nitro_ebs_io *io = container_of(bio, struct nitro_ebs_io, bio);
	blk_status_t status = bio->bi_status;

	/* The table of a mapped device may have been replaced by one without it. */
	if (unlikely(status == BLK_STS_NOTSUPP && io->nowait)) {
		WRITE_ONCE(io->dev->nowait, false);
		status = BLK_STS_AGAIN;
	}
	if (unlikely(status == BLK_STS_AGAIN && io->nowait)) {
		io->nowait = false;
		nitro_ebs_queue_retry(io);
		return;
	}
	if (unlikely(!take_from_flight(io))) {
		free_io(io);
		return;
	}
	if (status || io->kind != NITRO_EBS_STATS_READ) {
		nitro_ebs_io_finish(io, status);
	} else if (likely(nitro_ebs_crypt_usable(io->dev->simd))) {
		nitro_ebs_fan_cipher(io, false);
	} else {
		struct hop *hop = raw_cpu_ptr(&hops);

		if (llist_add(&io->llist, &hop->ended))
			queue_work(system_bh_highpri_wq, &hop->bottom_half);
	}
}

/* Usually the FPU is free here, and nobody has to be woken. */
static void hop_bottom_half(struct work_struct *work)
{
	struct hop *hop = container_of(work, struct hop, bottom_half);
	struct llist_node *first = llist_reverse_order(llist_del_all(&hop->ended));
	struct nitro_ebs_io *io, *next;

	llist_for_each_entry_safe(io, next, first, llist) {
		if (io->parent_iter.bi_size <= BOTTOM_HALF_MAX &&
		    nitro_ebs_crypt_usable(io->dev->simd))
			nitro_ebs_fan_cipher(io, false);
		else if (llist_add(&io->llist, &hop->left))
			queue_work(hop_wq, &hop->task);
	}
}

static void hop_task(struct work_struct *work)
{
	struct hop *hop = container_of(work, struct hop, task);
	struct llist_node *first = llist_reverse_order(llist_del_all(&hop->left));
	struct nitro_ebs_io *io, *next;

	llist_for_each_entry_safe(io, next, first, llist)
		nitro_ebs_fan_cipher(io, false);
}

/**
 * nitro_ebs_io_fail_all() - end everything that waits with an error
 * @dev: a device that is not live any more
 *
 * I/O whose data is just being encrypted or decrypted ends by itself, soon.
 *
 * Context: process context; does not wait for the backing device.
 */
void nitro_ebs_io_fail_all(struct nitro_ebs_device *dev)
{
	unsigned int cpu;

	nitro_ebs_queue_fail(dev);
	for_each_possible_cpu(cpu) {
		struct nitro_ebs_inflight *inflight =
			per_cpu_ptr(dev->inflight, cpu);
		struct nitro_ebs_io *io, copy;

		spin_lock_irq(&inflight->lock);
		while (!hlist_empty(&inflight->ios)) {
			io = hlist_entry(inflight->ios.first,
					 struct nitro_ebs_io, node);
			/* It may end and be freed as soon as the lock is free */
			copy = *io;
			__hlist_del(&io->node);
			io->parent = NULL;
			spin_unlock_irq(&inflight->lock);
			end_parent(dev, &copy, copy.parent, BLK_STS_IOERR);
			cond_resched();
			spin_lock_irq(&inflight->lock);
		}
		spin_unlock_irq(&inflight->lock);
	}
}

/**
 * nitro_ebs_io_oldest() - since when the oldest I/O has been waiting
 * @dev: the device
 *
 * Context: process context.
 * Return: time in ns when the backing device got it or it came into the queue,
 * U64_MAX if there is none.
 */
u64 nitro_ebs_io_oldest(struct nitro_ebs_device *dev)
{
	u64 oldest = nitro_ebs_queue_oldest(dev);
	unsigned long now = jiffies, longest = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct nitro_ebs_inflight *inflight =
			per_cpu_ptr(dev->inflight, cpu);
		struct nitro_ebs_io *io;

		spin_lock_irq(&inflight->lock);
		hlist_for_each_entry(io, &inflight->ios, node)
			if (time_before(io->sent, now))
				longest = max(longest, now - io->sent);
		spin_unlock_irq(&inflight->lock);
	}
	if (longest)
		oldest = min(oldest, ktime_get_ns() - jiffies_to_nsecs(longest));
	return oldest;
}

/**
 * nitro_ebs_io_init() - set up what all devices share
 *
 * Context: module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init nitro_ebs_io_init(void)
{
	unsigned int cpu;

	hop_wq = alloc_workqueue("nitro_ebs_hop", WQ_HIGHPRI | WQ_MEM_RECLAIM |
				 NITRO_WQ_PERCPU, 0);
	if (!hop_wq)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct hop *hop = per_cpu_ptr(&hops, cpu);

		init_llist_head(&hop->ended);
		init_llist_head(&hop->left);
		INIT_WORK(&hop->bottom_half, hop_bottom_half);
		INIT_WORK(&hop->task, hop_task);
	}
	return 0;
}

/**
 * nitro_ebs_io_exit() - undo nitro_ebs_io_init()
 *
 * Context: module unload, after the last device; may sleep.
 */
void nitro_ebs_io_exit(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		flush_work(&per_cpu_ptr(&hops, cpu)->bottom_half);
	destroy_workqueue(hop_wq);
}
