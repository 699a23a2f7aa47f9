// SPDX-License-Identifier: GPL-2.0
/* One print layer: tables for people and JSON for programs, from one value. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "macros.h"
#include "number.h"
#include "print.h"

/**
 * print_bold() - Begin bold text
 * @style: whether colour is wanted
 *
 * Context: Any.
 * Return: what to print.
 */
const char *print_bold(const struct print_style *style)
{
	return style->color ? "\033[1m" : "";
}

/**
 * print_normal() - End bold or coloured text
 * @style: whether colour is wanted
 *
 * Context: Any.
 * Return: what to print.
 */
const char *print_normal(const struct print_style *style)
{
	return style->color ? "\033[0m" : "";
}

/**
 * print_sanitized() - Take the control characters out of a text
 * @text: UTF-8 from anywhere
 *
 * A name must not be able to command the terminal that shows it.
 *
 * Context: Any.
 * Return: a copy with '?' for control characters, or NULL without memory.
 */
char *print_sanitized(const char *text)
{
	char *copy = strdup(text);

	for (unsigned char *p = (unsigned char *)copy; p && *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
		/* The C1 controls are two bytes in UTF-8: C2 80 to C2 9F. */
		if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			*p++ = '?';
			*p = '?';
		}
	}
	return copy;
}

static int append(char **text, const char *more)
{
	char *joined;

	if (asprintf(&joined, "%s%s%s", *text ?: "", *text ? ", " : "",
		     more) < 0)
		return -ENOMEM;
	free(*text);
	*text = joined;
	return 0;
}

static char *array_text(sd_json_variant *array)
{
	size_t n = sd_json_variant_elements(array);
	char *text = NULL;

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *element = NULL;

		element = print_text(sd_json_variant_by_index(array, i));
		if (!element || append(&text, element) < 0) {
			free(text);
			return NULL;
		}
	}
	return text ?: strdup("-");
}

/**
 * print_text() - A JSON value as people read it
 * @value: the value, may be NULL
 *
 * Context: Any.
 * Return: the text, or NULL without memory. The caller frees it.
 */
char *print_text(sd_json_variant *value)
{
	char *text = NULL;

	if (!value || sd_json_variant_is_null(value))
		return strdup("-");
	if (sd_json_variant_is_string(value))
		return *sd_json_variant_string(value) ?
			print_sanitized(sd_json_variant_string(value)) :
			strdup("-");
	if (sd_json_variant_is_boolean(value))
		return strdup(sd_json_variant_boolean(value) ? "yes" : "no");
	if (sd_json_variant_is_array(value))
		return array_text(value);
	if (sd_json_variant_format(value, 0, &text) < 0)
		return NULL;
	return text;
}

/**
 * print_lookup() - Find a value inside an object
 * @object: the object, may be NULL
 * @path: keys with dots between them
 *
 * Context: Any.
 * Return: the value, owned by @object, or NULL.
 */
sd_json_variant *print_lookup(sd_json_variant *object, const char *path)
{
	char key[64];

	while (object && sd_json_variant_is_object(object)) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		object = sd_json_variant_by_key(object, key);
		if (!path[n])
			return object;
		path += n + 1;
	}
	return NULL;
}

static bool is_number(sd_json_variant *value)
{
	return value && sd_json_variant_is_unsigned(value);
}

/**
 * format_bit_rate() - Bits per second
 * @value: a number
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_bit_rate(sd_json_variant *value)
{
	_cleanup_free_ char *number = NULL;
	char *text;

	if (!is_number(value))
		return print_text(value);
	number = number_format_scaled(sd_json_variant_unsigned(value), 1000);
	if (!number || asprintf(&text, "%sbit/s", number) < 0)
		return NULL;
	return text;
}

/**
 * format_seconds() - A duration
 * @value: a number
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_seconds(sd_json_variant *value)
{
	char *text;

	if (!is_number(value))
		return print_text(value);
	if (asprintf(&text, "%" PRIu64 " s", sd_json_variant_unsigned(value)) <
	    0)
		return NULL;
	return text;
}

/* Three digits are enough for people; what is exact is in the JSON. */
static char *rounded(uint64_t size, const char *unit)
{
	static const char suffixes[] = " KMGTPE";
	double value = size;
	char *text;
	int n = 0;

	while (value >= 1024 && n < 6) {
		value /= 1024;
		n++;
	}
	if (asprintf(&text, "%.*f%.*s%s",
		     value == (uint64_t)value || value >= 100 ? 0 : 1, value,
		     n ? 1 : 0, suffixes + n, unit) < 0)
		return NULL;
	return text;
}

