/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_DEVICE_H
#define _NITRO_EBS_DEVICE_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/workqueue.h>
#include <uapi/linux/nitro_ebs.h>

#include "fault.h"
#include "qos.h"
#include "stats.h"

struct netlink_ext_ack;
struct nitro_ebs_crypt;

/* One I/O to the backing device has so many bytes at most, and a device keeps
 * so many bytes of pages in reserve.
 */
#define NITRO_EBS_IO_MAX	(1U << 20)

/**
 * struct nitro_ebs_config - what an attach asks for
 * @sector_size: unit of encryption and logical block size
 * @start: first byte in the backing device
 * @size: bytes
 * @iv_offset: added to sector numbers, in 512-byte units
 * @iv_large_sectors: IVs count sectors, not 512-byte units
 * @instance_store: the key is the device's own
 * @read_only: no writes
 * @discard: discards are handed down
 * @limits: of operations and bytes per second
 * @serial: see the specification
 * @volume: see the specification
 *
 * All but @size and @limits are immutable once the device exists.
 */
struct nitro_ebs_config {
	u32 sector_size;
	u64 start;
	u64 size;
	u64 iv_offset;
	bool iv_large_sectors;
	bool instance_store;
	bool read_only;
	bool discard;
	struct nitro_ebs_limits limits;
	char serial[NITRO_EBS_SERIAL_MAX + 1];
	char volume[NITRO_EBS_VOLUME_MAX + 1];
};

/**
 * struct nitro_ebs_inflight - I/O of one CPU that the backing device has
 * @lock: protects @ios and the parents of the I/O in it; taken with interrupts
 *	off, nests inside nothing but the device's mutex
 * @ios: those
 */
struct nitro_ebs_inflight {
	spinlock_t lock;
	struct hlist_head ios;
};

/**
 * struct nitro_ebs_event_state - what the next events will say
 * @lock: protects the other members; innermost, interrupts off
 * @errors: errors that no event has told of
 * @error: the last of them
 * @sector: where that was
 * @write: what that was
 * @throttled: I/O waited for a limit since the last event
 * @next: not before this time, in jiffies
 */
struct nitro_ebs_event_state {
	spinlock_t lock;
	u64 errors;
	blk_status_t error;
	sector_t sector;
	bool write;
	bool throttled;
	unsigned long next;
};

/**
 * struct nitro_ebs_device - an encrypted block device
 * @id: the N of /dev/nitro_ebs<N>
 * @config: what it is; @size changes under @lock, @limits under @queue_lock, too
 * @refs: the holders of pointers: the table of devices, I/O, whoever looked it
 *	up. Its part of the backing device is kept until the last one has gone:
 *	nobody else gets it while a write may still land there.
 * @lock: serialises attach, set, erase and detach, and protects @config's
 *	mutable parts, @live and @detached; outermost
 * @state: enum nitro_ebs_device_state. Changes under @state_lock, from live to
 *	anything else and to detached; everybody reads it. Not live means that
 *	I/O fails.
 * @state_lock: protects changes of @state
 * @live: the disk was added and not removed
 * @detached: it was taken out of the table
 * @closing: no more opening; under the disk's open_mutex
 * @disk: the disk, part of the device's life
 * @backing: the backing device's file, open exclusively
 * @bdev: the backing device
 * @first: first 512-byte sector in the backing device
 * @crypt: the key; read under RCU, NULL when it is gone
 * @simd: the key uses the FPU
 * @io_max: an I/O to the backing device has so many bytes at most
 * @nowait: the backing device knows REQ_NOWAIT
 * @bios: pool of struct nitro_ebs_io
 * @pages: reserve of pages; only the queue's worker takes from it
 * @inflight: per CPU
 * @queue: I/O that has to wait. Protected by @queue_lock, as @starved and
 *	@retries.
 * @starved: bios for which there was no struct nitro_ebs_io
 * @retries: I/O that the backing device can only take from someone who sleeps
 * @queue_lock: innermost but for @events.lock; interrupts off
 * @queued: entries of @queue and @starved; read without a lock by the fast path
 * @starving: the head of the queue lacks memory; whoever frees some looks at it
 * @queue_work: works them off
 * @queue_timer: wakes @queue_work when a limit allows
 * @qos: the limits; under @queue_lock
 * @stats: per CPU
 * @events: see there
 * @event_work: sends events
 * @watch_work: looks for stalls
 * @stalled: it found one
 * @fault: injected faults
 * @cookie: names it for whoever waits for its end
 * @ranges: among all devices that have a part of a backing device
 * @release_work: frees the device after the last reference
 */
struct nitro_ebs_device {
	u32 id;
	struct nitro_ebs_config config;
	struct percpu_ref refs;
	struct mutex lock;	/* see above */
	int state;
	spinlock_t state_lock;	/* see above */
	bool live;
	bool detached;
	bool closing;
	struct gendisk *disk;
	struct file *backing;
	struct block_device *bdev;
	sector_t first;
	struct nitro_ebs_crypt __rcu *crypt;
	bool simd;
	unsigned int io_max;
	bool nowait;
	struct bio_set bios;
	mempool_t pages;
	struct nitro_ebs_inflight __percpu *inflight;
	struct list_head queue;
	struct bio_list starved;
	struct bio_list retries;
	spinlock_t queue_lock;	/* see above */
	unsigned int queued;
	bool starving;
	struct work_struct queue_work;
	struct hrtimer queue_timer;
	struct nitro_ebs_qos qos;
	struct nitro_ebs_stats __percpu *stats;
	struct nitro_ebs_event_state events;
	struct delayed_work event_work;
	struct delayed_work watch_work;
	bool stalled;
	struct nitro_ebs_fault fault;
	u64 cookie;
	struct list_head ranges;
	struct work_struct release_work;
};

/**
 * struct nitro_ebs_attach - an attach and its answer
 * @config: what is asked for
 * @any_id: take the lowest free one
 * @id: or this one
 * @backing: number of the backing device
 * @key: serial number of a key, 0 for an instance store
 */
struct nitro_ebs_attach {
	struct nitro_ebs_config config;
	bool any_id;
	u32 id;
	dev_t backing;
	u32 key;
};

static inline bool nitro_ebs_device_fails(const struct nitro_ebs_device *dev)
{
	return READ_ONCE(dev->state) != NITRO_EBS_DEVICE_STATE_LIVE;
}

static inline void nitro_ebs_device_put(struct nitro_ebs_device *dev)
{
	percpu_ref_put(&dev->refs);
}

struct nitro_ebs_device *nitro_ebs_device_get(u32 id);
struct nitro_ebs_device *nitro_ebs_device_next(unsigned long *id);
bool nitro_ebs_device_end(struct nitro_ebs_device *dev,
			  enum nitro_ebs_device_state state);
struct nitro_ebs_device *
nitro_ebs_device_attach(const struct nitro_ebs_attach *attach,
			struct netlink_ext_ack *extack);
int nitro_ebs_device_detach(struct nitro_ebs_device *dev, bool force,
			    struct netlink_ext_ack *extack);
int nitro_ebs_device_set(struct nitro_ebs_device *dev, const u64 *size,
			 const struct nitro_ebs_limits *limits,
			 struct netlink_ext_ack *extack);
int nitro_ebs_device_erase(struct nitro_ebs_device *dev,
			   struct netlink_ext_ack *extack);
int nitro_ebs_device_init(void);
void nitro_ebs_device_exit(void);

#endif
