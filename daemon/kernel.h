/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's state and how it is brought to what is desired. */
#ifndef _NITRO_KERNEL_H
#define _NITRO_KERNEL_H

#include "manager.h"

struct nl;
struct nl_sock;

/**
 * struct kernel - what is known of the card of this namespace
 * @nl: the netlink sockets, NULL while the module is absent
 * @actual: what the card holds, as far as is known
 * @known: @actual is what the card holds
 * @problem: why the card does not hold what it should, or NULL
 * @failures: ENI's ID -> sentence why it does not work here
 * @timer: looks after the card
 * @events: what the card announces
 * @links: a socket that hears of links
 * @link_events: what it hears
 * @delay: time to the next look in microseconds
 * @home: this network namespace
 */
struct kernel {
	struct nl *nl;
	struct kstate actual;
	bool known;
	char *problem;
	struct map failures;
	sd_event_source *timer;
	sd_event_source *events;
	struct nl_sock *links;
	sd_event_source *link_events;
	uint64_t delay;
	int home;
};

/* kernel.c */
int kernel_start(struct manager *m);
void kernel_stop(struct manager *m);
void kernel_settle(struct manager *m);
int kernel_apply(struct manager *m, struct kstate *desired, struct error *e);
const char *kernel_failure(struct manager *m, const char *eni_id);
void kernel_set_failure(struct manager *m, const struct object *eni, const char *text);

/* reconcile.c: may_fail is false while a change is carried out */
int reconcile(struct manager *m, struct kstate *desired, bool may_fail, struct error *e);

/* attach.c */
char *attach_text(struct manager *m, const struct eni *eni);
bool attach_in_place(struct manager *m, const struct eni *eni, const struct keni *k);
bool attach_moves(struct manager *m, const struct eni *eni, const struct keni *k);
int attach_apply(struct manager *m, const struct eni *eni, const struct keni *k,
		 struct error *e);
void eni_default_name(uint32_t id, char name[16]);

/* module.c */
char *module_problem(const char *name);
char *module_version(const char *name);
bool module_loaded(const char *name);

/* status.c, trace.c */
sd_json_variant *status_build(struct manager *m);
sd_json_variant *object_show(struct manager *m, struct object *o);
int eni_show_extra(struct manager *m, struct object *o, bool flows, bool drops,
		   sd_json_variant **v, struct error *e);
int trace_run(struct manager *m, sd_json_variant *params, sd_json_variant **ret,
	      struct error *e);

/* Is this an address of this network namespace? */
bool kernel_has_address(const struct prefix *address);

/* stack.c, stack-export.c */

/**
 * struct stack_request - a stack to be applied
 * @stack: the stack
 * @lines: JSON pointer -> line of the file, or NULL
 * @measured: name of an enclave -> what its image was measured to be, or NULL
 * @prune: delete what the stack does not name
 */
struct stack_request {
	sd_json_variant *stack, *lines, *measured;
	bool prune;
};

int stack_build(struct manager *m, struct change *c, const struct stack_request *rq,
		struct error *e);
int stack_try(struct manager *m, const struct stack_request *rq, sd_json_variant **ret,
	      struct error *e);
void stack_locate(const struct stack_request *rq, struct error *e);
sd_json_variant *stack_describe(const struct change *c);
sd_json_variant *stack_export(struct manager *m);

/* stack-instance.c */
int stack_put_instances(struct manager *m, struct change *c, sd_json_variant *list,
			struct error *e);
int stack_prune_instance(struct change *c, struct object *o, struct error *e);
bool stack_is_terminated(const struct edit *edit);
int stack_new_instances(const struct change *c,
			int (*each)(const struct object *o, void *data, struct error *e),
			void *data, struct error *e);
void stack_instances_applied(struct manager *m, const struct change *c);
sd_json_variant *stack_export_instance(const struct model *m, const struct object *o);

/* stack-enclave.c */
int stack_put_enclaves(struct manager *m, struct change *c, const struct stack_request *rq,
		       struct error *e);
sd_json_variant *stack_export_enclave(const struct model *m, const struct object *o);

#endif
