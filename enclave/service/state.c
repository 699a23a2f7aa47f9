// SPDX-License-Identifier: GPL-2.0
/*
 * A state is written to one of two places in turn, with a digest. So the one before is
 * whole until the new one is, and nothing is answered before that.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "state.h"

#define SLOTS 2
#define SLOT_SIZE 4096
/* Of another layout: another number */
#define MAGIC "nsm-001"

struct record {
	char magic[8];
	struct state state;
	struct pcr digest;
};

static_assert(sizeof(struct state) == 2 * 8 + 3 * 4 + NSM_MODULE_ID_MAX + 4 +
	      PCR_COUNT * PCR_SIZE + STATE_RESPONSE_MAX, "it has padding");
static_assert(sizeof(struct record) <= SLOT_SIZE, "it is too large");

static int digest(const struct record *record, struct pcr *to)
{
	const struct piece whole = { record, offsetof(struct record, digest) };

	return sha384(&whole, 1, to);
}

/**
 * state_new - make memory for the state of an enclave
 *
 * Context: any.
 * Return: a memfd of a size that does not change, or a negative errno.
 */
int state_new(void)
{
	int fd = memfd_create("nitro-nsm", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	int err;

	if (fd < 0)
		return -errno;
	/* There is room for all that will be written */
	err = posix_fallocate(fd, 0, SLOTS * SLOT_SIZE);
	if (!err && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		err = errno;
	if (!err)
		return fd;
	close(fd);
	return -err;
}

/**
 * state_write - keep a state
 * @fd: where
 * @state: the state; its sequence is counted on
 *
 * Context: any.
 * Return: 0, or a negative errno and the one before is kept.
 */
int state_write(int fd, struct state *state)
{
	struct record record = { .magic = MAGIC };
	ssize_t n;
	int err;

	state->sequence++;
	record.state = *state;
	err = digest(&record, &record.digest);
	if (err)
		return err;
	n = pwrite(fd, &record, sizeof(record), state->sequence % SLOTS * SLOT_SIZE);
	return n == (ssize_t)sizeof(record) ? 0 : n < 0 ? -errno : -EIO;
}

static bool is_whole(const struct record *record)
{
	const struct state *s = &record->state;
	struct pcr wanted;

	return !memcmp(record->magic, MAGIC, sizeof(record->magic)) &&
	       !digest(record, &wanted) &&
	       !memcmp(&wanted, &record->digest, sizeof(wanted)) &&
	       memchr(s->module_id, '\0', NSM_MODULE_ID_MAX + 1) && s->debug <= 1 &&
	       s->response_size <= sizeof(s->response);
}

/**
 * state_read - find the state that was kept last
 * @fd: where
 * @state: receives it
 * @why: says why not
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int state_read(int fd, struct state *state, struct why *why)
{
	struct record record;
	bool found = false;

	for (unsigned int i = 0; i < SLOTS; i++) {
		if (pread(fd, &record, sizeof(record), i * SLOT_SIZE) != sizeof(record) ||
		    !is_whole(&record) || record.state.sequence % SLOTS != i ||
		    (found && record.state.sequence < state->sequence))
			continue;
		*state = record.state;
		found = true;
	}
	return found ? 0 : refuse(why, "what was kept of it is not as this version keeps it");
}
