// SPDX-License-Identifier: GPL-2.0
/* What tests/bench/memory does to memory: touch it for the first time, and stream it.
 *
 * usage: memory FILE SIZE   a host's process, in memory of that file, or "anonymous"
 *   Without arguments it is /init of a guest, and does it in anonymous memory of the guest's
 *   kernel, which has the guest's memory from the host.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GUEST_SIZE (512UL << 20)
#define PAGE 4096
#define STREAM (64UL << 20)
#define PASSES 4

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static unsigned long long touch(char *area, size_t size)
{
	unsigned long long start = now();

	for (size_t at = 0; at < size; at += PAGE) {
		area[at] = 1;
		__asm__ volatile("" : : : "memory");
	}
	return now() - start;
}

/* Not the C library's: its choice depends on the processor */
static __attribute__((noinline)) void write_all(unsigned long *to, size_t n, unsigned long what)
{
	for (size_t i = 0; i < n; i++)
		to[i] = what;
	__asm__ volatile("" : : "r"(to) : "memory");
}

static __attribute__((noinline)) unsigned long read_all(const unsigned long *from, size_t n)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += from[i];
	return sum;
}

static __attribute__((noinline)) void copy_all(unsigned long *restrict to,
					       const unsigned long *restrict from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* Writes, reads and copies the beginning, which was touched before. Return: time, 0 if it
 * did not read what it wrote
 */
static unsigned long long stream(char *area)
{
	unsigned long *a = (unsigned long *)area, *b = (unsigned long *)(area + STREAM);
	size_t n = STREAM / sizeof(*a);
	unsigned long long start = now();

	for (unsigned long pass = 1; pass <= PASSES; pass++) {
		write_all(a, n, pass);
		copy_all(b, a, n);
		if (read_all(b, n) != n * pass)
			return 0;
	}
	return now() - start;
}

/* KiB */
static long page_tables(void)
{
	char line[128];
	long found = 0;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmPTE: %ld kB", &found) == 1)
			break;
	if (file)
		fclose(file);
	return found;
}

static int as_process(const char *path, size_t size)
{
	bool file = strcmp(path, "anonymous");
	int fd = file ? open(path, O_RDWR) : -1;
	long before = page_tables();
	char *area = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
	unsigned long long first, again;

	if (area == MAP_FAILED) {
		perror(path);
		return 1;
	}
	first = touch(area, size);
	again = touch(area, size);
	printf("faults %llu stream %llu tables %ld\n", first - again, stream(area),
	       page_tables() - before);
	return 0;
}

static int as_guest(void)
{
	char *area;
	unsigned long long first, again;

	dprintf(STDOUT_FILENO, "guest: first\n");
	area = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return 1;
	first = touch(area, GUEST_SIZE);
	/* The same faults of the guest, with memory that the host has given it by now */
	madvise(area, GUEST_SIZE, MADV_DONTNEED);
	again = touch(area, GUEST_SIZE);
	dprintf(STDOUT_FILENO, "guest: fresh %llu again %llu stream %llu\n", first, again,
		stream(area));
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return as_process(argv[1], strtoull(argv[2], NULL, 0));
	return as_guest();
}
