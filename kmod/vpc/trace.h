/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nitro_vpc

#if !defined(_NITRO_VPC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _NITRO_VPC_TRACE_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tracepoint.h>

#include "drop.h"

TRACE_EVENT(nitro_vpc_drop,
	TP_PROTO(const struct sk_buff *skb, unsigned int reason),
	TP_ARGS(skb, reason),
	TP_STRUCT__entry(
		__field(const void *, skbaddr)
		__field(int, ifindex)
		__field(unsigned int, len)
		__field(unsigned int, reason)
		__string(name, nitro_vpc_drop_name(reason))
	),
	TP_fast_assign(
		__entry->skbaddr = skb;
		__entry->ifindex = skb->dev ? skb->dev->ifindex : 0;
		__entry->len = skb->len;
		__entry->reason = reason;
		__assign_str(name);
	),
	TP_printk("skbaddr=%p ifindex=%d len=%u reason=%s", __entry->skbaddr,
		  __entry->ifindex, __entry->len, __get_str(name))
);

TRACE_EVENT(nitro_vpc_flow,
	TP_PROTO(const void *flow, unsigned int eni, const struct in6_addr *local,
		 const struct in6_addr *remote, u8 protocol, __be16 local_port,
		 __be16 remote_port, bool tracked),
	TP_ARGS(flow, eni, local, remote, protocol, local_port, remote_port,
		tracked),
	TP_STRUCT__entry(
		__field(const void *, flow)
		__field(unsigned int, eni)
		__array(u8, local, 16)
		__array(u8, remote, 16)
		__field(u8, protocol)
		__field(u16, local_port)
		__field(u16, remote_port)
		__field(bool, tracked)
	),
	TP_fast_assign(
		__entry->flow = flow;
		__entry->eni = eni;
		memcpy(__entry->local, local, 16);
		memcpy(__entry->remote, remote, 16);
		__entry->protocol = protocol;
		__entry->local_port = ntohs(local_port);
		__entry->remote_port = ntohs(remote_port);
		__entry->tracked = tracked;
	),
	TP_printk("flow=%p eni=%u local=%pI6c:%u remote=%pI6c:%u protocol=%u tracked=%d",
		  __entry->flow, __entry->eni, __entry->local,
		  __entry->local_port, __entry->remote, __entry->remote_port,
		  __entry->protocol, __entry->tracked)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
