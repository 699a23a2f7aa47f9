/* SPDX-License-Identifier: GPL-2.0 */
/* Which line of the stack file a value comes from. */
#ifndef _NITRO_LINES_H
#define _NITRO_LINES_H

#include <stddef.h>
#include <systemd/sd-json.h>

struct lines {
	sd_json_variant **pairs;	/* pointer, line, pointer, line … */
	char *path;		/* JSON pointer of the value being read */
	size_t n;
	size_t size;
	size_t n_pairs;
	size_t pairs_size;
};

int lines_push_key(struct lines *lines, const char *key, size_t *ret_mark);
int lines_push_index(struct lines *lines, size_t index, size_t *ret_mark);
void lines_pop(struct lines *lines, size_t mark);
int lines_add(struct lines *lines, size_t line);
int lines_finish(struct lines *lines, sd_json_variant **ret);
void lines_done(struct lines *lines);

#endif
