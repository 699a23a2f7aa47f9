// SPDX-License-Identifier: GPL-2.0
/* CBOR items in and out of memory that the caller has. */

#include <cbor.h>
#include <errno.h>
#include <string.h>

#include "item.h"

/* Deeper than anything of ours; what is skipped must not cost a stack */
#define DEPTH_MAX 16
/*
 * Tags that were not assigned when libcbor was written, COSE's among them: it refuses
 * their one-byte heads.
 */
#define TAG_0 0xc0
#define TAG_6 0xc6
#define TAG_20 0xd4

static void on_number(void *to, enum item_type type, uint64_t value)
{
	struct item *item = to;

	item->type = type;
	item->value = value;
}

static void on_string(void *to, enum item_type type, cbor_data data, uint64_t size)
{
	struct item *item = to;

	item->type = type;
	item->data = data;
	item->size = size;
}

static void on_indefinite(void *to, enum item_type type)
{
	struct item *item = to;

	item->type = type;
	item->indefinite = true;
}

static void on_uint8(void *to, uint8_t value) { on_number(to, ITEM_UINT, value); }
static void on_uint16(void *to, uint16_t value) { on_number(to, ITEM_UINT, value); }
static void on_uint32(void *to, uint32_t value) { on_number(to, ITEM_UINT, value); }
static void on_uint64(void *to, uint64_t value) { on_number(to, ITEM_UINT, value); }
static void on_negint8(void *to, uint8_t value) { on_number(to, ITEM_NEGINT, value); }
static void on_negint16(void *to, uint16_t value) { on_number(to, ITEM_NEGINT, value); }
static void on_negint32(void *to, uint32_t value) { on_number(to, ITEM_NEGINT, value); }
static void on_negint64(void *to, uint64_t value) { on_number(to, ITEM_NEGINT, value); }
static void on_bytes(void *to, cbor_data p, uint64_t n) { on_string(to, ITEM_BYTES, p, n); }
static void on_text(void *to, cbor_data p, uint64_t n) { on_string(to, ITEM_TEXT, p, n); }
static void on_byte_chunks(void *to) { on_indefinite(to, ITEM_BYTES); }
static void on_text_chunks(void *to) { on_indefinite(to, ITEM_TEXT); }
static void on_array(void *to, uint64_t count) { on_number(to, ITEM_ARRAY, count); }
static void on_long_array(void *to) { on_indefinite(to, ITEM_ARRAY); }
static void on_map(void *to, uint64_t count) { on_number(to, ITEM_MAP, count); }
static void on_long_map(void *to) { on_indefinite(to, ITEM_MAP); }
static void on_tag(void *to, uint64_t tag) { on_number(to, ITEM_TAG, tag); }
static void on_bool(void *to, bool value) { on_number(to, ITEM_BOOL, value); }
static void on_null(void *to) { on_number(to, ITEM_NULL, 0); }
static void on_undefined(void *to) { on_number(to, ITEM_OTHER, 0); }
static void on_float(void *to, float value) { (void)value; on_number(to, ITEM_OTHER, 0); }
static void on_double(void *to, double value) { (void)value; on_number(to, ITEM_OTHER, 0); }
static void on_break(void *to) { on_number(to, ITEM_BREAK, 0); }

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string = on_bytes,
	.byte_string_start = on_byte_chunks,
	.string = on_text,
	.string_start = on_text_chunks,
	.array_start = on_array,
	.indef_array_start = on_long_array,
	.map_start = on_map,
	.indef_map_start = on_long_map,
	.tag = on_tag,
	.boolean = on_bool,
	.null = on_null,
	.undefined = on_undefined,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.indef_break = on_break,
};

/**
 * item_next - read the head of the next data item, and a definite string whole
 * @r: where
 * @item: receives it
 *
 * Context: any.
 * Return: 0, or -EBADMSG where there is none.
 */
