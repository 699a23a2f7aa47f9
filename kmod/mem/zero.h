/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_ZERO_H
#define _NITRO_MEM_ZERO_H

#include <linux/string.h>
#include <linux/types.h>

/* What nitro_mem_zero() takes has a multiple of this size, and starts at one */
#define NITRO_MEM_ZERO_UNIT	64

/* Zero memory past the caches: it is much, and nobody is about to read it. The lines
 * that the guest left in them go, too. nitro_mem_zero_end() makes it visible to whoever
 * gets the memory next.
 */
static inline void nitro_mem_zero(void *p, size_t size)
{
#ifdef __x86_64__
	void *end = p + size;

	for (; p < end; p += NITRO_MEM_ZERO_UNIT)
		asm volatile("movnti %1, (%0)\n\t"
			     "movnti %1, 8(%0)\n\t"
			     "movnti %1, 16(%0)\n\t"
			     "movnti %1, 24(%0)\n\t"
			     "movnti %1, 32(%0)\n\t"
			     "movnti %1, 40(%0)\n\t"
			     "movnti %1, 48(%0)\n\t"
			     "movnti %1, 56(%0)"
			     : : "r" (p), "r" (0UL) : "memory");
#else
	memset(p, 0, size);
#endif
}

static inline void nitro_mem_zero_end(void)
{
#ifdef __x86_64__
	asm volatile("sfence" : : : "memory");
#endif
}

#endif
