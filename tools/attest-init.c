// SPDX-License-Identifier: GPL-2.0
/*
 * Makes the directory that nitro-nsm.service takes its credentials from: certificates of
 * the root and of this host's two authorities, and their keys, which systemd-creds has
 * sealed to this host. It gets its name when all of it is there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attest.h"
#include "authority.h"
#include "image.h"
#include "macros.h"

#define NITRO_DIR "/var/lib/nitro"
#define PEM_MAX (64UL << 10)
#define DAY 86400
#define ROOT_DAYS 3650
#define HOST_DAYS 730

extern char **environ;

/* Files of the directory; all that is in one that may be replaced */
static const char *const files[] = {
	"root.pem", "root.cred", "host.pem", "host.cred", "debug.pem", "debug.cred",
};

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_certificate(X509 **x)
{
	X509_free(*x);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_key_ _cleanup_(free_key)
#define _cleanup_certificate_ _cleanup_(free_certificate)
#define _cleanup_close_ _cleanup_(close_fd)

/**
 * attest_read_certificate() - Read a certificate
 * @path: a PEM file
 * @ret: receives it, to be freed
 * @why: says why not
 *
 * Context: Reads a file.
 * Return: 0 or a negative errno.
 */
int attest_read_certificate(const char *path, X509 **ret, struct why *why)
{
	struct image file;
	BIO *bio;
	int r;

	r = image_open(path, PEM_MAX, &file, why);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(file.data, file.size);
	*ret = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	image_close(&file);
	ERR_clear_error();
	return *ret ? 0 : refuse(why, "'%s' is no PEM certificate", path);
}

static int no_passphrase(char *to, int size, int writing, void *data)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

static int read_key(const char *path, EVP_PKEY **ret, struct why *why)
{
	FILE *file = fopen(path, "re");

	if (!file)
		return refuse_error(why, errno, "cannot open '%s'", path);
	*ret = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
	(void)fclose(file);
	ERR_clear_error();
	return *ret ? 0 : refuse(why, "'%s' is no PEM private key without a passphrase", path);
}

/* Seals what is in @from; the name is sealed in, so no key can be put in another's place. */
static int seal_key(int from, const char *name, int to, struct why *why)
{
	_cleanup_free_ char *arg = NULL;
	posix_spawn_file_actions_t actions;
	int status, r;
	pid_t pid;

	if (asprintf(&arg, "--name=%s", name) < 0) {
		arg = NULL;
		return refuse_error(why, ENOMEM, "cannot seal '%s'", name);
	}
	/* It warns where the host has no encrypted disk, each time */
	(void)setenv("SYSTEMD_LOG_LEVEL", "err", true);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, from, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
	r = posix_spawnp(&pid, "systemd-creds", &actions, NULL,
			 (char *[]){ (char *)"systemd-creds", (char *)"encrypt", arg,
				     (char *)"--with-key=auto", (char *)"-", (char *)"-", NULL },
			 environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r)
		return refuse_error(why, r, "cannot run systemd-creds");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return refuse_error(why, errno, "cannot wait for systemd-creds");
	return status ? refuse(why, "systemd-creds does not seal '%s'", name) : 0;
}

static int create(int dir, const char *name, mode_t mode, struct why *why)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

	return fd < 0 ? refuse_error(why, errno, "cannot write '%s'", name) : fd;
}

/* Keys are in memory that is not written to disk before they are sealed. */
static int write_key(int dir, const char *name, EVP_PKEY *key, struct why *why)
{
	char file[64], credential[64];
	_cleanup_close_ int plain = memfd_create("key", MFD_CLOEXEC), fd = -1;
	FILE *stream = plain < 0 ? NULL : fdopen(dup(plain), "w");
	int written;

	if (!stream)
		return refuse_error(why, errno, "cannot keep a key");
	written = PEM_write_PrivateKey(stream, key, NULL, NULL, 0, NULL, NULL);
	if (fclose(stream) || written != 1 || lseek(plain, 0, SEEK_SET) < 0)
		return refuse(why, "cannot write the key '%s'", name);
	(void)snprintf(file, sizeof(file), "%s.cred", name);
	(void)snprintf(credential, sizeof(credential), "%s.key", name);
	fd = create(dir, file, 0600, why);
	if (fd < 0)
		return fd;
	written = seal_key(plain, credential, fd, why);
	if (written < 0)
		return written;
	return fsync(fd) < 0 ? refuse_error(why, errno, "cannot write '%s'", file) : 0;
}

static int write_certificate(int dir, const char *name, X509 *x, struct why *why)
{
	char file[64];
	FILE *stream;
	int fd, r;

	(void)snprintf(file, sizeof(file), "%s.pem", name);
	fd = create(dir, file, 0644, why);
	if (fd < 0)
		return fd;
	stream = fdopen(fd, "w");
	if (!stream) {
		close(fd);
		return refuse_error(why, ENOMEM, "cannot write '%s'", file);
	}
	r = PEM_write_X509(stream, x) == 1 && !fflush(stream) && !fsync(fd);
	if (fclose(stream) || !r)
		return refuse_error(why, EIO, "cannot write '%s'", file);
	return 0;
}

