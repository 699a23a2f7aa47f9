// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Instance: virtual machines and bare metal. */

#include "instances.h"
#include "varlink.h"

static const struct varlink_property properties[] = {
	PROPERTY("kind", STRING, P_READ_ONLY,
		 "vm: a virtual machine; metal: an operating system that runs on this host's CPUs; host: this host itself."),
	PROPERTY("vcpus", INT, P_READ_ONLY, "How many CPUs it has."),
	PROPERTY("memory", INT, P_READ_ONLY, "Bytes of memory."),
	PROPERTY("kernel", STRING, P_NULLABLE | P_READ_ONLY,
		 "Where its kernel came from; null if it boots a volume, or is this host."),
	PROPERTY("initrd", STRING, P_NULLABLE | P_READ_ONLY,
		 "Where its initial ramdisk came from."),
	PROPERTY("cmdline", STRING, P_NULLABLE | P_READ_ONLY,
		 "Command line of its kernel; null: console=ttyS0 console=hvc0."),
	PROPERTY("boot", STRING, P_NULLABLE | P_READ_ONLY, "The volume that it boots."),
	PROPERTY("public_keys", STRING, P_ARRAY | P_NULLABLE | P_READ_ONLY,
		 "SSH keys that its metadata have."),
	PROPERTY("enclaves", BOOL, P_READ_ONLY,
		 "It may have enclaves: a virtual machine reaches them by vsock, and they reach it."),
	PROPERTY("restart", STRING, P_READ_ONLY,
		 "on-failure: a VMM or systemd-nspawn that fails is started again; no: it is not."),
	PROPERTY("launched", INT, P_READ_ONLY,
		 "When it was asked to run, in seconds since 1970."),
	PROPERTY("ended", INT, P_READ_ONLY,
		 "When it was terminated, in seconds since 1970; 0 before."),
	PROPERTY("reason", STRING, P_NULLABLE | P_READ_ONLY,
		 "Why it is in this state, or what it waits for."),
	PROPERTY("enis", STRING, P_ARRAY | P_NULLABLE | P_READ_ONLY, "Its ENIs."),
	PROPERTY("volumes", STRING, P_ARRAY | P_NULLABLE | P_READ_ONLY, "Its volumes."),
	PROPERTY("cpus", STRING, P_NULLABLE | P_READ_ONLY,
		 "CPUs of this host that are its own while it runs, such as 2,6."),
	PROPERTY("unit", STRING, P_NULLABLE | P_READ_ONLY,
		 "The unit of systemd that it is; null if it is this host."),
	{}
};

#define NO_WAIT PROPERTY("no_wait", BOOL, 0, "Answer before it is done.")

static const struct varlink_property run[] = {
	PROPERTY("metal", BOOL, 0,
		 "Run the operating system of the volume on this host's CPUs and kernel, without a VMM."),
	PROPERTY("vcpus", INT, 0,
		 "How many CPUs it gets, for itself; null: 1, or all for bare metal."),
	PROPERTY("memory", INT, 0, "Bytes of memory, a multiple of 1 MiB; null: 512 MiB."),
	PROPERTY("kernel", STRING, 0, "Name of the kernel's file, to be shown."),
	PROPERTY("kernel_fd", INT, 0,
		 "Index of a file descriptor sent along: the kernel, which is copied."),
	PROPERTY("initrd", STRING, 0, "Name of the initial ramdisk's file, to be shown."),
	PROPERTY("initrd_fd", INT, 0, "Index of the initial ramdisk's file descriptor."),
	PROPERTY("cmdline", STRING, 0,
		 "Command line of the kernel; null: console=ttyS0 console=hvc0."),
	PROPERTY("boot", STRING, 0, "The volume to boot, instead of a kernel."),
	PROPERTY("volumes", STRING, P_ARRAY, "Further volumes, in this order."),
	PROPERTY("enis", STRING, P_ARRAY, "ENIs, in this order."),
	PROPERTY("user_data", STRING, 0, "For its metadata: 16 KiB at most, in base64."),
	PROPERTY("public_keys", STRING, P_ARRAY, "SSH keys for its metadata."),
	PROPERTY("enclaves", BOOL, 0,
		 "It may have enclaves, which it reaches by vsock, and which reach it."),
	PROPERTY("restart", STRING, 0, "on-failure or no; null: on-failure."),
	NO_WAIT,
	{}
};

static const struct varlink_property adopt[] = {
	PROPERTY("metal", BOOL, 0, "Has to be true: nothing else can be adopted."),
	PROPERTY("user_data", STRING, 0, "For its metadata: 16 KiB at most, in base64."),
	PROPERTY("public_keys", STRING, P_ARRAY, "SSH keys for its metadata."),
	{}
};

static const struct varlink_property begin[] = {
	NO_WAIT,
	{}
};

static const struct varlink_property end[] = {
	PROPERTY("force", BOOL, 0, "Do not wait for the guest to shut down."),
	NO_WAIT,
	{}
};

static const struct varlink_property console[] = {
	PROPERTY("follow", BOOL, 0,
		 "A socket that goes on with what the guest writes, and takes what is typed."),
	PROPERTY("fd", INT, P_RESULT,
		 "Index of the file descriptor that comes along: the log, or the socket."),
	PROPERTY("live", BOOL, P_RESULT, "It is a socket."),
	{}
};

