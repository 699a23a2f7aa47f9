/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A change: edits made in place to the model, checked as a whole, then kept
 * or undone. Life: change_begin, change_put/change_delete…, change_check,
 * then either change_keep or change_undo, then change_free.
 */
#ifndef _NITRO_CHANGE_H
#define _NITRO_CHANGE_H

#include "object.h"

/* How the properties given to change_put() relate to the object that exists */
enum put_mode {
	PUT_CREATE,	/* there must be none */
	PUT_SET,	/* what is not given stays */
	PUT_APPLY,	/* what is not given gets its default; assigned values stay */
	PUT_REPLACE,	/* the properties are the whole object */
};

struct edit {
	struct object *old;	/* NULL: created */
	struct object *new;	/* NULL: deleted */
};

struct change {
	struct model *model;
	struct edit *edits;
	size_t n, cap;
	size_t completed;
	struct map by_id;	/* id -> new object, to find what is named twice */
	struct map cursors;	/* subnet id -> where its free addresses begin */
	bool names_storage;	/* a stack that has keys, pools or volumes of this host */
	bool names_instances;	/* likewise */
	bool names_enclaves;	/* likewise */
	const struct map *assigned;	/* id -> what an operation has found for it */
};

void change_begin(struct change *c, struct model *m);
int change_put(struct change *c, enum object_kind kind, sd_json_variant *props, const char *scope,
	       enum put_mode mode, const char *origin, struct error *e);
int change_delete(struct change *c, struct object *o, struct error *e);
int change_check(struct change *c, struct error *e);
void change_undo(struct change *c);
int change_try(struct model *m, int (*build)(struct change *c, void *data, struct error *e),
	       void *data, struct error *e);
void change_keep(struct change *c);
void change_free(struct change *c);

/* assign.c */
int complete_object(struct change *c, struct edit *edit, enum put_mode mode,
		    struct error *e);
int assign_object(struct change *c, struct object *o, struct error *e);
int assign_default_key(struct change *c, struct error *e);
void assign_free(struct change *c);

/* validate.c */
int validate_change(struct change *c, struct error *e);
int validate_storage(struct change *c, struct error *e);
size_t rules_count(const struct model *m, const struct eni *eni, enum direction d, bool v6);

#endif
