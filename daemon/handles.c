// SPDX-License-Identifier: GPL-2.0
/* Integers for the kernel, kept in the store. */

#include "handles.h"

/**
 * handles_find - the handle of a key
 * @h: the handles
 * @key: the key
 *
 * Context: any.
 * Return: the handle, 0 if the key has none.
 */
uint32_t handles_find(const struct handles *h, const char *key)
{
	return (uintptr_t)map_get(&h->by_key, key);
}

static bool number_taken(const struct handles *h, uint32_t handle)
{
	for (size_t i = 0; i < h->by_key.cap; i++) {
		uint32_t other = (uintptr_t)h->by_key.slots[i].value;

		if (h->by_key.slots[i].key && other % HANDLE_NUMBERS == handle % HANDLE_NUMBERS)
			return true;
	}
	return false;
}

/* Once there have been more handles than numbers, those go that are in use */
static uint32_t next_handle(struct handles *h)
{
	uint32_t tries = 0;

	do
		h->last++;
	while (h->last > HANDLE_NUMBERS && ++tries < HANDLE_NUMBERS && number_taken(h, h->last));
	return h->last;
}

/**
 * handles_get - the handle of a key, a new one if it has none
 * @h: the handles
 * @key: the key
 *
 * Context: any; a new one is written by the next handles_flush().
 * Return: the handle, never 0.
 */
uint32_t handles_get(struct handles *h, const char *key)
{
	uint32_t handle = handles_find(h, key);

	if (handle)
		return handle;
	handle = next_handle(h);
	map_put(&h->by_key, key, (void *)(uintptr_t)handle);
	strings_add(&h->added, key);
	return handle;
}

/**
 * handles_load - take a handle over from the store
 * @h: the handles
 * @key: its key
 * @handle: the handle
 *
 * Context: at start.
 */
void handles_load(struct handles *h, const char *key, uint32_t handle)
{
	map_put(&h->by_key, key, (void *)(uintptr_t)handle);
	if (handle > h->last)
		h->last = handle;
}

/**
 * handles_restore - take back that a key was dropped
 * @h: the handles
 * @key: its key
 * @handle: the handle it had
 *
 * Context: any; written by the next handles_flush().
 */
void handles_restore(struct handles *h, const char *key, uint32_t handle)
{
	map_put(&h->by_key, key, (void *)(uintptr_t)handle);
	strings_add(&h->added, key);
}

/**
 * handles_drop - forget a key
 * @h: the handles
 * @key: the key
 *
 * Context: any; written by the next handles_flush().
 */
void handles_drop(struct handles *h, const char *key)
{
	if (map_del(&h->by_key, key))
		strings_add(&h->dropped, key);
}

/**
 * handles_sweep - forget the keys of a kind that are not used any more
 * @h: the handles
 * @prefix: what the keys begin with
 * @used: the keys that are used
 *
 * Context: any; written by the next handles_flush().
 */
void handles_sweep(struct handles *h, const char *prefix, const struct map *used)
{
	_cleanup_strings_ struct strings gone = {};

	for (size_t i = 0; i < h->by_key.cap; i++) {
		const char *key = h->by_key.slots[i].key;

		if (key && startswith(key, prefix) && !map_get(used, key))
			strings_add(&gone, key);
	}
	for (size_t i = 0; i < gone.n; i++)
		handles_drop(h, gone.v[i]);
}

/**
 * handles_flush - write what was added and dropped
 * @h: the handles
 * @s: the store, in a transaction
 * @e: says why not; what was not written is written next time
 *
 * Context: event loop.
 * Return: 0 or a negative errno.
 */
int handles_flush(struct handles *h, struct store *s, struct error *e)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < h->dropped.n; i++)
		r = store_delete_handle(s, h->dropped.v[i], e);
	for (size_t i = 0; r >= 0 && i < h->added.n; i++) {
		uint32_t handle = handles_find(h, h->added.v[i]);

		if (handle)
			r = store_put_handle(s, h->added.v[i], handle, e);
	}
	if (r < 0)
		return r;
	strings_free(&h->dropped);
	strings_free(&h->added);
	return 0;
}

/**
 * handles_free - release everything
 * @h: the handles
 *
 * Context: any.
 */
void handles_free(struct handles *h)
{
	map_free(&h->by_key);
	strings_free(&h->added);
	strings_free(&h->dropped);
}