static const struct varlink_property vcpu[] = {
	PROPERTY("index", INT, 0, "Which of them, from 0."),
	PROPERTY("time", INT, 0, "Microseconds of CPU time."),
	PROPERTY("guest_time", INT, 0, "Microseconds of that in the guest."),
	PROPERTY("steal", INT, 0, "Microseconds that it was ready and had no CPU."),
	{}
};

static const struct varlink_property memory[] = {
	PROPERTY("limit", INT, 0, "Bytes that guest and VMM may have."),
	PROPERTY("current", INT, 0, "Bytes that they have."),
	PROPERTY("peak", INT, P_NULLABLE, "Bytes that they had at most; null of this host."),
	{}
};

static const struct varlink_property stats[] = {
	PROPERTY("id", STRING, 0, "ID of the instance."),
	PROPERTY("name", STRING, 0, "Its name."),
	PROPERTY("state", STRING, 0, "Its state."),
	PROPERTY("cpu_time", INT, 0,
		 "Microseconds of CPU time since it was started: vCPUs, VMM, vhost, console; of bare metal, all its processes."),
	PROPERTY("guest_time", INT, 0, "Microseconds of that in the guest."),
	PROPERTY("host_time", INT, 0, "Microseconds of that outside of it, on its behalf."),
	PROPERTY("steal", INT, 0, "Microseconds that vCPUs were ready and had no CPU."),
	PROPERTY("exits", INT, 0, "Exits of all vCPUs."),
	PROPERTY("halt_exits", INT, 0, "Those of them because the guest had nothing to do."),
	PROPERTY_OF("memory", "Memory", 0, "Its memory."),
	PROPERTY_OF("vcpus", "Vcpu", P_ARRAY, "Its vCPUs."),
	PROPERTY("enis", OBJECT, P_ARRAY, "Of each ENI {id, name, packets_in, bytes_in, packets_out, bytes_out, flow_count, stats, drops}."),
	PROPERTY("volumes", OBJECT, P_ARRAY, "Of its volumes what Stats of io.nitro.Volume tells."),
	{}
};

static const struct varlink_property show_stats[] = {
	PROPERTY_OF("stats", "Stats", P_RESULT, "What it has used."),
	{}
};

static const struct varlink_type types[] = {
	{ "Vcpu", "A virtual CPU.", vcpu },
	{ "Memory", "Memory of an instance.", memory },
	{ "Stats", "What an instance has used.", stats },
	{}
};

VARLINK_FUNCTION(instance_run_call, serve_instance_run(link, p, m))
VARLINK_FUNCTION(instance_adopt_call, serve_instance_adopt(link, p, m))
VARLINK_FUNCTION(instance_start_call, serve_instance_start(link, p, m))
VARLINK_FUNCTION(instance_stop_call, serve_instance_stop(link, p, m))
VARLINK_FUNCTION(instance_reboot_call, serve_instance_reboot(link, p, m))
VARLINK_FUNCTION(instance_terminate_call, serve_instance_terminate(link, p, m))
VARLINK_FUNCTION(instance_delete_call, serve_instance_delete(link, p, m))
VARLINK_FUNCTION(instance_stats_call, serve_instance_stats(link, p, m))
VARLINK_FUNCTION(instance_console_call, serve_instance_console(link, p, m))

static const struct varlink_method methods[] = {
	{ .name = "Run", .parameters = run, .object = true, .serve = instance_run_call,
	  .text = "Make an instance and start it. If it does not come up, nothing is made." },
	{ .name = "Adopt", .parameters = adopt, .object = true, .serve = instance_adopt_call,
	  .text = "Make this host an instance: what is attached to it locally is the instance's." },
	{ .name = "Start", .parameters = begin, .object = true, .serve = instance_start_call,
	  .text = "Start an instance that is stopped or has failed." },
	{ .name = "Stop", .parameters = end, .object = true, .serve = instance_stop_call,
	  .text = "Shut an instance down; it keeps its ENIs and volumes." },
	{ .name = "Reboot", .parameters = end, .object = true, .serve = instance_reboot_call,
	  .text = "Shut an instance down and start it again." },
	{ .name = "Terminate", .parameters = end, .object = true, .serve = instance_terminate_call,
	  .text = "Shut an instance down for good, and detach its ENIs and volumes; give this host up as one." },
	{ .name = "Delete", .serve = instance_delete_call,
	  .text = "Forget an instance that is terminated, and its console." },
	{ .name = "Stats", .parameters = show_stats, .serve = instance_stats_call, .reads = true,
	  .text = "What a running instance has used." },
	{ .name = "Console", .parameters = console, .serve = instance_console_call,
	  .text = "What the guest has written to its console; of this host, what its kernel has said." },
	{}
};

VARLINK_OBJECT(instance,
	.name = "Instance", .kind = KIND_INSTANCE,
	.text = "Instances: virtual machines and bare metal of this host, each a unit of systemd.",
	.state_text = "State: pending, running, stopping, stopped, terminated or failed.",
	.properties = properties, .types = types, .methods = methods,
	.lacks = 1 << VARLINK_CREATE | 1 << VARLINK_SET,
);
