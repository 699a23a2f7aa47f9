// SPDX-License-Identifier: GPL-2.0
/* The table of ENIs by number. */

#include "eni.h"

/**
 * enis_slot - the slot of a number
 * @t: the table
 * @service: the number
 *
 * Context: any.
 * Return: the slot, valid until the next call; NULL if it is no number.
 */
struct eni_slot *enis_slot(struct enis *t, uint32_t service)
{
	if (!service || service > SERVICE_MAX)
		return NULL;
	if (service >= t->n) {
		size_t n = service + service / 2 + 64;

		t->slots = xrealloc(t->slots, n, sizeof(*t->slots));
		memset(&t->slots[t->n], 0, (n - t->n) * sizeof(*t->slots));
		t->n = n;
	}
	return &t->slots[service];
}

/**
 * enis_put - take an ENI in, in place of what has its number
 * @t: the table
 * @eni: the ENI, belongs to the table now
 *
 * Context: any.
 */
void enis_put(struct enis *t, struct eni *eni)
{
	struct eni_slot *slot = enis_slot(t, eni->service);

	if (!slot->eni)
		t->count++;
	eni_free(slot->eni);
	slot->eni = eni;
}

/**
 * enis_remove - forget an ENI
 * @t: the table
 * @service: its number; may be unknown
 *
 * Context: any.
 */
void enis_remove(struct enis *t, uint32_t service)
{
	if (service >= t->n || !t->slots[service].eni)
		return;
	t->slots[service].eni = eni_free(t->slots[service].eni);
	t->count--;
}

/**
 * enis_get - the ENI with a number
 * @t: the table
 * @service: the number
 *
 * Context: any.
 * Return: the ENI (borrowed) or NULL.
 */
struct eni *enis_get(const struct enis *t, uint32_t service)
{
	return service < t->n ? t->slots[service].eni : NULL;
}

/**
 * enis_next - walk through the ENIs
 * @t: the table
 * @at: 0 at first
 *
 * Context: any.
 * Return: the next ENI (borrowed), NULL at the end.
 */
struct eni *enis_next(const struct enis *t, uint32_t *at)
{
	while (*at < t->n)
		if (t->slots[(*at)++].eni)
			return t->slots[*at - 1].eni;
	return NULL;
}

/**
 * enis_free - release a table
 * @t: the table
 *
 * Context: any.
 */
void enis_free(struct enis *t)
{
	for (size_t i = 0; i < t->n; i++)
		eni_free(t->slots[i].eni);
	free(t->slots);
	*t = (struct enis){};
}
