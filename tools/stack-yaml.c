// SPDX-License-Identifier: GPL-2.0
/*
 * Reads a stack file in YAML. The file may come from anyone: keys must be
 * unique, aliases may neither loop nor explode, nothing but the YAML 1.2 core
 * types is guessed, and every complaint names its line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lines.h"
#include "macros.h"
#include "number.h"
#include "stack.h"

#define _cleanup_event_ _cleanup_(yaml_event_delete)

/* Both are searched one by one; no honest stack comes near. */
#define KEYS_MAX 256
#define ANCHORS_MAX 1024

/* A value that an alias can repeat; no value yet while it is being read. */
struct anchor {
	struct anchor *next;
	char *name;
	sd_json_variant *value;
	size_t values;
};

struct reader {
	yaml_parser_t parser;
	struct lines lines;
	struct anchor *anchors;
	unsigned int n_anchors;
	size_t values;
	unsigned int depth;
	char *message;
};

/* The elements of one list, or the keys and values of one mapping. */
struct items {
	sd_json_variant **items;
	size_t n;
	size_t size;
};

static void items_done(struct items *items)
{
	for (size_t i = 0; i < items->n; i++)
		sd_json_variant_unref(items->items[i]);
	free(items->items);
}

static int items_add(struct items *items, sd_json_variant *value)
{
	if (items->n == items->size) {
		size_t size = items->size ? items->size * 2 : 8;
		sd_json_variant **grown;

		grown = realloc(items->items, size * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		items->items = grown;
		items->size = size;
	}
	items->items[items->n++] = sd_json_variant_ref(value);
	return 0;
}

_printf_(3, 4)
static int complain(struct reader *reader, size_t line, const char *format, ...)
{
	char text[256];
	va_list args;

	if (reader->message)
		return -EINVAL;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (asprintf(&reader->message, "line %zu: %s", line, text) < 0)
		reader->message = NULL;
	return -EINVAL;
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
	yaml_parser_t *parser = &reader->parser;

	if (yaml_parser_parse(parser, event))
		return 0;
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	/* The context tells where the broken construct begins. */
	return complain(reader, parser->problem_mark.line + 1, "%s%s%s",
			parser->context ?: "", parser->context ? ": " : "",
			parser->problem ?: "not YAML");
}

static bool is_integer(const char *text, size_t size)
{
	size_t i = size && text[0] == '-';

	if (i == size || (text[i] == '0' && size > i + 1))
		return false;
	for (; i < size; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return true;
}

static int read_integer(const char *text, sd_json_variant **ret)
{
	uint64_t number;

	if (number_parse(text + (*text == '-'), INT64_MAX, &number) < 0)
		return -ERANGE;
	if (*text == '-')
		return sd_json_variant_new_integer(ret, -(int64_t)number);
	return sd_json_variant_new_unsigned(ret, number);
}

/*
 * The YAML 1.2 core types that JSON has as well and a stack needs: null,
 * true, false, decimal integers. All else is text, 010 and "yes" included.
 */
static int read_plain(const char *text, size_t size, sd_json_variant **ret)
{
	if (!size || !strcmp(text, "~") || !strcmp(text, "null"))
		return sd_json_variant_new_null(ret);
	if (!strcmp(text, "true") || !strcmp(text, "false"))
		return sd_json_variant_new_boolean(ret, *text == 't');
	if (is_integer(text, size))
		return read_integer(text, ret);
	return sd_json_variant_new_string(ret, text);
}

static int read_scalar(struct reader *reader, const yaml_event_t *event,
		       sd_json_variant **ret)
{
	const char *text = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	size_t size = event->data.scalar.length;
	size_t line = event->start_mark.line + 1;
	int r;

	if (strlen(text) != size)
		return complain(reader, line, "a zero byte inside a value");
	if (tag && strcmp(tag, YAML_STR_TAG) && strcmp(tag, "!"))
		return complain(reader, line, "the tag '%.64s' is unknown",
				tag);
	if (tag || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		r = sd_json_variant_new_string(ret, text);
	else
		r = read_plain(text, size, ret);
	if (r == -ENOMEM)
		return r;
	if (r == -ERANGE)
		return complain(reader, line, "the number %.64s is too great",
				text);
	if (r < 0)
		return complain(reader, line, "the value is not UTF-8 text");
	return 0;
}

static struct anchor *find_anchor(struct reader *reader, const char *name)
{
	struct anchor *anchor;

	for (anchor = reader->anchors; anchor; anchor = anchor->next)
		if (!strcmp(anchor->name, name))
			return anchor;
	return NULL;
}

static int add_anchor(struct reader *reader, const yaml_char_t *name,
		      size_t line, struct anchor **ret)
{
	struct anchor *anchor;

	*ret = NULL;
	if (!name)
		return 0;
	if (find_anchor(reader, (const char *)name))
		return complain(reader, line,
				"the anchor '&%.64s' exists already", name);
	if (reader->n_anchors++ == ANCHORS_MAX)
		return complain(reader, line, "more than %d anchors",
				ANCHORS_MAX);
	anchor = calloc(1, sizeof(*anchor));
	if (!anchor)
		return -ENOMEM;
	anchor->name = strdup((const char *)name);
	if (!anchor->name) {
		free(anchor);
		return -ENOMEM;
	}
	anchor->next = reader->anchors;
	reader->anchors = anchor;
	*ret = anchor;
	return 0;
}

static int count(struct reader *reader, size_t line, size_t values)
{
	reader->values += values;
	if (reader->values > STACK_VALUES_MAX)
		return complain(reader, line, "more than %u values",
				STACK_VALUES_MAX);
	return 0;
}

static int read_alias(struct reader *reader, const yaml_event_t *event,
		      sd_json_variant **ret)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct anchor *anchor = find_anchor(reader, name);
	size_t line = event->start_mark.line + 1;

	if (!anchor)
		return complain(reader, line, "there is no anchor '&%.64s'",
				name);
	if (!anchor->value)
		return complain(reader, line, "'*%.64s' contains itself",
				name);
	*ret = sd_json_variant_ref(anchor->value);
	return count(reader, line, anchor->values);
}

static int read_value(struct reader *reader, const yaml_event_t *event,
		      size_t outer_line, sd_json_variant **ret);

static int read_element(struct reader *reader, const yaml_event_t *event,
			struct items *items, size_t outer_line)
{
	_cleanup_json_ sd_json_variant *value = NULL;
	size_t mark;
	int r;

	r = lines_push_index(&reader->lines, items->n, &mark);
	if (r < 0)
		return r;
	r = read_value(reader, event, outer_line, &value);
	lines_pop(&reader->lines, mark);
	return r < 0 ? r : items_add(items, value);
}

static int read_list(struct reader *reader, size_t line, sd_json_variant **ret)
{
	_cleanup_(items_done) struct items items = {};
	int r;

	for (;;) {
		_cleanup_event_ yaml_event_t event = {};

		r = next_event(reader, &event);
		if (r < 0)
			return r;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			return sd_json_variant_new_array(ret, items.items,
							 items.n);
		r = read_element(reader, &event, &items, line);
		if (r < 0)
			return r;
	}
}

static int read_key(struct reader *reader, const yaml_event_t *event,
		    const struct items *items, sd_json_variant **ret)
{
	size_t line = event->start_mark.line + 1;
	int r;

	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor)
		return complain(reader, line, "a key must be plain text");
	if (strlen((const char *)event->data.scalar.value) !=
	    event->data.scalar.length)
		return complain(reader, line, "a zero byte inside a key");
	r = sd_json_variant_new_string(
		ret, (const char *)event->data.scalar.value);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return complain(reader, line, "the key is not UTF-8 text");
	for (size_t i = 0; i < items->n; i += 2)
		if (sd_json_variant_equal(items->items[i], *ret))
			return complain(reader, line,
					"the key '%.64s' is there twice",
					event->data.scalar.value);
	if (items->n >= 2 * KEYS_MAX)
		return complain(reader, line,
				"more than %d keys in one mapping", KEYS_MAX);
	return 0;
}

static int read_pair(struct reader *reader, const yaml_event_t *key_event,
		     struct items *items, size_t outer_line)
{
	_cleanup_json_ sd_json_variant *key = NULL;
	_cleanup_json_ sd_json_variant *value = NULL;
	_cleanup_event_ yaml_event_t event = {};
	size_t mark;
	int r;

	r = read_key(reader, key_event, items, &key);
	if (r < 0)
		return r;
	r = next_event(reader, &event);
	if (r < 0)
		return r;
	r = lines_push_key(&reader->lines, sd_json_variant_string(key), &mark);
	if (r < 0)
		return r;
	r = read_value(reader, &event, outer_line, &value);
	lines_pop(&reader->lines, mark);
	if (r >= 0)
		r = items_add(items, key);
	if (r >= 0)
		r = items_add(items, value);
	return r;
}

static int read_mapping(struct reader *reader, size_t line,
			sd_json_variant **ret)
{
	_cleanup_(items_done) struct items items = {};
	int r;

	for (;;) {
		_cleanup_event_ yaml_event_t event = {};

		r = next_event(reader, &event);
		if (r < 0)
			return r;
		if (event.type == YAML_MAPPING_END_EVENT)
			return sd_json_variant_new_object(ret, items.items,
							  items.n);
		r = read_pair(reader, &event, &items, line);
		if (r < 0)
			return r;
	}
}

static const yaml_char_t *event_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor;
	default:
		return NULL;
	}
}

