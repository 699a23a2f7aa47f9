// SPDX-License-Identifier: GPL-2.0
/* Writes a stack as YAML that stack_read_yaml() reads back the same. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "macros.h"
#include "stack.h"

/* Longer ones read better as a block, one value a line. */
#define FLOW_COLUMNS_MAX 100

static int emit(yaml_emitter_t *emitter, yaml_event_t *event, int made)
{
	if (!made)
		return -ENOMEM;
	return yaml_emitter_emit(emitter, event) ? 0 : -EIO;
}

/*
 * Whether other YAML readers, those of version 1.1 too, take an unquoted text
 * for text: it begins with a letter and is none of the magic words. An address
 * such as 10.0.1.10 is text for all of them, one such as fd00:: is not.
 */
static bool is_magic(const char *text)
{
	static const char *const words[] = {
		"null", "true", "false", "yes", "no", "on", "off", "y", "n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i]))
			return true;
	return false;
}

static bool is_dotted_quad(const char *text)
{
	int dots = 0;

	for (; *text && *text != '/'; text++) {
		if (*text == '.')
			dots++;
		else if (!isdigit((unsigned char)*text))
			return false;
	}
	return dots == 3;
}

/**
 * stack_text_is_plain() - Whether a text needs no quotes
 * @text: the text
 * @size: its length
 *
 * Context: Any.
 * Return: true if every YAML reader takes it for text without quotes.
 */
bool stack_text_is_plain(const char *text, size_t size)
{
	if (!size || is_magic(text))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)text[i]) &&
		    !strchr("-_./", text[i]))
			return false;
	return isalpha((unsigned char)*text) || is_dotted_quad(text);
}

static int write_text(yaml_emitter_t *emitter, const char *text, bool plain)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	yaml_event_t event;

	if (!plain && !stack_text_is_plain(text, strlen(text)))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return emit(emitter, &event,
		    yaml_scalar_event_initialize(&event, NULL, NULL,
						 (const yaml_char_t *)text,
						 (int)strlen(text), 1, 1,
						 style));
}

static int write_scalar(yaml_emitter_t *emitter, sd_json_variant *value)
{
	char *text = NULL;
	int r;

	if (sd_json_variant_is_string(value))
		return write_text(emitter, sd_json_variant_string(value),
				  false);
	r = sd_json_variant_format(value, 0, &text);
	if (r >= 0)
		r = write_text(emitter, text, true);
	free(text);
	return r;
}

static bool is_nested(sd_json_variant *value)
{
	return sd_json_variant_is_object(value) ||
	       sd_json_variant_is_array(value);
}

/* Small things stay on one line: scalars, and lists or mappings of them. */
static bool is_flow(sd_json_variant *value)
{
	size_t n = sd_json_variant_elements(value);
	char *text = NULL;
	int columns;

	for (size_t i = 0; i < n; i++) {
		sd_json_variant *inner = sd_json_variant_by_index(value, i);

		if (!is_nested(inner))
			continue;
		for (size_t j = 0; j < sd_json_variant_elements(inner); j++)
			if (is_nested(sd_json_variant_by_index(inner, j)))
				return false;
		if (sd_json_variant_is_array(value))
			return false;
	}
	columns = sd_json_variant_format(value, 0, &text);
	free(text);
	return columns >= 0 && columns <= FLOW_COLUMNS_MAX;
}

static int write_value(yaml_emitter_t *emitter, sd_json_variant *value,
		       bool block);

static int write_list(yaml_emitter_t *emitter, sd_json_variant *value,
		      bool block)
{
	bool flow = !block && is_flow(value);
	yaml_event_t event;
	int r;

	r = emit(emitter, &event,
		 yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
			flow ? YAML_FLOW_SEQUENCE_STYLE :
			       YAML_BLOCK_SEQUENCE_STYLE));
	for (size_t i = 0; r >= 0 && i < sd_json_variant_elements(value); i++)
		r = write_value(emitter, sd_json_variant_by_index(value, i),
				false);
	if (r < 0)
		return r;
	return emit(emitter, &event, yaml_sequence_end_event_initialize(&event));
}

static int write_mapping(yaml_emitter_t *emitter, sd_json_variant *value,
			 bool block)
{
	bool flow = !block && is_flow(value);
	yaml_event_t event;
	int r;

	r = emit(emitter, &event,
		 yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
			flow ? YAML_FLOW_MAPPING_STYLE :
			       YAML_BLOCK_MAPPING_STYLE));
	for (size_t i = 0; r >= 0 && i < sd_json_variant_elements(value);
	     i += 2) {
		sd_json_variant *key = sd_json_variant_by_index(value, i);
		sd_json_variant *inner = sd_json_variant_by_index(value, i + 1);

		/* Null is the same as absent everywhere in a stack. */
		if (sd_json_variant_is_null(inner))
			continue;
		r = write_text(emitter, sd_json_variant_string(key), false);
		if (r >= 0)
			r = write_value(emitter, inner, false);
	}
	if (r < 0)
		return r;
	return emit(emitter, &event, yaml_mapping_end_event_initialize(&event));
}

static int write_value(yaml_emitter_t *emitter, sd_json_variant *value,
		       bool block)
{
	if (sd_json_variant_is_object(value))
		return write_mapping(emitter, value, block);
	if (sd_json_variant_is_array(value))
		return write_list(emitter, value, block);
	return write_scalar(emitter, value);
}

static int write_document(yaml_emitter_t *emitter, sd_json_variant *stack)
{
	yaml_event_t event;
	int r;

	r = emit(emitter, &event,
		 yaml_stream_start_event_initialize(&event,
						    YAML_UTF8_ENCODING));
	if (r >= 0)
		r = emit(emitter, &event,
			 yaml_document_start_event_initialize(&event, NULL,
							      NULL, NULL, 1));
	if (r >= 0)
		r = write_value(emitter, stack, true);
	if (r >= 0)
		r = emit(emitter, &event,
			 yaml_document_end_event_initialize(&event, 1));
	if (r >= 0)
		r = emit(emitter, &event,
			 yaml_stream_end_event_initialize(&event));
	return r;
}

/**
 * stack_write_yaml() - Write a stack as YAML
 * @stack: the stack
 * @f: where to
 *
 * Context: Any.
 * Return: 0 or a negative error.
 */
int stack_write_yaml(sd_json_variant *stack, FILE *f)
{
	yaml_emitter_t emitter;
	int r;

	if (!yaml_emitter_initialize(&emitter))
		return -ENOMEM;
	yaml_emitter_set_output_file(&emitter, f);
	yaml_emitter_set_width(&emitter, -1);
	yaml_emitter_set_unicode(&emitter, 1);
	r = write_document(&emitter, stack);
	yaml_emitter_delete(&emitter);
	return r < 0 ? r : 0;
}
