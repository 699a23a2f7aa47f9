/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nitro_ebs

#if !defined(_NITRO_EBS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NITRO_EBS_TRACE_H

#include <linux/blk_types.h>
#include <linux/tracepoint.h>

#include "stats.h"

TRACE_EVENT(nitro_ebs_io,
	TP_PROTO(u32 device, u8 kind, sector_t sector, unsigned int bytes,
		 u64 ns, u8 status),
	TP_ARGS(device, kind, sector, bytes, ns, status),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u8, kind)
		__field(u8, status)
		__field(unsigned int, bytes)
		__field(sector_t, sector)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->kind = kind;
		__entry->status = status;
		__entry->bytes = bytes;
		__entry->sector = sector;
		__entry->ns = ns;
	),
	TP_printk("nitro_ebs%u %s sector=%llu bytes=%u ns=%llu status=%u",
		  __entry->device,
		  __print_symbolic(__entry->kind,
				   { NITRO_EBS_STATS_READ, "read" },
				   { NITRO_EBS_STATS_WRITE, "write" },
				   { NITRO_EBS_STATS_DISCARD, "discard" },
				   { NITRO_EBS_STATS_FLUSH, "flush" }),
		  (unsigned long long)__entry->sector, __entry->bytes,
		  __entry->ns, __entry->status)
);

TRACE_EVENT(nitro_ebs_event,
	TP_PROTO(u32 device, unsigned int kind),
	TP_ARGS(device, kind),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(unsigned int, kind)
	),
	TP_fast_assign(
		__entry->device = device;
		__entry->kind = kind;
	),
	TP_printk("nitro_ebs%u event=%u", __entry->device, __entry->kind)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
