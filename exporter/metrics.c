// SPDX-License-Identifier: GPL-2.0
/*
 * The text format of OpenMetrics 1.0. All samples of a family have to be together,
 * so they are kept until everything has been collected.
 */

#include <ctype.h>

#include "exporter.h"

/**
 * metrics_family - the family with a name, made if there is none yet
 * @m: where
 * @name: its name; what a name may not have becomes an underscore
 * @type: its type
 * @help: what it says
 *
 * Return: the family, until metrics_free().
 */
struct metric *metrics_family(struct metrics *m, const char *name, const char *type,
			      const char *help)
{
	struct metric *f = map_get(&m->by_name, name);

	if (f)
		return f;
	f = xcalloc(1, sizeof(*f));
	f->name = xstrdup(name);
	for (char *c = f->name; *c; c++)
		if (!isascii(*c) || (!isalnum(*c) && *c != '_'))
			*c = '_';
	f->type = type;
	f->help = help;
	GROW(m->v, m->n, m->cap);
	m->v[m->n++] = f;
	map_put(&m->by_name, name, f);
	return f;
}

/**
 * label_add - one more label
 * @labels: text of the labels so far
 * @key: name of the label
 * @value: its value, any text; nothing is added if it is NULL
 */
void label_add(struct text *labels, const char *key, const char *value)
{
	if (!value)
		return;
	text_add(labels, "%s%s=\"", labels->n ? "," : "", key);
	for (; *value; value++) {
		if (*value == '\n')
			text_add(labels, "\\n");
		else
			text_add(labels, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	}
	text_add(labels, "\"");
}

static void sample(struct metric *m, const char *suffix, const char *labels)
{
	if (labels && *labels)
		text_add(&m->samples, "%s%s{%s} ", m->name, suffix, labels);
	else
		text_add(&m->samples, "%s%s ", m->name, suffix);
}

/**
 * metric_uint - add a sample
 * @m: its family
 * @suffix: what the type has behind the name: "_total" of a counter, "_info" of an info
 * @labels: made by label_add(), or NULL
 * @value: the value
 */
void metric_uint(struct metric *m, const char *suffix, const char *labels, uint64_t value)
{
	sample(m, suffix, labels);
	text_add(&m->samples, "%llu\n", (unsigned long long)value);
}

/**
 * metric_usec - add a sample in seconds
 * @m: its family
 * @suffix: as with metric_uint()
 * @labels: made by label_add(), or NULL
 * @usec: microseconds
 */
void metric_usec(struct metric *m, const char *suffix, const char *labels, uint64_t usec)
{
	sample(m, suffix, labels);
	text_add(&m->samples, "%llu.%06llu\n", (unsigned long long)usec / 1000000,
		 (unsigned long long)usec % 1000000);
}

/**
 * metrics_text - everything as OpenMetrics has it
 * @m: the families
 * @t: receives the text
 */
void metrics_text(const struct metrics *m, struct text *t)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct metric *f = m->v[i];

		if (!f->samples.n)
			continue;
		text_add(t, "# TYPE %s %s\n# HELP %s %s\n", f->name, f->type, f->name, f->help);
		text_add(t, "%s", f->samples.s);
	}
	text_add(t, "# EOF\n");
}

/**
 * metrics_free - forget all families
 * @m: them
 */
void metrics_free(struct metrics *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i]->name);
		text_free(&m->v[i]->samples);
		free(m->v[i]);
	}
	free(m->v);
	map_free(&m->by_name);
	*m = (struct metrics){};
}
