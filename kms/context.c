// SPDX-License-Identifier: GPL-2.0
/* An encryption context: pairs of texts that are authenticated with what is encrypted. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "kms.h"

static int check(sd_json_variant *context, struct why *why)
{
	_cleanup_free_ char *text = NULL;
	const char *key, *before = NULL;
	sd_json_variant *v;

	OBJECT_FOREACH(key, v, context) {
		if (!sd_json_variant_is_string(v))
			return refuse(why, "EncryptionContext is not only text");
		if (before && !strcmp(before, key))
			return refuse(why, "EncryptionContext has a key twice");
		before = key;
	}
	if (sd_json_variant_format(context, 0, &text) >= 0 && strlen(text) <= CONTEXT_MAX)
		return 0;
	(void)refuse(why, "EncryptionContext has more than %d bytes", CONTEXT_MAX);
	return -E2BIG;
}

/**
 * context_read - take an encryption context
 * @from: what the caller says, NULL for nothing
 * @ret: receives the context, sorted; NULL if it is empty, which is as good as none
 * @why: says what is wrong with it
 *
 * Context: any; it may be hostile.
 * Return: 0, -EINVAL if it is none, -E2BIG if it is too long.
 */
int context_read(sd_json_variant *from, sd_json_variant **ret, struct why *why)
{
	_cleanup_json_ sd_json_variant *sorted = sd_json_variant_ref(from);
	int err;

	*ret = NULL;
	if (!from || sd_json_variant_is_null(from))
		return 0;
	if (!sd_json_variant_is_object(from))
		return refuse(why, "EncryptionContext is no object");
	if (sd_json_variant_normalize(&sorted) < 0)
		return refuse(why, "EncryptionContext cannot be read");
	err = check(sorted, why);
	if (!err && sd_json_variant_elements(sorted))
		*ret = sd_json_variant_ref(sorted);
	return err;
}

/**
 * context_text - what is authenticated: the sorted pairs, so that their order does not count
 * @context: the context, NULL for none
 * @ret: receives the text, to be freed
 *
 * Context: any.
 * Return: 0 or more, or a negative errno.
 */
int context_text(sd_json_variant *context, char **ret)
{
	if (context)
		return sd_json_variant_format(context, 0, ret);
	*ret = strdup("");
	return *ret ? 0 : -ENOMEM;
}
