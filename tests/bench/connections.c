// SPDX-License-Identifier: GPL-2.0
/* How many TCP connections a second, one after the other: connect, send a
 * request, get the answer, close.
 *
 * usage: connections ADDRESS PORT          answer, until killed
 *        connections ADDRESS PORT COUNT    ask that often, print the rate
 */

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char message[64];

static int new_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static void get(int fd)
{
	if (recv(fd, message, sizeof(message), MSG_WAITALL) != sizeof(message))
		err(1, "receive");
}

static void put(int fd)
{
	if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		err(1, "send");
}

static void answer(const struct sockaddr_in *addr)
{
	int listener = new_socket(), one = 1, fd;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const struct sockaddr *)addr, sizeof(*addr)) ||
	    listen(listener, 128))
		err(1, "listen");
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0)
			err(1, "accept");
		get(fd);
		put(fd);
		close(fd);
	}
}

static void ask(const struct sockaddr_in *addr)
{
	int fd = new_socket();

	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		err(1, "connect");
	put(fd);
	get(fd);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct timespec begin, end;
	long count, i;

	if (argc < 3 || argc > 4 ||
	    inet_pton(AF_INET, argv[1], &addr.sin_addr) != 1)
		errx(2, "usage: connections ADDRESS PORT [COUNT]");
	addr.sin_port = htons(atoi(argv[2]));
	if (argc == 3)
		answer(&addr);

	count = atol(argv[3]);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < count; i++)
		ask(&addr);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%f\n", count / (end.tv_sec - begin.tv_sec +
				(end.tv_nsec - begin.tv_nsec) / 1e9));
	return 0;
}
