// SPDX-License-Identifier: GPL-2.0
/* Devices: from attach to detach. */

#include "device.h"

#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "backing.h"
#include "crypt.h"
#include "disk.h"
#include "event.h"
#include "io.h"
#include "key.h"
#include "queue.h"
#include "state.h"

/* A detach waits so long for the last I/O and reference */
#define RELEASE_TIMEOUT	(HZ / 2)

/* All devices that may be found, by id. Pointers in it are good under its lock. */
static DEFINE_XARRAY_ALLOC(devices);

static struct workqueue_struct *release_wq;

/**
 * nitro_ebs_device_get() - find a device
 * @id: its number
 *
 * Context: any.
 * Return: the device with a reference, or NULL.
 */
struct nitro_ebs_device *nitro_ebs_device_get(u32 id)
{
	struct nitro_ebs_device *dev;

	xa_lock(&devices);
	dev = xa_load(&devices, id);
	if (dev && !percpu_ref_tryget_live(&dev->refs))
		dev = NULL;
	xa_unlock(&devices);
	return dev;
}

/**
 * nitro_ebs_device_next() - go through all devices
 * @id: begin here; that of the found one when it returns
 *
 * Context: any.
 * Return: the device with a reference, or NULL after the last one.
 */
struct nitro_ebs_device *nitro_ebs_device_next(unsigned long *id)
{
	struct nitro_ebs_device *dev;

	xa_lock(&devices);
	dev = xa_find(&devices, id, ULONG_MAX, XA_PRESENT);
	while (dev && !percpu_ref_tryget_live(&dev->refs))
		dev = xa_find_after(&devices, id, ULONG_MAX, XA_PRESENT);
	xa_unlock(&devices);
	return dev;
}

/**
 * nitro_ebs_device_end() - let all I/O fail from now on
 * @dev: the device
 * @state: erased, dead or detached
 *
 * What is under way has failed when this returns, or is about to: what was in the
 * middle of being encrypted or decrypted ends by itself.
 *
 * Context: process context; does not wait for the backing device, nor for a lock
 * that may be held meanwhile.
 * Return: false if the device was in such a state already.
 */
bool nitro_ebs_device_end(struct nitro_ebs_device *dev,
			  enum nitro_ebs_device_state state)
{
	bool changed;

	spin_lock(&dev->state_lock);
	changed = nitro_ebs_state_may_follow(dev->state, state);
	if (changed)
		WRITE_ONCE(dev->state, state);
	spin_unlock(&dev->state_lock);
	nitro_ebs_io_fail_all(dev);
	return changed;
}

/* Forget the key. Nothing uses it any more when this returns. */
static void drop_key(struct nitro_ebs_device *dev)
{
	struct nitro_ebs_crypt *crypt;

	crypt = rcu_replace_pointer(dev->crypt, NULL,
				    lockdep_is_held(&dev->lock));
	if (!crypt)
		return;
	synchronize_rcu_expedited();
	nitro_ebs_crypt_free(crypt);
}

/* The last reference has gone: no I/O, nobody who looked the device up. */
static void release_work(struct work_struct *work)
{
	struct nitro_ebs_device *dev =
		container_of(work, struct nitro_ebs_device, release_work);

	nitro_ebs_queue_stop(dev);
	nitro_ebs_event_stop(dev);
	if (dev->disk)
		put_disk(dev->disk);
	percpu_ref_exit(&dev->refs);
	bioset_exit(&dev->bios);
	mempool_exit(&dev->pages);
	free_percpu(dev->inflight);
	free_percpu(dev->stats);
	nitro_ebs_backing_close(dev);
	kfree(dev);
}

static void release(struct percpu_ref *ref)
{
	struct nitro_ebs_device *dev =
		container_of(ref, struct nitro_ebs_device, refs);

	queue_work(release_wq, &dev->release_work);
}

