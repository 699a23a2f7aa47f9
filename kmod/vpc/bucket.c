// SPDX-License-Identifier: GPL-2.0
#include "bucket.h"

#include <kunit/visibility.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/time64.h>

/* The word wraps after 2^64 ticks: with so many ticks in a nanosecond after
 * more than three days, with the few that round rates need after centuries.
 */
#define SCALE_MAX	65536U

/* CPUs' clocks may differ by less than this, in ns */
#define CLOCK_SKEW	NSEC_PER_MSEC

/* The best fraction @ret_scale / @ret_cost for @rate / 10^9 whose numerator is
 * SCALE_MAX at most, by continued fractions. Exact for all rates up to SCALE_MAX
 * and for those that are up to SCALE_MAX times a divisor of 10^9, as the
 * multiples of 2 Mbit/s (250000 bytes/s) are up to 131 Gbit/s. The others are
 * off by less than 1 / SCALE_MAX.
 */
static void rate_to_ticks(u64 rate, u64 *ret_scale, u64 *ret_cost)
{
	u64 n0 = 0, d0 = 1, n1 = 1, d1 = 0;
	u64 n = rate, d = NSEC_PER_SEC;

	while (d) {
		u64 rest, quotient = div64_u64_rem(n, d, &rest);
		u64 n2, d2;

		if (n1 && quotient > (SCALE_MAX - n0) / n1) {
			/* A shorter last step is better than none */
			u64 most = (SCALE_MAX - n0) / n1;

			if (2 * most > quotient) {
				n1 = most * n1 + n0;
				d1 = most * d1 + d0;
			}
			break;
		}
		n2 = quotient * n1 + n0;
		d2 = quotient * d1 + d0;
		n0 = n1;
		d0 = d1;
		n1 = n2;
		d1 = d2;
		n = d;
		d = rest;
	}
	*ret_scale = n1;
	*ret_cost = d1;
}

/**
 * nitro_vpc_bucket_set() - configure a bucket
 * @bucket: the bucket, zeroed before the first use
 * @rate: units per second, 0 for no limit; capped at 65536 units in a
 *	nanosecond
 * @burst: units that pass at once when the bucket is full. Whatever its
 *	size, a full bucket lets one packet pass; it is paid for afterwards
 *
 * The bucket is full afterwards, unless it had these values already: then
 * nothing changes.
 *
 * Context: Any; callers serialise. nitro_vpc_bucket_take() may run meanwhile.
 */
void nitro_vpc_bucket_set(struct nitro_vpc_bucket *bucket, u64 rate, u64 burst)
{
	u64 scale = 0, cost = 0, ticks;

	rate = min_t(u64, rate, (u64)SCALE_MAX * NSEC_PER_SEC);
	if (rate)
		rate_to_ticks(rate, &scale, &cost);
	if (check_mul_overflow(burst, cost, &ticks) || ticks > 1ULL << 61)
		ticks = 1ULL << 61;

	if (bucket->cost == cost && bucket->scale == scale &&
	    bucket->burst == ticks)
		return;

	WRITE_ONCE(bucket->scale, scale);
	WRITE_ONCE(bucket->burst, ticks);
	WRITE_ONCE(bucket->ahead_max, ticks + CLOCK_SKEW * scale +
				      NITRO_VPC_BUCKET_UNITS_MAX * cost);
	WRITE_ONCE(bucket->cost, cost);
	/* Not ahead of now, but for moments that come once in 2^64 ticks */
	atomic64_set(&bucket->full_at, 0);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_bucket_set);

/**
 * nitro_vpc_bucket_take() - take units from a bucket
 * @bucket: the bucket
 * @units: how many; more than %NITRO_VPC_BUCKET_UNITS_MAX count as that
 * @now: monotonic time in ns
 *
 * Context: Any, lock-free.
 * Return: true if they may pass; false if not, and nothing was taken.
 */
bool nitro_vpc_bucket_take(struct nitro_vpc_bucket *bucket, u32 units, u64 now)
{
	u64 cost = READ_ONCE(bucket->cost);
	u64 ahead, ahead_max, burst, need;
	s64 full_at;

	if (!cost)
		return true;

	now *= READ_ONCE(bucket->scale);
	burst = READ_ONCE(bucket->burst);
	ahead_max = READ_ONCE(bucket->ahead_max);
	need = min(units, NITRO_VPC_BUCKET_UNITS_MAX) * cost;

	full_at = atomic64_read(&bucket->full_at);
	do {
		/* Time passed, possibly so much that the difference wrapped:
		 * then it is a huge number
		 */
		ahead = (u64)full_at - now;
		if (ahead > ahead_max)
			ahead = 0;
		if (ahead && ahead + need > burst)
			return false;
	} while (!atomic64_try_cmpxchg(&bucket->full_at, &full_at,
				       now + ahead + need));
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_bucket_take);
