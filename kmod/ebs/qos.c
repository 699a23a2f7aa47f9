// SPDX-License-Identifier: GPL-2.0
/* Limits. Unlike nitro_vpc's bucket, which drops what is too early and is asked
 * by all CPUs at once, this one has to say when an I/O may go, and there is a
 * queue with a lock anyway.
 */

#include "qos.h"

#include <kunit/visibility.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

/* Credit that a bucket without a burst has, as time at its rate: what timers may
 * be late without a loss, and little enough for windows of 100 ms.
 */
#define SLACK		(4 * NSEC_PER_MSEC)

static void fill(struct nitro_ebs_bucket *bucket, u64 now)
{
	u64 elapsed, missing;

	/* Clocks of two CPUs may differ a little */
	if (now <= bucket->at)
		return;
	elapsed = now - bucket->at;
	missing = bucket->cap - bucket->credit;
	if (elapsed > div64_u64(missing, bucket->rate))
		bucket->credit = bucket->cap;
	else
		bucket->credit += elapsed * bucket->rate;
	bucket->at = now;
}

/**
 * nitro_ebs_bucket_set() - configure a bucket
 * @bucket: the bucket
 * @rate: units per second, 0 for no limit
 * @burst: units above the rate that pass at once
 * @now: monotonic time in ns
 *
 * What it has of credit and debt stays, as far as it fits: so changing limits
 * often gains nothing. A bucket that had no limit is full.
 *
 * Context: any; callers serialise.
 */
void nitro_ebs_bucket_set(struct nitro_ebs_bucket *bucket, u64 rate, u64 burst,
			  u64 now)
{
	bool fresh = !bucket->rate;

	rate = min(rate, NITRO_EBS_QOS_RATE_MAX);
	burst = min(burst, NITRO_EBS_QOS_BURST_MAX);
	if (!fresh)
		fill(bucket, now);
	bucket->rate = rate;
	bucket->cap = min_t(u64, burst * NSEC_PER_SEC + rate * SLACK, S64_MAX / 2);
	if (fresh || bucket->credit > bucket->cap)
		bucket->credit = bucket->cap;
	bucket->at = now;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_bucket_set);

/* What has to be there for so many units to pass. More than the bucket can hold
 * passes when it is full, and is paid for afterwards.
 */
static s64 needed(const struct nitro_ebs_bucket *bucket, u64 units)
{
	return min_t(u64, units * NSEC_PER_SEC, bucket->cap);
}

/**
 * nitro_ebs_bucket_delay() - when may so many units pass?
 * @bucket: the bucket
 * @units: how many; none pass at any time
 * @now: monotonic time in ns
 *
 * Context: any; callers serialise.
 * Return: ns from now, 0 if they may pass now.
 */
u64 nitro_ebs_bucket_delay(struct nitro_ebs_bucket *bucket, u64 units, u64 now)
{
	s64 missing;

	if (!bucket->rate || !units)
		return 0;
	fill(bucket, now);
	missing = needed(bucket, units) - bucket->credit;
	return missing > 0 ? div64_u64(missing + bucket->rate - 1,
				       bucket->rate) : 0;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_bucket_delay);

static void pay(struct nitro_ebs_bucket *bucket, u64 units)
{
	if (bucket->rate)
		bucket->credit -= units * NSEC_PER_SEC;
}

/**
 * nitro_ebs_qos_set() - configure limits
 * @qos: of a device
 * @limits: what is asked for
 * @now: monotonic time in ns
 *
 * Context: any; callers serialise.
 */
void nitro_ebs_qos_set(struct nitro_ebs_qos *qos,
		       const struct nitro_ebs_limits *limits, u64 now)
{
	nitro_ebs_bucket_set(&qos->iops, limits->iops, limits->iops_burst, now);
	nitro_ebs_bucket_set(&qos->throughput, limits->throughput,
			     limits->throughput_burst, now);
	WRITE_ONCE(qos->limited, limits->iops || limits->throughput);
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_qos_set);

/**
 * nitro_ebs_qos_settle() - account for the time of waiting
 * @qos: of a device
 * @waiting: for what the head of the queue waits from now on
 * @now: monotonic time in ns
 *
 * Context: any; callers serialise.
 */
void nitro_ebs_qos_settle(struct nitro_ebs_qos *qos,
			  enum nitro_ebs_qos_limit waiting, u64 now)
{
	if (now > qos->since)
		qos->exceeded[qos->waiting] += now - qos->since;
	qos->waiting = waiting;
	qos->since = now;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_qos_settle);

/**
 * nitro_ebs_qos_take() - let an I/O pass, or say when it may
 * @qos: of a device
 * @operations: of nitro_ebs_qos_operations(). With 0 the I/O is a further piece of
 *	one that has passed, and does not wait for this limit.
 * @bytes: of the I/O
 * @now: monotonic time in ns
 *
 * Context: any; callers serialise, and ask for one I/O after the other.
 * Return: 0 if it passes, and then it was charged; else ns from now.
 */
u64 nitro_ebs_qos_take(struct nitro_ebs_qos *qos, unsigned int operations,
		       unsigned int bytes, u64 now)
{
	u64 iops = nitro_ebs_bucket_delay(&qos->iops, operations, now);
	u64 throughput = nitro_ebs_bucket_delay(&qos->throughput, bytes, now);

	if (iops || throughput) {
		nitro_ebs_qos_settle(qos, iops >= throughput ?
				     NITRO_EBS_QOS_IOPS :
				     NITRO_EBS_QOS_THROUGHPUT, now);
		return max(iops, throughput);
	}
	if (qos->waiting)
		nitro_ebs_qos_settle(qos, NITRO_EBS_QOS_NONE, now);
	pay(&qos->iops, operations);
	pay(&qos->throughput, bytes);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_qos_take);
