// SPDX-License-Identifier: GPL-2.0
/*
 * Reset and off: the keyboard controller's reset line, which "reboot=k" pulls and which
 * is all there is of a keyboard; ACPI's reset and sleep registers. There is no second
 * life: whoever wants a reset ends, and who has started it starts another one.
 */

#include <stddef.h>

#include "layout.h"
#include "power.h"

#define KEYBOARD_PULSE_RESET 0xfe
#define SLEEP_ENABLE (1 << 5)
#define SLEEP_TYPE(value) ((value) >> 2 & 7)

/**
 * power_read - the guest reads a port
 * @power: how it ends itself
 * @port: which
 * @ret: what it reads
 *
 * Return: false if there is nothing at the port.
 */
bool power_read(const struct power *power, uint16_t port, uint8_t *ret)
{
	(void)power;
	switch (port) {
	case KEYBOARD_DATA_PORT:
	case KEYBOARD_PORT:		/* nothing to read, ready for a command */
	case SLEEP_CONTROL_PORT:
	case SLEEP_STATUS_PORT:
	case RESET_PORT:
		*ret = 0;
		return true;
	default:
		return false;
	}
}

/* Return: why the guest ends, NULL if it does not */
static const char *reason(uint16_t port, uint8_t value)
{
	if (port == KEYBOARD_PORT && value == KEYBOARD_PULSE_RESET)
		return "reset";
	if (port == RESET_PORT && value == RESET_VALUE)
		return "reset";
	if (port == SLEEP_CONTROL_PORT && value & SLEEP_ENABLE &&
	    SLEEP_TYPE(value) == SLEEP_TYPE_OFF)
		return "off";
	return NULL;
}

/**
 * power_write - the guest writes a port
 * @power: how it ends itself
 * @port: which
 * @value: what it writes
 *
 * Return: false if there is nothing at the port.
 */
bool power_write(const struct power *power, uint16_t port, uint8_t value)
{
	const char *why = reason(port, value);
	uint8_t unused;

	if (why && power->ended)
		power->ended(why);
	else if (why)
		events_end(power->events, END_WISHED, why);
	return power_read(power, port, &unused);
}
