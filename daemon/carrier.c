// SPDX-License-Identifier: GPL-2.0
/* Which instance is carried by what. */

#include "carrier.h"

static const struct carrier *const carriers[INSTANCE_KINDS] = {
	[INSTANCE_VM] = &carrier_vm, [INSTANCE_METAL] = &carrier_metal,
	[INSTANCE_HOST] = &carrier_host, [INSTANCE_ENCLAVE] = &carrier_enclave,
};

/**
 * carrier_of_kind - what carries instances of a kind
 * @kind: the kind
 *
 * Context: any.
 * Return: the carrier.
 */
const struct carrier *carrier_of_kind(enum instance_kind kind)
{
	return carriers[kind];
}

/**
 * carrier_of - what carries an instance
 * @o: the instance
 *
 * Context: any.
 * Return: the carrier.
 */
const struct carrier *carrier_of(const struct object *o)
{
	return carriers[INSTANCE(o)->kind];
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
