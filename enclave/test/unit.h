/* SPDX-License-Identifier: GPL-2.0 */
/* Unit tests of enclave/: cases register themselves, unit.c prints KTAP. */
#ifndef _NITRO_ENCLAVE_TEST_UNIT_H
#define _NITRO_ENCLAVE_TEST_UNIT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "why.h"

struct unit_case {
	const char *name;
	void (*run)(void);
	struct unit_case *next;
};

void unit_register(struct unit_case *test);
void unit_fail(const char *file, int line, const char *what, const char *got);

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
			unit_fail(__FILE__, __LINE__, #condition, NULL); \
	} while (0)

#define EXPECT_TEXT(got, wanted) \
	do { \
		if (strcmp(got, wanted)) \
			unit_fail(__FILE__, __LINE__, wanted, got); \
	} while (0)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
