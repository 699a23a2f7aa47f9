/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The grammar of nitroctl: objects have verbs, verbs have arguments and
 * options, and every option names the Varlink property that it fills. Help,
 * parsing and the call itself all come from these tables.
 */
#ifndef _NITRO_CLI_H
#define _NITRO_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-json.h>

#include "macros.h"
#include "print.h"

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_FOUND = 3,
};

/* What a value must look like. */
struct cli_type {
	const char *what;	/* completes "'x' is not …" */
	int (*parse)(const char *text, sd_json_variant **ret);
};

extern const struct cli_type type_text;
extern const struct cli_type type_address;
extern const struct cli_type type_address_or_prefix;
extern const struct cli_type type_cidr;
extern const struct cli_type type_peer;
extern const struct cli_type type_route_target;
extern const struct cli_type type_protocol;
extern const struct cli_type type_port;
extern const struct cli_type type_port_range;
extern const struct cli_type type_icmp_type;
extern const struct cli_type type_mac;
extern const struct cli_type type_count;
extern const struct cli_type type_seconds;
extern const struct cli_type type_bit_rate;
extern const struct cli_type type_size;

struct cli_option {
	const char *name;		/* without the dashes */
	char letter;			/* its short form, or 0 */
	const char *property;		/* what it fills; NULL: only @kind */
	const struct cli_type *type;	/* NULL: takes no value */
	const char *metavar;
	const char *help;
	const char *constant;		/* of an option without value: this text
					 * instead of true
					 */
	const char *kind;		/* also fills the property "kind" */
	bool list;			/* may be repeated, fills an array */
	bool negative;			/* of an option without value: false */
};

struct cli_positional {
	const char *metavar;
	const char *property;
	const struct cli_type *type;
};

struct cli_call;

struct cli_verb {
	const char *name;		/* NULL: the object is a command */
	const char *help;
	const struct cli_positional *positionals;
	const struct cli_option *options;
	const char *const *needs;	/* properties that must be filled */
	bool needs_any;			/* at least one option must be given */
	const char *method;
	int (*run)(const struct cli_call *call);
};

struct cli_object {
	const char *name;
	const char *help;
	const char *interface;
	const struct cli_verb *verbs;
	const struct print_field *fields;
	const struct print_section *sections;
};

/* One command line, taken apart. */
struct cli_call {
	const struct cli_object *object;
	const struct cli_verb *verb;
	sd_json_variant *properties;
	const struct print_style *style;
	const char *socket;
};

#define CLI_POSITIONALS_MAX 3

/* What the command line asks of the tool itself. */
struct cli_globals {
	struct print_style style;
	const char *socket;
	bool help;
	bool version;
};

extern const struct cli_object *const cli_objects[];
extern const struct cli_option cli_global_options[];

extern const struct cli_object object_host;
extern const struct cli_object object_vpc;
extern const struct cli_object object_subnet;
extern const struct cli_object object_route_table;
extern const struct cli_object object_prefix_list;
extern const struct cli_object object_sg;
extern const struct cli_object object_eni;
extern const struct cli_object object_key;
extern const struct cli_object object_pool;
extern const struct cli_object object_volume;
extern const struct cli_object object_instance;
extern const struct cli_object object_enclave;
extern const struct cli_object object_attest;
extern const struct cli_object object_kms;
extern const struct cli_object object_memory;
extern const struct cli_object command_status;
extern const struct cli_object command_apply;
extern const struct cli_object command_export;
extern const struct cli_object command_monitor;
extern const struct cli_object command_trace;

int cli_error(int status, const char *format, ...)
	_printf_(2, 3);
int cli_failed(int error, const char *what);

int cli_parse(int argc, char **argv, struct cli_globals *globals,
	      struct cli_call *call);

int help_print_all(const struct print_style *style);
int help_print_object(const struct cli_object *object,
		      const struct print_style *style);
int help_print_verb(const struct cli_object *object,
		    const struct cli_verb *verb,
		    const struct print_style *style);

int cli_print_object(const struct cli_call *call, sd_json_variant *object,
		     const char *text_key);
int cli_run_list(const struct cli_call *call);
int cli_run_show(const struct cli_call *call);
int cli_run_create(const struct cli_call *call);
int cli_run_change(const struct cli_call *call);
int cli_run_allow(const struct cli_call *call);
int cli_run_attach(const struct cli_call *call);
int cli_run_attach_volume(const struct cli_call *call);
int cli_run_console(const struct cli_call *call);

/* enclave-run.c */
extern const struct cli_option enclave_run_options[];
extern const char *const enclave_run_needs[];
extern const struct print_field enclave_fields[];
int enclave_run(const struct cli_call *call);

extern const struct cli_positional cli_name_positional[];

#endif
