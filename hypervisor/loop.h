/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_LOOP_H
#define NITRO_HYPERVISOR_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct source - something that happens
 * @happened: called in the I/O thread, with EPOLL* bits
 */
struct source {
	void (*happened)(struct source *source, uint32_t events);
};

/**
 * struct loop - the I/O thread's
 * @fd: an epoll
 */
struct loop {
	int fd;
};

int loop_init(struct loop *loop);
bool loop_add(struct loop *loop, int fd, uint32_t events, struct source *source);
void loop_remove(struct loop *loop, int fd);
int loop_turn(struct loop *loop, int timeout);
_Noreturn void loop_run(struct loop *loop);

#endif
