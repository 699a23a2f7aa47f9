/* SPDX-License-Identifier: GPL-2.0 */
/* The stack file, nitro(5): YAML or JSON outside, JSON inside. */
#ifndef _NITRO_STACK_H
#define _NITRO_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <systemd/sd-json.h>

/* A longer file does not fit into one Varlink message anyway. */
#define STACK_FILE_MAX (16U * 1024 * 1024)
#define STACK_DEPTH_MAX 64
/* Values, counting what aliases repeat. */
#define STACK_VALUES_MAX 2000000U

int stack_read(const char *text, size_t size, sd_json_variant **ret_stack,
	       sd_json_variant **ret_lines, char **ret_message);
int stack_read_yaml(const char *text, size_t size,
		    sd_json_variant **ret_stack, sd_json_variant **ret_lines,
		    char **ret_message);
int stack_read_json(const char *text, sd_json_variant **ret_stack,
		    sd_json_variant **ret_lines, char **ret_message);
int stack_write_yaml(sd_json_variant *stack, FILE *f);
bool stack_text_is_plain(const char *text, size_t size);

#endif
