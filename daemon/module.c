// SPDX-License-Identifier: GPL-2.0
/* Is a kernel module there, and if not, what has to be done. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "kernel.h"

static char *read_line(const char *path)
{
	char buf[512];
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n < 0)
		return NULL;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return xstrdup(buf);
}

/**
 * module_loaded - is a module loaded?
 * @name: the module
 *
 * Context: any.
 * Return: true if it is.
 */
bool module_loaded(const char *name)
{
	_cleanup_free_ char *path = xprintf("/sys/module/%s", name);

	return access(path, F_OK) == 0;
}

/**
 * module_version - the version of a loaded module
 * @name: the module
 *
 * Context: any.
 * Return: the version, NULL if it is not loaded or has none.
 */
char *module_version(const char *name)
{
	_cleanup_free_ char *path = xprintf("/sys/module/%s/version", name);

	return read_line(path);
}

/* modules.dep names every module that depmod has seen for this kernel */
static bool module_installed(const char *name, const char *release)
{
	_cleanup_free_ char *path = xprintf("/lib/modules/%s/modules.dep", release);
	_cleanup_free_ char *want = xprintf("/%s.ko", name);
	_cleanup_free_ char *line = NULL;
	bool found = false;
	size_t cap = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && getline(&line, &cap, f) > 0) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, want);
	}
	fclose(f);
	return found;
}

static bool signature_needed(void)
{
	_cleanup_free_ char *enforce = read_line("/sys/module/module/parameters/sig_enforce");
	_cleanup_free_ char *lockdown = read_line("/sys/kernel/security/lockdown");

	return streq(enforce, "Y") || (lockdown && (strstr(lockdown, "[integrity]") ||
						    strstr(lockdown, "[confidentiality]")));
}

/**
 * module_problem - why a module is not loaded, and what to do
 * @name: the module
 *
 * Context: any; reads small files.
 * Return: a sentence, NULL if the module is loaded.
 */
char *module_problem(const char *name)
{
	struct utsname uts;

	if (module_loaded(name) || uname(&uts) < 0)
		return NULL;
	if (!module_installed(name, uts.release))
		return xprintf("module %s is not built for kernel %s; install the kernel's headers and run 'dkms autoinstall'",
			       name, uts.release);
	if (signature_needed())
		return xprintf("module %s is not loaded; this kernel takes signed modules only: enroll DKMS's key with 'mokutil --import /var/lib/dkms/mok.pub' and reboot, then 'modprobe %s'",
			       name, name);
	return xprintf("module %s is not loaded; run 'modprobe %s'", name, name);
}