/**
 * format_size() - Bytes
 * @value: a number
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_size(sd_json_variant *value)
{
	return is_number(value) ? rounded(sd_json_variant_unsigned(value), "") :
				  print_text(value);
}

/**
 * format_byte_rate() - Bytes per second
 * @value: a number
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_byte_rate(sd_json_variant *value)
{
	return is_number(value) ?
		rounded(sd_json_variant_unsigned(value), "B/s") :
		print_text(value);
}

/**
 * format_limit() - A limit, of which 0 is none
 * @value: a number
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_limit(sd_json_variant *value)
{
	return is_number(value) && !sd_json_variant_unsigned(value) ?
		strdup("none") : print_text(value);
}

/**
 * format_microseconds() - A short duration
 * @value: a number
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_microseconds(sd_json_variant *value)
{
	char *text;

	if (!is_number(value))
		return print_text(value);
	if (asprintf(&text, "%" PRIu64 " us", sd_json_variant_unsigned(value)) <
	    0)
		return NULL;
	return text;
}

/**
 * format_on_off() - A switch
 * @value: a boolean
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_on_off(sd_json_variant *value)
{
	if (value && sd_json_variant_is_boolean(value))
		return strdup(sd_json_variant_boolean(value) ? "on" : "off");
	return print_text(value);
}

/**
 * format_number_of() - How many elements a list has
 * @value: an array, or null for a default
 *
 * Context: Any.
 * Return: the text, or NULL without memory.
 */
char *format_number_of(sd_json_variant *value)
{
	char *text;

	if (!value || !sd_json_variant_is_array(value))
		return print_text(value);
	if (asprintf(&text, "%zu", sd_json_variant_elements(value)) < 0)
		return NULL;
	return text;
}

/**
 * print_json() - Print a value for programs
 * @value: the value
 * @style: pretty or compact
 *
 * Context: Writes to stdout.
 * Return: 0 or a negative error.
 */
int print_json(sd_json_variant *value, const struct print_style *style)
{
	sd_json_format_flags_t flags = SD_JSON_FORMAT_NEWLINE;

	if (style->pretty)
		flags |= SD_JSON_FORMAT_PRETTY;
	if (style->pretty && style->color)
		flags |= SD_JSON_FORMAT_COLOR;
	return sd_json_variant_dump(value, flags, stdout, NULL);
}