static int read_nested(struct reader *reader, const yaml_event_t *event,
		       sd_json_variant **ret)
{
	size_t line = event->start_mark.line + 1;
	bool mapping = event->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *tag = mapping ? event->data.mapping_start.tag :
					   event->data.sequence_start.tag;
	int r;

	if (tag)
		return complain(reader, line, "the tag '%.64s' is unknown",
				tag);
	if (++reader->depth > STACK_DEPTH_MAX)
		return complain(reader, line, "nested more than %d deep",
				STACK_DEPTH_MAX);
	/* What is right below the root always gets a line. */
	if (reader->depth == 1)
		line = 0;
	r = mapping ? read_mapping(reader, line, ret) :
		      read_list(reader, line, ret);
	reader->depth--;
	return r;
}

static int read_by_type(struct reader *reader, const yaml_event_t *event,
			sd_json_variant **ret)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, event, ret);
	case YAML_ALIAS_EVENT:
		return read_alias(reader, event, ret);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return read_nested(reader, event, ret);
	default:
		return complain(reader, event->start_mark.line + 1,
				"a value is missing");
	}
}

/*
 * Lines are noted for values that do not share the line of what they are in:
 * whoever looks for a line goes up until there is one.
 */
static int read_value(struct reader *reader, const yaml_event_t *event,
		      size_t outer_line, sd_json_variant **ret)
{
	size_t line = event->start_mark.line + 1;
	size_t before = reader->values;
	struct anchor *anchor;
	int r;

	r = count(reader, line, 1);
	if (r < 0)
		return r;
	if (line != outer_line) {
		r = lines_add(&reader->lines, line);
		if (r < 0)
			return r;
	}
	r = add_anchor(reader, event_anchor(event), line, &anchor);
	if (r < 0)
		return r;
	r = read_by_type(reader, event, ret);
	if (r < 0 || !anchor)
		return r;
	anchor->value = sd_json_variant_ref(*ret);
	anchor->values = reader->values - before;
	return 0;
}