int item_next(struct item_reader *r, struct item *item)
{
	struct cbor_decoder_result result;

	*item = (struct item){};
	if (r->n && *r->p >= TAG_6 && *r->p <= TAG_20) {
		on_tag(item, *r->p - TAG_0);
		r->p++;
		r->n--;
		return 0;
	}
	result = cbor_stream_decode(r->p, r->n, &callbacks, item);
	if (result.status != CBOR_DECODER_FINISHED || result.read > r->n)
		return -EBADMSG;
	r->p += result.read;
	r->n -= result.read;
	return 0;
}

/**
 * item_expect - read the next data item, which has to be of a type, and definite
 * @r: where
 * @type: the type
 * @item: receives it
 *
 * Context: any.
 * Return: 0, or -EBADMSG where it is something else.
 */
int item_expect(struct item_reader *r, enum item_type type, struct item *item)
{
	int err = item_next(r, item);

	if (err)
		return err;
	return item->type == type && !item->indefinite ? 0 : -EBADMSG;
}

/* How many items are inside, if that is known */
static uint64_t items_inside(const struct item *item)
{
	switch (item->type) {
	case ITEM_ARRAY:
		return item->value;
	case ITEM_MAP:
		return item->value > UINT64_MAX / 2 ? UINT64_MAX : 2 * item->value;
	case ITEM_TAG:
		return 1;
	default:
		return 0;
	}
}

/**
 * item_skip - read over one data item with all that it has inside
 * @r: where
 *
 * Context: any.
 * Return: 0, or -EBADMSG where there is none or it is nested too deeply.
 */
int item_skip(struct item_reader *r)
{
	struct item_walk inside[DEPTH_MAX] = { { .left = 1 } };
	unsigned int depth = 1;

	while (depth) {
		struct item_walk *walk = &inside[depth - 1];
		struct item item;

		if (!walk->indefinite && !walk->left) {
			depth--;
			continue;
		}
		if (item_next(r, &item))
			return -EBADMSG;
		if (item.type == ITEM_BREAK) {
			if (!walk->indefinite)
				return -EBADMSG;
			depth--;
			continue;
		}
		if (!walk->indefinite)
			walk->left--;
		if (!item.indefinite && !items_inside(&item))
			continue;
		if (depth == DEPTH_MAX)
			return -EBADMSG;
		inside[depth++] = (struct item_walk){
			.indefinite = item.indefinite,
			.left = items_inside(&item),
		};
	}
	return 0;
}

/**
 * item_open - begin to read an array or a map
 * @r: where
 * @type: ITEM_ARRAY or ITEM_MAP
 * @walk: receives its place; of a map each pair counts once
 *
 * Context: any.
 * Return: 0, or -EBADMSG where it is something else.
 */
int item_open(struct item_reader *r, enum item_type type, struct item_walk *walk)
{
	struct item item;

	if (item_next(r, &item) || item.type != type)
		return -EBADMSG;
	*walk = (struct item_walk){ .indefinite = item.indefinite, .left = item.value };
	return 0;
}

/**
 * item_more - is there another item, or pair, in a container
 * @r: where
 * @walk: the place in it
 *
 * Context: any; reads the break of a container that has one.
 * Return: true if there is one.
 */
bool item_more(struct item_reader *r, struct item_walk *walk)
{
	struct item_reader ahead = *r;
	struct item item;

	if (!walk->indefinite)
		return walk->left && walk->left--;
	if (item_next(&ahead, &item) || item.type != ITEM_BREAK)
		return true;
	*r = ahead;
	return false;
}

/**
 * item_string - copy a string, of one piece or of chunks
 * @r: where
 * @type: ITEM_BYTES or ITEM_TEXT
 * @to: receives it
 * @room: how much fits
 * @n: receives its length
 *
 * Context: any.
 * Return: 0, -EBADMSG where it is something else, -E2BIG where it does not fit.
 */
int item_string(struct item_reader *r, enum item_type type, uint8_t *to, size_t room, size_t *n)
{
	struct item item;
	bool chunks;

	if (item_next(r, &item) || item.type != type)
		return -EBADMSG;
	chunks = item.indefinite;
	*n = 0;
	do {
		if (chunks) {
			if (item_next(r, &item))
				return -EBADMSG;
			if (item.type == ITEM_BREAK)
				break;
			if (item.type != type || item.indefinite)
				return -EBADMSG;
		}
		if (item.size > room - *n)
			return -E2BIG;
		if (item.size)
			memcpy(to + *n, item.data, item.size);
		*n += item.size;
	} while (chunks);
	return 0;
}

