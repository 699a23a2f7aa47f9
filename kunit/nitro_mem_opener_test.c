// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/module.h>

#include "mem/opener.h"

/* Addresses tell them apart, nobody looks behind */
#define NOBODY	((struct mm_struct *)0x1000)
#define ONE	((struct mm_struct *)0x2000)
#define TWO	((struct mm_struct *)0x3000)
#define THREE	((struct mm_struct *)0x4000)

static void test_one(struct kunit *test)
{
	struct nitro_mem_openers openers = { .max = 1 };

	KUNIT_EXPECT_FALSE(test, nitro_mem_opener_all(&openers));
	KUNIT_EXPECT_EQ(test, -EPERM, nitro_mem_opener_may_map(&openers, ONE, false));
	KUNIT_EXPECT_EQ(test, 0, nitro_mem_opener_add(&openers, ONE));
	KUNIT_EXPECT_TRUE(test, nitro_mem_opener_all(&openers));
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_opener_add(&openers, ONE));
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_opener_add(&openers, TWO));
	KUNIT_EXPECT_EQ(test, -EPERM, nitro_mem_opener_may_map(&openers, TWO, false));
	KUNIT_EXPECT_EQ(test, 0, nitro_mem_opener_may_map(&openers, ONE, false));
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_opener_may_map(&openers, ONE, true));
	KUNIT_EXPECT_EQ(test, -EPERM, nitro_mem_opener_may_map(&openers, TWO, true));
}

/* The first one has nothing before the second one is there, and nobody comes then */
static void test_two(struct kunit *test)
{
	struct nitro_mem_openers openers = { .max = 2 };

	KUNIT_EXPECT_EQ(test, 0, nitro_mem_opener_add(&openers, ONE));
	KUNIT_EXPECT_FALSE(test, nitro_mem_opener_all(&openers));
	KUNIT_EXPECT_EQ(test, -EAGAIN, nitro_mem_opener_may_map(&openers, ONE, false));
	KUNIT_EXPECT_EQ(test, -EPERM, nitro_mem_opener_may_map(&openers, TWO, false));
	/* It does not count twice */
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_opener_add(&openers, ONE));
	KUNIT_EXPECT_FALSE(test, nitro_mem_opener_all(&openers));
	KUNIT_EXPECT_EQ(test, 0, nitro_mem_opener_add(&openers, TWO));
	KUNIT_EXPECT_TRUE(test, nitro_mem_opener_all(&openers));
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_opener_add(&openers, THREE));
	KUNIT_EXPECT_EQ(test, -EBUSY, nitro_mem_opener_add(&openers, TWO));
	KUNIT_EXPECT_EQ(test, 2, openers.n);
}

static void test_two_map(struct kunit *test)
{
	struct nitro_mem_openers openers = { .max = 2 };
	int mapped;

	KUNIT_ASSERT_EQ(test, 0, nitro_mem_opener_add(&openers, ONE));
	KUNIT_ASSERT_EQ(test, 0, nitro_mem_opener_add(&openers, TWO));
	for (mapped = 0; mapped < 2; mapped++) {
		KUNIT_EXPECT_EQ(test, 0, nitro_mem_opener_may_map(&openers, ONE, mapped));
		KUNIT_EXPECT_EQ(test, 0, nitro_mem_opener_may_map(&openers, TWO, mapped));
		KUNIT_EXPECT_EQ(test, -EPERM,
				nitro_mem_opener_may_map(&openers, THREE, mapped));
		KUNIT_EXPECT_EQ(test, -EPERM,
				nitro_mem_opener_may_map(&openers, NULL, mapped));
	}
}

/* What is not filled is nobody */
static void test_nobody(struct kunit *test)
{
	struct nitro_mem_openers openers = {
		.max = 2,
		.mms = { NOBODY, NOBODY },
	};

	KUNIT_EXPECT_FALSE(test, nitro_mem_opener_is(&openers, NOBODY));
	KUNIT_EXPECT_EQ(test, -EPERM, nitro_mem_opener_may_map(&openers, NOBODY, false));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_one),
	KUNIT_CASE(test_two),
	KUNIT_CASE(test_two_map),
	KUNIT_CASE(test_nobody),
	{}
};

static struct kunit_suite suite = {
	.name = "nitro_mem_opener",
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("Unit tests of nitro_mem: who opens a guest's memory");
MODULE_LICENSE("GPL");
NITRO_IMPORT_NS_KUNIT;
