/* SPDX-License-Identifier: GPL-2.0 */
/* Unit tests of nitroctl: cases register themselves, unit.c prints KTAP. */
#ifndef _NITRO_TEST_UNIT_H
#define _NITRO_TEST_UNIT_H

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "../macros.h"

struct unit_case {
	const char *name;
	void (*run)(void);
	struct unit_case *next;
};

void unit_register(struct unit_case *test);
void unit_fail(const char *file, int line, const char *format, ...)
	_printf_(3, 4);

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
			unit_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

/* Compares as text and says both where they differ. */
#define EXPECT_TEXT(got, wanted) \
	unit_expect_text(__FILE__, __LINE__, got, wanted)

void unit_expect_text(const char *file, int line, const char *got,
		      const char *wanted);
void unit_expect_json(const char *file, int line, sd_json_variant *got,
		      const char *wanted);

#define EXPECT_JSON(got, wanted) \
	unit_expect_json(__FILE__, __LINE__, got, wanted)

char *unit_capture(int (*run)(void *data), void *data, int fd, int *ret);

#endif
