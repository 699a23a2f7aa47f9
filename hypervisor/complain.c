// SPDX-License-Identifier: GPL-2.0
/* What went wrong, for who started us. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"

/**
 * complain - say on standard error what is wrong, in one line
 * @format: as of printf()
 *
 * Context: any thread; one system call, which its sandbox allows.
 * Return: -1, for the caller to return.
 */
int complain(const char *format, ...)
{
	char line[512] = "nitro-hypervisor: ";
	size_t n = strlen(line);
	va_list args;
	int more;

	va_start(args, format);
	more = vsnprintf(line + n, sizeof(line) - n - 1, format, args);
	va_end(args);
	if (more > 0)
		n += (size_t)more < sizeof(line) - n - 1 ? (size_t)more : sizeof(line) - n - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return -1;	/* nobody to tell */
	return -1;
}
