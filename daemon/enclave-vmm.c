// SPDX-License-Identifier: GPL-2.0
/*
 * The carrier of enclaves: nitro-hypervisor. It gets everything as open descriptors, as
 * QEMU does (vmm.c), and tells of the guest's life in lines that it appends to a file,
 * which a nitrod that comes later finds as it is.
 */

#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "../vmm/vmm.h"
#include "carrier.h"
#include "enclaves.h"
#include "memory.h"

#define HYPERVISOR "/usr/lib/nitro/nitro-hypervisor"
#define KMS_SOCKET "/run/nitro-kms/kms.sock"
#define KMS_LINK "vsock_8000"
#define MIB (1ULL << 20)
#define USEC 1000000ULL

/* The hypervisor's own memory, the broker's and the console's */
#define CARRIER_MEMORY (32 * MIB)
#define BACKLOG 4096
#define EVENTS_MAX 4096
/* Who waits for it hears after so long that there was no heartbeat */
#define PATIENCE (180 * USEC)

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * USEC + ts.tv_nsec / 1000;
}

/**
 * enclave_cell - what only the life of an enclave has
 * @l: the enclave
 *
 * Context: event loop.
 * Return: borrowed; made if there was none.
 */
struct cell *enclave_cell(struct life *l)
{
	if (!l->cell)
		l->cell = xcalloc(1, sizeof(*l->cell));
	return l->cell;
}

/**
 * enclave_vsock - where the host's end of an enclave's vsock is
 * @m: the manager
 * @id: the enclave
 * @file: "vsock", where the host connects; "" for the directory. The enclave connects to
 *	vsock_PORT in it.
 *
 * Context: any.
 * Return: a path, to be freed.
 */
char *enclave_vsock(const struct manager *m, const char *id, const char *file)
{
	const char *slash = strrchr(m->socket_path, '/');

	return xprintf("%.*s/enclaves/%s%s%s", slash ? (int)(slash - m->socket_path) : 1,
		       slash ? m->socket_path : ".", id, *file ? "/" : "", file);
}

static int enclave_check(struct error *e)
{
	_cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return fail(e, ERR_FAILED,
			    "this host cannot run enclaves: /dev/kvm: %s; is virtualization on in its firmware, and kvm_intel or kvm_amd loaded?",
			    strerror(errno));
	return enclave_nsm_check(e);
}

static uint64_t enclave_memory(const struct instance *i)
{
	return i->memory + i->memory / 64 + CARRIER_MEMORY;
}

/* Return: its number in the hypervisor, or a negative errno */
static int give(struct launch *launch, const char *path, int flags, struct error *e)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot open '%s': %s", path, strerror(errno));
	return launch_fd(launch, fd);
}

/* The group of nitrod's socket may connect to enclaves, and listen for them. An enclave's
 * own user finds what listens, and can list nothing.
 */
static int open_to_group(const struct manager *m, const char *path, mode_t mode,
			 struct error *e)
{
	struct stat st;

	if (stat(m->socket_path, &st) < 0 || chown(path, (uid_t)-1, st.st_gid) < 0 ||
	    chmod(path, mode) < 0)
		return fail(e, ERR_FAILED, "cannot open '%s' to its users: %s", path,
			    strerror(errno));
	return 0;
}

/* Where an enclave connects to nitro-kms. It has no other way out than what is put into its
 * directory. If nobody listens there, it is told so.
 */
static int link_kms(const struct manager *m, const char *id, struct error *e)
{
	_cleanup_free_ char *path = enclave_vsock(m, id, KMS_LINK);

	if (symlink(KMS_SOCKET, path) < 0 && errno != EEXIST)
		return fail(e, ERR_FAILED, "cannot make '%s': %s", path, strerror(errno));
	return 0;
}

static int make_directory(const struct manager *m, const char *id, struct error *e)
{
	_cleanup_free_ char *path = enclave_vsock(m, id, "");
	_cleanup_free_ char *parent = xstrndup(path, strrchr(path, '/') - path);

	if ((mkdir(parent, 0711) < 0 && errno != EEXIST) || chmod(parent, 0711) < 0 ||
	    (mkdir(path, 0700) < 0 && errno != EEXIST))
		return fail(e, ERR_FAILED, "cannot make '%s': %s", path, strerror(errno));
	return open_to_group(m, path, 0771, e) ?: link_kms(m, id, e);
}

