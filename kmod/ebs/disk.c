// SPDX-License-Identifier: GPL-2.0
/* The disk that users see. */

#include "disk.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/lockdep.h>
#include <linux/netlink.h>
#include <linux/sizes.h>
#include <linux/sysfs.h>

#include "device.h"
#include "io.h"

static struct lock_class_key freeze_key;

static int disk_open(struct gendisk *disk, blk_mode_t mode)
{
	struct nitro_ebs_device *dev = disk->private_data;

	lockdep_assert_held(&disk->open_mutex);
	if (dev->closing)
		return -ENXIO;
	if ((mode & BLK_OPEN_WRITE) && dev->config.read_only)
		return -EROFS;
	return 0;
}

static const struct block_device_operations fops = {
	.owner		= THIS_MODULE,
	.open		= disk_open,
	.submit_bio	= nitro_ebs_io_submit,
};

static struct nitro_ebs_device *device_of(struct device *device)
{
	return dev_to_disk(device)->private_data;
}

static ssize_t serial_show(struct device *device, struct device_attribute *attr,
			   char *page)
{
	return sysfs_emit(page, "%s\n", device_of(device)->config.serial);
}
static DEVICE_ATTR_RO(serial);

static ssize_t volume_show(struct device *device, struct device_attribute *attr,
			   char *page)
{
	return sysfs_emit(page, "%s\n", device_of(device)->config.volume);
}
static DEVICE_ATTR_RO(volume);

static struct attribute *disk_attrs[] = {
	&dev_attr_serial.attr,
	&dev_attr_volume.attr,
	NULL,
};

static const struct attribute_group disk_group = { .attrs = disk_attrs };

static const struct attribute_group *disk_groups[] = { &disk_group, NULL };

static void set_limits(struct nitro_ebs_device *dev, struct queue_limits *lim)
{
	unsigned int size = dev->config.sector_size;

	blk_set_stacking_limits(lim);
	lim->features |= BLK_FEAT_NOWAIT | BLK_FEAT_IO_STAT;
	lim->logical_block_size = size;
	lim->physical_block_size = size;
	lim->io_min = size;
	queue_limits_stack_bdev(lim, dev->bdev, dev->first, "nitro_ebs");

	/* A unit of encryption is in one piece in memory if callers care */
	lim->dma_alignment = max(lim->dma_alignment, size - 1);
	/* Zeros have to be encrypted: the block layer writes pages of them */
	lim->max_write_zeroes_sectors = 0;
	lim->max_secure_erase_sectors = 0;
	if (!dev->config.discard) {
		lim->max_hw_discard_sectors = 0;
		lim->max_user_discard_sectors = 0;
		lim->discard_granularity = 0;
	}
	/* Pages are ours: neither their number nor their place is the caller's
	 * business, nor are segments of the backing device
	 */
	lim->max_segments = BIO_MAX_VECS;
	lim->max_segment_size = UINT_MAX;
	lim->seg_boundary_mask = ULONG_MAX;
	lim->virt_boundary_mask = 0;
	lim->features &= ~(BLK_FEAT_POLL | BLK_FEAT_STABLE_WRITES);
}

/* What the backing device takes without splitting it, which it cannot with
 * REQ_NOWAIT.
 */
static unsigned int io_max(struct block_device *bdev)
{
	const struct queue_limits *lim = &bdev_get_queue(bdev)->limits;
	u64 max = NITRO_EBS_IO_MAX;

	max = min(max, (u64)lim->max_sectors << SECTOR_SHIFT);
	max = min(max, (u64)lim->max_segments << PAGE_SHIFT);
	if (lim->chunk_sectors)
		max = min(max, (u64)lim->chunk_sectors << SECTOR_SHIFT);
	max = round_down(max, max >= SZ_64K ? SZ_64K : PAGE_SIZE);
	return max ?: PAGE_SIZE;
}

