/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_STATE_H
#define _NITRO_EBS_STATE_H

#include <linux/types.h>
#include <uapi/linux/nitro_ebs.h>

/* May a device in state @from get into state @to?
 *
 *	live -> erased -> detached
 *	   \-> dead ->/
 *
 * A dead device may still be erased: its key is in memory. There is no way back.
 */
static inline bool
nitro_ebs_state_may_follow(enum nitro_ebs_device_state from,
			   enum nitro_ebs_device_state to)
{
	switch (to) {
	case NITRO_EBS_DEVICE_STATE_ERASED:
		return from == NITRO_EBS_DEVICE_STATE_LIVE ||
		       from == NITRO_EBS_DEVICE_STATE_DEAD;
	case NITRO_EBS_DEVICE_STATE_DEAD:
		return from == NITRO_EBS_DEVICE_STATE_LIVE;
	case NITRO_EBS_DEVICE_STATE_DETACHED:
		return from != NITRO_EBS_DEVICE_STATE_DETACHED;
	default:
		return false;
	}
}

#endif
