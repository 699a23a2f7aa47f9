// SPDX-License-Identifier: GPL-2.0
/*
 * The checks. Each reads what the kernel says of itself, below a root that is
 * empty for the host and a directory of files for the tests. The settings hold
 * until the host reboots; most of them cannot be taken back before.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hardening.h"

#define LINE 512
#define TEXT 4096
#define ABSENT "not in this kernel"
#define NO_DUMPS "|/bin/false"

static __attribute__((format(printf, 1, 2))) char *text(const char *format, ...)
{
	va_list args;
	char *s;
	int n;

	va_start(args, format);
	n = vasprintf(&s, format, args);
	va_end(args);
	if (n < 0)
		abort();
	return s;
}

static int open_below(const char *root, const char *path, int flags)
{
	char *full = text("%s/%s", root, path);
	int fd = open(full, flags | O_CLOEXEC), error = errno;

	free(full);
	errno = error;
	return fd;
}

/* What a file of /proc or /sys says, without its last newline */
static int read_file(const char *root, const char *path, char *buffer, size_t size)
{
	int fd = open_below(root, path, O_RDONLY), error;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buffer, size - 1);
	error = errno;
	close(fd);
	if (n < 0)
		return -error;
	buffer[n] = 0;
	if (n && buffer[n - 1] == '\n')
		buffer[n - 1] = 0;
	return 0;
}

