// SPDX-License-Identifier: GPL-2.0
/* Counters and histograms: what the log page 0xD0 of EBS has. */

#include "stats.h"

#include <kunit/visibility.h>
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/time64.h>

/**
 * nitro_ebs_stats_bin_from() - where a bin begins
 * @bin: number of the bin, up to and including %NITRO_EBS_LATENCY_BINS
 *
 * Context: any.
 * Return: the shortest latency in it, in us; U64_MAX for the end of the last.
 */
u64 nitro_ebs_stats_bin_from(unsigned int bin)
{
	unsigned int exponent;

	if (bin < NITRO_EBS_STATS_LINEAR)
		return bin;
	if (bin >= NITRO_EBS_LATENCY_BINS)
		return U64_MAX;
	if (bin >= 60)
		return 1ULL << (16 + 2 * (bin - 60));
	exponent = 3 + (bin - NITRO_EBS_STATS_LINEAR) / 4;
	return (4ULL + bin % 4) << (exponent - 2);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_stats_bin_from);

/**
 * nitro_ebs_stats_end() - count an I/O, or a piece of one, that ended
 * @stats: counters
 * @kind: what it was
 * @last: it was the last piece: an operation, which took @ns
 * @bytes: size of the piece
 * @ns: since the beginning of the first piece
 * @failed: it failed; failures count as such only
 *
 * Context: any.
 */
void nitro_ebs_stats_end(struct nitro_ebs_stats __percpu *stats,
			 enum nitro_ebs_stats_kind kind, bool last,
			 unsigned int bytes, u64 ns, bool failed)
{
	struct nitro_ebs_stats *here;
	unsigned long flags;

	local_irq_save(flags);
	here = this_cpu_ptr(stats);
	here->ended++;
	if (failed)
		here->errors++;
	else
		here->bytes[kind] += bytes;
	if (last && !failed) {
		here->ops[kind]++;
		here->time[kind] += ns;
		if (kind <= NITRO_EBS_STATS_WRITE)
			here->latency[kind][nitro_ebs_stats_bin(div_u64(ns, NSEC_PER_USEC))]++;
	}
	local_irq_restore(flags);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_stats_end);

/**
 * nitro_ebs_stats_sum() - add up the counters of all CPUs
 * @stats: counters
 * @ret_sum: result
 *
 * Context: any. I/O goes on meanwhile; ended is read before begun, so their
 * difference is never negative.
 */
void nitro_ebs_stats_sum(const struct nitro_ebs_stats __percpu *stats,
			 struct nitro_ebs_stats *ret_sum)
{
	unsigned int cpu, i, kind;

	memset(ret_sum, 0, sizeof(*ret_sum));

	for_each_possible_cpu(cpu) {
		const struct nitro_ebs_stats *one = per_cpu_ptr(stats, cpu);

		ret_sum->ended += READ_ONCE(one->ended);
		ret_sum->errors += READ_ONCE(one->errors);
		for (kind = 0; kind < NITRO_EBS_STATS_KINDS; kind++) {
			ret_sum->ops[kind] += READ_ONCE(one->ops[kind]);
			ret_sum->bytes[kind] += READ_ONCE(one->bytes[kind]);
			ret_sum->time[kind] += READ_ONCE(one->time[kind]);
		}
		for (kind = 0; kind <= NITRO_EBS_STATS_WRITE; kind++)
			for (i = 0; i < NITRO_EBS_LATENCY_BINS; i++)
				ret_sum->latency[kind][i] +=
					READ_ONCE(one->latency[kind][i]);
	}
	/* I/O that ends now began before; see above */
	smp_rmb();
	for_each_possible_cpu(cpu)
		ret_sum->begun += READ_ONCE(per_cpu_ptr(stats, cpu)->begun);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_stats_sum);
