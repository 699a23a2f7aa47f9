// SPDX-License-Identifier: GPL-2.0
/*
 * Definitions of interfaces, as "varlinkctl introspect" prints them and as
 * libsystemd checks calls by, made from the tables of the skins.
 */

#include "varlink.h"

struct fields {
	sd_varlink_field *v;
	size_t n, cap;
};

struct symbols {
	const sd_varlink_symbol **v;
	size_t n, cap;
};

static void add_field(struct fields *f, sd_varlink_field field, const char *text)
{
	GROW(f->v, f->n, f->cap);
	f->v[f->n++] = (sd_varlink_field){ .name = text,
					   .field_type = _SD_VARLINK_FIELD_COMMENT };
	GROW(f->v, f->n, f->cap);
	f->v[f->n++] = field;
}

static void add_symbol(struct symbols *s, const sd_varlink_symbol *symbol)
{
	GROW(s->v, s->n, s->cap);
	s->v[s->n++] = symbol;
}

/* Takes the fields */
static void add(struct symbols *s, sd_varlink_symbol_type_t type, const char *name,
		sd_varlink_symbol_flags_t flags, struct fields *f, const char *text)
{
	sd_varlink_symbol *symbol, *comment = xcalloc(1, sizeof(*comment));

	comment->name = text;
	comment->symbol_type = type == _SD_VARLINK_INTERFACE_COMMENT ?
			       type : _SD_VARLINK_SYMBOL_COMMENT;
	add_symbol(s, comment);
	if (type == _SD_VARLINK_INTERFACE_COMMENT)
		return;
	/* the last field is empty */
	symbol = xcalloc(1, sizeof(*symbol) + (f->n + 1) * sizeof(*f->v));
	symbol->name = name;
	symbol->symbol_type = type;
	symbol->symbol_flags = flags;
	if (f->n)
		memcpy(symbol->fields, f->v, f->n * sizeof(*f->v));
	add_symbol(s, symbol);
	free(f->v);
	*f = (struct fields){};
}

static const sd_varlink_symbol *find_type(const struct symbols *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i]->symbol_type == SD_VARLINK_STRUCT_TYPE && streq(s->v[i]->name, name))
			return s->v[i];
	abort();	/* a table is wrong: no nitrod starts with it */
}

static void add_property(const struct symbols *s, struct fields *f,
			 const struct varlink_property *p, sd_varlink_field_direction_t direction,
			 bool nullable, const char *text)
{
	add_field(f, (sd_varlink_field){
		.name = p->name,
		.field_type = p->type,
		.field_flags = (p->flags & (P_ARRAY | P_MAP)) | (nullable ? P_NULLABLE : 0),
		.field_direction = direction,
		.symbol = p->of ? find_type(s, p->of) : NULL,
		.named_type = p->of,
	}, text);
}

static void add_name(struct fields *f, bool new)
{
	add_field(f, (sd_varlink_field){
		.name = "name", .field_type = SD_VARLINK_STRING,
		.field_direction = SD_VARLINK_INPUT,
	}, new ? "Name of the object: letters, digits, '.', '_' and '-', 63 at most." :
		 "Name or ID of the object. Where a bare name exists in several VPCs, VPC/NAME.");
}

static void add_result(const struct symbols *s, struct fields *f,
		       const struct varlink_interface *i, bool many)
{
	struct varlink_property p = PROPERTY_OF(many ? "objects" : "object", i->name,
						many ? P_ARRAY : 0, NULL);

	add_property(s, f, &p, SD_VARLINK_OUTPUT, false,
		     many ? "They, in the order in which they were made." :
			    "The object as it is now.");
}

static void add_type(struct symbols *s, const struct varlink_type *t)
{
	struct fields f = {};

	for (const struct varlink_property *p = t->fields; p->name; p++)
		add_property(s, &f, p, SD_VARLINK_REGULAR, p->flags & P_NULLABLE, p->text);
	add(s, SD_VARLINK_STRUCT_TYPE, t->name, 0, &f, t->text);
}

static void add_object_type(struct symbols *s, const struct varlink_interface *i)
{
	static const struct varlink_property common[] = {
		PROPERTY("id", STRING, 0,
			 "ID, the same on every host that has an object of this name."),
		PROPERTY("name", STRING, 0, "Name."),
		PROPERTY("state", STRING, 0, "State: available."),
		PROPERTY("version", INT, 0, "Counts the changes of this object."),
		PROPERTY("handle", INT, 0,
			 "The integer that the kernel knows this object by on this host."),
	};
	struct fields f = {};

	for (size_t n = 0; n < ARRAY_SIZE(common); n++)
		add_property(s, &f, &common[n], SD_VARLINK_REGULAR, false,
			     i->state_text && streq(common[n].name, "state") ?
			     i->state_text : common[n].text);
	for (const struct varlink_property *p = i->properties; p->name; p++)
		if (!(p->flags & P_WRITE_ONLY))
			add_property(s, &f, p, SD_VARLINK_REGULAR, p->flags & P_NULLABLE,
				     p->text);
	add(s, SD_VARLINK_STRUCT_TYPE, i->name, 0, &f, "The object.");
}