/* nitro-launch's own, in the order of enum launch_fd */
static int give_console(struct life *l, const struct object *o, struct launch *launch,
			struct error *e)
{
	_cleanup_free_ char *log = instance_dir(l->m, l->id, "console.log");
	_cleanup_free_ char *vmm = instance_dir(l->m, l->id, "vmm.log");
	_cleanup_free_ char *console = instance_rundir(l->m, l->id, "console");
	_cleanup_free_ char *vsock = enclave_vsock(l->m, l->id, "");
	bool debug = ENCLAVE(o)->debug;
	int fd;

	/* there is no console unless it is debugged: nothing is kept, and nobody can ask */
	fd = give(launch, debug ? log : "/dev/null", O_RDWR | (debug ? O_CREAT : 0), e);
	if (fd < 0)
		return fd;
	fd = debug ? listen_at(console, SOCK_STREAM, e) : open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fd;
	(void)launch_fd(launch, fd);
	fd = give(launch, vmm, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, e);
	if (fd >= 0)
		fd = make_directory(l->m, l->id, e);
	return fd < 0 ? fd : give(launch, vsock, O_RDONLY | O_DIRECTORY, e);
}

static int give_vsock(struct life *l, const struct object *o, struct launch *launch,
		      struct error *e)
{
	_cleanup_free_ char *path = enclave_vsock(l->m, l->id, "vsock");
	int fd = listen_at(path, SOCK_STREAM, e);

	if (fd < 0)
		return fd;
	launch_arg(launch, "--vsock");
	launch_arg(launch, "%d", launch_fd(launch, fd));
	launch_arg(launch, "--broker");
	launch_arg(launch, "%d", VMM_FD_BROKER);
	launch_arg(launch, "--cid");
	launch_arg(launch, "%u", ENCLAVE(o)->cid);
	(void)listen(fd, BACKLOG);
	return open_to_group(l->m, path, 0660, e);
}

static int take_memory(struct life *l, const struct object *o, struct error *e)
{
	return ENCLAVE(o)->pool ? memory_give(l->m, o, e) : memory_make(o, e);
}

static int give_machine(struct life *l, const struct object *o, struct launch *launch,
			struct error *e)
{
	_cleanup_free_ char *events = instance_rundir(l->m, l->id, "events");
	int fd = give(launch, "/dev/kvm", O_RDWR, e);

	if (fd < 0)
		return fd;
	launch_arg(launch, "--kvm");
	launch_arg(launch, "%d", fd);
	fd = take_memory(l, o, e);
	if (fd < 0)
		return fd;
	launch_arg(launch, "--memory");
	launch_arg(launch, "%d", launch_fd(launch, fd));
	fd = give(launch, events, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, e);
	if (fd < 0)
		return fd;
	launch_arg(launch, "--events");
	launch_arg(launch, "%d", fd);
	launch_arg(launch, "--cpus");
	launch_arg(launch, "%llu", (unsigned long long)INSTANCE(o)->vcpus);
	return 0;
}

static void give_part(struct launch *launch, const char *option, int fd,
		      const struct extent *part)
{
	launch_arg(launch, "%s", option);
	launch_arg(launch, "%d,%llu,%llu", fd, (unsigned long long)part->offset,
		   (unsigned long long)part->size);
}

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = strstr(line, word); p; p = strstr(p + 1, word))
		if ((p == line || p[-1] == ' ') && (!p[n] || strchr(" \t\n", p[n])))
			return true;
	return false;
}

/* Kernels of AWS's images have no ACPI; they are told of their devices as Firecracker's */
static void give_image(const struct measured *image, struct launch *launch)
{
	int fd = launch_fd(launch, fcntl(image->fd, F_DUPFD_CLOEXEC, 0));

	give_part(launch, "--kernel", fd, &image->kernel);
	for (size_t i = 0; i < image->n; i++)
		give_part(launch, "--initrd", fd, &image->ramdisks[i]);
	launch_arg(launch, "--cmdline");
	launch_arg(launch, "%s", image->cmdline);
	if (has_word(image->cmdline, "pci=off"))
		launch_arg(launch, "--no-acpi");
}

static int give_module(struct life *l, const struct object *o, struct launch *launch,
		       struct error *e)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(e, ERR_FAILED, "cannot make a socket: %s", strerror(errno));
	launch_arg(launch, "--nsm");
	launch_arg(launch, "%d", launch_fd(launch, pair[0]));
	r = enclave_enrol(l, o, pair[1], e);
	close(pair[1]);
	return r;
}

static int enclave_describe(struct life *l, const struct object *o, struct launch *launch,
			    struct error *e)
{
	struct cell *cell = enclave_cell(l);
	int r;

