// SPDX-License-Identifier: GPL-2.0
/* Enclaves as users see them, and as programs that were written for nitro-cli do. */

#include <ctype.h>
#include <stdio.h>

#include "carrier.h"
#include "enclaves.h"
#include "object.h"

#define MIB (1ULL << 20)

/* "2,6" as [2, 6] */
static sd_json_variant *cpu_ids(const char *list)
{
	struct json_list ids = {};

	while (list && *list) {
		sd_json_variant *id = NULL;
		char *end;

		if (sd_json_variant_new_unsigned(&id, strtoul(list, &end, 10)) < 0)
			abort();
		json_list_add(&ids, id);
		list = *end == ',' ? end + 1 : NULL;
	}
	return json_list_take(&ids);
}

static char *upper(const char *text)
{
	char *copy = xstrdup(text);

	for (char *c = copy; *c; c++)
		*c = toupper(*c);
	return copy;
}

/* The keys are nitro-cli's */
static void show_as_nitro_cli(const struct object *o, const struct life *l,
			      const char *state, sd_json_variant **v)
{
	_cleanup_free_ char *upper_state = upper(state);
	const struct enclave *x = ENCLAVE(o);
	const char *cpus = l ? l->cpus : NULL;

	json_set_string(v, "EnclaveName", o->name);
	json_set_string(v, "EnclaveID", o->id);
	json_set_uint(v, "ProcessID", l ? l->pid : 0);
	json_set_uint(v, "EnclaveCID", x->cid);
	json_set_uint(v, "NumberOfCPUs", x->i.vcpus);
	json_set(v, "CPUIDs", cpu_ids(cpus));
	json_set_uint(v, "MemoryMiB", x->i.memory / MIB);
	json_set_string(v, "State", upper_state);
	json_set_string(v, "Flags", x->debug ? "DEBUG_MODE" : "NONE");
	json_set(v, "Measurements", sd_json_variant_ref(json_get(*v, "measurements")));
	json_set_string(v, "ImageName", x->image_name);
	json_set_string(v, "ImageVersion", x->image_version);
}

/**
 * enclaves_show - complete what users are shown of an enclave
 * @m: the manager
 * @o: the enclave
 * @v: its configuration, as JSON
 *
 * Context: method call.
 */
void enclaves_show(struct manager *m, struct object *o, sd_json_variant **v)
{
	static const char *const hidden[] = { "wish", "ending", NULL };
	_cleanup_free_ char *unit = unit_name(&carrier_enclave, o->id);
	_cleanup_free_ char *vsock = enclave_vsock(m, o->id, "vsock");
	struct life *l = instances_get(m, o->id);
	const char *reason = l ? l->reason : INSTANCE(o)->ending;
	const char *state = life_state_name(l ? l->state : LIFE_PENDING);

	if (sd_json_variant_filter(v, (char **)hidden) < 0)
		abort();
	if (m->instances && m->instances->problem)
		reason = m->instances->problem;
	json_set_string(v, "state", state);
	json_set_string(v, "reason", reason);
	json_set_string(v, "cpu_list", l ? l->cpus : NULL);
	json_set_uint(v, "pid", l ? l->pid : 0);
	json_set_string(v, "unit", unit);
	json_set_string(v, "vsock", vsock);
	show_as_nitro_cli(o, l, state, v);
}
