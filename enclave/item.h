/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CBOR, one data item after the other, in place: libcbor's streaming decoder and its
 * encoders. Nothing is allocated, so a length that lies costs nothing.
 */
#ifndef _NITRO_ENCLAVE_ITEM_H
#define _NITRO_ENCLAVE_ITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum item_type {
	ITEM_UINT,
	ITEM_NEGINT,
	ITEM_BYTES,
	ITEM_TEXT,
	ITEM_ARRAY,
	ITEM_MAP,
	ITEM_TAG,
	ITEM_BOOL,
	ITEM_NULL,
	ITEM_OTHER,	/* undefined and floating point numbers */
	ITEM_BREAK,
};

/**
 * struct item - the head of a data item, and the contents of a string
 * @type: what it is
 * @indefinite: a string in chunks, or a container that ends with a break
 * @value: the number (of a negative one -1 - n), tag, truth, or the count of items or pairs
 * @data: contents of a definite string
 * @size: their length
 */
struct item {
	enum item_type type;
	bool indefinite;
	uint64_t value;
	const uint8_t *data;
	size_t size;
};

/* What is left to read */
struct item_reader {
	const uint8_t *p;
	size_t n;
};

/* A container that is being read: how many of its items are left */
struct item_walk {
	bool indefinite;
	uint64_t left;
};

int item_next(struct item_reader *r, struct item *item);
int item_skip(struct item_reader *r);
bool item_more(struct item_reader *r, struct item_walk *walk);
int item_open(struct item_reader *r, enum item_type type, struct item_walk *walk);
int item_string(struct item_reader *r, enum item_type type, uint8_t *to, size_t room, size_t *n);
int item_expect(struct item_reader *r, enum item_type type, struct item *item);
bool item_is(const struct item *item, const char *text);

/* What is written; @full says that it did not fit */
struct item_writer {
	uint8_t *data;
	size_t n, room;
	bool full;
};

void put_uint(struct item_writer *w, uint64_t value);
void put_negint(struct item_writer *w, uint64_t value);
void put_bytes(struct item_writer *w, const void *data, size_t size);
void put_text(struct item_writer *w, const char *text);
void put_array(struct item_writer *w, size_t count);
void put_map(struct item_writer *w, size_t count);
void put_tag(struct item_writer *w, uint64_t tag);
void put_bool(struct item_writer *w, bool value);
void put_null(struct item_writer *w);
void put_raw(struct item_writer *w, const void *data, size_t size);
void put_byte_array(struct item_writer *w, const void *data, size_t size);

#endif
