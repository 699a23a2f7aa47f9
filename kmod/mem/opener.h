/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_MEM_OPENER_H
#define _NITRO_MEM_OPENER_H

#include <linux/errno.h>
#include <linux/types.h>
#include <uapi/linux/nitro_mem.h>

struct mm_struct;

/**
 * struct nitro_mem_openers - the processes that open a guest's memory
 * @max: how many there are to be
 * @n: how many there are
 * @mms: their address spaces, by which they are known
 */
struct nitro_mem_openers {
	u32 max;
	u32 n;
	struct mm_struct *mms[NITRO_MEM_OPENERS_MAX];
};

static inline bool nitro_mem_opener_is(const struct nitro_mem_openers *openers,
				       const struct mm_struct *mm)
{
	u32 i;

	for (i = 0; i < openers->n; i++)
		if (openers->mms[i] == mm)
			return true;
	return false;
}

/* Have all opened it? */
static inline bool nitro_mem_opener_all(const struct nitro_mem_openers *openers)
{
	return openers->n == openers->max;
}

/* Each opens it once. Whoever has, is one of them for good, even when it has ended.
 * Return: 0 or -EBUSY.
 */
static inline int nitro_mem_opener_add(struct nitro_mem_openers *openers,
				       struct mm_struct *mm)
{
	if (nitro_mem_opener_all(openers) || nitro_mem_opener_is(openers, mm))
		return -EBUSY;
	openers->mms[openers->n++] = mm;
	return 0;
}

/* May it be mapped by @mm, to whom anybody may have given the file? @mapped: it was
 * before. Only an opener has it, not before all have come, and a single one has it once.
 * Return: 0 or a negative errno.
 */
static inline int
nitro_mem_opener_may_map(const struct nitro_mem_openers *openers,
			 const struct mm_struct *mm, bool mapped)
{
	if (!nitro_mem_opener_is(openers, mm))
		return -EPERM;
	if (!nitro_mem_opener_all(openers))
		return -EAGAIN;
	return mapped && openers->max == 1 ? -EBUSY : 0;
}

#endif