static int write_file(const char *root, const char *path, const char *value)
{
	int fd = open_below(root, path, O_WRONLY), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static char *read_exact(const char *root, const char *path, const char *wanted, bool *ok)
{
	char is[LINE];

	if (read_file(root, path, is, sizeof(is)) < 0)
		return text(ABSENT);
	*ok = !strcmp(is, wanted);
	return text("%s", is);
}

/* "none integrity [confidentiality]" */
static char *read_lockdown(const char *root, bool *ok)
{
	char line[LINE], command_line[TEXT], *is, *end;

	if (read_file(root, "sys/kernel/security/lockdown", line, sizeof(line)) < 0)
		return text(ABSENT);
	is = strchr(line, '[');
	end = is ? strchr(is, ']') : NULL;
	if (!end)
		return text("%s", line);
	*end = 0;
	*ok = !strcmp(++is, "confidentiality");
	if (!*ok)
		return text("%s", is);
	if (read_file(root, "proc/cmdline", command_line, sizeof(command_line)) >= 0 &&
	    strstr(command_line, "lockdown=confidentiality"))
		return text("%s since boot", is);
	return text("%s, raised at run time", is);
}

static int set_lockdown(const char *root)
{
	return write_file(root, "sys/kernel/security/lockdown", "confidentiality");
}

static char *read_signatures(const char *root, bool *ok)
{
	char is[LINE];

	if (read_file(root, "sys/module/module/parameters/sig_enforce", is, sizeof(is)) < 0)
		return text(ABSENT);
	*ok = *is == 'Y';
	return text(*ok ? "enforced" : "not enforced");
}

static int set_signatures(const char *root)
{
	return write_file(root, "sys/module/module/parameters/sig_enforce", "Y");
}

static char *read_ptrace(const char *root, bool *ok)
{
	return read_exact(root, "proc/sys/kernel/yama/ptrace_scope", "3", ok);
}

static int set_ptrace(const char *root)
{
	return write_file(root, "proc/sys/kernel/yama/ptrace_scope", "3");
}

static bool says(const char *root, const char *path, char what)
{
	char is[LINE];

	return read_file(root, path, is, sizeof(is)) >= 0 && *is == what;
}

static char *read_kexec(const char *root, bool *ok)
{
	char is[LINE];

	if (says(root, "sys/kernel/kexec_crash_loaded", '1'))
		return text("a crash kernel is loaded");
	if (says(root, "sys/kernel/kexec_loaded", '1'))
		return text("a kernel is loaded");
	if (read_file(root, "proc/sys/kernel/kexec_load_disabled", is, sizeof(is)) < 0)
		*is = 0;
	*ok = !*is || *is == '1';
	return text(!*is ? ABSENT : *ok ? "disabled" : "possible");
}

/* A loaded kernel could be unloaded only until then */
static int set_kexec(const char *root)
{
	if (says(root, "sys/kernel/kexec_crash_loaded", '1') ||
	    says(root, "sys/kernel/kexec_loaded", '1'))
		return -EBUSY;
	return write_file(root, "proc/sys/kernel/kexec_load_disabled", "1");
}

static char *read_core_dumps(const char *root, bool *ok)
{
	char pattern[LINE];

	if (read_file(root, "proc/sys/kernel/core_pattern", pattern, sizeof(pattern)) < 0)
		return text(ABSENT);
	if (strcmp(pattern, NO_DUMPS))
		return text("to %s", pattern);
	*ok = says(root, "proc/sys/fs/suid_dumpable", '0');
	return text(*ok ? "none" : "of programs that change their user, too");
}

static int set_core_dumps(const char *root)
{
	int r = write_file(root, "proc/sys/fs/suid_dumpable", "0");

	return r < 0 ? r : write_file(root, "proc/sys/kernel/core_pattern", NO_DUMPS);
}

typedef int (*entry_fn)(const char *root, const char *path, void *data);

/*
 * Call @each with the path of every entry of a directory, until it is not 0.
 * Return: what the last call returned, or -ENOENT if there is no entry.
 */
static int visit_entries(const char *root, const char *path, entry_fn each, void *data)
{
	char *full = text("%s/%s", root, path);
	DIR *dir = opendir(full);
	struct dirent *entry;
	int r = -ENOENT;

	free(full);
	if (!dir)
		return -errno;
	while (r == -ENOENT || !r) {
		char *below;

		entry = readdir(dir);
		if (!entry)
			break;
		if (*entry->d_name == '.')
			continue;
		below = text("%s/%s", path, entry->d_name);
		r = each(root, below, data);
		free(below);
	}
	closedir(dir);
	return r;
}

/* A group whose devices reach all of memory, or may reach freed memory for a while */
static int group_is_loose(const char *root, const char *path, void *data)
{
	char *type = text("%s/type", path);
	int r = read_file(root, type, data, LINE);

	free(type);
	return r >= 0 && strcmp(data, "DMA");
}

static char *read_iommu(const char *root, bool *ok)
{
	char type[LINE];
	int r = visit_entries(root, "sys/kernel/iommu_groups", group_is_loose, type);

	if (r < 0)
		return text("off");
	*ok = !r;
	return r ? text("a group of type %s", type) : text("on, strict");
}

static int depends_on_smt(const char *root, const char *path, void *data)
{
	return read_file(root, path, data, LINE) >= 0 && strstr(data, "SMT vulnerable");
}

/* Instances have whole cores, so SMT matters only where a CPU leaks to its own core's next user */
static char *read_smt(const char *root, bool *ok)
{
	char line[LINE];

	*ok = says(root, "sys/devices/system/cpu/smt/active", '0');
	if (*ok)
		return text("off");
	*ok = visit_entries(root, "sys/devices/system/cpu/vulnerabilities", depends_on_smt,
			    line) <= 0;
	return text(*ok ? "on, instances have whole cores" : "on, and the CPU is vulnerable by it");
}

static int set_smt(const char *root)
{
	return write_file(root, "sys/devices/system/cpu/smt/control", "off");
}

/* A unit of an instance whose memory may be swapped out; other entries have no such file */
static int group_swaps(const char *root, const char *path, void *data)
{
	char *limit = text("%s/memory.swap.max", path);
	int r = read_file(root, limit, data, LINE);

	free(limit);
	return r >= 0 && strcmp(data, "0");
}

static char *read_swap(const char *root, bool *ok)
{
	char swaps[TEXT], limit[LINE];

	/* the first line is the heading */
	if (read_file(root, "proc/swaps", swaps, sizeof(swaps)) < 0 || !strchr(swaps, '\n')) {
		*ok = true;
		return text("none on this host");
	}
	*ok = visit_entries(root, "sys/fs/cgroup/nitro.slice", group_swaps, limit) <= 0;
	return text(*ok ? "not for guests" : "an instance may be swapped out");
}

/* The pool's ranges have its module's name; no other line ends so */
static char *read_memory(const char *root, bool *ok)
{
	char line[LINE], *full = text("%s/proc/iomem", root);
	FILE *file = fopen(full, "re");

	free(full);
	while (file && !*ok && fgets(line, sizeof(line), file))
		*ok = strstr(line, " : nitro_mem\n");
	if (file)
		fclose(file);
	return text(*ok ? "a pool of its own" : "the host's");
}

static char *read_ksm(const char *root, bool *ok)
{
	char is[LINE];

	*ok = true;
	if (read_file(root, "sys/kernel/mm/ksm/run", is, sizeof(is)) < 0)
		return text(ABSENT);
	*ok = *is != '1';
	return text(*ok ? "stopped" : "running");
}

/* 2 also parts the pages that are shared already */
static int set_ksm(const char *root)
{
	return write_file(root, "sys/kernel/mm/ksm/run", "2");
}

const struct hardening_check hardening_checks[] = {
	{ .name = "iommu", .wanted = "on, strict",
	  .why = "A device could read and write all of memory by DMA.",
	  .remedy = "Turn it on in the firmware, and boot with 'intel_iommu=on iommu.strict=1 iommu.passthrough=0'.",
	  .read = read_iommu },
	{ .name = "smt", .wanted = "off, or harmless on this CPU",
	  .why = "A program on the other thread of a core could find out what a guest works on.",
	  .read = read_smt, .set = set_smt },
	{ .name = "memory", .wanted = "a pool of its own",
	  .why = "The kernel maps a guest's memory as it does its own, so what can read the one can read the other.",
	  .remedy = "Give instances memory by 'nitroctl memory set --pool', and start again those that run.",
	  .read = read_memory },
	{ .name = "swap", .wanted = "not for guests",
	  .why = "A guest's memory could be read from the disk.",
	  .remedy = "Stop the instance and start it again, or 'swapoff -a'.",
	  .read = read_swap },
	{ .name = "ksm", .wanted = "stopped",
	  .why = "The time that a write takes tells whether another guest has the same page.",
	  .read = read_ksm, .set = set_ksm },
	{ .name = "core_dumps", .wanted = "none",
	  .why = "A VMM's memory could be written to a file when it crashes.",
	  .read = read_core_dumps, .set = set_core_dumps },
	{ .name = "kexec", .wanted = "disabled",
	  .why = "Another kernel could be started that reads the memory of this one.",
	  .remedy = "Boot without 'crashkernel=', or unload the kernel with 'kexec -u' or 'kexec -p -u'.",
	  .read = read_kexec, .set = set_kexec },
	{ .name = "ptrace", .wanted = "3",
	  .why = "Root could read a VMM's memory as a debugger.",
	  .read = read_ptrace, .set = set_ptrace },
	{ .name = "module_signatures", .wanted = "enforced",
	  .why = "Root could load code into the kernel that reads anything.",
	  .read = read_signatures, .set = set_signatures },
	{ .name = "lockdown", .wanted = "confidentiality",
	  .why = "Root could read the kernel's memory by /dev/mem, /proc/kcore, kprobes, BPF or hibernation.",
	  .remedy = "Boot a kernel that has the lockdown LSM in its list of LSMs ('lsm=').",
	  .read = read_lockdown, .set = set_lockdown },
};

const size_t hardening_n_checks = sizeof(hardening_checks) / sizeof(*hardening_checks);

/**
 * hardening_apply - bring one check about
 * @root: where the host's /proc and /sys are, "" for this one
 * @check: the check
 *
 * Context: root; not under a sandbox that hides /proc/sys or /sys.
 * Return: 1 if it was set, 0 if it was so before or cannot be set on a running kernel,
 *	or a negative errno.
 */
int hardening_apply(const char *root, const struct hardening_check *check)
{
	bool ok = false;
	int r;

	free(check->read(root, &ok));
	if (ok || !check->set)
		return 0;
	r = check->set(root);
	return r < 0 ? r : 1;
}
