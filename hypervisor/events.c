// SPDX-License-Identifier: GPL-2.0
/*
 * The life of the guest, told in lines: "started cpu_us=N", "heartbeat", "ended REASON".
 * Those are all, so they fit into any pipe, and who does not listen stops nobody.
 */

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "events.h"

/**
 * events_say - tell of an event
 * @events: who is told
 * @format: the line, as of printf(), with its end
 *
 * Context: any thread.
 */
void events_say(const struct events *events, const char *format, ...)
{
	char line[128];
	va_list args;
	int n;

	if (events->fd < 0)
		return;
	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(line) && write(events->fd, line, n) < 0)
		return;		/* nobody is there any more */
}

/**
 * events_end - tell of the end, and end
 * @events: who is told
 * @end: exit status
 * @why: in a word
 *
 * Context: any thread; takes the others with it.
 */
_Noreturn void events_end(const struct events *events, enum end end, const char *why)
{
	events_say(events, "ended %s\n", why);
	_exit(end);
}
