// SPDX-License-Identifier: GPL-2.0
#include "key.h"

#include <crypto/utils.h>
#include <keys/user-type.h>
#include <kunit/visibility.h>
#include <linux/key.h>
#include <linux/netlink.h>
#include <linux/random.h>
#include <linux/string.h>

/**
 * nitro_ebs_key_check() - is this a key for AES-XTS?
 * @key: the key
 * @extack: error message
 *
 * Context: any.
 * Return: 0 or -EINVAL.
 */
int nitro_ebs_key_check(const struct nitro_ebs_key *key,
			struct netlink_ext_ack *extack)
{
	if (key->len != 64 && key->len != 32) {
		NL_SET_ERR_MSG_FMT(extack,
				   "the key has %u bytes, not 64 (AES-256-XTS) or 32 (AES-128-XTS)",
				   key->len);
		return -EINVAL;
	}
	/* IEEE 1619 and FIPS 140: such a key is open to a chosen-ciphertext
	 * attack; in practice it is a file of zeros
	 */
	if (!crypto_memneq(key->bytes, key->bytes + key->len / 2,
			   key->len / 2)) {
		NL_SET_ERR_MSG(extack,
			       "the two halves of the key are equal, which XTS forbids");
		return -EINVAL;
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(nitro_ebs_key_check);

/**
 * nitro_ebs_key_copy() - copy a key from the kernel's keyrings
 * @key: result, to be wiped
 * @serial: serial number of a "logon" key
 * @extack: error message
 *
 * The permissions are those of the process that asks.
 *
 * Context: may sleep; in the asking process.
 * Return: 0 or a negative errno, and then @key is empty.
 */
int nitro_ebs_key_copy(struct nitro_ebs_key *key, u32 serial,
		       struct netlink_ext_ack *extack)
{
	const struct user_key_payload *payload;
	struct key *from;
	key_ref_t ref;
	int err = 0;

	key->len = 0;
	ref = lookup_user_key(serial, 0, KEY_NEED_SEARCH);
	if (IS_ERR(ref)) {
		err = PTR_ERR(ref);
		NL_SET_ERR_MSG_FMT(extack, "no key %u that you may search",
				   serial);
		return err;
	}
	from = key_ref_to_ptr(ref);
	if (from->type != &key_type_logon) {
		NL_SET_ERR_MSG(extack,
			       "only a 'logon' key is taken: others can be read back");
		err = -EINVAL;
		goto err_put;
	}

	down_read(&from->sem);
	payload = user_key_payload_locked(from);
	if (!payload) {
		NL_SET_ERR_MSG(extack, "the key was revoked");
		err = -EKEYREVOKED;
	} else {
		key->len = payload->datalen;
		if (key->len <= sizeof(key->bytes))
			memcpy(key->bytes, payload->data, key->len);
		err = nitro_ebs_key_check(key, extack);
	}
	up_read(&from->sem);
	if (err)
		nitro_ebs_key_wipe(key);
err_put:
	key_put(from);
	return err;
}

/**
 * nitro_ebs_key_make() - make a key that nobody knows
 * @key: result, to be wiped
 *
 * Context: may sleep until the random number generator is ready.
 */
void nitro_ebs_key_make(struct nitro_ebs_key *key)
{
	key->len = sizeof(key->bytes);
	do {
		get_random_bytes_wait(key->bytes, key->len);
	} while (nitro_ebs_key_check(key, NULL));
}

/**
 * nitro_ebs_key_wipe() - overwrite a key
 * @key: the key
 *
 * Context: any.
 */
void nitro_ebs_key_wipe(struct nitro_ebs_key *key)
{
	memzero_explicit(key, sizeof(*key));
}
