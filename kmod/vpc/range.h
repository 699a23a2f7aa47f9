/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NITRO_VPC_RANGE_H
#define _NITRO_VPC_RANGE_H

#include <linux/in6.h>
#include <linux/types.h>

/* Addresses of both families are compared as 128-bit numbers in host order,
 * IPv4 as IPv4-mapped IPv6 (::ffff:a.b.c.d).
 */
struct nitro_vpc_u128 {
	u64 hi;
	u64 lo;
};

static inline struct nitro_vpc_u128
nitro_vpc_u128_from_addr(const struct in6_addr *addr)
{
	return (struct nitro_vpc_u128){
		.hi = ((u64)ntohl(addr->s6_addr32[0]) << 32) |
		      ntohl(addr->s6_addr32[1]),
		.lo = ((u64)ntohl(addr->s6_addr32[2]) << 32) |
		      ntohl(addr->s6_addr32[3]),
	};
}

/* Not with || and &&: a search would mispredict their branches */
static inline bool nitro_vpc_u128_less(struct nitro_vpc_u128 a,
				       struct nitro_vpc_u128 b)
{
	return (a.hi < b.hi) | ((a.hi == b.hi) & (a.lo < b.lo));
}

/* The last address of a prefix; the first one if no bits behind @len are set */
static inline struct nitro_vpc_u128
nitro_vpc_u128_last(struct nitro_vpc_u128 first, u8 len)
{
	if (len < 64) {
		first.hi |= ~0ULL >> len;
		first.lo = ~0ULL;
	} else if (len < 128) {
		first.lo |= ~0ULL >> (len - 64);
	}
	return first;
}

static inline bool nitro_vpc_u128_masked(struct nitro_vpc_u128 addr, u8 len)
{
	if (len < 64)
		return !(addr.hi & (~0ULL >> len)) && !addr.lo;
	return len >= 128 || !(addr.lo & (~0ULL >> (len - 64)));
}

/**
 * struct nitro_vpc_range - an axis cut into ranges, with a value for each
 * @count: number of ranges, at least 1
 * @wide: positions have 128 bits; else they have 32, and of a position only the
 *	low 32 bits of its low word count (which is what an IPv4 address has)
 * @first32: where each range begins, ascending from 0, if not @wide
 * @first128: likewise, if @wide
 * @value: the value of each range
 *
 * Immutable once built.
 */
struct nitro_vpc_range {
	u32 count;
	bool wide;
	union {
		u32 *first32;
		struct nitro_vpc_u128 *first128;
	};
	u16 *value;
};

/**
 * struct nitro_vpc_range_edge - where an item begins, or is over
 * @at: first position with it, or first one without it
 * @item: number of the item
 * @leave: it is over
 */
struct nitro_vpc_range_edge {
	struct nitro_vpc_u128 at;
	u16 item;
	bool leave;
};

/**
 * struct nitro_vpc_range_ops - what nitro_vpc_range_build() calls
 * @edge: the sweep enters or leaves an item; it leaves before it enters at the
 *	same position
 * @value: value of the range that begins after the edges so far, or -errno
 */
struct nitro_vpc_range_ops {
	void (*edge)(void *context, u16 item, bool leave);
	int (*value)(void *context);
};

u32 nitro_vpc_range_edges(struct nitro_vpc_range_edge *edges, bool wide,
			  struct nitro_vpc_u128 first,
			  struct nitro_vpc_u128 last, u16 item);
int nitro_vpc_range_build(struct nitro_vpc_range *range, bool wide,
			  struct nitro_vpc_range_edge *edges, u32 count,
			  const struct nitro_vpc_range_ops *ops, void *context);
void nitro_vpc_range_destroy(struct nitro_vpc_range *range);
u16 nitro_vpc_range_find32(const struct nitro_vpc_range *range, u32 at);
u16 nitro_vpc_range_find128(const struct nitro_vpc_range *range,
			    struct nitro_vpc_u128 at);

/* Value of the range that an address is in */
static inline u16 nitro_vpc_range_find_addr(const struct nitro_vpc_range *range,
					    const struct in6_addr *addr)
{
	if (!range->wide)
		return nitro_vpc_range_find32(range, ntohl(addr->s6_addr32[3]));
	return nitro_vpc_range_find128(range, nitro_vpc_u128_from_addr(addr));
}

#endif
