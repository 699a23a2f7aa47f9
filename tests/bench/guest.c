// SPDX-License-Identifier: GPL-2.0
/* /init of the guest of tests/bench/instance: it says so with its first instructions. */

#include <unistd.h>

int main(void)
{
	static const char first[] = "guest: first\n";

	if (write(STDOUT_FILENO, first, sizeof(first) - 1) < 0)
		return 1;
	for (;;)
		pause();
}
