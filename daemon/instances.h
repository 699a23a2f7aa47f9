/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instances that live: each is a unit of systemd, which nitrod starts, watches
 * and finds again. What the user wants is in the store; what is there is what
 * systemd and the VMM say. To settle an instance is to do the next step from
 * the one to the other, so it does not matter where nitrod was killed.
 */
#ifndef _NITRO_INSTANCES_H
#define _NITRO_INSTANCES_H

#include <systemd/sd-bus.h>

#include "manager.h"
#include "object.h"

struct carrier;
struct cell;
struct launch;
struct plug;
struct qmp;

/* A volume with an index is known to the VMM as this set of descriptors */
#define VMM_VOLUME_SET 10000

/* The states of EC2, and failed */
enum life_state {
	LIFE_PENDING, LIFE_RUNNING, LIFE_STOPPING, LIFE_STOPPED, LIFE_TERMINATED, LIFE_FAILED,
	LIFE_STATES
};

/* Who was told to end: the guest, by its power button; its carrier, by a signal */
enum life_down { DOWN_NOT, DOWN_GUEST_TOLD, DOWN_CARRIER_TOLD };

/**
 * struct life - an instance as it is
 * @m: the manager
 * @id: the instance
 * @carrier: what it runs in
 * @state: what users are told
 * @reason: why it has failed, what it waits for, or NULL
 * @unit: ActiveState of its unit, NULL if that is not known
 * @result: Result of its unit
 * @seen: ActiveState of its unit, of which the rest is being asked
 * @status: with which its main process has ended
 * @pid: its main process, 0 if there is none
 * @problem: what went wrong while it was started, or NULL
 * @watch: hears of changes of the unit
 * @qmp: the connection to its VMM, or NULL
 * @plugs: devices that the guest was asked to let go
 * @cell: what only enclaves have, or NULL
 * @launch: hands over what the VMM needs, while it is started
 * @timer: the next look
 * @deadline: when it is ended if it does not end itself, CLOCK_MONOTONIC; 0 for never
 * @not_before: when it may be started, CLOCK_MONOTONIC
 * @running_since: when it came up, CLOCK_MONOTONIC; 0 if it is not up
 * @failures: how often it has failed, lately
 * @starting: systemd was asked to start it
 * @fresh: whoever has made it waits for it to come up: if it fails, it is as if
 *	nobody had asked
 * @reboot: when it has ended it starts again
 * @noted: that its unit was started
 * @force: end it without telling the guest
 * @down: how far its end is
 * @releasing: an operation takes away its ENIs and volumes
 * @cpus: the CPUs that are its own, as a list, or NULL
 * @ending: why it ends without being told to, or NULL; see struct instance
 */
struct life {
	struct manager *m;
	char *id;
	const struct carrier *carrier;
	enum life_state state;
	char *reason;
	char *unit, *result, *seen;
	int status;
	uint32_t pid;
	char *problem;
	sd_bus_slot *watch;
	struct qmp *qmp;
	struct cell *cell;
	struct plug *plugs;
	struct launch *launch;
	sd_event_source *timer;
	uint64_t deadline, not_before, running_since;
	unsigned int failures;
	enum life_down down;
	bool starting, fresh, reboot, noted, force, releasing;
	char *cpus, *ending;
};

/* A call that is answered when an instance is where it should be */
struct waiter {
	struct waiter *next;
	sd_varlink *link;
	char *id;
	unsigned int want;	/* 1 << enum life_state */
};

/**
 * struct instances - all of them
 * @bus: to systemd, NULL while there is none
 * @retry: tries again to get one
 * @problem: why there is none
 * @listener: where systemd connects when it starts a unit
 * @source: watches it
 * @lives: ID -> struct life
 * @waiters: calls that wait
 * @expiry: when the next that is terminated is forgotten
 */
struct instances {
	sd_bus *bus;
	sd_event_source *retry;
	char *problem;
	int listener;
	sd_event_source *source;
	struct map lives;
	struct waiter *waiters;
	sd_event_source *expiry;
};

