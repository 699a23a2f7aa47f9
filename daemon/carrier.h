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
 * @unit: name of its units, before the instance's ID; NULL if it has none, and nothing
 *	of what is about units
 * @label: what it is to people who read why something has failed
 * @once: it is started once, when it is made; when that has ended, so has it
 * @pool: its memory is of the pool, if there is one
 * @memory: what the unit may use, for an instance
 * @check: can this host carry any?
 * @has_eni: is an ENI of the instance, as the kernel has it, ready to be handed over?
 * @describe: say what is to be started, and hand over what it needs
 * @devices: block devices that the unit may open, as systemd takes them; NULL if its file
 *	says all
 * @entered: the unit has begun and asks what to run: see to what is given by namespace;
 *	NULL if there is nothing
 * @find: it is there: talk to it; life_is_up() tells when it answers
 * @ready: does it answer?
 * @sync: it was found: has it what it should?
 * @power_off: press the power button; NULL if there is none
 * @end: end it now
 * @forget: it has ended, or nitrod does
 * @clear: it has ended: take away what was made for it; NULL if there is nothing
 * @reboots: status, not 0, with which it ends to be started again; 0 if it never does
 * @explain: say what its last words mean, to be freed; NULL if they are clear
 * @ending: say why it has ended by itself, to be freed; NULL for a guest that shuts down
 * @plug_in: give it an ENI or a volume while it runs; see plug.c. NULL if it has none
 * @plug_out: take one from it
 * @dropped: a volume that was the instance's is not any more; NULL if that is no news
 * @stats: answer a call of Stats
 */
struct carrier {
	const char *unit;
	const char *label;
	bool once, pool;
	uint64_t (*memory)(const struct instance *i);
	int (*check)(struct error *e);
	bool (*has_eni)(const struct keni *k);
	int (*describe)(struct life *l, const struct object *o, struct launch *launch,
			struct error *e);
	void (*devices)(const struct life *l, struct strings *paths);
	int (*entered)(struct life *l, const struct object *o, struct error *e);
	void (*find)(struct life *l);
	bool (*ready)(const struct life *l);
	void (*sync)(struct life *l);
	void (*power_off)(struct life *l);
	void (*end)(struct life *l);
	void (*forget)(struct life *l);
	void (*clear)(struct life *l);
	int reboots;
	char *(*explain)(const struct life *l, const struct object *o, const char *words);
	char *(*ending)(const struct life *l);
	void (*plug_in)(struct life *l, struct object *o, plug_done_fn done, void *data);
	void (*plug_out)(struct life *l, struct object *o, plug_done_fn done, void *data);
	void (*dropped)(struct life *l);
	void (*stats)(struct life *l, sd_varlink *link);
};

/* vm.c, metal.c, adopt.c, enclave-vmm.c */
extern const struct carrier carrier_vm;
extern const struct carrier carrier_metal;
extern const struct carrier carrier_host;
extern const struct carrier carrier_enclave;

/* carrier.c */
const struct carrier *carrier_of_kind(enum instance_kind kind);
const struct carrier *carrier_of(const struct object *o);
const struct carrier *carrier_next(const struct carrier *c);

#endif