static struct nitro_ebs_device *new_device(const struct nitro_ebs_config *config)
{
	struct nitro_ebs_device *dev;
	unsigned int cpu;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return NULL;
	dev->config = *config;
	mutex_init(&dev->lock);
	spin_lock_init(&dev->state_lock);
	INIT_LIST_HEAD(&dev->ranges);
	INIT_WORK(&dev->release_work, release_work);
	nitro_ebs_queue_setup(dev);
	nitro_ebs_event_setup(dev);

	dev->stats = alloc_percpu(struct nitro_ebs_stats);
	dev->inflight = alloc_percpu(struct nitro_ebs_inflight);
	if (!dev->stats || !dev->inflight)
		goto err_percpu;
	for_each_possible_cpu(cpu) {
		struct nitro_ebs_inflight *inflight =
			per_cpu_ptr(dev->inflight, cpu);

		spin_lock_init(&inflight->lock);
		INIT_HLIST_HEAD(&inflight->ios);
	}
	if (mempool_init_page_pool(&dev->pages, NITRO_EBS_IO_MAX >> PAGE_SHIFT,
				   0))
		goto err_percpu;
	if (bioset_init(&dev->bios, BIO_POOL_SIZE, NITRO_EBS_IO_FRONT_PAD,
			BIOSET_NEED_BVECS | BIOSET_PERCPU_CACHE))
		goto err_pages;
	if (percpu_ref_init(&dev->refs, release, 0, GFP_KERNEL))
		goto err_bios;
	__module_get(THIS_MODULE);
	return dev;

err_bios:
	bioset_exit(&dev->bios);
err_pages:
	mempool_exit(&dev->pages);
err_percpu:
	free_percpu(dev->inflight);
	free_percpu(dev->stats);
	kfree(dev);
	return NULL;
}

static int set_key(struct nitro_ebs_device *dev, u32 serial,
		   struct netlink_ext_ack *extack)
{
	const struct nitro_ebs_config *config = &dev->config;
	struct nitro_ebs_crypt *crypt;
	struct nitro_ebs_key key = {};
	int err = 0;

	if (config->instance_store)
		nitro_ebs_key_make(&key);
	else
		err = nitro_ebs_key_copy(&key, serial, extack);
	if (err)
		return err;
	crypt = nitro_ebs_crypt_new(key.bytes, key.len, config->sector_size,
				    config->iv_offset, config->iv_large_sectors);
	nitro_ebs_key_wipe(&key);
	if (IS_ERR(crypt)) {
		NL_SET_ERR_MSG(extack, "the kernel has no AES-XTS cipher");
		return PTR_ERR(crypt);
	}
	dev->simd = crypt->simd;
	rcu_assign_pointer(dev->crypt, crypt);
	return 0;
}

/* Find a number for it. From now on it can be found, and detached by force. */
static int enter(struct nitro_ebs_device *dev,
		 const struct nitro_ebs_attach *attach,
		 struct netlink_ext_ack *extack)
{
	int err;

	if (attach->any_id)
		return xa_alloc(&devices, &dev->id, dev,
				XA_LIMIT(0, U16_MAX), GFP_KERNEL);
	dev->id = attach->id;
	err = xa_insert(&devices, dev->id, dev, GFP_KERNEL);
	if (err == -EBUSY) {
		NL_SET_ERR_MSG_FMT(extack, "there is a device nitro_ebs%u already",
				   dev->id);
		err = -EEXIST;
	}
	return err;
}

/* Take it out again, and let go of it. Caller has no reference but the table's. */
static void leave(struct nitro_ebs_device *dev)
{
	lockdep_assert_held(&dev->lock);
	WRITE_ONCE(dev->detached, true);
	nitro_ebs_device_end(dev, NITRO_EBS_DEVICE_STATE_DETACHED);
	drop_key(dev);
	nitro_ebs_event_stop(dev);
	xa_lock(&devices);
	if (xa_load(&devices, dev->id) == dev)
		__xa_erase(&devices, dev->id);
	percpu_ref_kill(&dev->refs);
	xa_unlock(&devices);
}

