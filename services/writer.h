/* SPDX-License-Identifier: GPL-2.0 */
/* A message being written into a buffer; what does not fit marks it as full. */
#ifndef _NITRO_WRITER_H
#define _NITRO_WRITER_H

#include "base.h"

struct writer {
	uint8_t *p;
	size_t n, size;
	bool full;
};

void put(struct writer *w, const void *data, size_t n);
void put8(struct writer *w, uint8_t v);
void put16(struct writer *w, uint16_t v);
void put32(struct writer *w, uint32_t v);

static inline uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

#endif
