/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_COMPLAIN_H
#define NITRO_HYPERVISOR_COMPLAIN_H

int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
