// SPDX-License-Identifier: GPL-2.0
/* Keys: wrapping, what does not unwrap, what zeros look like. */

#include <stdio.h>

#include "fixture.h"
#include "secret.h"

static void keys(struct secret *master, struct secret *data)
{
	_cleanup_(error_clear) struct error e = {};

	EXPECT(secret_random(master, MASTER_KEY_SIZE, &e) >= 0);
	EXPECT(secret_random(data, DATA_KEY_SIZE, &e) >= 0);
}

UNIT(what_is_wrapped_unwraps)
{
	_cleanup_(secret_free) struct secret master, data, back = {};
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *one = NULL, *two = NULL;

	keys(&master, &data);
	one = secret_wrap(&master, "vol-1", &data, &e);
	two = secret_wrap(&master, "vol-1", &data, &e);
	EXPECT(one && two && secret_wrapped_check(one));
	/* the nonce is new each time */
	EXPECT(strcmp(one, two));
	EXPECT(secret_unwrap(&master, "vol-1", one, &back, &e) >= 0);
	EXPECT_NUMBER(back.size, DATA_KEY_SIZE);
	EXPECT(!memcmp(back.data, data.data, DATA_KEY_SIZE));
}

UNIT(nothing_else_unwraps)
{
	_cleanup_(secret_free) struct secret master, data, other = {}, back = {};
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) char *wrapped = NULL;
	size_t len;

	keys(&master, &data);
	wrapped = secret_wrap(&master, "vol-1", &data, &e);
	EXPECT(secret_unwrap(&master, "vol-2", wrapped, &back, &e) < 0);
	error_clear(&e);
	EXPECT(secret_random(&other, MASTER_KEY_SIZE, &e) >= 0);
	EXPECT(secret_unwrap(&other, "vol-1", wrapped, &back, &e) < 0);
	error_clear(&e);
	EXPECT(secret_unwrap(&master, "vol-1", NULL, &back, &e) < 0);
	len = strlen(wrapped);
	for (size_t i = 0; i < len; i++) {
		char was = wrapped[i];

		error_clear(&e);
		wrapped[i] = was == 'A' ? 'B' : 'A';
		/* the last digits of base64 may have bits that say nothing */
		if (wrapped[i + 1] && wrapped[i + 1] != '=')
			EXPECT(secret_unwrap(&master, "vol-1", wrapped, &back, &e) < 0);
		secret_free(&back);
		wrapped[i] = was;
	}
	for (size_t i = 0; i < len; i++) {
		char was = wrapped[i];

		wrapped[i] = '\0';
		EXPECT(!secret_wrapped_check(wrapped));
		wrapped[i] = was;
	}
	EXPECT(!secret_wrapped_check("!"));
}

/* IEEE 1619: zeros under different sectors differ, under one key they repeat */
UNIT(zeros_are_encrypted_by_sector)
{
	_cleanup_(secret_free) struct secret master, data;
	_cleanup_(error_clear) struct error e = {};
	_cleanup_(free_ptr) uint8_t *head = NULL, *part = NULL, *large = NULL;

	keys(&master, &data);
	head = secret_blank(&data, 512, 0, 8192, &e);
	part = secret_blank(&data, 512, 4096, 4096, &e);
	large = secret_blank(&data, 4096, 0, 8192, &e);
	EXPECT(head && part && large);
	EXPECT(memcmp(head, head + 512, 512));
	/* plain64: a sector's place decides, not where the buffer begins */
	EXPECT(!memcmp(head + 4096, part, 4096));
	/* sectors of 4096 bytes count in units of 512, too */
	EXPECT(!memcmp(head, large, 512));
	EXPECT(memcmp(head + 512, large + 512, 512));
	EXPECT(!memcmp(head + 4096, large + 4096, 512));
}

/* IEEE 1619-2007, annex B, vector 1 has a key of zeros twice over, which OpenSSL
 * refuses as the standard's later text asks for: so is a key of ours
 */
UNIT(a_key_of_two_equal_halves_is_refused)
{
	_cleanup_(secret_free) struct secret data = {};
	_cleanup_(error_clear) struct error e = {};

	EXPECT(secret_new(&data, DATA_KEY_SIZE, &e) >= 0);
	EXPECT(!secret_blank(&data, 512, 0, 512, &e));
	EXPECT(e.message != NULL);
}
