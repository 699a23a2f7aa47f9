// SPDX-License-Identifier: GPL-2.0
/*
 * What the guests of tests/bench/instance do:
 *
 *	worker read DEVICE COUNT DEPTH	so many random reads of 4 KiB, so many at a time
 *
 * What is done is the same each time. Static, for a guest without libraries.
 */

#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 4096
#define DEPTH_MAX 128

static uint64_t count_of(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (!*text || *end)
		errx(1, "'%s' is not how many", text);
	return value;
}

static uint64_t next_block(uint64_t blocks)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005 + 1442695040888963407;
	return (state >> 33) % blocks;
}

static void submit(aio_context_t context, struct iocb *io, uint64_t blocks)
{
	io->aio_offset = (int64_t)(next_block(blocks) * BLOCK);
	if (syscall(SYS_io_submit, context, 1, &io) != 1)
		err(1, "io_submit");
}

static void reads(const char *path, uint64_t count, uint64_t depth)
{
	int fd = open(path, O_RDONLY | O_DIRECT);
	struct iocb ios[DEPTH_MAX] = {};
	uint64_t size, sent = 0, done;
	aio_context_t context = 0;
	struct io_event event;
	char *memory;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0)
		err(1, "%s", path);
	if (!depth || depth > DEPTH_MAX || size < BLOCK ||
	    syscall(SYS_io_setup, depth, &context) < 0)
		errx(1, "cannot read %s so", path);
	memory = aligned_alloc(BLOCK, depth * BLOCK);
	if (!memory)
		err(1, "memory");
	for (; sent < depth && sent < count; sent++) {
		ios[sent].aio_fildes = fd;
		ios[sent].aio_lio_opcode = IOCB_CMD_PREAD;
		ios[sent].aio_buf = (uintptr_t)memory + sent * BLOCK;
		ios[sent].aio_nbytes = BLOCK;
		submit(context, &ios[sent], size / BLOCK);
	}
	for (done = 0; done < count; done++) {
		if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
			err(1, "io_getevents");
		if (event.res != BLOCK)
			errx(1, "a read failed");
		if (sent++ < count)
			submit(context, (struct iocb *)(uintptr_t)event.obj, size / BLOCK);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5 || strcmp(argv[1], "read"))
		errx(2, "usage: worker read DEVICE COUNT DEPTH");
	reads(argv[2], count_of(argv[3]), count_of(argv[4]));
	return 0;
}
