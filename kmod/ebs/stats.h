/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_STATS_H
#define _NITRO_EBS_STATS_H

#include <linux/bitops.h>
#include <linux/types.h>
#include <uapi/linux/nitro_ebs.h>

enum nitro_ebs_stats_kind {
	NITRO_EBS_STATS_READ,
	NITRO_EBS_STATS_WRITE,
	NITRO_EBS_STATS_DISCARD,
	NITRO_EBS_STATS_FLUSH,
	NITRO_EBS_STATS_KINDS,
};

/**
 * struct nitro_ebs_stats - counters, of one CPU or of all together
 * @ops: I/O that ended, in whatever pieces
 * @bytes: in them
 * @time: ns they took
 * @latency: reads and writes by how long they took
 * @begun: pieces of I/O that began, to be compared with @ended
 * @ended: pieces of I/O that ended
 * @errors: pieces of I/O that failed
 *
 * Only the CPU itself writes, with interrupts off or by this_cpu operations, as
 * I/O ends in interrupts.
 */
struct nitro_ebs_stats {
	u64 ops[NITRO_EBS_STATS_KINDS];
	u64 bytes[NITRO_EBS_STATS_KINDS];
	u64 time[NITRO_EBS_STATS_KINDS];
	u64 latency[2][NITRO_EBS_LATENCY_BINS];
	u64 begun;
	u64 ended;
	u64 errors;
};

/* 1 us wide up to 8 us, four to a power of two up to 64 ms, one to a factor of
 * four beyond: 64 in all.
 */
#define NITRO_EBS_STATS_LINEAR	8

static inline unsigned int nitro_ebs_stats_bin(u64 us)
{
	unsigned int exponent;

	if (us < NITRO_EBS_STATS_LINEAR)
		return us;
	exponent = fls64(us) - 1;
	if (exponent < 16)
		return NITRO_EBS_STATS_LINEAR + (exponent - 3) * 4 +
		       ((us >> (exponent - 2)) & 3);
	exponent = (exponent - 16) / 2;
	return 60 + (exponent < 3 ? exponent : 3);
}

u64 nitro_ebs_stats_bin_from(unsigned int bin);
void nitro_ebs_stats_sum(const struct nitro_ebs_stats __percpu *stats,
			 struct nitro_ebs_stats *ret_sum);
void nitro_ebs_stats_end(struct nitro_ebs_stats __percpu *stats,
			 enum nitro_ebs_stats_kind kind, bool last,
			 unsigned int bytes, u64 ns, bool failed);

#endif
