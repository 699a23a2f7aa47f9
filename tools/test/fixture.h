/* SPDX-License-Identifier: GPL-2.0 */
/* What many unit tests of nitroctl need. */
#ifndef _NITROCTL_TEST_FIXTURE_H
#define _NITROCTL_TEST_FIXTURE_H

#include <stdbool.h>
#include <systemd/sd-json.h>

#include "../macros.h"
#include "unit.h"

void unit_expect_json(const char *file, int line, sd_json_variant *got, const char *wanted);

#define EXPECT_JSON(got, wanted) \
	unit_expect_json(__FILE__, __LINE__, got, wanted)

char *unit_capture(int (*run)(void *data), void *data, int fd, int *ret);

#endif
