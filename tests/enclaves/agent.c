// SPDX-License-Identifier: GPL-2.0
/*
 * What an enclave of the tests does, and what a virtual machine does that is its parent: it
 * sends its heartbeat, and then answers commands, one a connection, on port 5000:
 *
 *	cpus, memory		how many, how many kB
 *	ask HEX			the security module's answer to a request, in HEX
 *	call PORT WORD		tell the parent
 *	reach CID		ask another enclave
 *	ask-on CID LINE		what the one with that CID answers to a command
 *	who			the CID of who asks
 *	bulk N			so many bytes
 *	off, reboot, crash	its end
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <unistd.h>

#define PARENT 3
#define HEARTBEAT_PORT 9000
#define HEARTBEAT 0xb7
#define PORT 5000

/* include/uapi/linux/nsm.h, which is newer than some libraries' headers */
struct nsm_raw {
	struct iovec request, response;
};

#define NSM_IOCTL_RAW _IOWR(0x0a, 0, struct nsm_raw)

static int call(unsigned int cid, unsigned int port)
{
	struct sockaddr_vm to = {
		.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void say_up(void)
{
	unsigned char beat = HEARTBEAT, back = 0;
	int fd = call(PARENT, HEARTBEAT_PORT);

	if (fd < 0 || write(fd, &beat, 1) != 1 || read(fd, &back, 1) != 1 || back != HEARTBEAT)
		printf("guest: no heartbeat: %s\n", strerror(errno));
	close(fd);
}

static size_t read_hex(const char *hex, unsigned char *to, size_t room)
{
	size_t n = 0;

	while (n < room && sscanf(hex + 2 * n, "%2hhx", &to[n]) == 1)
		n++;
	return n;
}

static void ask(FILE *out, const char *request)
{
	static unsigned char bytes[4096], response[12288];
	struct nsm_raw raw = {
		.request = { bytes, read_hex(request, bytes, sizeof(bytes)) },
		.response = { response, sizeof(response) },
	};
	int fd = open("/dev/nsm", O_RDWR);

	if (fd < 0 || ioctl(fd, NSM_IOCTL_RAW, &raw) < 0) {
		fprintf(out, "nsm: %s", strerror(errno));
		close(fd);
		return;
	}
	for (size_t i = 0; i < raw.response.iov_len; i++)
		fprintf(out, "%02x", response[i]);
	close(fd);
}

static void tell(FILE *out, unsigned int cid, unsigned int port, const char *word)
{
	int fd = call(cid, port);

	if (fd < 0 || write(fd, word, strlen(word)) < 0)
		fprintf(out, "%s", strerror(errno));
	else
		fprintf(out, "told");
	close(fd);
}

/* What another agent answers */
static void ask_on(FILE *out, unsigned int cid, const char *line)
{
	char buf[65536];
	int fd = call(cid, PORT);
	ssize_t n;

	if (fd < 0 || dprintf(fd, "%s\n", line) < 0) {
		fprintf(out, "%s", strerror(errno));
		return;
	}
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, n, out);
	close(fd);
}

static void say_who(FILE *out)
{
	struct sockaddr_vm peer = {};
	socklen_t size = sizeof(peer);

	if (getpeername(fileno(out), (struct sockaddr *)&peer, &size) < 0)
		fprintf(out, "%s", strerror(errno));
	else
		fprintf(out, "%u", peer.svm_cid);
}

static void die(void)
{
	int fd = open("/proc/sys/kernel/panic", O_WRONLY);
	int trigger = open("/proc/sysrq-trigger", O_WRONLY);

	if (write(fd, "-1", 2) < 0 || write(trigger, "c", 1) < 0)
		printf("guest: cannot crash\n");
}

static void serve(FILE *stream)
{
	char line[512], word[512] = "";
	unsigned int cid, port, n;
	struct sysinfo info;
	int rest;

	if (!fgets(line, sizeof(line), stream))
		return;
	line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "cpus"))
		fprintf(stream, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	else if (!strcmp(line, "memory") && sysinfo(&info) == 0)
		fprintf(stream, "%lu", info.totalram / 1024 * info.mem_unit);
	else if (!strncmp(line, "ask ", 4))
		ask(stream, line + 4);
	else if (sscanf(line, "call %u %511s", &port, word) == 2)
		tell(stream, PARENT, port, word);
	else if (sscanf(line, "reach %u", &cid) == 1)
		tell(stream, cid, PORT, "cpus\n");
	else if (sscanf(line, "ask-on %u %n", &cid, &rest) == 1)
		ask_on(stream, cid, line + rest);
	else if (!strcmp(line, "who"))
		say_who(stream);
	else if (sscanf(line, "bulk %u", &n) == 1)
		while (n-- && fputc('x', stream) != EOF)
			;
	else if (!strcmp(line, "off"))
		reboot(LINUX_REBOOT_CMD_POWER_OFF);
	else if (!strcmp(line, "reboot"))
		reboot(LINUX_REBOOT_CMD_RESTART);
	else if (!strcmp(line, "crash"))
		die();
	else
		fprintf(stream, "what?");
}

int main(void)
{
	struct sockaddr_vm at = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = PORT,
	};
	int listener = socket(AF_VSOCK, SOCK_STREAM, 0), fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 64) < 0)
		printf("guest: cannot listen: %s\n", strerror(errno));
	say_up();
	printf("guest: serves\n");
	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		/* one that asks others must not keep them waiting for itself */
		if (!fork()) {
			FILE *stream = fdopen(fd, "r+");

			if (stream) {
				serve(stream);
				fclose(stream);
			}
			_exit(0);
		}
		close(fd);
	}
	printf("guest: cannot serve: %s\n", strerror(errno));
	return 1;
}
