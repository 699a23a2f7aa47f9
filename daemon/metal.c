// SPDX-License-Identifier: GPL-2.0
/*
 * The carrier of bare metal: systemd-nspawn boots the operating system of a volume on this
 * host's kernel and CPUs. Its network namespace is made by its unit, and nitrod moves the
 * netdevs of its ENIs there before it begins. Its volumes are device nodes in a directory
 * that is mounted in it, and no others can be opened, however they are named.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "carrier.h"
#include "ebs.h"
#include "kernel.h"

#define NSPAWN "/usr/bin/systemd-nspawn"
#define NODES "/dev/nitro/instance"
#define NETNS "/run/netns/nitro-"
#define MIB (1ULL << 20)
#define REBOOTS 133	/* see systemd-nspawn(1) */

/* systemd-nspawn's own memory, and the console's */
#define CARRIER_MEMORY (32 * MIB)

/**
 * struct node - a device node of an instance
 * @name: what it is called there
 * @device: its number
 */
struct node {
	char *name;
	dev_t device;
};

struct nodes {
	struct node *v;
	size_t n, cap;
};

static void nodes_free(struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->n; i++)
		free(nodes->v[i].name);
	free(nodes->v);
}

static uint64_t metal_memory(const struct instance *i)
{
	return i->memory + CARRIER_MEMORY;
}

static int metal_check(struct error *e)
{
	if (access(NSPAWN, X_OK) < 0)
		return fail(e, ERR_FAILED, "'%s' is not there; install systemd-container", NSPAWN);
	return 0;
}

static bool metal_has_eni(const struct keni *k)
{
	return k->ifindex;
}

/**
 * metal_netns - where the ENIs of an instance are
 * @model: the model
 * @instance: its name
 *
 * Context: any.
 * Return: path of a network namespace, to be freed; NULL if they are in that of this host.
 */
char *metal_netns(const struct model *model, const char *instance)
{
	struct object *o = instance ? instances_find(model, instance) : NULL;
	char *path = NULL;
	struct statfs fs;

	if (o && INSTANCE(o)->kind == INSTANCE_METAL && !INSTANCE(o)->ended)
		path = xprintf(NETNS "%s", o->id);
	/* the unit makes it before the operating system begins, and takes it away at the end */
	if (path && statfs(path, &fs) >= 0 && fs.f_type == NSFS_MAGIC)
		return path;
	free(path);
	return NULL;
}

static void add_node(struct nodes *nodes, const char *sys, char *name)
{
	_cleanup_free_ char *path = xprintf("%s/dev", sys);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned int major, minor;
	char buf[32];
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n > 0)
		buf[n] = '\0';
	if (n <= 0 || sscanf(buf, "%u:%u", &major, &minor) != 2) {
		free(name);
		return;
	}
	GROW(nodes->v, nodes->n, nodes->cap);
	nodes->v[nodes->n++] = (struct node){ .name = name, .device = makedev(major, minor) };
}

/* A volume and its partitions, called as udev calls them on this host */
static void add_volume(struct nodes *nodes, const char *id, uint32_t device)
{
	_cleanup_free_ char *disk = xprintf("nitro_ebs%u", device);
	_cleanup_free_ char *sys = xprintf("/sys/block/%s", disk), *prefix = xprintf("%sp", disk);
	struct dirent *d;
	DIR *dir;

	add_node(nodes, sys, xstrdup(id));
	dir = opendir(sys);
	while (dir && (d = readdir(dir))) {
		_cleanup_free_ char *part = xprintf("%s/%s", sys, d->d_name);

		if (startswith(d->d_name, prefix))
			add_node(nodes, part, xprintf("%s-part%s", id, d->d_name + strlen(prefix)));
	}
	if (dir)
		closedir(dir);
}

static void find_nodes(const struct life *l, struct nodes *nodes)
{
	struct object *o = model_by_id(&l->m->model, l->id), *volume;

	FOR_EACH_OBJECT(&l->m->model, KIND_VOLUME, volume) {
		const struct kdevice *d = o && model_volume_is_held(volume, o->name) ?
			ebs_device(l->m, volume->id) : NULL;

		if (d)
			add_volume(nodes, volume->id, d->id);
	}
}

