/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_FAN_H
#define _NITRO_EBS_FAN_H

#include <linux/types.h>

struct nitro_ebs_io;

/* From so many bytes on, several CPUs work on one I/O, in so many at a time */
#define NITRO_EBS_FAN_MIN	(256U << 10)
#define NITRO_EBS_FAN_RANGE	(64U << 10)

unsigned int nitro_ebs_fan_helpers(unsigned int len, unsigned int cpus);
void nitro_ebs_fan_cipher(struct nitro_ebs_io *io, bool encrypt);
int nitro_ebs_fan_init(void);
void nitro_ebs_fan_exit(void);

#endif