static void add_input(const struct symbols *s, struct fields *f, enum varlink_verb verb,
		      const struct varlink_property *p)
{
	const char *text = p->create_text ? p->create_text : p->text;

	if (verb == VARLINK_SET && p->set_text)
		text = p->set_text;
	else if (verb == VARLINK_SET && p->flags & P_FIXED)
		text = xprintf("%s It cannot be changed.", text);
	add_property(s, f, p, SD_VARLINK_INPUT,
		     verb == VARLINK_SET || !(p->flags & P_REQUIRED), text);
}

static const struct {
	const char *name;
	const char *text;
} common_methods[VARLINK_VERBS] = {
	[VARLINK_CREATE] = {
		"Create", "Make a new object; io.nitro.Exists if there is one of this name."
	},
	[VARLINK_SET] = { "Set", "Change an object; what is null stays as it is." },
	[VARLINK_SHOW] = { "Show", "Show one object." },
	[VARLINK_LIST] = { "List", "List the objects. With more, as many replies as they need; else one, of 16 MiB at most." },
	[VARLINK_DELETE] = { "Delete", "Delete an object that nothing uses." },
};

static void add_common_method(struct symbols *s, const struct varlink_interface *i,
			      enum varlink_verb verb)
{
	bool creates = verb == VARLINK_CREATE || (verb == VARLINK_SET && i->set_creates);
	const char *text = common_methods[verb].text;
	struct fields f = {};

	if (verb != VARLINK_LIST)
		add_name(&f, creates);
	for (const struct varlink_property *p = i->properties; p->name; p++)
		if (verb <= VARLINK_SET && !(p->flags & P_READ_ONLY))
			add_input(s, &f, verb, p);
	if (verb != VARLINK_DELETE)
		add_result(s, &f, i, verb == VARLINK_LIST);
	if (verb == VARLINK_SET && creates)
		text = "Make an object, or change it; what is null stays as it is.";
	add(s, SD_VARLINK_METHOD, common_methods[verb].name,
	    verb == VARLINK_LIST ? SD_VARLINK_SUPPORTS_MORE : 0, &f, text);
}

static void add_method(struct symbols *s, const struct varlink_interface *i,
		       const struct varlink_method *m)
{
	struct fields f = {};

	if (i->kind != KIND_MAX)
		add_name(&f, false);
	for (const struct varlink_property *p = m->parameters; p && p->name; p++) {
		bool result = p->flags & P_RESULT;

		add_property(s, &f, p, result ? SD_VARLINK_OUTPUT : SD_VARLINK_INPUT,
			     result ? p->flags & P_NULLABLE : !(p->flags & P_REQUIRED), p->text);
	}
	if (m->object)
		add_result(s, &f, i, false);
	add(s, SD_VARLINK_METHOD, m->name, m->flags, &f, m->text);
}

static bool has_own(const struct varlink_interface *i, const char *name)
{
	for (const struct varlink_method *m = i->methods; m && m->name; m++)
		if (streq(m->name, name))
			return true;
	return false;
}

static int bind_method(sd_varlink_server *server, const struct varlink_interface *i,
		       const char *name, sd_varlink_method_t serve, bool reads)
{
	char *full = xprintf("io.nitro.%s.%s", i->name, name);
	int r = sd_varlink_server_bind_method(server, full, serve);

	if (reads)
		free(full);
	else
		audit_add(serve, full);
	return r;
}

static int add_methods(sd_varlink_server *server, struct symbols *s,
		       const struct varlink_interface *i)
{
	int r = 0;

	for (enum varlink_verb verb = 0; r >= 0 && verb < VARLINK_VERBS; verb++) {
		if (i->kind == KIND_MAX || i->lacks & 1U << verb ||
		    has_own(i, common_methods[verb].name))
			continue;
		add_common_method(s, i, verb);
		r = bind_method(server, i, common_methods[verb].name, i->common[verb],
				verb == VARLINK_SHOW || verb == VARLINK_LIST);
	}
	for (const struct varlink_method *m = i->methods; r >= 0 && m && m->name; m++) {
		add_method(s, i, m);
		r = bind_method(server, i, m->name, m->serve, m->reads);
	}
	return r;
}

/**
 * varlink_add_interface - serve an interface
 * @server: the server
 * @i: the interface
 * @ret: its definition, which has to live as long as the server
 *
 * Context: at start.
 * Return: 0 or a negative errno.
 */
int varlink_add_interface(sd_varlink_server *server, const struct varlink_interface *i,
			  const sd_varlink_interface **ret)
{
	sd_varlink_interface *interface;
	struct symbols s = {};
	int r;

	add(&s, _SD_VARLINK_INTERFACE_COMMENT, NULL, 0, NULL, i->text);
	for (const struct varlink_type *t = i->types; t && t->name; t++)
		add_type(&s, t);
	if (i->kind != KIND_MAX)
		add_object_type(&s, i);
	r = add_methods(server, &s, i);
	/* the last symbol is NULL */
	interface = xcalloc(1, sizeof(*interface) + (s.n + 1) * sizeof(*s.v));
	interface->name = xprintf("io.nitro.%s", i->name);
	memcpy(interface->symbols, s.v, s.n * sizeof(*s.v));
	free(s.v);
	*ret = interface;
	return r < 0 ? r : sd_varlink_server_add_interface(server, interface);
}
