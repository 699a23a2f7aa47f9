// SPDX-License-Identifier: GPL-2.0
/* Where no systemd has started the service, nothing is held, and nothing is found. */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "store.h"

#define PREFIX "enclave-"

/**
 * store_add - have systemd hold an enclave
 * @name: receives its name there
 * @socket: its socket; systemd lets go of that by itself when the other end is closed
 * @state: its state
 *
 * systemd reads what a process has sent before it learns that it was killed.
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int store_add(char name[static STORE_NAME_SIZE], int socket, int state)
{
	const int fds[] = { socket, state };
	char message[96];
	uint64_t number;
	int r;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	(void)snprintf(name, STORE_NAME_SIZE, PREFIX "%016llx", (unsigned long long)number);
	(void)snprintf(message, sizeof(message), "FDSTORE=1\nFDNAME=%s", name);
	r = sd_pid_notify_with_fds(0, false, message, fds, 2);
	return r < 0 ? r : 0;
}

/**
 * store_remove - have systemd let go of an enclave
 * @name: its name there
 *
 * Context: any.
 */
void store_remove(const char *name)
{
	(void)sd_notifyf(false, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* The other one of the same name, -1 if there is none */
static int find_state(char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (names[i] && !strcmp(names[i], name) &&
		    !sd_is_socket(SD_LISTEN_FDS_START + i, AF_UNSPEC, 0, -1))
			return i;
	return -1;
}

static void forget(char **name)
{
	free(*name);
	*name = NULL;
}

/**
 * store_find - find what systemd has held
 * @found: is called for each enclave; what it has not taken, without an error, is closed
 *	and let go of
 * @userdata: for it
 *
 * Context: at start, once.
 * Return: how many were taken, or a negative errno.
 */
int store_find(store_found_fn found, void *userdata)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(false, &names), taken = 0;

	if (n < 0)
		return n;
	/* Not an enclave: what the service listens to */
	for (int i = 0; i < n; i++)
		if (strncmp(names[i], PREFIX, strlen(PREFIX)) != 0)
			forget(&names[i]);
	for (int i = 0; i < n; i++) {
		int fd = SD_LISTEN_FDS_START + i, state;

		if (!names[i] || sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 0) <= 0)
			continue;
		state = find_state(names, n, names[i]);
		if (state < 0 ||
		    found(names[i], fd, SD_LISTEN_FDS_START + state, userdata) < 0)
			continue;
		taken++;
		forget(&names[i]);
		forget(&names[state]);
	}
	for (int i = 0; i < n; i++) {
		if (!names[i])
			continue;
		store_remove(names[i]);
		close(SD_LISTEN_FDS_START + i);
		free(names[i]);
	}
	free(names);
	return taken;
}
