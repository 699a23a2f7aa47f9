// SPDX-License-Identifier: GPL-2.0
/* The backing device: claimed for the card, shared by devices that have different
 * parts of it.
 */

#include "backing.h"

#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/wait.h>

#include "device.h"
#include "disk.h"
#include "event.h"

/* Protects ranges, and the sizes of the devices in it; nests in a device's lock */
static DEFINE_SPINLOCK(ranges_lock);

/* Devices with a part of a backing device, those included that were detached but
 * whose I/O has not ended
 */
static LIST_HEAD(ranges);

static atomic64_t cookies;

/* Somebody left that list */
static DECLARE_WAIT_QUEUE_HEAD(released);

/* The next device on a backing device, with a reference */
static struct nitro_ebs_device *next_on(struct block_device *bdev,
					unsigned long *id)
{
	struct nitro_ebs_device *dev;

	while ((dev = nitro_ebs_device_next(id))) {
		++*id;
		if (dev->bdev == bdev)
			return dev;
		nitro_ebs_device_put(dev);
	}
	return NULL;
}

/* The block layer calls these with the lock held, and wants it back free */

static void mark_dead(struct block_device *bdev, bool surprise)
{
	struct nitro_ebs_device *dev;
	unsigned long id = 0;

	mutex_unlock(&bdev->bd_holder_lock);
	while ((dev = next_on(bdev, &id))) {
		if (nitro_ebs_device_end(dev, NITRO_EBS_DEVICE_STATE_DEAD)) {
			pr_warn("nitro_ebs%u: the backing device has gone\n",
				dev->id);
			nitro_ebs_event(dev, NITRO_EBS_EVENT_KIND_DEAD);
		}
		nitro_ebs_device_put(dev);
	}
}

static void sync_all(struct block_device *bdev)
{
	struct nitro_ebs_device *dev;
	unsigned long id = 0;

	mutex_unlock(&bdev->bd_holder_lock);
	while ((dev = next_on(bdev, &id))) {
		if (READ_ONCE(dev->live))
			sync_blockdev(dev->disk->part0);
		nitro_ebs_device_put(dev);
	}
}

static int freeze_all(struct block_device *bdev)
{
	struct nitro_ebs_device *dev;
	unsigned long id = 0;
	int err = 0, one;

	mutex_unlock(&bdev->bd_holder_lock);
	while ((dev = next_on(bdev, &id))) {
		one = READ_ONCE(dev->live) ? bdev_freeze(dev->disk->part0) : 0;
		err = err ?: one;
		nitro_ebs_device_put(dev);
	}
	return err;
}

static int thaw_all(struct block_device *bdev)
{
	struct nitro_ebs_device *dev;
	unsigned long id = 0;
	int err = 0, one;

	mutex_unlock(&bdev->bd_holder_lock);
	while ((dev = next_on(bdev, &id))) {
		one = READ_ONCE(dev->live) ? bdev_thaw(dev->disk->part0) : 0;
		err = err ?: one;
		nitro_ebs_device_put(dev);
	}
	return err;
}

/* Also the holder: one for all devices, who share backing devices */
static const struct blk_holder_ops holder_ops = {
	.mark_dead	= mark_dead,
	.sync		= sync_all,
	.freeze		= freeze_all,
	.thaw		= thaw_all,
};

static void *holder(void)
{
	return (void *)&holder_ops;
}

/* Does the device fit, and is what it wants of the backing device free? */
static int check_range(struct nitro_ebs_device *dev, u64 size,
		       struct netlink_ext_ack *extack)
{
	u64 start = dev->config.start, bytes = bdev_nr_bytes(dev->bdev), end;
	struct nitro_ebs_device *other;

	lockdep_assert_held(&ranges_lock);
	if (check_add_overflow(start, size, &end) || end > bytes) {
		NL_SET_ERR_MSG_FMT(extack,
				   "the backing device has only %llu bytes",
				   bytes);
		return -ENOSPC;
	}
	list_for_each_entry(other, &ranges, ranges) {
		if (other == dev || other->bdev != dev->bdev ||
		    other->config.start >= end ||
		    other->config.start + other->config.size <= start)
			continue;
		if (READ_ONCE(other->detached))
			NL_SET_ERR_MSG_FMT(extack,
					   "nitro_ebs%u was detached, but the backing device has not ended its I/O",
					   other->id);
		else
			NL_SET_ERR_MSG_FMT(extack,
					   "nitro_ebs%u has a part of these bytes",
					   other->id);
		return -EBUSY;
	}
	return 0;
}

