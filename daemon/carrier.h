/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an instance runs in. Its life (life.c) and what users tell it to do are the same
 * whatever carries it; a carrier knows how it is started, told, looked at and ended.
 */
#ifndef _NITRO_CARRIER_H
#define _NITRO_CARRIER_H

#include "instances.h"
#include "kstate.h"

/**
 * struct carrier - one kind of them
 * @unit: name of its units, before the instance's ID
 * @label: what it is to people who read why something has failed
 * @memory: what the unit may use, for an instance
 * @check: can this host carry any?
 * @has_eni: is an ENI of the instance, as the kernel has it, ready to be handed over?
 * @describe: say what is to be started, and hand over what it needs
 * @find: it is there: talk to it; life_is_up() tells when it answers
 * @ready: does it answer?
 * @sync: it was found: has it what it should?
 * @power_off: press the power button
 * @forget: it has ended, or nitrod does
 * @plug_in: give it an ENI or a volume while it runs; see plug.c
 * @plug_out: take one from it
 * @stats: answer a call of Stats
 */
struct carrier {
	const char *unit;
	const char *label;
	uint64_t (*memory)(const struct instance *i);
	int (*check)(struct error *e);
	bool (*has_eni)(const struct keni *k);
	int (*describe)(struct life *l, const struct object *o, struct launch *launch,
			struct error *e);
	void (*find)(struct life *l);
	bool (*ready)(const struct life *l);
	void (*sync)(struct life *l);
	void (*power_off)(struct life *l);
	void (*forget)(struct life *l);
	void (*plug_in)(struct life *l, struct object *o, plug_done_fn done, void *data);
	void (*plug_out)(struct life *l, struct object *o, plug_done_fn done, void *data);
	void (*stats)(struct life *l, sd_varlink *link);
};

/* vm.c */
extern const struct carrier carrier_vm;

/* carrier.c */
const struct carrier *carrier_of(const struct object *o);
const struct carrier *carrier_next(const struct carrier *c);

#endif
