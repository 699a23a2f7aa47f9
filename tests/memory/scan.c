// SPDX-License-Identifier: GPL-2.0
/*
 * Look for canaries in a file, as /proc/kcore is one. A canary is 32 bytes that fill whole
 * pages of a guest; nobody but the guest knows them, this only knows their SHA-256. So what
 * is found was the guest's, and is in no other program's memory before it is found.
 *
 * usage: scan FILE HASH[,HASH...] [START LENGTH]...
 *
 * Without ranges the whole file. Writes a line "found HASH OFFSET" for each that is found,
 * then "read BYTES", and "error ERRNO" if something could not be read.
 */

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define CANARY 32
#define CHUNK (1 << 20)
#define STEP 2048
#define HASHES 8

static struct {
	unsigned char hash[SHA256_DIGEST_LENGTH];
	bool found;
} wanted[HASHES];
static size_t n_wanted;
static unsigned long long n_read;
static int last_error;

static bool parse_hash(const char *text, unsigned char *hash)
{
	for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++)
		if (sscanf(text + 2 * i, "%2hhx", &hash[i]) != 1)
			return false;
	return true;
}

/* It may begin anywhere in the page, as a core or a stream may have it */
static void try_all(const unsigned char *window, off_t at)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	for (size_t turn = 0; turn < CANARY; turn++) {
		SHA256(window + turn, CANARY, hash);
		for (size_t i = 0; i < n_wanted; i++) {
			if (wanted[i].found || memcmp(hash, wanted[i].hash, sizeof(hash)))
				continue;
			wanted[i].found = true;
			printf("found ");
			for (size_t j = 0; j < sizeof(hash); j++)
				printf("%02x", hash[j]);
			printf(" %#llx\n", (unsigned long long)at);
		}
	}
}

static void look(const unsigned char *data, size_t n, off_t at)
{
	static unsigned char before[2 * CANARY];

	for (size_t i = 0; i + 2 * CANARY <= n; i += STEP) {
		const unsigned char *window = data + i;

		if (memcmp(window, window + CANARY, CANARY) ||
		    !memcmp(window, window + 1, 2 * CANARY - 1) ||
		    !memcmp(window, before, sizeof(before)))
			continue;
		memcpy(before, window, sizeof(before));
		try_all(window, at + i);
	}
}

static void scan(int fd, off_t start, unsigned long long length)
{
	static unsigned char data[CHUNK];

	while (length) {
		size_t want = length < CHUNK ? length : CHUNK;
		ssize_t n = pread(fd, data, want, start);

		if (!n)
			return;
		if (n < 0) {
			/* What lies behind a hole may be there again */
			last_error = errno;
		} else {
			look(data, n, start);
			n_read += n;
			want = n;
		}
		start += want;
		length -= want;
	}
}

int main(int argc, char **argv)
{
	char *hash = argc > 2 ? strtok(argv[2], ",") : NULL;
	int fd;

	for (; hash && n_wanted < HASHES; hash = strtok(NULL, ","))
		if (strlen(hash) != 2 * SHA256_DIGEST_LENGTH ||
		    !parse_hash(hash, wanted[n_wanted++].hash))
			n_wanted = 0, hash = "";
	if (!n_wanted || argc % 2 == 0) {
		fprintf(stderr, "usage: scan FILE HASH[,HASH...] [START LENGTH]...\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY);
	if (fd < 0) {
		printf("read 0\nerror %d\n", errno);
		return 0;
	}
	if (argc == 3)
		scan(fd, 0, ~0ULL);
	for (int i = 3; i < argc; i += 2)
		scan(fd, strtoull(argv[i], NULL, 0), strtoull(argv[i + 1], NULL, 0));
	printf("read %llu\n", n_read);
	if (last_error)
		printf("error %d\n", last_error);
	return 0;
}
