// SPDX-License-Identifier: GPL-2.0
/* Which instance is carried by what. */

#include "carrier.h"

static const struct carrier *const carriers[] = { &carrier_vm };

/**
 * carrier_of - what carries an instance
 * @o: the instance
 *
 * Context: any.
 * Return: the carrier.
 */
const struct carrier *carrier_of(const struct object *o)
{
	(void)o;
	return carriers[0];
}

/**
 * carrier_next - go through all of them
 * @c: one of them, NULL before the first
 *
 * Context: any.
 * Return: the next, NULL behind the last.
 */
const struct carrier *carrier_next(const struct carrier *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(carriers); i++)
		if (!c || (i && carriers[i - 1] == c))
			return carriers[i];
	return NULL;
}