/**
 * nitro_ebs_disk_alloc() - make the disk of a new device, not yet visible
 * @dev: the device, with its backing device
 * @extack: error message
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_disk_alloc(struct nitro_ebs_device *dev,
			 struct netlink_ext_ack *extack)
{
	struct queue_limits lim;
	struct gendisk *disk;

	set_limits(dev, &lim);
	if (lim.logical_block_size > dev->config.sector_size) {
		NL_SET_ERR_MSG_FMT(extack,
				   "the backing device has blocks of %u bytes, more than the sector size",
				   lim.logical_block_size);
		return -EINVAL;
	}
	disk = blk_alloc_disk(&lim, NUMA_NO_NODE);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	/* nitro_ebs_backing's freeze of the backing device freezes this one, too */
	lockdep_set_class(&disk->part0->bd_fsfreeze_mutex, &freeze_key);
	snprintf(disk->disk_name, sizeof(disk->disk_name), "nitro_ebs%u",
		 dev->id);
	disk->fops = &fops;
	disk->private_data = dev;
	set_capacity(disk, dev->config.size >> SECTOR_SHIFT);
	set_disk_ro(disk, dev->config.read_only);
	dev->disk = disk;
	dev->nowait = bdev_nowait(dev->bdev);
	dev->io_max = io_max(dev->bdev);
	return 0;
}

/**
 * nitro_ebs_disk_add() - make the disk visible and look for partitions
 * @dev: the device
 *
 * Context: may sleep, and reads the disk.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_disk_add(struct nitro_ebs_device *dev)
{
	int err;

	err = device_add_disk(NULL, dev->disk, disk_groups);
	if (err)
		return err;
	err = bd_link_disk_holder(dev->bdev, dev->disk);
	if (err) {
		del_gendisk(dev->disk);
		return err;
	}
	return 0;
}

/**
 * nitro_ebs_disk_del() - remove the disk
 * @dev: the device, not live or not open
 *
 * Context: may sleep.
 */
void nitro_ebs_disk_del(struct nitro_ebs_device *dev)
{
	bd_unlink_disk_holder(dev->bdev, dev->disk);
	/* Whoever has it open and dirty pages is not to write them back */
	if (nitro_ebs_device_fails(dev))
		blk_mark_disk_dead(dev->disk);
	del_gendisk(dev->disk);
}

/**
 * nitro_ebs_disk_close() - let nobody open the disk any more
 * @dev: the device
 *
 * Context: may sleep.
 * Return: false if it is open.
 */
bool nitro_ebs_disk_close(struct nitro_ebs_device *dev)
{
	struct gendisk *disk = dev->disk;

	mutex_lock(&disk->open_mutex);
	dev->closing = !disk_openers(disk);
	mutex_unlock(&disk->open_mutex);
	return dev->closing;
}

static void zero_end_io(struct bio *bio)
{
	complete(bio->bi_private);
}

/* Write zeros, through the cipher, to a disk that nobody has seen yet. */
static int write_zeros(struct nitro_ebs_device *dev, u64 from, unsigned int len)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct bio *bio;
	int err;

	bio = bio_alloc(dev->disk->part0, DIV_ROUND_UP(len, PAGE_SIZE),
			REQ_OP_WRITE | REQ_SYNC | REQ_FUA, GFP_KERNEL);
	bio->bi_iter.bi_sector = from >> SECTOR_SHIFT;
	while (len) {
		unsigned int part = min_t(unsigned int, len, PAGE_SIZE);

		__bio_add_page(bio, ZERO_PAGE(0), part, 0);
		len -= part;
	}
	bio->bi_private = &done;
	bio->bi_end_io = zero_end_io;
	nitro_ebs_io_submit(bio);
	wait_for_completion_io(&done);
	err = blk_status_to_errno(bio->bi_status);
	bio_put(bio);
	return err;
}

/**
 * nitro_ebs_disk_zero_ends() - let the first and the last MiB read as zeros
 * @dev: a device whose disk was not added yet
 *
 * There partition tables and superblocks are, and what is there under a new key
 * is noise in which tools find strange things.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_disk_zero_ends(struct nitro_ebs_device *dev)
{
	u64 size = dev->config.size;
	unsigned int len = min_t(u64, size, SZ_1M);
	int err;

	err = write_zeros(dev, 0, len);
	if (!err && size > len)
		err = write_zeros(dev, size - len, len);
	return err;
}
