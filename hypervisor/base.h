/* SPDX-License-Identifier: GPL-2.0 */
/* What C lacks. */
#ifndef NITRO_HYPERVISOR_BASE_H
#define NITRO_HYPERVISOR_BASE_H

#include <stddef.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) \
	((type *)((char *)(pointer) - offsetof(type, member)))

/* Once, whatever the compiler thinks: somebody else writes there */
#define READ_ONCE(value) __atomic_load_n(&(value), __ATOMIC_RELAXED)

#endif
