// SPDX-License-Identifier: GPL-2.0
/* io.nitro.Memory: where instances have their memory. */

#include "memory.h"
#include "varlink.h"

static const struct varlink_property guest[] = {
	PROPERTY("id", STRING, 0, "ID of the instance."),
	PROPERTY("name", STRING, 0, "Its name."),
	PROPERTY("state", STRING, 0,
		 "created, opened by the VMM, mapped by it, or released and being erased."),
	PROPERTY("size", INT, 0, "Bytes."),
	PROPERTY("ranges", INT, 0, "How many ranges of the host's memory that is."),
	PROPERTY("huge", INT, 0, "Bytes of it that lie in whole pages of 1 GiB."),
	{}
};

static const struct varlink_property pool[] = {
	PROPERTY("id", STRING, 0, "memory: there is one."),
	PROPERTY("name", STRING, 0, "memory."),
	PROPERTY("state", STRING, 0, "none, available, growing, shrinking or failed."),
	PROPERTY("pool", INT, 0, "Bytes that the pool should have; 0 if none is set."),
	PROPERTY("size", INT, 0, "Bytes that it has."),
	PROPERTY("used", INT, 0, "Bytes that instances have."),
	PROPERTY("free", INT, 0, "Bytes that they can have."),
	PROPERTY("largest", INT, 0, "Bytes of the largest range that is free."),
	PROPERTY("reserved", INT, 0, "Bytes that were reserved when the host started."),
	PROPERTY("unerased", INT, 0, "Bytes that wait to be erased."),
	PROPERTY("block_size", INT, 0, "Bytes that it grows and shrinks by."),
	PROPERTY("reason", STRING, P_NULLABLE,
		 "Why it is smaller than it should be, or not there."),
	PROPERTY_OF("guests", "Guest", P_ARRAY, "Who has memory of it."),
	{}
};

static const struct varlink_type types[] = {
	{ "Guest", "An instance with memory of the pool.", guest },
	{ "Pool", "The pool.", pool },
	{}
};

static const struct varlink_property set[] = {
	PROPERTY("pool", INT, P_REQUIRED,
		 "Bytes that the pool should have, a multiple of 2 MiB; 0 for none."),
	PROPERTY_OF("memory", "Pool", P_RESULT, "What it has become, as far as that went."),
	{}
};

static const struct varlink_property show[] = {
	PROPERTY_OF("memory", "Pool", P_RESULT, "The pool."),
	{}
};

static int run_show(struct manager *m, sd_json_variant *p, sd_json_variant **ret, struct error *e)
{
	(void)p;
	return memory_show(m, ret, e);
}

VARLINK_METHOD(memory_show_call, run_show, "memory")

static int memory_set_call(sd_varlink *link, sd_json_variant *p, sd_varlink_method_flags_t flags,
			   void *m)
{
	_cleanup_error_ struct error e = {};
	uint64_t size = 0;
	int r;

	(void)flags;
	r = json_size(p, "pool", &size, &e);
	if (r >= 0)
		r = memory_set(m, size, &e);
	if (r >= 0)
		r = memory_wait(m, link, &e);
	if (r < 0)
		return varlink_fail(link, &e);
	return r ? 1 : varlink_run(link, p, m, run_show, "memory");
}

static const struct varlink_method methods[] = {
	{ .name = "Set", .parameters = set, .serve = memory_set_call,
	  .text = "Say how large the pool should be, and wait until it is, or cannot be." },
	{ .name = "Show", .parameters = show, .serve = memory_show_call,
	  .text = "The pool, and who has memory of it." },
	{}
};

const struct varlink_interface varlink_memory = {
	.name = "Memory", .kind = KIND_MAX,
	.text = "The pool of memory that the host's kernel cannot reach, for instances.",
	.types = types, .methods = methods,
};
