/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_PAGES_H
#define _NITRO_EBS_PAGES_H

#include <linux/types.h>

struct bio;
struct nitro_ebs_device;

bool nitro_ebs_pages_add(struct nitro_ebs_device *dev, struct bio *bio,
			 unsigned int len, bool reserve);
void nitro_ebs_pages_free(struct nitro_ebs_device *dev, struct bio *bio);
int nitro_ebs_pages_init(void);
void nitro_ebs_pages_exit(void);

#endif
