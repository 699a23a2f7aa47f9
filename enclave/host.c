// SPDX-License-Identifier: GPL-2.0
/*
 * A verifier that trusts the images must be able to see a weak host. Each register is the
 * hash of a text of sorted lines, which anybody on the host can print again:
 *
 *   PCR5  "MODULE BUILD-ID" of each loaded module of ours and of KVM
 *   PCR6  "release …", "version …", "lockdown …"
 *   PCR7  "WEAKNESS: …" of each that the kernel knows of this processor
 */

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define VALUE_MAX 4096

static const char *const modules[] = {
	"kvm", "kvm_amd", "kvm_intel", "nitro_ebs", "nitro_mem", "nitro_vpc",
};

static int add(char **text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int add(char **text, const char *fmt, ...)
{
	char *line, *joined;
	va_list args;
	int r;

	va_start(args, fmt);
	r = vasprintf(&line, fmt, args);
	va_end(args);
	if (r < 0)
		return -ENOMEM;
	r = asprintf(&joined, "%s%s", *text ?: "", line);
	free(line);
	if (r < 0)
		return -ENOMEM;
	free(*text);
	*text = joined;
	return 0;
}

/* Return: how many bytes the file has, or a negative errno */
static ssize_t read_file(const char *dir, const char *name, char to[static VALUE_MAX + 1])
{
	char path[512];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, to, VALUE_MAX);
	if (n < 0)
		n = -errno;
	close(fd);
	to[n > 0 ? n : 0] = '\0';
	return n;
}

/* As a line: without the newline, and without others in it */
static ssize_t read_line(const char *dir, const char *name, char to[static VALUE_MAX + 1])
{
	ssize_t n = read_file(dir, name, to);

	for (ssize_t i = 0; i < n; i++)
		if (to[i] == '\n')
			to[i] = i + 1 == n ? '\0' : ' ';
	return n;
}

/* The build ID is the hash of what was loaded; it is in an ELF note */
static bool build_id(const char *note, size_t size, char hex[static 129])
{
	Elf64_Nhdr head;
	size_t at;

	if (size < sizeof(head))
		return false;
	memcpy(&head, note, sizeof(head));
	if (head.n_namesz > 16 || head.n_descsz > 64 || !head.n_descsz)
		return false;
	at = sizeof(head) + ((head.n_namesz + 3) & ~3U);
	if (size < at + head.n_descsz)
		return false;
	hex_write(note + at, head.n_descsz, hex);
	return true;
}

static int add_modules(const char *sys, char **text)
{
	char name[128], note[VALUE_MAX + 1], hex[129];
	int err = add(text, "%s", "");

	for (size_t i = 0; !err && i < sizeof(modules) / sizeof(*modules); i++) {
		ssize_t n;

		(void)snprintf(name, sizeof(name), "module/%s/notes/.note.gnu.build-id",
			       modules[i]);
		n = read_file(sys, name, note);
		if (n >= 0 && build_id(note, n, hex))
			err = add(text, "%s %s\n", modules[i], hex);
		else if (n != -ENOENT)
			err = add(text, "%s unknown\n", modules[i]);
	}
	return err;
}

/* "none [integrity] confidentiality": what is in the brackets */
static const char *chosen(char *text)
{
	char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return "unknown";
	*close = '\0';
	return open + 1;
}

static int add_kernel(const char *sys, const char *proc, char **text)
{
	static const char *const files[] = { "osrelease", "version" };
	static const char *const labels[] = { "release", "version" };
	char value[VALUE_MAX + 1], name[64];
	int err = 0;

	for (int i = 0; !err && i < 2; i++) {
		(void)snprintf(name, sizeof(name), "sys/kernel/%s", files[i]);
		if (read_line(proc, name, value) < 0)
			return -ENOENT;
		err = add(text, "%s %s\n", labels[i], value);
	}
	if (err)
		return err;
	if (read_line(sys, "kernel/security/lockdown", value) < 0)
		return add(text, "lockdown none\n");
	return add(text, "lockdown %s\n", chosen(value));
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_cpu(const char *sys, char **text)
{
	char path[512], value[VALUE_MAX + 1];
	struct dirent **entries;
	int n, err = add(text, "%s", "");

	(void)snprintf(path, sizeof(path), "%s/devices/system/cpu/vulnerabilities", sys);
	n = scandir(path, &entries, is_file, by_name);
	if (n < 0)
		return err;
	for (int i = 0; i < n; i++) {
		if (!err && read_line(path, entries[i]->d_name, value) >= 0)
			err = add(text, "%s: %s\n", entries[i]->d_name, value);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static int measure(const char *text, struct pcr *pcr)
{
	struct pcr hash;

	*pcr = (struct pcr){};
	if (sha384(&(struct piece){ text, strlen(text) }, 1, &hash))
		return -ENOMEM;
	return pcr_extend(pcr, hash.value, PCR_SIZE);
}

/**
 * host_measure - make registers 5 to 7
 * @sys: where sysfs is
 * @proc: where proc is
 * @host: receives them, and their texts
 * @why: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int host_measure(const char *sys, const char *proc, struct host *host, struct why *why)
{
	int err;

	*host = (struct host){};
	err = add_modules(sys, &host->modules);
	if (!err)
		err = add_kernel(sys, proc, &host->kernel);
	if (!err)
		err = add_cpu(sys, &host->cpu);
	if (!err)
		err = measure(host->modules, &host->pcrs[0]) ?:
		      measure(host->kernel, &host->pcrs[1]) ?:
		      measure(host->cpu, &host->pcrs[2]);
	if (!err)
		return 0;
	host_clear(host);
	return refuse_error(why, -err, "cannot measure the host");
}

/**
 * host_clear - forget what a host is
 * @host: the host
 *
 * Context: any.
 */
void host_clear(struct host *host)
{
	free(host->modules);
	free(host->kernel);
	free(host->cpu);
	*host = (struct host){};
}
