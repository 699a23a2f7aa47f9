// SPDX-License-Identifier: GPL-2.0
/* The one thread that does all I/O waits here. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "complain.h"
#include "loop.h"

#define EVENTS_MAX 64

/**
 * loop_init - a loop without anything
 * @loop: to fill
 *
 * Return: 0, or -1 after a complaint.
 */
int loop_init(struct loop *loop)
{
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->fd < 0)
		return complain("cannot wait for events: %s", strerror(errno));
	return 0;
}

/**
 * loop_add - wait for a descriptor, until it is closed
 * @loop: the loop
 * @fd: the descriptor
 * @events: EPOLL* bits
 * @source: who is told. A source may outlive its descriptor and get another one; it
 *	may then be told of something that happened to the old one.
 *
 * Return: false if the kernel is out of memory.
 */
bool loop_add(struct loop *loop, int fd, uint32_t events, struct source *source)
{
	struct epoll_event e = { .events = events, .data.ptr = source };

	return epoll_ctl(loop->fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

/**
 * loop_remove - do not wait any more for a descriptor that others have, too
 * @loop: the loop
 * @fd: the descriptor
 */
void loop_remove(struct loop *loop, int fd)
{
	(void)epoll_ctl(loop->fd, EPOLL_CTL_DEL, fd, NULL);
}

/**
 * loop_turn - wait once, and do what there is to do
 * @loop: the loop
 * @timeout: how long, in ms; -1 for ever
 *
 * Return: how many events there were.
 */
int loop_turn(struct loop *loop, int timeout)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(loop->fd, events, EVENTS_MAX, timeout);

	for (int i = 0; i < n; i++) {
		struct source *source = events[i].data.ptr;

		source->happened(source, events[i].events);
	}
	return n;
}

/**
 * loop_run - do so for ever
 * @loop: the loop
 */
_Noreturn void loop_run(struct loop *loop)
{
	for (;;)
		loop_turn(loop, -1);
}
