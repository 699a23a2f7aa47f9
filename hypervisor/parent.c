// SPDX-License-Identifier: GPL-2.0
/*
 * nitro-vsock: the vsock device of a parent that is a virtual machine, behind its VMM
 * (vhost-user). The guest has CID 3. What it connects to is an enclave of its own, which
 * the broker finds by its CID, and who connects to it is one.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "complain.h"
#include "sandbox.h"
#include "vhost.h"

/* Descriptors that are no connection's */
#define OTHER_FDS 64

static struct vsock vsock;
static struct vhost vhost;

static int number(const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	return *text < '0' || *text > '9' || errno || *end || n > INT32_MAX ||
	       fcntl((int)n, F_GETFD) < 0 ? -1 : (int)n;
}

/* Memory of a pool is mapped by those alone who have opened it, all of them before the first
 * maps it. What is mapped comes from the VMM.
 */
static int open_memory(int handle, int ready)
{
	char path[sizeof("/proc/self/fd/") + 10];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", handle);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return complain("memory: %s", strerror(errno)), -1;
	close(fd);
	close(handle);
	close(ready);
	return 0;
}

int main(int argc, char *argv[])
{
	static const struct events nobody = { .fd = -1 };
	static struct loop loop;
	struct vsock_setup setup = {
		.cid = VSOCK_PARENT_CID, .parent = true, .listener = -1, .irqfd = -1,
		.memory = &vhost.memory, .events = &nobody, .loop = &loop,
	};
	int vmm, memory, ready;

	if (argc != 6) {
		fputs("usage: nitro-vsock VMM-FD LISTENER-FD BROKER-FD MEMORY-FD READY-FD\n",
		      stderr);
		return 2;
	}
	vmm = number(argv[1]);
	setup.relay = number(argv[2]);
	setup.broker = number(argv[3]);
	memory = number(argv[4]);
	ready = number(argv[5]);
	if (vmm < 0 || setup.relay < 0 || setup.broker < 0 || memory < 0 || ready < 0)
		return complain("vsock: its descriptors are not open"), 2;
	/* A reader that goes away is found by write() */
	(void)signal(SIGPIPE, SIG_IGN);
	setup.connections = connections_limit(OTHER_FDS);
	setup.notify = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (setup.notify < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return complain("vsock: cannot begin: %s", strerror(errno)), 1;
	if (open_memory(memory, ready) < 0 || loop_init(&loop) < 0 ||
	    vsock_init(&vsock, &setup) < 0 || vhost_init(&vhost, vmm, &vsock, &loop) < 0 ||
	    sandbox_enter(SANDBOX_PARENT) < 0)
		return 1;
	loop_run(&loop);
}
