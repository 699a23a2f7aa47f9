// SPDX-License-Identifier: GPL-2.0
/*
 * How much nitro-services has allocated, for tests/services/hostile: SIGUSR1 has
 * the number of bytes written to the file descriptor HEAP_FD. It is what malloc()
 * gave and free() did not take back, so it depends neither on the allocator nor on
 * when that returns pages. Linked into the sanitized build only.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* <sanitizer/allocator_interface.h>, which comes with clang only */
size_t __sanitizer_get_current_allocated_bytes(void);

static int heap_fd;

/* Neither call allocates, and this is the only thread */
static void tell(int number)
{
	(void)number;
	dprintf(heap_fd, "%zu\n", __sanitizer_get_current_allocated_bytes());
}

__attribute__((constructor)) static void listen_for_tests(void)
{
	const struct sigaction action = { .sa_handler = tell, .sa_flags = SA_RESTART };
	const char *fd = getenv("HEAP_FD");

	if (!fd)
		return;
	heap_fd = strtol(fd, NULL, 10);
	sigaction(SIGUSR1, &action, NULL);
}
