/* SPDX-License-Identifier: GPL-2.0 */
/* One print layer: tables for people and JSON for programs, from one value. */
#ifndef _NITRO_PRINT_H
#define _NITRO_PRINT_H

#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-json.h>

struct print_style {
	bool json;
	bool pretty;
	bool quiet;
	bool no_legend;
	bool color;
};

enum {
	PRINT_LIST = 1 << 0,	/* is a column of the table of objects */
	PRINT_SHOW = 1 << 1,	/* is a line of one object's description */
	PRINT_RIGHT = 1 << 2,	/* is aligned to the right in tables */
	PRINT_IF_SET = 1 << 3,	/* is left out of descriptions where null */
	PRINT_BOTH = PRINT_LIST | PRINT_SHOW,
};

/* One value of an object and how people see it. */
struct print_field {
	const char *label;
	const char *property;	/* may have dots: "attachment.kind" */
	char *(*format)(sd_json_variant *value);	/* NULL: as it is */
	unsigned int flags;
};

/* A table inside an object's description. */
struct print_section {
	const char *title;
	const char *property;
	const struct print_field *fields;	/* NULL: of texts */
	const char *when_null;	/* said where the property is null or absent */
};

const char *print_bold(const struct print_style *style);
const char *print_normal(const struct print_style *style);

int print_json(sd_json_variant *value, const struct print_style *style);
int print_table(sd_json_variant *rows, const struct print_field *fields,
		const char *indent, bool legend,
		const struct print_style *style);
int print_list(sd_json_variant *objects, const struct print_field *fields,
	       const struct print_style *style);
int print_object(sd_json_variant *object, const struct print_field *fields,
		 const struct print_section *sections,
		 const struct print_style *style);

sd_json_variant *print_lookup(sd_json_variant *object, const char *path);
char *print_text(sd_json_variant *value);
char *print_sanitized(const char *text);

char *format_bit_rate(sd_json_variant *value);
char *format_byte_rate(sd_json_variant *value);
char *format_limit(sd_json_variant *value);
char *format_microseconds(sd_json_variant *value);
char *format_size(sd_json_variant *value);
char *format_seconds(sd_json_variant *value);
char *format_on_off(sd_json_variant *value);
char *format_number_of(sd_json_variant *value);

#endif
