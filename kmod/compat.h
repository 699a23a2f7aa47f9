/* SPDX-License-Identifier: GPL-2.0 */
/* Force-included in every file of the kernel modules. The code is written for
 * the newest supported kernel (7.3); what older ones lack is made up here.
 * Each shim says when its reason came; it goes when the oldest supported
 * kernel (6.12) has moved past that.
 */
#ifndef _NITRO_COMPAT_H
#define _NITRO_COMPAT_H

#include <linux/gfp.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/version.h>

/* For what is written at once: kernels may zero each variable on the stack. GCC has
 * it since 12.
 */
#if __has_attribute(uninitialized)
#define NITRO_UNINITIALIZED __attribute__((uninitialized))
#else
#define NITRO_UNINITIALIZED
#endif

/* Newer than 6.12: alloc_contig_range() takes flags in the place of a migrate type */
#ifdef ACR_FLAGS_NONE
#define NITRO_CONTIG_MOVABLE ACR_FLAGS_NONE
#else
#define NITRO_CONTIG_MOVABLE MIGRATE_MOVABLE
#endif

/* 6.13 (cdd30ebb1b9f): MODULE_IMPORT_NS() takes a string */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define NITRO_IMPORT_NS_KUNIT MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING")
#else
#define NITRO_IMPORT_NS_KUNIT MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING)
#endif

/* 6.15 (69c7be1b903f): newlink() takes its parameters in a struct. A driver
 * writes the new form, NITRO_RTNL_NEWLINK(fn) makes the old one of it and
 * NITRO_RTNL_NEWLINK_OP(fn) names what the kernel wants.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define NITRO_RTNL_NEWLINK(fn)
#define NITRO_RTNL_NEWLINK_OP(fn) fn
#else
struct net;
struct net_device;
struct netlink_ext_ack;
struct nlattr;

struct rtnl_newlink_params {
	struct net *src_net;
	struct nlattr **tb;
	struct nlattr **data;
};

#define NITRO_RTNL_NEWLINK(fn)						\
static int fn##_args(struct net *src_net, struct net_device *dev,	\
		     struct nlattr *tb[], struct nlattr *data[],	\
		     struct netlink_ext_ack *extack)			\
{									\
	struct rtnl_newlink_params params = {				\
		.src_net = src_net,					\
		.tb = tb,						\
		.data = data,						\
	};								\
									\
	return fn(dev, &params, extack);				\
}
#define NITRO_RTNL_NEWLINK_OP(fn) fn##_args
#endif

/* 7.0 (udp_tunnel: pass struct sock): these take the sock, not the socket */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#define NITRO_UDP_TUNNEL_SOCK(socket) ((socket)->sk)
#else
#define NITRO_UDP_TUNNEL_SOCK(socket) (socket)
#endif

/* 6.16 (udp_tunnel: pass IPCB flags): the xmit functions have one argument
 * more, the flags of the outer packet's IPCB
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define NITRO_UDP_TUNNEL_IPCB_FLAGS , 0
#else
#define NITRO_UDP_TUNNEL_IPCB_FLAGS
#endif

/* 6.13 (908a1d775422): the function of a timer is given when it is set up */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* 6.17 (930c2ea566af): a workqueue that is bound to CPUs has to say so */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define NITRO_WQ_PERCPU WQ_PERCPU
#else
#define NITRO_WQ_PERCPU 0
#endif

/* 6.17 (128ea9f6ccfb): the system's workqueue that is not bound to CPUs; its old name is
 * warned of
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define system_dfl_wq system_unbound_wq
#endif

/* 6.17 (mm: remove pfn_t): huge mappings take the number of a page frame */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define NITRO_PFN(pfn) (pfn)
#else
#define NITRO_PFN(pfn) ((pfn_t) { .val = (pfn) })
#endif

#endif
