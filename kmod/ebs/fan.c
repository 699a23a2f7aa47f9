// SPDX-License-Identifier: GPL-2.0
/* The ciphering of an I/O, fanned out over CPUs if it is large.
 *
 * The ranges of a large I/O are taken one after the other by whoever comes: the
 * CPU that has the I/O, and helpers on others. Whoever ends the last range goes on
 * with the I/O. A helper that comes late finds nothing to do, so the I/O never
 * waits for a CPU that is busy.
 */

#include "fan.h"

#include <kunit/visibility.h>
#include <linux/cpumask.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "crypt.h"
#include "device.h"
#include "io.h"

#define HELPERS_MAX	7U

/**
 * struct helper - a CPU that helps
 * @work: queued once
 * @fan: where
 */
struct helper {
	struct work_struct work;
	struct fan *fan;
};

/**
 * struct fan - the ciphering of one large I/O
 * @io: the I/O; not to be touched by who has no range of it
 * @encrypt: or decrypt
 * @ranges: how many there are
 * @next: the next to be taken
 * @left: not ended yet
 * @refs: the CPU that has the I/O, and the helpers
 * @helpers: those
 */
struct fan {
	struct nitro_ebs_io *io;
	bool encrypt;
	unsigned int ranges;
	atomic_t next;
	atomic_t left;
	refcount_t refs;
	struct helper helpers[];
};

static struct workqueue_struct *fan_wq;

static blk_status_t cipher(struct nitro_ebs_io *io, bool encrypt,
			   unsigned int from, unsigned int len)
{
	struct bvec_iter outer = io->parent_iter, inner = {};
	const struct nitro_ebs_crypt *crypt;
	struct bio *parent = io->parent;
	int err = -EIO;

	inner.bi_size = outer.bi_size;
	if (from) {
		bvec_iter_advance(parent->bi_io_vec, &outer, from);
		bvec_iter_advance(io->bio.bi_io_vec, &inner, from);
	}
	rcu_read_lock();
	crypt = rcu_dereference(io->dev->crypt);
	if (likely(crypt)) {
		sector_t sector = io->parent_iter.bi_sector +
				  (from >> SECTOR_SHIFT);

		if (encrypt)
			err = nitro_ebs_crypt_bvecs(crypt, true, sector, len,
						    io->bio.bi_io_vec, &inner,
						    parent->bi_io_vec, &outer);
		else
			err = nitro_ebs_crypt_bvecs(crypt, false, sector, len,
						    parent->bi_io_vec, &outer,
						    io->bio.bi_io_vec, &inner);
	}
	rcu_read_unlock();
	return likely(!err) ? BLK_STS_OK : errno_to_blk_status(err);
}

static void put_fan(struct fan *fan)
{
	if (refcount_dec_and_test(&fan->refs))
		kfree(fan);
}

static void work_on(struct fan *fan)
{
	unsigned int range, from, len;
	struct nitro_ebs_io *io;
	blk_status_t status;

	while ((range = atomic_fetch_inc(&fan->next)) < fan->ranges) {
		io = fan->io;
		from = range * NITRO_EBS_FAN_RANGE;
		len = min(NITRO_EBS_FAN_RANGE, io->parent_iter.bi_size - from);
		status = cipher(io, fan->encrypt, from, len);
		if (status)
			WRITE_ONCE(io->status, status);
		if (atomic_dec_and_test(&fan->left)) {
			nitro_ebs_io_ciphered(io);
			break;
		}
	}
	put_fan(fan);
}

static void help(struct work_struct *work)
{
	work_on(container_of(work, struct helper, work)->fan);
}

/**
 * nitro_ebs_fan_helpers() - how many helpers an I/O is worth
 * @len: its bytes
 * @cpus: how many CPUs there are
 *
 * Context: any.
 * Return: their number, 0 for an I/O that is best done by one CPU.
 */
unsigned int nitro_ebs_fan_helpers(unsigned int len, unsigned int cpus)
{
	if (len < NITRO_EBS_FAN_MIN || cpus < 2)
		return 0;
	return min3(cpus - 1, DIV_ROUND_UP(len, NITRO_EBS_FAN_RANGE) - 1,
		    HELPERS_MAX);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_fan_helpers);

/* Returns NULL if the I/O is better done by one CPU. */
static struct fan *new_fan(struct nitro_ebs_io *io, bool encrypt)
{
	unsigned int len = io->parent_iter.bi_size, i;
	unsigned int n = nitro_ebs_fan_helpers(len, num_online_cpus());
	struct fan *fan;

	if (!n)
		return NULL;
	fan = kmalloc(struct_size(fan, helpers, n), GFP_NOWAIT | __GFP_NOWARN);
	if (!fan)
		return NULL;
	fan->io = io;
	fan->encrypt = encrypt;
	fan->ranges = DIV_ROUND_UP(len, NITRO_EBS_FAN_RANGE);
	atomic_set(&fan->next, 0);
	atomic_set(&fan->left, fan->ranges);
	refcount_set(&fan->refs, n + 1);
	for (i = 0; i < n; i++) {
		fan->helpers[i].fan = fan;
		INIT_WORK(&fan->helpers[i].work, help);
		queue_work(fan_wq, &fan->helpers[i].work);
	}
	return fan;
}

/**
 * nitro_ebs_fan_cipher() - encrypt or decrypt the data of an I/O and go on with it
 * @io: the I/O, owned by the caller, which has it no longer
 * @encrypt: or decrypt
 *
 * Context: where nitro_ebs_crypt_usable() is true; for writes in process context.
 */
void nitro_ebs_fan_cipher(struct nitro_ebs_io *io, bool encrypt)
{
	struct fan *fan = NULL;

	if (io->parent_iter.bi_size >= NITRO_EBS_FAN_MIN)
		fan = new_fan(io, encrypt);
	if (fan) {
		work_on(fan);
	} else {
		io->status = cipher(io, encrypt, 0, io->parent_iter.bi_size);
		nitro_ebs_io_ciphered(io);
	}
}

/**
 * nitro_ebs_fan_init() - set up the helpers
 *
 * Context: module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init nitro_ebs_fan_init(void)
{
	fan_wq = alloc_workqueue("nitro_ebs_fan",
				 WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	return fan_wq ? 0 : -ENOMEM;
}

/**
 * nitro_ebs_fan_exit() - wait for helpers that come late, and end
 *
 * Context: module unload, after the last device; may sleep.
 */
void nitro_ebs_fan_exit(void)
{
	destroy_workqueue(fan_wq);
}
