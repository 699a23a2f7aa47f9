// SPDX-License-Identifier: GPL-2.0
/* Edits of the model that are kept or undone together. */

#include "change.h"

/**
 * change_begin - start a change
 * @c: the change
 * @m: the model; nothing else may edit it until the change ends
 *
 * Context: any.
 */
void change_begin(struct change *c, struct model *m)
{
	*c = (struct change){ .model = m };
}

static void record(struct change *c, struct object *old, struct object *new)
{
	GROW(c->edits, c->n, c->cap);
	c->edits[c->n++] = (struct edit){ .old = old, .new = new };
}

/* The old configuration with the given properties laid over it */
static sd_json_variant *merge(const struct object *old, sd_json_variant *props)
{
	sd_json_variant *v = object_body(old);
	const char *subnet = json_string(props, "subnet");

	for (size_t i = 0; i < sd_json_variant_elements(props); i += 2) {
		const char *key = sd_json_variant_string(sd_json_variant_by_index(props, i));
		sd_json_variant *value = sd_json_variant_by_index(props, i + 1);

		if (sd_json_variant_is_null(value) || streq(key, "name"))
			continue;
		if (sd_json_variant_set_field(&v, key, value) < 0)
			abort();
	}
	/* addresses of another subnet are of no use in this one */
	if (old->kind == KIND_ENI && subnet && !json_get(props, "ips") &&
	    strcmp(subnet, ENI(old)->subnet)) {
		json_set(&v, "ips", NULL);
		if (strchr(subnet, '/') || startswith(subnet, "subnet-"))
			json_set(&v, "vpc", NULL);
	}
	return v;
}

/* Users may name the VPC by its ID; names and IDs of what is in it need its name */
static int resolve_scope(struct change *c, enum object_kind kind, sd_json_variant **props,
			 struct error *e)
{
	const char *vpc = json_string(*props, "vpc");
	struct object *o;

	if (!vpc || (!kind_ops[kind]->scoped && kind != KIND_ENI))
		return 0;
	o = model_lookup(c->model, KIND_VPC, NULL, vpc, e);
	if (!o) {
		error_prefix(e, "/vpc");
		return -ENOENT;
	}
	if (strcmp(o->name, vpc))
		json_set_string(props, "vpc", o->name);
	return 0;
}

static int put(struct change *c, struct object *o, enum put_mode mode, struct error *e)
{
	struct object *old = model_by_id(c->model, o->id);
	struct edit *edit;

	if (map_get(&c->by_id, o->id))
		return fail(e, ERR_INVALID, "%s '%s' is named twice", kind_ops[o->kind]->label,
			    o->name);
	/* 68 bits of hash; two names with one ID are worth a sentence, no code */
	if (old && (!streq(old->name, o->name) || !streq(old->vpc, o->vpc)))
		return fail(e, ERR_INVALID, "%s '%s' has the ID of '%s'; choose another name",
			    kind_ops[o->kind]->label, o->name, old->name);
	if (old && mode == PUT_CREATE)
		return fail(e, ERR_EXISTS, "%s '%s' exists already", kind_ops[o->kind]->label,
			    o->name);
	o->version = old ? old->version + 1 : 1;
	o->handle = old ? old->handle : 0;
	record(c, old ? object_ref(old) : NULL, object_ref(o));
	edit = &c->edits[c->n - 1];
	map_put(&c->by_id, o->id, o);
	model_put(c->model, o);
	return complete_object(c, edit, mode, e);
}

/**
 * change_put - create or replace an object
 * @c: the change
 * @kind: its kind
 * @props: its properties, "name" among them (a name or, for PUT_SET, an ID)
 * @scope: the VPC around it, or NULL
 * @mode: how @props relates to what exists
 * @origin: JSON pointer into the stack, or NULL
 * @e: says why not
 *
 * Context: any.
 * Return: 0 or a negative errno; the change then has to be undone.
 */
int change_put(struct change *c, enum object_kind kind, sd_json_variant *props, const char *scope,
	       enum put_mode mode, const char *origin, struct error *e)
{
	_cleanup_json_ sd_json_variant *v = NULL;
	struct object *o;
	int r;

	if (mode == PUT_SET) {
		const char *name = json_string(props, "name");
		struct object *old = model_lookup(c->model, kind, scope, name ? name : "", e);

		if (!old)
			return -ENOENT;
		v = merge(old, props);
	} else {
		v = sd_json_variant_ref(props);
	}
	r = resolve_scope(c, kind, &v, e);
	if (r >= 0)
		r = object_parse(kind, v, scope, &o, e);
	if (r >= 0) {
		o->origin = xstrdup(origin);
		r = put(c, o, mode, e);
		object_unref(o);
	}
	if (r < 0 && origin)
		error_prefix(e, "%s", origin);
	return r;
}

