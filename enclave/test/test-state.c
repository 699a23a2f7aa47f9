// SPDX-License-Identifier: GPL-2.0
/* What is kept of an enclave, and what is found of it after any kind of end. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "state.h"

#define SLOT 4096

static struct state state_of(uint8_t value)
{
	struct state s = { .number = value, .locked = 0xffff, .module_id = "i-1-enc2" };

	memset(s.pcrs, value, sizeof(s.pcrs));
	memset(s.response, value, 10);
	s.response_size = 10;
	return s;
}

/* What is found is the state of this value */
static bool finds(int fd, uint8_t value)
{
	struct state wanted = state_of(value), found;
	struct why why;

	if (state_read(fd, &found, &why))
		return false;
	wanted.sequence = found.sequence;
	return !memcmp(&found, &wanted, sizeof(found));
}

static void flip(int fd, off_t at)
{
	uint8_t byte;

	if (pread(fd, &byte, 1, at) != 1)
		abort();
	byte ^= 1;
	if (pwrite(fd, &byte, 1, at) != 1)
		abort();
}

UNIT(the_last_one_is_found)
{
	struct state s = { .sequence = 0 };
	int fd = state_new();

	EXPECT(fd >= 0);
	for (uint8_t value = 1; value < 20; value++) {
		uint64_t sequence = s.sequence;

		s = state_of(value);
		s.sequence = sequence;
		EXPECT(!state_write(fd, &s) && s.sequence == value);
		EXPECT(finds(fd, value));
	}
	close(fd);
}

/* Whatever byte of a state is not written: the one before is found, not a mixture */
UNIT(a_state_is_whole_or_not_there)
{
	struct state one = state_of(1), two = state_of(2);
	int fd = state_new();

	EXPECT(!state_write(fd, &one));
	two.sequence = one.sequence;
	EXPECT(!state_write(fd, &two) && finds(fd, 2));
	for (size_t i = 0; i < 8 + sizeof(struct state) + PCR_SIZE; i++) {
		flip(fd, two.sequence % 2 * SLOT + i);
		if (!finds(fd, 1)) {
			unit_fail(__FILE__, __LINE__, "byte %zu does not matter", i);
			break;
		}
		flip(fd, two.sequence % 2 * SLOT + i);
	}
	EXPECT(finds(fd, 2));
	close(fd);
}

UNIT(nothing_is_found_in_nothing)
{
	struct state one = state_of(1), found;
	int fd = state_new(), file;
	struct why why;

	EXPECT(state_read(fd, &found, &why) == -EINVAL);
	EXPECT_TEXT(why.text, "what was kept of it is not as this version keeps it");
	EXPECT(!state_write(fd, &one));
	/* a state is not found where another one belongs */
	file = state_new();
	for (off_t at = 0; at < SLOT; at += 8) {
		uint64_t word;

		EXPECT(pread(fd, &word, 8, one.sequence % 2 * SLOT + at) == 8);
		EXPECT(pwrite(file, &word, 8, (one.sequence + 1) % 2 * SLOT + at) == 8);
	}
	EXPECT(state_read(file, &found, &why) == -EINVAL);
	close(file);
	close(fd);
}

UNIT(its_size_stays)
{
	int fd = state_new();

	EXPECT(ftruncate(fd, 0) < 0 && errno == EPERM);
	EXPECT(ftruncate(fd, 1 << 20) < 0 && errno == EPERM);
	EXPECT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
	close(fd);
}
