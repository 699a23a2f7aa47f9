/* SPDX-License-Identifier: GPL-2.0 */
/* Unit tests of programs: cases register themselves, unit-main.c runs them and prints KTAP. */
#ifndef _NITRO_TEST_UNIT_H
#define _NITRO_TEST_UNIT_H

struct unit_case {
	const char *name;
	void (*run)(void);
	struct unit_case *next;
};

void unit_register(struct unit_case *test);
void unit_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void unit_expect_text(const char *file, int line, const char *got, const char *wanted);
void unit_expect_number(const char *file, int line, long long got, long long wanted);

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

/* Either may be NULL; what differs is said */
#define EXPECT_TEXT(got, wanted) unit_expect_text(__FILE__, __LINE__, got, wanted)
#define EXPECT_NUMBER(got, wanted) unit_expect_number(__FILE__, __LINE__, got, wanted)

#endif