/* How many columns a text takes: UTF-8 characters, one column each. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static char *cell(sd_json_variant *row, const struct print_field *field)
{
	sd_json_variant *value = print_lookup(row, field->property);

	if (field->format)
		return field->format(value);
	return print_text(value);
}

struct table {
	char **cells;
	size_t n_columns;
	size_t n_rows;
	int *widths;
};

static void table_done(struct table *table)
{
	for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->widths);
}

static const struct print_field *column(const struct print_field *fields,
					size_t i)
{
	for (;; fields++)
		if (fields->flags & PRINT_LIST && i-- == 0)
			return fields;
}

static int table_fill(struct table *table, sd_json_variant *rows,
		      const struct print_field *fields)
{
	const struct print_field *field;

	for (field = fields; field->label; field++)
		table->n_columns += !!(field->flags & PRINT_LIST);
	table->n_rows = sd_json_variant_elements(rows);
	table->cells = calloc(table->n_rows * table->n_columns + 1,
			      sizeof(char *));
	table->widths = calloc(table->n_columns + 1, sizeof(int));
	if (!table->cells || !table->widths)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_columns; i++)
		table->widths[i] = width(column(fields, i)->label);
	for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
		size_t row = i / table->n_columns, col = i % table->n_columns;

		table->cells[i] = cell(sd_json_variant_by_index(rows, row),
				       column(fields, col));
		if (!table->cells[i])
			return -ENOMEM;
		if (width(table->cells[i]) > table->widths[col])
			table->widths[col] = width(table->cells[i]);
	}
	return 0;
}

static void print_cell(const char *text, int columns, bool right, bool last)
{
	int space = columns - width(text);

	if (right)
		printf("%*s%s", space, "", text);
	else
		printf("%s%*s", text, last ? 0 : space, "");
	if (!last)
		fputs("  ", stdout);
}

static const char *state_color(const struct print_style *style,
			       const char *property, const char *text)
{
	if (!style->color || strcmp(property, "state"))
		return "";
	if (!strcmp(text, "failed"))
		return "\033[31m";
	if (!strcmp(text, "attached") || !strcmp(text, "running"))
		return "\033[32m";
	return "";
}

static void print_header(const struct table *table,
			 const struct print_field *fields, const char *indent,
			 const struct print_style *style)
{
	printf("%s%s", indent, print_bold(style));
	for (size_t i = 0; i < table->n_columns; i++) {
		const struct print_field *field = column(fields, i);
		char label[64];
		size_t n;

		for (n = 0; field->label[n] && n < sizeof(label) - 1; n++)
			label[n] = field->label[n] >= 'a' &&
				   field->label[n] <= 'z' ?
				   field->label[n] - 'a' + 'A' :
				   field->label[n];
		label[n] = '\0';
		print_cell(label, table->widths[i], field->flags & PRINT_RIGHT,
			   i == table->n_columns - 1);
	}
	printf("%s\n", print_normal(style));
}

/**
 * print_table() - Print an array of objects as a table
 * @rows: the array
 * @fields: those with PRINT_LIST become columns
 * @indent: stands in front of every line
 * @legend: print the line of labels
 * @style: for the colour
 *
 * Context: Writes to stdout.
 * Return: 0 or a negative error.
 */
int print_table(sd_json_variant *rows, const struct print_field *fields,
		const char *indent, bool legend,
		const struct print_style *style)
{
	_cleanup_(table_done) struct table table = {};
	int r;

	r = table_fill(&table, rows, fields);
	if (r < 0)
		return r;
	if (legend)
		print_header(&table, fields, indent, style);
	for (size_t row = 0; row < table.n_rows; row++) {
		fputs(indent, stdout);
		for (size_t i = 0; i < table.n_columns; i++) {
			const struct print_field *field = column(fields, i);
			char *text = table.cells[row * table.n_columns + i];

			fputs(state_color(style, field->property, text),
			      stdout);
			print_cell(text, table.widths[i],
				   field->flags & PRINT_RIGHT,
				   i == table.n_columns - 1);
			if (!strcmp(field->property, "state"))
				fputs(print_normal(style), stdout);
		}
		putchar('\n');
	}
	return 0;
}

/**
 * print_list() - Print the answer of "list"
 * @objects: an array of objects
 * @fields: those with PRINT_LIST become columns
 * @style: JSON, names only (quiet), or a table
 *
 * Context: Writes to stdout.
 * Return: 0 or a negative error.
 */
int print_list(sd_json_variant *objects, const struct print_field *fields,
	       const struct print_style *style)
{
	size_t n = sd_json_variant_elements(objects);
	int r;

	if (style->json)
		return print_json(objects, style);
	if (style->quiet) {
		for (size_t i = 0; i < n; i++) {
			_cleanup_free_ char *name = NULL;

			name = print_text(print_lookup(
				sd_json_variant_by_index(objects, i), "name"));
			if (!name)
				return -ENOMEM;
			puts(name);
		}
		return 0;
	}
	r = print_table(objects, fields, "", !style->no_legend && n, style);
	if (r < 0)
		return r;
	if (!style->no_legend)
		printf("%s%zu listed.\n", n ? "\n" : "", n);
	return 0;
}

