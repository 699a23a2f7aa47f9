// SPDX-License-Identifier: GPL-2.0
/* Takes a command line apart along the tables of the grammar. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* The command line as it is read. */
struct cursor {
	char **argv;
	int argc;
	int next;
	bool only_arguments;	/* "--" was seen */
};

struct parser {
	struct cursor cursor;
	struct cli_globals *globals;
	struct cli_call *call;
	const char *arguments[CLI_POSITIONALS_MAX];
	int n_arguments;
	int n_options;
};

static const struct cli_object *find_object(const char *name)
{
	for (int i = 0; cli_objects[i]; i++)
		if (!strcmp(cli_objects[i]->name, name))
			return cli_objects[i];
	return NULL;
}

static const struct cli_verb *find_verb(const struct cli_object *object,
					const char *name)
{
	for (const struct cli_verb *verb = object->verbs; verb->run; verb++)
		if (verb->name && !strcmp(verb->name, name))
			return verb;
	return NULL;
}

static const struct cli_option *find_option(const struct cli_option *options,
					    const char *name, size_t n)
{
	for (; options && options->name; options++)
		if (strlen(options->name) == n &&
		    !memcmp(options->name, name, n))
			return options;
	return NULL;
}

static const struct cli_option *find_letter(const struct cli_option *options,
					    char letter)
{
	for (; options && options->name; options++)
		if (options->letter == letter)
			return options;
	return NULL;
}

static void command_name(const struct cli_call *call, const char **ret_object,
			 const char **ret_space, const char **ret_verb)
{
	bool verb = call->verb && call->verb->name;

	*ret_object = call->object ? call->object->name : "";
	*ret_space = verb ? " " : "";
	*ret_verb = verb ? call->verb->name : "";
}