/* All that live: instances, then enclaves */
#define FOR_EACH_LIVING(model, o) \
	for (enum object_kind _kind = KIND_INSTANCE; _kind <= KIND_ENCLAVE; _kind++) \
		FOR_EACH_OBJECT(model, _kind, o)

/* instances.c */
int instances_start(struct manager *m);
void instances_stop(struct manager *m);
struct life *instances_get(struct manager *m, const char *id);
struct life *instances_add(struct manager *m, const struct object *o, enum life_state state);
struct life *instances_begin(struct manager *m, const struct object *o);
void instances_remove(struct manager *m, const char *id);
void instances_show(struct manager *m, struct object *o, sd_json_variant **v);
void instances_wait(struct manager *m, sd_varlink *link, const char *id, unsigned int want);
void instances_wake(struct life *l);
void instances_refuse(struct life *l, const char *name, const char *reason);
void instances_forget(struct manager *m, const sd_varlink *link);
void instances_problems(struct manager *m, struct json_list *list);
const char *life_state_name(enum life_state state);
const char *life_label(const struct life *l);
struct object *instances_find(const struct model *model, const char *name);
bool instances_boots(const struct model *model, const struct object *volume);
struct object *instances_host(const struct model *model);
void instances_committed(struct manager *m, const struct change *c);
int instances_refuse_change(struct manager *m, const char *name, struct error *e);

/* life.c */
void life_settle(struct life *l);
void life_set(struct life *l, enum life_state state, const char *reason);
void life_unit_is(struct life *l, const char *active, const char *result);
void life_unit_started(struct life *l, const char *problem);
void life_is_up(struct life *l);
void life_later(struct life *l, uint64_t usec);
struct life *life_free(struct life *l);

/* instance-files.c */
int instance_file_check(int fd, const char *path, const char *what, struct error *e);
int instance_file_copy(int from, const char *path, struct error *e);
int instance_files_dir(const struct manager *m, enum object_kind kind, const char *name,
		       char **ret, struct error *e);

