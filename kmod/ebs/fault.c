// SPDX-License-Identifier: GPL-2.0
/* Fault injection, as AWS FIS has for EBS: paused I/O, latency, errors. In
 * /sys/kernel/debug/nitro_ebs/<device>, if the module parameter allows it.
 */

#include "fault.h"

#include <linux/debugfs.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/time64.h>

#include "device.h"
#include "queue.h"

#define MILLION	1000000U

static bool fault_injection;
module_param(fault_injection, bool, 0644);
MODULE_PARM_DESC(fault_injection,
		 "devices attached from now on have files in debugfs that make their I/O slow or fail");

static struct dentry *root;

/**
 * nitro_ebs_fault_error() - is this I/O to fail?
 * @fault: of the device
 *
 * Context: any.
 * Return: true for as many as configured.
 */
bool nitro_ebs_fault_error(const struct nitro_ebs_fault *fault)
{
	return get_random_u32_below(MILLION) < READ_ONCE(fault->error_ppm);
}

/**
 * nitro_ebs_fault_delay() - how long is this I/O to be delayed?
 * @fault: of the device
 *
 * Context: any.
 * Return: ns, often 0.
 */
u64 nitro_ebs_fault_delay(const struct nitro_ebs_fault *fault)
{
	if (get_random_u32_below(100) >= READ_ONCE(fault->latency_percent))
		return 0;
	return READ_ONCE(fault->latency) * (u64)NSEC_PER_USEC;
}

static void update(struct nitro_ebs_fault *fault)
{
	WRITE_ONCE(fault->active, fault->error_ppm ||
		   (fault->latency && fault->latency_percent));
}

#define FAULT_FILE(field, max)						\
static int field##_get(void *data, u64 *value)				\
{									\
	struct nitro_ebs_device *dev = data;				\
									\
	*value = READ_ONCE(dev->fault.field);				\
	return 0;							\
}									\
static int field##_set(void *data, u64 value)				\
{									\
	struct nitro_ebs_device *dev = data;				\
									\
	if (value > (max))						\
		return -EINVAL;						\
	WRITE_ONCE(dev->fault.field, value);				\
	update(&dev->fault);						\
	nitro_ebs_queue_kick(dev);					\
	return 0;							\
}									\
DEFINE_DEBUGFS_ATTRIBUTE(field##_fops, field##_get, field##_set, "%llu\n")

FAULT_FILE(pause, 1);
FAULT_FILE(latency, 600 * USEC_PER_SEC);
FAULT_FILE(latency_percent, 100);
FAULT_FILE(error_ppm, MILLION);

/**
 * nitro_ebs_fault_add() - make a device's files
 * @dev: a new device
 *
 * Context: may sleep.
 */
void nitro_ebs_fault_add(struct nitro_ebs_device *dev)
{
	struct dentry *dir;

	dev->fault.latency_percent = 100;
	if (!fault_injection)
		return;
	dir = debugfs_create_dir(dev->disk->disk_name, root);
	dev->fault.dir = dir;
	debugfs_create_file_unsafe("pause", 0600, dir, dev, &pause_fops);
	debugfs_create_file_unsafe("latency_us", 0600, dir, dev, &latency_fops);
	debugfs_create_file_unsafe("latency_percent", 0600, dir, dev,
				   &latency_percent_fops);
	debugfs_create_file_unsafe("error_ppm", 0600, dir, dev, &error_ppm_fops);
}

/**
 * nitro_ebs_fault_remove() - remove a device's files
 * @dev: the device
 *
 * Context: may sleep; nobody uses the files afterwards.
 */
void nitro_ebs_fault_remove(struct nitro_ebs_device *dev)
{
	debugfs_remove_recursive(dev->fault.dir);
	dev->fault.dir = NULL;
}

/**
 * nitro_ebs_fault_init() - make the directory
 *
 * Context: module load; may sleep.
 */
void __init nitro_ebs_fault_init(void)
{
	root = debugfs_create_dir("nitro_ebs", NULL);
}

/**
 * nitro_ebs_fault_exit() - remove the directory
 *
 * Context: module unload; may sleep.
 */
void nitro_ebs_fault_exit(void)
{
	debugfs_remove_recursive(root);
}
