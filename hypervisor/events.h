/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_EVENTS_H
#define NITRO_HYPERVISOR_EVENTS_H

/**
 * struct events - who is told of the guest's life
 * @fd: gets a line for each event, -1 for nobody
 */
struct events {
	int fd;
};

/* Exit status of the VMM */
enum end {
	END_WISHED = 0,		/* the guest has turned itself off, or wanted a reset */
	END_FAILED = 1,		/* we, or KVM */
	END_USAGE = 2,
	END_CRASHED = 3,	/* the processor has nowhere to go: triple fault */
};

void events_say(const struct events *events, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
_Noreturn void events_end(const struct events *events, enum end end, const char *why);

#endif
