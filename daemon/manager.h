/* SPDX-License-Identifier: GPL-2.0 */
/* The one process: what it holds, and how a change goes through it. */
#ifndef _NITRO_MANAGER_H
#define _NITRO_MANAGER_H

#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "change.h"
#include "handles.h"
#include "kstate.h"
#include "store.h"

struct ebs;
struct hardening;
struct instances;
struct kernel;
struct listing;
struct memory;
struct storage;

/**
 * struct manager - nitrod
 * @event: the event loop
 * @server: the Varlink server
 * @store: the desired state on disk
 * @model: the desired state in memory, always equal to the store's
 * @handles: integers for the kernel
 * @kernel: the way to nitro_vpc
 * @ebs: the way to nitro_ebs
 * @memory: the pool of memory that instances live in
 * @instances: the instances that live
 * @hardening: calls that wait until the host is hardened, or NULL
 * @storage: operations on pools, volumes and keys
 * @state_dir: where the store lies
 * @socket_path: where the server listens
 * @monitors: connections that want to be told of changes
 * @n_monitors: how many
 * @cap_monitors: room for how many
 * @services: the Varlink server for nitro-services
 * @watchers: its connections that watch, see services-watch.c
 * @listings: answers that are not complete yet, see varlink-list.c
 * @started: CLOCK_MONOTONIC at start, in microseconds
 */
struct manager {
	sd_event *event;
	sd_varlink_server *server;
	struct store *store;
	struct model model;
	struct handles handles;
	struct kernel *kernel;
	struct ebs *ebs;
	struct memory *memory;
	struct instances *instances;
	struct hardening *hardening;
	struct storage *storage;
	const char *state_dir;
	const char *socket_path;
	struct sd_varlink **monitors;
	size_t n_monitors, cap_monitors;
	struct listing *listings;
	sd_varlink_server *services;
	struct watcher *watchers;
	uint64_t started;
};

int manager_load(struct manager *m, struct error *e);
int manager_commit(struct manager *m, struct change *c, struct error *e);
int manager_commit_checked(struct manager *m, struct change *c, struct error *e);
int manager_put(struct manager *m, enum object_kind kind, sd_json_variant *props,
		const char *scope, enum put_mode mode, char **ret_id, struct error *e);
int manager_delete(struct manager *m, struct object *o, struct error *e);
int manager_keep_handles(struct manager *m, struct error *e);
void manager_free(struct manager *m);
void manager_event(struct manager *m, sd_json_variant *event);
sd_json_variant *event_new(const char *event, const char *kind, const char *id,
			   const char *name);

/* journal.c */
void journal_change(const struct edit *edit);
void journal_problem(const char *eni_id, const char *eni, const char *text);
void journal_card(bool present, const char *text);
void journal_volume(const struct object *volume, const char *what, const char *text);
void journal_instance(const struct object *instance, const char *what, const char *text);
void journal_hardened(void);
void journal_key(const struct object *key, const char *what);

#endif