	if (!cell->image)
		return fail(e, ERR_FAILED, "its image is not there any more");
	r = give_console(l, o, launch, e);
	if (r < 0)
		return r;
	launch_arg(launch, HYPERVISOR);
	give_image(cell->image, launch);
	cell->image = enclave_image_free(cell->image);
	r = give_machine(l, o, launch, e);
	if (r >= 0)
		r = give_vsock(l, o, launch, e);
	if (r >= 0)
		r = parent_give_enclave(l, o, launch, e);
	if (r >= 0 && ENCLAVE(o)->debug) {
		launch_arg(launch, "--serial");
		launch_arg(launch, "%d", VMM_FD_SERIAL);
	}
	return r < 0 ? r : give_module(l, o, launch, e);
}

/* What the hypervisor has told, to be freed; NULL if that is nothing */
static char *told(const struct life *l)
{
	_cleanup_free_ char *path = instance_rundir(l->m, l->id, "events");
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = xcalloc(1, EVENTS_MAX + 1);
	ssize_t n = fd < 0 ? -1 : read(fd, text, EVENTS_MAX);

	if (n > 0)
		return text;
	free(text);
	return NULL;
}

static void hear(struct life *l)
{
	_cleanup_free_ char *text = told(l);

	if (text && strstr(text, "heartbeat\n") && !l->running_since)
		life_is_up(l);
}

static int on_told(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	(void)source;
	(void)event;
	hear(userdata);
	return 0;
}

/* Who has asked for it waits for its heartbeat, and not for ever */
static void lose_patience(struct life *l)
{
	struct cell *cell = l->cell;

	if (!l->fresh || l->problem)
		return;
	if (!cell->patience)
		cell->patience = now() + PATIENCE;
	if (now() < cell->patience) {
		life_later(l, cell->patience - now());
		return;
	}
	l->problem = xprintf("it has sent no heartbeat within %llu s; 'enclave run --debug --no-wait' and 'enclave console' show what it does",
			     PATIENCE / USEC);
	unit_kill(l, SIGKILL, true);
}

static void enclave_find(struct life *l)
{
	_cleanup_free_ char *path = instance_rundir(l->m, l->id, "events");
	struct cell *cell = enclave_cell(l);

	if (l->running_since)
		return;
	if (!cell->events &&
	    sd_event_add_inotify(l->m->event, &cell->events, path, IN_MODIFY, on_told, l) < 0)
		life_later(l, USEC);
	hear(l);
	if (!l->running_since)
		lose_patience(l);
}

static bool enclave_ready(const struct life *l)
{
	return l->running_since;
}

/* The heartbeat was heard: there is nothing that comes later */
static void enclave_sync(struct life *l)
{
	if (l->cell)
		l->cell->events = sd_event_source_disable_unref(l->cell->events);
}

static void enclave_end(struct life *l)
{
	unit_kill(l, SIGKILL, true);
}

static void enclave_forget(struct life *l)
{
	struct cell *cell = l->cell;

	if (!cell)
		return;
	enclave_image_free(cell->image);
	sd_event_source_disable_unref(cell->events);
	sd_varlink_close_unref(cell->enrolment);
	free(cell);
	l->cell = NULL;
}

/* What its users have left there is theirs, and the directory stays with it. A unit that has
 * failed stays until somebody looks: here that has happened, and it does not come again.
 */
static void enclave_clear(struct life *l)
{
	_cleanup_free_ char *path = enclave_vsock(l->m, l->id, "");
	_cleanup_free_ char *vsock = enclave_vsock(l->m, l->id, "vsock");
	_cleanup_free_ char *kms = enclave_vsock(l->m, l->id, KMS_LINK);

	parent_forget_enclave(l);
	(void)unlink(vsock);
	(void)unlink(kms);
	(void)rmdir(path);
	unit_reset(l);
}

static char *enclave_ending(const struct life *l)
{
	static const struct {
		const char *word, *sentence;
	} endings[] = {
		{ "off", "it has turned itself off" },
		{ "reset", "it has ended itself by a reset" },
		{ "crash", "it has crashed: its processor had nowhere to go" },
	};
	_cleanup_free_ char *text = told(l);
	char *last = text ? strstr(text, "ended ") : NULL;

	if (!last)
		return NULL;
	last += strlen("ended ");
	last[strcspn(last, "\n")] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (streq(last, endings[i].word))
			return xstrdup(endings[i].sentence);
	return NULL;
}

const struct carrier carrier_enclave = {
	.unit = "nitro-enclave", .label = "nitro-hypervisor", .once = true, .pool = true,
	.memory = enclave_memory, .check = enclave_check, .describe = enclave_describe,
	.find = enclave_find, .ready = enclave_ready, .sync = enclave_sync, .end = enclave_end,
	.forget = enclave_forget, .clear = enclave_clear, .ending = enclave_ending,
};
