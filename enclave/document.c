// SPDX-License-Identifier: GPL-2.0
/* The fields of a document, in the order that AWS's has, and their limits. */

#include <errno.h>
#include <string.h>

#include "document.h"

#define DIGEST "SHA384"
/* Milliseconds; who was asked for more documents in one has a clock that went back */
#define CLOCK_STEP 1000

enum field {
	MODULE_ID,
	DIGEST_NAME,
	TIMESTAMP,
	PCRS,
	CERTIFICATE,
	CABUNDLE,
	PUBLIC_KEY,
	USER_DATA,
	NONCE,
	FIELDS,
};

static const char *const names[FIELDS] = {
	[MODULE_ID] = "module_id",
	[DIGEST_NAME] = "digest",
	[TIMESTAMP] = "timestamp",
	[PCRS] = "pcrs",
	[CERTIFICATE] = "certificate",
	[CABUNDLE] = "cabundle",
	[PUBLIC_KEY] = "public_key",
	[USER_DATA] = "user_data",
	[NONCE] = "nonce",
};

static void put_optional(struct item_writer *w, enum field field, const struct blob *blob)
{
	put_text(w, names[field]);
	if (blob->present)
		put_bytes(w, blob->data, blob->size);
	else
		put_null(w);
}

static void put_string(struct item_writer *w, const struct blob *text)
{
	char copy[MODULE_ID_MAX + 1] = "";

	if (text->size > MODULE_ID_MAX) {
		w->full = true;
		return;
	}
	memcpy(copy, text->data, text->size);
	put_text(w, copy);
}

/**
 * document_time - when is the next document made
 * @now: the time, in milliseconds
 * @before: what this said for the document before, 0 for none
 *
 * What is signed is all that tells two documents apart, and two of the same millisecond may ask
 * for the same: the second is of the next one. A clock that is set back is followed.
 *
 * Context: any.
 * Return: its timestamp.
 */
uint64_t document_time(uint64_t now, uint64_t before)
{
	return now <= before && before - now < CLOCK_STEP ? before + 1 : now;
}

/**
 * document_write - write a document
 * @document: the document
 * @w: receives it
 *
 * Context: any.
 */
void document_write(const struct document *document, struct item_writer *w)
{
	put_map(w, FIELDS);
	put_text(w, names[MODULE_ID]);
	put_string(w, &document->module_id);
	put_text(w, names[DIGEST_NAME]);
	put_text(w, DIGEST);
	put_text(w, names[TIMESTAMP]);
	put_uint(w, document->timestamp);
	put_text(w, names[PCRS]);
	put_map(w, __builtin_popcount(document->present));
	for (unsigned int i = 0; i < PCR_COUNT; i++) {
		if (!(document->present & 1U << i))
			continue;
		put_uint(w, i);
		put_bytes(w, document->pcrs[i].value, PCR_SIZE);
	}
	put_text(w, names[CERTIFICATE]);
	put_bytes(w, document->certificate.data, document->certificate.size);
	put_text(w, names[CABUNDLE]);
	put_array(w, document->n_bundle);
	for (size_t i = 0; i < document->n_bundle; i++)
		put_bytes(w, document->bundle[i].data, document->bundle[i].size);
	put_optional(w, PUBLIC_KEY, &document->what.public_key);
	put_optional(w, USER_DATA, &document->what.user_data);
	put_optional(w, NONCE, &document->what.nonce);
}

static int read_module_id(struct item_reader *r, struct document *d, struct why *why)
{
	struct item item;

	if (item_expect(r, ITEM_TEXT, &item))
		return refuse(why, "module_id is no text");
	if (!item.size || item.size > MODULE_ID_MAX)
		return refuse(why, "module_id has %zu bytes, not 1 to %d", item.size,
			      MODULE_ID_MAX);
	for (size_t i = 0; i < item.size; i++)
		if (item.data[i] < ' ' || item.data[i] > '~')
			return refuse(why, "module_id has more than printable ASCII in it");
	d->module_id = (struct blob){ true, item.data, item.size };
	return 0;
}

static int read_timestamp(struct item_reader *r, struct document *d, struct why *why)
{
	struct item item;

	if (item_expect(r, ITEM_UINT, &item) || !item.value)
		return refuse(why, "timestamp is no time");
	d->timestamp = item.value;
	return 0;
}

static int read_pcrs(struct item_reader *r, struct document *d, struct why *why)
{
	struct item_walk walk;
	struct item key, value;

	if (item_open(r, ITEM_MAP, &walk))
		return refuse(why, "pcrs is no map");
	while (item_more(r, &walk)) {
		if (item_expect(r, ITEM_UINT, &key) || key.value >= PCR_COUNT)
			return refuse(why, "pcrs has an index that is not 0 to %d", PCR_COUNT - 1);
		if (d->present & 1U << key.value)
			return refuse(why, "pcrs has PCR%u twice", (unsigned int)key.value);
		if (item_expect(r, ITEM_BYTES, &value) || value.size != PCR_SIZE)
			return refuse(why, "PCR%u has not the %d bytes of SHA-384",
				      (unsigned int)key.value, PCR_SIZE);
		d->present |= 1U << key.value;
		memcpy(d->pcrs[key.value].value, value.data, PCR_SIZE);
	}
	return d->present ? 0 : refuse(why, "pcrs is empty");
}

