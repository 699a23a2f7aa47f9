/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_EBS_QOS_H
#define _NITRO_EBS_QOS_H

#include <linux/math.h>
#include <linux/types.h>

/* An operation is so many bytes, or a part of them */
#define NITRO_EBS_QOS_OPERATION		(256U << 10)

/* Beyond these the arithmetic ends */
#define NITRO_EBS_QOS_RATE_MAX		(1ULL << 40)
#define NITRO_EBS_QOS_BURST_MAX		(4ULL << 30)

/**
 * struct nitro_ebs_limits - limits as they are asked for
 * @iops: operations per second, 0 for no limit
 * @iops_burst: operations above the rate after idle time
 * @throughput: bytes per second, 0 for no limit
 * @throughput_burst: bytes above the rate after idle time
 */
struct nitro_ebs_limits {
	u64 iops;
	u64 iops_burst;
	u64 throughput;
	u64 throughput_burst;
};

/**
 * struct nitro_ebs_bucket - a token bucket
 * @rate: units per second, 0 for no limit
 * @cap: credit at most, in units of 10^-9
 * @credit: present credit; negative after an I/O larger than the bucket
 * @at: when that was, in ns
 *
 * In a nanosecond it gains @rate billionths of a unit: nothing is ever rounded,
 * and an I/O that is let through late is not charged for that.
 */
struct nitro_ebs_bucket {
	u64 rate;
	s64 cap;
	s64 credit;
	u64 at;
};

enum nitro_ebs_qos_limit {
	NITRO_EBS_QOS_NONE,
	NITRO_EBS_QOS_IOPS,
	NITRO_EBS_QOS_THROUGHPUT,
};

/**
 * struct nitro_ebs_qos - the limits of a device
 * @limited: there are any; read without a lock
 * @iops: bucket of operations
 * @throughput: bucket of bytes
 * @waiting: for what the head of the queue waits
 * @since: since when, in ns
 * @exceeded: ns in which it waited for each limit, before @since
 */
struct nitro_ebs_qos {
	bool limited;
	struct nitro_ebs_bucket iops;
	struct nitro_ebs_bucket throughput;
	enum nitro_ebs_qos_limit waiting;
	u64 since;
	u64 exceeded[NITRO_EBS_QOS_THROUGHPUT + 1];
};

/* The operations that a piece of a request counts for: a request is cut in units
 * from its end, so that it counts the same whatever the pieces. @left are the bytes
 * of the request from the piece on, @after those behind it.
 */
static inline unsigned int nitro_ebs_qos_operations(unsigned int left,
						    unsigned int after)
{
	return DIV_ROUND_UP_ULL(left, NITRO_EBS_QOS_OPERATION) -
	       DIV_ROUND_UP_ULL(after, NITRO_EBS_QOS_OPERATION);
}

void nitro_ebs_bucket_set(struct nitro_ebs_bucket *bucket, u64 rate, u64 burst,
			  u64 now);
u64 nitro_ebs_bucket_delay(struct nitro_ebs_bucket *bucket, u64 units, u64 now);
void nitro_ebs_qos_set(struct nitro_ebs_qos *qos,
		       const struct nitro_ebs_limits *limits, u64 now);
u64 nitro_ebs_qos_take(struct nitro_ebs_qos *qos, unsigned int operations,
		       unsigned int bytes, u64 now);
void nitro_ebs_qos_settle(struct nitro_ebs_qos *qos,
			  enum nitro_ebs_qos_limit waiting, u64 now);

#endif
