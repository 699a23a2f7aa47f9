/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lies behind volumes: files, thin logical volumes, extents of a device.
 *
 * Everything here may block and runs in a helper process, backing_open() apart.
 * Each job can be repeated: it looks what is there and does what is missing.
 */
#ifndef _NITRO_BACKING_H
#define _NITRO_BACKING_H

#include "object.h"

#define BLANK_SIZE (1 << 20)	/* what is zeroed at either end of a volume */
#define LABEL_SIZE (1 << 20)	/* of a device pool: its first MiB is not given out */

enum backing_action {
	BACKING_CHECK,		/* is this place fit to be a pool? */
	BACKING_LABEL,		/* make it one */
	BACKING_UNLABEL,	/* it is none any more */
	BACKING_USAGE,		/* how full is it? prints a JSON object */
	BACKING_CREATE,		/* space for a volume that is not there yet */
	BACKING_ADOPT,		/* a volume that is there already */
	BACKING_GROW,		/* more space for a volume */
	BACKING_SETTLE,		/* as much space as the volume should have, 0 for none */
	BACKING_ACTIVATE,	/* make it ready to be opened */
};

/**
 * struct backing_job - something to do to the space of a pool
 * @action: what
 * @pool: the pool
 * @uuid: BACKING_LABEL: the label
 * @id: the volume
 * @size: how long it should be
 * @sector_size: of the volume
 * @offset: of its extent in a device
 * @old_size: BACKING_GROW: how long it was
 * @clean_to: end of the part of a device that holds nothing but what volumes wrote
 * @head: ciphertext of BLANK_SIZE zeros at its beginning, or NULL
 * @tail: the same for its end, or NULL
 */
struct backing_job {
	enum backing_action action;
	const struct pool *pool;
	const char *uuid;
	const char *id;
	uint64_t size;
	uint32_t sector_size;
	uint64_t offset, old_size, clean_to;
	uint8_t *head, *tail;
};

int backing_run(void *job, struct error *e);

struct backing_ops {
	int (*run)(const struct backing_job *job, struct error *e);
	int (*open)(const struct pool *p, const struct volume *v, struct error *e);
};

extern const struct backing_ops backing_dir, backing_vg, backing_device;

int backing_open(const struct pool *p, const struct volume *v, struct error *e);

/* Used by the three */
int backing_write(int fd, const char *what, uint64_t at, const void *data, size_t size,
		  struct error *e);
int backing_blank(int fd, const struct backing_job *job, uint64_t base, struct error *e);
int backing_vanished(const struct pool *p, struct error *e, const char *fmt, ...) _printf_(3, 4);
int backing_too_coarse(int fd, const struct backing_job *job, struct error *e);
void backing_print(sd_json_variant *v);

/* loop.c */
int loop_attach(int file, uint32_t sector_size, struct error *e);
int loop_resize(uint32_t minor, struct error *e);

#endif
