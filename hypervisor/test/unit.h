/* SPDX-License-Identifier: GPL-2.0 */
/* Unit tests of nitro-hypervisor: cases register themselves, unit.c prints KTAP. */
#ifndef NITRO_HYPERVISOR_TEST_UNIT_H
#define NITRO_HYPERVISOR_TEST_UNIT_H

#include <stdbool.h>

struct unit_case {
	const char *name;
	void (*run)(void);
	struct unit_case *next;
};

void unit_register(struct unit_case *test);
void unit_fail(const char *file, int line, const char *what);

#define UNIT(id) \
	static void id(void); \
	static struct unit_case case_##id = { .name = #id, .run = id }; \
	__attribute__((constructor)) static void register_##id(void) \
	{ \
		unit_register(&case_##id); \
	} \
	static void id(void)

#define EXPECT(condition) \
	do { \
		if (!(condition)) \
			unit_fail(__FILE__, __LINE__, #condition); \
	} while (0)

#endif
