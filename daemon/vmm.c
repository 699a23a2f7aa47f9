// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's command line. All that QEMU uses is opened here and handed over as a
 * descriptor; it finds a file under /dev/fdset, and a kernel, which it can only
 * read by a path, under /proc/self/fd. ENIs and volumes sit behind PCIe ports
 * that are named by their index, so that they can come and go.
 */

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../vmm/vmm.h"
#include "ebs.h"
#include "instances.h"
#include "kernel.h"
#include "memory.h"

#define QEMU "/usr/bin/qemu-system-x86_64"
#define FIRMWARE "/usr/share/OVMF/OVMF_CODE_4M.fd"
#define VARIABLES "/usr/share/OVMF/OVMF_VARS_4M.fd"
#define MIB (1ULL << 20)
#define MTU 9001	/* what netdevs of kind nitro are made with */
#define QUEUES_MAX 16
#define VMM_MEMORY_ID "memory"
#define CMDLINE "console=ttyS0 console=hvc0"

/* Ports that stay free for what comes while the instance runs */
#define SPARE_ENIS 2
#define SPARE_VOLUMES 4
#define FIRST_SLOT 4

/**
 * vmm_check - can this host run virtual machines?
 * @e: says what is missing
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int vmm_check(struct error *e)
{
	_cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return fail(e, ERR_FAILED,
			    "this host cannot run virtual machines: /dev/kvm: %s; is virtualization on in its firmware, and kvm_intel or kvm_amd loaded?",
			    strerror(errno));
	if (access(QEMU, X_OK) < 0)
		return fail(e, ERR_FAILED, "'%s' is not there; install qemu-system-x86", QEMU);
	return 0;
}

/* Open a file for the VMM. Return: its number there, or a negative errno */
static int give(struct launch *launch, const char *path, int flags, struct error *e)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(e, ERR_FAILED, "cannot open '%s': %s", path, strerror(errno));
	return launch_fd(launch, fd);
}

/* The same, and QEMU may open it as /dev/fdset/NUMBER */
static int give_set(struct launch *launch, const char *path, int flags, struct error *e)
{
	int fd = give(launch, path, flags, e);

	if (fd < 0)
		return fd;
	launch_arg(launch, "-add-fd");
	launch_arg(launch, "fd=%d,set=%d", fd, fd);
	return fd;
}

/**
 * vmm_give_console - hand over what nitro-launch itself needs
 * @l: the instance
 * @launch: gets the descriptors, in the order of enum launch_fd
 * @e: says what cannot be opened
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int vmm_give_console(struct life *l, struct launch *launch, struct error *e)
{
	_cleanup_free_ char *log = instance_dir(l->m, l->id, "console.log");
	_cleanup_free_ char *vmm = instance_dir(l->m, l->id, "vmm.log");
	_cleanup_free_ char *console = instance_rundir(l->m, l->id, "console");
	int fd;

	fd = give(launch, log, O_RDWR | O_CREAT, e);
	if (fd >= 0)
		fd = listen_at(console, SOCK_STREAM, e);
	if (fd < 0)
		return fd;
	(void)launch_fd(launch, fd);
	fd = give(launch, vmm, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, e);
	return fd < 0 ? fd : 0;
}

static int give_monitor(struct life *l, struct launch *launch, struct error *e)
{
	_cleanup_free_ char *path = instance_rundir(l->m, l->id, "qmp");
	int fd = listen_at(path, SOCK_STREAM, e);

	if (fd < 0)
		return fd;
	(void)launch_fd(launch, fd);
	return 0;
}

/* Return: memory that has a descriptor, -ENOENT if it needs none, or another negative errno.
 * The backend of a vsock device maps it, too.
 */
static int give_memory(struct life *l, const struct object *o, struct error *e)
{
	if (memory_is_set(l->m))
		return memory_give(l->m, o, e);
	return INSTANCE(o)->enclaves ? memory_make(o, e) : -ENOENT;
}

