/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_TAP_H
#define _NITRO_VPC_TAP_H

struct nitro_vpc_eni;

int nitro_vpc_tap_init(void);
void nitro_vpc_tap_exit(void);
int nitro_vpc_tap_prepare(struct nitro_vpc_eni *eni);
void nitro_vpc_tap_release(struct nitro_vpc_eni *eni);
int nitro_vpc_tap_event(struct nitro_vpc_eni *eni, unsigned long event);
int nitro_vpc_tap_name(const struct nitro_vpc_eni *eni, char *buf, size_t size);

#endif
