// SPDX-License-Identifier: GPL-2.0
/*
 * The first process of an enclave that 'nitroctl enclave build --rootfs' has made: modules,
 * heartbeat, then the application in its own root. The enclave ends with the application.
 * What goes wrong is said on the console, which only an enclave in debug mode has.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARENT_CID 3
#define HEARTBEAT_PORT 9000
#define HEARTBEAT 0xb7
#define HEARTBEAT_SECONDS 60
#define COMMAND_MAX 65536
#define WORDS_MAX 1024

static void end(void)
{
	sync();
	(void)reboot(RB_POWER_OFF);
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void fail(const char *what)
{
	fprintf(stderr, "enclave: %s: %s\n", what, strerror(errno));
	end();
}

static void mount_one(const char *type, const char *where, unsigned long flags)
{
	if (mount(type, where, type, flags, NULL) < 0 && errno != EBUSY)
		fail(where);
}

static int not_hidden(const struct dirent *entry)
{
	return *entry->d_name != '.';
}

static void load(int dir, const char *name)
{
	size_t n = strlen(name);
	int flags = n > 3 && !strcmp(name + n - 3, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST))
		fail(name);
	close(fd);
}

/* Their names say in which order */
static void load_modules(void)
{
	int dir = open("/modules", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries;
	int n = dir < 0 ? -1 : scandirat(dir, ".", &entries, not_hidden, alphasort);

	if (n < 0)
		fail("/modules");
	for (int i = 0; i < n; i++) {
		load(dir, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	close(dir);
}

/* Says that the enclave has started; who has started it answers */
static void beat(void)
{
	const struct sockaddr_vm parent = {
		.svm_family = AF_VSOCK, .svm_cid = PARENT_CID, .svm_port = HEARTBEAT_PORT,
	};
	const struct timeval patience = { .tv_sec = HEARTBEAT_SECONDS };
	unsigned char byte = HEARTBEAT;
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&parent, sizeof(parent)) < 0 ||
	    write(fd, &byte, 1) != 1)
		fail("heartbeat");
	byte = 0;
	errno = 0;
	if (read(fd, &byte, 1) != 1 || byte != HEARTBEAT)
		fail("answer to the heartbeat");
	close(fd);
}

/* A word per line, as bootstrap_application() has written them */
static char **read_command(void)
{
	static char text[COMMAND_MAX], *words[WORDS_MAX + 1];
	int fd = open("/command", O_RDONLY | O_CLOEXEC);
	char *rest = text, *word;
	size_t n = 0;

	if (fd < 0) {
		words[0] = (char *)"/init";
		return words;
	}
	if (read(fd, text, sizeof(text) - 1) < 0)
		fail("/command");
	close(fd);
	while (n < WORDS_MAX && (word = strsep(&rest, "\n")))
		if (*word)
			words[n++] = word;
	return words;
}

static void change_root(void)
{
	mount_one("devtmpfs", "/rootfs/dev", MS_NOSUID);
	mount_one("proc", "/rootfs/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
	mount_one("sysfs", "/rootfs/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC);
	mount_one("tmpfs", "/rootfs/run", MS_NOSUID | MS_NODEV);
	mount_one("tmpfs", "/rootfs/tmp", MS_NOSUID | MS_NODEV);
	if (chdir("/rootfs") < 0 || chroot(".") < 0)
		fail("/rootfs");
}

static void run(char **command)
{
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		"TERM=linux", NULL
	};
	pid_t child = fork(), ended;
	int status;

	if (child < 0)
		fail("fork");
	if (!child) {
		(void)setsid();
		execve(command[0], command, (char *const *)environment);
		fprintf(stderr, "enclave: %s: %s\n", command[0], strerror(errno));
		_exit(127);
	}
	/* Children of others that ended are this process's */
	do
		ended = wait(&status);
	while (ended != child && (ended >= 0 || errno == EINTR));
	if (WIFSIGNALED(status))
		fprintf(stderr, "enclave: %s ended by signal %d\n", command[0], WTERMSIG(status));
	else if (WEXITSTATUS(status))
		fprintf(stderr, "enclave: %s ended with %d\n", command[0], WEXITSTATUS(status));
}

int main(void)
{
	char **command;

	if (getpid() != 1) {
		fputs("enclave-init is the first process of an enclave\n", stderr);
		return 2;
	}
	mount_one("devtmpfs", "/dev", MS_NOSUID);
	load_modules();
	beat();
	command = read_command();
	change_root();
	run(command);
	end();
}
