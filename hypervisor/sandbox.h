/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_SANDBOX_H
#define NITRO_HYPERVISOR_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox {
	SANDBOX_VCPU,		/* runs the guest */
	SANDBOX_IO,		/* everything else of the VMM */
	SANDBOX_BROKER,		/* nitro-vsock-broker */
	SANDBOX_PARENT,		/* nitro-vsock */
	SANDBOXES,
};

/**
 * struct sandbox_rule - a system call that a thread may use
 * @call: its number
 * @arg: which of its arguments is looked at
 * @value: what that has to be
 * @limited: one argument is looked at
 */
struct sandbox_rule {
	int call;
	unsigned int arg;
	unsigned long value;
	bool limited;
};

size_t sandbox_rules(enum sandbox sandbox, const struct sandbox_rule **ret);
int sandbox_enter(enum sandbox sandbox);

#endif
