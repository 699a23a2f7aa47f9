/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_FAULT_H
#define _NITRO_EBS_FAULT_H

#include <linux/compiler.h>
#include <linux/types.h>

struct dentry;
struct nitro_ebs_device;

/**
 * struct nitro_ebs_fault - faults to be injected
 * @active: there are any besides @pause
 * @pause: nothing is given to the backing device
 * @latency: us that I/O is delayed
 * @latency_percent: of the I/O
 * @error_ppm: so many I/Os in a million fail
 * @dir: where they are set
 *
 * Single words, read and written without a lock.
 */
struct nitro_ebs_fault {
	bool active;
	bool pause;
	u32 latency;
	u32 latency_percent;
	u32 error_ppm;
	struct dentry *dir;
};

static inline bool nitro_ebs_fault_active(const struct nitro_ebs_fault *fault)
{
	return unlikely(READ_ONCE(fault->active));
}

static inline bool nitro_ebs_fault_paused(const struct nitro_ebs_fault *fault)
{
	return unlikely(READ_ONCE(fault->pause));
}

bool nitro_ebs_fault_error(const struct nitro_ebs_fault *fault);
u64 nitro_ebs_fault_delay(const struct nitro_ebs_fault *fault);
void nitro_ebs_fault_add(struct nitro_ebs_device *dev);
void nitro_ebs_fault_remove(struct nitro_ebs_device *dev);
void nitro_ebs_fault_init(void);
void nitro_ebs_fault_exit(void);

#endif
