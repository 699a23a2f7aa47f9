// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's keyring, for the moment in which a key is handed to nitro_ebs: a
 * "logon" key, which user space can make and never read.
 */

#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "keyring.h"

/* Seconds. The kernel looks for the key at once */
#define EXPIRES 60

/**
 * keyring_add - put a key into nitrod's own keyring
 * @what: whose it is
 * @key: the key
 * @ret: its serial number
 * @e: says why not
 *
 * If nitrod is killed before it has removed the key, its keyring lives on in what it has
 * opened and others hold: so the key expires by itself.
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int keyring_add(const char *what, const struct secret *key, uint32_t *ret, struct error *e)
{
	_cleanup_free_ char *name = xprintf("nitro:%s", what);
	long serial = syscall(SYS_add_key, "logon", name, key->data, key->size,
			      KEY_SPEC_PROCESS_KEYRING);

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