static void host_name(char *to, size_t room)
{
	if (gethostname(to, room) < 0 || !*to)
		(void)snprintf(to, room, "host");
	to[room - 1] = '\0';
}

/* An authority of this host */
static int write_authority(int dir, const char *name, const char *subject, X509 *root,
			   EVP_PKEY *root_key, struct why *why)
{
	_cleanup_key_ EVP_PKEY *key = authority_key();
	_cleanup_certificate_ X509 *x = NULL;
	int r;

	if (!key)
		return refuse(why, "cannot make a key");
	x = authority_issue(&(struct issue){
		.name = subject, .key = key, .issuer = root, .issuer_key = root_key,
		.path = 0, .from = time(NULL), .seconds = HOST_DAYS * DAY,
	}, why);
	if (!x)
		return -EINVAL;
	r = write_certificate(dir, name, x, why);
	return r < 0 ? r : write_key(dir, name, key, why);
}

static int read_root(const struct attest_init *init, X509 **root, EVP_PKEY **key, struct why *why)
{
	int r;

	r = read_key(init->root_key, key, why);
	if (r >= 0)
		r = attest_read_certificate(init->root_certificate, root, why);
	if (r < 0)
		return r;
	r = authority_check(*root, *key, time(NULL), why);
	if (r >= 0 && X509_get_pathlen(*root) == 0)
		r = refuse(why, "the certificate allows no authority below it");
	if (r < 0)
		why_prefix(why, "'%s'", init->root_certificate);
	return r;
}

/* A root of the operator's own stays where it is; one that is made is kept, sealed. */
static int make_root(int dir, const char *host, X509 **root, EVP_PKEY **key, struct why *why)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%.100s root", host);
	*key = authority_key();
	if (!*key)
		return refuse(why, "cannot make a key");
	*root = authority_issue(&(struct issue){
		.name = name, .key = *key, .issuer_key = *key, .path = 1,
		.from = time(NULL), .seconds = (time_t)ROOT_DAYS * DAY,
	}, why);
	return *root ? write_key(dir, "root", *key, why) : -EINVAL;
}

static int fill(int dir, const struct attest_init *init, struct why *why)
{
	_cleanup_certificate_ X509 *root = NULL;
	_cleanup_key_ EVP_PKEY *key = NULL;
	char host[65], debug[80];
	int r;

	host_name(host, sizeof(host));
	/* Debug shows at the end that X.520's limit does not cut */
	(void)snprintf(debug, sizeof(debug), "debug %.58s", host);
	if (init->root_key)
		r = read_root(init, &root, &key, why);
	else
		r = make_root(dir, host, &root, &key, why);
	if (r >= 0)
		r = write_certificate(dir, "root", root, why);
	if (r >= 0)
		r = write_authority(dir, "host", host, root, key, why);
	if (r >= 0)
		r = write_authority(dir, "debug", debug, root, key, why);
	return r;
}

static void remove_dir(const char *path)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	for (size_t i = 0; dir >= 0 && i < ARRAY_SIZE(files); i++)
		(void)unlinkat(dir, files[i], 0);
	(void)rmdir(path);
}

static int put_in_place(const char *new, const struct attest_init *init, struct why *why)
{
	if (renameat2(AT_FDCWD, new, AT_FDCWD, init->dir, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EEXIST)
		return refuse_error(why, errno, "cannot make '%s'", init->dir);
	if (!init->replace)
		return refuse(why, "'%s' is there already; --replace makes new keys, and no document of the old ones is good any more",
			      init->dir);
	if (renameat2(AT_FDCWD, new, AT_FDCWD, init->dir, RENAME_EXCHANGE) < 0)
		return refuse_error(why, errno, "cannot replace '%s'", init->dir);
	/* What had the name before */
	remove_dir(new);
	return 0;
}

/**
 * attest_init() - Make the keys of this host
 * @init: from what, and where
 * @why: says why not; nothing has changed then
 *
 * Context: Runs systemd-creds, writes files.
 * Return: 0 or a negative errno.
 */
int attest_init(const struct attest_init *init, struct why *why)
{
	_cleanup_free_ char *new = NULL;
	_cleanup_close_ int dir = -1;
	int r;

	if (!init->root_key != !init->root_certificate)
		return refuse(why, "--root-key and --root-certificate belong together");
	if (asprintf(&new, "%s.XXXXXX", init->dir) < 0) {
		new = NULL;
		return refuse_error(why, ENOMEM, "cannot make '%s'", init->dir);
	}
	/* nitrod may not have run yet */
	if (!strcmp(init->dir, ATTEST_DIR))
		(void)mkdir(NITRO_DIR, 0700);
	if (!mkdtemp(new))
		return refuse_error(why, errno, "cannot make '%s'", init->dir);
	dir = open(new, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0 || fchmod(dir, 0755) < 0)
		r = refuse_error(why, errno, "cannot make '%s'", init->dir);
	else
		r = fill(dir, init, why);
	if (r >= 0 && fsync(dir) < 0)
		r = refuse_error(why, errno, "cannot make '%s'", init->dir);
	if (r >= 0)
		r = put_in_place(new, init, why);
	if (r < 0)
		remove_dir(new);
	return r;
}
