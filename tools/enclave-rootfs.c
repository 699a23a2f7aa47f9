// SPDX-License-Identifier: GPL-2.0
/* nitroctl enclave build --rootfs: an image from a directory. */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "enclave-rootfs.h"

/* Debian's kernel for virtual machines has all that an enclave needs, and less than the other */
static const char *const kernels[] = { "/boot/vmlinuz-*-cloud-*", "/boot/vmlinuz-*" };

static const char *text_of(const struct cli_call *call, const char *property)
{
	sd_json_variant *value = sd_json_variant_by_key(call->properties, property);

	return value ? sd_json_variant_string(value) : NULL;
}

static bool given(const struct cli_call *call, const char *property)
{
	return sd_json_variant_by_key(call->properties, property);
}

static int usage(const char *sentence, const char *option)
{
	return cli_error(EXIT_USAGE, "--%s %s; see 'nitroctl enclave build --help'", option,
			 sentence);
}

/**
 * enclave_rootfs_check() - Are the options of a build complete
 * @call: the command
 *
 * Context: Writes one sentence to stderr if not.
 * Return: 0, or the exit status.
 */
int enclave_rootfs_check(const struct cli_call *call)
{
	static const char *const parts[] = { "kernel", "cmdline" };
	static const char *const ours[] = { "command", "modules", "init" };

	if (given(call, "rootfs"))
		return given(call, "ramdisks") ?
			usage("and --ramdisk exclude each other", "rootfs") : 0;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (given(call, ours[i]))
			return usage("belongs to --rootfs", ours[i]);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (!given(call, parts[i]))
			return usage("is needed", parts[i]);
	return given(call, "ramdisks") ? 0 : usage("is needed", "ramdisk");
}

/**
 * enclave_rootfs_kernel() - Find a kernel of this host
 * @why: says why not
 *
 * Context: Reads a directory.
 * Return: its path, to be freed, or NULL.
 */
char *enclave_rootfs_kernel(struct why *why)
{
	char *newest = NULL;

	for (size_t i = 0; !newest && i < ARRAY_SIZE(kernels); i++) {
		const char *found = NULL;
		glob_t list;

		if (glob(kernels[i], 0, NULL, &list))
			continue;
		for (size_t j = 0; j < list.gl_pathc; j++)
			if (!found || strverscmp(list.gl_pathv[j], found) > 0)
				found = list.gl_pathv[j];
		newest = strdup(found);
		globfree(&list);
	}
	if (!newest)
		(void)refuse(why, "there is no kernel in /boot; --kernel names one");
	return newest;
}

/**
 * enclave_rootfs_pack() - Make the ramdisks
 * @call: the command
 * @release: of the kernel
 * @ramdisks: receives them
 * @why: says why not
 *
 * Context: Reads files.
 * Return: 0 or a negative errno.
 */
int enclave_rootfs_pack(const struct cli_call *call, const char *release,
			struct image ramdisks[static 2], struct why *why)
{
	_cleanup_free_ char *modules = NULL;
	struct bootstrap b = {
		.init = text_of(call, "init") ?: BOOTSTRAP_INIT,
		.rootfs = text_of(call, "rootfs"),
		.command = text_of(call, "command"),
		.modules = text_of(call, "modules"),
	};
	int r;

	if (!b.modules) {
		if (asprintf(&modules, "/usr/lib/modules/%s", release) < 0) {
			modules = NULL;
			return refuse_error(why, ENOMEM, "cannot find the modules");
		}
		b.modules = modules;
	}
	r = bootstrap_first(&b, &ramdisks[0], why);
	if (r < 0)
		return r;
	r = bootstrap_application(&b, &ramdisks[1], why);
	if (r < 0)
		image_close(&ramdisks[0]);
	return r;
}
