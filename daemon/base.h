/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ground floor of nitrod: allocation that cannot fail, scoped cleanup,
 * the error a command ends with, a string map and a stable hash.
 *
 * Memory: nitrod commits before it acknowledges and starts again from the
 * store, so running out of memory ends the process and the unit restarts it.
 */
#ifndef _NITRO_BASE_H
#define _NITRO_BASE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-json.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))

static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#define _cleanup_free_ _cleanup_(free_ptr)
#define _cleanup_close_ _cleanup_(close_fd)
#define _cleanup_json_ _cleanup_(sd_json_variant_unrefp)

static inline bool streq(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static inline bool startswith(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xprintf(const char *fmt, ...) _printf_(1, 2);
void *grow(void *array, size_t n, size_t *cap, size_t size);

/* Make room for one more element of a counted array. */
#define GROW(array, n, cap) \
	((array) = grow((array), (n), &(cap), sizeof(*(array))))

uint64_t siphash24(const void *data, size_t len, uint64_t k0, uint64_t k1);

/* A growing text */
struct text {
	char *s;
	size_t n, cap;
};

void text_add(struct text *t, const char *fmt, ...) _printf_(2, 3);
void text_free(struct text *t);

#define _cleanup_text_ _cleanup_(text_free)

/* A list of owned strings */
struct strings {
	char **v;
	size_t n, cap;
};

void strings_add(struct strings *l, const char *s);
void strings_copy(struct strings *to, const struct strings *from);
bool strings_has(const struct strings *l, const char *s);
void strings_free(struct strings *l);

#define _cleanup_strings_ _cleanup_(strings_free)

/* String -> pointer; keys are copied, values are not owned */
struct map_slot {
	char *key;
	void *value;
	uint64_t hash;
};

struct map {
	struct map_slot *slots;
	size_t n, cap;
};

void *map_get(const struct map *m, const char *key);
void map_put(struct map *m, const char *key, void *value);
void *map_del(struct map *m, const char *key);
void map_free(struct map *m);

/* How a command fails; the names are those of the Varlink errors */
enum error_code {
	ERR_NONE,
	ERR_NOT_FOUND,
	ERR_INVALID,
	ERR_IN_USE,
	ERR_EXISTS,
	ERR_FAILED,
	ERR_AMBIGUOUS,
};

/**
 * struct error - the reason a command is refused
 * @code: class of the failure
 * @message: one sentence for the user
 * @path: JSON pointer below the object or stack that is at fault, or NULL
 * @kind: kind of the object that was not found, or NULL
 * @name: name of the object that was not found, or NULL
 * @line: line of the stack file, 0 when unknown
 * @users: objects that keep the named one in use
 */
struct error {
	enum error_code code;
	char *message;
	char *path;
	char *kind;
	char *name;
	unsigned int line;
	struct strings users;
};

int fail(struct error *e, enum error_code code, const char *fmt, ...) _printf_(3, 4);
int fail_at(struct error *e, const char *path, const char *fmt, ...) _printf_(3, 4);
void error_prefix(struct error *e, const char *fmt, ...) _printf_(2, 3);
void error_clear(struct error *e);

#define _cleanup_error_ _cleanup_(error_clear)

/* Strict number parsing: the whole text, decimal, within [min, max] */
int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret);

#endif
