/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_IO_H
#define _NITRO_EBS_IO_H

#include <linux/bio.h>
#include <linux/hrtimer.h>
#include <linux/llist.h>
#include <linux/workqueue.h>

#include "stats.h"

struct nitro_ebs_device;

/**
 * struct nitro_ebs_io - one I/O to the backing device
 * @dev: the device, with a reference
 * @parent: the bio that waits for it, or NULL when it waits no longer. While
 *	the I/O is among those in flight or in the queue, under the lock of that;
 *	at other times whoever works on the I/O owns it.
 * @parent_iter: the part of @parent that this I/O is
 * @list: in the queue
 * @node: among the I/O in flight
 * @kind: read, write...
 * @operations: that the limits count for it
 * @last: the last piece of @parent, which is counted when this ends
 * @cpu: in whose list of I/O in flight it is
 * @nowait: @bio was sent with REQ_NOWAIT although @parent was not
 * @paid: the limits have let it pass
 * @accounted: for /proc/diskstats
 * @status: of the ciphering, while several CPUs do it
 * @begun: when @parent came, in ns
 * @sent: when the backing device got it, in jiffies
 * @jiffies: when it came, for /proc/diskstats
 * @llist: among those whose data has to be decrypted elsewhere
 * @work: sends it, when a fault has delayed it
 * @timer: of such a delay
 * @bio: what the backing device gets: pages of ours, never the caller's. So
 *	@parent can end with an error at any time; what comes late touches only
 *	this.
 */
struct nitro_ebs_io {
	struct nitro_ebs_device *dev;
	struct bio *parent;
	struct bvec_iter parent_iter;
	union {
		struct list_head list;
		struct hlist_node node;
	};
	u8 kind;
	u8 operations;
	bool last;
	bool nowait;
	bool paid;
	bool accounted;
	u16 cpu;
	blk_status_t status;
	u64 begun;
	unsigned long sent;
	unsigned long jiffies;
	union {
		struct llist_node llist;
		struct work_struct work;
	};
	struct hrtimer timer;
	struct bio bio;		/* the last, its bvecs follow */
};

#define NITRO_EBS_IO_FRONT_PAD	offsetof(struct nitro_ebs_io, bio)

/* The pages of an I/O are so many at least */
static inline bool nitro_ebs_io_has_data(const struct nitro_ebs_io *io)
{
	return io->kind <= NITRO_EBS_STATS_WRITE;
}

void nitro_ebs_io_submit(struct bio *bio);
bool nitro_ebs_io_start(struct nitro_ebs_device *dev, struct bio *bio);
bool nitro_ebs_io_issue(struct nitro_ebs_io *io, bool reserve);
void nitro_ebs_io_ciphered(struct nitro_ebs_io *io);
void nitro_ebs_io_resend(struct nitro_ebs_io *io);
void nitro_ebs_io_finish(struct nitro_ebs_io *io, blk_status_t status);
void nitro_ebs_io_fail_all(struct nitro_ebs_device *dev);
u64 nitro_ebs_io_oldest(struct nitro_ebs_device *dev);
int nitro_ebs_io_init(void);
void nitro_ebs_io_exit(void);

#endif
