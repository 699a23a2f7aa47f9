// SPDX-License-Identifier: GPL-2.0
/*
 * What the guests of tests/bench/instance do:
 *
 *	worker MARK read DEVICE COUNT DEPTH	so many random reads of 4 KiB, so many at a time
 *	worker MARK rr ADDRESS COUNT		so many round trips of a byte over a TCP connection
 *	worker MARK bulk ADDRESS MIB		so much over a TCP connection, all of it received
 *	worker MARK call COUNT			so many system calls
 *	worker MARK loop COUNT			no system call
 *	worker serve				answer others' rr and take their bulk, for ever
 *
 * What is done is the same each time. First comes a part of it that is not counted; the rest is
 * between the marks that the plugin looks for (profile.c). Static, for a guest without libraries.
 */

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK 4096
#define DEPTH_MAX 128
#define PORT 5000
#define MIB (1 << 20)
#define PIECE 65536

static char buffer[PIECE];

static uint64_t count_of(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (!*text || *end)
		errx(1, "'%s' is not how many", text);
	return value;
}

/* nopl 0x4e4954NN(%rax); ret */
static void mark(uint64_t number)
{
	unsigned char code[8] = { 0x0f, 0x1f, 0x80, number, 'T', 'I', 'N', 0xc3 };
	static unsigned char *page;

	if (!page)
		page = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		err(1, "memory");
	memcpy(page, code, sizeof(code));
	((void (*)(void))(uintptr_t)page)();
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

static void read_so(aio_context_t context, struct iocb *ios, uint64_t depth, uint64_t count,
		    uint64_t blocks)
{
	uint64_t sent = 0, done;
	struct io_event event;

	for (; sent < depth && sent < count; sent++)
		submit(context, &ios[sent], blocks);
	for (done = 0; done < count; done++) {
		if (syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
			err(1, "io_getevents");
		if (event.res != BLOCK)
			errx(1, "a read failed");
		if (sent++ < count)
			submit(context, (struct iocb *)(uintptr_t)event.obj, blocks);
	}
}

static void reads(uint64_t number, const char *path, uint64_t count, uint64_t depth)
{
	int fd = open(path, O_RDONLY | O_DIRECT);
	struct iocb ios[DEPTH_MAX] = {};
	aio_context_t context = 0;
	uint64_t size, i;
	char *memory;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0)
		err(1, "%s", path);
	if (!depth || depth > DEPTH_MAX || size < BLOCK ||
	    syscall(SYS_io_setup, depth, &context) < 0)
		errx(1, "cannot read %s so", path);
	memory = aligned_alloc(BLOCK, depth * BLOCK);
	if (!memory)
		err(1, "memory");
	for (i = 0; i < depth; i++) {
		ios[i].aio_fildes = fd;
		ios[i].aio_lio_opcode = IOCB_CMD_PREAD;
		ios[i].aio_buf = (uintptr_t)memory + i * BLOCK;
		ios[i].aio_nbytes = BLOCK;
	}
	read_so(context, ios, depth, count / 4, size / BLOCK);
	mark(number);
	read_so(context, ios, depth, count, size / BLOCK);
	mark(0);
}

static void set_nodelay(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		err(1, "TCP_NODELAY");
}

/* The first byte says for what a byte goes back: 'r', each byte, or 'b', each MiB */
static void answer(int fd)
{
	ssize_t n = read(fd, buffer, 1);
	bool each = n == 1 && buffer[0] == 'r';
	uint64_t got = 0;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		if (each && write(fd, buffer, n) != n)
			return;
		if (!each && got / MIB != (got + n) / MIB && write(fd, buffer, 1) != 1)
			return;
		got += n;
	}
}

static void serve(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0), other;

	signal(SIGCHLD, SIG_IGN);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 8) < 0)
		err(1, "listen");
	for (;;) {
		other = accept(fd, NULL, NULL);
		if (other < 0)
			err(1, "accept");
		set_nodelay(other);
		if (!fork()) {
			answer(other);
			_exit(0);
		}
		close(other);
	}
}

static int reach(const char *address, const char *what)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		errx(1, "'%s' is no address", address);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		err(1, "connect");
	set_nodelay(fd);
	if (write(fd, what, 1) != 1)
		err(1, "write");
	return fd;
}

static void trips(int fd, uint64_t count)
{
	while (count--)
		if (write(fd, buffer, 1) != 1 || read(fd, buffer, 1) != 1)
			err(1, "round trip");
}

/* Until it was received */
static void send_bulk(int fd, uint64_t mib)
{
	uint64_t left = mib * MIB;
	ssize_t n;

	while (left) {
		n = write(fd, buffer, left < PIECE ? left : PIECE);
		if (n <= 0)
			err(1, "write");
		left -= n;
	}
	while (mib--)
		if (read(fd, buffer, 1) != 1)
			err(1, "not all was received");
}

static void talk(uint64_t number, const char *address, uint64_t count, const char *what,
		 void (*how)(int fd, uint64_t count))
{
	int fd = reach(address, what);

	how(fd, count / 4 + 1);
	mark(number);
	how(fd, count);
	mark(0);
}

static void calls(uint64_t count)
{
	while (count--)
		(void)syscall(SYS_getppid);
}

static void loop(uint64_t count)
{
	while (count--)
		__asm__ volatile("" : "+r" (count));
}

static void spend(uint64_t number, uint64_t count, void (*how)(uint64_t count))
{
	how(count / 4);
	mark(number);
	how(count);
	mark(0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	uint64_t number;

	if (argc == 2 && !strcmp(argv[1], "serve"))
		serve();
	number = count_of(argc > 1 ? argv[1] : "");
	if (argc == 6 && !strcmp(what, "read"))
		reads(number, argv[3], count_of(argv[4]), count_of(argv[5]));
	else if (argc == 5 && !strcmp(what, "rr"))
		talk(number, argv[3], count_of(argv[4]), "r", trips);
	else if (argc == 5 && !strcmp(what, "bulk"))
		talk(number, argv[3], count_of(argv[4]), "b", send_bulk);
	else if (argc == 4 && !strcmp(what, "call"))
		spend(number, count_of(argv[3]), calls);
	else if (argc == 4 && !strcmp(what, "loop"))
		spend(number, count_of(argv[3]), loop);
	else
		errx(2, "usage: worker serve | MARK read DEVICE COUNT DEPTH | MARK rr ADDRESS COUNT | MARK bulk ADDRESS MIB | MARK call COUNT | MARK loop COUNT");
	return 0;
}
