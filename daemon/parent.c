// SPDX-License-Identifier: GPL-2.0
/*
 * Where a virtual machine and its enclaves find each other: a directory of the machine's
 * that has a socket of each, named by its CID. Nobody but root comes there by a path; the
 * brokers of those whose place it is have it as a descriptor. So nitrod is not needed once
 * they run.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../vmm/vmm.h"
#include "carrier.h"
#include "enclaves.h"

#define PARENT_CID 3
#define BACKLOG 4096

static char *directory_of(const struct manager *m, const char *id)
{
	const char *slash = strrchr(m->socket_path, '/');

	return xprintf("%.*s/parents/%s", slash ? (int)(slash - m->socket_path) : 1,
		       slash ? m->socket_path : ".", id);
}

static int make_directory(const char *path, struct error *e)
{
	_cleanup_free_ char *above = xstrndup(path, strrchr(path, '/') - path);

	if ((mkdir(above, 0700) < 0 && errno != EEXIST) ||
	    (mkdir(path, 0700) < 0 && errno != EEXIST) || chmod(path, 0711) < 0)
		return fail(e, ERR_FAILED, "cannot make '%s': %s", path, strerror(errno));
	return 0;
}

static int open_directory(struct launch *launch, uint32_t cid, const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot open '%s': %s", path, strerror(errno));
	launch_vsock(launch, cid, fd);
	return 0;
}

/* Return: a socket that all can connect to who get there, or a negative errno */
static int listen_as(const char *directory, uint32_t cid, struct error *e)
{
	_cleanup_free_ char *path = xprintf("%s/%u", directory, cid);
	int fd = listen_at(path, SOCK_STREAM, e);

	if (fd < 0)
		return fd;
	(void)listen(fd, BACKLOG);
	if (chmod(path, 0666) < 0) {
		fail(e, ERR_FAILED, "cannot open '%s' to its users: %s", path, strerror(errno));
		close_fd(&fd);
		return -EIO;
	}
	return fd;
}

/**
 * parent_give - a virtual machine has a vsock device, if it may have enclaves
 * @l: the instance
 * @o: its object
 * @launch: gets the descriptors
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int parent_give(struct life *l, const struct object *o, struct launch *launch, struct error *e)
{
	_cleanup_free_ char *path = directory_of(l->m, l->id);
	int fd, r;

	if (!INSTANCE(o)->enclaves)
		return 0;
	r = make_directory(path, e);
	if (r >= 0)
		r = open_directory(launch, PARENT_CID, path, e);
	if (r < 0)
		return r;
	fd = listen_as(path, PARENT_CID, e);
	if (fd < 0)
		return fd;
	launch_vsock(launch, PARENT_CID, fd);
	launch_arg(launch, "-chardev");
	launch_arg(launch, "socket,id=vsock,fd=%d", VMM_FD_VSOCK);
	launch_arg(launch, "-device");
	launch_arg(launch, "vhost-user-vsock-pci,id=vsock,chardev=vsock");
	return 0;
}

/**
 * parent_give_memory - the backend of the vsock device shares the machine's memory
 * @launch: after parent_give(), gets a descriptor
 * @fd: of the memory, stays the caller's
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int parent_give_memory(struct launch *launch, int fd, struct error *e)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		return fail(e, ERR_FAILED, "cannot share its memory: %s", strerror(errno));
	launch_vsock(launch, PARENT_CID, own);
	return 0;
}

/**
 * parent_clear - the machine has ended
 * @l: the instance
 *
 * Context: event loop.
 */
void parent_clear(struct life *l)
{
	_cleanup_free_ char *path = directory_of(l->m, l->id);

	remove_dir(path);
}

/* The virtual machine whose vsock an enclave is on, or NULL */
static struct object *machine_of(const struct manager *m, const struct object *o)
{
	const char *name = ENCLAVE(o)->parent;
	struct object *parent = name ? instances_find(&m->model, name) : NULL;

	return parent && INSTANCE(parent)->enclaves ? parent : NULL;
}

/**
 * parent_give_enclave - an enclave is found by its parent, if that is a machine with vsock
 * @l: the enclave
 * @o: its object
 * @launch: gets the descriptors
 * @e: says why not
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int parent_give_enclave(struct life *l, const struct object *o, struct launch *launch,
			struct error *e)
{
	struct object *parent = machine_of(l->m, o);
	_cleanup_free_ char *path = parent ? directory_of(l->m, parent->id) : NULL;
	int fd, r;

	if (!parent)
		return 0;
	r = open_directory(launch, ENCLAVE(o)->cid, path, e);
	if (r < 0)
		return r;
	fd = listen_as(path, ENCLAVE(o)->cid, e);
	if (fd < 0)
		return fd;
	launch_arg(launch, "--relay");
	launch_arg(launch, "%d", launch_fd(launch, fd));
	return 0;
}

/**
 * parent_forget_enclave - an enclave has ended
 * @l: the enclave
 *
 * Context: event loop.
 */
void parent_forget_enclave(struct life *l)
{
	struct object *o = model_by_id(&l->m->model, l->id);
	struct object *parent = o ? machine_of(l->m, o) : NULL;
	_cleanup_free_ char *path = parent ? directory_of(l->m, parent->id) : NULL;
	_cleanup_free_ char *socket = path ? xprintf("%s/%u", path, ENCLAVE(o)->cid) : NULL;

	if (socket)
		(void)unlink(socket);
}
