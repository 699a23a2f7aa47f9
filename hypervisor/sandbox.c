// SPDX-License-Identifier: GPL-2.0
/*
 * What threads may ask of the kernel once the guest runs. Everything is open by then,
 * so nothing here opens, connects, maps or starts anything. Anything else kills the
 * process: it means that a guest has taken over.
 */

#include <errno.h>
#include <linux/kvm.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base.h"
#include "complain.h"
#include "sandbox.h"

#define ANY(name) { .call = SCMP_SYS(name) }
#define ONLY(name, number, is) \
	{ .call = SCMP_SYS(name), .arg = (number), .value = (is), .limited = true }

/* write(): serial port, interrupts, events, complaints */
static const struct sandbox_rule vcpu[] = {
	ONLY(ioctl, 1, KVM_RUN),
	ANY(write),
	ANY(futex),
	ANY(exit_group),
};

static const struct sandbox_rule io[] = {
	ANY(epoll_wait),
	ANY(epoll_ctl),
	ANY(read),
	ANY(write),
	ANY(recvmsg),
	ANY(sendmsg),
	ANY(accept4),
	ANY(shutdown),
	ANY(close),
	ONLY(madvise, 2, MADV_DONTNEED),
	ANY(futex),
	ANY(exit_group),
};

static const struct sandbox_rule broker[] = {
	ANY(fchdir),
	ANY(recvmsg),
	ANY(sendmsg),
	ONLY(socket, 0, AF_UNIX),
	ANY(connect),
	ANY(close),
	ANY(exit_group),
};

/* The same as I/O, and the memory that the VMM shares */
static const struct sandbox_rule parent[] = {
	ANY(epoll_wait),
	ANY(epoll_ctl),
	ANY(read),
	ANY(write),
	ANY(recvmsg),
	ANY(sendmsg),
	ANY(accept4),
	ANY(shutdown),
	ANY(close),
	ANY(lseek),
	ONLY(mmap, 2, PROT_READ | PROT_WRITE),
	ANY(munmap),
	ONLY(madvise, 2, MADV_DONTNEED),
	ONLY(madvise, 2, MADV_DONTDUMP),
	ANY(futex),
	ANY(exit_group),
};

#define RULES(array) { array, ARRAY_SIZE(array) }

static const struct {
	const struct sandbox_rule *rules;
	size_t n;
} sandboxes[SANDBOXES] = {
	[SANDBOX_VCPU] = RULES(vcpu), [SANDBOX_IO] = RULES(io), [SANDBOX_BROKER] = RULES(broker),
	[SANDBOX_PARENT] = RULES(parent),
};

/**
 * sandbox_rules - what a thread may do
 * @sandbox: which
 * @ret: the rules
 *
 * Return: how many there are.
 */
size_t sandbox_rules(enum sandbox sandbox, const struct sandbox_rule **ret)
{
	*ret = sandboxes[sandbox].rules;
	return sandboxes[sandbox].n;
}

static int add(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp is = { .arg = rule->arg, .op = SCMP_CMP_EQ, .datum_a = rule->value };

	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->call, rule->limited, &is);
}

/**
 * sandbox_enter - let this thread do no more than what it needs
 * @sandbox: what it is
 *
 * Return: 0, or -1 after a complaint.
 */
int sandbox_enter(enum sandbox sandbox)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const struct sandbox_rule *rules;
	size_t n = sandbox_rules(sandbox, &rules);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < n; i++)
		r = add(filter, &rules[i]);
	if (!r)
		r = seccomp_load(filter);
	if (r)
		return complain("cannot enter the sandbox: %s", strerror(-r));
	/* What the filter was made of stays: giving it back could need more calls */
	return 0;
}
