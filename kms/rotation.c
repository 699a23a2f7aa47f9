// SPDX-License-Identifier: GPL-2.0
/* Rotation of keys, as AWS's API reference describes what is asked for. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"

#define LIST_DEFAULT 100
#define LIST_MAX 1000

/**
 * serve_rotate_key_on_demand - RotateKeyOnDemand
 * @r: the request
 *
 * Context: event loop; waits for the disk.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_rotate_key_on_demand(struct request *r)
{
	struct why why;
	int err;

	if (request_key(r) || request_authorize(r, "kms:RotateKeyOnDemand"))
		return -EINVAL;
	err = key_rotate(r->kms, &r->key, &why);
	if (err)
		return decline(r, err == -ENOSPC ? LIMIT_EXCEEDED : INTERNAL, "%s", why.text);
	return sd_json_variant_set_field_string(&r->reply, "KeyId", r->key.id) < 0 ?
		decline(r, INTERNAL, "no memory") : 0;
}

/* A page, and where the next one begins */
struct page {
	const struct request *request;
	unsigned int most, n, last;
	sd_json_variant *rotations;
};

static int add_rotation(const struct version *version, void *userdata)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct page *page = userdata;
	int err;

	/* One more than fits, to know that there is one */
	if (page->n++ == page->most)
		return 0;
	page->last = version->number;
	err = sd_json_buildo(&v,
		SD_JSON_BUILD_PAIR("KeyId", SD_JSON_BUILD_STRING(page->request->key.id)),
		SD_JSON_BUILD_PAIR("RotationDate", SD_JSON_BUILD_INTEGER(version->created)),
		SD_JSON_BUILD_PAIR("RotationType", SD_JSON_BUILD_STRING("ON_DEMAND")));
	return err < 0 ? err : sd_json_variant_append_array(&page->rotations, v);
}

static int read_limit(struct request *r, unsigned int *ret)
{
	sd_json_variant *v = sd_json_variant_by_key(r->body, "Limit");

	*ret = LIST_DEFAULT;
	if (!v || sd_json_variant_is_null(v))
		return 0;
	if (!sd_json_variant_is_unsigned(v) || !sd_json_variant_unsigned(v) ||
	    sd_json_variant_unsigned(v) > LIST_MAX)
		return decline(r, VALIDATION, "Limit is not 1 to %d", LIST_MAX);
	*ret = (unsigned int)sd_json_variant_unsigned(v);
	return 0;
}

/* The number of the last rotation that was told of; the first version is none */
static int read_marker(struct request *r, unsigned int *ret)
{
	const char *text = request_text(r, "Marker");
	size_t n = text ? strlen(text) : 0;

	*ret = 1;
	if (r->error)
		return -EINVAL;
	if (!text)
		return 0;
	if (!n || n > 4 || strspn(text, "0123456789") != n)
		return decline(r, INVALID_MARKER, "Marker is none of this service");
	*ret = (unsigned int)strtoul(text, NULL, 10);
	return *ret ? 0 : decline(r, INVALID_MARKER, "Marker is none of this service");
}

static int reply_with(struct request *r, const struct page *page)
{
	bool more = page->n > page->most;
	char marker[16];
	int err = sd_json_variant_set_field(&r->reply, "Rotations", page->rotations);

	if (err >= 0)
		err = sd_json_variant_set_field_boolean(&r->reply, "Truncated", more);
	if (err < 0 || !more)
		return err;
	(void)snprintf(marker, sizeof(marker), "%u", page->last);
	return sd_json_variant_set_field_string(&r->reply, "NextMarker", marker);
}

/**
 * serve_list_key_rotations - ListKeyRotations
 * @r: the request
 *
 * Context: event loop.
 * Return: 0, or -EINVAL with the request declined.
 */
int serve_list_key_rotations(struct request *r)
{
	struct page page = { .request = r };
	unsigned int after;
	struct why why;
	int err;

	if (request_key(r) || read_limit(r, &page.most) || read_marker(r, &after) ||
	    request_authorize(r, "kms:ListKeyRotations"))
		return -EINVAL;
	if (sd_json_variant_new_array(&page.rotations, NULL, 0) < 0)
		return decline(r, INTERNAL, "no memory");
	err = store_versions(r->kms->store, r->key.id, after, page.most + 1, add_rotation, &page,
			     &why);
	if (err)
		(void)decline(r, INTERNAL, "%s", why.text);
	else if (reply_with(r, &page) < 0)
		err = decline(r, INTERNAL, "no memory");
	sd_json_variant_unref(page.rotations);
	return err ? -EINVAL : 0;
}
