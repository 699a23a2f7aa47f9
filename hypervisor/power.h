/* SPDX-License-Identifier: GPL-2.0 */
#ifndef NITRO_HYPERVISOR_POWER_H
#define NITRO_HYPERVISOR_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "events.h"

/**
 * struct power - how the guest ends itself
 * @events: who is told
 * @ended: for tests, called instead of ending the process; NULL
 */
struct power {
	const struct events *events;
	void (*ended)(const char *why);
};

bool power_read(const struct power *power, uint16_t port, uint8_t *ret);
bool power_write(const struct power *power, uint16_t port, uint8_t value);

#endif
