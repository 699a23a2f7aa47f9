// SPDX-License-Identifier: GPL-2.0
#include "range.h"

#include <kunit/visibility.h>
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>

static bool same(struct nitro_vpc_u128 a, struct nitro_vpc_u128 b)
{
	return a.hi == b.hi && a.lo == b.lo;
}

/**
 * nitro_vpc_range_edges() - describe an item to nitro_vpc_range_build()
 * @edges: where to put the edges, room for two
 * @wide: as for nitro_vpc_range_build()
 * @first: first position of the item
 * @last: last position of the item
 * @item: its number
 *
 * Context: Any.
 * Return: number of edges, 1 for an item that lasts to the end of the axis.
 */
u32 nitro_vpc_range_edges(struct nitro_vpc_range_edge *edges, bool wide,
			  struct nitro_vpc_u128 first,
			  struct nitro_vpc_u128 last, u16 item)
{
	if (!wide) {
		first = (struct nitro_vpc_u128){ .lo = (u32)first.lo };
		last = (struct nitro_vpc_u128){ .lo = (u32)last.lo };
	}
	edges[0] = (struct nitro_vpc_range_edge){ .at = first, .item = item };
	if (wide ? !~last.hi && !~last.lo : last.lo == U32_MAX)
		return 1;

	last.lo++;
	last.hi += !last.lo;
	edges[1] = (struct nitro_vpc_range_edge){
		.at = last, .item = item, .leave = true,
	};
	return 2;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_range_edges);

static int compare(const void *a, const void *b)
{
	const struct nitro_vpc_range_edge *x = a, *y = b;

	if (nitro_vpc_u128_less(x->at, y->at))
		return -1;
	if (nitro_vpc_u128_less(y->at, x->at))
		return 1;
	return y->leave - x->leave;
}

static int alloc(struct nitro_vpc_range *range, bool wide, u32 count)
{
	size_t size = wide ? sizeof(*range->first128) : sizeof(*range->first32);
	void *mem;

	mem = kvmalloc_array(count, size + sizeof(*range->value),
			     GFP_KERNEL_ACCOUNT);
	if (!mem)
		return -ENOMEM;
	range->wide = wide;
	range->count = 0;
	range->first128 = mem;
	range->value = mem + count * size;
	return 0;
}

static void append(struct nitro_vpc_range *range, struct nitro_vpc_u128 first,
		   u16 value)
{
	if (range->count && range->value[range->count - 1] == value)
		return;
	if (range->wide)
		range->first128[range->count] = first;
	else
		range->first32[range->count] = first.lo;
	range->value[range->count++] = value;
}

/**
 * nitro_vpc_range_build() - cut an axis into ranges
 * @range: the axis
 * @wide: positions have 128 bits, not 32
 * @edges: where items begin and end; sorted here
 * @count: number of edges
 * @ops: turns edges into values
 * @context: argument of the operations
 *
 * Ranges that follow each other and have the same value become one.
 *
 * Context: Process, may sleep.
 * Return: 0 or -errno, then nothing is to be destroyed.
 */
int nitro_vpc_range_build(struct nitro_vpc_range *range, bool wide,
			  struct nitro_vpc_range_edge *edges, u32 count,
			  const struct nitro_vpc_range_ops *ops, void *context)
{
	struct nitro_vpc_u128 at = {};
	u32 i, ranges = 1;
	int ret;

	sort(edges, count, sizeof(*edges), compare, NULL);
	for (i = 0; i < count; i++)
		ranges += !i || !same(edges[i - 1].at, edges[i].at);
	ret = alloc(range, wide, ranges);
	if (ret)
		return ret;

	i = 0;
	do {
		for (; i < count && same(edges[i].at, at); i++)
			ops->edge(context, edges[i].item, edges[i].leave);
		ret = ops->value(context);
		if (ret < 0)
			goto err_value;
		append(range, at, ret);
		if (i < count)
			at = edges[i].at;
	} while (i < count);
	return 0;

err_value:
	nitro_vpc_range_destroy(range);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_range_build);

/**
 * nitro_vpc_range_destroy() - free what an axis has
 * @range: an axis that was built, or zeroes
 *
 * Context: Any but NMI.
 */
void nitro_vpc_range_destroy(struct nitro_vpc_range *range)
{
	kvfree(range->first128);
	memset(range, 0, sizeof(*range));
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_range_destroy);

/**
 * nitro_vpc_range_find32() - value at a position
 * @range: an axis that is not wide
 * @at: position
 *
 * Context: Any.
 * Return: the value.
 */
u16 nitro_vpc_range_find32(const struct nitro_vpc_range *range, u32 at)
{
	const u32 *first = range->first32;
	u32 n = range->count;

	/* No branch depends on the position, so none is mispredicted */
	while (n > 1) {
		u32 half = n / 2;

		first += first[half] <= at ? half : 0;
		n -= half;
	}
	return range->value[first - range->first32];
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_range_find32);

/**
 * nitro_vpc_range_find128() - value at a position
 * @range: a wide axis
 * @at: position
 *
 * Context: Any.
 * Return: the value.
 */
u16 nitro_vpc_range_find128(const struct nitro_vpc_range *range,
			    struct nitro_vpc_u128 at)
{
	const struct nitro_vpc_u128 *first = range->first128;
	u32 n = range->count;

	while (n > 1) {
		u32 half = n / 2;

		first += nitro_vpc_u128_less(at, first[half]) ? 0 : half;
		n -= half;
	}
	return range->value[first - range->first128];
}
EXPORT_SYMBOL_IF_KUNIT(nitro_vpc_range_find128);
