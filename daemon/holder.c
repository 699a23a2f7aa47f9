// SPDX-License-Identifier: GPL-2.0
/* Who holds a volume, and how it hears that it has one or has none any more. */

#include <stdio.h>

#include "ebs.h"
#include "object.h"

/**
 * holder_plug - a volume is there: give it to its holder
 * @m: the manager
 * @volume: the volume
 * @path: its block device
 * @e: says why the holder does not take it; the device is then taken away again
 *
 * This host finds it under /dev/nitro by itself; an instance is given it here.
 *
 * Context: event loop; before the command that attaches it is answered, and
 * when nitrod has given the kernel back a volume after a restart of the host.
 * Return: 0 or a negative errno.
 */
int holder_plug(struct manager *m, struct object *volume, const char *path, struct error *e)
{
	(void)m;
	(void)volume;
	(void)path;
	(void)e;
	return 0;
}

/**
 * holder_unplug - a volume goes: its holder should let it go
 * @m: the manager
 * @volume: the volume
 *
 * Context: event loop, before the device is taken away.
 */
void holder_unplug(struct manager *m, struct object *volume)
{
	(void)m;
	(void)volume;
}