static int expect(struct reader *reader, yaml_event_type_t type,
		  const char *otherwise)
{
	_cleanup_event_ yaml_event_t event = {};
	int r;

	r = next_event(reader, &event);
	if (r < 0)
		return r;
	if (event.type != type)
		return complain(reader, event.start_mark.line + 1, "%s",
				otherwise);
	return 0;
}

static int read_document(struct reader *reader, sd_json_variant **ret)
{
	_cleanup_event_ yaml_event_t event = {};
	int r;

	r = expect(reader, YAML_STREAM_START_EVENT, "not YAML");
	if (r >= 0)
		r = expect(reader, YAML_DOCUMENT_START_EVENT,
			   "the file is empty");
	if (r >= 0)
		r = next_event(reader, &event);
	if (r < 0)
		return r;
	if (event.type != YAML_MAPPING_START_EVENT)
		return complain(reader, event.start_mark.line + 1,
				"a stack is a mapping that begins with 'version: 1'");
	r = read_value(reader, &event, 0, ret);
	if (r >= 0)
		r = expect(reader, YAML_DOCUMENT_END_EVENT, "not YAML");
	if (r >= 0)
		r = expect(reader, YAML_STREAM_END_EVENT,
			   "a second document; a stack is one document");
	return r;
}

static void free_anchors(struct anchor *anchor)
{
	while (anchor) {
		struct anchor *next = anchor->next;

		sd_json_variant_unref(anchor->value);
		free(anchor->name);
		free(anchor);
		anchor = next;
	}
}

/**
 * stack_read_yaml() - Read a stack in YAML
 * @text: the file
 * @size: its length
 * @ret_stack: receives the stack
 * @ret_lines: receives { JSON pointer: line }
 * @ret_message: receives a sentence with the line where the file is wrong
 *
 * Context: Any.
 * Return: 0, -EINVAL with a message, or another negative error without one.
 */
int stack_read_yaml(const char *text, size_t size, sd_json_variant **ret_stack,
		    sd_json_variant **ret_lines, char **ret_message)
{
	_cleanup_json_ sd_json_variant *stack = NULL;
	struct reader reader = {};
	int r;

	if (!yaml_parser_initialize(&reader.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&reader.parser,
				     (const unsigned char *)text, size);
	r = read_document(&reader, &stack);
	if (r >= 0)
		r = lines_finish(&reader.lines, ret_lines);
	if (r >= 0) {
		*ret_stack = stack;
		stack = NULL;
		r = 0;
	} else {
		*ret_message = reader.message;
		reader.message = NULL;
	}
	free(reader.message);
	free_anchors(reader.anchors);
	lines_done(&reader.lines);
	yaml_parser_delete(&reader.parser);
	return r;
}