/* A usage error that ends by saying where the help is. */
_printf_(2, 3)
static int usage(const struct cli_call *call, const char *format, ...)
{
	const char *object, *space, *verb;
	char message[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	command_name(call, &object, &space, &verb);
	return cli_error(EXIT_USAGE, "%s; see 'nitroctl%s%s%s%s --help'",
			 message, *object ? " " : "", object, space, verb);
}

static int set_property(struct parser *parser, const char *property,
			sd_json_variant *value)
{
	int r;

	r = sd_json_variant_set_field(&parser->call->properties, property,
				      value);
	return r < 0 ? cli_failed(r, "cannot build the request") : 0;
}

static int append_property(struct parser *parser, const char *property,
			   sd_json_variant *value)
{
	_cleanup_json_ sd_json_variant *list = NULL;
	int r;

	list = sd_json_variant_ref(
		sd_json_variant_by_key(parser->call->properties, property));
	r = sd_json_variant_append_array(&list, value);
	if (r < 0)
		return cli_failed(r, "cannot build the request");
	return set_property(parser, property, list);
}

/* What a value looks like on the command line, for the error message. */
static int bad_value(const char *dashes, const char *name, const char *value,
		     const struct cli_type *type)
{
	return cli_error(EXIT_USAGE, "%s%s: '%s' is not %s", dashes, name,
			 value, type->what);
}

/* Another option of the verb that fills @property. */
static const char *other_filler(const struct parser *parser,
				const struct cli_option *option,
				const char *property)
{
	const struct cli_option *other = parser->call->verb->options;

	for (; other->name; other++)
		if (other != option && other->property &&
		    !strcmp(other->property, property))
			return other->name;
	return NULL;
}

static int refuse_second(const struct parser *parser,
			 const struct cli_option *option, const char *property)
{
	const char *other = other_filler(parser, option, property);

	if (!sd_json_variant_by_key(parser->call->properties, property))
		return 0;
	if (!other)
		return usage(parser->call, "--%s may be given only once",
			     option->name);
	return usage(parser->call, "--%s and --%s exclude each other",
		     option->name, other);
}

static int fill_kind(struct parser *parser, const struct cli_option *option)
{
	_cleanup_json_ sd_json_variant *value = NULL;
	int r;

	if (!option->kind)
		return 0;
	if (sd_json_variant_by_key(parser->call->properties, "kind"))
		return usage(parser->call,
			     "--%s cannot be combined with another holder",
			     option->name);
	r = sd_json_variant_new_string(&value, option->kind);
	if (r < 0)
		return cli_failed(r, "cannot build the request");
	return set_property(parser, "kind", value);
}

static int fill_option(struct parser *parser, const struct cli_option *option,
		       const char *text)
{
	_cleanup_json_ sd_json_variant *value = NULL;
	int r;

	parser->n_options++;
	if (option->property && !option->list) {
		r = refuse_second(parser, option, option->property);
		if (r)
			return r;
	}
	r = fill_kind(parser, option);
	if (r || !option->property)
		return r;

	if (option->type) {
		r = option->type->parse(text, &value);
		if (r == -ENOMEM)
			return cli_failed(r, "cannot build the request");
		if (r < 0)
			return bad_value("--", option->name, text,
					 option->type);
	} else if (option->constant) {
		r = sd_json_variant_new_string(&value, option->constant);
	} else {
		r = sd_json_variant_new_boolean(&value, !option->negative);
	}
	if (r < 0)
		return cli_failed(r, "cannot build the request");
	if (option->list)
		return append_property(parser, option->property, value);
	return set_property(parser, option->property, value);
}

static void set_global(struct parser *parser, const char *name,
		       const char *value)
{
	struct cli_globals *globals = parser->globals;

	if (!strcmp(name, "json")) {
		globals->style.json = true;
	} else if (!strcmp(name, "pretty")) {
		globals->style.json = true;
		globals->style.pretty = true;
	} else if (!strcmp(name, "quiet")) {
		globals->style.quiet = true;
	} else if (!strcmp(name, "no-legend")) {
		globals->style.no_legend = true;
	} else if (!strcmp(name, "help")) {
		globals->help = true;
	} else if (!strcmp(name, "version")) {
		globals->version = true;
	} else {
		globals->socket = value;
	}
}

static int take_value(struct parser *parser, const struct cli_option *option,
		      const char *attached, const char **ret)
{
	struct cursor *cursor = &parser->cursor;

	if (!option->type && attached)
		return usage(parser->call, "--%s takes no value",
			     option->name);
	*ret = attached;
	if (!option->type || attached)
		return 0;
	if (cursor->next >= cursor->argc)
		return usage(parser->call, "--%s needs a value", option->name);
	*ret = cursor->argv[cursor->next++];
	return 0;
}

static int take_long(struct parser *parser, const char *text)
{
	const struct cli_verb *verb = parser->call->verb;
	const struct cli_option *option;
	const char *equals = strchr(text, '=');
	size_t n = equals ? (size_t)(equals - text) : strlen(text);
	const char *value;
	bool global;
	int r;

	option = verb ? find_option(verb->options, text, n) : NULL;
	global = !option;
	if (!option)
		option = find_option(cli_global_options, text, n);
	if (!option)
		return usage(parser->call, "unknown option '--%s'", text);
	r = take_value(parser, option, equals ? equals + 1 : NULL, &value);
	if (r)
		return r;
	if (!global)
		return fill_option(parser, option, value);
	set_global(parser, option->name, value);
	return 0;
}

static int take_short(struct parser *parser, const char *letters)
{
	const struct cli_verb *verb = parser->call->verb;
	struct cursor *cursor = &parser->cursor;
	const struct cli_option *option;

	for (; *letters; letters++) {
		option = verb ? find_letter(verb->options, *letters) : NULL;
		if (option) {
			if (letters[1])
				return fill_option(parser, option, letters + 1);
			if (cursor->next < cursor->argc)
				return fill_option(parser, option,
					cursor->argv[cursor->next++]);
			return usage(parser->call, "-%c needs a value",
				     *letters);
		}
		option = find_letter(cli_global_options, *letters);
		if (!option)
			return usage(parser->call, "unknown option '-%c'",
				     *letters);
		set_global(parser, option->name, NULL);
	}
	return 0;
}

/* "nitroctl help vpc create" and "nitroctl vpc help" ask for help. */
static bool is_help_word(const struct parser *parser, const char *word)
{
	const struct cli_verb *verb = parser->call->verb;

	return !strcmp(word, "help") && !(verb && verb->name) &&
	       !parser->n_arguments;
}

static int take_argument(struct parser *parser, const char *word)
{
	struct cli_call *call = parser->call;

	if (!parser->cursor.only_arguments && is_help_word(parser, word)) {
		parser->globals->help = true;
		return 0;
	}
	if (!call->object) {
		call->object = find_object(word);
		if (!call->object)
			return usage(call, "unknown object or command '%s'",
				     word);
		if (!call->object->verbs->name)
			call->verb = call->object->verbs;
		return 0;
	}
	if (!call->verb) {
		call->verb = find_verb(call->object, word);
		if (!call->verb)
			return usage(call, "unknown verb '%s'", word);
		return 0;
	}
	if (parser->n_arguments == CLI_POSITIONALS_MAX)
		return usage(call, "too many arguments at '%s'", word);
	parser->arguments[parser->n_arguments++] = word;
	return 0;
}

static int fill_arguments(struct parser *parser)
{
	const struct cli_positional *positional;
	struct cli_call *call = parser->call;
	int i = 0;
	int r;

	for (positional = call->verb->positionals;
	     positional && positional->metavar; positional++, i++) {
		_cleanup_json_ sd_json_variant *value = NULL;

		if (i >= parser->n_arguments)
			return usage(call, "%s is missing",
				     positional->metavar);
		r = positional->type->parse(parser->arguments[i], &value);
		if (r == -ENOMEM)
			return cli_failed(r, "cannot build the request");
		if (r < 0)
			return bad_value("", positional->metavar,
					 parser->arguments[i],
					 positional->type);
		r = set_property(parser, positional->property, value);
		if (r)
			return r;
	}
	if (i < parser->n_arguments)
		return usage(call, "unexpected argument '%s'",
			     parser->arguments[i]);
	return 0;
}

static bool fills(const struct cli_option *option, const char *property)
{
	return (option->property && !strcmp(option->property, property)) ||
	       (option->kind && !strcmp("kind", property));
}

/* "--ingress or --egress" */
static int missing(const struct cli_call *call, const char *property)
{
	const struct cli_option *option = call->verb->options;
	char names[256] = "";
	size_t n = 0;

	for (; option->name; option++) {
		if (!fills(option, property))
			continue;
		n += snprintf(names + n, sizeof(names) - n, "%s--%s",
			      n ? " or " : "", option->name);
	}
	return usage(call, "%s is needed", names);
}

static int check_needs(struct parser *parser)
{
	const struct cli_call *call = parser->call;
	const char *const *property = call->verb->needs;

	for (; property && *property; property++)
		if (!sd_json_variant_by_key(call->properties, *property))
			return missing(call, *property);
	if (call->verb->needs_any && !parser->n_options)
		return usage(call, "'%s' needs at least one option",
			     call->verb->name);
	return 0;
}

static int default_verb(struct cli_call *call)
{
	if (!call->object)
		call->object = &command_status;
	if (!call->object->verbs->name)
		call->verb = call->object->verbs;
	else
		call->verb = find_verb(call->object, "list");
	return call->verb ? 0 : usage(call, "a verb is needed");
}

/**
 * cli_parse() - Take a command line apart
 * @argc: number of words
 * @argv: the words; the first is the name of the tool
 * @globals: receives what is asked of the tool itself
 * @call: receives the object, the verb and the properties; object and verb
 *	stay NULL where help is asked for and the line does not name them
 *
 * Context: Writes one sentence to stderr where the line is wrong.
 * Return: 0, or the exit status.
 */
int cli_parse(int argc, char **argv, struct cli_globals *globals,
	      struct cli_call *call)
{
	struct parser parser = {
		.cursor = { .argv = argv, .argc = argc, .next = 1 },
		.globals = globals,
		.call = call,
	};
	struct cursor *cursor = &parser.cursor;
	int r = 0;

	while (!r && cursor->next < cursor->argc) {
		const char *word = cursor->argv[cursor->next++];

		if (cursor->only_arguments || word[0] != '-' || !word[1])
			r = take_argument(&parser, word);
		else if (word[1] != '-')
			r = take_short(&parser, word + 1);
		else if (word[2])
			r = take_long(&parser, word + 2);
		else
			cursor->only_arguments = true;
	}
	if (r || globals->help || globals->version)
		return r;
	if (!call->verb)
		return default_verb(call);
	r = fill_arguments(&parser);
	return r ?: check_needs(&parser);
}