static int open_file(struct nitro_ebs_device *dev, dev_t number,
		     struct netlink_ext_ack *extack)
{
	blk_mode_t mode = BLK_OPEN_READ;
	struct file *file;
	int err;

	if (!dev->config.read_only)
		mode |= BLK_OPEN_WRITE;
	file = bdev_file_open_by_dev(number, mode, holder(), &holder_ops);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		if (err == -EBUSY)
			NL_SET_ERR_MSG(extack, "the backing device is in use");
		else if (err == -EROFS || err == -EACCES)
			NL_SET_ERR_MSG(extack, "the backing device is read-only");
		else
			NL_SET_ERR_MSG_FMT(extack,
					   "the backing device cannot be opened: error %d",
					   -err);
		return err;
	}
	if (!dev->config.read_only && bdev_read_only(file_bdev(file))) {
		NL_SET_ERR_MSG(extack, "the backing device is read-only");
		bdev_fput(file);
		return -EROFS;
	}
	if (bdev_is_zoned(file_bdev(file))) {
		NL_SET_ERR_MSG(extack, "the backing device is a zoned one");
		bdev_fput(file);
		return -EINVAL;
	}
	dev->backing = file;
	dev->bdev = file_bdev(file);
	return 0;
}

/**
 * nitro_ebs_backing_open() - claim a part of a backing device
 * @dev: the device. A size of 0 becomes all there is.
 * @number: of the backing device
 * @extack: error message
 *
 * Context: may sleep.
 * Return: 0 or a negative errno. nitro_ebs_backing_close() undoes it.
 */
int nitro_ebs_backing_open(struct nitro_ebs_device *dev, dev_t number,
			   struct netlink_ext_ack *extack)
{
	struct nitro_ebs_config *config = &dev->config;
	u64 bytes;
	int err;

	err = open_file(dev, number, extack);
	if (err)
		return err;
	dev->first = config->start >> SECTOR_SHIFT;
	dev->cookie = atomic64_inc_return(&cookies);

	spin_lock(&ranges_lock);
	bytes = bdev_nr_bytes(dev->bdev);
	if (!config->size && config->start < bytes)
		config->size = round_down(bytes - config->start,
					  config->sector_size);
	if (config->size) {
		err = check_range(dev, config->size, extack);
	} else {
		NL_SET_ERR_MSG_FMT(extack,
				   "the backing device has only %llu bytes",
				   bytes);
		err = -ENOSPC;
	}
	if (!err)
		list_add_tail(&dev->ranges, &ranges);
	spin_unlock(&ranges_lock);
	return err;
}

/**
 * nitro_ebs_backing_resize() - claim more of the backing device
 * @dev: the device
 * @size: its new size
 * @extack: error message
 *
 * Context: may sleep; under the device's lock.
 * Return: 0 or a negative errno, and then nothing was changed.
 */
int nitro_ebs_backing_resize(struct nitro_ebs_device *dev, u64 size,
			     struct netlink_ext_ack *extack)
{
	int err;

	spin_lock(&ranges_lock);
	err = check_range(dev, size, extack);
	if (!err)
		WRITE_ONCE(dev->config.size, size);
	spin_unlock(&ranges_lock);
	return err;
}

/**
 * nitro_ebs_backing_close() - give a part of a backing device back
 * @dev: a device without I/O
 *
 * Context: may sleep.
 */
void nitro_ebs_backing_close(struct nitro_ebs_device *dev)
{
	if (dev->backing)
		bdev_fput(dev->backing);
	spin_lock(&ranges_lock);
	list_del(&dev->ranges);
	/* Who waits for this may unload the module next; its exit waits for
	 * the work that this is a part of.
	 */
	module_put(THIS_MODULE);
	spin_unlock(&ranges_lock);
	wake_up_all(&released);
}

static bool closed(u64 cookie)
{
	struct nitro_ebs_device *dev;
	bool found = false;

	spin_lock(&ranges_lock);
	list_for_each_entry(dev, &ranges, ranges)
		found |= dev->cookie == cookie;
	spin_unlock(&ranges_lock);
	return !found;
}

/**
 * nitro_ebs_backing_wait() - wait for the end of a device
 * @cookie: of a device that was detached
 * @timeout: in jiffies
 *
 * Context: may sleep.
 */
void nitro_ebs_backing_wait(u64 cookie, unsigned long timeout)
{
	wait_event_timeout(released, closed(cookie), timeout);
}