/* Memory of the pool: QEMU finds it by its size, and touches none of it before the guest
 * does. There is no other way to have it than to open it, which can be done once. QEMU
 * chooses where it maps it: as large pages are aligned, or neither it nor KVM have any.
 */
static int describe_memory(struct life *l, const struct object *o, struct launch *launch,
			   struct error *e)
{
	uint64_t size = INSTANCE(o)->memory;
	int fd = give_memory(l, o, e);

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	launch_arg(launch, "-object");
	launch_arg(launch,
		   "memory-backend-file,id=" VMM_MEMORY_ID ",size=%lluM,align=%s,share=on,prealloc=off,mem-path=/proc/self/fd/%d",
		   (unsigned long long)(size / MIB), size < 1024 * MIB ? "2M" : "1G",
		   launch_fd(launch, fd));
	return INSTANCE(o)->enclaves ? parent_give_memory(launch, fd, e) : 0;
}

/* To be appended to a machine's properties */
static const char *memory_property(struct life *l, const struct object *o)
{
	return memory_is_set(l->m) || INSTANCE(o)->enclaves ? ",memory-backend=" VMM_MEMORY_ID : "";
}

static int describe_machine(const struct object *o, struct launch *launch, struct error *e)
{
	const struct instance *i = INSTANCE(o);
	int kvm;

	launch_arg(launch, QEMU);
	launch_arg(launch, "-name");
	launch_arg(launch, "%s", o->id);
	kvm = give_set(launch, "/dev/kvm", O_RDWR, e);
	if (kvm < 0)
		return kvm;
	launch_arg(launch, "-accel");
	launch_arg(launch, "kvm,device=/dev/fdset/%d", kvm);
	launch_arg(launch, "-cpu");
	launch_arg(launch, "host");
	launch_arg(launch, "-smp");
	launch_arg(launch, "cpus=%llu", (unsigned long long)i->vcpus);
	launch_arg(launch, "-m");
	launch_arg(launch, "size=%lluM", (unsigned long long)(i->memory / MIB));
	launch_arg(launch, "-nodefaults");
	launch_arg(launch, "-no-user-config");
	launch_arg(launch, "-display");
	launch_arg(launch, "none");
	launch_arg(launch, "-sandbox");
	launch_arg(launch, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	return 0;
}

static void describe_sockets(struct launch *launch)
{
	launch_arg(launch, "-chardev");
	launch_arg(launch, "socket,id=qmp,fd=%d", VMM_FD_QMP);
	launch_arg(launch, "-mon");
	launch_arg(launch, "chardev=qmp,mode=control");
	launch_arg(launch, "-chardev");
	launch_arg(launch, "socket,id=serial,fd=%d", VMM_FD_SERIAL);
	launch_arg(launch, "-serial");
	launch_arg(launch, "chardev:serial");
	launch_arg(launch, "-chardev");
	launch_arg(launch, "socket,id=console,fd=%d", VMM_FD_CONSOLE);
	launch_arg(launch, "-device");
	launch_arg(launch, "virtio-serial-pci,id=ports,max_ports=1");
	launch_arg(launch, "-device");
	launch_arg(launch, "virtconsole,chardev=console,nr=0");
	launch_arg(launch, "-device");
	launch_arg(launch, "virtio-rng-pci");
}

/**
 * vmm_uuid - what the firmware says that the machine is
 * @id: the instance
 *
 * cloud-init knows by the first digits that it is to ask for metadata as on EC2.
 *
 * Context: any.
 * Return: the digits of its ID behind "ec2", as a UUID, to be freed.
 */
char *vmm_uuid(const char *id)
{
	const char *d = id + strlen("i-");

	return xprintf("ec2%.5s-%.4s-%.4s-%.4s-000000000000", d, d + 5, d + 9, d + 13);
}

static int describe_kernel(struct life *l, const struct object *o, struct launch *launch,
			   struct error *e)
{
	_cleanup_free_ char *kernel = instance_dir(l->m, l->id, "kernel");
	_cleanup_free_ char *initrd = instance_dir(l->m, l->id, "initrd");
	_cleanup_free_ char *uuid = vmm_uuid(l->id);
	const struct instance *i = INSTANCE(o);
	int fd = give(launch, kernel, O_RDONLY, e);

	if (fd < 0)
		return fd;
	launch_arg(launch, "-M");
	launch_arg(launch, "microvm,acpi=on,pcie=on,rtc=on,usb=off,graphics=off%s",
		   memory_property(l, o));
	launch_arg(launch, "-kernel");
	launch_arg(launch, "/proc/self/fd/%d", fd);
	if (i->initrd) {
		fd = give(launch, initrd, O_RDONLY, e);
		if (fd < 0)
			return fd;
		launch_arg(launch, "-initrd");
		launch_arg(launch, "/proc/self/fd/%d", fd);
	}
	/* a microvm's firmware has no words to hand PCIe ports over to the guest */
	launch_arg(launch, "-append");
	launch_arg(launch, "%s pcie_ports=native", i->cmdline ? i->cmdline : CMDLINE);
	return smbios_give(launch, uuid, e);
}

/* The firmware's variables are the instance's own, from its first start on */
static int make_variables(const char *path, struct error *e)
{
	_cleanup_close_ int from = open(VARIABLES, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to = -1;
	_cleanup_free_ char *new = xprintf("%s.new", path);
	char buf[65536];
	ssize_t n;

	if (access(path, F_OK) == 0)
		return 0;
	to = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (from < 0)
		return fail(e, ERR_FAILED, "'%s' is not there; install ovmf", VARIABLES);
	while (to >= 0 && (n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			break;
	if (to < 0 || n || rename(new, path) < 0)
		return fail(e, ERR_FAILED, "cannot write '%s': %s", path, strerror(errno));
	return 0;
}

static int describe_firmware(struct life *l, const struct object *o, struct launch *launch, struct error *e)
{
	_cleanup_free_ char *path = instance_dir(l->m, l->id, "firmware"), *uuid = vmm_uuid(l->id);
	int code, variables;

	if (make_variables(path, e) < 0)
		return -EIO;
	code = give_set(launch, FIRMWARE, O_RDONLY, e);
	variables = code < 0 ? code : give_set(launch, path, O_RDWR, e);
	if (variables < 0)
		return variables;
	launch_arg(launch, "-blockdev");
	launch_arg(launch, "driver=file,node-name=code,filename=/dev/fdset/%d,read-only=on", code);
	launch_arg(launch, "-blockdev");
	launch_arg(launch, "driver=file,node-name=variables,filename=/dev/fdset/%d", variables);
	launch_arg(launch, "-smbios");
	launch_arg(launch, "type=1,manufacturer=nitro,uuid=%s,serial=%s", uuid, uuid);
	launch_arg(launch, "-M");
	launch_arg(launch,
		   "q35,smbus=off,sata=off,usb=off,graphics=off,vmport=off,pflash0=code,pflash1=variables%s",
		   memory_property(l, o));
	return 0;
}

static void describe_ports(struct launch *launch, const char *kind, unsigned int n,
			   unsigned int *slot)
{
	for (unsigned int i = 0; i < n; i++, (*slot)++) {
		launch_arg(launch, "-device");
		launch_arg(launch,
			   "pcie-root-port,id=%s%u,chassis=%u,slot=%u,io-reserve=0,multifunction=on,addr=%#x.%u",
			   kind, i, *slot + 1, *slot + 1, FIRST_SLOT + *slot / 8, *slot % 8);
	}
}

/**
 * vmm_queues - how many queues the ENIs of an instance have
 * @o: the instance
 *
 * Context: any.
 * Return: the number.
 */
uint64_t vmm_queues(const struct object *o)
{
	return INSTANCE(o)->vcpus < QUEUES_MAX ? INSTANCE(o)->vcpus : QUEUES_MAX;
}

/**
 * vmm_eni_device - what an ENI is in the guest
 * @eni: the ENI
 * @several: it has several queues
 *
 * Context: any.
 * Return: as device_add takes it.
 */
sd_json_variant *vmm_eni_device(const struct object *eni, bool several)
{
	_cleanup_free_ char *net = xprintf("net-%s", eni->id);
	_cleanup_free_ char *bus = xprintf("eni%u", ENI(eni)->attachment.index);
	char mac[MAC_STRLEN];
	sd_json_variant *v = NULL;

	json_set_string(&v, "driver", "virtio-net-pci");
	json_set_string(&v, "id", eni->id);
	json_set_string(&v, "netdev", net);
	json_set_string(&v, "mac", mac_format(ENI(eni)->mac, mac));
	json_set_uint(&v, "host_mtu", MTU);
	json_set_string(&v, "romfile", "");
	json_set_bool(&v, "mq", several);
	json_set_string(&v, "bus", bus);
	return v;
}

/**
 * vmm_volume_node - what a volume is in the VMM
 * @volume: the volume
 * @direct: past the host's cache. The block layer cannot reach memory of the pool: the
 *	VMM then copies to and from the cache.
 *
 * Context: any.
 * Return: as blockdev-add takes it.
 */
sd_json_variant *vmm_volume_node(const struct object *volume, bool direct)
{
	_cleanup_free_ char *path = xprintf("/dev/fdset/%u", VMM_VOLUME_SET + VOLUME(volume)->index);
	sd_json_variant *v = NULL, *cache = NULL;

	json_set_string(&v, "driver", "host_device");
	json_set_string(&v, "node-name", volume->id);
	json_set_string(&v, "filename", path);
	json_set_string(&v, "aio", "io_uring");
	json_set_bool(&cache, "direct", direct);
	json_set(&v, "cache", cache);
	json_set_string(&v, "discard", "unmap");
	return v;
}

/**
 * vmm_volume_device - what a volume is in the guest
 * @volume: the volume
 * @serial: its serial number
 *
 * Context: any.
 * Return: as device_add takes it.
 */
sd_json_variant *vmm_volume_device(const struct object *volume, const char *serial)
{
	_cleanup_free_ char *bus = xprintf("vol%u", VOLUME(volume)->index);
	_cleanup_free_ char *id = xprintf("nvme-%s", volume->id);
	sd_json_variant *v = NULL;

	json_set_string(&v, "driver", "nvme");
	json_set_string(&v, "id", id);
	json_set_string(&v, "drive", volume->id);
	json_set_string(&v, "serial", serial);
	json_set_string(&v, "bus", bus);
	return v;
}

/* An option that takes JSON, which is consumed */
static void arg_json(struct launch *launch, const char *option, sd_json_variant *v)
{
	_cleanup_free_ char *text = NULL;

	if (sd_json_variant_format(v, 0, &text) < 0)
		abort();
	sd_json_variant_unref(v);
	launch_arg(launch, "%s", option);
	launch_arg(launch, "%s", text);
}

static int describe_eni(struct life *l, const struct object *o, struct launch *launch,
			struct object *eni, struct error *e)
{
	struct keni *k = kstate_eni(&l->m->kernel->actual, eni->handle);
	_cleanup_free_ char *path = k && k->tap ? xprintf("/dev/%s", k->tap) : NULL;
	_cleanup_text_ struct text taps = {}, vhosts = {};
	uint64_t queues = vmm_queues(o);

	if (!path)
		return fail(e, ERR_FAILED, "ENI '%s' has no tap device", eni->name);
	for (uint64_t i = 0; i < queues; i++) {
		int tap = give(launch, path, O_RDWR, e);
		int vhost = tap < 0 ? tap : give(launch, "/dev/vhost-net", O_RDWR, e);

		if (vhost < 0)
			return vhost;
		text_add(&taps, "%s%d", i ? ":" : "", tap);
		text_add(&vhosts, "%s%d", i ? ":" : "", vhost);
	}
	launch_arg(launch, "-netdev");
	launch_arg(launch, "tap,id=net-%s,fds=%s,vhost=on,vhostfds=%s", eni->id, taps.s, vhosts.s);
	arg_json(launch, "-device", vmm_eni_device(eni, queues > 1));
	return 0;
}

static int describe_volume(struct life *l, const struct object *o, struct launch *launch,
			   const struct object *volume, struct error *e)
{
	const struct kdevice *d = ebs_device(l->m, volume->id);
	_cleanup_free_ char *path = d ? xprintf("/dev/nitro_ebs%u", d->id) : NULL;
	bool direct = !memory_is_set(l->m);
	sd_json_variant *device;
	int fd;

	if (!path)
		return fail(e, ERR_FAILED, "volume '%s' has no device", volume->name);
	/* QEMU takes from a set what is opened as it would open it */
	fd = give(launch, path, O_RDWR | (direct ? O_DIRECT : 0), e);
	if (fd < 0)
		return fd;
	launch_arg(launch, "-add-fd");
	launch_arg(launch, "fd=%d,set=%u", fd, VMM_VOLUME_SET + VOLUME(volume)->index);
	arg_json(launch, "-blockdev", vmm_volume_node(volume, direct));
	device = vmm_volume_device(volume, d->serial);
	if (streq(INSTANCE(o)->boot, volume->name))
		json_set_uint(&device, "bootindex", 0);
	arg_json(launch, "-device", device);
	return 0;
}

static int describe_devices(struct life *l, const struct object *o, struct launch *launch,
			    struct error *e)
{
	unsigned int enis = 0, volumes = 0, slot = 0;
	struct object *other;
	int r = 0;

	FOR_EACH_OBJECT(&l->m->model, KIND_ENI, other)
		if (model_eni_is_held(other, o->name) && ENI(other)->attachment.index >= enis)
			enis = ENI(other)->attachment.index + 1;
	FOR_EACH_OBJECT(&l->m->model, KIND_VOLUME, other)
		if (model_volume_is_held(other, o->name) && VOLUME(other)->index >= volumes)
			volumes = VOLUME(other)->index + 1;
	describe_ports(launch, "eni", enis + SPARE_ENIS, &slot);
	describe_ports(launch, "vol", volumes + SPARE_VOLUMES, &slot);
	FOR_EACH_OBJECT(&l->m->model, KIND_ENI, other)
		if (r >= 0 && model_eni_is_held(other, o->name))
			r = describe_eni(l, o, launch, other, e);
	FOR_EACH_OBJECT(&l->m->model, KIND_VOLUME, other)
		if (r >= 0 && model_volume_is_held(other, o->name))
			r = describe_volume(l, o, launch, other, e);
	return r;
}

/**
 * vmm_describe - say what the VMM of an instance is to be
 * @l: the instance
 * @o: its object
 * @launch: gets the descriptors and the command line
 * @e: says what is missing
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int vmm_describe(struct life *l, const struct object *o, struct launch *launch,
		 struct error *e)
{
	int r = vmm_give_console(l, launch, e);

	if (r >= 0)
		r = give_monitor(l, launch, e);
	if (r >= 0)
		r = describe_machine(o, launch, e);
	if (r < 0)
		return r;
	describe_sockets(launch);
	r = parent_give(l, o, launch, e);
	if (r >= 0)
		r = describe_memory(l, o, launch, e);
	if (r >= 0)
		r = INSTANCE(o)->kernel ? describe_kernel(l, o, launch, e) :
					  describe_firmware(l, o, launch, e);
	return r < 0 ? r : describe_devices(l, o, launch, e);
}
