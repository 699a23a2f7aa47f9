// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Volume: encrypted block devices. */

#include "ebs.h"
#include "instances.h"
#include "varlink.h"

static const struct varlink_property attachment[] = {
	PROPERTY("kind", STRING, 0, "local or instance."),
	PROPERTY("instance", STRING, P_NULLABLE, "The instance, for kind instance."),
	PROPERTY("index", INT, P_NULLABLE,
		 "Which of the volumes of its instance it is, from 0; for kind instance."),
	{}
};

static const struct varlink_property side[] = {
	PROPERTY("ops", INT, 0, "Operations since the volume was attached."),
	PROPERTY("bytes", INT, 0, "Bytes since then."),
	PROPERTY("time", INT, 0, "Microseconds that all of them took together."),
	PROPERTY("iops", INT, 0, "Operations a second, lately."),
	PROPERTY("throughput", INT, 0, "Bytes a second, lately."),
	PROPERTY("p50", INT, P_NULLABLE, "Microseconds that half of them took at most."),
	PROPERTY("p90", INT, P_NULLABLE, "The same for 90 %."),
	PROPERTY("p99", INT, P_NULLABLE, "The same for 99 %."),
	PROPERTY("p99_9", INT, P_NULLABLE, "The same for 99.9 %."),
	{}
};

static const struct varlink_property stats[] = {
	PROPERTY("id", STRING, 0, "ID of the volume."),
	PROPERTY("name", STRING, 0, "Its name."),
	PROPERTY("state", STRING, 0, "Its state."),
	PROPERTY("interval", INT, 0, "Microseconds that 'lately' means."),
	PROPERTY_OF("read", "Side", 0, "Reads."),
	PROPERTY_OF("write", "Side", 0, "Writes."),
	PROPERTY("discards", INT, 0, "Discards since the volume was attached."),
	PROPERTY("flushes", INT, 0, "Flushes since then."),
	PROPERTY("iops_exceeded", INT, 0,
		 "Microseconds in which I/O waited for the limit of operations."),
	PROPERTY("throughput_exceeded", INT, 0,
		 "Microseconds in which I/O waited for the limit of bytes."),
	PROPERTY("queue_length", INT, 0, "I/O under way or waiting now."),
	PROPERTY("errors", INT, 0, "I/O that failed."),
	PROPERTY("stalled", BOOL, 0, "The oldest I/O has been waiting for 60 s."),
	{}
};

static const struct varlink_property properties[] = {
	PROPERTY("pool", STRING, P_FIXED, "The pool that it has its space from.",
		 .create_text = "The pool; null: the only one there is, or the one called default."),
	PROPERTY("size", INT, P_REQUIRED, "Bytes, a multiple of 4096.",
		 .set_text = "Bytes; volumes grow and never shrink."),
	PROPERTY("sector_size", INT, P_FIXED,
		 "Unit of encryption and logical block size: 512 (the default), 1024, 2048 or 4096."),
	PROPERTY("iops", INT, 0, "Limit: operations of 256 KiB a second; 0 for none."),
	PROPERTY("throughput", INT, 0, "Limit: MiB a second; 0 for none."),
	PROPERTY("instance_store", BOOL, P_FIXED,
		 "The kernel makes a key when it is attached and forgets it, and so all data, when it is detached."),
	PROPERTY("key", STRING, P_NULLABLE | P_FIXED, "The master key that wraps its data key.",
		 .create_text = "The master key; null: the one called default, which is made if need be."),
	PROPERTY("key_fd", INT, P_WRITE_ONLY | P_FIXED,
		 "Index of a file descriptor sent along: a pipe that holds 64 bytes, which become the data key. Null: it is made."),
	PROPERTY_OF("attachment", "VolumeAttachment", P_NULLABLE | P_READ_ONLY,
		    "Who has it, or null."),
	PROPERTY("device", STRING, P_NULLABLE | P_READ_ONLY, "The block device that it is now."),
	PROPERTY("cipher", STRING, P_NULLABLE | P_READ_ONLY, "Cipher, and the implementation that does it."),
	PROPERTY("backing", STRING, P_READ_ONLY, "What its bytes lie on."),
	PROPERTY("offset", INT, P_NULLABLE | P_READ_ONLY, "Where they begin there."),
	PROPERTY("reason", STRING, P_NULLABLE | P_READ_ONLY, "Why its state is failed."),
	{}
};

static const struct varlink_property attach[] = {
	PROPERTY("kind", STRING, P_REQUIRED, "local: this host has it; instance: an instance has it."),
	PROPERTY("instance", STRING, 0, "Name of the instance."),
	{}
};

static const struct varlink_property detach[] = {
	PROPERTY("force", BOOL, 0, "Although it is open; I/O under way fails."),
	{}
};

static const struct varlink_property show_stats[] = {
	PROPERTY_OF("stats", "Stats", P_RESULT, "Its counters."),
	{}
};

static const struct varlink_type types[] = {
	{ "VolumeAttachment", "Who has a volume.", attachment },
	{ "Side", "Reads, or writes.", side },
	{ "Stats", "Counters of a volume.", stats },
	{}
};

static int run_stats(struct manager *m, sd_json_variant *p, sd_json_variant **ret,
		     struct error *e)
{
	const char *name = json_string(p, "name");
	struct object *o = model_lookup(&m->model, KIND_VOLUME, NULL, name ? name : "", e);

	return o ? stats_build(m, o, ret, e) : -ENOENT;
}

VARLINK_FUNCTION(attach_volume, varlink_attach_volume(link, p, m))
VARLINK_FUNCTION(detach_volume, serve_volume_detach(link, p, m))
VARLINK_METHOD(stats_volume, run_stats, "stats")

static const struct varlink_method methods[] = {
	{ .name = "Attach", .parameters = attach, .object = true, .serve = attach_volume,
	  .text = "Make the volume a block device of its holder." },
	{ .name = "Detach", .parameters = detach, .object = true, .serve = detach_volume,
	  .text = "Take the block device away, and its key from the kernel." },
	{ .name = "Stats", .parameters = show_stats, .serve = stats_volume, .reads = true,
	  .text = "Show the counters of an attached volume." },
	{}
};

VARLINK_OBJECT(volume,
	.name = "Volume", .kind = KIND_VOLUME,
	.text = "Volumes: block devices of which nothing reaches the pool but ciphertext.",
	.state_text = "State: available, attached or failed.",
	.properties = properties, .types = types, .methods = methods,
);