static void metal_devices(const struct life *l, struct strings *paths)
{
	_cleanup_(nodes_free) struct nodes nodes = {};

	find_nodes(l, &nodes);
	for (size_t i = 0; i < nodes.n; i++) {
		_cleanup_free_ char *path = xprintf("/dev/block/%u:%u", major(nodes.v[i].device),
						    minor(nodes.v[i].device));

		strings_add(paths, path);
	}
}

static char *nodes_dir(const struct life *l)
{
	return xprintf(NODES "/%s", l->id);
}

static int make_node(int dir, const struct node *node, const char *path, struct error *e)
{
	struct stat st;

	if (fstatat(dir, node->name, &st, AT_SYMLINK_NOFOLLOW) >= 0) {
		if (S_ISBLK(st.st_mode) && st.st_rdev == node->device)
			return 0;
		(void)unlinkat(dir, node->name, 0);
	}
	if (mknodat(dir, node->name, S_IFBLK | 0600, node->device) < 0)
		return fail(e, ERR_FAILED, "cannot make '%s/%s': %s", path, node->name,
			    strerror(errno));
	return 0;
}

static bool is_node(const struct nodes *nodes, const char *name)
{
	for (size_t i = 0; i < nodes->n; i++)
		if (streq(nodes->v[i].name, name))
			return true;
	return false;
}

/* Nodes of all volumes that it has, and no others */
static int sync_nodes(const struct life *l, struct error *e)
{
	_cleanup_free_ char *path = nodes_dir(l);
	_cleanup_(nodes_free) struct nodes nodes = {};
	struct dirent *d;
	int r = 0;
	DIR *dir;

	(void)mkdir("/dev/nitro", 0755);
	(void)mkdir(NODES, 0700);
	(void)mkdir(path, 0755);
	dir = opendir(path);
	if (!dir)
		return fail(e, ERR_FAILED, "cannot make '%s': %s", path, strerror(errno));
	(void)chmod("/dev/nitro", 0755);
	(void)fchmod(dirfd(dir), 0755);
	find_nodes(l, &nodes);
	for (size_t i = 0; r >= 0 && i < nodes.n; i++)
		r = make_node(dirfd(dir), &nodes.v[i], path, e);
	while ((d = readdir(dir)))
		if (*d->d_name != '.' && !is_node(&nodes, d->d_name))
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
	return r;
}

static void metal_clear(struct life *l)
{
	_cleanup_free_ char *path = nodes_dir(l);

	remove_dir(path);
}

static int metal_describe(struct life *l, const struct object *o, struct launch *launch,
			  struct error *e)
{
	const char *boot = INSTANCE(o)->boot;
	const struct object *volume = model_get(&l->m->model, KIND_VOLUME, NULL, boot);
	const struct kdevice *d = volume ? ebs_device(l->m, volume->id) : NULL;
	_cleanup_free_ char *dir = nodes_dir(l), *uuid = vmm_uuid(l->id);

	if (!d)
		return fail(e, ERR_FAILED, "volume '%s' has no device", boot);
	if (vmm_give_console(l, launch, e) < 0 || sync_nodes(l, e) < 0)
		return -EIO;
	launch_arg(launch, NSPAWN);
	launch_arg(launch, "--quiet");
	/* the unit is nitrod's, and what it may do is in its file */
	launch_arg(launch, "--keep-unit");
	launch_arg(launch, "--register=no");
	launch_arg(launch, "--settings=no");
	launch_arg(launch, "--boot");
	launch_arg(launch, "--console=interactive");
	launch_arg(launch, "--machine=%s", l->id);
	launch_arg(launch, "--uuid=%s", uuid);
	launch_arg(launch, "--image=/dev/nitro_ebs%u", d->id);
	launch_arg(launch, "--private-users=no");
	launch_arg(launch, "--network-namespace-path=" NETNS "%s", l->id);
	launch_arg(launch, "--capability=CAP_NET_ADMIN");
	launch_arg(launch, "--bind-ro=%s:/dev/nitro/by-id", dir);
	/* name servers and time come by DHCP, as for everybody */
	launch_arg(launch, "--resolv-conf=off");
	launch_arg(launch, "--timezone=off");
	launch_arg(launch, "--link-journal=no");
	launch_arg(launch, "--oom-score-adjust=0");
	return 0;
}