static int bring_up(struct nitro_ebs_device *dev,
		    const struct nitro_ebs_attach *attach,
		    struct netlink_ext_ack *extack)
{
	int err;

	err = nitro_ebs_backing_open(dev, attach->backing, extack);
	if (err)
		return err;
	err = set_key(dev, attach->key, extack);
	if (err)
		return err;
	err = enter(dev, attach, extack);
	if (err)
		return err;
	err = nitro_ebs_disk_alloc(dev, extack);
	if (err)
		return err;
	if (dev->config.instance_store) {
		err = nitro_ebs_disk_zero_ends(dev);
		if (err) {
			NL_SET_ERR_MSG(extack,
				       "the backing device did not take the first zeros");
			return err;
		}
	}
	nitro_ebs_qos_set(&dev->qos, &dev->config.limits, ktime_get_ns());
	nitro_ebs_fault_add(dev);
	err = nitro_ebs_disk_add(dev);
	if (err) {
		nitro_ebs_fault_remove(dev);
		return err;
	}
	WRITE_ONCE(dev->live, true);
	nitro_ebs_event_start(dev);
	return 0;
}

/**
 * nitro_ebs_device_attach() - make a device
 * @attach: what is asked for
 * @extack: error message
 *
 * Context: may sleep; in the asking process, whose keys are looked at.
 * Return: the device with a reference, or an ERR_PTR.
 */
struct nitro_ebs_device *
nitro_ebs_device_attach(const struct nitro_ebs_attach *attach,
			struct netlink_ext_ack *extack)
{
	struct nitro_ebs_device *dev;
	u64 cookie;
	int err;

	dev = new_device(&attach->config);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&dev->lock);
	err = bring_up(dev, attach, extack);
	if (err) {
		cookie = dev->cookie;
		percpu_ref_get(&dev->refs);
		leave(dev);
		mutex_unlock(&dev->lock);
		nitro_ebs_device_put(dev);
		nitro_ebs_backing_wait(cookie, RELEASE_TIMEOUT);
		return ERR_PTR(err);
	}
	percpu_ref_get(&dev->refs);
	mutex_unlock(&dev->lock);
	nitro_ebs_event(dev, NITRO_EBS_EVENT_KIND_ATTACH);
	return dev;
}

/**
 * nitro_ebs_device_detach() - remove a device
 * @dev: the device; the caller has a reference, which is gone afterwards
 * @force: although it is open, and whatever the backing device does
 * @extack: error message
 *
 * Context: may sleep. With @force it does not wait for the backing device, but for
 * a moment in which that is usually given back.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_device_detach(struct nitro_ebs_device *dev, bool force,
			    struct netlink_ext_ack *extack)
{
	u64 cookie = dev->cookie;
	int err = 0;

	/* Before the lock: its holder may be waiting for I/O */
	if (force)
		nitro_ebs_device_end(dev, NITRO_EBS_DEVICE_STATE_DETACHED);

	mutex_lock(&dev->lock);
	if (dev->detached) {
		err = force ? 0 : -ENODEV;
		goto unlock;
	}
	if (!force && !nitro_ebs_disk_close(dev)) {
		NL_SET_ERR_MSG_FMT(extack, "nitro_ebs%u is open", dev->id);
		err = -EBUSY;
		goto unlock;
	}
	nitro_ebs_fault_remove(dev);
	nitro_ebs_queue_kick(dev);
	WRITE_ONCE(dev->live, false);
	nitro_ebs_disk_del(dev);
	leave(dev);
	mutex_unlock(&dev->lock);
	nitro_ebs_event(dev, NITRO_EBS_EVENT_KIND_DETACH);
	nitro_ebs_device_put(dev);
	nitro_ebs_backing_wait(cookie, RELEASE_TIMEOUT);
	return 0;

unlock:
	mutex_unlock(&dev->lock);
	nitro_ebs_device_put(dev);
	return err;
}

static int grow(struct nitro_ebs_device *dev, u64 size,
		struct netlink_ext_ack *extack)
{
	struct nitro_ebs_config *config = &dev->config;
	int err;

