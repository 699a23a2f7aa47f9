// SPDX-License-Identifier: GPL-2.0
/* Allocation, text, maps, errors. */

#include <stdio.h>

#include "base.h"

/**
 * xcalloc - zeroed memory, or the end of the process
 * @n: number of elements
 * @size: size of one
 *
 * Context: any.
 * Return: the memory, never NULL.
 */
void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		abort();
	return p;
}

/**
 * xrealloc - resize an array, or end the process
 * @p: the array, may be NULL
 * @n: number of elements
 * @size: size of one
 *
 * Context: any.
 * Return: the memory, never NULL.
 */
void *xrealloc(void *p, size_t n, size_t size)
{
	p = reallocarray(p, n ? n : 1, size ? size : 1);
	if (!p)
		abort();
	return p;
}

/**
 * xstrdup - copy a string
 * @s: the string, may be NULL
 *
 * Context: any.
 * Return: the copy, NULL only for NULL.
 */
char *xstrdup(const char *s)
{
	return s ? xstrndup(s, strlen(s)) : NULL;
}

/**
 * xstrndup - copy the first bytes of a string
 * @s: the string
 * @n: how many bytes
 *
 * Context: any.
 * Return: the copy, zero-terminated.
 */
char *xstrndup(const char *s, size_t n)
{
	char *p = xcalloc(n + 1, 1);

	memcpy(p, s, n);
	return p;
}

/**
 * xprintf - a formatted string in memory of its own
 * @fmt: printf format
 *
 * Context: any.
 * Return: the string, never NULL.
 */
char *xprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		abort();
	va_end(ap);
	return p;
}

/**
 * grow - make room for one more element
 * @array: the array
 * @n: elements in use
 * @cap: elements there is room for, updated
 * @size: size of one
 *
 * Context: any.
 * Return: the array, maybe moved.
 */
void *grow(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 8;
	return xrealloc(array, *cap, size);
}

static inline uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1]; v[1] = rotl(v[1], 13); v[1] ^= v[0]; v[0] = rotl(v[0], 32);
	v[2] += v[3]; v[3] = rotl(v[3], 16); v[3] ^= v[2];
	v[0] += v[3]; v[3] = rotl(v[3], 21); v[3] ^= v[0];
	v[2] += v[1]; v[1] = rotl(v[1], 17); v[1] ^= v[2]; v[2] = rotl(v[2], 32);
}

/**
 * siphash24 - SipHash-2-4 of a buffer
 * @data: the bytes
 * @len: how many
 * @k0: first half of the key
 * @k1: second half of the key
 *
 * Context: any.
 * Return: the same value on every machine.
 */
uint64_t siphash24(const void *data, size_t len, uint64_t k0, uint64_t k1)
{
	uint64_t v[4] = {
		k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
		k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL,
	};
	const uint8_t *p = data;
	uint64_t b = (uint64_t)len << 56;
	uint64_t w;
	size_t i;

	for (; len >= 8; len -= 8, p += 8) {
		w = 0;
		for (i = 0; i < 8; i++)
			w |= (uint64_t)p[i] << (8 * i);
		v[3] ^= w;
		sip_round(v);
		sip_round(v);
		v[0] ^= w;
	}
	for (i = 0; i < len; i++)
		b |= (uint64_t)p[i] << (8 * i);
	v[3] ^= b;
	sip_round(v);
	sip_round(v);
	v[0] ^= b;
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void text_addv(struct text *t, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		abort();
	if (t->n + len + 1 > t->cap) {
		t->cap = (t->n + len + 1) * 2;
		t->s = xrealloc(t->s, t->cap, 1);
	}
	vsnprintf(t->s + t->n, len + 1, fmt, ap);
	t->n += len;
}

/**
 * text_add - append to a growing text
 * @t: the text
 * @fmt: printf format
 *
 * Context: any.
 */
void text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_addv(t, fmt, ap);
	va_end(ap);
}

/**
 * text_free - release a text
 * @t: the text
 *
 * Context: any.
 */
void text_free(struct text *t)
{
	free(t->s);
	*t = (struct text){};
}

/**
 * strings_add - append a copy of a string
 * @l: the list
 * @s: the string
 *
 * Context: any.
 */
void strings_add(struct strings *l, const char *s)
{
	GROW(l->v, l->n, l->cap);
	l->v[l->n++] = xstrdup(s);
}

/**
 * strings_copy - make one list equal to another
 * @to: the list that is replaced
 * @from: the list that is copied
 *
 * Context: any.
 */
void strings_copy(struct strings *to, const struct strings *from)
{
	strings_free(to);
	for (size_t i = 0; i < from->n; i++)
		strings_add(to, from->v[i]);
}

/**
 * strings_has - is a string in the list?
 * @l: the list
 * @s: the string
 *
 * Context: any.
 * Return: true if it is.
 */
bool strings_has(const struct strings *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (streq(l->v[i], s))
			return true;
	return false;
}

/**
 * strings_free - empty a list
 * @l: the list
 *
 * Context: any.
 */
void strings_free(struct strings *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strings){};
}

/* The keys come from users: a fixed key is enough because the number of
 * objects is bounded by what the same privileged users may create.
 */
static uint64_t map_hash(const char *key)
{
	return siphash24(key, strlen(key), 0x6e6974726f2d6d61ULL, 0x702d6b6579732d31ULL);
}