static int read_blob(struct item_reader *r, const char *name, size_t least, size_t most,
		     struct blob *blob, struct why *why)
{
	struct item item;

	if (item_expect(r, ITEM_BYTES, &item))
		return refuse(why, "%s is no byte string", name);
	if (item.size < least || item.size > most)
		return refuse(why, "%s has %zu bytes, not %zu to %zu", name, item.size, least, most);
	*blob = (struct blob){ true, item.data, item.size };
	return 0;
}

static int read_optional(struct item_reader *r, const char *name, size_t least, size_t most,
			 struct blob *blob, struct why *why)
{
	struct item_reader ahead = *r;
	struct item item;

	if (item_next(&ahead, &item) || item.type != ITEM_NULL)
		return read_blob(r, name, least, most, blob, why);
	*r = ahead;
	return 0;
}

static int read_bundle(struct item_reader *r, struct document *d, struct why *why)
{
	struct item_walk walk;
	int err = 0;

	if (item_open(r, ITEM_ARRAY, &walk))
		return refuse(why, "cabundle is no array");
	while (!err && item_more(r, &walk)) {
		if (d->n_bundle == BUNDLE_MAX)
			return refuse(why, "cabundle has more than %d certificates", BUNDLE_MAX);
		err = read_blob(r, "a certificate of cabundle", 1, CERTIFICATE_MAX,
				&d->bundle[d->n_bundle++], why);
	}
	if (!err && !d->n_bundle)
		return refuse(why, "cabundle is empty");
	return err;
}

static int read_digest(struct item_reader *r, struct why *why)
{
	struct item item;

	if (item_next(r, &item) || !item_is(&item, DIGEST))
		return refuse(why, "digest is not " DIGEST);
	return 0;
}

static int read_field(struct item_reader *r, enum field field, struct document *d,
		      struct why *why)
{
	switch (field) {
	case MODULE_ID:
		return read_module_id(r, d, why);
	case DIGEST_NAME:
		return read_digest(r, why);
	case TIMESTAMP:
		return read_timestamp(r, d, why);
	case PCRS:
		return read_pcrs(r, d, why);
	case CERTIFICATE:
		return read_blob(r, names[field], 1, CERTIFICATE_MAX, &d->certificate, why);
	case CABUNDLE:
		return read_bundle(r, d, why);
	case PUBLIC_KEY:
		return read_optional(r, names[field], 1, PUBLIC_KEY_MAX, &d->what.public_key, why);
	case USER_DATA:
		return read_optional(r, names[field], 0, USER_DATA_MAX, &d->what.user_data, why);
	case NONCE:
		return read_optional(r, names[field], 0, NONCE_MAX, &d->what.nonce, why);
	case FIELDS:
		break;
	}
	return -EINVAL;
}

static enum field find(const struct item *key)
{
	enum field field = 0;

	while (field < FIELDS && !item_is(key, names[field]))
		field++;
	return field;
}

/**
 * document_read - read a document and check the limits of its fields
 * @payload: the payload of the message; it has to stay as long as @document
 * @size: its length
 * @document: receives the document
 * @why: says what is wrong with it
 *
 * Context: any; the document may be hostile.
 * Return: 0 or -EINVAL.
 */
int document_read(const void *payload, size_t size, struct document *document, struct why *why)
{
	struct item_reader r = { .p = payload, .n = size };
	unsigned int seen = 0;
	struct item_walk walk;

	*document = (struct document){};
	if (size > PAYLOAD_MAX)
		return refuse(why, "the payload has %zu bytes, more than %d", size, PAYLOAD_MAX);
	if (item_open(&r, ITEM_MAP, &walk))
		return refuse(why, "the payload is no map");
	while (item_more(&r, &walk)) {
		struct item key;
		enum field field;

		if (item_expect(&r, ITEM_TEXT, &key))
			return refuse(why, "the name of a field is no text");
		field = find(&key);
		if (field == FIELDS)
			return refuse(why, "there is a field that a document has not");
		if (seen & 1U << field)
			return refuse(why, "%s is there twice", names[field]);
		seen |= 1U << field;
		if (read_field(&r, field, document, why))
			return -EINVAL;
	}
	if (r.n)
		return refuse(why, "there are %zu bytes behind the payload", r.n);
	for (enum field field = 0; field < PUBLIC_KEY; field++)
		if (!(seen & 1U << field))
			return refuse(why, "%s is missing", names[field]);
	return 0;
}
