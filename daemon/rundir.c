// SPDX-License-Identifier: GPL-2.0
/*
 * What an instance has in the file system. In nitrod's state: its kernel and
 * initial ramdisk, its firmware's variables, its console's log. In /run, from
 * when it is to be started until nitrod has seen its end: its sockets, and marks for
 * nitrods that come later. MARK_STARTED tells an instance that has ended from one that was
 * never started, as nitrod was killed before, and from one that the host's reboot has ended.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "instances.h"

#define LAST_WORDS_MAX 4096

/**
 * instance_dir - a file of an instance in nitrod's state
 * @m: the manager
 * @id: the instance
 * @file: name of the file, "" for the directory itself
 *
 * Context: any.
 * Return: its path, to be freed.
 */
char *instance_dir(const struct manager *m, const char *id, const char *file)
{
	return xprintf("%s/instances/%s%s%s", m->state_dir, id, *file ? "/" : "", file);
}

/**
 * instance_rundir - a file of an instance that is started
 * @m: the manager
 * @id: the instance
 * @file: name of the file, "" for the directory itself
 *
 * Context: any.
 * Return: its path, to be freed.
 */
char *instance_rundir(const struct manager *m, const char *id, const char *file)
{
	const char *slash = strrchr(m->socket_path, '/');

	/* the unit says the same of /run/nitro */
	return xprintf("%.*s/instances/%s%s%s", slash ? (int)(slash - m->socket_path) : 1,
		       slash ? m->socket_path : ".", id, *file ? "/" : "", file);
}

static int make_dir(const char *path, struct error *e)
{
	_cleanup_free_ char *parent = xstrndup(path, strrchr(path, '/') - path);

	if ((mkdir(parent, 0700) < 0 && errno != EEXIST) ||
	    (mkdir(path, 0700) < 0 && errno != EEXIST))
		return fail(e, ERR_FAILED, "cannot make '%s': %s", path, strerror(errno));
	return 0;
}

/**
 * instance_rundir_make - the instance is being started
 * @m: the manager
 * @id: the instance
 * @e: says why its directories cannot be made
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int instance_rundir_make(const struct manager *m, const char *id, struct error *e)
{
	_cleanup_free_ char *run = instance_rundir(m, id, ""), *state = instance_dir(m, id, "");
	int r = make_dir(run, e);

	return r < 0 ? r : make_dir(state, e);
}

/**
 * remove_dir - remove a directory that has files and nothing below
 * @path: the directory
 *
 * Context: event loop.
 */
void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (*d->d_name != '.')
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	if (dir)
		closedir(dir);
	(void)rmdir(path);
}

/**
 * instance_rundir_remove - the end of the instance was seen
 * @m: the manager
 * @id: the instance
 *
 * Context: event loop.
 */
void instance_rundir_remove(const struct manager *m, const char *id)
{
	_cleanup_free_ char *path = instance_rundir(m, id, "");

	remove_dir(path);
}

/**
 * instance_mark - note something of an instance that is started, for later nitrods
 * @m: the manager
 * @id: the instance
 * @what: MARK_STARTED or MARK_REBOOT
 * @e: says why it cannot be noted
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int instance_mark(const struct manager *m, const char *id, const char *what, struct error *e)
{
	_cleanup_free_ char *path = instance_rundir(m, id, what);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? fail(e, ERR_FAILED, "cannot write '%s': %s", path, strerror(errno)) : 0;
}

/**
 * instance_is_marked - was that noted since the instance was started?
 * @m: the manager
 * @id: the instance
 * @what: MARK_STARTED or MARK_REBOOT, "" for whether it was to be started at all
 *
 * Context: event loop.
 * Return: true if it was, and the instance's end was not seen.
 */
bool instance_is_marked(const struct manager *m, const char *id, const char *what)
{
	_cleanup_free_ char *path = instance_rundir(m, id, what);

	return access(path, F_OK) == 0;
}

/**
 * instance_dir_remove - nobody needs the instance's files any more
 * @m: the manager
 * @id: the instance
 *
 * Context: event loop.
 */
void instance_dir_remove(const struct manager *m, const char *id)
{
	_cleanup_free_ char *path = instance_dir(m, id, "");

	remove_dir(path);
}

/**
 * instance_dir_keep - what was gathered for an instance is its own now
 * @m: the manager
 * @id: the instance, which is in the store
 *
 * Context: event loop.
 */
void instance_dir_keep(const struct manager *m, const char *id)
{
	_cleanup_free_ char *name = xprintf(INSTANCE_NEW "%s", id);
	_cleanup_free_ char *from = instance_dir(m, name, ""), *to = instance_dir(m, id, "");

	instance_dir_remove(m, id);
	if (rename(from, to) < 0)
		fprintf(stderr, "<3>nitrod: cannot make '%s': %s\n", to, strerror(errno));
}

/* What was gathered is kept if the store got so far, and else of no use */
static void settle_dir(struct manager *m, const char *name)
{
	bool new = startswith(name, INSTANCE_NEW);
	struct object *o = model_by_id(&m->model, new ? name + strlen(INSTANCE_NEW) : name);

	if (new && o && !INSTANCE(o)->ended)
		instance_dir_keep(m, o->id);
	else if (new || !o)
		instance_dir_remove(m, name);
}

/**
 * instance_dirs_sweep - finish what an earlier nitrod could not
 * @m: the manager, its state loaded
 *
 * Context: at start.
 */
void instance_dirs_sweep(struct manager *m)
{
	_cleanup_free_ char *path = xprintf("%s/instances", m->state_dir);
	_cleanup_strings_ struct strings names = {};
	DIR *dir = opendir(path);
	struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (*d->d_name != '.')
			strings_add(&names, d->d_name);
	if (dir)
		closedir(dir);
	for (size_t i = 0; i < names.n; i++)
		settle_dir(m, names.v[i]);
}

/**
 * instance_last_words - what its VMM said last
 * @m: the manager
 * @id: the instance
 *
 * Its warnings are no reason for anything.
 *
 * Context: event loop.
 * Return: a line without control characters, to be freed; NULL if it said nothing.
 */
char *instance_last_words(const struct manager *m, const char *id)
{
	_cleanup_free_ char *path = instance_dir(m, id, "vmm.log");
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[LAST_WORDS_MAX + 1], *line;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	n = pread(fd, buf, LAST_WORDS_MAX,
		  st.st_size > LAST_WORDS_MAX ? st.st_size - LAST_WORDS_MAX : 0);
	do {
		while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
			n--;
		if (n <= 0)
			return NULL;
		buf[n] = '\0';
		line = strrchr(buf, '\n');
		line = line ? line + 1 : buf;
		n = line - buf;
	} while (strstr(line, ": warning: "));
	for (char *c = line; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return xstrdup(line);
}