/**
 * item_is - is this the text
 * @item: an item
 * @text: the text
 *
 * Context: any.
 * Return: true if so.
 */
bool item_is(const struct item *item, const char *text)
{
	return item->type == ITEM_TEXT && !item->indefinite && item->size == strlen(text) &&
	       !memcmp(item->data, text, item->size);
}

static uint8_t *place(struct item_writer *w)
{
	return w->data + w->n;
}

/* What an encoder has written; zero is that it did not fit */
static void written(struct item_writer *w, size_t n)
{
	w->full |= !n;
	w->n += n;
}

/**
 * put_uint - write an unsigned number, in the shortest way
 * @w: where
 * @value: the number
 *
 * Context: any.
 */
void put_uint(struct item_writer *w, uint64_t value)
{
	written(w, cbor_encode_uint(value, place(w), w->room - w->n));
}

/**
 * put_negint - write a negative number
 * @w: where
 * @value: n of -1 - n
 *
 * Context: any.
 */
void put_negint(struct item_writer *w, uint64_t value)
{
	written(w, cbor_encode_negint(value, place(w), w->room - w->n));
}

/**
 * put_raw - write what is CBOR already
 * @w: where
 * @data: the bytes
 * @size: how many
 *
 * Context: any.
 */
void put_raw(struct item_writer *w, const void *data, size_t size)
{
	if (size > w->room - w->n) {
		w->full = true;
		return;
	}
	if (size)
		memcpy(place(w), data, size);
	w->n += size;
}

/**
 * put_bytes - write a byte string
 * @w: where
 * @data: its bytes
 * @size: how many
 *
 * Context: any.
 */
void put_bytes(struct item_writer *w, const void *data, size_t size)
{
	written(w, cbor_encode_bytestring_start(size, place(w), w->room - w->n));
	put_raw(w, data, size);
}

/**
 * put_text - write a text string
 * @w: where
 * @text: the text
 *
 * Context: any.
 */
void put_text(struct item_writer *w, const char *text)
{
	written(w, cbor_encode_string_start(strlen(text), place(w), w->room - w->n));
	put_raw(w, text, strlen(text));
}

/**
 * put_array - begin an array
 * @w: where
 * @count: of items
 *
 * Context: any.
 */
void put_array(struct item_writer *w, size_t count)
{
	written(w, cbor_encode_array_start(count, place(w), w->room - w->n));
}

/**
 * put_map - begin a map
 * @w: where
 * @count: of pairs
 *
 * Context: any.
 */
void put_map(struct item_writer *w, size_t count)
{
	written(w, cbor_encode_map_start(count, place(w), w->room - w->n));
}

/**
 * put_tag - write a tag; what it is of comes next
 * @w: where
 * @tag: the number
 *
 * Context: any.
 */
void put_tag(struct item_writer *w, uint64_t tag)
{
	written(w, cbor_encode_tag(tag, place(w), w->room - w->n));
}

/**
 * put_bool - write a truth value
 * @w: where
 * @value: true or false
 *
 * Context: any.
 */
void put_bool(struct item_writer *w, bool value)
{
	written(w, cbor_encode_bool(value, place(w), w->room - w->n));
}

/**
 * put_null - write null
 * @w: where
 *
 * Context: any.
 */
void put_null(struct item_writer *w)
{
	written(w, cbor_encode_null(place(w), w->room - w->n));
}

/**
 * put_byte_array - write bytes as an array of numbers, as EIF signatures have them
 * @w: where
 * @data: the bytes
 * @size: how many
 *
 * Context: any.
 */
void put_byte_array(struct item_writer *w, const void *data, size_t size)
{
	const uint8_t *p = data;

	put_array(w, size);
	for (size_t i = 0; i < size; i++)
		put_uint(w, p[i]);
}