static int attached_volume(const struct object *o, struct error *e)
{
	const char *instance = VOLUME(o)->instance;
	_cleanup_free_ char *user = instance ? xprintf("instance '%s'", instance) :
					       xstrdup("this host");
	int r = fail(e, ERR_IN_USE, "volume '%s' is attached to %s; 'volume detach %s' first",
		     o->name, user, o->name);

	strings_add(&e->users, user);
	return r;
}

/**
 * change_delete - delete an object
 * @c: the change
 * @o: the object
 * @e: says why not
 *
 * Whether something still uses it is looked at by change_check(), so that a
 * group of objects can be deleted in any order.
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int change_delete(struct change *c, struct object *o, struct error *e)
{
	if (o->kind == KIND_ENI && ENI(o)->attachment.kind != ATTACH_NONE) {
		const struct attachment *a = &ENI(o)->attachment;
		const char *to = a->netns ? a->netns : a->port ? a->port :
				 a->instance ? a->instance : "this host";
		_cleanup_free_ char *user = xprintf("%s %s", attach_kind_name(a->kind), to);
		int r = fail(e, ERR_IN_USE,
			     "ENI '%s' is attached to %s '%s'; 'eni detach %s' first",
			     o->name, attach_kind_name(a->kind), to, o->name);

		strings_add(&e->users, user);
		return r;
	}
	if (o->kind == KIND_VOLUME && VOLUME(o)->holder != HOLDER_NONE)
		return attached_volume(o, e);
	record(c, object_ref(o), NULL);
	model_remove(c->model, o);
	return 0;
}

/**
 * change_check - complete the new objects and check the whole candidate state
 * @c: the change
 * @e: says what is wrong, with the place in the stack if there is one
 *
 * Edits that leave an object as it was are dropped here.
 *
 * Context: any.
 * Return: 0 or a negative errno; the change then has to be undone.
 */
int change_check(struct change *c, struct error *e)
{
	size_t n = 0;
	int r;

	r = assign_default_key(c, e);
	if (r < 0)
		return r;
	/* what users gave stands before what is assigned around it */
	for (enum object_kind k = 0; k < KIND_MAX; k++) {
		for (size_t i = 0; i < c->n; i++) {
			struct object *o = c->edits[i].new;

			if (!o || o->kind != k)
				continue;
			r = assign_object(c, o, e);
			if (r < 0) {
				if (o->origin)
					error_prefix(e, "%s", o->origin);
				return r;
			}
			object_finish(o);
		}
	}
	r = validate_change(c, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n; i++) {
		struct edit *edit = &c->edits[i];

		if (edit->old && edit->new && streq(edit->old->body, edit->new->body)) {
			model_put(c->model, edit->old);
			object_unref(edit->old);
			object_unref(edit->new);
			continue;
		}
		c->edits[n++] = *edit;
	}
	c->n = n;
	return 0;
}

/**
 * change_undo - bring the model back to where the change began
 * @c: the change
 *
 * Context: any.
 */
void change_undo(struct change *c)
{
	for (size_t i = c->n; i-- > 0;) {
		struct edit *edit = &c->edits[i];

		if (!edit->old)
			model_remove(c->model, edit->new);
		else if (!edit->new)
			model_restore(c->model, edit->old);
		else
			model_put(c->model, edit->old);
	}
	model_compact(c->model);
}

/**
 * change_try - would a change be refused?
 * @m: the model, as before when this returns
 * @build: puts the edits into the change
 * @data: for @build
 * @e: says why it is refused
 *
 * Context: any.
 * Return: 0 or a negative errno.
 */
int change_try(struct model *m, int (*build)(struct change *c, void *data, struct error *e),
	       void *data, struct error *e)
{
	struct change c;
	int r;

	change_begin(&c, m);
	r = build(&c, data, e);
	if (r >= 0)
		r = change_check(&c, e);
	change_undo(&c);
	change_free(&c);
	return r;
}

/**
 * change_keep - make the change final
 * @c: the change
 *
 * Context: any.
 */
void change_keep(struct change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!c->edits[i].new)
			continue;
		free(c->edits[i].new->origin);
		c->edits[i].new->origin = NULL;
	}
	model_compact(c->model);
}

/**
 * change_free - release a change
 * @c: the change, kept or undone
 *
 * Context: any.
 */
void change_free(struct change *c)
{
	for (size_t i = 0; i < c->n; i++) {
		object_unref(c->edits[i].old);
		object_unref(c->edits[i].new);
	}
	free(c->edits);
	map_free(&c->by_id);
	assign_free(c);
	*c = (struct change){};
}
