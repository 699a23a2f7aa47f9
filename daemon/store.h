/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the desired state is kept: versioned JSON objects, the integers that
 * the kernel knows them by, and a watch. Nothing here knows what an object is,
 * so that a fleet's store can stand behind the same calls.
 */
#ifndef _NITRO_STORE_H
#define _NITRO_STORE_H

#include "base.h"

struct store;

struct store_object {
	const char *kind;
	const char *id;
	const char *name;
	const char *vpc;	/* or NULL */
	uint64_t version;
	const char *body;	/* JSON; NULL in a watch: deleted */
};

typedef int (*store_object_fn)(const struct store_object *o, void *userdata);
typedef int (*store_handle_fn)(const char *key, uint32_t handle, void *userdata);
typedef int (*store_note_fn)(const char *key, const char *value, void *userdata);

int store_open(struct store **ret, const char *dir, struct error *e);
struct store *store_close(struct store *s);
int store_load(struct store *s, store_handle_fn handle, store_object_fn object,
	       void *userdata, struct error *e);

int store_begin(struct store *s, struct error *e);
int store_put(struct store *s, const struct store_object *o, struct error *e);
int store_delete(struct store *s, const struct store_object *o, struct error *e);
int store_put_handle(struct store *s, const char *key, uint32_t handle, struct error *e);
int store_delete_handle(struct store *s, const char *key, struct error *e);
int store_put_note(struct store *s, const char *key, const char *value, struct error *e);
int store_delete_note(struct store *s, const char *key, struct error *e);
int store_load_notes(struct store *s, store_note_fn fn, void *userdata, struct error *e);
int store_commit(struct store *s, struct error *e);
void store_rollback(struct store *s);

void store_watch(struct store *s, store_object_fn fn, void *userdata);

#endif