static struct map_slot *map_find(const struct map *m, const char *key, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->slots[i].key &&
	       (m->slots[i].hash != hash || strcmp(m->slots[i].key, key)))
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

/**
 * map_get - look a key up
 * @m: the map
 * @key: the key
 *
 * Context: any.
 * Return: its value, NULL if there is none.
 */
void *map_get(const struct map *m, const char *key)
{
	return m->n ? map_find(m, key, map_hash(key))->value : NULL;
}

/**
 * map_put - add or replace a key
 * @m: the map
 * @key: the key, copied
 * @value: the value, not NULL
 *
 * Context: any.
 */
void map_put(struct map *m, const char *key, void *value)
{
	uint64_t hash = map_hash(key);
	struct map_slot *s;

	if (m->n * 2 >= m->cap) {
		struct map old = *m;

		m->cap = old.cap ? old.cap * 2 : 16;
		m->slots = xcalloc(m->cap, sizeof(*m->slots));
		for (size_t i = 0; i < old.cap; i++)
			if (old.slots[i].key)
				*map_find(m, old.slots[i].key, old.slots[i].hash) =
					old.slots[i];
		free(old.slots);
	}
	s = map_find(m, key, hash);
	if (!s->key) {
		s->key = xstrdup(key);
		s->hash = hash;
		m->n++;
	}
	s->value = value;
}

/**
 * map_del - remove a key
 * @m: the map
 * @key: the key
 *
 * Context: any.
 * Return: the value it had, NULL if it was not there.
 */
void *map_del(struct map *m, const char *key)
{
	size_t i, j, home;
	void *value;

	if (!m->n)
		return NULL;
	i = map_find(m, key, map_hash(key)) - m->slots;
	if (!m->slots[i].key)
		return NULL;
	value = m->slots[i].value;
	free(m->slots[i].key);
	m->n--;
	/* close the gap so that probing needs no tombstones */
	for (j = (i + 1) & (m->cap - 1); m->slots[j].key; j = (j + 1) & (m->cap - 1)) {
		home = m->slots[j].hash & (m->cap - 1);
		if (((j - home) & (m->cap - 1)) >= ((j - i) & (m->cap - 1))) {
			m->slots[i] = m->slots[j];
			i = j;
		}
	}
	m->slots[i] = (struct map_slot){};
	return value;
}

/**
 * map_free - empty a map
 * @m: the map; its values are not touched
 *
 * Context: any.
 */
void map_free(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		free(m->slots[i].key);
	free(m->slots);
	*m = (struct map){};
}

static int error_errno(enum error_code code)
{
	switch (code) {
	case ERR_NONE:
		return 0;
	case ERR_NOT_FOUND:
		return -ENOENT;
	case ERR_INVALID:
		return -EINVAL;
	case ERR_IN_USE:
		return -EBUSY;
	case ERR_EXISTS:
		return -EEXIST;
	case ERR_AMBIGUOUS:
		return -ENOTUNIQ;
	case ERR_FAILED:
		return -EIO;
	}
	return -EIO;
}

/**
 * fail - say why a command fails
 * @e: the error; an earlier one is kept, because it is the cause
 * @code: class of the failure
 * @fmt: printf format of the sentence
 *
 * Context: any.
 * Return: a negative errno that fits the class.
 */
int fail(struct error *e, enum error_code code, const char *fmt, ...)
{
	va_list ap;

	if (e->code)
		return error_errno(e->code);
	e->code = code;
	va_start(ap, fmt);
	if (vasprintf(&e->message, fmt, ap) < 0)
		abort();
	va_end(ap);
	return error_errno(code);
}

/**
 * fail_at - say that a value is invalid, and where it stands
 * @e: the error
 * @path: JSON pointer of the value within the object, or NULL
 * @fmt: printf format of the sentence
 *
 * Context: any.
 * Return: -EINVAL.
 */
int fail_at(struct error *e, const char *path, const char *fmt, ...)
{
	va_list ap;

	if (e->code)
		return error_errno(e->code);
	e->code = ERR_INVALID;
	e->path = xstrdup(path);
	va_start(ap, fmt);
	if (vasprintf(&e->message, fmt, ap) < 0)
		abort();
	va_end(ap);
	return -EINVAL;
}

/**
 * error_prefix - put a place in front of the error's path
 * @e: the error
 * @fmt: printf format of the JSON pointer
 *
 * Context: any.
 */
void error_prefix(struct error *e, const char *fmt, ...)
{
	_cleanup_free_ char *old = e->path;
	_cleanup_free_ char *prefix = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&prefix, fmt, ap) < 0)
		abort();
	va_end(ap);
	e->path = xprintf("%s%s", prefix, old ? old : "");
}

/**
 * error_clear - forget an error
 * @e: the error
 *
 * Context: any.
 */
void error_clear(struct error *e)
{
	free(e->message);
	free(e->path);
	free(e->kind);
	free(e->name);
	strings_free(&e->users);
	*e = (struct error){};
}

/**
 * parse_uint - read a whole decimal number
 * @s: the text: digits only
 * @min: smallest value taken
 * @max: largest value taken
 * @ret: where the number goes
 *
 * Context: any.
 * Return: 0, -EINVAL if it is no number, -ERANGE if it is out of range.
 */
int parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}
