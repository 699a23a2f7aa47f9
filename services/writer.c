// SPDX-License-Identifier: GPL-2.0
/* Writing messages, in network byte order. */

#include "writer.h"

/**
 * put - append bytes
 * @w: the message
 * @data: the bytes, may be NULL if there are none
 * @n: how many
 *
 * Context: any.
 */
void put(struct writer *w, const void *data, size_t n)
{
	if (w->full || n > w->size - w->n) {
		w->full = true;
		return;
	}
	if (n)
		memcpy(w->p + w->n, data, n);
	w->n += n;
}

/**
 * put8 - append a number of 8 bits
 * @w: the message
 * @v: the number
 *
 * Context: any.
 */
void put8(struct writer *w, uint8_t v)
{
	put(w, &v, 1);
}

/**
 * put16 - append a number of 16 bits
 * @w: the message
 * @v: the number
 *
 * Context: any.
 */
void put16(struct writer *w, uint16_t v)
{
	put(w, (uint8_t[]){ v >> 8, v }, 2);
}

/**
 * put32 - append a number of 32 bits
 * @w: the message
 * @v: the number
 *
 * Context: any.
 */
void put32(struct writer *w, uint32_t v)
{
	put(w, (uint8_t[]){ v >> 24, v >> 16, v >> 8, v }, 4);
}
