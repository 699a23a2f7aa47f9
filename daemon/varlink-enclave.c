// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Enclave: isolated machines with signed measurements. */

#include "enclaves.h"
#include "varlink.h"

static const struct varlink_property measurements[] = {
	PROPERTY("HashAlgorithm", STRING, 0, "As nitro-cli writes it."),
	PROPERTY("PCR0", STRING, 0, "Kernel, command line and all RAM disks."),
	PROPERTY("PCR1", STRING, 0, "Kernel, command line and the first RAM disk."),
	PROPERTY("PCR2", STRING, 0, "The other RAM disks."),
	PROPERTY("PCR8", STRING, P_NULLABLE, "The certificate that the image is signed with."),
	{}
};

static const struct varlink_type types[] = {
	{ "Measurements", "Registers of an image, in hexadecimal digits.", measurements },
	{}
};

static const struct varlink_property properties[] = {
	PROPERTY("image", STRING, P_NULLABLE | P_READ_ONLY, "Where its image came from."),
	PROPERTY("image_name", STRING, P_NULLABLE | P_READ_ONLY, "What the image calls itself."),
	PROPERTY("image_version", STRING, P_NULLABLE | P_READ_ONLY, "The image's version."),
	PROPERTY("cpus", INT, P_READ_ONLY, "How many CPUs it has."),
	PROPERTY("memory", INT, P_READ_ONLY, "Bytes of memory."),
	PROPERTY("cid", INT, P_READ_ONLY, "Its vsock address."),
	PROPERTY("parent", STRING, P_NULLABLE | P_READ_ONLY,
		 "The instance that it is counted against, and ends with."),
	PROPERTY("debug", BOOL, P_READ_ONLY,
		 "Its console can be seen, and its documents say so: all registers are zero."),
	PROPERTY("pool", BOOL, P_READ_ONLY,
		 "Its memory is of the pool, out of the host kernel's reach."),
	PROPERTY_OF("measurements", "Measurements", P_NULLABLE | P_READ_ONLY,
		    "What was measured of its image."),
	PROPERTY("launched", INT, P_READ_ONLY,
		 "When it was asked to run, in seconds since 1970."),
	PROPERTY("ended", INT, P_READ_ONLY, "When it had ended, in seconds since 1970; 0 before."),
	PROPERTY("reason", STRING, P_NULLABLE | P_READ_ONLY,
		 "Why it is in this state, or what it waits for."),
	PROPERTY("cpu_list", STRING, P_NULLABLE | P_READ_ONLY,
		 "CPUs of this host that are its own while it runs, such as 2,6."),
	PROPERTY("pid", INT, P_READ_ONLY, "Its hypervisor's process, 0 if there is none."),
	PROPERTY("unit", STRING, P_READ_ONLY, "The unit of systemd that it is."),
	PROPERTY("vsock", STRING, P_READ_ONLY,
		 "A socket: who connects and writes CONNECT PORT is connected to the enclave's port. The enclave connects to sockets beside it whose names end in _PORT."),
	PROPERTY("EnclaveName", STRING, P_READ_ONLY, "The name; this and what follows is as nitro-cli tells it."),
	PROPERTY("EnclaveID", STRING, P_READ_ONLY, "The ID."),
	PROPERTY("ProcessID", INT, P_READ_ONLY, "As pid."),
	PROPERTY("EnclaveCID", INT, P_READ_ONLY, "As cid."),
	PROPERTY("NumberOfCPUs", INT, P_READ_ONLY, "As cpus."),
	PROPERTY("CPUIDs", INT, P_ARRAY | P_READ_ONLY, "Each CPU of cpu_list."),
	PROPERTY("MemoryMiB", INT, P_READ_ONLY, "The memory in MiB."),
	PROPERTY("State", STRING, P_READ_ONLY, "The state in capitals."),
	PROPERTY("Flags", STRING, P_READ_ONLY, "DEBUG_MODE or NONE."),
	PROPERTY_OF("Measurements", "Measurements", P_NULLABLE | P_READ_ONLY, "As measurements."),
	PROPERTY("ImageName", STRING, P_NULLABLE | P_READ_ONLY, "As image_name."),
	PROPERTY("ImageVersion", STRING, P_NULLABLE | P_READ_ONLY, "As image_version."),
	{}
};

#define NO_WAIT PROPERTY("no_wait", BOOL, 0, "Answer before it is done.")

static const struct varlink_property run[] = {
	PROPERTY("image", STRING, P_REQUIRED, "Name of the image's file, to be shown."),
	PROPERTY("image_fd", INT, P_REQUIRED,
		 "Index of a file descriptor sent along: the image, which is copied and measured."),
	PROPERTY("cpus", INT, 0, "How many CPUs it gets, for itself, as whole cores; null: 1."),
	PROPERTY("memory", INT, 0, "Bytes of memory, a multiple of 2 MiB; null: 512 MiB."),
	PROPERTY("cid", INT, 0, "Its vsock address, 4 or more; null: the first free one from 16 on."),
	PROPERTY("parent", STRING, 0,
		 "An instance that runs: it ends with that, and all enclaves of that have no more CPUs and memory than it has."),
	PROPERTY("debug", BOOL, 0, "Let its console be seen, and its documents say so."),
	NO_WAIT,
	{}
};

static const struct varlink_property end[] = {
	NO_WAIT,
	{}
};

static const struct varlink_property console[] = {
	PROPERTY("follow", BOOL, 0, "A socket that goes on with what the enclave writes."),
	PROPERTY("fd", INT, P_RESULT,
		 "Index of the file descriptor that comes along: the log, or the socket."),
	PROPERTY("live", BOOL, P_RESULT, "It is a socket."),
	{}
};

VARLINK_FUNCTION(enclave_run_call, serve_enclave_run(link, p, m))
VARLINK_FUNCTION(enclave_terminate_call, serve_enclave_terminate(link, p, m))
VARLINK_FUNCTION(enclave_delete_call, serve_enclave_delete(link, p, m))
VARLINK_FUNCTION(enclave_console_call, serve_enclave_console(link, p, m))

static const struct varlink_method methods[] = {
	{ .name = "Run", .parameters = run, .object = true, .serve = enclave_run_call,
	  .text = "Measure an image and start it. If no heartbeat comes, nothing is made." },
	{ .name = "Terminate", .parameters = end, .object = true, .serve = enclave_terminate_call,
	  .text = "End an enclave at once." },
	{ .name = "Delete", .serve = enclave_delete_call,
	  .text = "Forget an enclave that is terminated, and its console." },
	{ .name = "Console", .parameters = console, .serve = enclave_console_call,
	  .text = "What an enclave in debug mode has written to its console." },
	{}
};

VARLINK_OBJECT(enclave,
	.name = "Enclave", .kind = KIND_ENCLAVE,
	.text = "Enclaves: isolated machines that are measured and vouched for, each a unit of systemd.",
	.state_text = "State: pending until its heartbeat, running, stopping, failed, terminated.",
	.properties = properties, .types = types, .methods = methods,
	.lacks = 1 << VARLINK_CREATE | 1 << VARLINK_SET,
);