	if (size < config->size) {
		NL_SET_ERR_MSG_FMT(extack,
				   "nitro_ebs%u has %llu bytes, and devices never shrink",
				   dev->id, config->size);
		return -EINVAL;
	}
	if (size & (config->sector_size - 1)) {
		NL_SET_ERR_MSG(extack, "'size' is no multiple of the sector size");
		return -EINVAL;
	}
	err = nitro_ebs_backing_resize(dev, size, extack);
	if (err)
		return err;
	set_capacity_and_notify(dev->disk, size >> SECTOR_SHIFT);
	return 0;
}

/**
 * nitro_ebs_device_set() - grow a device, change its limits
 * @dev: the device
 * @size: new size in bytes, or NULL
 * @limits: new limits, or NULL
 * @extack: error message
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_device_set(struct nitro_ebs_device *dev, const u64 *size,
			 const struct nitro_ebs_limits *limits,
			 struct netlink_ext_ack *extack)
{
	bool grown = false;
	int err = 0;

	mutex_lock(&dev->lock);
	if (!dev->live || nitro_ebs_device_fails(dev)) {
		NL_SET_ERR_MSG_FMT(extack, "nitro_ebs%u is not live", dev->id);
		err = -EIO;
	} else if (size && *size != dev->config.size) {
		err = grow(dev, *size, extack);
		grown = !err;
	}
	if (!err && limits) {
		spin_lock_irq(&dev->queue_lock);
		dev->config.limits = *limits;
		nitro_ebs_qos_set(&dev->qos, limits, ktime_get_ns());
		spin_unlock_irq(&dev->queue_lock);
		nitro_ebs_queue_kick(dev);
	}
	mutex_unlock(&dev->lock);
	if (grown)
		nitro_ebs_event(dev, NITRO_EBS_EVENT_KIND_RESIZE);
	if (!err && limits)
		nitro_ebs_event(dev, NITRO_EBS_EVENT_KIND_LIMITS);
	return err;
}

/**
 * nitro_ebs_device_erase() - destroy the key of a device
 * @dev: the device
 * @extack: error message
 *
 * I/O under way fails: it takes as long for a device that is busy and large as
 * for one that is neither.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int nitro_ebs_device_erase(struct nitro_ebs_device *dev,
			   struct netlink_ext_ack *extack)
{
	bool erased;

	erased = nitro_ebs_device_end(dev, NITRO_EBS_DEVICE_STATE_ERASED);
	mutex_lock(&dev->lock);
	if (!erased && dev->state == NITRO_EBS_DEVICE_STATE_DETACHED) {
		mutex_unlock(&dev->lock);
		NL_SET_ERR_MSG_FMT(extack, "nitro_ebs%u was detached", dev->id);
		return -ENODEV;
	}
	drop_key(dev);
	mutex_unlock(&dev->lock);
	if (erased) {
		pr_notice("nitro_ebs%u: key destroyed, volume '%s', serial '%s'\n",
			  dev->id, dev->config.volume, dev->config.serial);
		nitro_ebs_event(dev, NITRO_EBS_EVENT_KIND_ERASE);
	}
	return 0;
}

/**
 * nitro_ebs_device_init() - set up what all devices share
 *
 * Context: module load; may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init nitro_ebs_device_init(void)
{
	release_wq = alloc_workqueue("nitro_ebs_release", WQ_UNBOUND, 0);
	if (!release_wq)
		return -ENOMEM;
	nitro_ebs_queue_wq = alloc_workqueue("nitro_ebs_queue", WQ_UNBOUND |
					     WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!nitro_ebs_queue_wq) {
		destroy_workqueue(release_wq);
		return -ENOMEM;
	}
	return 0;
}

/**
 * nitro_ebs_device_exit() - wait for the last device to be freed
 *
 * Context: module unload; may sleep.
 */
void nitro_ebs_device_exit(void)
{
	destroy_workqueue(release_wq);
	destroy_workqueue(nitro_ebs_queue_wq);
	xa_destroy(&devices);
}