/* instance-run.c, instance-verbs.c: Varlink methods */
int serve_instance_run(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_instance_start(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_instance_stop(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_instance_reboot(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_instance_terminate(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_instance_delete(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_instance_console(sd_varlink *link, sd_json_variant *p, struct manager *m);
int instance_wish(sd_varlink *link, sd_json_variant *p, struct manager *m, struct object *o,
		  enum wish wish, unsigned int want);
int instance_give_console(sd_varlink *link, sd_json_variant *p, struct manager *m,
			  struct object *o);
int instance_set_wish(struct manager *m, struct object *o, enum wish wish, struct error *e);
void instance_release(struct life *l);
int instance_forget(struct manager *m, struct object *o, struct error *e);

/* expire.c */
void expire_later(struct manager *m);

/* instance-attach.c */
struct life *instances_holder(struct manager *m, const struct object *o);
void instances_give_volume(struct manager *m, struct life *l, struct object *o, sd_varlink *link);
int serve_eni_attach(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_eni_detach(sd_varlink *link, sd_json_variant *p, struct manager *m);
int serve_volume_detach(sd_varlink *link, sd_json_variant *p, struct manager *m);

/* instance-stats.c */

/**
 * struct stats - what was found out about the guest of an instance
 * @vcpus: what is known of each vCPU
 * @guest: CPU time of the guest, in microseconds
 * @steal: how long it was ready and had no CPU
 * @exits: exits from it
 * @halt_exits: those because it had nothing to do
 */
struct stats {
	struct json_list vcpus;
	uint64_t guest, steal, exits, halt_exits;
};

int serve_instance_stats(sd_varlink *link, sd_json_variant *p, struct manager *m);
uint64_t stats_cpu_time(const struct life *l, const char *part);
int stats_read(char *buf, size_t size, const char *path);
void stats_answer(struct life *l, sd_varlink *link, struct stats *s);

/* vm-stats.c */
void vm_stats(struct life *l, sd_varlink *link);

/* Told of the end of something, with what went wrong or NULL */
typedef void (*plug_done_fn)(struct manager *m, const char *problem, void *data);

/* systemd.c */
void unit_allow_devices(struct life *l, plug_done_fn done, void *data);
char *unit_name(const struct carrier *carrier, const char *id);
int unit_connect(struct manager *m);
void unit_disconnect(struct manager *m);
void unit_watch(struct life *l);
void unit_ask(struct life *l);
int unit_start(struct life *l, uint64_t memory);
void unit_kill(struct life *l, int signal, bool all);
void unit_reset(struct life *l);

/* metal.c */
char *metal_netns(const struct model *model, const char *instance);

/* adopt.c */
int serve_instance_adopt(sd_varlink *link, sd_json_variant *p, struct manager *m);
int adopt_console(struct error *e);

/* place.c: the CPUs and memory of this host */
uint64_t place_host_cpus(void);
uint64_t place_host_memory(void);
int place_check(struct manager *m, const struct object *o, struct error *e);
int place_find(struct life *l, const struct object *o, struct error *e);

/* rundir.c: what an instance has in the file system. What is gathered for one that is not
 * in the store yet has this before its ID.
 */
#define INSTANCE_NEW "new."
/* Its unit was seen to be up; it was told to start again when it has ended */
#define MARK_STARTED "started"
#define MARK_REBOOT "reboot"

char *instance_dir(const struct manager *m, const char *id, const char *file);
char *instance_rundir(const struct manager *m, const char *id, const char *file);
int instance_rundir_make(const struct manager *m, const char *id, struct error *e);
void instance_rundir_remove(const struct manager *m, const char *id);
int instance_mark(const struct manager *m, const char *id, const char *what, struct error *e);
bool instance_is_marked(const struct manager *m, const char *id, const char *what);
void instance_dir_remove(const struct manager *m, const char *id);
void instance_dir_keep(const struct manager *m, const char *id);
void instance_dirs_sweep(struct manager *m);
void remove_dir(const char *path);
char *instance_last_words(const struct manager *m, const char *id);

/* launch.c */
struct launch *launch_new(struct life *l);
struct launch *launch_free(struct launch *launch);
int launch_fd(struct launch *launch, int fd);
void launch_vsock(struct launch *launch, uint32_t cid, int fd);
void launch_arg(struct launch *launch, const char *fmt, ...) _printf_(2, 3);
int launch_check(const struct launch *launch, struct error *e);
int launch_listen(struct manager *m);
int listen_at(const char *path, int type, struct error *e);
int connect_to(const char *path);

/* vmm.c */
int vmm_check(struct error *e);
char *vmm_uuid(const char *id);
int vmm_give_console(struct life *l, struct launch *launch, struct error *e);
sd_json_variant *vmm_eni_device(const struct object *eni, bool several);
sd_json_variant *vmm_volume_node(const struct object *volume, bool direct);
sd_json_variant *vmm_volume_device(const struct object *volume, const char *serial);
uint64_t vmm_queues(const struct object *o);
int vmm_describe(struct life *l, const struct object *o, struct launch *launch,
		 struct error *e);

/* parent.c: of enclaves */
int parent_give(struct life *l, const struct object *o, struct launch *launch, struct error *e);
int parent_give_memory(struct launch *launch, int fd, struct error *e);
void parent_clear(struct life *l);
int parent_give_enclave(struct life *l, const struct object *o, struct launch *launch,
			struct error *e);
void parent_forget_enclave(struct life *l);

/* smbios.c */
uint8_t *smbios_tables(const char *uuid, size_t *size);
int smbios_give(struct launch *launch, const char *uuid, struct error *e);

/* qmp.c */
typedef void (*qmp_done_fn)(struct life *l, sd_json_variant *ret, const char *problem,
			    void *data);

int qmp_open(struct life *l);
struct qmp *qmp_close(struct qmp *q);
bool qmp_ready(const struct qmp *q);
int qmp_send(struct qmp *q, const char *command, sd_json_variant *arguments, int fd,
	     qmp_done_fn done, void *data);

/* plug.c: what comes and goes while an instance runs */
void plug_in(struct life *l, struct object *o, plug_done_fn done, void *data);
void plug_out(struct life *l, struct object *o, plug_done_fn done, void *data);
void plug_event(struct life *l, const char *event, sd_json_variant *data);
void plug_sync(struct life *l);
void plug_free(struct life *l);

#endif
