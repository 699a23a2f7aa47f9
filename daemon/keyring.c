// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's keyring, for the moment in which a key is handed to nitro_ebs: a
 * "logon" key, which user space can make and never read. It lies in a keyring that the next
 * nitrod finds again, if this one is killed in that moment.
 */

#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "keyring.h"

/* Seconds. The kernel looks for the key at once */
#define EXPIRES 60

/* That of the process, where there is none with a name */
static int32_t ring = KEY_SPEC_PROCESS_KEYRING;

/* Into the process's own keyring, without which it could not be used */
static long take_ring(const char *name)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "keyring", name,
		       KEY_SPEC_PROCESS_KEYRING);
}

/**
 * keyring_open - find the keyring of this state, and wipe what a nitrod that was killed has left
 * @state_dir: where the state lies, which is in use by nobody else
 *
 * Without it keys lie in the process's own, and expire if nobody removes them.
 *
 * Context: at start.
 */
void keyring_open(const char *state_dir)
{
	_cleanup_free_ char *path = realpath(state_dir, NULL);
	_cleanup_free_ char *name = xprintf("nitrod:%s", path ? path : state_dir);
	long id = take_ring(name);

	if (id < 0 && syscall(SYS_add_key, "keyring", name, NULL, 0, KEY_SPEC_USER_KEYRING) >= 0)
		id = take_ring(name);
	if (id < 0)
		return;
	(void)syscall(SYS_keyctl, KEYCTL_CLEAR, id);
	ring = id;
}

/**
 * keyring_add - put a key into nitrod's keyring
 * @what: whose it is
 * @key: the key
 * @ret: its serial number
 * @e: says why not
 *
 * If nitrod is killed before it has removed the key and does not come back, the key expires by
 * itself.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int keyring_add(const char *what, const struct secret *key, uint32_t *ret, struct error *e)
{
	_cleanup_free_ char *name = xprintf("nitro:%s", what);
	long serial = syscall(SYS_add_key, "logon", name, key->data, key->size, ring);

	if (serial < 0)
		return fail(e, ERR_FAILED, "the kernel takes no key: %s", strerror(errno));
	(void)syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, serial, EXPIRES);
	*ret = serial;
	return 0;
}

/**
 * keyring_remove - wipe a key from the keyring
 * @serial: its serial number, 0 for none
 *
 * Context: event loop.
 */
void keyring_remove(uint32_t serial)
{
	if (!serial)
		return;
	/* revoked: of no use from now on; invalidated: collected at once */
	(void)syscall(SYS_keyctl, KEYCTL_REVOKE, serial);
	(void)syscall(SYS_keyctl, KEYCTL_INVALIDATE, serial);
}