/* The unit has made the namespace, and waits */
static int metal_entered(struct life *l, const struct object *o, struct error *e)
{
	_cleanup_free_ char *netns = metal_netns(&l->m->model, o->name);
	struct object *eni;

	if (!netns)
		return fail(e, ERR_FAILED, "its network namespace is not there");
	kernel_settle(l->m);
	FOR_EACH_OBJECT(&l->m->model, KIND_ENI, eni) {
		const char *why = model_eni_is_held(eni, o->name) ? kernel_failure(l->m, eni->id) : NULL;

		if (why)
			return fail(e, ERR_FAILED, "ENI '%s': %s", eni->name, why);
	}
	return 0;
}

static bool metal_ready(const struct life *l)
{
	return streq(l->unit, "active");
}

/* systemd-nspawn has told systemd that the operating system has begun */
static void metal_find(struct life *l)
{
	if (metal_ready(l) && !l->running_since)
		life_is_up(l);
}

static void metal_sync(struct life *l)
{
	_cleanup_error_ struct error e = {};

	if (sync_nodes(l, &e) < 0)
		fprintf(stderr, "<4>nitrod: %s: %s\n", l->id, e.message);
	unit_allow_devices(l, NULL, NULL);
}

static void metal_power_off(struct life *l)
{
	unit_kill(l, SIGTERM, false);
}

/* A second SIGTERM would do the same, later */
static void metal_end(struct life *l)
{
	unit_kill(l, SIGKILL, true);
}

static void metal_forget(struct life *l)
{
	(void)l;
}

static char *metal_explain(const struct life *l, const struct object *o, const char *words)
{
	(void)l;
	if (!strstr(words, "os-release") && !strstr(words, "suitable partition") &&
	    !strstr(words, "to be bootable"))
		return NULL;
	return xprintf("volume '%s' has no operating system that can be booted",
		       INSTANCE(o)->boot);
}

/* An ENI was moved when the change was carried to the card */
static void metal_plug_in(struct life *l, struct object *o, plug_done_fn done, void *data)
{
	_cleanup_error_ struct error e = {};
	const char *problem = o->kind == KIND_ENI ? kernel_failure(l->m, o->id) : NULL;

	if (o->kind == KIND_ENI)
		done(l->m, problem, data);
	else if (sync_nodes(l, &e) < 0)
		done(l->m, e.message, data);
	else
		unit_allow_devices(l, done, data);
}

/* Nobody has to be asked: a volume that is in use stays by itself */
static void metal_plug_out(struct life *l, struct object *o, plug_done_fn done, void *data)
{
	(void)o;
	done(l->m, NULL, data);
}

/* All that it does it does on this host's CPUs; what is outside is its carrier's */
static void metal_stats(struct life *l, sd_varlink *link)
{
	struct stats s = { .guest = stats_cpu_time(l, "payload") };

	stats_answer(l, link, &s);
}

const struct carrier carrier_metal = {
	.unit = "nitro-metal", .label = "systemd-nspawn", .reboots = REBOOTS,
	.memory = metal_memory, .check = metal_check, .has_eni = metal_has_eni,
	.describe = metal_describe, .devices = metal_devices, .entered = metal_entered,
	.find = metal_find, .ready = metal_ready, .sync = metal_sync,
	.power_off = metal_power_off, .end = metal_end, .forget = metal_forget,
	.clear = metal_clear, .explain = metal_explain,
	.plug_in = metal_plug_in, .plug_out = metal_plug_out, .dropped = metal_sync,
	.stats = metal_stats,
};
