// SPDX-License-Identifier: GPL-2.0
/*
 * A master key is a file DIR/keys/ID.GENERATION.cred, sealed by systemd-creds
 * with the TPM where there is one and the host's own secret. The name is sealed
 * in, so one file cannot be put in another's place.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "seal.h"

#define SEALED_MAX 4096		/* fits a pipe */

static char *file_name(const char *id, uint64_t generation)
{
	return xprintf("%s.%llu.cred", id, (unsigned long long)generation);
}

static int open_keys(const char *dir, struct error *e)
{
	_cleanup_free_ char *path = xprintf("%s/keys", dir);
	int fd;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return fail(e, ERR_FAILED, "cannot make '%s': %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail(e, ERR_FAILED, "cannot open '%s': %s", path, strerror(errno)) : fd;
}

/**
 * seal_start - seal a master key
 * @event: the loop
 * @id: ID of the key
 * @generation: which of its generations
 * @host_key_only: do not ask for more than the host's own secret
 * @key: the key
 * @done: gets the sealed key as output
 * @userdata: for it
 * @ret: the helper
 * @e: says why it cannot begin
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int seal_start(sd_event *event, const char *id, uint64_t generation, bool host_key_only,
	       const struct secret *key, helper_done_fn done, void *userdata,
	       struct helper **ret, struct error *e)
{
	_cleanup_free_ char *file = file_name(id, generation), *name = xprintf("--name=%s", file);
	const char *const argv[] = {
		"systemd-creds", "encrypt", name,
		host_key_only ? "--with-key=host" : "--with-key=auto", "-", "-", NULL
	};
	struct helper_exec x = { .argv = argv, .input = key->data, .input_size = key->size };

	return helper_run(event, &x, done, userdata, ret, e);
}

/**
 * seal_keep - write a sealed key to disk
 * @dir: the state
 * @id: ID of the key
 * @generation: which of its generations
 * @sealed: the sealed key
 * @size: its length
 * @e: says why not
 *
 * Context: event loop; waits for the disk, as a commit does.
 * Return: 0 or a negative errno.
 */
int seal_keep(const char *dir, const char *id, uint64_t generation, const char *sealed,
	      size_t size, struct error *e)
{
	_cleanup_free_ char *file = file_name(id, generation), *tmp = xprintf("%s.new", file);
	_cleanup_close_ int keys = open_keys(dir, e), fd = -1;

	if (keys < 0)
		return keys;
	if (!size || size > SEALED_MAX)
		return fail(e, ERR_FAILED, "systemd-creds gives a key of %zu bytes", size);
	fd = openat(keys, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, sealed, size) != (ssize_t)size || fsync(fd) < 0 ||
	    renameat(keys, tmp, keys, file) < 0 || fsync(keys) < 0)
		return fail(e, ERR_FAILED, "cannot write '%s/keys/%s': %s", dir, file,
			    strerror(errno));
	return 0;
}

/**
 * unseal_start - get a master key in plaintext
 * @event: the loop
 * @dir: the state
 * @id: ID of the key
 * @generation: which of its generations
 * @done: gets the key as secret
 * @userdata: for it
 * @ret: the helper
 * @e: says why it cannot begin
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int unseal_start(sd_event *event, const char *dir, const char *id, uint64_t generation,
		 helper_done_fn done, void *userdata, struct helper **ret, struct error *e)
{
	_cleanup_free_ char *file = file_name(id, generation), *name = xprintf("--name=%s", file);
	const char *const argv[] = { "systemd-creds", "decrypt", name, "-", "-", NULL };
	_cleanup_close_ int keys = open_keys(dir, e), fd = -1;
	struct helper_exec x = { .argv = argv, .secret_output = true };
	char buf[SEALED_MAX];
	ssize_t n;

	if (keys < 0)
		return keys;
	fd = openat(keys, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	if (n <= 0)
		return fail(e, ERR_FAILED,
			    "the sealed key '%s/keys/%s' cannot be read: %s; put it back from the backup",
			    dir, file, n ? strerror(errno) : "it is empty");
	x.input = buf;
	x.input_size = n;
	return helper_run(event, &x, done, userdata, ret, e);
}

/**
 * seal_exists - is there a sealed key, of whatever generation?
 * @dir: the state
 * @id: ID of the key
 *
 * Context: event loop.
 * Return: true if there is.
 */
bool seal_exists(const char *dir, const char *id)
{
	_cleanup_free_ char *path = xprintf("%s/keys", dir), *start = xprintf("%s.", id);
	struct dirent *entry;
	bool found = false;
	DIR *d = opendir(path);

	while (d && !found && (entry = readdir(d)))
		found = startswith(entry->d_name, start);
	if (d)
		closedir(d);
	return found;
}

/**
 * seal_sweep - delete the generations of a key that are not used
 * @dir: the state
 * @id: ID of the key
 * @keep: the generation that is used, 0 for none
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int seal_sweep(const char *dir, const char *id, uint64_t keep, struct error *e)
{
	_cleanup_free_ char *kept = file_name(id, keep), *start = xprintf("%s.", id);
	_cleanup_close_ int keys = open_keys(dir, e);
	struct dirent *entry;
	int r = 0;
	DIR *d;

	if (keys < 0)
		return keys;
	d = fdopendir(dup(keys));
	while (d && (entry = readdir(d))) {
		if (!startswith(entry->d_name, start) || streq(entry->d_name, kept))
			continue;
		if (unlinkat(keys, entry->d_name, 0) < 0)
			r = fail(e, ERR_FAILED, "cannot delete '%s/keys/%s': %s", dir,
				 entry->d_name, strerror(errno));
	}
	if (d)
		closedir(d);
	(void)fsync(keys);
	return r;
}