static int print_lines(sd_json_variant *texts, int column)
{
	size_t n = sd_json_variant_elements(texts);

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *text = NULL;

		text = print_text(sd_json_variant_by_index(texts, i));
		if (!text)
			return -ENOMEM;
		printf("%*s%s\n", i ? column : 0, "", text);
	}
	return 0;
}

static int print_line(sd_json_variant *object, const struct print_field *field,
		      int columns, const struct print_style *style)
{
	sd_json_variant *value = print_lookup(object, field->property);
	_cleanup_free_ char *text = NULL;

	printf("%*s%s:%s ", columns - width(field->label), "", field->label,
	       "");
	if (!field->format && value && sd_json_variant_is_array(value) &&
	    sd_json_variant_elements(value))
		return print_lines(value, columns + 2);
	text = cell(object, field);
	if (!text)
		return -ENOMEM;
	printf("%s%s%s\n", state_color(style, field->property, text), text,
	       *state_color(style, field->property, text) ?
	       print_normal(style) : "");
	return 0;
}

static bool is_unset(sd_json_variant *object, const struct print_field *field)
{
	sd_json_variant *value = print_lookup(object, field->property);

	return !value || sd_json_variant_is_null(value);
}

static int print_pairs(sd_json_variant *object)
{
	size_t n = sd_json_variant_elements(object);
	int columns = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		sd_json_variant *key = sd_json_variant_by_index(object, i);
		int key_width = width(sd_json_variant_string(key));

		columns = key_width > columns ? key_width : columns;
	}
	for (size_t i = 0; i + 1 < n; i += 2) {
		_cleanup_free_ char *key = NULL, *text = NULL;

		key = print_text(sd_json_variant_by_index(object, i));
		text = print_text(sd_json_variant_by_index(object, i + 1));
		if (!key || !text)
			return -ENOMEM;
		printf("  %s%*s  %10s\n", key, columns - width(key), "", text);
	}
	return 0;
}

static int print_part(sd_json_variant *object,
		      const struct print_section *section,
		      const struct print_style *style)
{
	sd_json_variant *value = print_lookup(object, section->property);
	bool null = !value || sd_json_variant_is_null(value);
	size_t n;

	if (null && !section->when_null)
		return 0;
	printf("\n%s%s:%s\n", print_bold(style), section->title,
	       print_normal(style));
	if (null) {
		printf("  %s\n", section->when_null);
		return 0;
	}
	n = sd_json_variant_elements(value);
	if (!n) {
		printf("  none\n");
		return 0;
	}
	if (sd_json_variant_is_object(value))
		return print_pairs(value);
	return print_table(value, section->fields, "  ", true, style);
}

/**
 * print_object() - Print the answer of "show"
 * @object: the object
 * @fields: those with PRINT_SHOW become lines
 * @sections: tables below, may be NULL
 * @style: JSON or text
 *
 * Context: Writes to stdout.
 * Return: 0 or a negative error.
 */
int print_object(sd_json_variant *object, const struct print_field *fields,
		 const struct print_section *sections,
		 const struct print_style *style)
{
	const struct print_field *field;
	int columns = 0;
	int r;

	if (style->json)
		return print_json(object, style);
	for (field = fields; field->label; field++)
		if (field->flags & PRINT_SHOW && width(field->label) > columns)
			columns = width(field->label);
	for (field = fields; field->label; field++) {
		if (!(field->flags & PRINT_SHOW) ||
		    (field->flags & PRINT_IF_SET && is_unset(object, field)))
			continue;
		r = print_line(object, field, columns, style);
		if (r < 0)
			return r;
	}
	for (; sections && sections->title; sections++) {
		r = print_part(object, sections, style);
		if (r < 0)
			return r;
	}
	return 0;
}
