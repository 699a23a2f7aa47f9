/* SPDX-License-Identifier: GPL-2.0 */
/* nitro-exporter: what nitrod knows and the kernel counts, as OpenMetrics. */
#ifndef _NITRO_EXPORTER_H
#define _NITRO_EXPORTER_H

#include "base.h"

/**
 * struct metric - a metric family
 * @name: without the suffix that its type asks for
 * @type: counter, gauge, info or summary
 * @help: one sentence
 * @samples: its lines
 */
struct metric {
	char *name;
	const char *type;
	const char *help;
	struct text samples;
};

/**
 * struct metrics - families in the order in which they came up
 * @v: the families
 * @n: how many
 * @cap: room in @v
 * @by_name: the same by name
 */
struct metrics {
	struct metric **v;
	size_t n, cap;
	struct map by_name;
};

struct metric *metrics_family(struct metrics *m, const char *name, const char *type,
			      const char *help);
void metric_uint(struct metric *m, const char *suffix, const char *labels, uint64_t value);
void metric_usec(struct metric *m, const char *suffix, const char *labels, uint64_t usec);
void metrics_text(const struct metrics *m, struct text *t);
void metrics_free(struct metrics *m);
void label_add(struct text *labels, const char *key, const char *value);

/* collect.c */
void collect(const char *socket, struct metrics *m);

#endif
