/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_BUCKET_H
#define _NITRO_VPC_BUCKET_H

#include <linux/atomic.h>
#include <linux/types.h>

/* One nitro_vpc_bucket_take() is charged for so many units at most; more than
 * the bytes of the biggest GSO packet.
 */
#define NITRO_VPC_BUCKET_UNITS_MAX	(1U << 20)

/**
 * struct nitro_vpc_bucket - a token bucket
 * @cost: ticks that one unit takes, 0 means no limit
 * @scale: ticks in a nanosecond
 * @burst: ticks of credit at most
 * @ahead_max: further ahead of now than this @full_at never is, in ticks
 * @full_at: time (in ticks, modulo 2^64) at which the bucket will be full again
 *
 * The generic cell rate algorithm (ITU-T I.371, virtual scheduling) on one
 * atomic word: no lock, no timer, no credit lost or made up when CPUs race.
 *
 * A tick is chosen by nitro_vpc_bucket_set() such that the rate is a quotient of
 * two integers, @scale / @cost units in a nanosecond. So nothing is rounded when
 * packets are charged, whatever their sizes are: 12.5e9 bytes/s (100 Gbit/s) are
 * 25 ticks in a nanosecond and 2 ticks for a byte.
 *
 * The parameters are read without a lock. A packet that races with
 * nitro_vpc_bucket_set() may be judged by a mixture of the old and the new
 * ones; the next is not.
 */
struct nitro_vpc_bucket {
	u64 cost;
	u64 scale;
	u64 burst;
	u64 ahead_max;
	atomic64_t full_at;
};

void nitro_vpc_bucket_set(struct nitro_vpc_bucket *bucket, u64 rate, u64 burst);
bool nitro_vpc_bucket_take(struct nitro_vpc_bucket *bucket, u32 units, u64 now);

static inline bool nitro_vpc_bucket_limited(const struct nitro_vpc_bucket *bucket)
{
	return READ_ONCE(bucket->cost);
}

#endif
