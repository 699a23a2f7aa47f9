// SPDX-License-Identifier: GPL-2.0
/* CBOR as it may come from whoever wants to break something. */

#include "fixture.h"
#include "item.h"

#define READER(bytes) { .p = (const uint8_t *)(bytes), .n = sizeof(bytes) - 1 }

UNIT(numbers_of_any_width)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint64_t value;
	} rows[] = {
		{ "\x07", 1, 7 },
		{ "\x18\x07", 2, 7 },
		{ "\x19\x00\x07", 3, 7 },
		{ "\x1a\x00\x00\x00\x07", 5, 7 },
		{ "\x1b\x00\x00\x00\x00\x00\x00\x00\x07", 9, 7 },
		{ "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct item_reader r = { .p = (const uint8_t *)rows[i].bytes, .n = rows[i].n };
		struct item item;

		EXPECT(!item_next(&r, &item) && item.type == ITEM_UINT &&
		       item.value == rows[i].value && !r.n);
		for (size_t cut = 0; cut < rows[i].n; cut++) {
			r = (struct item_reader){ .p = (const uint8_t *)rows[i].bytes, .n = cut };
			EXPECT(item_next(&r, &item));
		}
	}
}

UNIT(strings_in_chunks)
{
	struct item_reader r = READER("\x5f\x42\x61\x62\x40\x41\x63\xff\x00");
	uint8_t to[3];
	size_t n;

	EXPECT(!item_string(&r, ITEM_BYTES, to, sizeof(to), &n));
	EXPECT(n == 3 && !memcmp(to, "abc", 3) && r.n == 1);

	r = (struct item_reader)READER("\x5f\x42\x61\x62\x42\x63\x64\xff");
	EXPECT(item_string(&r, ITEM_BYTES, to, sizeof(to), &n));
	/* A chunk of another type, a chunk in a chunk, no end */
	r = (struct item_reader)READER("\x5f\x61\x61\xff");
	EXPECT(item_string(&r, ITEM_BYTES, to, sizeof(to), &n));
	r = (struct item_reader)READER("\x5f\x5f\x41\x61\xff\xff");
	EXPECT(item_string(&r, ITEM_BYTES, to, sizeof(to), &n));
	r = (struct item_reader)READER("\x5f\x41\x61");
	EXPECT(item_string(&r, ITEM_BYTES, to, sizeof(to), &n));
}

UNIT(lengths_that_lie)
{
	static const char *const rows[] = {
		"\x5b\xff\xff\xff\xff\xff\xff\xff\xff\x61\x62\x63",	/* a byte string */
		"\x7a\xff\xff\xff\xff\x61\x62\x63",			/* a text */
		"\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01",	/* an array */
		"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02",	/* a map */
		"\xbb\x80\xff\xff\xff\xff\xff\xff\xff\x01\x02",	/* twice it is none */
		"\x9f\x01\x02",					/* no break */
		"\xff",						/* nothing to break */
		"\x82\x01\xff",
		"\xc1",						/* a tag of nothing */
		"\x1c",						/* reserved */
	};
	static const size_t sizes[] = { 12, 8, 10, 11, 11, 3, 1, 3, 1, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct item_reader r = { .p = (const uint8_t *)rows[i], .n = sizes[i] };

		EXPECT(item_skip(&r));
	}
}

UNIT(skip_takes_one_item_whole)
{
	struct item_reader r = READER("\xa2\x01\x82\x02\x9f\x03\xff\x04\xc1\x5f\x41\x61\xff\x05");
	struct item item;

	EXPECT(!item_skip(&r));
	EXPECT(!item_next(&r, &item) && item.value == 5 && !r.n);
}

UNIT(tags_of_any_number)
{
	uint8_t bytes[2] = { 0xc0, 0x07 };

	for (int tag = 0; tag < 24; tag++) {
		struct item_reader r = { .p = bytes, .n = sizeof(bytes) };
		struct item item;

		bytes[0] = 0xc0 + tag;
		EXPECT(!item_next(&r, &item) && item.type == ITEM_TAG &&
		       item.value == (uint64_t)tag && r.n == 1);
		r = (struct item_reader){ .p = bytes, .n = sizeof(bytes) };
		EXPECT(!item_skip(&r) && !r.n);
	}
}

UNIT(depth_has_an_end)
{
	uint8_t deep[100];
	struct item_reader r = { .p = deep, .n = sizeof(deep) };

	memset(deep, 0x81, sizeof(deep));
	deep[99] = 0;
	EXPECT(item_skip(&r));
	r = (struct item_reader){ .p = deep + 90, .n = 10 };
	EXPECT(!item_skip(&r) && !r.n);
}

UNIT(what_does_not_fit_is_said)
{
	uint8_t to[4];

	for (size_t room = 0; room <= sizeof(to); room++) {
		struct item_writer w = { .data = to, .room = room };

		put_text(&w, "abc");
		EXPECT(w.full == (room < 4) && w.n <= room);
	}
	for (size_t room = 0; room <= 3; room++) {
		struct item_writer w = { .data = to, .room = room };

		put_map(&w, 1);
		put_uint(&w, 1);
		put_negint(&w, 0);
		EXPECT(w.full == (room < 3) && w.n <= room);
	}
}
